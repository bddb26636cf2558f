"""A count of the doses that are left says when the supply ends: by the clock it is taken at, with what is filled later."""

from datetime import date
from typing import Any

import pytest

from server.db.pool import Database
from tests.outreach.planned import DAY, LONG_AGO, filled, local, plan, rule, takes
from tests.texting import WORKER
from tests.world import World

TODAY = date(2026, 11, 18)
TEN = local(TODAY, 10)
REASON = "SELECT reminder_reason_there(patient_id, id, $1) FROM reminder"
COUNTED = "UPDATE medicine SET stock_doses = $1, stock_on = $2"

STOCKS = (
    # (doses left today, hours between them, days since a fill of 90, due now)
    (7, 24, None, True),
    (14, 24, None, False),
    (14, 12, None, True),
    (3, 72, None, False),  # nine days
    (0, 24, None, True),
    (5, 24, 10, True),  # the fill was counted with the rest
)


@pytest.mark.parametrize(("doses", "every", "before", "due"), STOCKS)
async def test_a_refill_is_due_when_what_was_counted_ends_soon(
    worker_db: Database, world: World, owner: Any, doses: int, every: int, before: int | None, *, due: bool
) -> None:
    await rule(owner, world, "refill", after=7)
    medicine = await takes(owner, world, every=every, first=LONG_AGO)
    if before is not None:
        await filled(owner, world, medicine, TODAY - before * DAY, 90)
    await owner.execute(COUNTED, doses, TODAY)
    assert await plan(worker_db, TEN) == due
    async with worker_db.transaction(WORKER) as db:
        assert await db.fetchval(REASON, TEN) == (True if due else None)


@pytest.mark.parametrize("how", ["filled", "counted"])
async def test_a_later_fill_and_a_new_count_take_the_reason_away(
    worker_db: Database, world: World, owner: Any, how: str
) -> None:
    await rule(owner, world, "refill", after=7)
    medicine = await takes(owner, world, every=24, first=LONG_AGO)
    await owner.execute(COUNTED, 3, TODAY - DAY)
    assert await plan(worker_db, TEN) == 1
    if how == "filled":
        await filled(owner, world, medicine, TODAY, 30)
    else:
        await owner.execute(COUNTED, 30, TODAY)
    async with worker_db.transaction(WORKER) as db:
        assert await db.fetchval(REASON, TEN) is False
    assert await plan(worker_db, TEN + 10 * DAY) == 0


async def test_a_fill_that_was_taken_back_neither_makes_a_refill_due_nor_puts_one_off(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "refill", after=7)
    medicine = await takes(owner, world, every=24, first=LONG_AGO)
    await filled(owner, world, medicine, TODAY - 28 * DAY, 30)
    await filled(owner, world, medicine, TODAY - 3 * DAY, 90)
    assert await plan(worker_db, TEN) == 0
    await owner.execute("UPDATE dispensing SET withdrawn_at = $1, withdrawn_by = 'staff:t' WHERE days_supply = 90", TEN)
    assert await plan(worker_db, TEN) == 1
    async with worker_db.transaction(WORKER) as db:
        assert await db.fetchval(REASON, TEN) is True
    await owner.execute("UPDATE dispensing SET withdrawn_at = $1, withdrawn_by = 'staff:t'", TEN)
    await owner.execute("DELETE FROM reminder")
    assert await plan(worker_db, TEN) == 0
