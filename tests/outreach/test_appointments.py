"""An appointment is booked once, what became of it can be taken back, and a table may come again and again."""

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import Conflict, Invalid, NotFound
from server.flows import book, import_appointments
from server.flows.book import Wanted
from server.outreach import appointments
from server.people import patients
from server.people.patients import Patient
from tests.flows.test_resolve_held import person_of
from tests.world import World

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 10:00 in New York
LATER = NOW + timedelta(days=12)
TEN = Wanted(day="2026-12-01", at="10:30", measure="CMS125")


async def patient_of(web_db: Database, world: World) -> Patient:
    async with web_db.transaction(person_of(world).who) as db:
        found = await patients.get(db, world.patient)
    assert found is not None
    return found


async def gap_of(owner: Any, world: World, measure: str = "CMS125") -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)
           VALUES ($1, $2, $3, $4, '2026-01-01', '2026-12-31', $5)""",
        made, world.organization, world.patient, measure, NOW,
    )  # fmt: skip
    return made


async def booked(web_db: Database, world: World, wanted: Wanted = TEN) -> uuid.UUID:
    return await book.book(web_db, person_of(world).who, await patient_of(web_db, world), wanted, NOW)


async def change(web_db: Database, world: World, one: uuid.UUID, was: Any, to: Any, now: datetime = LATER) -> None:
    await book.change(web_db, person_of(world).who, world.patient, one, was, to, now)


async def status_of(owner: Any, table: str, one: uuid.UUID) -> Any:
    return await owner.fetchval({"gap": "SELECT status FROM gap WHERE id = $1",
                                 "appointment": "SELECT status FROM appointment WHERE id = $1"}[table], one)  # fmt: skip


async def test_a_time_is_the_patients_own_and_of_two_who_book_it_one_does(
    web_db: Database, world: World, owner: Any
) -> None:
    await gap_of(owner, world)
    made = await asyncio.gather(*(booked(web_db, world) for _ in range(5)), return_exceptions=True)
    assert [type(one).__name__ for one in made].count("Conflict") == 4
    rows = await owner.fetch("SELECT starts_at, measure, status FROM appointment")
    assert [tuple(row) for row in rows] == [(datetime(2026, 12, 1, 15, 30, tzinfo=UTC), "CMS125", "booked")]
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'appointment.book'") == 1


@pytest.mark.parametrize(
    ("day", "at", "says"),
    [
        ("2026-11-20", "09:59", "has passed"),
        ("2027-03-14", "02:30", "the clocks jump over it"),
        ("2029-12-01", "10:30", "Check the year"),
        ("2026-13-01", "10:30", "from the calendar"),
        ("2026-12-01", "25:30", "like 14:30"),
        ("", "", "from the calendar"),
    ],
)
def test_a_moment_that_cannot_be_is_said_in_words(day: str, at: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        book.to_come(book.moment(day, at, "America/New_York"), NOW)


async def test_what_has_passed_is_not_booked(web_db: Database, world: World, owner: Any) -> None:
    with pytest.raises(Invalid, match="has passed"):
        await booked(web_db, world, Wanted(day="2026-11-20", at="09:59"))
    assert await owner.fetchval("SELECT count(*) FROM appointment") == 0


def test_an_hour_that_comes_twice_is_its_first() -> None:
    assert book.moment("2026-11-01", "01:30", "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


async def test_an_appointment_is_for_what_is_due_and_nothing_else(web_db: Database, world: World) -> None:
    with pytest.raises(Invalid, match="from the list"):
        await booked(web_db, world)


async def test_who_came_awaits_the_result_and_taking_it_back_asks_again(
    web_db: Database, world: World, owner: Any
) -> None:
    gap = await gap_of(owner, world)
    one = await booked(web_db, world)
    await change(web_db, world, one, "booked", "fulfilled")
    assert await status_of(owner, "gap", gap) == "awaiting_evidence"
    async with web_db.transaction(person_of(world).who) as db:
        [shown] = await appointments.of_patient(db, world.patient, 10)
    assert shown.awaits_result
    assert await owner.fetchval("SELECT count(*) FROM task") == 0
    await change(web_db, world, one, "fulfilled", "booked")
    assert (await status_of(owner, "gap", gap), await status_of(owner, "appointment", one)) == ("open", "booked")


async def test_taking_back_does_not_reopen_what_evidence_closed_or_the_patient_reported(
    web_db: Database, world: World, owner: Any
) -> None:
    gap, one = await gap_of(owner, world), await booked(web_db, world, TEN)
    await change(web_db, world, one, "booked", "fulfilled")
    await owner.execute("UPDATE gap SET status = 'closed' WHERE id = $1", gap)
    await change(web_db, world, one, "fulfilled", "booked")
    assert await status_of(owner, "gap", gap) == "closed"
    await owner.execute("UPDATE gap SET status = 'awaiting_evidence', reported_at = $2 WHERE id = $1", gap, NOW)
    await change(web_db, world, one, "booked", "fulfilled")
    await change(web_db, world, one, "fulfilled", "booked")
    assert await status_of(owner, "gap", gap) == "awaiting_evidence"  # the patient's own report was there before


async def test_who_did_not_come_is_called_and_taking_it_back_ends_the_task(
    web_db: Database, world: World, owner: Any
) -> None:
    one = await booked(web_db, world, Wanted(day="2026-12-01", at="10:30"))
    await change(web_db, world, one, "booked", "noshow")
    row = await owner.fetchrow("SELECT kind, subject, patient_id, says, closed_at FROM task")
    assert (row["kind"], row["subject"], row["patient_id"], row["closed_at"]) == (
        "noshow_call", str(one), world.patient, None,
    )  # fmt: skip
    await change(web_db, world, one, "noshow", "booked")
    assert await owner.fetchval("SELECT outcome FROM task WHERE closed_at IS NOT NULL") == "not_needed"


async def test_nothing_is_said_of_an_appointment_before_it_began_or_as_somebody_else_left_it(
    web_db: Database, world: World, owner: Any
) -> None:
    one = await booked(web_db, world, Wanted(day="2026-12-01", at="10:30"))
    for to in ("fulfilled", "noshow"):
        with pytest.raises(Conflict, match="has not begun"):
            await change(web_db, world, one, "booked", to, NOW)
    await change(web_db, world, one, "booked", "cancelled", NOW)
    with pytest.raises(Conflict, match="meanwhile"):
        await change(web_db, world, one, "booked", "fulfilled")
    await booked(web_db, world, Wanted(day="2026-12-01", at="10:30"))
    with pytest.raises(Conflict, match="same time"):
        await change(web_db, world, one, "cancelled", "booked", NOW)
    with pytest.raises(NotFound):
        await change(web_db, world, uuid7(), "booked", "cancelled")


BLOCKED = (
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE appointment%'"
)


async def test_of_two_that_are_booked_again_for_one_moment_one_is(web_db: Database, world: World, owner: Any) -> None:
    """The second one's statement begins while the first is not committed yet, so the index decides."""
    two = []
    for _ in range(2):
        two.append(await booked(web_db, world, Wanted(day="2026-12-01", at="10:30")))
        await change(web_db, world, two[-1], "booked", "cancelled", NOW)
    async with web_db.transaction(person_of(world).who) as db:
        assert await appointments.move(db, world.patient, two[0], "cancelled", "booked", NOW)
        second = asyncio.create_task(change(web_db, world, two[1], "cancelled", "booked", NOW))
        async with asyncio.timeout(20):
            while not await owner.fetchval(BLOCKED):
                await asyncio.sleep(0.01)  # the condition is the lock it waits for; this only yields between looks
    with pytest.raises(Conflict, match="same time"):
        await second
    assert await owner.fetchval("SELECT count(*) FROM appointment WHERE status = 'booked'") == 1


