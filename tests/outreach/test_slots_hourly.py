"""What goes by an hour of the day: silence, gaps and the call after three texts, supplies, questions, a series' parts."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.gaps.adherence import Fill, Pdc, pdc
from server.outreach import tasks
from tests.outreach.planned import (
    DAY,
    HOUR,
    LONG_AGO,
    books,
    enrolled_since,
    filled,
    gap,
    local,
    plan,
    rule,
    slots,
    takes,
    touched,
)
from tests.texting import WORKER, measure
from tests.world import World

TODAY = date(2026, 11, 18)
TEN = local(TODAY, 10)


async def days_of(database: Database, owner: Any, days: int) -> list[int]:
    """Plan at ten on so many days; on which of them something was planned, counted from the first."""
    for day in range(days):
        await plan(database, local(TODAY + day * DAY, 10))
    return [(slot.date() - TODAY).days for slot in await slots(owner)]


# Measurement ------------------------------------------------------------------------------------------


async def test_silence_is_counted_to_the_hour_and_a_reading_of_just_within_it_is_no_silence(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement", after=3)
    await measure(owner, world, TEN - 3 * DAY + timedelta(minutes=1))
    assert await plan(worker_db, TEN) == 0
    await owner.execute("UPDATE reading SET measured_at = measured_at - interval '2 minutes'")
    assert await plan(worker_db, TEN) == 1


async def test_who_came_back_from_a_pause_is_not_asked_for_the_days_of_the_pause(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement", after=3)
    await owner.execute("UPDATE patient SET rebaseline_from = $1", TEN - 2 * DAY)
    assert await days_of(worker_db, owner, 3) == [1]


# Gaps -------------------------------------------------------------------------------------------------


async def calls(owner: Any) -> list[tuple[str, date]]:
    rows = await owner.fetch("SELECT subject, due_on FROM task WHERE kind = $1", "call_for_gap")
    return [(row["subject"], row["due_on"]) for row in rows]


CADENCE = (
    # (days since each touch, texted now, called now)
    ([], True, False),  # on the day the gap opens
    ([29], False, False),
    ([30], True, False),
    ([60, 29], False, False),
    ([60, 30], True, False),
    ([90, 60, 29], False, False),
    ([90, 60, 30], False, True),
)


@pytest.mark.parametrize("kind", ["screening", "vaccination"])
async def test_texts_are_spaced_and_after_the_third_a_person_calls(
    worker_db: Database, world: World, owner: Any, kind: str
) -> None:
    await rule(owner, world, kind, measure="CMS125", after=30)
    about = await gap(owner, world, TEN - HOUR)
    for touches, texted, called in CADENCE:
        await owner.execute("TRUNCATE reminder, touch, task")
        await touched(owner, world, about, *(TEN - days * DAY for days in touches))
        assert await plan(worker_db, TEN) == texted, touches
        assert await calls(owner) == ([(str(about), TODAY)] if called else []), touches


async def test_a_person_calls_once_for_a_gap_whatever_came_of_it(worker_db: Database, world: World, owner: Any) -> None:
    await rule(owner, world, "screening", measure="CMS125", after=10)
    about = await gap(owner, world, TEN - 60 * DAY)
    await touched(owner, world, about, *(TEN - days * DAY for days in (50, 40, 30)))
    for day in range(3):
        await plan(worker_db, TEN + day * DAY)
        await owner.execute("UPDATE task SET closed_at = $1, closed_by = 'test', outcome = 'no_answer'", TEN)
    assert len(await calls(owner)) == 1
    async with worker_db.transaction(WORKER) as db:
        [task] = await tasks.closed_since(db, TEN - DAY)
    assert (task.about_gap, task.patient_id) == (about, world.patient)


ASKED_TO_WAIT = "UPDATE gap SET no_text_before = $1"


async def test_nobody_is_asked_for_what_is_booked_done_not_open_yet_or_asked_to_wait(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "screening", measure="CMS125", after=30)
    await gap(owner, world, TEN + DAY)
    assert await plan(worker_db, TEN) == 0
    await owner.execute("UPDATE gap SET opened_at = $1", LONG_AGO)
    visit = await books(owner, world, TEN + 30 * DAY, "CMS125")
    assert await plan(worker_db, TEN) == 0
    await owner.execute("UPDATE appointment SET status = 'cancelled' WHERE id = $1", visit)
    await owner.execute(ASKED_TO_WAIT, TODAY + DAY)
    assert await plan(worker_db, TEN) == 0
    await owner.execute(ASKED_TO_WAIT, TODAY)
    await owner.execute("UPDATE gap SET status = 'awaiting_evidence'")
    assert await plan(worker_db, TEN) == 0
    await owner.execute("UPDATE gap SET status = 'open'")
    assert await plan(worker_db, TEN) == 1


async def test_who_is_held_out_of_an_experiment_is_not_called_either(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "screening", measure="CMS125", after=10)
    await touched(owner, world, await gap(owner, world, TEN - 60 * DAY), *(TEN - d * DAY for d in (50, 40, 30)))
    made = uuid.uuid4()
    while not await owner.fetchval("SELECT held_out($1, $2, 50)", made, world.patient):
        made = uuid.uuid4()
    await owner.execute(
        "INSERT INTO experiment VALUES ($1, $2, 'CMS125', 50, $3, $4, 't', now())",
        made, world.organization, TODAY - DAY, TODAY + DAY,
    )  # fmt: skip
    await plan(worker_db, TEN)
    assert await calls(owner) == []
    await plan(worker_db, TEN + DAY)
    assert len(await calls(owner)) == 1


# Supplies ---------------------------------------------------------------------------------------------


SUPPLIES = (
    # (day of the fill, days of supply), counted from today
    [(-25, 30)],
    [(-55, 30), (-30, 30)],  # five days early: carried over
    [(-85, 30), (-80, 30), (-30, 30)],
    [(-100, 30), (-23, 30)],  # a hole between: nothing left to carry
    [(-30, 10), (-29, 20), (-12, 5)],
)


async def test_a_supply_ends_when_adherence_says_it_does_and_is_said_a_week_before_on_the_day_and_a_week_after(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "refill", after=7)
    for fills in SUPPLIES:
        await owner.execute("TRUNCATE reminder, dispensing, medicine")
        medicine = await takes(owner, world, every=24, first=LONG_AGO)
        for on, days in fills:
            await filled(owner, world, medicine, TODAY + on * DAY, days)
        told = pdc([Fill(TODAY + on * DAY, days) for on, days in [(-400, 1), *fills]], TODAY + 100 * DAY, TODAY)
        assert isinstance(told, Pdc)
        ends = (told.runs_out_on - TODAY).days
        first = max(0, ends - 7)
        expected = [day for day in range(first, ends + 8) if (day - first) % 7 == 0]
        for day in sorted({*expected, *(day + k for day in expected for k in (-1, 1)), ends + 8, ends + 15} - {-1}):
            await plan(worker_db, local(TODAY + day * DAY, 10))
        assert [(slot.date() - TODAY).days for slot in await slots(owner)] == expected, fills


async def test_a_fill_ends_the_reminding_and_one_text_is_for_all_that_ends(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "refill", after=7)
    for days in (30, 31):
        medicine = await takes(owner, world, every=24, first=LONG_AGO)
        await filled(owner, world, medicine, TODAY - 26 * DAY, days)
    assert await days_of(worker_db, owner, 3) == [0]
    for row in await owner.fetch("SELECT id FROM medicine"):
        await filled(owner, world, row["id"], TODAY + 3 * DAY, 90)
    assert await days_of(worker_db, owner, 20) == [0]


async def test_a_fill_that_stands_under_an_old_and_a_new_id_of_one_medicine_is_one_supply(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "refill", after=7)
    old = await takes(owner, world, every=24, first=LONG_AGO, name="Metformin")
    await owner.execute("UPDATE medicine SET stopped_at = now()")
    new = await takes(owner, world, every=24, first=LONG_AGO, name="metformin")
    for medicine in (old, new):
        await filled(owner, world, medicine, TODAY - 26 * DAY, 30)
    assert await days_of(worker_db, owner, 3) == [0]


async def test_what_is_not_taken_any_more_or_only_as_needed_needs_no_refill(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "refill", after=7)
    await filled(owner, world, await takes(owner, world, every=24, first=LONG_AGO), TODAY - 26 * DAY, 30)
    for change in ("ends_on = '2026-11-19'", "ends_on = NULL, stopped_at = now()"):
        await owner.execute(f"UPDATE medicine SET {change}")
        assert await plan(worker_db, TEN) == 0, change
    await owner.execute("UPDATE medicine SET stopped_at = NULL")
    assert await plan(worker_db, TEN) == 1


# Questions and series ---------------------------------------------------------------------------------


async def asks(owner: Any, world: World, code: str) -> None:
    await owner.execute(
        "INSERT INTO questionnaire (id, organization_id, code, version, programme_id, every_days, content, source, author,"
        " recorded_at) VALUES ($1, $2, $3, 1, $4, 7, '{}', 'tests', 'tests', now())",
        uuid7(), world.organization, code, world.programme,
    )  # fmt: skip


async def test_a_questionnaire_comes_so_many_days_after_the_last_answer_or_the_last_asking(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, local(TODAY, 9) - 6 * DAY)
    await rule(owner, world, "questionnaire", after=7, subject="check_in")
    assert await days_of(worker_db, owner, 3) == []  # there are no such questions here
    await asks(owner, world, "check_in")
    assert await days_of(worker_db, owner, 10) == [1, 8]
    await owner.execute(
        "INSERT INTO questionnaire_response VALUES ($1, $2, $3, 'check_in', 1, '{}', $4)",
        uuid7(), world.organization, world.patient, local(TODAY + 10 * DAY, 12),
    )  # fmt: skip
    assert await days_of(worker_db, owner, 20) == [1, 8, 18]


async def test_each_part_of_a_series_comes_on_its_day_once_and_not_when_it_was_read_before(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, local(TODAY, 9))
    await rule(owner, world, "education", subject="pressure", lasts=48)
    await owner.execute(
        "INSERT INTO education_series VALUES ($1, 'pressure', $2, '{}', 'tests', 'tests', now())",
        world.organization, world.programme,
    )  # fmt: skip
    parts = [uuid7() for _ in range(4)]
    for position, (part, day) in enumerate(zip(parts, (0, 2, 4, 7), strict=True), 1):
        await owner.execute(
            "INSERT INTO education_part VALUES ($1, $2, 'pressure', $3, $4, '{}', '{}')",
            part, world.organization, position, day,
        )  # fmt: skip
    await owner.execute(
        "INSERT INTO education_read VALUES ($1, $2, $3, now(), now())", world.patient, world.organization, parts[2]
    )
    assert await days_of(worker_db, owner, 12) == [0, 2, 7]
    subjects = [row["subject_id"] for row in await owner.fetch("SELECT subject_id FROM reminder ORDER BY slot")]
    assert subjects == [parts[0], parts[1], parts[3]]


async def test_a_part_that_nobody_planned_in_its_hour_comes_as_long_as_it_lasts(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, datetime(2026, 11, 18, 14, tzinfo=UTC))
    await rule(owner, world, "education", subject="pressure", lasts=48)
    await owner.execute(
        "INSERT INTO education_series VALUES ($1, 'pressure', $2, '{}', 'tests', 'tests', now())",
        world.organization, world.programme,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO education_part VALUES ($1, $2, 'pressure', 1, 0, '{}', '{}')", uuid7(), world.organization
    )
    assert await plan(worker_db, TEN + 49 * HOUR) == 0
    assert await plan(worker_db, TEN + 47 * HOUR) == 1
