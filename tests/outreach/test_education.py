"""Parts come on their days of the patient's own calendar, and are read or unread by the patient's own word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from notifications.reading_level import level
from server.db.pool import Database, Who
from server.errors import Conflict, Refused
from server.flows import ship_content, sign_off
from server.outreach import content, education
from server.outreach.education import Part
from tests.flows.test_resolve_held import person_of
from tests.outreach.test_questionnaires import WORKER, patient_person
from tests.world import World

ENROLLED = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)  # the evening of the 19th in New York


@pytest.fixture
async def begun(world: World, worker_db: Database, owner: Any) -> World:
    """The series is there, and the patient joined its programme on the evening of the 19th."""
    await ship_content.ship(worker_db, WORKER, ENROLLED)
    await owner.execute("UPDATE enrolment SET valid_from = $1", ENROLLED)
    return world


async def came(web_db: Database, world: World, now: datetime, who: Who | None = None) -> list[Part]:
    async with web_db.transaction(who or patient_person(world).who) as db:
        return await education.of_patient(db, world.patient, now)


@pytest.mark.parametrize(("days", "parts"), [(0, 1), (1, 1), (2, 2), (4, 3), (6, 3), (7, 4), (400, 4)])
async def test_parts_come_on_their_days_from_the_patients_midnight(
    web_db: Database, begun: World, days: int, parts: int
) -> None:
    evening = ENROLLED + timedelta(days=days, hours=1.4)  # still before midnight there
    assert len(await came(web_db, begun, evening)) == parts
    if days == 1:
        assert len(await came(web_db, begun, evening + timedelta(minutes=10))) == 2  # the 21st has begun


async def test_a_part_that_came_says_which_it_is(web_db: Database, begun: World) -> None:
    first, *_ = await came(web_db, begun, ENROLLED)
    assert (first.position, first.of, first.came_on.isoformat()) == (1, 4, "2026-11-19")
    assert first.title["en"] == "Rest first"
    assert "5 minutes" in first.body["en"]


async def test_read_and_taken_back_each_count_once(web_db: Database, begun: World, owner: Any) -> None:
    [part] = await came(web_db, begun, ENROLLED)
    async with web_db.transaction(patient_person(begun).who) as db:
        assert await education.read(db, begun.patient, part.id, ENROLLED)
        assert not await education.read(db, begun.patient, part.id, ENROLLED + timedelta(hours=1))
    [read] = await came(web_db, begun, ENROLLED, person_of(begun).who)  # as staff see it
    assert read.read_at == ENROLLED
    async with web_db.transaction(patient_person(begun).who) as db:
        assert await education.unread(db, begun.patient, part.id, ENROLLED)
        assert not await education.unread(db, begun.patient, part.id, ENROLLED)
        assert await education.read(db, begun.patient, part.id, ENROLLED)
    assert await owner.fetchval("SELECT count(*) FROM education_read") == 1


async def test_another_organizations_part_cannot_be_marked(
    web_db: Database, begun: World, other_world: World, owner: Any
) -> None:
    theirs = await owner.fetchval(
        "SELECT id FROM education_part WHERE organization_id = $1 LIMIT 1", other_world.organization
    )
    async with web_db.transaction(patient_person(begun).who) as db:
        assert not await education.read(db, begun.patient, theirs, ENROLLED)


async def test_nothing_comes_from_a_programme_that_ended(web_db: Database, begun: World, owner: Any) -> None:
    await owner.execute("UPDATE enrolment SET valid_to = $1", ENROLLED + timedelta(days=1))
    assert await came(web_db, begun, ENROLLED + timedelta(days=2)) == []


async def test_a_patient_reads_what_is_for_all_and_can_write_none_of_it(web_db: Database, begun: World) -> None:
    async with web_db.transaction(patient_person(begun).who) as db:
        assert not await education.approve(db, "home_blood_pressure", "staff:x", ENROLLED)


async def test_one_person_signs_off_once_and_only_who_may(web_db: Database, begun: World, owner: Any) -> None:
    async def signs(role: str) -> None:
        person = msgspec.structs.replace(person_of(begun), role=role)
        await sign_off.sign_off(web_db, person, series="home_blood_pressure", version="", now=ENROLLED)

    with pytest.raises(Refused):
        await signs("nurse")
    await signs("clinician")
    with pytest.raises(Conflict):
        await signs("clinician")
    async with web_db.transaction(person_of(begun).who) as db:
        [series] = [one for one in await education.list_all(db) if one.code == "home_blood_pressure"]
    assert series.approved_at == ENROLLED
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'content.sign_off'") == 1


def test_both_languages_say_every_part_in_few_words() -> None:
    for one in content.series():
        assert len(one.parts) == 4
        for part in one.parts:
            assert part.title.keys() == part.body.keys() == {"en", "es"}
            assert all(20 < len(text.split()) < 150 for text in part.body.values())


def test_a_sixth_grader_can_read_every_part_and_question() -> None:
    texts = [(f"{one.code} {part.position}", part.body) for one in content.series() for part in one.parts] + [
        (one.code, {lang: " ".join(q.text[lang] for q in one.content.questions) for lang in content.LANGUAGES})
        for one in content.questionnaires()
    ]
    hard = [(name, lang) for name, said in texts for lang in content.LANGUAGES if not level(said[lang], lang).plain]
    print(f"{len(hard)} of {2 * len(texts)} texts are too hard")
    assert not hard


def test_what_may_be_an_emergency_says_911_in_both_languages() -> None:
    said = {part.title["en"]: part.body for one in content.series() for part in one.parts}
    for title in ("Two readings", "When to call us"):
        assert all("911" in text for text in said[title].values())
