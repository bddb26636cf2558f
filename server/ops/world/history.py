"""Sixty days of what the demo's people measured: mornings and evenings, missed days, and a few crossings."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices import bodies
from devices.bodies import Kind
from server.monitoring.alerts import Outcome
from server.ops.world.cast import READY, SEED, SILENT, Character

DAYS = 60
SILENT_SINCE_DAYS = 6

# At which local times (hour, minute, how often) each kind is measured.
HABITS: dict[Kind, tuple[tuple[int, int, float], ...]] = {
    "blood_pressure": ((7, 10, 0.95), (19, 30, 0.55)),
    "glucose": ((7, 20, 0.95), (13, 15, 0.6), (21, 40, 0.35)),
    "weight": ((6, 55, 0.95),),
    "spo2": ((8, 5, 0.9), (20, 10, 0.6)),
    "pulse": ((8, 10, 0.3),),
    "temperature": ((8, 20, 0.25),),
}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A crossing so many hours ago, answered after some minutes, or still standing."""

    who: int
    hours_ago: float
    minutes_to_answer: int | None
    outcome: Outcome | None = None
    note: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of one person; its number comes when all are in order."""

    who: int
    at: datetime
    fields: dict[str, Any]
    trouble: Trouble | None = None


# Places in the cast; the first ones are hypertension, 14-24 diabetes, 25-32 heart failure, 33-39 COPD.
TROUBLES = (
    Trouble(
        who=4, hours_ago=41 * 24, minutes_to_answer=6, outcome="contacted_patient",
        note="No symptoms. Repeat after rest was lower. Will keep measuring twice a day.",
    ),
    Trouble(
        who=15, hours_ago=33 * 24, minutes_to_answer=4, outcome="contacted_patient",
        note="Took juice, second check was back in range. Reviewed the evening dose with the clinician.",
    ),
    Trouble(
        who=25, hours_ago=26 * 24, minutes_to_answer=18, outcome="medication_changed",
        note="Ankles swollen. Clinician adjusted the water tablet for three days.",
    ),
    Trouble(
        who=35, hours_ago=19 * 24, minutes_to_answer=5, outcome="visit_arranged",
        note="More breathless than usual. Same-day visit arranged.",
    ),
    Trouble(
        who=8, hours_ago=12 * 24, minutes_to_answer=9, outcome="technical",
        note="Cuff over a sleeve. Repeat was ordinary; showed how to place it.",
    ),
    Trouble(
        who=20, hours_ago=8 * 24, minutes_to_answer=12, outcome="contacted_patient",
        note="Missed a dose while travelling. Back on schedule.",
    ),
    Trouble(
        who=10, hours_ago=3 * 24, minutes_to_answer=3, outcome="medication_changed",
        note="Third high morning this week. Clinician raised the dose; follow-up in a week.",
    ),
    Trouble(who=28, hours_ago=0.8, minutes_to_answer=25),
    Trouble(who=17, hours_ago=2.2, minutes_to_answer=None),
    Trouble(who=6, hours_ago=0.2, minutes_to_answer=None),
)  # fmt: skip


def events(people: Sequence[Character], now: datetime) -> list[Event]:
    """Everything, oldest first. The same people and the same day give the same events."""
    everything = [event for person in people for event in _ordinary(person, now)]
    everything += [_crossing(people[trouble.who], trouble, now) for trouble in TROUBLES]
    return sorted(everything, key=lambda event: (event.at, event.who))


def _ordinary(person: Character, now: datetime) -> Iterator[Event]:
    chance = random.Random(f"{SEED}:{person.place}")  # noqa: S311 - invented readings
    zone = ZoneInfo(person.zone)
    today = now.astimezone(zone).date()
    quiet = _quiet_spans(person, now)
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        missed = chance.random() > person.adherence and back > 1
        for kind in person.kinds:
            for hour, minute, often in HABITS[kind]:
                late = timedelta(minutes=chance.gauss(0, 22), seconds=chance.randint(0, 59))
                local = datetime.combine(day, time(hour, minute), zone) + late
                fields = bodies.calm(person.body, kind, local, -back, chance)
                skipped = chance.random() > (often if back > 1 else 1)
                at = local.replace(microsecond=0).astimezone(UTC)
                if missed or skipped or at > now - timedelta(minutes=5) or any(a <= at <= b for a, b in quiet):
                    continue
                yield Event(who=person.place, at=at, fields={"kind": kind, "measured_at": _raw(at, zone), **fields})


def _quiet_spans(person: Character, now: datetime) -> list[tuple[datetime, datetime]]:
    """When nothing ordinary comes: the one who fell silent, and around each crossing that still stands."""
    if person.part == SILENT:
        return [(now - timedelta(days=SILENT_SINCE_DAYS), now)]
    standing = [t for t in TROUBLES if t.who == person.place and t.outcome is None]
    return [(now - timedelta(hours=t.hours_ago), now) for t in standing]


def _crossing(person: Character, trouble: Trouble, now: datetime) -> Event:
    if person.part == READY:
        raise ValueError("the ready file's patient has no history of alerts")
    chance = random.Random(f"{SEED}:{person.place}:{trouble.hours_ago}")  # noqa: S311 - invented readings
    at = (now - timedelta(hours=trouble.hours_ago)).replace(microsecond=0)
    fields = bodies.crossing(person.body, person.crossing, chance)
    return Event(
        who=person.place,
        at=at,
        fields={"kind": person.crossing, "measured_at": _raw(at, ZoneInfo(person.zone)), **fields},
        trouble=trouble,
    )


def _raw(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat()
