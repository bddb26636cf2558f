"""By which ways a patient can be reached, in the order to try them: numbers, addresses, proxies, the portal."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.pool import Db
from server.people.channel_order import Channel
from server.people.consent import Topic

Blocked = Literal["opted_out", "cannot_text", "cannot_call"]
PORTAL = "portal"  # where a message to the portal "goes": it is there when it is written


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to one patient. `topics`: what whoever holds it has agreed to hear about by this way.

    `contact_point_id` is None for the patient's own number and for the portal; `for_name`: it is a proxy's, who
    needs to be told for whom. `zone` and `region`: where a proxy lives, when not where the patient does.
    """

    patient_id: uuid.UUID
    channel: Channel
    address: str
    hash: bytes
    language: str
    with_links: bool
    contact_point_id: uuid.UUID | None
    proxy_id: uuid.UUID | None
    for_name: str | None
    topics: list[Topic]
    blocked: Blocked | None
    zone: str | None = None
    region: str | None = None

    @property
    def name(self) -> str:
        """As a slot keeps it that was tried by this way."""
        return f"{self.channel}:{self.hash.hex()}"

    def usable(self, topic: Topic) -> bool:
        return self.blocked is None and topic in self.topics


# The patient's own ways in the order they chose, then their proxies'. The portal tells nobody by itself: it comes
# last unless it was chosen first. A number of a landline or blocked by its carrier can still be called.
WAYS = """
    WITH asked AS (
        SELECT p.id, p.organization_id, p.phone, p.phone_hash, p.language, p.given_name,
               coalesce(o.sender_number, $3) AS sender, coalesce(f.with_links, true) AS with_links,
               coalesce(f.channels, '{sms,voice,email,portal}') AS channels
          FROM patient p
          JOIN organization o ON o.id = p.organization_id
          LEFT JOIN contact_preference f ON f.patient_id = p.id
         WHERE p.id = ANY($1)),
    point AS (
        SELECT a.id, c.channel, a.phone AS address, a.phone_hash AS hash, a.language, NULL::uuid AS point,
               NULL::uuid AS proxy, NULL::text[] AS agreed, 0 AS rank, NULL::text AS zone, NULL::text AS region
          FROM asked a CROSS JOIN (VALUES ('sms'), ('voice')) AS c (channel)
         WHERE a.phone IS NOT NULL AND a.phone_hash IS NOT NULL
        UNION ALL
        SELECT a.id, k.channel, k.address, k.address_hash, k.language, k.id, k.proxy_id,
               CASE WHEN k.proxy_id IS NOT NULL THEN k.topics END, k.rank + 1, x.zone, x.region
          FROM asked a
          JOIN contact_point k ON k.patient_id = a.id AND k.valid_to IS NULL
          LEFT JOIN proxy x ON x.id = k.proxy_id
         WHERE k.proxy_id IS NULL OR x.valid_to IS NULL
        UNION ALL
        SELECT a.id, 'portal', 'portal', ''::bytea, a.language, NULL, NULL, '{monitoring,outreach}', 0,
               NULL, NULL
          FROM asked a
         WHERE EXISTS (SELECT FROM account c WHERE c.patient_id = a.id AND c.disabled_at IS NULL))
    SELECT a.id AS patient_id, w.channel, w.address, w.hash, w.language,
           a.with_links OR w.channel = 'email' AS with_links, w.point AS contact_point_id, w.proxy AS proxy_id,
           CASE WHEN w.proxy IS NOT NULL THEN a.given_name END AS for_name,
           coalesce(w.agreed, ARRAY(
               SELECT c.topic FROM consent c
                WHERE c.patient_id = a.id AND c.channel = w.channel
                  AND c.valid_from <= $2 AND (c.valid_to IS NULL OR c.valid_to > $2) ORDER BY c.topic)) AS topics,
           CASE WHEN EXISTS (SELECT FROM door_opt_out(
                    a.organization_id,
                    CASE w.channel WHEN 'email' THEN 'email:' || a.organization_id ELSE a.sender END,
                    w.hash)) THEN 'opted_out'
                WHEN w.channel IN ('sms', 'email') AND t.cannot_text IS NOT NULL THEN 'cannot_text'
                WHEN w.channel = 'voice' AND t.cannot_call IS NOT NULL THEN 'cannot_call' END AS blocked,
           w.zone, w.region
      FROM asked a
      JOIN point w ON w.id = a.id
      LEFT JOIN telephone t ON t.organization_id = a.organization_id AND t.phone_hash = w.hash
     WHERE w.channel = ANY(a.channels)
     ORDER BY a.id, w.channel = 'portal' AND a.channels[1] <> 'portal', w.proxy IS NOT NULL,
              array_position(a.channels, w.channel), w.rank, w.point
"""


async def of_patients(
    db: Db, patients: Iterable[uuid.UUID], now: datetime, default_sender: str
) -> dict[uuid.UUID, list[Way]]:
    """By patient, also those that are blocked, so that staff see why; a patient without any has an empty list."""
    found: dict[uuid.UUID, list[Way]] = {patient: [] for patient in patients}
    for row in await db.fetch(WAYS, sorted(found), now, default_sender):
        found[row["patient_id"]].append(Way(**dict(row)))
    return found


def first(ways: Sequence[Way], topic: Topic) -> Way | None:
    """The way to try now; None when there is none."""
    return next((way for way in ways if way.usable(topic)), None)
