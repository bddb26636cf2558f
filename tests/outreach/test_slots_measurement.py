"""Silence is judged for each kind of reading that the patient's programmes expect and that they can measure."""

from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from tests.flows.measured import expect
from tests.outreach.planned import DAY, LONG_AGO, enrolled_since, local, plan, rule
from tests.texting import WORKER, measure
from tests.world import World, lend_device

TODAY = date(2026, 11, 18)  # a Wednesday
TEN = local(TODAY, 10)
REASON = "SELECT reminder_reason_there(patient_id, id, $1) FROM reminder"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's blood pressure came yesterday; their weight (with a scale at home, if so) that many days ago."""

    says: str
    expects: tuple[str, ...]
    scale: bool = True
    weighed: int | None = None
    weekday: int | None = None  # on which alone the weight is expected; every day if left out
    reminded: bool


CASES = (
    Case(says="never weighs", expects=("blood_pressure", "weight"), reminded=True),
    Case(says="stopped weighing", expects=("weight",), weighed=5, reminded=True),
    Case(says="weighs", expects=("blood_pressure", "weight"), weighed=1, reminded=False),
    Case(says="has no scale", expects=("blood_pressure", "weight"), scale=False, reminded=False),
    Case(says="weighed on a scale of their own", expects=("weight",), scale=False, weighed=20, reminded=True),
    Case(says="nothing is expected", expects=(), weighed=20, reminded=False),
    Case(says="was to weigh on Monday", expects=("weight",), weekday=0, reminded=True),
    Case(says="is to weigh on Friday", expects=("weight",), weekday=4, reminded=False),
)


async def weigh(owner: Any, world: World, at: datetime) -> None:
    await owner.execute(
        """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis,
               received_at, source, weight_kg, judged_with)
           VALUES ($1, $2, $3, 'weight', $4, 'America/New_York', $5, 'device', $4, 'device', 80, 'test')""",
        uuid7(), world.organization, world.patient, at, at.date(),
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
async def test_who_measures_one_thing_is_reminded_of_the_other_that_is_expected(
    worker_db: Database, world: World, owner: Any, case: Case
) -> None:
    everybody = uuid7()  # the shipped rule is of a programme that expects nothing
    await owner.execute("INSERT INTO programme VALUES ($1, $2, 'all', 'All')", everybody, world.organization)
    await owner.execute(
        "INSERT INTO enrolment SELECT $1, organization_id, patient_id, $2, valid_from, NULL FROM enrolment",
        uuid7(), everybody,
    )  # fmt: skip
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement", after=3, programme=everybody)
    for vital in case.expects:
        await expect(owner, world, vital, (5, 10), since=LONG_AGO)
    if case.weekday is not None:
        await owner.execute("UPDATE expected_measurement SET weekdays = $1 WHERE vital = 'weight'", [case.weekday])
    await measure(owner, world, TEN - DAY)
    if case.scale:
        await lend_device(owner, world.organization, world.patient, LONG_AGO, ("weight",))
    if case.weighed is not None:
        await weigh(owner, world, TEN - case.weighed * DAY)
    assert await plan(worker_db, TEN) == case.reminded
    async with worker_db.transaction(WORKER) as db:
        assert await db.fetchval(REASON, TEN) == (True if case.reminded else None)
    await weigh(owner, world, TEN)
    async with worker_db.transaction(WORKER) as db:
        assert await db.fetchval(REASON, TEN) == (False if case.reminded else None)
