"""Taken, not taken, later, not for me, a refill: what a word means after the last question, and how it is answered."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from tests.flows.texting_home import MINUTE, WORKER, Home
from tests.world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def home(world: World, owner: Any, web_db: Database, worker_db: Database) -> Home:
    return Home(
        world=world, owner=owner, web_db=web_db, worker_db=worker_db, now=datetime.now(UTC) - timedelta(hours=30)
    )


async def intakes(home: Home) -> list[tuple[str, bool]]:
    rows = await home.owner.fetch(
        "SELECT p.mrn, i.taken FROM intake i JOIN patient p ON p.id = i.patient_id ORDER BY i.said_at, i.id"
    )
    return [tuple(row) for row in rows]


async def open_gap(home: Home, patient: uuid.UUID | None = None) -> uuid.UUID:
    gap, today = uuid7(), home.now.date()
    await home.owner.execute(
        "INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)"
        " VALUES ($1, $2, $3, 'CMS125', $4, $5, $6)",
        gap, home.world.organization, patient or home.world.patient, today.replace(month=1, day=1),
        today.replace(month=12, day=31), home.now,
    )  # fmt: skip
    return gap


async def test_taken_after_a_reminder_of_medicines_is_noted_for_that_reminder(home: Home) -> None:
    reminders = []
    for words in ("1", "taken", "ya la tome", "yes I took it"):
        reminders.append(await home.reminded("medicine"))
        await home.writes(words)
        home.now += HOUR
    assert await intakes(home) == [("Aspen-1", True)] * 4
    assert [
        row["reminder_id"] for row in await home.owner.fetch("SELECT reminder_id FROM intake ORDER BY said_at")
    ] == reminders
    assert (await home.said(), await home.alarms()) == (["after_taken"] * 4, [])


async def test_not_taken_is_noted_and_answered_kindly_and_alarms_nobody(home: Home) -> None:
    for words in ("2", "not taken", "no la tome", "I forgot"):
        for said in (words, "1"):
            await home.reminded("medicine")
            await home.writes(said)
            home.now += HOUR
    assert await intakes(home) == [("Aspen-1", False), ("Aspen-1", True)] * 4
    assert await home.said() == ["after_not_taken", "after_taken"] * 4
    assert (await home.alarms(), await home.tasks()) == ([], [])


async def test_twice_in_a_row_not_taken_is_a_call_for_tomorrow(home: Home) -> None:
    await home.reminded("medicine")
    await home.writes("2")
    home.now += 10 * HOUR
    await home.reminded("medicine")
    await home.writes("2")
    assert await home.tasks() == ["not_taken_call"]
    row = await home.owner.fetchrow("SELECT due_on, patient_id FROM task")
    assert row["due_on"] > (home.now - timedelta(days=1)).date()
    assert row["patient_id"] == home.world.patient
    assert await home.alarms() == []


async def test_taken_in_between_is_no_row(home: Home) -> None:
    for words in ("2", "1", "2"):
        await home.reminded("medicine")
        await home.writes(words)
        home.now += 5 * HOUR
    assert await home.tasks() == []


async def test_what_is_said_last_of_a_dose_counts(home: Home) -> None:
    await home.reminded("medicine")
    await home.writes("2")
    await home.writes("1")
    home.now += 5 * HOUR
    await home.reminded("medicine")
    await home.writes("2")
    assert await home.tasks() == []


async def test_after_half_a_day_one_is_said_of_nothing_and_goes_to_a_person(home: Home) -> None:
    await home.reminded("medicine", ago=12 * HOUR + MINUTE)
    await home.writes("1")
    assert await intakes(home) == []
    assert await home.alarms() == ["patient_message"]


async def test_of_two_who_were_reminded_by_one_telephone_it_is_asked_who_took_it(home: Home) -> None:
    spouse = await home.spouse()
    await home.reminded("medicine")
    await home.reminded("medicine", patient=spouse)
    await home.writes("1")
    assert (await intakes(home), await home.said()) == ([], ["ask_who"])
    await home.writes("2")
    assert await intakes(home) == [("Aspen-2", True)]
    await home.writes("2")  # only one of them has not answered yet
    assert await intakes(home) == [("Aspen-2", True), ("Aspen-1", False)]


async def test_only_one_of_two_was_reminded_so_it_is_theirs(home: Home) -> None:
    spouse = await home.spouse()
    await home.reminded("medicine", patient=spouse)
    await home.writes("taken")
    assert await intakes(home) == [("Aspen-2", True)]


async def test_after_a_crisis_a_two_is_about_symptoms_though_medicines_were_asked_since(home: Home) -> None:
    await home.writes("192/118")
    await home.reminded("medicine", ago=timedelta(0))
    await home.writes("2")
    assert await intakes(home) == []
    assert await home.owner.fetchval("SELECT state FROM confirmation") == "symptoms"


async def test_an_hour_after_a_crisis_it_is_about_what_was_asked_last(home: Home) -> None:
    await home.writes("192/118")
    home.now += HOUR
    await home.reminded("medicine")
    await home.writes("1")
    assert await intakes(home) == [("Aspen-1", True)]
    assert await home.owner.fetchval("SELECT no_symptoms_at FROM confirmation") is None


async def test_done_after_a_refill_reminder_is_a_task_until_the_pharmacy_shows_it(home: Home) -> None:
    gap = await open_gap(home)
    await home.reminded("refill")
    await home.writes("DONE")
    assert (await home.tasks(), await home.said()) == (["refill_said_done"], ["after_refill"])
    assert await home.owner.fetchval("SELECT status FROM gap WHERE id = $1", gap) == "open"
    assert await home.owner.fetchval("SELECT count(*) FROM dispensing") == 0


async def gaps(home: Home) -> list[str]:
    return [row["status"] for row in await home.owner.fetch("SELECT status FROM gap ORDER BY id")]


@pytest.mark.parametrize(("words", "answer"), [("DONE", "after_done"), ("ya hice la cita", "after_booked")])
async def test_done_and_booked_are_said_of_the_gap_that_was_asked_about_last(
    home: Home, words: str, answer: str
) -> None:
    gap = await open_gap(home)
    await home.reminded("medicine", ago=timedelta(days=5))
    await home.reminded("screening", gap=gap, ago=timedelta(days=4))
    await home.writes(words)
    assert (await gaps(home), await home.said(), await home.alarms()) == (["awaiting_evidence"], [answer], [])
    await home.writes(words)
    assert (await home.said(), await home.alarms()) == ([answer, "answer_time"], ["patient_message"])


@pytest.mark.parametrize("words", ["DONE", "booked"])
@pytest.mark.parametrize("kind", ["measurement", "medicine", "questionnaire", "education", "appointment"])
async def test_done_after_another_question_is_not_said_of_a_gap_asked_about_before(
    home: Home, words: str, kind: str
) -> None:
    await home.reminded("screening", gap=await open_gap(home), ago=2 * HOUR)
    await home.reminded(kind)
    await home.writes(words)
    assert (await gaps(home), await home.said()) == (["open"], ["answer_time"])
    assert await home.alarms() == ["patient_message"]


async def test_done_long_after_a_text_about_a_gap_is_said_of_nothing_we_know(home: Home) -> None:
    await home.reminded("screening", gap=await open_gap(home), ago=timedelta(days=14))
    await home.writes("DONE")
    assert (await gaps(home), await home.alarms()) == (["open"], ["patient_message"])


async def test_of_two_who_share_a_telephone_and_were_both_asked_nobody_knows_whose_done_it_is(home: Home) -> None:
    spouse = await home.spouse()
    await home.reminded("screening", gap=await open_gap(home), ago=HOUR)
    await home.reminded("screening", gap=await open_gap(home, spouse), patient=spouse)
    await home.writes("DONE")
    assert (await gaps(home), await home.alarms()) == (["open", "open"], ["patient_message"])


async def test_of_two_only_one_was_asked_so_done_is_theirs(home: Home) -> None:
    spouse = await home.spouse()
    await home.reminded("measurement", ago=2 * HOUR)
    await open_gap(home)
    theirs = await open_gap(home, spouse)
    await home.reminded("screening", gap=theirs, patient=spouse)
    await home.writes("DONE")
    assert await gaps(home) == ["open", "awaiting_evidence"]


async def test_a_text_about_several_things_asks_for_no_done(home: Home) -> None:
    gap = await open_gap(home)
    await home.reminded("screening", gap=gap)
    other = await home.reminded("measurement", ago=HOUR)
    await home.owner.execute(
        "UPDATE reminder SET message_id = (SELECT message_id FROM touch WHERE gap_id = $2) WHERE id = $1", other, gap
    )
    await home.writes("DONE")
    assert (await gaps(home), await home.alarms()) == (["open"], ["patient_message"])


async def test_what_a_person_asked_in_their_own_words_is_answered_to_a_person(home: Home) -> None:
    await home.reminded("screening", gap=await open_gap(home), ago=HOUR)
    await home.reminded("measurement")
    await home.owner.execute(
        "UPDATE message SET purpose = 'answer', written_by = $1 WHERE wording = 'reminder_measurement'",
        home.world.nurse,
    )
    await home.writes("DONE")
    assert (await gaps(home), await home.alarms()) == (["open"], ["patient_message"])


async def reason_there(home: Home, reminder: uuid.UUID, at: datetime) -> bool:
    async with home.worker_db.transaction(WORKER) as db:
        return bool(await db.fetchval("SELECT reminder_reason_there($1, $2, $3)", home.world.patient, reminder, at))


async def test_later_moves_the_gap_by_a_week_and_not_for_ever(home: Home) -> None:
    gap = await open_gap(home)
    reminder = await home.reminded("screening", gap=gap)
    assert await reason_there(home, reminder, home.now)
    await home.writes("later please")
    assert (await home.said(), await home.tasks(), await home.alarms()) == (["after_later"], [], [])
    assert not await reason_there(home, reminder, home.now + timedelta(days=6))
    assert await reason_there(home, reminder, home.now + timedelta(days=8))
    assert await home.deeds() == ["gap_later"]


async def test_not_for_me_keeps_the_gap_ends_its_texts_this_period_and_a_person_asks(home: Home) -> None:
    gap = await open_gap(home)
    reminder = await home.reminded("screening", gap=gap)
    await home.owner.execute("UPDATE reminder SET status = 'planned', message_id = message_id WHERE id = $1", reminder)
    await home.writes("this is not for me")
    assert await home.owner.fetchval("SELECT status FROM gap WHERE id = $1", gap) == "open"
    assert not await reason_there(home, reminder, datetime(home.now.year, 12, 31, 17, tzinfo=UTC))
    assert (await home.tasks(), await home.said()) == (["gap_not_for_me"], ["after_not_for_me"])
    row = await home.owner.fetchrow("SELECT status, reason FROM reminder WHERE id = $1", reminder)
    assert tuple(row) == ("suppressed", "not_for_me")


async def test_no_thanks_days_after_a_reminder_is_about_something_else(home: Home) -> None:
    gap = await open_gap(home)
    await home.reminded("screening", gap=gap, ago=timedelta(days=4))
    await home.writes("no thanks")
    assert await home.owner.fetchval("SELECT no_text_before FROM gap") is None
    assert await home.alarms() == ["patient_message"]


async def test_when_people_read_is_said_once_a_day(home: Home) -> None:
    for after in (MINUTE, HOUR, 22 * HOUR, 2 * HOUR):
        await home.writes("what about my form", after=after)
    assert await home.said() == ["answer_time", "answer_time"]
    assert await home.alarms() == ["patient_message"]


async def test_a_number_nobody_knows_is_told_nothing(home: Home) -> None:
    await home.owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL")
    await home.writes("140/90")
    assert (await home.said(), await home.readings()) == ([], [])
    assert await home.alarms() == ["patient_message"]
