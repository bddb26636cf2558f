"""A device is silent when nothing of it reached the server for too long; what its own clock says counts for nothing."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from server.db.pool import Db
from server.monitoring.alarms import Alarm

KIND = "device_silent"


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A watched device nothing came from in its `after_hours`; `heard_at` is None when nothing ever did.

    `lent_at` is when a patient who is monitored now got it, or is monitored again (`back`): silence before that is
    nobody's. `resting`: staff resolved its alarm less than `after_hours` ago.
    """

    device_id: str
    organization_id: uuid.UUID
    hub_id: str | None
    heard_at: datetime | None
    lent_at: datetime
    after_hours: int
    back: bool = False
    resting: bool = False

    @property
    def since(self) -> datetime:
        return max(self.lent_at, self.heard_at) if self.heard_at else self.lent_at


# Watched: what an actively monitored patient has on loan now, and the hubs such devices speak through. A hub need not
# speak more often than its most talkative device. What staff resolved rests as long as a silence must last.
SILENT = """
    WITH lent AS (
        SELECT d.id, d.organization_id, d.hub_id, m.silent_after_hours AS own_hours,
               min(greatest(coalesce(lower(l.lent), d.registered_at), p.rebaseline_from)) AS lent_at,
               bool_and(coalesce(p.rebaseline_from > coalesce(lower(l.lent), d.registered_at), false)) AS back
          FROM loan l
          JOIN patient p ON p.id = l.patient_id AND p.monitoring_status = 'active' AND NOT p.synthetic
          JOIN device d ON d.id = l.device_id AND d.disabled_at IS NULL
          JOIN device_model m ON m.id = d.model_id
         WHERE l.lent @> $1::timestamptz
         GROUP BY d.id, m.silent_after_hours),
    behind AS (
        SELECT hub_id AS id, min(lent_at) AS lent_at, bool_and(back) AS back, min(coalesce(own_hours, $2)) AS hours
          FROM lent WHERE hub_id IS NOT NULL GROUP BY hub_id),
    watched AS (
        SELECT d.id, d.organization_id, d.hub_id, least(l.lent_at, b.lent_at) AS lent_at,
               coalesce(l.back, b.back) AS back, coalesce(m.silent_after_hours, b.hours, $2) AS after_hours
          FROM lent l FULL JOIN behind b USING (id)
          JOIN device d ON d.id = coalesce(l.id, b.id) AND d.disabled_at IS NULL
          JOIN device_model m ON m.id = d.model_id)
    SELECT w.id AS device_id, w.organization_id, w.hub_id, s.last_seen_at AS heard_at, w.lent_at, w.back, w.after_hours,
           EXISTS (SELECT 1 FROM alarm a
                    WHERE a.organization_id = w.organization_id AND a.kind = $3 AND a.subject = w.id
                      AND a.resolved_by IS NOT NULL
                      AND a.resolved_at > $1 - make_interval(hours => w.after_hours)) AS resting
      FROM watched w
      LEFT JOIN device_state s ON s.device_id = w.id
     WHERE greatest(s.last_seen_at, w.lent_at) < $1 - make_interval(hours => w.after_hours)
     ORDER BY w.id
"""


async def unheard(db: Db, default_hours: int, now: datetime) -> list[Silent]:
    """Devices and hubs that sent nothing themselves for as long as their model allows."""
    return [Silent(**dict(row)) for row in await db.fetch(SILENT, now, default_hours, KIND)]


# A hub's own device may be known only by its readings. They are looked for where its loans can have put them, and only
# for the few that seem silent.
THROUGH_HUB = """
    SELECT asked.id, max(came.received_at) AS heard_at
      FROM unnest($1::text[]) AS asked (id)
      JOIN loan l ON l.device_id = asked.id AND l.lent @> $2::timestamptz
     CROSS JOIN LATERAL (
           SELECT r.received_at FROM reading r
            WHERE r.patient_id = l.patient_id AND r.device_id = asked.id AND r.source = 'device'
              AND r.measured_at >= coalesce(lower(l.lent), '-infinity')
           UNION ALL
           SELECT h.received_at FROM held h WHERE h.device_id = asked.id AND h.received_at >= $3) AS came
     GROUP BY asked.id
"""
LONGEST = timedelta(days=365)


async def heard_through_hub(db: Db, devices: Sequence[str], now: datetime) -> dict[str, datetime]:
    """When the server last got something these devices measured, by whichever sender."""
    rows = await db.fetch(THROUGH_HUB, devices, now, now - LONGEST) if devices else []
    return {row["id"]: row["heard_at"] for row in rows}


