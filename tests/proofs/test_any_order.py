"""Any order, repetition and batching of the same deliveries gives the same readings, findings and evidence."""

from datetime import datetime
from typing import Any

import pytest

from devices.intake import Publish
from server.db.pool import Database
from server.flows import reading
from tests.proofs.orders import differing
from tests.world import World

SEEDS = [range(first, first + 250) for first in range(0, 1000, 250)]  # the other thousand: test_any_order_again.py


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
async def test_a_thousand_orders_give_one_outcome(seeds: range, world: World, owner: Any, bridge_db: Database) -> None:
    assert await differing(seeds, world, owner, bridge_db) == []


async def test_the_proof_sees_a_flow_that_hears_each_sender_once_in_a_batch(
    world: World, owner: Any, bridge_db: Database
) -> None:
    async def hard_of_hearing(db: Any, batch: list[Publish], now: datetime, told: Any) -> None:
        await reading.handle(db, list({publish.sender: publish for publish in batch}.values()), now, told)

    assert await differing(range(50), world, owner, bridge_db, hard_of_hearing)


async def test_the_proof_sees_a_flow_that_judges_by_what_came_before(
    world: World, owner: Any, bridge_db: Database
) -> None:
    """Everything is stored; but who sends first is judged as if it had just been measured."""

    async def impressed(db: Any, batch: list[Publish], now: datetime, told: Any) -> None:
        await reading.handle(db, batch, now, told)
        await db.execute("UPDATE finding SET age = 'live' WHERE id = (SELECT min(id::text)::uuid FROM finding)")

    assert await differing(range(50), world, owner, bridge_db, impressed)
