"""Older readings: whatever crossed a limit more than a day before it came is one item per patient, looked at in calm.

Such an item is an alert like any other, of a rule that has no limits and no version: each finding in it keeps the rule
it crossed. Nobody is paged for it and its severity is medium at most (promise 5: late is not live).
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.findings import Severity, Side, older_readings

CODE = "retrospective"
NAME = "Older readings"
WORST: Severity = "medium"


MAKE = """
    INSERT INTO rule (id, organization_id, code, name, vital)
    SELECT n.id, n.organization_id, $3, $4, $3 FROM unnest($1::uuid[], $2::uuid[]) AS n (id, organization_id)
    ON CONFLICT DO NOTHING
"""


async def make_rules(db: Db, organizations: Iterable[uuid.UUID]) -> None:
    """See to it that these organizations have the rule; one that has it costs a look at an index."""
    wanted = sorted(set(organizations))
    if wanted:
        await db.execute(MAKE, [older_readings(one) for one in wanted], wanted, CODE, NAME)


class Crossed(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule has in the item; `days` is a count per day, oldest first, and `out_of_range` a meter's HI or LO.

    `worst` is in the metric's canonical unit and the most extreme on the side of the limit; `in_doubt` of `count` rest
    on readings that still wait for a person.
    """

    alert_id: uuid.UUID
    title: str
    vital: str
    metric: str
    side: Side
    severity: Severity
    count: int
    in_doubt: int
    worst: Decimal | None
    out_of_range: Literal["above", "below"] | None
    first_at: datetime
    last_at: datetime
    days: list[int]


SUMMARY = """
    WITH held_ids AS (SELECT id FROM held WHERE resolved_at IS NULL AND patient_id = $1),
    crossed AS (
        SELECT f.alert_id, f.rule_id, f.metric, f.side, f.value, f.severity, f.measured_at,
               EXISTS (SELECT 1 FROM held_ids h WHERE h.id::text = f.anchor) AS in_doubt,
               date_bin('1 day', f.measured_at, min(f.measured_at) OVER w) AS day
          FROM finding f JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id
         WHERE f.patient_id = $1 AND f.age = 'historic' AND f.superseded_at IS NULL
           AND a.rule_id = $2 AND a.status <> 'resolved'
        WINDOW w AS (PARTITION BY f.alert_id)),
    per_day AS (
        SELECT c.alert_id, c.rule_id, c.side, c.metric, d.day, count(x.rule_id)
          FROM (SELECT DISTINCT alert_id, rule_id, side, metric FROM crossed) c
          JOIN (SELECT alert_id, generate_series(min(day), max(day), interval '1 day') AS day
                  FROM crossed GROUP BY alert_id) d USING (alert_id)
          LEFT JOIN crossed x USING (alert_id, rule_id, side, metric, day)
         GROUP BY c.alert_id, c.rule_id, c.side, c.metric, d.day)
    SELECT c.alert_id, r.name AS title, r.vital, c.metric, c.side, count(*) AS count,
           count(*) FILTER (WHERE c.in_doubt) AS in_doubt,
           CASE WHEN bool_or(c.severity = 'high') THEN 'high' WHEN bool_or(c.severity = 'medium') THEN 'medium'
                ELSE 'low' END AS severity,
           CASE WHEN c.side IN ('above', 'at_or_above') THEN max(c.value) ELSE min(c.value) END AS worst,
           CASE WHEN bool_and(c.value IS NOT NULL) THEN NULL
                WHEN c.side IN ('above', 'at_or_above') THEN 'above' ELSE 'below' END AS out_of_range,
           min(c.measured_at) AS first_at, max(c.measured_at) AS last_at,
           (SELECT array_agg(p.count ORDER BY p.day) FROM per_day p
             WHERE (p.alert_id, p.rule_id, p.side, p.metric) = (c.alert_id, c.rule_id, c.side, c.metric)) AS days
      FROM crossed c JOIN rule r ON r.id = c.rule_id
     GROUP BY c.alert_id, c.rule_id, r.name, r.vital, c.metric, c.side
     ORDER BY bool_or(c.severity = 'high') DESC, count(*) DESC, r.name, c.metric
"""


async def summary(db: Db, organization: uuid.UUID, patient: uuid.UUID) -> list[Crossed]:
    """What crossed, of the patient's item that is not resolved yet; the most severe rule first."""
    return [Crossed(**dict(row)) for row in await db.fetch(SUMMARY, patient, older_readings(organization))]