async def test_of_two_who_say_what_became_of_it_one_counts(web_db: Database, world: World, owner: Any) -> None:
    one = await booked(web_db, world, Wanted(day="2026-12-01", at="10:30"))
    said = await asyncio.gather(
        *(change(web_db, world, one, "booked", to) for to in ("noshow", "cancelled", "noshow", "cancelled")),
        return_exceptions=True,
    )
    assert [type(one).__name__ for one in said].count("Conflict") == 3
    tasks = await owner.fetchval("SELECT count(*) FROM task")
    assert tasks == (1 if await status_of(owner, "appointment", one) == "noshow" else 0)


async def test_what_is_booked_is_not_asked_for_until_it_is_cancelled(
    web_db: Database, world: World, owner: Any
) -> None:
    gap = await gap_of(owner, world)
    rule, reminder = uuid7(), uuid7()
    await owner.execute(
        """INSERT INTO reminder_rule (id, organization_id, code, kind, measure, after_days, local_hour)
           VALUES ($1, $2, 'screen', 'screening', 'CMS125', 30, 11)""",
        rule, world.organization,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, gap_id, planned_at)
           VALUES ($1, $2, $3, $4, '2026-11-20 11:00', $5, $6, $5)""",
        reminder, world.organization, world.patient, rule, NOW, gap,
    )  # fmt: skip
    asks = "SELECT reminder_reason_there($1, $2, $3)"
    assert await owner.fetchval(asks, world.patient, reminder, NOW) is True
    one = await booked(web_db, world)
    assert await owner.fetchval(asks, world.patient, reminder, NOW) is False
    await change(web_db, world, one, "booked", "cancelled", NOW)
    assert await owner.fetchval(asks, world.patient, reminder, NOW) is True


TABLE = "mrn,starts_at,measure,status\nMaple-1,2026-12-01 10:30,CMS125,\nMaple-1,2026-12-08 09:00,,booked\n"


async def taken_in(web_db: Database, world: World, text: str, now: datetime = NOW) -> tuple[int, int, int]:
    found = await import_appointments.import_table(web_db, person_of(world).who, text, now)
    return found.lines, found.booked, found.changed


async def mrn_of(owner: Any, world: World) -> str:
    return str(await owner.fetchval("SELECT mrn FROM patient WHERE id = $1", world.patient))


async def test_a_table_that_comes_again_changes_nothing(web_db: Database, world: World, owner: Any) -> None:
    await gap_of(owner, world)
    table = TABLE.replace("Maple-1", await mrn_of(owner, world))
    assert await taken_in(web_db, world, "\ufeff" + table) == (2, 2, 0)
    assert await taken_in(web_db, world, table) == (2, 0, 0)
    assert await taken_in(web_db, world, table, LATER) == (2, 0, 0)  # one of them is over meanwhile
    assert await taken_in(web_db, world, table + table.partition("\n")[2]) == (4, 0, 0)
    assert await owner.fetchval("SELECT count(*) FROM appointment") == 2


async def test_a_table_says_what_became_of_them_with_all_that_follows(
    web_db: Database, world: World, owner: Any
) -> None:
    gap, mrn = await gap_of(owner, world), await mrn_of(owner, world)
    await taken_in(web_db, world, TABLE.replace("Maple-1", mrn))
    said = f"mrn,starts_at,status\n{mrn},2026-12-01 10:30,fulfilled\n{mrn},2026-12-08 09:00,cancelled\n"
    assert await taken_in(web_db, world, said, LATER) == (2, 0, 2)
    assert await status_of(owner, "gap", gap) == "awaiting_evidence"
    assert await taken_in(web_db, world, said.replace("fulfilled", "noshow"), LATER) == (2, 0, 1)
    assert await status_of(owner, "gap", gap) == "open"
    assert await owner.fetchval("SELECT count(*) FROM task WHERE kind = 'noshow_call' AND closed_at IS NULL") == 1
    # The first table again: what staff or a later table said is not undone by an empty status.
    assert await taken_in(web_db, world, TABLE.replace("Maple-1", mrn).replace("booked", ""), LATER) == (2, 0, 0)


WRONG = (
    ("Nobody-1,2026-12-01 10:30,,", "line 4: there is no patient Nobody-1"),
    ("MRN,2026-12-01,,", "line 4: starts_at '2026-12-01' is not written like"),
    ("MRN,2026-11-01 10:30,,", "line 4: This time has passed"),
    ("MRN,2027-03-14 02:30,,", "line 4: There is no 02:30 on that day"),
    ("MRN,2026-12-02 10:30,CMS999,", "line 4: measure 'CMS999' is none of CMS125"),
    ("MRN,2026-12-02 10:30,,maybe", "line 4: status 'maybe' is none of booked"),
    ("MRN,2026-12-02 10:30,,fulfilled", "line 4: it has not begun yet"),
    (",2026-12-02 10:30,,", "line 4: a record number"),
)


async def test_one_wrong_line_is_named_and_nothing_is_taken_in(web_db: Database, world: World, owner: Any) -> None:
    await gap_of(owner, world)
    mrn = await mrn_of(owner, world)
    for line, says in WRONG:
        with pytest.raises(Invalid) as told:
            await taken_in(web_db, world, TABLE.replace("Maple-1", mrn) + line.replace("MRN", mrn) + "\n")
        assert says in told.value.says
        assert told.value.says.startswith("Nothing was taken in.")
        assert await owner.fetchval("SELECT count(*) FROM appointment") == 0, line


async def test_another_organizations_record_number_is_nobodys(
    web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    with pytest.raises(Invalid, match="there is no patient"):
        await taken_in(
            web_db, world, f"mrn,starts_at\n{await mrn_of(owner, other_world)},2026-12-01 10:30\n"
        )  # fmt: skip


def test_a_day_is_a_day() -> None:
    assert book.moment("2026-07-04", "9:05", "Asia/Kathmandu").date() == date(2026, 7, 4)
