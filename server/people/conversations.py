"""All that was said between us and a patient, by whatever way, in the order it was said; and what came of each text."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db

Show = Literal["all", "from", "staff", "reminders"]
NOTICE_EVERY = timedelta(hours=24)
DeedName = Literal[
    "reading", "alert", "asked_back", "task", "gap_reported", "gap_later", "gap_not_for_me", "intake_taken",
    "intake_not_taken", "refill", "opted_out", "opted_in", "danger", "symptoms", "no_symptoms", "wants_call",
    "wrong_number", "to_staff",
]  # fmt: skip


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done because of a text; `subject_id` is the alert, gap or reading."""

    deed: DeedName
    patient_id: uuid.UUID | None = None
    subject_id: uuid.UUID | None = None


NOTE = """
    INSERT INTO reply_deed (reply_id, organization_id, position, deed, patient_id, subject_id, done_at)
    SELECT $1, $2, (SELECT count(*) FROM reply_deed WHERE reply_id = $1) + n.position, n.deed, n.patient_id,
           n.subject_id, $6
      FROM unnest($3::text[], $4::uuid[], $5::uuid[]) WITH ORDINALITY AS n (deed, patient_id, subject_id, position)
"""


async def note(db: Db, reply: uuid.UUID, organization: uuid.UUID, deeds: Sequence[Deed], now: datetime) -> None:
    """Write down what was done because of this text, each thing once."""
    once = list(dict.fromkeys(deeds))
    if once:
        columns = zip(*((one.deed, one.patient_id, one.subject_id) for one in once), strict=True)
        await db.execute(NOTE, reply, organization, *map(list, columns), now)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing said. `direction`: from the patient, from us, or by a person of the staff in their own words.

    `status` and `reason` are of what we sent; `meaning` is what we understood; `shared`: others use this number too.
    """

    id: uuid.UUID
    at: datetime
    direction: Literal["from", "to", "staff"]
    channel: str
    purpose: str
    body: str
    language: str
    status: str
    reason: str | None
    not_before: datetime | None
    written_by: str | None
    meaning: str | None
    shared: bool
    deeds: list[Deed]


# A code proves who holds the telephone only while nobody at the clinic can look it up.
# Of a number that several share, what was written from it is in the conversation of each: nobody knows who wrote.
LINES = """
    SELECT * FROM (
        (SELECT m.id, coalesce(m.claimed_at, m.created_at) AS at,
                CASE WHEN m.written_by IS NULL THEN 'to' ELSE 'staff' END AS direction, m.channel, m.purpose,
                CASE m.wording WHEN 'verify_code' THEN regexp_replace(m.body, '[0-9]', '•', 'g') ELSE m.body END
                    AS body, m.language, m.status, m.reason, m.not_before, s.name AS written_by, NULL AS meaning,
                false AS shared, NULL AS deeds
           FROM message m LEFT JOIN staff s ON s.id = m.written_by
          WHERE (m.patient_id = $1 OR m.purpose IN ('answer', 'safety') AND m.to_hash = $2 AND m.staff_id IS NULL
                 AND EXISTS (SELECT FROM reply x
                              WHERE x.from_hash = $2 AND starts_with(m.unique_for, 'reply:' || x.id)))
            AND m.staff_id IS NULL AND m.purpose <> 'page'
            AND coalesce(m.claimed_at, m.created_at) < $4
            AND ($3 = 'all' OR $3 = 'staff' AND m.written_by IS NOT NULL OR $3 = 'reminders' AND m.purpose = 'reminder')
          ORDER BY 2 DESC LIMIT $5)
        UNION ALL
        (SELECT r.id, r.received_at, 'from', 'sms', 'reply', r.body, coalesce(p.language, 'en'), 'received', NULL, NULL,
                NULL, r.meaning, (SELECT count(*) > 1 FROM patient o
                                   WHERE o.organization_id = r.organization_id AND o.phone_hash = r.from_hash),
                (SELECT jsonb_agg(jsonb_build_object('deed', d.deed, 'patient_id', d.patient_id,
                                                     'subject_id', d.subject_id) ORDER BY d.position)
                   FROM reply_deed d WHERE d.reply_id = r.id)
           FROM reply r LEFT JOIN patient p ON p.id = r.patient_id
          WHERE (r.patient_id = $1 OR r.from_hash = $2) AND r.received_at < $4 AND $3 IN ('all', 'from', 'staff')
          ORDER BY r.received_at DESC LIMIT $5)) AS said
     ORDER BY at DESC, id DESC LIMIT $5
