"""An experiment asks whether texts close gaps: a fixed share of patients is not texted; both groups are compared."""

import math
import uuid
from datetime import date, datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

Z = 1.959964  # two-sided 95 %


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """Of one measure; `hold_out_percent` of its patients are left alone from `starts_on` until before `ends_on`."""

    id: uuid.UUID
    measure: str
    hold_out_percent: int
    starts_on: date
    ends_on: date
    author: str
    stopped_at: datetime | None


BEGIN = """
    INSERT INTO experiment (id, organization_id, measure, hold_out_percent, starts_on, ends_on, author, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (organization_id, measure) WHERE stopped_at IS NULL DO NOTHING
    RETURNING id
"""


async def begin(
    db: Db, organization: uuid.UUID, measure: str, percent: int, starts_on: date, ends_on: date, author: str,
    now: datetime,
) -> uuid.UUID | None:  # fmt: skip
    """`None` when one of this measure runs already."""
    found: uuid.UUID | None = await db.fetchval(
        BEGIN, uuid7(), organization, measure, percent, starts_on, ends_on, author, now
    )
    return found


STOP = "UPDATE experiment SET stopped_at = $2 WHERE id = $1 AND stopped_at IS NULL RETURNING id"


async def stop(db: Db, experiment: uuid.UUID, now: datetime) -> bool:
    """True for the one who stopped it: everybody may be texted again."""
    return await db.fetchval(STOP, experiment, now) is not None


ALL = """
    SELECT id, measure, hold_out_percent, starts_on, ends_on, author, stopped_at FROM experiment
     ORDER BY stopped_at IS NOT NULL, starts_on DESC, id
"""


async def every(db: Db) -> list[Experiment]:
    """Running ones first."""
    return [Experiment(**dict(row)) for row in await db.fetch(ALL)]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Patients with a gap that was open when the experiment began or opened in it; `closed` of them by its end."""

    patients: int
    closed: int

    @property
    def share(self) -> float:
        return self.closed / self.patients if self.patients else 0.0


# Only gaps that an outreach could have reached: open at some time within the experiment.
GROUPS = """
    SELECT held_out(e.id, g.patient_id, e.hold_out_percent) AS left_alone, count(*)::int AS patients,
           count(*) FILTER (WHERE g.status = 'closed' AND g.closed_at < least(e.ends_on::timestamptz, $2, e.stopped_at)
                           )::int AS closed
      FROM experiment e
      JOIN gap g ON g.organization_id = e.organization_id AND g.measure = e.measure AND g.status <> 'excluded'
     WHERE e.id = $1 AND g.opened_at < least(e.ends_on::timestamptz, $2, e.stopped_at)
       AND (g.closed_at IS NULL OR g.closed_at >= e.starts_on::timestamptz)
     GROUP BY 1
"""


async def groups(db: Db, experiment: uuid.UUID, now: datetime) -> tuple[Group, Group]:
    """(texted, left alone)"""
    found = {row["left_alone"]: row for row in await db.fetch(GROUPS, experiment, now)}
    texted, alone = (
        Group(patients=row["patients"], closed=row["closed"])
        if (row := found.get(left))
        else Group(patients=0, closed=0)
        for left in (False, True)
    )
    return texted, alone


def difference(texted: Group, alone: Group) -> tuple[float, float, float] | None:
    """(how much more were closed, and the ends of its 95 % interval) after Newcombe; None while a group is empty.

    Newcombe RG. Interval estimation for the difference between independent proportions. Stat Med 1998;17:873 (10).
    """
    if not texted.patients or not alone.patients:
        return None
    (low_1, high_1), (low_2, high_2) = wilson(texted), wilson(alone)
    found = texted.share - alone.share
    low = found - math.hypot(texted.share - low_1, high_2 - alone.share)
    high = found + math.hypot(high_1 - texted.share, alone.share - low_2)
    return found, low, high


def wilson(group: Group) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson, honest for small groups and shares near 0 and 1."""
    n, p = group.patients, group.share
    middle, room = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, (middle - room) / (1 + Z * Z / n)), min(1.0, (middle + room) / (1 + Z * Z / n))
