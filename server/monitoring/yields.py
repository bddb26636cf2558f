"""What came of each rule's alerts: how many led to something, how soon they were taken, who carries them and when."""

import uuid
from datetime import datetime, timedelta
from typing import Final

import msgspec

from server.db.pool import Db
from server.monitoring.retrospective import CODE as OLDER_READINGS

ENOUGH: Final = 10  # fewer than so many say nothing about a share or a median
ACTIONABLE: Final = ["contacted_patient", "medication_changed", "visit_arranged", "sent_to_emergency"]
WITHOUT_ACTION: Final = ["technical", "no_action_needed"]
REVIEW_AFTER: Final = 5
REVIEW_DAYS: Final = timedelta(days=30)


class Yield(msgspec.Struct, frozen=True, kw_only=True):
    """Of one rule in a span. `ended` of `alerts` have an outcome; seconds from opening to the first who took it."""

    rule_id: uuid.UUID
    name: str
    alerts: int
    high: int
    ended: int
    actionable: int
    technical: int
    no_action: int
    taken: int
    median_seconds: float | None
    p90_seconds: float | None

    @property
    def share(self) -> float | None:
        """Of those that ended, how many led to something; None when they are too few to say."""
        return self.actionable / self.ended if self.ended >= ENOUGH else None

    @property
    def timed(self) -> bool:
        return self.taken >= ENOUGH


# A patient whom the asker does not see (the synthetic one) is left out by the row policies of `patient`. What returned
# and was taken again was taken the first time; of older alerts only the last is known.
PER_RULE = """
    SELECT r.id AS rule_id, r.name, count(*) AS alerts, count(*) FILTER (WHERE a.severity = 'high') AS high,
           count(*) FILTER (WHERE a.outcome IS NOT NULL) AS ended,
           count(*) FILTER (WHERE a.outcome = ANY($4)) AS actionable,
           count(*) FILTER (WHERE a.outcome = 'technical') AS technical,
           count(*) FILTER (WHERE a.outcome = 'no_action_needed') AS no_action,
           count(t.taken_at) AS taken,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.taken_at - a.opened_at))
               FILTER (WHERE t.taken_at IS NOT NULL) AS median_seconds,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM t.taken_at - a.opened_at))
               FILTER (WHERE t.taken_at IS NOT NULL) AS p90_seconds
      FROM alert a
      CROSS JOIN LATERAL (SELECT coalesce(a.first_acknowledged_at, a.acknowledged_at) AS taken_at) t
      JOIN rule r ON r.id = a.rule_id AND r.code <> $3
      JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
     WHERE a.opened_at > $1 AND a.opened_at <= $2
     GROUP BY r.id, r.name
     ORDER BY count(*) DESC, r.name
"""


async def per_rule(db: Db, since: datetime, now: datetime) -> list[Yield]:
    """Of the asker's organization, alerts opened in the span, the loudest rule first."""
    return [Yield(**dict(row)) for row in await db.fetch(PER_RULE, since, now, OLDER_READINGS, ACTIONABLE)]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts by the hour of day at which they opened, on the organization's clock. Without a name: nobody took them."""

    name: str | None
    hours: list[int]

    @property
    def total(self) -> int:
        return sum(self.hours)


LOADS = """
    SELECT s.id, s.name, extract(hour FROM a.opened_at AT TIME ZONE $3)::int AS hour, count(*)
      FROM alert a
      JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
      LEFT JOIN staff s ON s.id = coalesce(a.first_acknowledged_by, a.acknowledged_by)
     WHERE a.opened_at > $1 AND a.opened_at <= $2
     GROUP BY s.id, s.name, 3
     ORDER BY s.name NULLS LAST, s.id, 3
"""


async def loads(db: Db, since: datetime, now: datetime, zone: str) -> list[Load]:
    """Who took first the alerts that opened at which hour of the day; whoever took most first."""
    found: dict[tuple[uuid.UUID | None, str | None], list[int]] = {}
    for person, name, hour, count in await db.fetch(LOADS, since, now, zone):
        found.setdefault((person, name), [0] * 24)[hour] += count
    rows = [Load(name=name, hours=hours) for (_, name), hours in found.items()]
    return sorted(rows, key=lambda one: (one.name is None, -one.total))


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A patient whose alerts of a rule keep ending without action: perhaps their limit does not fit."""

    patient_id: uuid.UUID
    patient: str
    rule_id: uuid.UUID
    rule: str
    without_action: int
    with_action: int
    last_at: datetime
    own_limits: int


REVIEWS = """
    SELECT p.id AS patient_id, p.given_name || ' ' || p.family_name AS patient, r.id AS rule_id, r.name AS rule,
           count(*) FILTER (WHERE a.outcome = ANY($4)) AS without_action,
           count(*) FILTER (WHERE a.outcome <> ALL($4)) AS with_action, max(a.resolved_at) AS last_at,
           (SELECT count(*) FROM patient_limit l
             WHERE l.patient_id = p.id AND l.rule_id = r.id AND l.valid_from <= $2
               AND (l.valid_to IS NULL OR l.valid_to > $2)) AS own_limits
      FROM alert a
      JOIN rule r ON r.id = a.rule_id AND r.code <> $3
      JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
     WHERE a.resolved_at > $1 AND a.resolved_at <= $2 AND a.outcome IS NOT NULL
     GROUP BY p.id, p.given_name, p.family_name, r.id, r.name
    HAVING count(*) FILTER (WHERE a.outcome = ANY($4)) >= $5
     ORDER BY without_action DESC, patient, rule LIMIT 100
"""


async def reviews(db: Db, now: datetime) -> list[Review]:
    """Patients whose alerts of one rule ended at least five times in thirty days without action, the most first."""
    asked = (now - REVIEW_DAYS, now, OLDER_READINGS, WITHOUT_ACTION, REVIEW_AFTER)
    return [Review(**dict(row)) for row in await db.fetch(REVIEWS, *asked)]
