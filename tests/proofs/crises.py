"""Sixty crises that look like something else: ten each of six disguises, made from one seed."""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tests.proofs import street
from tests.proofs.street import Neighbour
from tests.world import World

Entry = dict[str, Any]
EACH = 10
USUAL = "INSERT INTO patient_baseline VALUES ($1, $2, $3, $4, 20, $5)"
COLUMNS = {
    "systolic": "systolic_mmhg", "diastolic": "diastolic_mmhg", "glucose": "glucose_mgdl", "spo2": "spo2_pct"
}  # fmt: skip


class Crisis(msgspec.Struct, frozen=True, kw_only=True):
    """`before` came earlier; `message` is published now; each of `patients` must show on the worklist."""

    disguise: str
    device: str
    password: str
    before: list[Entry]
    message: list[Entry]
    patients: tuple[uuid.UUID, ...]


def pressure(systolic: float, diastolic: float, **more: Any) -> Entry:
    return {"kind": "blood_pressure", "systolic": systolic, "diastolic": diastolic, **more}


def glucose(value: Any, **more: Any) -> Entry:
    return {"kind": "glucose", "glucose": value, **more}


def oxygen(value: int, **more: Any) -> Entry:
    return {"kind": "spo2", "spo2": value, **more}


def usually(entry: Entry) -> dict[str, int]:
    """The patient's own median by column of a reading, as the worker keeps it."""
    return {column: entry[name] for name, column in COLUMNS.items() if name in entry}


def plain(chance: random.Random) -> Entry:
    """Nothing wrong with the device or the moment: only the patient is ill."""
    return chance.choice((
        pressure(chance.randint(182, 215), chance.randint(100, 118)), pressure(chance.randint(150, 178), chance.randint(121, 140)),
        glucose(chance.randint(28, 53)), glucose(chance.randint(405, 590)), glucose("HI"), glucose("LO"),
        oxygen(chance.randint(72, 91)),
    ))  # fmt: skip


