"""A confirmation is one question to a patient after a crisis reading: asked once, ended once, forward only."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Side
from server.monitoring.rules import CROSSES

Asks = Literal["blood_pressure", "glucose_low", "glucose_high", "spo2", "temperature"]
State = Literal["asked", "danger", "symptoms", "confirmed", "normal_retake", "no_answer", "withdrawn"]

OWN_READING = timedelta(minutes=15)  # a text about a reading this young answers the patient, at any hour
ANSWER_WITHIN = timedelta(minutes=10)
SUGAR_WITHIN = timedelta(minutes=20)  # "check again in 15 minutes", and then the meter needs a moment
DELIVERED_WITHIN = timedelta(minutes=2)
REST = timedelta(minutes=1)  # AHA: a second reading after one or two minutes; a quicker one settles nothing
IN_DOUBT = ["outlier", "unit_doubt", "clock_ahead", "sequence_reused"]  # flags of readings that calm nobody


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of whom about which reading. `untold` says why there is no text; the portal asks anyway."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    alert_id: uuid.UUID
    vital: str
    asks: Asks
    pregnancy: bool
    reading_id: uuid.UUID
    measured_at: datetime
    metric: str
    side: Side
    value: Decimal | None
    asked_at: datetime
    deadline: datetime
    page_waited: bool
    message_id: uuid.UUID | None
    untold: str | None


OPEN = """
    INSERT INTO confirmation (id, organization_id, patient_id, alert_id, vital, asks, pregnancy, reading_id,
                              measured_at, metric, side, value, asked_at, deadline, page_waited, message_id, untold)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[],
                         $8::uuid[], $9::timestamptz[], $10::text[], $11::text[], $12::numeric[], $13::timestamptz[],
                         $14::timestamptz[], $15::bool[], $16::uuid[], $17::text[])
    ON CONFLICT DO NOTHING
    RETURNING id
"""


async def open_all(db: Db, questions: Sequence[Question]) -> set[uuid.UUID]:
    """Ids of those that are asked: while one stands open the patient is asked nothing more."""
    if not questions:
        return set()
    rows = sorted(questions, key=lambda q: (q.patient_id, q.asks))
    columns = ([getattr(row, name) for row in rows] for name in Question.__struct_fields__)
    return {row["id"] for row in await db.fetch(OPEN, *columns)}


# Only where nobody moves it now: whoever does ends it too.
EXPIRE = """
    WITH over AS MATERIALIZED (
        SELECT patient_id, id FROM confirmation
         WHERE patient_id = ANY($1) AND state = 'asked' AND deadline <= $2
         ORDER BY patient_id, id FOR UPDATE SKIP LOCKED)
    UPDATE confirmation c SET state = 'no_answer', ended_at = $2
      FROM over o WHERE c.patient_id = o.patient_id AND c.id = o.id
"""


async def expire(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> None:
    """End these patients' questions whose deadline passed while no worker looked; their pages have been let go."""
    await db.execute(EXPIRE, sorted(set(patients)), now)


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """The last question of an alert."""

    deadline: datetime
    metric: str
    side: Side
    value: Decimal | None

    def asks_again(self, metric: str, value: Decimal | None, now: datetime) -> bool:
        """Only after its deadline, and only about something worse. A meter's HI or LO is the worst there is."""
        if now < self.deadline or self.value is None:
            return False
        if metric != self.metric or value is None:
            return True
        return value != self.value and CROSSES[self.side](value, self.value)


LATEST = """
    SELECT DISTINCT ON (alert_id) alert_id, deadline, metric, side, value FROM confirmation
     WHERE alert_id = ANY($1) ORDER BY alert_id, asked_at DESC
"""


