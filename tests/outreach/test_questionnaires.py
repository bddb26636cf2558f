"""Answers are stored once with their version; what a person must see becomes a task, and danger is acted on at once."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import NotFound
from server.flows import ask_questions, ship_content
from server.flows.ask_questions import Form, Told, Unanswered
from server.outreach import content, questionnaires
from server.outreach.questionnaires import Asked
from server.security.sessions import Person
from tests.world import FIELD_KEY, NEVER_WAIT, World

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
WORKER = Who(principal="service:worker")
TOLD = Told(
    public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT, default_sender="+15550100000"
)
WELL = {"feeling": "same", "sleep": "well", "swelling": "none", "medicines": "all"}


def patient_person(world: World) -> Person:
    return Person(
        organization=world.organization, organization_name="x", state="live", zone="America/New_York", demo=False,
        account_id=uuid7(), name="Pat", role="patient", patient_id=world.patient,  # type: ignore[arg-type]
    )  # fmt: skip


async def asks_them(owner: Any, worker_db: Database, world: World) -> None:
    """The world's programme asks the shipped questions."""
    await owner.execute("UPDATE programme SET code = 'heart_failure' WHERE id = $1", world.programme)
    await ship_content.ship(worker_db, WORKER, NOW)


async def asked_of(web_db: Database, world: World, now: datetime = NOW) -> list[Asked]:
    async with web_db.transaction(patient_person(world).who) as db:
        return await questionnaires.of_patient(db, world.patient, now)


async def send(
    web_db: Database, world: World, now: datetime = NOW, response: uuid.UUID | None = None, **answers: str
) -> bool:
    [asked] = await asked_of(web_db, world, now)
    form = Form(response=response or uuid7(), questionnaire=asked.id, answers={**WELL, **answers})
    return await ask_questions.answer(web_db, patient_person(world), form, now, TOLD)


async def tasks_of(owner: Any) -> list[str]:
    return [row["kind"] for row in await owner.fetch("SELECT kind FROM task WHERE closed_at IS NULL")]