class Maker:
    """Makes the crises one after the other; each has a home of its own."""

    def __init__(self, owner: Any, world: World, seed: int, now: datetime) -> None:
        self.owner, self.world, self.now = owner, world, now
        self.chance = random.Random(seed)

    async def all(self) -> list[Crisis]:
        disguises = (
            self.outlier, self.unit_doubt, self.implausible, self.nobodys, self.reused_number, self.wrong_clock
        )  # fmt: skip
        made = [await disguise(n) for disguise in disguises for n in range(EACH)]
        self.chance.shuffle(made)
        return made

    async def outlier(self, n: int) -> Crisis:
        """Six days of quiet numbers, then one far off them, from the patient's own slot of the cuff."""
        chance, home = self.chance, await street.neighbour(self.owner, self.world)
        await self.owner.execute("UPDATE loan SET user_slot = 1 WHERE device_id = $1", home.device)
        usual, far = (
            (pressure(118, 76), pressure(chance.randint(205, 260), chance.randint(122, 150))),
            (glucose(108), glucose(chance.randint(440, 640))),
            (glucose(131), glucose(chance.randint(22, 32))),
            (oxygen(97), oxygen(chance.randint(60, 78))),
        )[n % 4]
        for column, value in usually(usual).items():
            await self.owner.execute(USUAL, home.patient, column, self.world.organization, value, self.now)
        days = [self.at(usual, hours=24 * day, seq=7 - day) for day in range(6, 0, -1)]
        entry = self.at(far, seq=7)
        return self.crisis("outlier", home, [{**e, "user_slot": 1} for e in (*days, entry)])

    async def unit_doubt(self, n: int) -> Crisis:
        """The number of one unit under the name of another; some possible as they stand, some not."""
        chance, home = self.chance, await street.neighbour(self.owner, self.world)
        usual = chance.randint(200, 250)
        await self.owner.execute(USUAL, home.patient, "glucose_mgdl", self.world.organization, usual, self.now)
        entry = (
            glucose(round(chance.uniform(2.0, 2.9), 1), unit="mg/dL"),
            glucose(round(usual / 18.018, 1), unit="mg/dL"),  # usual as mmol/L, deadly as it stands
            glucose(chance.randint(40, 53), unit="mmol/L"),
            pressure(round(chance.uniform(24.1, 28.0), 1), round(chance.uniform(13.5, 15.9), 1), unit="mm[Hg]"),
            pressure(chance.randint(185, 220), chance.randint(100, 119), unit="kPa"),
        )[n % 5]
        return self.crisis("unit doubt", home, [self.at(entry, seq=1)])

    async def implausible(self, n: int) -> Crisis:
        """Beyond what a body and a device can show, or systolic below diastolic."""
        chance, home = self.chance, await street.neighbour(self.owner, self.world)
        entry = (
            pressure(chance.randint(301, 400), chance.randint(100, 130)),
            pressure(chance.randint(110, 119), chance.randint(125, 190)),
            pressure(chance.randint(190, 290), chance.randint(201, 260)),
            glucose(chance.randint(701, 1500)),
            oxygen(chance.randint(20, 49)),
        )[n % 5]
        return self.crisis("implausible", home, [self.at(entry, seq=1)])

    async def nobodys(self, n: int) -> Crisis:
        """The loan ended an hour ago or begins tomorrow; or two share the cuff, and the slot is none or a third's."""
        home = await street.neighbour(self.owner, self.world)
        patients, slot = (home.patient,), {}
        await street.take_back(self.owner, home.device)
        long_ago, hour = self.now - timedelta(days=90), timedelta(hours=1)
        if n % 5 < 2:
            await street.lend(self.owner, self.world, home.device, home.patient, long_ago, self.now - hour)
        elif n % 5 == 2:
            await street.lend(self.owner, self.world, home.device, home.patient, self.now + 12 * hour)
        else:
            patients = (home.patient, await street.move_in(self.owner, self.world))
            slot = {"user_slot": 3} if n % 5 == 3 else {}
            for number, patient in enumerate(patients, 1):
                await street.lend(self.owner, self.world, home.device, patient, long_ago, slot=number)
        return self.crisis("no loan", home, [self.at({**plain(self.chance), **slot}, seq=1)], patients)

    async def reused_number(self, n: int) -> Crisis:
        """A number that came before with quiet content; every third time both come in one message."""
        home = await street.neighbour(self.owner, self.world)
        quiet, entry = self.at(pressure(121, 79), minutes=5, seq=1), self.at(plain(self.chance), seq=1)
        if n % 3:
            return self.crisis("reused number", home, [quiet, entry])
        made = self.crisis("reused number", home, [entry])
        return msgspec.structs.replace(made, message=[quiet, entry])

    async def wrong_clock(self, n: int) -> Crisis:
        home = await street.neighbour(self.owner, self.world)
        entry = {"seq": 1, "backlog": False, **plain(self.chance)}
        told = (
            "1970-01-01T00:03:11Z",
            (self.now + timedelta(days=2)).isoformat(),
            (self.now - timedelta(hours=3)).isoformat(),
            "2000-01-01T00:00:00",
            None,
            (self.now + timedelta(hours=5)).isoformat(),
        )[n % 6]
        return self.crisis("wrong clock", home, [{**entry, "measured_at": told} if told else entry])

    def at(self, entry: Entry, *, seq: int, hours: float = 0, minutes: float = 1) -> Entry:
        return {"seq": seq, "measured_at": (self.now - timedelta(hours=hours, minutes=minutes)).isoformat(), **entry}

    def crisis(
        self, disguise: str, home: Neighbour, entries: list[Entry], patients: tuple[uuid.UUID, ...] = ()
    ) -> Crisis:
        return Crisis(
            disguise=disguise, device=home.device, password=home.password, before=entries[:-1], message=entries[-1:],
            patients=patients or (home.patient,),
        )  # fmt: skip