"""


async def lines(
    db: Db, patient: uuid.UUID, phone_hash: bytes | None, show: Show, before: datetime, limit: int
) -> list[Line]:
    """The newest first, said before that moment."""
    rows = await db.fetch(LINES, patient, phone_hash, show, before, limit)
    return [msgspec.convert({**dict(row), "deeds": row["deeds"] or []}, Line) for row in rows]


WROTE = """
    SELECT max(received_at) FROM reply WHERE (patient_id = $1 OR from_hash = $2) AND received_at > $3
"""


async def wrote_since(db: Db, patient: uuid.UUID, phone_hash: bytes | None, since: datetime) -> datetime | None:
    """When the patient last wrote to us, if it was after that."""
    at: datetime | None = await db.fetchval(WROTE, patient, phone_hash, since)
    return at


NOTICED = """
    SELECT EXISTS (SELECT FROM message WHERE organization_id = $1 AND to_hash = $2 AND wording = 'answer_time'
                      AND created_at > $3)
"""


async def told_answer_time(db: Db, organization: uuid.UUID, to_hash: bytes, now: datetime) -> bool:
    """Within the last day this number was told when people answer."""
    return bool(await db.fetchval(NOTICED, organization, to_hash, now - NOTICE_EVERY))


SIGN = "UPDATE message SET written_by = $2, not_before = $3 WHERE id = $1"


async def sign(db: Db, message: uuid.UUID, staff: uuid.UUID, goes: datetime) -> None:
    """This text is a person's own words, and goes then."""
    await db.execute(SIGN, message, staff, goes)


class Barred(msgspec.Struct, frozen=True, kw_only=True):
    """Why and since when no text reaches this number, whoever shares it. `wrong`: nor may it be called, say they."""

    why: str
    since: datetime
    wrong: bool


BARRED = """
    SELECT n.why, n.since,
           EXISTS (SELECT FROM telephone t WHERE t.organization_id = $1 AND t.phone_hash = $2
                      AND 'wrong_number' IN (t.cannot_text, t.cannot_call)) AS wrong
      FROM (SELECT 'opted_out' AS why, opted_out_at AS since FROM opt_out
             WHERE organization_id = $1 AND phone_hash = $2 AND ended_at IS NULL
            UNION ALL
            SELECT cannot_text, changed_at FROM telephone
             WHERE organization_id = $1 AND phone_hash = $2 AND cannot_text IS NOT NULL) n
     LIMIT 1
"""


async def barred(db: Db, organization: uuid.UUID, phone_hash: bytes | None) -> Barred | None:
    row = await db.fetchrow(BARRED, organization, phone_hash) if phone_hash else None
    return Barred(**dict(row)) if row else None


SHARING = """
    SELECT id, mrn FROM patient WHERE organization_id = $1 AND phone_hash = $2 AND id <> $3 ORDER BY mrn
"""


async def sharing(
    db: Db, organization: uuid.UUID, phone_hash: bytes | None, patient: uuid.UUID
) -> list[tuple[uuid.UUID, str]]:
    """(id, record number) of the others whose number it is too."""
    rows = await db.fetch(SHARING, organization, phone_hash, patient) if phone_hash else []
    return [(row["id"], row["mrn"]) for row in rows]
