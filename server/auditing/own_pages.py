"""When nobody else says what the auditor found, the auditor says it: its own pages, by the one sender there is."""

import uuid
from datetime import datetime

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from notifications.outbox import Claimed
from server.auditing.pace import Pace
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.findings import Severity
from server.people.phones import phone_hash


class Unsaid(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm of the auditor's that stands, that nobody took, and that nobody was told of; and one person to tell."""

    alarm_id: uuid.UUID
    organization_id: uuid.UUID
    staff_id: uuid.UUID
    phone: str


# To whoever is on shift for any team, the teams' stand-ins and the first administrator; to the first person with a
# telephone when there is none of these. Worked out here: the roster's own code may be what is broken.
UNSAID = """
    WITH unsaid AS (
        SELECT b.id, b.organization_id
          FROM alarm b JOIN organization o ON o.id = b.organization_id AND o.state <> 'shadow'
         WHERE b.status = 'open' AND b.severity = 'high' AND b.kind IN ('audit_mismatch', 'canary')
           AND coalesce(b.again_at, b.opened_at) <= $2
           AND NOT EXISTS (SELECT FROM message m
                            WHERE m.alarm_id = b.id AND m.purpose = 'page' AND m.created_at > $3
                              AND (m.status IN ('sent', 'delivered') OR m.unique_for LIKE 'auditor:%'))),
    people AS (
        SELECT s.id, s.organization_id, s.phone,
               EXISTS (SELECT FROM shift sh
                        WHERE sh.staff_id = s.id AND sh.cancelled_at IS NULL AND sh.starts_at <= $1 AND sh.ends_at > $1)
               AND NOT EXISTS (SELECT FROM time_off x WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                  AND x.starts_at <= $1 AND x.ends_at > $1) AS here,
               EXISTS (SELECT FROM team t WHERE t.fallback_id = s.id)
               AND NOT EXISTS (SELECT FROM time_off x WHERE x.staff_id = s.id AND x.cancelled_at IS NULL
                                  AND x.starts_at <= $1 AND x.ends_at > $1) AS stands_in,
               s.role = 'admin' AND s.id = first_value(s.id) OVER (
                   PARTITION BY s.organization_id ORDER BY s.role = 'admin' DESC, s.created_at, s.id) AS first_admin
          FROM staff s WHERE s.disabled_at IS NULL AND s.phone IS NOT NULL),
    ranked AS (
        SELECT p.*, here OR stands_in OR first_admin AS wanted,
               row_number() OVER (PARTITION BY p.organization_id ORDER BY here DESC, stands_in DESC, first_admin DESC,
                                                                          p.id) AS place
          FROM people p)
    SELECT DISTINCT ON (u.id, r.phone) u.id AS alarm_id, u.organization_id, r.id AS staff_id, r.phone
      FROM unsaid u JOIN ranked r ON r.organization_id = u.organization_id AND (r.wanted OR r.place = 1)
     ORDER BY u.id, r.phone, r.place
"""


async def unsaid(db: Db, now: datetime, pace: Pace) -> list[Unsaid]:
    """What the worker had time to page about and did not, or not lately, though nobody answered."""
    return [Unsaid(**dict(row)) for row in await db.fetch(UNSAID, now, now - pace.own_page, now - pace.again)]


IMPATIENTLY = "SET LOCAL lock_timeout = '5s'"


async def write(db: Db, public_url: str, field_key: str, now: datetime, pace: Pace) -> int:
    """Write the pages that are missing; two auditors write each once. Returns how many."""
    await db.execute(IMPATIENTLY)
    pages = [_page(one, public_url, field_key, now, pace) for one in await unsaid(db, now, pace)]
    return len(await outbox.put(db, pages))


def _page(one: Unsaid, public_url: str, field_key: str, now: datetime, pace: Pace) -> Message:
    text = wording.render("page_alarm", "en", url=f"{public_url}/worklist")
    slot = int(now.timestamp() // pace.again.total_seconds())
    return Message(
        id=uuid7(), organization_id=one.organization_id, purpose="page",
        unique_for=f"auditor:{one.alarm_id}:{one.staff_id}:{slot}", staff_id=one.staff_id, alarm_id=one.alarm_id,
        to_number=one.phone, to_hash=phone_hash(field_key, one.phone), wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip


# Ours only, and also those that died in another's hands: at least once, so twice rather than never.
CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM message
         WHERE purpose = 'page' AND channel = 'sms' AND alarm_id IS NOT NULL AND unique_for LIKE 'auditor:%'
           AND (status = 'queued' AND not_before <= $1 OR status = 'sending' AND claimed_at < $1 - $3::interval)
         ORDER BY not_before, id
         LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE message m SET status = 'sending', claimed_at = $1
      FROM due WHERE m.id = due.id
    RETURNING m.id, m.organization_id, m.purpose, m.to_number, m.to_hash, m.body, m.alert_id, m.claimed_at
"""


async def claim(db: Db, now: datetime, limit: int) -> list[Claimed]:
    """The sender's filter: only pages the auditor wrote."""
    return [Claimed(**dict(row)) for row in await db.fetch(CLAIM, now, limit, outbox.CALL_LASTS)]


async def raise_alarm(
    db: Db, organization: uuid.UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
) -> None:
    """What the sender finds while it sends, and the worklists told of it."""
    await alarms.raise_alarm(db, organization, kind, subject, severity, says, now)
    await tell(db, Event(topic="worklist", organization=organization))
