"""A safety message is looked after until somebody has it: by text, else by a call that was heard, else by a person."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db
from server.people.channel_order import Channel

TEXT_WITHIN = timedelta(minutes=2)
CALL_WITHIN = timedelta(minutes=3)  # it rings 25 seconds, is said twice, and waits for a key
SAYS_NOW = timedelta(hours=1)  # "now" is not said later, as after a night without a worker: then a person judges
NEVER_ARRIVES = {"failed", "suppressed", "withheld", "unknown"}
NOBODY_IS_TEXTED = {"shadow", "trial_number_not_listed"}  # a clinic that is only trying texts and calls nobody
NO_LONGER_SO = {"reason_gone", "deceased", "sink"}
Step = Literal["wait", "done", "call", "person"]


class Safety(msgspec.Struct, frozen=True, kw_only=True):
    """A text or call that is looked after. `asked`: the question it puts still stands; None: it puts none.

    `told`: somebody was paged about this patient already and it is not settled, or the hour is one nobody watches.
    `patient_id`, `team_id`: None of a number that nobody we know has; `subject`: the record number, else which text.
    """

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID | None
    team_id: uuid.UUID | None
    subject: str
    channel: Channel
    unique_for: str
    status: str
    reason: str | None
    created_at: datetime
    heard_at: datetime | None
    to_number: str
    to_hash: bytes
    wording: str
    wording_version: int
    language: str
    body: str
    cannot_call: bool
    deceased: bool
    asked: bool | None
    told: bool


def step(one: Safety, now: datetime) -> Step:
    """What to do about it now; the first that fits."""
    if one.heard_at is not None or (one.channel == "sms" and one.status == "delivered"):
        return "done"
    if one.deceased or one.asked is False or one.reason in NO_LONGER_SO or one.reason in NOBODY_IS_TEXTED:
        return "done"
    if one.channel == "sms":
        if one.status not in NEVER_ARRIVES and now < one.created_at + TEXT_WITHIN:
            return "wait"
        fresh = now < one.created_at + SAYS_NOW
        return "call" if fresh and one.to_number and not one.cannot_call else "person"
    over = one.status in NEVER_ARRIVES or one.status == "delivered"  # picked up, and no key: perhaps a voicemail
    return "person" if over or now >= one.created_at + CALL_WITHIN else "wait"


# Only what has arrived, cannot arrive, or has had its time. Another worker takes what this one has not. What was said
# to numbers that no patient has was once not looked after: of that, days later, nothing can follow any more.
DUE = """
    SELECT m.id, m.organization_id, m.patient_id, p.team_id, s.subject, m.channel, m.unique_for, m.status, m.reason,
           m.created_at, m.heard_at, m.to_number, m.to_hash, m.wording, m.wording_version, m.language, m.body,
           t.cannot_call IS NOT NULL AS cannot_call, coalesce(p.monitoring_status = 'deceased', false) AS deceased,
           c.state = 'asked' AND c.deadline > $1 AND a.status = 'open' AS asked,
           c.id IS NOT NULL OR m.wording IN ('not_monitored_now', 'not_monitored_now_call') OR EXISTS (
               SELECT FROM alarm b WHERE b.organization_id = m.organization_id AND b.kind = 'patient_in_danger'
                  AND b.subject = s.subject AND b.status <> 'resolved') AS told
      FROM message m
      LEFT JOIN patient p ON p.id = m.patient_id
      CROSS JOIN LATERAL (
           SELECT coalesce(p.mrn, 'text ' || substring(m.unique_for FROM 'reply:([0-9a-f-]{36})'), 'message ' || m.id)
                      AS subject) AS s
      LEFT JOIN telephone t ON t.organization_id = m.organization_id AND t.phone_hash = m.to_hash
      LEFT JOIN confirmation c
             ON c.patient_id = m.patient_id AND m.unique_for IN ('ask:' || c.id, 'call:ask:' || c.id)
      LEFT JOIN alert a ON a.patient_id = c.patient_id AND a.id = c.alert_id
     WHERE m.purpose = 'safety' AND m.looked_after_at IS NULL AND m.staff_id IS NULL
       AND (m.patient_id IS NOT NULL OR m.created_at > $1::timestamptz - interval '1 day')
       AND (m.status IN ('delivered', 'failed', 'suppressed', 'withheld', 'unknown') OR m.heard_at IS NOT NULL
            OR m.created_at <= $1::timestamptz - CASE m.channel WHEN 'sms' THEN $2::interval ELSE $3::interval END)
     ORDER BY m.created_at, m.id LIMIT 20
       FOR UPDATE OF m SKIP LOCKED
"""


async def due(db: Db, now: datetime) -> list[Safety]:
    """Oldest first; theirs until the transaction ends."""
    return [Safety(**dict(row)) for row in await db.fetch(DUE, now, TEXT_WITHIN, CALL_WITHIN)]


SETTLE = "UPDATE message SET looked_after_at = $2 WHERE id = ANY($1) AND looked_after_at IS NULL"


async def settle(db: Db, messages: Sequence[uuid.UUID], now: datetime) -> None:
    """What had to follow from these has followed, in this commit."""
    await db.execute(SETTLE, list(messages), now)


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """A question after a crisis reading that no text may put, because the number wants none."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    clinic: str
    language: str
    phone: str
    phone_hash: bytes
    asks: str
    pregnancy: bool


UNTOLD = """
    SELECT c.id, c.organization_id, c.patient_id, o.name AS clinic, p.language, p.phone, p.phone_hash, c.asks,
           c.pregnancy
      FROM confirmation c
      JOIN patient p ON p.id = c.patient_id AND p.phone IS NOT NULL AND p.phone_hash IS NOT NULL AND NOT p.synthetic
      JOIN organization o ON o.id = c.organization_id
      JOIN alert a ON a.patient_id = c.patient_id AND a.id = c.alert_id AND a.status = 'open'
      LEFT JOIN telephone t ON t.organization_id = c.organization_id AND t.phone_hash = p.phone_hash
     WHERE c.state = 'asked' AND c.untold = 'opted_out' AND c.deadline > $1 AND t.cannot_call IS NULL
       AND p.monitoring_status <> 'deceased'
       AND NOT EXISTS (SELECT FROM message m WHERE m.organization_id = c.organization_id
                          AND m.unique_for = 'call:ask:' || c.id)
     ORDER BY c.id LIMIT 20
"""


async def untold(db: Db, now: datetime) -> list[Untold]:
    """Questions that a call may still put; each is called about once."""
    return [Untold(**dict(row)) for row in await db.fetch(UNTOLD, now)]
