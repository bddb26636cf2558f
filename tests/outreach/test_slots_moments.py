"""What goes by its own time: medicines by the clock or by an interval, and appointments before they start."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from server.db.pool import Database
from server.flows import remind
from tests.outreach.planned import DAY, HOUR, LONG_AGO, books, ledger, local, plan, rule, slots, takes
from tests.texting import WORKER
from tests.world import World

MINUTE = timedelta(minutes=1)
TODAY = date(2026, 11, 18)


async def through(database: Database, begins: datetime, hours: int) -> None:
    """A worker that looks each hour."""
    for hour in range(hours):
        await plan(database, begins + hour * HOUR)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Medicines --------------------------------------------------------------------------------------------


async def test_each_time_of_the_clock_is_a_slot_and_medicines_of_one_minute_are_one(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    first = await takes(owner, world, at=[time(8), time(20)])
    await takes(owner, world, at=[time(8)])
    await through(worker_db, local(TODAY, 5), 24)
    rows = await owner.fetch("SELECT slot, subject_id FROM reminder ORDER BY slot")
    assert [tuple(row) for row in rows] == [(at("2026-11-18T08:00"), None), (at("2026-11-18T20:00"), first)]


async def test_an_interval_counts_from_the_first_dose_and_not_before_it(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    for every, begins, expected in (
        (8, "2026-11-18T06:00", ["06:00", "14:00", "22:00"]),
        (12, "2026-10-30T09:15", ["08:15", "20:15"]),  # twelve hours stay twelve over the change of the clocks
        (24, "2026-11-18T21:30", ["21:30"]),
    ):
        await owner.execute("TRUNCATE reminder, medicine CASCADE")
        first = at(begins)
        await takes(owner, world, every=every, first=local(first.date(), first.hour, first.minute))
        await through(worker_db, local(TODAY, 0), 22)
        assert [f"{slot:%H:%M}" for slot in await slots(owner)] == expected


async def test_a_dose_on_the_night_of_the_change_is_said_once_at_a_time_that_exists(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    for zone, slot, moment in (
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30Z"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45Z"),
        ("Asia/Kathmandu", "2026-11-18T00:05", "2026-11-17T18:20Z"),
    ):
        await owner.execute("TRUNCATE reminder, medicine CASCADE")
        await owner.execute("UPDATE patient SET zone = $1", zone)
        await takes(owner, world, at=[at(slot).time()])
        await through(worker_db, at(moment) - 5 * HOUR, 10)
        assert await ledger(owner) == [(at(slot), at(moment))]


async def test_only_what_is_taken_that_day_and_was_known_in_time_is_said(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    cases: tuple[tuple[dict[str, Any], bool], ...] = (
        ({}, True),
        ({"starts": TODAY + DAY}, False),
        ({"ends": TODAY - DAY}, False),
        ({"ends": TODAY}, True),
        ({"recorded": local(TODAY, 8, 30)}, False),  # written down when the hour was gone
    )
    for columns, planned in cases:
        await owner.execute("TRUNCATE reminder, medicine CASCADE")
        await takes(owner, world, at=[time(8)], **columns)
        assert await plan(worker_db, local(TODAY, 9)) == planned, columns


async def test_who_must_not_be_reminded_of_a_medicine_is_not(worker_db: Database, world: World, owner: Any) -> None:
    made = await rule(owner, world, "medicine", lasts=2)
    medicine = await takes(owner, world, at=[time(8)])
    for arrange, undo, subject in (
        ("UPDATE medicine SET stopped_at = now() WHERE id = $1", "UPDATE medicine SET stopped_at = NULL", medicine),
        (
            "UPDATE patient SET monitoring_status = 'hospice' WHERE id = $1",
            "UPDATE patient SET monitoring_status = 'active'",
            world.patient,
        ),
        (
            "UPDATE reminder_rule SET enabled = false WHERE id = $1",
            "UPDATE reminder_rule SET enabled = true",
            made,
        ),
        (
            "UPDATE enrolment SET valid_to = '2025-01-01' WHERE organization_id = $1",
            "UPDATE enrolment SET valid_to = NULL",
            world.organization,
        ),
    ):
        await owner.execute("UPDATE reminder_rule SET programme_id = $1", world.programme)
        await owner.execute(arrange, subject)
        assert await plan(worker_db, local(TODAY, 8)) == 0, arrange
        await owner.execute(undo)
    await owner.execute("UPDATE enrolment SET valid_from = $1", LONG_AGO)
    assert await plan(worker_db, local(TODAY, 8)) == 1


async def test_a_dose_is_caught_up_for_as_long_as_it_lasts(worker_db: Database, world: World, owner: Any) -> None:
    await rule(owner, world, "medicine", lasts=2)
    await takes(owner, world, at=[time(8)])
    assert await plan(worker_db, local(TODAY, 10, 1)) == 0
    assert await plan(worker_db, local(TODAY, 9, 59)) == 1


async def test_a_dose_of_an_interval_is_not_said_again_where_its_moment_has_another_name(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    await takes(owner, world, every=8, first=local(TODAY, 8))
    await plan(worker_db, local(TODAY, 7))
    await owner.execute("UPDATE reminder SET status = 'queued'")
    await owner.execute("UPDATE patient SET zone = 'America/Chicago'")
    await plan(worker_db, local(TODAY, 8))
    assert await slots(owner) == [at("2026-11-18T08:00")]


async def test_the_reason_is_there_while_anything_is_taken_at_that_minute(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "medicine", lasts=2)
    by_clock = await takes(owner, world, at=[time(8)])
    by_interval = await takes(owner, world, every=6, first=local(TODAY, 2))
    await plan(worker_db, local(TODAY, 8))
    [reminder] = [row["id"] for row in await owner.fetch("SELECT id FROM reminder")]
    for change, medicine, there in (
        ("UPDATE medicine SET at_times = '{09:00}' WHERE id = $1", by_clock, True),
        ("UPDATE medicine SET first_dose_at = first_dose_at + interval '1 hour' WHERE id = $1", by_interval, False),
        ("UPDATE medicine SET first_dose_at = first_dose_at - interval '5 hours' WHERE id = $1", by_interval, False),
        ("UPDATE medicine SET first_dose_at = first_dose_at + interval '4 hours' WHERE id = $1", by_interval, True),
        ("UPDATE medicine SET stopped_at = now() WHERE id = $1", by_interval, False),
        ("UPDATE medicine SET at_times = '{08:00,20:00}' WHERE id = $1", by_clock, True),
        ("UPDATE medicine SET ends_on = '2026-11-17' WHERE id = $1", by_clock, False),
    ):
        await owner.execute(change, medicine)
        async with worker_db.transaction(WORKER) as db:
            reason = await db.fetchval(REASON, world.patient, reminder, local(TODAY, 8))
        assert reason is there, change


REASON = "SELECT reminder_reason_there($1, $2, $3)"


# Appointments -----------------------------------------------------------------------------------------


async def test_an_appointment_is_said_once_before_it_starts_even_after_the_worker_was_away(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "appointment", before=24, lasts=20)
    visit = await books(owner, world, local(TODAY, 14) + DAY)
    assert await plan(worker_db, local(TODAY, 11)) == 0  # not in sight
    assert await plan(worker_db, local(TODAY, 15, 10)) == 1  # seventy minutes late
    assert await plan(worker_db, local(TODAY, 15, 20)) == 0
    rows = await owner.fetch("SELECT subject_id, slot, due_at FROM reminder")
    assert [tuple(row) for row in rows] == [(visit, at("2026-11-18T14:00"), local(TODAY, 14))]


async def test_who_reads_spanish_reads_the_day_of_an_appointment_first(
    worker_db: Database, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    await rule(owner, world, "appointment", before=24, lasts=20)
    await books(owner, world, local(TODAY, 14) + DAY)
    assert await plan(worker_db, local(TODAY, 14)) == 1
    async with worker_db.transaction(WORKER) as db:
        assert await remind.queue_due(db, local(TODAY, 14), remind.From(public_url="", default_sender="")) == 1
    assert "una cita el 19 nov 14:00. " in await owner.fetchval("SELECT body FROM message")


async def test_an_appointment_is_not_said_when_that_helps_nobody_any_more(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "appointment", before=24, lasts=20)
    await books(owner, world, local(TODAY, 14) + DAY)
    assert [await plan(worker_db, local(TODAY, 14) + hours * HOUR) for hours in (25, 21, 19)] == [0, 0, 1]


async def test_the_hour_of_an_appointment_is_the_moments_on_the_night_of_the_change(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "appointment", before=24)
    await books(owner, world, datetime(2026, 11, 2, 6, 30, tzinfo=UTC))  # so 6:30 UTC is the second half past one
    await books(owner, world, datetime(2026, 11, 2, 5, 30, tzinfo=UTC))
    await through(worker_db, datetime(2026, 11, 1, 1, tzinfo=UTC), 10)
    assert await ledger(owner) == [(at("2026-11-01T01:30"), datetime(2026, 11, 1, 5, 30, tzinfo=UTC))]


async def test_one_booked_again_for_the_same_hour_takes_the_cancelled_ones_place(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "appointment", before=24)
    cancelled = await books(owner, world, local(TODAY, 14) + DAY)
    await plan(worker_db, local(TODAY, 13))
    await owner.execute("UPDATE appointment SET status = 'cancelled' WHERE id = $1", cancelled)
    again = await books(owner, world, local(TODAY, 14) + DAY)
    await plan(worker_db, local(TODAY, 13, 10))
    assert [row["subject_id"] for row in await owner.fetch("SELECT subject_id FROM reminder")] == [again]