async def latest(db: Db, alerts: Iterable[uuid.UUID]) -> dict[uuid.UUID, Earlier]:
    """By alert; one that was never asked about is left out."""
    asked = list(alerts)
    if not asked:
        return {}
    return {row["alert_id"]: Earlier(**dict(list(row.items())[1:])) for row in await db.fetch(LATEST, asked)}


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An open question something has happened to; this worker, and no other, may move it in this transaction.

    `again`: a later reading crossed high. `lesser`: one crossed something less while the page waits (`waits`).
    `better`: a later reading of theirs crossed nothing, measured at `better_at`.
    """

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    alert_id: uuid.UUID
    asked_at: datetime
    deadline: datetime
    message_id: uuid.UUID | None
    alert_status: str
    waits: bool
    text: str | None
    again: bool
    lesser: bool
    better: uuid.UUID | None
    better_at: datetime | None


# What has begun to move an alert or its question is locked, and left to whoever does it.
DUE = """
    SELECT c.id, c.organization_id, c.patient_id, c.alert_id, c.asked_at, c.deadline, c.message_id,
           a.status AS alert_status, a.page_not_before IS NOT NULL AS waits, m.status AS text,
           coalesce(f.again, false) AS again, coalesce(l.lesser, false) AS lesser,
           r.id AS better, r.measured_at AS better_at
      FROM confirmation c
      JOIN alert a ON a.patient_id = c.patient_id AND a.id = c.alert_id
      LEFT JOIN message m ON m.id = c.message_id
      LEFT JOIN LATERAL (
           SELECT true AS again FROM finding f
            WHERE f.patient_id = c.patient_id AND f.alert_id = c.alert_id AND f.severity = 'high' AND f.age = 'live'
              AND f.measured_at > c.measured_at AND f.found_at <= c.deadline AND f.superseded_at IS NULL
            LIMIT 1) f ON true
      LEFT JOIN LATERAL (
           SELECT true AS lesser FROM finding g JOIN rule u ON u.id = g.rule_id AND u.kind IN ('crossing', 'flag')
            WHERE a.page_not_before IS NOT NULL
              AND g.patient_id = c.patient_id AND g.severity <> 'high' AND g.age = 'live'
              AND g.measured_at > c.measured_at AND g.found_at <= c.deadline AND g.superseded_at IS NULL
            LIMIT 1) l ON true
      LEFT JOIN LATERAL (
           SELECT r.id, r.measured_at FROM reading r
            WHERE r.patient_id = c.patient_id AND r.measured_at >= c.measured_at + $2::interval AND r.kind = c.vital
              AND r.received_at > c.asked_at AND r.received_at <= c.deadline
              AND r.source = 'device' AND r.out_of_range IS NULL AND NOT r.flags && $4::text[]
              AND NOT EXISTS (SELECT FROM finding f WHERE f.patient_id = r.patient_id AND f.anchor = r.id::text
                                 AND f.superseded_at IS NULL)
            ORDER BY r.measured_at, r.id LIMIT 1) r ON true
     WHERE c.state = 'asked'
       AND (c.deadline <= $1 OR a.status <> 'open' OR f.again OR l.lesser OR r.id IS NOT NULL
            OR a.page_not_before IS NOT NULL
               AND (m.status IN ('failed', 'suppressed', 'withheld', 'unknown')
                    OR m.status <> 'delivered' AND c.asked_at <= $1 - $3::interval))
     ORDER BY c.deadline, c.id LIMIT 20
       FOR UPDATE OF a, c SKIP LOCKED
"""


async def due(db: Db, now: datetime) -> list[Due]:
    """Whose deadline came, whose alert was answered, who measured again, and whose text does not arrive."""
    return [Due(**dict(row)) for row in await db.fetch(DUE, now, REST, DELIVERED_WITHIN, IN_DOUBT)]


def outcome(one: Due, now: datetime) -> State | None:
    """What the question ends as; None: it stands, and only its page goes (no text arrives, or something less crossed).

    A pressure that fell from far too high to far too low is no normal retake, whatever is measured after it.
    """
    if one.alert_status != "open":
        return "withdrawn"
    if one.again:
        return "confirmed"
    if one.lesser:
        return None
    if one.better is not None:
        return "normal_retake"
    return "no_answer" if one.deadline <= now else None


MOVE = """
    UPDATE confirmation SET state = $3, ended_at = $4 WHERE patient_id = $1 AND id = $2 AND state = 'asked'
    RETURNING true
