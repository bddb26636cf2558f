"""Days without working hours: entered by the clinic, never assumed; the US federal ones can be offered."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from server.db.pool import Db

DAY = timedelta(days=1)
MONDAY, THURSDAY = 0, 3


class Holiday(msgspec.Struct, frozen=True, kw_only=True):
    """`monitored`: somebody must be on shift all the same. Without a clinic it is every clinic's."""

    id: uuid.UUID
    organization_id: uuid.UUID
    clinic_id: uuid.UUID | None
    day: date
    name: str
    monitored: bool = False


ADD = """
    INSERT INTO holiday (id, organization_id, clinic_id, day, name, monitored)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::bool[])
    ON CONFLICT (organization_id, clinic_id, day) WHERE cancelled_at IS NULL DO NOTHING
    RETURNING id
"""


async def add(db: Db, days: Sequence[Holiday]) -> list[uuid.UUID]:
    """Ids of those that were not there yet."""
    columns = [[getattr(day, field) for day in days] for field in Holiday.__struct_fields__]
    return [row["id"] for row in await db.fetch(ADD, *columns)] if days else []


REMOVE = "UPDATE holiday SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL RETURNING true"


async def remove(db: Db, holiday: uuid.UUID, now: datetime) -> bool:
    """False when it is gone already."""
    return await db.fetchval(REMOVE, holiday, now) is True


LISTED = """
    SELECT id, organization_id, clinic_id, day, name, monitored FROM holiday
     WHERE cancelled_at IS NULL AND day >= $1 ORDER BY day, name, id
"""


async def listed(db: Db, since: date) -> list[Holiday]:
    """Of the whole organization, in order."""
    return [Holiday(**dict(row)) for row in await db.fetch(LISTED, since)]


# A clinic's own holiday is that of the teams on its clock; of a team on the organization's, when all of the team's
# patients are of that clinic.
OF_TEAMS = """
    SELECT t.id AS team_id, h.day, bool_or(h.monitored) AS monitored
      FROM team t JOIN holiday h ON h.organization_id = t.organization_id AND h.cancelled_at IS NULL
     WHERE t.id = ANY($1) AND h.day BETWEEN $2 AND $3
       AND (h.clinic_id IS NULL OR h.clinic_id = t.clinic_id
            OR t.clinic_id IS NULL
               AND EXISTS (SELECT FROM patient p WHERE p.team_id = t.id AND p.clinic_id = h.clinic_id)
               AND NOT EXISTS (SELECT FROM patient p WHERE p.team_id = t.id AND p.clinic_id <> h.clinic_id
                                  AND NOT p.synthetic))
     GROUP BY t.id, h.day
"""
AHEAD = 60 * DAY  # no run of closed days is longer


async def of_teams(db: Db, teams: Sequence[uuid.UUID], since: date) -> dict[uuid.UUID, dict[date, bool]]:
    """For each team its holidays of the next two months, and whether each is monitored all the same."""
    found: dict[uuid.UUID, dict[date, bool]] = {team: {} for team in teams}
    for row in await db.fetch(OF_TEAMS, list(found), since - DAY, since + AHEAD):
        found[row["team_id"]][row["day"]] = row["monitored"]
    return found


def federal(year: int) -> list[tuple[date, str]]:
    """The eleven holidays of 5 U.S.C. 6103(a), each on the day it is observed."""
    fixed = [
        (date(year, 1, 1), "New Year's Day"), (date(year, 6, 19), "Juneteenth"), (date(year, 7, 4), "Independence Day"),
        (date(year, 11, 11), "Veterans Day"), (date(year, 12, 25), "Christmas Day"),
    ]  # fmt: skip
    floating = [
        (_nth(year, 1, MONDAY, 3), "Martin Luther King Jr. Day"), (_nth(year, 2, MONDAY, 3), "Washington's Birthday"),
        (_nth(year, 6, MONDAY, 1) - 7 * DAY, "Memorial Day"), (_nth(year, 9, MONDAY, 1), "Labor Day"),
        (_nth(year, 10, MONDAY, 2), "Columbus Day"), (_nth(year, 11, THURSDAY, 4), "Thanksgiving Day"),
    ]  # fmt: skip
    return sorted([(observed(day), name) for day, name in fixed] + floating)


def observed(day: date) -> date:
    """A day off that falls on a weekend is moved to the nearest weekday (5 U.S.C. 6103(b), Executive Order 11582)."""
    return day + {5: -DAY, 6: DAY}.get(day.weekday(), timedelta())


def coming(today: date) -> list[tuple[date, str]]:
    """The federal holidays of the next twelve months."""
    until = today + 365 * DAY
    # New Year's Day of a year that begins on a Saturday is observed on the last day of the year before.
    found = [one for year in range(today.year, today.year + 3) for one in federal(year)]
    return [(day, name) for day, name in found if today <= day < until]


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (n - 1)) * DAY
