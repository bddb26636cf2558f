"""What goes wrong in homes, as deliveries to play: each with what will happen and what to look for. Pure, seeded."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices import bodies
from devices.bodies import Kind
from devices.simulator import Home

Fields = dict[str, Any]
STORM_HOMES, STORM_EACH = 20, 25
MOST = STORM_HOMES * STORM_EACH + 1  # readings of the largest scenario


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of one home: numbered readings of one epoch in one message."""

    home: str
    epoch: int
    readings: tuple[Fields, ...]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, what that means in plain words, and what to look for on which page."""

    says: str
    look: tuple[str, ...]
    deliveries: tuple[Delivery, ...]
    together: bool = False  # several homes at a time

    def homes(self) -> list[str]:
        return list(dict.fromkeys(delivery.home for delivery in self.deliveries))


class NoSuchHome(Exception):
    """None of the homes measures what the scenario needs."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def plan(name: str, homes: Sequence[Home], seed: int, now: datetime) -> Scenario:
    """The scenario of that name, the same for the same seed, homes and moment. `NoSuchHome` if none fits."""
    return SCENARIOS[name](Stage(homes, seed, now))


class Stage:
    """The homes at hand, the moment, and the chance; numbers every reading it hands out."""

    def __init__(self, homes: Sequence[Home], seed: int, now: datetime) -> None:
        self.homes, self.now = homes, now.replace(microsecond=0)
        self.chance = random.Random(seed)  # noqa: S311 - invented readings
        self.epoch = int(now.timestamp())
        self._last: dict[tuple[str, int], int] = {}

    def home(self, kind: Kind) -> Home:
        fitting = [home for home in self.homes if kind in home.kinds]
        if not fitting:
            raise NoSuchHome(kind)
        return self.chance.choice(fitting)

    def calm(self, home: Home, at: datetime, kind: Kind | None = None) -> Fields:
        local = at.astimezone(ZoneInfo(home.zone))
        chosen = kind if kind is not None else self.chance.choice(home.kinds)
        return self.said(chosen, local, **bodies.calm(home.body, chosen, local, 0, self.chance))

    def said(self, kind: Kind, at: datetime | None, **fields: Any) -> Fields:
        return {"kind": kind, **({"measured_at": at.isoformat()} if at else {}), **fields}

    def deliver(self, home: Home, readings: Iterable[Fields], *, later_epoch: int = 0) -> Delivery:
        epoch = self.epoch + later_epoch
        numbered = []
        for fields in readings:
            seq = self._last[home.id, epoch] = self._last.get((home.id, epoch), 0) + 1
            numbered.append({"seq": seq, "epoch": epoch, **fields})
        return Delivery(home=home.id, epoch=epoch, readings=tuple(numbered))

    def start_again(self, home: Home) -> None:
        """The device forgets its numbers."""
        self._last = {key: last for key, last in self._last.items() if key[0] != home.id}


