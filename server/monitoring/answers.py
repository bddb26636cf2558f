"""What a patient answers to the question after a crisis reading: written on it once, whatever has become of it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from server.db.pool import Db
from server.monitoring.alerts import Episode
from server.monitoring.confirmations import Asks

ANSWERS_COUNT = timedelta(hours=4)  # so long a "1" or "2" is an answer to the question
SHOWN = timedelta(hours=1)  # so long the portal shows it


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The newest question to a patient, while an answer still counts."""

    id: uuid.UUID
    organization_id: uuid.UUID
    patient_id: uuid.UUID
    alert_id: uuid.UUID
    asks: Asks
    asked_at: datetime
    no_symptoms_at: datetime | None
    symptoms_at: datetime | None
    alert: Episode


# Locked from the alert on, as whoever judges a reading does: two who meet wait for each other, and do not deadlock.
STANDING = """
    SELECT c.id, c.organization_id, c.patient_id, c.alert_id, c.asks, c.asked_at, c.no_symptoms_at, c.symptoms_at,
           a.rule_id, a.severity, a.status, a.age, a.unconfirmed
      FROM alert a
      JOIN (SELECT DISTINCT ON (patient_id) * FROM confirmation
             WHERE patient_id = ANY($1) AND asked_at > $2 ORDER BY patient_id, state = 'asked' DESC, asked_at DESC) c
        ON a.patient_id = c.patient_id AND a.id = c.alert_id
     ORDER BY c.patient_id FOR UPDATE OF a
"""


async def standing(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> list[Standing]:
    """Of each of these patients the question that an answer now is about: one that is open before one that is not."""
    rows = await db.fetch(STANDING, list(patients), now - ANSWERS_COUNT) if patients else []
    return [_standing(dict(row)) for row in rows]


def _standing(row: dict[str, Any]) -> Standing:
    names = ("rule_id", "severity", "status", "age", "unconfirmed")
    of_alert = {name: row.pop(name) for name in names}
    ids = {"id": row["alert_id"], "organization_id": row["organization_id"], "patient_id": row["patient_id"]}
    return Standing(**row, alert=Episode(**ids, **of_alert, opened=False))


SYMPTOMS = """
    UPDATE confirmation
       SET symptoms_at = $3, ended_at = coalesce(ended_at, $3), state = CASE state WHEN 'asked' THEN $4 ELSE state END
     WHERE patient_id = $1 AND id = $2 AND symptoms_at IS NULL
    RETURNING true
"""


async def say_symptoms(
    db: Db, patient: uuid.UUID, question: uuid.UUID, state: Literal["symptoms", "danger"], now: datetime
) -> bool:
    """The patient has symptoms, or wrote of danger; False when they said so before."""
    return await db.fetchval(SYMPTOMS, patient, question, now, state) is True


NO_SYMPTOMS = """
    UPDATE confirmation SET no_symptoms_at = $3
     WHERE patient_id = $1 AND id = $2 AND no_symptoms_at IS NULL AND symptoms_at IS NULL
    RETURNING true
"""


async def say_none(db: Db, patient: uuid.UUID, question: uuid.UUID, now: datetime) -> bool:
    """The patient has no symptoms; a fact, the question stands for the second reading."""
    return await db.fetchval(NO_SYMPTOMS, patient, question, now) is True


RAISE = (
    "UPDATE alert SET severity = 'high' WHERE patient_id = $1 AND id = $2 AND status = 'open' AND severity <> 'high'"
)


async def raise_again(db: Db, one: Standing) -> None:
    """An alert that a better reading had lowered is high again: the patient has symptoms."""
    await db.execute(RAISE, one.patient_id, one.alert_id)


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """The question as the patient sees it in the portal."""

    id: uuid.UUID
    asks: Asks
    pregnancy: bool
    no_symptoms_at: datetime | None
    symptoms_at: datetime | None
    again: bool  # measured a second time since


OWN = """
    SELECT c.id, c.asks, c.pregnancy, c.no_symptoms_at, c.symptoms_at,
           EXISTS (SELECT FROM reading r
                    WHERE r.patient_id = c.patient_id AND r.measured_at > c.measured_at AND r.kind = c.vital
                      AND r.received_at > c.asked_at) AS again
      FROM confirmation c
     WHERE c.patient_id = $1 AND c.asked_at > $2
     ORDER BY c.state = 'asked' DESC, c.asked_at DESC LIMIT 1
"""


async def own(db: Db, patient: uuid.UUID, now: datetime) -> Own | None:
    """What the patient is asked now, or was in the last hour: it stays until then, with what they answered."""
    row = await db.fetchrow(OWN, patient, now - SHOWN)
    return Own(**dict(row)) if row else None
