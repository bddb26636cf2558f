"""The weeks of a team's roster: its shifts, who is away, whom it names, and which weeks are declared complete."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from server.db.pool import Db
from server.people.coverage import Span

UNDO_WITHIN = timedelta(hours=24)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A shift as the roster shows it; `reachable`: its person can be paged."""

    id: uuid.UUID
    staff_id: uuid.UUID
    name: str
    reachable: bool
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None


LISTED = """
    SELECT sh.id, sh.staff_id, s.name, s.phone IS NOT NULL AND s.disabled_at IS NULL AS reachable, sh.starts_at,
           sh.ends_at, sh.cancelled_at
      FROM shift sh JOIN staff s ON s.id = sh.staff_id
     WHERE sh.team_id = $1 AND sh.starts_at < $3 AND sh.ends_at > $2
       AND (sh.cancelled_at IS NULL OR sh.cancelled_at > $4)
     ORDER BY sh.starts_at, s.name, sh.id
"""


async def listed(db: Db, team: uuid.UUID, window: Span, now: datetime) -> list[Listed]:
    """Shifts that touch the window; those removed in the last day too, so they can be put back."""
    return [Listed(**dict(row)) for row in await db.fetch(LISTED, team, *window, now - UNDO_WITHIN)]


CLASH = """
    SELECT EXISTS (SELECT FROM shift WHERE team_id = $1 AND staff_id = $2 AND starts_at < $4 AND ends_at > $3
                      AND cancelled_at IS NULL)
"""


async def clashes(db: Db, team: uuid.UUID, staff: uuid.UUID, span: Span) -> bool:
    """Is this person on the team's roster in some of that time already?"""
    return bool(await db.fetchval(CLASH, team, staff, *span))


CANCEL = "UPDATE shift SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL RETURNING team_id"


async def cancel(db: Db, shift: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """The team it was removed from; None when it is gone already."""
    team: uuid.UUID | None = await db.fetchval(CANCEL, shift, now)
    return team


RESTORE = "UPDATE shift SET cancelled_at = NULL WHERE id = $1 AND cancelled_at > $2 RETURNING team_id"


async def restore(db: Db, shift: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """The team it is back in; None when it was not removed, or longer than a day ago."""
    team: uuid.UUID | None = await db.fetchval(RESTORE, shift, now - UNDO_WITHIN)
    return team


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is not to be paged from–to, whatever the roster says."""

    id: uuid.UUID
    staff_id: uuid.UUID
    name: str
    starts_at: datetime
    ends_at: datetime


AWAY = """
    SELECT t.id, t.staff_id, s.name, t.starts_at, t.ends_at FROM time_off t JOIN staff s ON s.id = t.staff_id
     WHERE t.cancelled_at IS NULL AND t.ends_at > $1 ORDER BY t.starts_at, s.name, t.id
"""


async def away(db: Db, since: datetime) -> list[Away]:
    """Time off that has not ended by then, of the whole organization."""
    return [Away(**dict(row)) for row in await db.fetch(AWAY, since)]


ADD_AWAY = """
    INSERT INTO time_off (id, organization_id, staff_id, starts_at, ends_at)
    SELECT $1, s.organization_id, s.id, $3, $4 FROM staff s WHERE s.id = $2 RETURNING true
"""


async def add_away(db: Db, time_off: uuid.UUID, staff: uuid.UUID, span: Span) -> bool:
    """False when there is no such person."""
    return await db.fetchval(ADD_AWAY, time_off, staff, *span) is True


END_AWAY = "UPDATE time_off SET cancelled_at = $2 WHERE id = $1 AND cancelled_at IS NULL RETURNING true"


async def end_away(db: Db, time_off: uuid.UUID, now: datetime) -> bool:
    """False when it is gone already."""
    return await db.fetchval(END_AWAY, time_off, now) is True


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a team names for its third step, and for when nobody is on shift."""

    charge_nurse_id: uuid.UUID | None
    fallback_id: uuid.UUID | None


NAMED = "SELECT charge_nurse_id, fallback_id FROM team WHERE id = $1"


async def named(db: Db, team: uuid.UUID) -> Named | None:
    """None when there is no such team."""
    row = await db.fetchrow(NAMED, team)
    return Named(**dict(row)) if row else None


NAME = "UPDATE team SET charge_nurse_id = $2, fallback_id = $3 WHERE id = $1 RETURNING true"


async def name(db: Db, team: uuid.UUID, who: Named) -> bool:
    """False when there is no such team."""
    return await db.fetchval(NAME, team, who.charge_nurse_id, who.fallback_id) is True


PUBLISH = """
    INSERT INTO roster_week (team_id, monday, organization_id, published_at, published_by)
    SELECT id, $2, organization_id, $4, $3 FROM team WHERE id = $1
    ON CONFLICT (team_id, monday) DO NOTHING RETURNING true
"""


async def publish(db: Db, team: uuid.UUID, monday: date, by: uuid.UUID, now: datetime) -> bool:
    """False when it was published before."""
    return await db.fetchval(PUBLISH, team, monday, by, now) is True


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A week of a team that somebody declared complete."""

    organization_id: uuid.UUID
    team_id: uuid.UUID
    team: str
    monday: date
    zone: str
    published_at: datetime
    published_by: str


PUBLISHED = """
    SELECT w.organization_id, w.team_id, t.name AS team, w.monday, k.zone, w.published_at, s.name AS published_by
      FROM roster_week w JOIN team t ON t.id = w.team_id JOIN team_clock k ON k.team_id = t.id
      JOIN staff s ON s.id = w.published_by
     WHERE w.monday = ANY($1::date[]) AND ($2::uuid IS NULL OR w.team_id = $2)
     ORDER BY w.team_id, w.monday
"""


async def published(db: Db, mondays: Sequence[date], team: uuid.UUID | None = None) -> list[Published]:
    """Of one team, or of all."""
    return [Published(**dict(row)) for row in await db.fetch(PUBLISHED, list(mondays), team)]


PUBLISHED_SINCE = "SELECT EXISTS (SELECT FROM roster_week WHERE team_id = $1 AND monday >= $2)"


async def published_since(db: Db, team: uuid.UUID, monday: date) -> bool:
    """Is that week of the team, or a later one, declared complete?"""
    return bool(await db.fetchval(PUBLISHED_SINCE, team, monday))


class Unpublished(msgspec.Struct, frozen=True, kw_only=True):
    """A week that nobody declared complete, of a team with patients to watch."""

    organization_id: uuid.UUID
    team_id: uuid.UUID
    team: str
    monday: date
    zone: str


UNPUBLISHED = """
    SELECT t.organization_id, t.id AS team_id, t.name AS team, d.monday, k.zone
      FROM team t JOIN organization o ON o.id = t.organization_id AND o.state = 'live'
      JOIN team_clock k ON k.team_id = t.id
      CROSS JOIN unnest($1::date[]) AS d (monday)
     WHERE NOT EXISTS (SELECT FROM roster_week w WHERE w.team_id = t.id AND w.monday = d.monday)
       AND EXISTS (SELECT FROM patient p WHERE p.team_id = t.id AND NOT p.synthetic AND p.monitoring_status = 'active')
     ORDER BY t.id, d.monday
"""


async def unpublished(db: Db, mondays: Sequence[date]) -> list[Unpublished]:
    """Of live organizations, the earliest week of a team first."""
    return [Unpublished(**dict(row)) for row in await db.fetch(UNPUBLISHED, list(mondays))]