def drift(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")
    ahead = [timedelta(minutes=10 * step) for step in range(1, 13)] + [timedelta(days=3)]
    sent = [stage.deliver(home, [stage.calm(home, stage.now + by, "blood_pressure")]) for by in ahead]
    return Scenario(
        says=f"The clock of cuff {home.id} runs ahead: by 10 minutes, then 20, up to 2 hours, at last by three days.",
        look=(
            "the patient's page: the twelve readings are there, at the time they came, none lost and none twice",
            "the worklist: an alarm says how far the clock is ahead; what comes next is corrected by as much",
            "the queue of held readings: the thirteenth, more than a day ahead, waits there for a person (future time)",
        ),
        deliveries=tuple(sent),
    )  # fmt: skip


def storm(stage: Stage) -> Scenario:
    homes = stage.chance.sample(list(stage.homes), min(STORM_HOMES, len(stage.homes)))
    each = [
        stage.deliver(home, [stage.calm(home, stage.now - timedelta(minutes=n)) for n in range(STORM_EACH, 0, -1)])
        for home in homes
    ]
    crisis = stage.home("blood_pressure")
    high = stage.said("blood_pressure", _local(crisis, stage.now), systolic=197, diastolic=126, pulse=96)
    middle = len(each) // 2
    return Scenario(
        says=f"{len(homes)} homes send {STORM_EACH} readings each at once; in the middle {crisis.id} measures 197/126.",
        look=(
            "the worklist: the alert of 197/126 is there within seconds, although hundreds of readings came with it",
            "each home's count of stored readings (`careloop device list`): it grew by exactly what was sent",
        ),
        deliveries=(*each[:middle], stage.deliver(crisis, [high]), *each[middle:]),
        together=True,
    )  # fmt: skip


def shared_cuff(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")
    sent = []
    for step, slot in enumerate((1, 2, 1, 2, 1, 2)):
        at = stage.now - timedelta(minutes=12 - 2 * step)
        fields = stage.calm(home, at, "blood_pressure") | {"user_slot": slot}
        if step == 3:
            fields |= {"systolic": 192, "diastolic": 118}
        sent.append(stage.deliver(home, [fields]))
    return Scenario(
        says=f"Two people use cuff {home.id}, each with a button of their own; the one on button 2 measures 192/118.",
        look=(
            "the patient's page: which readings are the patient's is decided by the loan, never by the cuff",
            "if the loan names button 1: button 2's readings wait in the queue of held readings, with their own time",
            "the worklist: 192/118 is there in any case, and says so if it is not certain whose it is",
        ),
        deliveries=tuple(sent),
    )  # fmt: skip


def dst(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")
    change, zone = _clocks_went_back(stage.now, home.zone)
    moments = [change + timedelta(minutes=m) for m in (-90, -30, 30, 90)]
    readings = [stage.calm(home, at, "blood_pressure") for at in moments]
    for fields, at in zip(readings, moments, strict=True):
        fields["measured_at"] = at.astimezone(zone).isoformat()
    return Scenario(
        says=f"Cuff {home.id} measured four times in the night of {change.astimezone(zone):%d %B %Y}, when "
        f"the clocks of {zone.key} went back: twice it shows 01:30.",
        look=(
            "the patient's page: four readings an hour apart in the right order, the two of 01:30 among them",
            "no page and no text: the night is long past",
        ),
        deliveries=(stage.deliver(home, readings),),
    )  # fmt: skip


def silent(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")
    at = [stage.now - timedelta(minutes=m) for m in (4, 2, 0)]
    sent = [stage.deliver(home, [stage.calm(home, one, "blood_pressure")]) for one in at]
    lost = stage.deliver(home, [stage.calm(home, stage.now, "blood_pressure")])
    after = stage.deliver(home, [stage.calm(home, stage.now + timedelta(seconds=1), "blood_pressure")])
    return Scenario(
        says=f"Cuff {home.id} measures three times; reading number {lost.readings[0]['seq']} never arrives; the next "
        "one does, and then nothing comes from this cuff any more.",
        look=(
            "the device's numbers: the receipt of the fifth says `through: 3`, so the hole is known at once",
            "`careloop device list`: when the cuff was last seen",
            "the worklist two days later (CARELOOP_SILENT_HOURS), if nothing comes: an alarm that the cuff is silent",
        ),
        deliveries=(*sent, after),
    )  # fmt: skip


def reset(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")

    def some(count: int, ago: int, *, later: int = 0) -> Delivery:
        at = [stage.now - timedelta(minutes=ago - n) for n in range(count)]
        return stage.deliver(home, [stage.calm(home, one, "blood_pressure") for one in at], later_epoch=later)

    before = some(6, 25)
    stage.start_again(home)
    careless = some(3, 15)
    stage.start_again(home)
    careful = some(3, 8, later=1)
    return Scenario(
        says=f"Cuff {home.id} is reset twice: first it begins again at number 1 and says nothing, then it begins a new "
        "epoch, as the contract asks.",
        look=(
            "the patient's page: all twelve readings; those with used numbers are marked `sequence_reused`",
            "the worklist: an alarm about this device, since reused numbers make holes invisible",
        ),
        deliveries=(before, careless, careful),
    )  # fmt: skip


def backlog(stage: Stage) -> Scenario:
    home, other = stage.home("blood_pressure"), stage.home("blood_pressure")
    old = []
    for hours in range(76, 24, -3):
        fields = stage.calm(home, stage.now - timedelta(hours=hours), "blood_pressure") | {"backlog": True}
        old.append(fields | ({"systolic": 191, "diastolic": 112} if hours in {52, 40} else {}))
    live = stage.said("blood_pressure", _local(other, stage.now), systolic=194, diastolic=122, pulse=91)
    first, second = old[: len(old) // 2], old[len(old) // 2 :]
    return Scenario(
        says=f"Home {home.id} was without a network for three days and sends {len(old)} old readings, two of them "
        f"191/112; in between {other.id} measures 194/122 now.",
        look=(
            "the worklist: 194/122 is there at once, and a page is sent for it",
            "nobody is paged or texted for what is older than a day; the old highs are one item to look back at",
        ),
        deliveries=(stage.deliver(home, first), stage.deliver(other, [live]), stage.deliver(home, second)),
    )  # fmt: skip


def doubt(stage: Stage) -> Scenario:
    home = stage.home("blood_pressure")
    now = _local(home, stage.now)
    doubtful: list[Fields] = [
        stage.said("blood_pressure", now, systolic=400, diastolic=125),
        stage.said("blood_pressure", now, systolic=25.3, diastolic=16.4),
        stage.said("blood_pressure", now, systolic=118, diastolic=192),
        stage.said("blood_pressure", now.replace(year=1970), systolic=188, diastolic=121),
        stage.said("blood_pressure", now, systolic=205, diastolic=130, flags=["body_movement"]),
    ]
    sent = [stage.deliver(home, [fields]) for fields in doubtful]
    for meter in [one for one in stage.homes if "glucose" in one.kinds][:1]:
        at = _local(meter, stage.now)
        sent.append(stage.deliver(meter, [stage.said("glucose", at, glucose=21.4)]))
        sent.append(stage.deliver(meter, [stage.said("glucose", at, glucose="HI")]))
    return Scenario(
        says=f"{len(sent)} readings nobody can be sure of: impossible numbers, kilopascals without their name, swapped "
        "numbers, a clock that says 1970, a moving arm, a meter that shows HI.",
        look=(
            "the worklist: doubt is not silence; what crosses a limit under any possible meaning is there",
            "the queue of held readings: what a person must decide, with the reason",
        ),
        deliveries=tuple(sent),
    )  # fmt: skip


def _local(home: Home, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(home.zone))


def _clocks_went_back(now: datetime, zone_name: str) -> tuple[datetime, ZoneInfo]:
    """The latest moment at which a clock of that zone went back; New York's where clocks never change."""
    for zone in (ZoneInfo(zone_name), ZoneInfo("America/New_York")):
        for hours in range(24 * 400):
            at = now.replace(minute=0, second=0) - timedelta(hours=hours)
            before, after = (at - timedelta(hours=1)).astimezone(zone), at.astimezone(zone)
            if (after.utcoffset() or timedelta()) < (before.utcoffset() or timedelta()):
                return at, zone
    raise ValueError("this machine's time zones know no daylight saving")


SCENARIOS: dict[str, Callable[[Stage], Scenario]] = {
    "drift": drift, "storm": storm, "shared-cuff": shared_cuff, "dst": dst, "silent": silent, "reset": reset,
    "backlog": backlog, "doubt": doubt,
}  # fmt: skip
