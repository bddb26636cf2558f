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
DRY = " Check the dry weight too: it was set on another scale."
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


TO_ASK = """
    SELECT n.device_id,
           EXISTS (SELECT FROM patient_limit o JOIN rule r ON r.id = o.rule_id AND r.kind = 'crossing'
                    WHERE o.patient_id = n.patient_id AND o.metric = $6 AND o.valid_from < n.since
                      AND (o.valid_to IS NULL OR o.valid_to > $7)) AS dry
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
           AS n (organization_id, patient_id, device_id, since)
     WHERE NOT EXISTS (SELECT FROM alarm a
                        WHERE a.organization_id = n.organization_id AND a.kind = $5 AND a.subject = n.device_id
                          AND a.opened_at >= n.since)
"""


async def to_ask(db: Db, new: Sequence[tuple[uuid.UUID, uuid.UUID, Scale]], now: datetime) -> list[Alarm]:
    """Alarms for those (organization, patient, scale) nobody was asked about yet; what staff closed stays closed."""
    fresh = {one.device_id: (organization, patient, one) for organization, patient, one in new if not one.known}
    if not fresh:
        return []
    columns = zip(*((of, patient, one.device_id, one.since) for of, patient, one in fresh.values()), strict=True)
    return [
        Alarm(
            organization_id=fresh[row["device_id"]][0], kind=KIND, subject=row["device_id"], severity="low",
            says=SAYS + DRY if row["dry"] else SAYS,
        )
        for row in await db.fetch(TO_ASK, *map(list, columns), KIND, METRIC, now)
    ]  # fmt: skip


# Another scale was there before its first weight: the first scale of all is no other one.
SINCE = """
    SELECT r.device_id, min(r.measured_at) AS since
      FROM reading r
     WHERE r.patient_id = $1 AND r.measured_at > $2 AND r.source = 'device' AND r.weight_kg IS NOT NULL
     GROUP BY r.device_id
    HAVING NOT EXISTS (SELECT FROM reading w
                        WHERE w.patient_id = $1 AND w.measured_at <= $2 AND w.device_id = r.device_id
                          AND w.weight_kg IS NOT NULL)
       AND EXISTS (SELECT FROM reading w
                    WHERE w.patient_id = $1 AND w.measured_at < min(r.measured_at) AND w.device_id <> r.device_id
                      AND w.source = 'device' AND w.weight_kg IS NOT NULL)
     ORDER BY since
"""


async def since(db: Db, patient: uuid.UUID, then: datetime) -> dict[str, datetime]:
    """By scale its first weight, of those that came after `then` in another one's place; the newest is the last."""
    return {row["device_id"]: row["since"] for row in await db.fetch(SINCE, patient, then)}
