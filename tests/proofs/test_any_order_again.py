"""Another thousand orders, in a file of their own: a file stays on one worker, and there are two."""

from typing import Any

import pytest

from server.db.pool import Database
from tests.proofs.orders import differing
from tests.world import World

SEEDS = [range(first, first + 250) for first in range(1000, 2000, 250)]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SEEDS, ids=str)
async def test_another_thousand_orders_give_one_outcome(
    seeds: range, world: World, owner: Any, bridge_db: Database
) -> None:
    assert await differing(seeds, world, owner, bridge_db) == []
