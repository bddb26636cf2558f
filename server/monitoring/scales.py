"""A new scale restarts a patient's baseline: its first weight compares with nothing, so a second one is asked for."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import msgspec

from server.db.pool import Db
from server.monitoring.alarms import Alarm
from server.monitoring.points import Point

KIND = "new_scale"
METRIC = "weight_kg"
FRESH = timedelta(days=7)  # later nobody remembers the day
SAYS = (
    "A patient's first weight on another scale. Gains are counted from here, so the start has to be right: ask them to "
    "weigh again on it. It closes by itself when a second weight comes."
)
WEIGHED = "Closed by itself: a second weight came."


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """A scale that came after another one. `known`: it has two weights, or its first is no news."""

    device_id: str
    since: datetime
    known: bool


def replaced(points: Iterable[Point], today: date) -> list[Scale]:
    """The scales of a patient but the first, by their first weight; pure."""
    by_device: dict[str, list[Point]] = {}
    for p in sorted(points, key=lambda p: (p.measured_at, p.id)):
        if METRIC in p.values and p.device_id is not None:
            by_device.setdefault(p.device_id, []).append(p)
    return [
        Scale(
            device_id=device, since=of[0].measured_at, known=len(of) > 1 or of[0].local_date < today - FRESH,
        )
        for device, of in list(by_device.items())[1:]
    ]  # fmt: skip


ASKED = """
    SELECT n.device_id FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS n (organization_id, device_id, since)
     WHERE EXISTS (SELECT FROM alarm a
                    WHERE a.organization_id = n.organization_id AND a.kind = $4 AND a.subject = n.device_id
                      AND a.opened_at >= n.since)
"""


async def to_ask(db: Db, new: Sequence[tuple[uuid.UUID, Scale]]) -> list[Alarm]:
    """Alarms for those (organization, scale) nobody was asked about yet; what staff closed stays closed."""
    fresh = [(organization, one) for organization, one in new if not one.known]
    if not fresh:
        return []
    columns = zip(*((organization, one.device_id, one.since) for organization, one in fresh), strict=True)
    asked = {row["device_id"] for row in await db.fetch(ASKED, *map(list, columns), KIND)}
    return [
        Alarm(organization_id=organization, kind=KIND, subject=one.device_id, severity="low", says=SAYS)
        for organization, one in fresh
        if one.device_id not in asked
    ]