def still_silent(unheard: Sequence[Silent], heard: Mapping[str, datetime], now: datetime) -> list[Silent]:
    """Without those that were heard through their hub in time."""
    known = [msgspec.structs.replace(one, heard_at=_later(one.heard_at, heard.get(one.device_id))) for one in unheard]
    return [one for one in known if one.since < now - timedelta(hours=one.after_hours)]


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What to speak of: how many silent devices are behind it, and whether it is itself behind a hub that is silent."""

    silent: Silent
    behind_it: int = 0
    is_behind: bool = False


def spoken_of(silent: Sequence[Silent]) -> list[Spoken]:
    """All but what rests; who rests a hub rests what is silent behind it."""
    hubs = {one.device_id: one for one in silent}
    behind = Counter(one.hub_id for one in silent)
    return [
        Spoken(silent=one, behind_it=behind[one.device_id], is_behind=one.hub_id in hubs)
        for one in silent
        if not one.resting and not (one.hub_id in hubs and hubs[one.hub_id].resting)
    ]


def alarm(spoken: Spoken, now: datetime) -> Alarm:
    """Medium: a silent cuff hurts nobody at once, but nobody would notice either."""
    return Alarm(
        organization_id=spoken.silent.organization_id, kind=KIND, subject=spoken.silent.device_id, severity="medium",
        says=says(spoken, now),
    )  # fmt: skip


def says(spoken: Spoken, now: datetime) -> str:
    """Since when, and what to do; in whole hours or days, so that the words change once a day at most."""
    one, hides = spoken.silent, spoken.behind_it
    what = "hub" if hides else "device"
    ago = lasting(now - one.since)
    begin = f"This {what} was lent {ago} ago and has sent nothing since."
    if one.heard_at and one.heard_at >= one.lent_at:
        begin = f"This {what} has sent nothing for {ago}."
    elif one.back:
        begin = f"This {what} has sent nothing in the {ago} since its patient is monitored again."
    if spoken.is_behind:
        return f"{begin} Its hub {one.hub_id} is silent too: see that alarm first. {CLOSES}"
    behind = f" {hides} {'device that speaks' if hides == 1 else 'devices that speak'} through it" if hides else ""
    also = f"{behind} {'is' if hides == 1 else 'are'} silent too." if hides else ""
    return f"{begin}{also} Call the patient: is it plugged in or charged, near its network, and used? {CLOSES}"


CLOSES = "It closes by itself when something comes."


def lasting(span: timedelta) -> str:
    """ "30 hours", from two days on "3 days"."""
    hours = span // timedelta(hours=1)
    if hours >= 48:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm of silence that is not resolved; `heard` when its device itself was heard after it was raised."""

    organization_id: uuid.UUID
    device_id: str
    heard: bool


STANDING = """
    SELECT a.organization_id, a.subject AS device_id, coalesce(s.last_seen_at > a.opened_at, false) AS heard
      FROM alarm a LEFT JOIN device_state s ON s.device_id = a.subject
     WHERE a.kind = $1 AND a.status <> 'resolved'
     ORDER BY a.organization_id, a.subject
"""


async def standing(db: Db) -> list[Standing]:
    return [Standing(**dict(row)) for row in await db.fetch(STANDING, KIND)]


Why = Literal["heard", "hub", "unwatched"]


def over(one: Standing, silent: Collection[str], heard: Collection[str]) -> Why:
    """Why an alarm that is no longer called for ends: heard again, at rest with its hub, or nobody's to watch."""
    if one.device_id in silent:
        return "hub"
    return "heard" if one.heard or one.device_id in heard else "unwatched"


RESOLVE_BEHIND = """
    UPDATE alarm a SET status = 'resolved', resolved_by = $2, resolved_at = $3, note = $4
      FROM alarm hub JOIN device d ON d.hub_id = hub.subject
     WHERE hub.id = $1 AND hub.kind = $5 AND a.organization_id = hub.organization_id AND a.kind = $5
       AND a.subject = d.id AND a.status <> 'resolved'
    RETURNING a.id
"""


async def resolve_behind(db: Db, hub: uuid.UUID, by: uuid.UUID, note: str, now: datetime) -> list[uuid.UUID]:
    """With a hub's alarm those folded under it are answered too; the ids of these."""
    return [row["id"] for row in await db.fetch(RESOLVE_BEHIND, hub, by, now, note, KIND)]
