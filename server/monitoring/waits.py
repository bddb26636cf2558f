"""May a page wait for the patient's own answer, and how long? Only where it was approved, and never in danger."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.pool import Db
from server.monitoring.alerts import Episode
from server.monitoring.limits import UPPER, Limit
from server.monitoring.rules import CROSSES

RULE = "bp_high"  # blood pressure only: sugar, oxygen and fever never wait
AT_MOST = 10  # minutes, whatever a programme says


class Pressure(msgspec.Struct, frozen=True):
    """In mmHg."""

    systolic: Decimal
    diastolic: Decimal


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How a patient can be asked now, and what speaks against waiting for the answer.

    `highs`: standing high alerts. `waits_minutes`: the shortest wait that the patient's programmes approved.
    """

    mrn: str
    clinic: str
    language: str
    zone: str
    phone: str | None
    phone_hash: bytes | None
    followed: bool
    organization_state: str
    trial_numbers: list[str]
    consent: bool
    opted_out: bool
    pregnancy: bool
    in_danger: bool
    highs: int
    waits_minutes: int


# General monitoring is everybody's: it decides only for who is in nothing else. A version that nobody approved
# counts as no wait. The pregnancy programme goes on for six weeks after; leaving it early shortens nothing.
REACH = """
    SELECT p.id, p.mrn, o.name AS clinic, p.language, p.zone, p.phone, p.phone_hash,
           p.monitoring_status IN ('active', 'paused') AS followed, o.state AS organization_state, o.trial_numbers,
           EXISTS (SELECT FROM consent c
                    WHERE c.patient_id = p.id AND c.channel = 'sms' AND c.topic = 'monitoring'
                      AND c.valid_from <= $2 AND (c.valid_to IS NULL OR c.valid_to > $2)) AS consent,
           EXISTS (SELECT FROM opt_out x
                    WHERE x.organization_id = p.organization_id AND x.phone_hash = p.phone_hash
                      AND x.ended_at IS NULL) AS opted_out,
           EXISTS (SELECT FROM enrolment e JOIN programme g ON g.id = e.programme_id
                    WHERE e.patient_id = p.id AND g.code = 'pregnancy'
                      AND (e.valid_to IS NULL OR e.valid_to > $2 - interval '42 days')) AS pregnancy,
           EXISTS (SELECT FROM alarm b
                    WHERE b.organization_id = p.organization_id AND b.kind = 'patient_in_danger'
                      AND b.subject = p.mrn AND b.status <> 'resolved')
               OR EXISTS (SELECT FROM confirmation c
                           WHERE c.patient_id = p.id AND c.symptoms_at > $2 - interval '1 day') AS in_danger,
           (SELECT count(*)::int FROM alert a
             WHERE a.patient_id = p.id AND a.status <> 'resolved' AND a.severity = 'high'
               AND a.age <> 'historic') AS highs,
           coalesce((
               SELECT min(CASE WHEN v.approved_at <= $2 THEN v.page_waits_minutes ELSE 0 END)
                 FROM enrolment e
                 JOIN programme g ON g.id = e.programme_id
                 LEFT JOIN programme_version v
                      ON v.programme_id = g.id AND v.valid_from <= $2 AND (v.valid_to IS NULL OR v.valid_to > $2)
                WHERE e.patient_id = p.id AND (e.valid_to IS NULL OR e.valid_to > $2)
                  AND (g.code <> 'general' OR NOT EXISTS (
                       SELECT FROM enrolment f JOIN programme h ON h.id = f.programme_id AND h.code <> 'general'
                        WHERE f.patient_id = p.id AND (f.valid_to IS NULL OR f.valid_to > $2)))), 0) AS waits_minutes
      FROM patient p JOIN organization o ON o.id = p.organization_id
     WHERE p.id = ANY($1)
"""


async def reach(db: Db, patients: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, Reach]:
    """By patient."""
    rows = (dict(row) for row in await db.fetch(REACH, sorted(set(patients)), now))
    return {row.pop("id"): Reach(**row) for row in rows}


CROSSING = "SELECT id, code FROM rule WHERE id = ANY($1) AND kind = 'crossing'"


_CODES: dict[uuid.UUID, str] = {}  # a rule's code and kind are for ever: nobody may change them


