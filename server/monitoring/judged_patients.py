"""Whom a rule judges today: their programmes, their own limits, and when a measurement is awaited of them."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.monitoring import points, schedule, series_devices, series_rules
from server.monitoring.limits import Level
from server.monitoring.schedule import Window


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A patient in `programmes` that carry the rule, with the values of its levels that are their own."""

    patient_id: uuid.UUID
    zone: str
    programmes: list[uuid.UUID]
    own: dict[Level, Decimal]


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """The windows a patient was to keep, and whatever they measured: typed and held, too."""

    windows: tuple[Window, ...]
    measured: frozenset[datetime]


OF_RULE = """
    SELECT p.id AS patient_id, p.zone, array_agg(DISTINCT e.programme_id) AS programmes
      FROM enrolment e
      JOIN patient p ON p.id = e.patient_id AND NOT p.synthetic
     WHERE e.organization_id = $1 AND e.programme_id = ANY($2) AND (e.valid_to IS NULL OR e.valid_to > $3)
     GROUP BY p.id, p.zone
     ORDER BY p.id
"""
OWN = """
    SELECT patient_id, metric, side, severity, value FROM patient_limit
     WHERE organization_id = $1 AND rule_id = $2 AND (valid_to IS NULL OR valid_to > $3)
"""


async def of_rule(
    db: Db, organization: uuid.UUID, rule: uuid.UUID, programmes: Collection[uuid.UUID], now: datetime
) -> list[Judged]:
    """By id; few patients have limits of their own, so those of all are fetched at once."""
    own: dict[uuid.UUID, dict[Level, Decimal]] = {}
    for patient, *level, value in await db.fetch(OWN, organization, rule, now):
        own.setdefault(patient, {})[rule, *level] = value
    rows = await db.fetch(OF_RULE, organization, sorted(programmes), now)
    return [Judged(**dict(row), own=own.get(row["patient_id"], {})) for row in rows]


async def waits(
    db: Db, judged: Sequence[Judged], rule: uuid.UUID, vital: str, since: datetime, now: datetime
) -> dict[uuid.UUID, Waits]:
    """Of each patient who is actively monitored now; today's schedule is laid over the whole span.

    A patient could measure with a device on loan, or once they had measured this vital, as `flows.series` has it.
    """
    active = {one.id: one for one in await series_rules.patients(db, [j.patient_id for j in judged]) if one.active}
    ids = sorted(active)
    applying = await series_rules.of_patients(db, ids, now)
    lent = await series_devices.of_patients(db, ids, since)
    measured = await points.measured(db, ids, [since] * len(ids))
    found = {}
    for patient, one in active.items():
        expected = [x.expected for x in applying[patient] if x.rule.rule_id == rule]
        times = measured[patient].get(vital, [])
        begin = max(filter(None, [since, one.rebaseline_from]))
        zone = ZoneInfo(one.zone)
        days = begin.astimezone(zone).date(), now.astimezone(zone).date()
        every = [w for w in schedule.windows(expected[0] if expected else (), zone, *days) if w.opens >= begin]
        able = series_devices.able(every, vital, lent.get(patient, ()), min(times, default=None))
        found[patient] = Waits(windows=tuple(able), measured=frozenset(times))
    return found
