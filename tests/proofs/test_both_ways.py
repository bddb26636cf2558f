"""The quick way and the careful way together give what the careful way gives alone, in any order and repetition."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from devices.intake import DAILY_CAP, Publish
from server.db.pool import Database, Who
from server.flows import plain, reading
from server.flows.by_heart import ByHeart
from tests.proofs.orders import BRIDGE, differing
from tests.world import World

SEEDS = [range(first, first + 250) for first in range(2000, 2500, 250)]


class OneConnection(Database):
    """Everything on one connection, so that a whole order can be undone."""

    def __init__(self, db: Any) -> None:
        self.db = db

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[Any]:
        yield self.db

    @asynccontextmanager
    async def transaction(self, who: Who) -> AsyncIterator[Any]:
        yield self.db


class BothWays:
    """As the bridge does it; counts the messages that took each way."""

    def __init__(self) -> None:
        self.quick, self.careful, self.by_heart = 0, 0, ByHeart()

    async def __call__(self, db: Any, batch: list[Publish], now: datetime, told: Any) -> None:
        taken = await plain.take_in(OneConnection(db), BRIDGE, batch, now, DAILY_CAP, self.by_heart)
        rest = [publish for publish, wants in zip(batch, taken.wanting, strict=True) if wants]
        self.quick, self.careful = self.quick + len(batch) - len(rest), self.careful + len(rest)
        if rest:
            await reading.handle(db, rest, now, told)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
async def test_orders_by_both_ways_give_one_outcome(
    seeds: range, world: World, owner: Any, bridge_db: Database
) -> None:
    ways = BothWays()
    assert await differing(seeds, world, owner, bridge_db, ways) == []
    print(f"{ways.quick} messages took the quick way, {ways.careful} the careful one")
    assert ways.quick > 100 and ways.careful > 100


async def test_the_proof_sees_a_quick_way_that_takes_what_crosses(
    world: World, owner: Any, bridge_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "may_cross", lambda *_: False)
    assert await differing(range(50), world, owner, bridge_db, BothWays())


async def test_the_proof_sees_a_quick_way_that_forgets_the_second_content_of_a_number(
    world: World, owner: Any, bridge_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(db: Any, said: Any, now: datetime) -> Any:
        return plain.entering.all_new(said)

    monkeypatch.setattr(plain, "_again", nothing)
    assert await differing(range(200), world, owner, bridge_db, BothWays())