async def crossing(db: Db, rules: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The codes of those of these rules that judge one reading; of a series of them nobody can measure another."""
    asked = set(rules)
    if unknown := sorted(asked - _CODES.keys()):
        _CODES.update((row["id"], row["code"]) for row in await db.fetch(CROSSING, unknown))
    return {rule: _CODES[rule] for rule in asked if rule in _CODES}


PRESSURES = """
    SELECT r.id, r.systolic_mmhg, r.diastolic_mmhg
      FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) AS n (patient_id, measured_at, id)
      JOIN reading r ON r.patient_id = n.patient_id AND r.measured_at = n.measured_at AND r.id = n.id
     WHERE r.systolic_mmhg IS NOT NULL AND r.diastolic_mmhg IS NOT NULL
"""


async def pressures(
    db: Db, of: Sequence[tuple[uuid.UUID, datetime, uuid.UUID]]
) -> dict[uuid.UUID, Pressure]:  # fmt: skip
    """By reading, given as (patient, when it was measured, id)."""
    if not of:
        return {}
    rows = await db.fetch(PRESSURES, *map(list, zip(*of, strict=True)))
    return {row["id"]: Pressure(row["systolic_mmhg"], row["diastolic_mmhg"]) for row in rows}


def minutes(reach: Reach, pressure: Pressure | None, never: tuple[int, int]) -> int:
    """How long the page of a new blood-pressure alert may wait for this patient; 0: not at all.

    The caller has made sure that the patient can be texted and that one reading crossed, not two.
    """
    if pressure is None or pressure.systolic >= never[0] or pressure.diastolic >= never[1]:
        return 0
    if reach.pregnancy or reach.in_danger or reach.highs > 1:
        return 0
    return min(reach.waits_minutes, AT_MOST)


# Setting of 2026-11-22, for clinical sign-off. A validated cuff may be off by 5 mmHg on average (ISO 81060-2).
CUFF_MARGIN = 5


def clear(pressure: Pressure, limits: Iterable[Limit]) -> bool:
    """Both numbers are further than a cuff's error below each high limit: 178/118 is not clear of 180/120."""
    numbers = {"systolic_mmhg": pressure.systolic, "diastolic_mmhg": pressure.diastolic}
    return not any(
        CROSSES[one.side](numbers[one.metric] + CUFF_MARGIN, one.value)
        for one in limits
        if one.metric in numbers and one.severity == "high" and one.side in UPPER
    )


HOLD = """
    UPDATE alert a SET page_not_before = n.until
      FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS n (patient_id, id, until)
     WHERE a.patient_id = n.patient_id AND a.id = n.id AND a.status = 'open' AND a.severity = 'high'
    RETURNING a.id
"""


async def hold(db: Db, pages: Sequence[tuple[uuid.UUID, uuid.UUID, datetime]]) -> set[uuid.UUID]:
    """Let the pages of these (patient, alert) wait until then; the ids of those that do."""
    if not pages:
        return set()
    return {row["id"] for row in await db.fetch(HOLD, *map(list, zip(*pages, strict=True)))}


# What somebody else moves now is left to them: whoever judges a reading must wait for nobody here.
LET_GO = """
    WITH waiting AS MATERIALIZED (
        SELECT patient_id, id FROM alert
         WHERE patient_id = ANY($1) AND page_not_before IS NOT NULL AND ($2::uuid IS NULL OR id = $2)
         ORDER BY patient_id, id FOR UPDATE SKIP LOCKED)
    UPDATE alert a SET page_not_before = NULL
      FROM waiting w WHERE a.patient_id = w.patient_id AND a.id = w.id
    RETURNING a.id, a.organization_id, a.patient_id, a.rule_id, a.severity, a.status, a.age, a.unconfirmed,
              false AS opened
"""


async def let_go(db: Db, patients: Sequence[uuid.UUID], alert: uuid.UUID | None = None) -> list[Episode]:
    """End the waiting of these patients' pages, or of one alert's; who gets them writes the pages in this commit."""
    return [Episode(**row) for row in await db.fetch(LET_GO, sorted(set(patients)), alert)]


LOWER = """
    UPDATE alert SET severity = 'medium', page_not_before = NULL
     WHERE patient_id = $1 AND id = $2 AND status = 'open' AND severity = 'high' AND page_not_before IS NOT NULL
    RETURNING true
"""


async def lower(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> bool:
    """High becomes medium, after a better reading and before anybody was paged; it stays open to be reviewed."""
    return await db.fetchval(LOWER, patient, alert) is True
