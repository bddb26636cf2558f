"""Twenty hubs empty their stores of old readings at once while one patient is in danger now.

`make test` runs it, and `make soak` beside the kills, into its report.
"""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from server.db import pool
from server.db.pool import Database, Who
from server.monitoring import worklist
from server.monitoring.worklist import Item
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.homes import Home, at_home
from tests.proofs import street
from tests.proofs.street import Neighbour
from tests.world import World, lend_device, make_world

HUBS = 20
IN_FLIGHT = 100  # the contract: no more on their way without a receipt
YOUNGEST = timedelta(hours=25)
EVERY = timedelta(minutes=4)  # 5 000 of them are a fortnight
VISIBLE_WITHIN_S = 5.0
STALLED_AFTER_S = 60.0
SHOWN = ((185, 110), (82, 51), *(((128, 79),) * 8))  # of ten, one is high and one low: two rules

Entry = dict[str, Any]


class Store(msgspec.Struct, kw_only=True):
    """A hub's own outbox: live before old, and at most so many on their way."""

    home: Home
    cuff: Neighbour
    per_message: int
    old: list[Entry]
    live: list[Entry] = []
    last: int = 0

    @property
    def on_their_way(self) -> int:
        return self.last - len(self.home.settled)

    async def empty(self) -> None:
        """Until every reading has its receipt."""
        while self.live or self.old or self.on_their_way:
            while (self.live or self.old) and self.on_their_way + self.per_message <= IN_FLIGHT:
                self._send()
            before = len(self.home.settled)
            await self.home.until(lambda least=before: len(self.home.settled) > least, STALLED_AFTER_S)

    def _send(self) -> None:
        shelf, together = (self.live, 1) if self.live else (self.old, self.per_message)
        entries, shelf[:] = shelf[:together], shelf[together:]
        first, self.last = self.last + 1, self.last + len(entries)
        self.home.send(*({"seq": first + n, "source": self.cuff.device, **entry} for n, entry in enumerate(entries)))


def old_readings(count: int, now: datetime, chance: random.Random) -> list[Entry]:
    """Oldest first, all from before yesterday; how many cross is known."""
    shown = [SHOWN[n % len(SHOWN)] for n in range(count)]
    chance.shuffle(shown)
    return [pressure(*shown[n], now - YOUNGEST - EVERY * (count - n), backlog=True) for n in range(count)]


def pressure(systolic: int, diastolic: int, at: datetime, **more: Any) -> Entry:
    entry = {"kind": "blood_pressure", "measured_at": at.isoformat(), "systolic": systolic, "diastolic": diastolic}
    return entry | more


def crosses(entry: Entry) -> bool:
    return bool(entry["systolic"] != SHOWN[-1][0])


async def run(settings: Settings, broker: RunningMosquitto, owner: Any, per_hub: int, seed: int) -> dict[str, Any]:
    """What was seen, with `checks` as "broken of" each; the bridge runs already on these settings."""
    world, chance, now = await make_world(owner, "Backlog"), random.Random(seed), datetime.now(UTC)
    danger, cuffs = await street.neighbour(owner, world), [await street.neighbour(owner, world) for _ in range(HUBS)]
    async with AsyncExitStack() as stack:
        stores = []
        for number, (hub, password) in enumerate(await _hubs(owner, world, broker, cuffs)):
            home = await stack.enter_async_context(at_home(broker.host, broker.port, hub, password))
            old = old_readings(per_hub, now, chance)
            stores.append(Store(home=home, cuff=cuffs[number], per_message=(1, 50)[number % 2], old=old))
        must = {store.cuff.patient: sum(map(crosses, store.old)) for store in stores}
        await street.let_in(broker, [(danger.device, danger.password)])
        alone = await stack.enter_async_context(at_home(broker.host, broker.port, danger.device, danger.password))
        nurse = await stack.enter_async_context(_nurse(settings))
        started = time.monotonic()
        emptying = asyncio.gather(*(store.empty() for store in stores))
        try:
            visible_after = await _in_the_middle(stores, alone, nurse, world, danger, emptying)
            await emptying
        finally:
            emptying.cancel()
        drained_s = time.monotonic() - started
        items = await _items(nurse, world)
    print(f"{HUBS} hubs × {per_hub} old readings in {drained_s:.1f} s; live high visible after {visible_after:.2f} s")
    found = await _checks(owner, world, danger, items, must, HUBS * (per_hub + 1))
    found["live highs not visible within 5 s"] = (int(visible_after > VISIBLE_WITHIN_S), 1)
    return {
        "seed": seed, "hubs": HUBS, "readings_each": per_hub, "drained_s": round(drained_s, 1),
        "live_high_visible_after_s": round(visible_after, 3),
        "checks": {name: {"broken": broken, "of": of} for name, (broken, of) in found.items()},
    }  # fmt: skip