"""


async def move(db: Db, patient: uuid.UUID, question: uuid.UUID, state: State, now: datetime) -> bool:
    """True for the one who ended it."""
    return await db.fetchval(MOVE, patient, question, state, now) is True


Kind = Literal[
    "asked", "cannot_be_texted", "no_symptoms", "symptoms", "better", "again", "no_answer", "waits"
]  # fmt: skip
REACHED = {
    "queued": "on its way", "sending": "on its way", "sent": "sent", "delivered": "delivered",
    "unknown": "may not have arrived", "failed": "did not arrive", "suppressed": "did not go",
    "withheld": "shown only, not sent",
}  # fmt: skip
WHY_UNTOLD = {
    "opted_out": "wants no texts", "no_number": "no telephone number", "no_consent": "has not agreed to texts",
    "patient_inactive": "no longer followed", "deceased": "no longer followed",
    "quiet_hours": "no texts at this hour about a reading that is no longer new",
}  # fmt: skip
SAYS: dict[Kind, str] = {
    "asked": "Asked at {at} · {more}", "cannot_be_texted": "Cannot be texted: {more} (asked in the portal at {at})",
    "no_symptoms": "Patient: no symptoms at {at}", "symptoms": "Patient: has symptoms, at {at}",
    "better": "Second reading at {at} not in the high range", "again": "Second reading at {at} high again",
    "no_answer": "No answer by {at}", "waits": "The page waits for the answer until {at}",
}  # fmt: skip


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that came of asking, for the worklist."""

    kind: Kind
    at: datetime
    more: str = ""

    def words(self, zone: str) -> str:
        """ "Asked at 08:12 · delivered", on that clock."""
        return SAYS[self.kind].format(at=self.at.astimezone(ZoneInfo(zone)).strftime("%H:%M"), more=self.more)


TOLD = """
    SELECT c.alert_id, c.asked_at, c.untold, m.status AS text, m.reason, c.no_symptoms_at, c.symptoms_at, c.state,
           c.deadline, a.page_not_before, r.measured_at AS second_at, r.high AS second_high
      FROM confirmation c
      JOIN alert a ON a.patient_id = c.patient_id AND a.id = c.alert_id
      LEFT JOIN message m ON m.id = c.message_id
      LEFT JOIN LATERAL (
           SELECT r.measured_at,
                  EXISTS (SELECT FROM finding f WHERE f.patient_id = r.patient_id AND f.anchor = r.id::text
                             AND f.severity = 'high' AND f.superseded_at IS NULL) AS high
             FROM reading r
            WHERE r.patient_id = c.patient_id AND r.kind = c.vital AND r.source = 'device'
              AND r.measured_at > c.measured_at AND r.received_at > c.asked_at
              AND r.received_at <= c.asked_at + interval '1 hour'
            ORDER BY r.measured_at, r.id LIMIT 1) r ON true
     WHERE c.alert_id = ANY($1)
     ORDER BY c.asked_at, c.id
"""


async def told(db: Db, alerts: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Said]]:
    """What the patient was asked and answered, by alert and in the order it happened; others are left out."""
    found: dict[uuid.UUID, list[Said]] = {}
    for row in await db.fetch(TOLD, list(alerts)):
        found.setdefault(row["alert_id"], []).extend(_lines(row))
    return found


def _lines(row: Mapping[str, Any]) -> list[Said]:
    lines = [_asked(row)]
    if row["no_symptoms_at"]:
        lines.append(Said(kind="no_symptoms", at=row["no_symptoms_at"]))
    if row["symptoms_at"]:
        lines.append(Said(kind="symptoms", at=row["symptoms_at"]))
    if row["second_at"]:
        lines.append(Said(kind="again" if row["second_high"] else "better", at=row["second_at"]))
    if row["state"] == "no_answer" and not row["second_at"]:
        lines.append(Said(kind="no_answer", at=row["deadline"]))
    if row["state"] == "asked" and row["page_not_before"]:
        lines.append(Said(kind="waits", at=row["page_not_before"]))
    return sorted(lines, key=lambda line: line.at)


def _asked(row: Mapping[str, Any]) -> Said:
    untold = row["untold"] or (row["reason"] if row["text"] == "suppressed" else None)
    if untold in WHY_UNTOLD:
        return Said(kind="cannot_be_texted", at=row["asked_at"], more=WHY_UNTOLD[untold])
    return Said(kind="asked", at=row["asked_at"], more=REACHED.get(row["text"], "in the portal"))