async def test_what_we_ship_reaches_each_organization_once_and_its_own_sign_off_stays(
    worker_db: Database, world: World, other_world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    await owner.execute("UPDATE questionnaire SET approved_by = 'staff:x', approved_at = $1", NOW)
    for _ in range(2):
        await asyncio.gather(*(ship_content.ship(worker_db, WORKER, NOW) for _ in range(3)))
    assert await owner.fetchval("SELECT count(*) FROM questionnaire") == 1  # the other has no such programme
    assert await owner.fetchval("SELECT count(*) FROM questionnaire WHERE approved_at IS NULL") == 0
    assert await owner.fetchval("SELECT count(*) FROM education_part WHERE series = 'home_blood_pressure'") == 4


async def test_it_is_due_until_answered_and_again_after_its_days(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    assert await asked_of(web_db, world) == []
    await asks_them(owner, worker_db, world)
    [asked] = await asked_of(web_db, world)
    assert (asked.due, asked.answered_at, len(asked.content.questions)) == (True, None, 5)
    assert await send(web_db, world)
    assert [one.due for one in await asked_of(web_db, world, NOW + timedelta(days=6, hours=8))] == [False]
    assert [one.due for one in await asked_of(web_db, world, NOW + timedelta(days=7))] == [True]


async def test_who_is_in_another_programme_is_not_asked(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    other = uuid7()
    await owner.execute("INSERT INTO programme VALUES ($1, $2, 'copd', 'COPD')", other, world.organization)
    await owner.execute("UPDATE enrolment SET programme_id = $1", other)
    assert await asked_of(web_db, world) == []


async def test_the_newest_version_is_asked_and_answers_keep_theirs(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    await send(web_db, world, swelling="more")
    await owner.execute(
        """INSERT INTO questionnaire (id, organization_id, code, version, programme_id, every_days, content, source,
                                      author, recorded_at)
           SELECT $1, organization_id, code, 2, programme_id, 3,
                  jsonb_set(content, '{title,en}', '"Newer"'), source, author, recorded_at FROM questionnaire""",
        uuid7(),
    )  # fmt: skip
    [asked] = await asked_of(web_db, world)
    assert (asked.version, asked.content.title["en"]) == (2, "Newer")
    async with web_db.transaction(patient_person(world).who) as db:
        [before] = await questionnaires.responses(db, world.patient, 5)
    assert (before.version, before.content.title["en"]) == (1, "Your weekly check-in")
    assert questionnaires.tells(before.content, before.answers) == "team"


async def test_a_form_sent_twice_at_once_is_stored_once_and_acted_on_once(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    one = uuid7()
    new = await asyncio.gather(*(send(web_db, world, response=one, anything="chest pain") for _ in range(5)))
    assert sorted(new) == [False, False, False, False, True]
    assert await owner.fetchval("SELECT count(*) FROM questionnaire_response") == 1
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") == 1
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'questionnaire.answer'") == 1


async def test_good_answers_ask_nothing_of_anybody(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    await send(web_db, world, anything="  ")
    assert await tasks_of(owner) == []
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0
    assert await owner.fetchval("SELECT answers ? 'anything' FROM questionnaire_response") is False


@pytest.mark.parametrize(
    "answers", [{"feeling": "worse"}, {"feeling": "much_worse"}, {"swelling": "more"}, {"anything": "The scale is odd"}]
)
async def test_an_answer_that_a_person_should_see_is_one_task_and_no_alert(
    web_db: Database, worker_db: Database, world: World, owner: Any, answers: dict[str, str]
) -> None:
    await asks_them(owner, worker_db, world)
    await send(web_db, world, **answers)
    await send(web_db, world, **answers)
    assert await tasks_of(owner) == ["questionnaire_answers"]
    says = await owner.fetchval("SELECT says || subject FROM task")
    assert not any(word in says for word in ("worse", "swelling", "scale"))  # a task carries no health data
    assert await owner.fetchval("SELECT count(*) FROM alert") == 0
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0


@pytest.mark.parametrize("wrote", ["I have chest pain", "me duele el pecho", "I want to die"])
async def test_danger_in_their_own_words_is_acted_on_as_if_it_were_texted(
    web_db: Database, worker_db: Database, world: World, owner: Any, wrote: str
) -> None:
    await asks_them(owner, worker_db, world)
    await send(web_db, world, anything=wrote)
    alarm = await owner.fetchrow("SELECT kind, severity, subject FROM alarm")
    assert (alarm["kind"], alarm["severity"]) == ("patient_in_danger", "high")
    said = await owner.fetch("SELECT purpose, to_number, body FROM message ORDER BY purpose")
    assert [(row["purpose"], row["to_number"]) for row in said] == [
        ("page", world.nurse_phone), ("safety", world.patient_phone),
    ]  # fmt: skip
    assert "911" in said[1]["body"]
    assert not any(word in row["body"] for row in said for word in ("chest", "pecho", "die"))


async def test_danger_without_a_telephone_still_pages(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    await owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL WHERE id = $1", world.patient)
    await send(web_db, world, anything="I can't breathe")
    assert [row["purpose"] for row in await owner.fetch("SELECT purpose FROM message")] == ["page"]


async def test_a_wish_to_get_no_more_texts_is_honoured_also_here(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    await send(web_db, world, anything="Please stop texting me")
    row = await owner.fetchrow("SELECT sender_number, ended_at FROM opt_out")
    assert tuple(row) == (world.sender, None)


async def test_a_missing_answer_is_named_and_nothing_is_stored(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    with pytest.raises(Unanswered) as told:
        await send(web_db, world, feeling="", sleep="nonsense", anything="chest pain")
    assert told.value.questions == ["feeling", "sleep"]
    assert await owner.fetchval("SELECT count(*) FROM questionnaire_response") == 0


async def test_only_what_ones_own_programme_asks_can_be_answered(
    web_db: Database, worker_db: Database, world: World, other_world: World, owner: Any
) -> None:
    await asks_them(owner, worker_db, world)
    [asked] = await asked_of(web_db, world)
    form = Form(response=uuid7(), questionnaire=asked.id, answers=WELL)
    with pytest.raises(NotFound):
        await ask_questions.answer(web_db, patient_person(other_world), form, NOW, TOLD)
    assert await owner.fetchval("SELECT count(*) FROM questionnaire_response") == 0


def test_every_shipped_answer_that_tells_is_one_of_its_question() -> None:
    telling = {
        (question.code, option.code): option.tells
        for one in content.questionnaires() for question in one.content.questions for option in question.options
        if option.tells
    }  # fmt: skip
    assert telling[("feeling", "worse")] == "team"
    assert telling[("feeling", "much_worse")] == "emergency"
    for one in content.questionnaires():
        assert len(one.content.questions) == 5
        assert all(q.options or q.code == "anything" for q in one.content.questions)