async def _hubs(owner: Any, world: World, broker: RunningMosquitto, cuffs: list[Neighbour]) -> list[tuple[str, str]]:
    """(id, password) of a hub for each cuff, which it speaks for."""
    hubs = [await lend_device(owner, world.organization, cuff.patient, datetime.now(UTC)) for cuff in cuffs]
    await street.take_back(owner, *(hub for hub, _ in hubs))
    for (hub, _), cuff in zip(hubs, cuffs, strict=True):
        await street.link(owner, hub, cuff.device)
    await street.let_in(broker, hubs)
    return hubs


@asynccontextmanager
async def _nurse(settings: Settings) -> AsyncIterator[Database]:
    database = await pool.connect(settings.url_for("web"), name="nurse", size=1)
    try:
        yield database
    finally:
        await database.close()


async def _in_the_middle(
    stores: list[Store], alone: Home, nurse: Database, world: World, danger: Neighbour, emptying: "asyncio.Future[Any]"
) -> float:
    """Half of it is through: now somebody is in danger, and at each hub's home somebody measures too."""
    total = sum(len(store.old) for store in stores)
    while sum(len(store.home.settled) for store in stores) < total / 2 and not emptying.done():
        await asyncio.sleep(0.01)
    assert not emptying.done(), f"the hubs ended before the middle: {emptying}"
    now = datetime.now(UTC)
    for store in stores:
        store.live.append(pressure(127, 80, now))
    published = time.monotonic()
    alone.send({"seq": 1, **pressure(196, 124, now)})
    while danger.patient not in {item.patient_id for item in await _items(nurse, world)}:
        assert time.monotonic() < published + STALLED_AFTER_S, "the live high never came"
        await asyncio.sleep(0.05)
    assert any(store.on_their_way for store in stores), "the backlog was over before the live high was seen"
    return time.monotonic() - published


async def _items(nurse: Database, world: World) -> list[Item]:
    """The worklist as a nurse of that organization sees it."""
    async with nurse.transaction(Who(principal="staff:nurse", organization=world.organization)) as db:
        return await worklist.open_items(db)


KEPT = "SELECT count(*) FROM arrival a JOIN reading r ON r.id = a.reading_id WHERE a.organization_id = $1"
PAGED = """
    SELECT a.patient_id FROM message m JOIN alert a ON a.id = m.alert_id
     WHERE m.purpose = 'page' AND m.organization_id = $1
"""


async def _checks(
    owner: Any, world: World, danger: Neighbour, items: list[Item], must: dict[uuid.UUID, int], sent: int
) -> dict[str, tuple[int, int]]:
    paged = [row["patient_id"] for row in await owner.fetch(PAGED, world.organization)]
    of = {patient: [item for item in items if item.patient_id == patient] for patient in must}
    one = {patient: mine[0] for patient, mine in of.items() if len(mine) == 1 and mine[0].age == "historic"}
    kept = await owner.fetchval(KEPT, world.organization)
    return {
        "readings without a row": (abs(sent + 1 - kept), sent + 1),
        "live highs not paged": (1 - paged.count(danger.patient), 1),
        "pages for old readings": (sum(patient in must for patient in paged), sum(must.values())),
        "patients without exactly one retrospective item": (len(must) - len(one), len(must)),
        "retrospective items that are high": (sum(item.severity == "high" for item in one.values()), len(must)),
        "old crossings not in their item": (
            sum(abs(number - one[patient].count) if patient in one else number for patient, number in must.items()),
            sum(must.values()),
        ),
    }
