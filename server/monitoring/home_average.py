"""A patient's home average, week by week, as its rule counts it: a number, or how much is lacking for one."""

import uuid
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from server.db.pool import Db
from server.monitoring import averages, parameters, points
from server.monitoring.averages import Mean, NotEnough
from server.monitoring.parameters import Average
from server.monitoring.windows import METRICS

WEEK = timedelta(days=7)


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """`over`: no reading is to come any more. `mean` is what the rule itself would judge."""

    vital: str
    metrics: tuple[str, ...]
    monday: date
    over: bool
    mean: Mean | NotEnough

    @property
    def lacking(self) -> tuple[int, int]:
        """(readings, days) that are still needed; none where there is a number."""
        if isinstance(self.mean, Mean):
            return 0, 0
        return max(0, self.mean.needs_readings - self.mean.count), max(0, self.mean.needs_days - self.mean.days)


RULES = """
    SELECT DISTINCT r.vital, v.parameters::text
      FROM enrolment e
      JOIN programme_rule pr ON pr.programme_id = e.programme_id
      JOIN rule r ON r.id = pr.rule_id AND r.kind = 'average'
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
     WHERE e.patient_id = $1 AND e.valid_to IS NULL
     ORDER BY r.vital
"""


async def weeks(db: Db, patient: uuid.UUID, zone: ZoneInfo, now: datetime) -> list[Week]:
    """This week and the one before, of each vital that a programme of theirs averages; `zone` is the patient's."""
    rules = await db.fetch(RULES, patient)
    if not rules:
        return []
    today = now.astimezone(zone).date()
    this = today - timedelta(days=today.weekday())
    since = datetime.combine(this - WEEK - timedelta(days=1), time(0), zone)
    measured = (await points.of_patients(db, [patient], [since]))[patient]
    found = []
    for vital, raw in rules:
        needs, metrics = parameters.decode(raw), METRICS.get(vital, ())
        if isinstance(needs, Average):
            for monday in (this, this - WEEK):
                mean = averages.mean(measured, monday, monday + WEEK - timedelta(days=1), needs, metrics)
                found.append(Week(vital=vital, metrics=metrics, monday=monday, over=monday < this, mean=mean))
    return found
