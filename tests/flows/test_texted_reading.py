"""A number in a text is filed once and judged like any other; in doubt it is asked back, and a crisis pages anyway."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.auditing import crossings, unfounded
from server.db.pool import Database
from server.flows import confirm, reply
from server.flows.page import Told
from server.people.phones import phone_hash
from tests.flows.texting_home import MINUTE, TOLD, WORKER, Home
from tests.world import FIELD_KEY, NEVER_WAIT, World


@pytest.fixture
def home(world: World, owner: Any, web_db: Database, worker_db: Database) -> Home:
    return Home(
        world=world, owner=owner, web_db=web_db, worker_db=worker_db, now=datetime.now(UTC) - timedelta(hours=2)
    )


async def test_a_texted_value_is_a_reading_of_its_own_source_at_the_time_of_the_text(home: Home) -> None:
    await home.writes("bp 128/82 pulse 66")
    assert await home.readings() == [("Aspen-1", "blood_pressure", 128)]
    row = await home.owner.fetchrow("SELECT measured_at, flags, device_id, clock_basis, pulse_bpm FROM reading")
    assert (row["measured_at"], row["flags"], row["device_id"]) == (home.now, ["manual_entry"], None)
    assert (row["clock_basis"], row["pulse_bpm"]) == ("received", 66)
    assert await home.said() == ["after_reading"]
    assert await home.alarms() == []
    assert await home.deeds() == ["reading"]


async def test_values_of_two_kinds_are_both_filed(home: Home) -> None:
    await home.writes("bp 140/90 azucar 110")
    assert sorted(row[1:] for row in await home.readings()) == [("blood_pressure", 140), ("glucose", 110)]


async def test_a_texted_crisis_pages_like_a_cuffs_and_the_patient_is_asked(home: Home) -> None:
    await home.writes("192/118")
    assert await home.alerts() == [("Aspen-1", "high", False)]
    assert await home.pages() == ["page_high_alert"]
    assert await home.said() == ["ask_rest"]
    await home.writes("2")
    assert "page_symptoms" in await home.pages()
    assert await home.owner.fetchval("SELECT state FROM confirmation") == "symptoms"


async def test_nothing_typed_calms_an_alarm_that_a_device_must_calm(home: Home) -> None:
    await home.writes("192/118")
    await home.writes("120/80", after=3 * MINUTE)
    told = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
    await confirm.watch(home.worker_db, WORKER, home.now, told)
    assert await home.owner.fetchval("SELECT state FROM confirmation") == "asked"


async def test_a_value_beside_danger_is_filed_and_the_danger_acted_on(home: Home) -> None:
    await home.writes("I have chest pain bp 192/118")
    assert await home.readings() == [("Aspen-1", "blood_pressure", 192)]
    assert await home.alarms() == ["patient_in_danger"]
    assert {"page_high_alert", "page_reply"} == set(await home.pages())
    assert "emergency" in await home.said()
    assert {"reading", "alert", "danger"} <= set(await home.deeds())


async def test_a_value_beside_stop_is_filed_and_the_texts_end(home: Home) -> None:
    await home.writes("sugar 110. stop texting me")
    assert await home.readings() == [("Aspen-1", "glucose", 110)]
    assert await home.said() == ["opt_out_confirmed"]


async def test_the_same_text_brought_many_times_at_once_is_one_reading(home: Home) -> None:
    acted = await asyncio.gather(*(home.writes("192/118", sid="SM1", after=timedelta(0)) for _ in range(6)))
    assert sorted(acted) == [False] * 5 + [True]
    assert len(await home.readings()) == 1
    assert await home.pages() == ["page_high_alert"]


async def test_a_text_stored_before_a_crash_is_filed_by_the_worker_once(home: Home) -> None:
    await home.owner.execute(
        """INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, patient_id,
               received_at)
           VALUES (gen_random_uuid(), $1, 'SM9', $2, $3, $4, '192/118', 'reading', $5, $6)""",
        home.world.organization, home.hash, home.world.patient_phone, home.world.sender, home.world.patient, home.now,
    )  # fmt: skip
    later = home.now + 5 * MINUTE
    assert await reply.act(home.worker_db, WORKER, "SM9", later, TOLD)
    assert not await reply.act(home.worker_db, WORKER, "SM9", later, TOLD)
    assert await home.readings() == [("Aspen-1", "blood_pressure", 192)]
    assert await home.owner.fetchval("SELECT measured_at FROM reading") == home.now
    assert await home.pages() == ["page_high_alert"]


async def test_an_unclear_unit_is_asked_back_once_and_the_answer_files_it(home: Home) -> None:
    await home.writes("weight 180")
    assert (await home.readings(), await home.said()) == ([], ["ask_what"])
    texted_at = home.now
    await home.writes("lbs", after=5 * MINUTE)
    assert await home.readings() == [("Aspen-1", "weight", 81.65)]
    assert await home.owner.fetchval("SELECT measured_at FROM reading") == texted_at
    assert await home.said() == ["ask_what", "after_reading"]
    assert await home.looks(timedelta(hours=1)) == 0


async def test_what_is_usual_decides_the_unit(home: Home) -> None:
    await home.usually("weight_kg", 81)
    await home.writes("weight 180")
    assert await home.readings() == [("Aspen-1", "weight", 81.65)]


async def test_an_impossible_number_is_asked_back_once_then_a_person_asks(home: Home) -> None:
    await home.writes("temp 986")
    await home.writes("temp 985")
    assert await home.readings() == []
    assert await home.said() == ["ask_what", "after_reading"]
    assert await home.tasks() == ["reply_unclear"]


async def test_what_nobody_answers_becomes_a_task(home: Home) -> None:
    await home.writes("weight 180")
    assert await home.looks(29 * MINUTE) == 0
    assert await home.looks(2 * MINUTE) == 1
    assert await home.tasks() == ["reply_unclear"]
    await home.writes("lbs")
    assert await home.readings() == []


async def test_on_a_shared_telephone_one_question_says_whose_it_is(home: Home) -> None:
    await home.spouse()
    filed = []
    for answer, mrn in (("1", "Aspen-1"), ("2", "Aspen-2"), ("Jose", "Aspen-2"), ("2 jose", "Aspen-2")):
        await home.writes("148/92")
        assert (await home.readings(), (await home.said())[-1]) == (filed, "ask_who")
        texted_at = home.now
        await home.writes(answer, after=10 * MINUTE)
        filed.append((mrn, "blood_pressure", 148))
        assert await home.readings() == filed
        assert await home.owner.fetchval("SELECT max(measured_at) FROM reading") == texted_at
    assert "1 Maria, 2 Jose" in await home.owner.fetchval("SELECT body FROM message WHERE wording = 'ask_who' LIMIT 1")
    assert (await home.alarms(), await home.tasks()) == ([], [])


async def test_of_several_values_at_once_only_one_question_stands_and_the_others_go_to_a_person(home: Home) -> None:
    await home.spouse()
    await asyncio.gather(*(home.writes(f"14{n}/92", after=timedelta(0)) for n in range(4)))
    assert await home.owner.fetchval("SELECT count(*) FROM texted_doubt WHERE settled_at IS NULL") == 1
    assert await home.tasks() == ["reply_unclear"] * 3


async def test_a_name_in_the_text_answers_the_question_before_it_is_asked(home: Home) -> None:
    await home.spouse()
    await home.writes("Jose 148/92")
    assert await home.readings() == [("Aspen-2", "blood_pressure", 148)]
    assert await home.said() == ["after_reading"]


async def test_a_crisis_of_nobody_knows_whom_pages_for_both_and_is_confirmed_for_one(home: Home) -> None:
    await home.spouse()
    await home.writes("192/118")
    assert await home.alerts() == [("Aspen-1", "high", True), ("Aspen-2", "high", True)]
    assert await home.pages() == ["page_high_alert"] * 2
    await home.writes("2", after=2 * MINUTE)
    assert await home.alerts() == [("Aspen-1", "high", True), ("Aspen-2", "high", False)]
    assert await home.pages() == ["page_high_alert"] * 2
    assert "ask_rest" in await home.said()
    holds = await home.owner.fetch(
        "SELECT p.mrn FROM finding f JOIN patient p ON p.id = f.patient_id WHERE superseded_at IS NULL"
    )
    assert [row["mrn"] for row in holds] == ["Aspen-2"]


async def test_nobody_answers_whose_it_was_and_a_late_one_files_nothing(home: Home) -> None:
    await home.spouse()
    await home.writes("148/92")
    await home.writes("1", after=31 * MINUTE)
    assert await home.readings() == []
    assert await home.looks(MINUTE) == 1
    assert await home.tasks() == ["reply_unclear"]


async def test_two_of_one_name_cannot_be_asked_apart(home: Home) -> None:
    await home.spouse("Maria")
    await home.writes("148/92")
    assert (await home.readings(), await home.tasks()) == ([], ["reply_unclear"])
    assert "ask_who" not in await home.said()


async def test_somebody_who_died_shares_no_telephone(home: Home) -> None:
    spouse = await home.spouse()
    await home.owner.execute("UPDATE patient SET monitoring_status = 'deceased' WHERE id = $1", spouse)
    await home.writes("148/92")
    assert await home.readings() == [("Aspen-1", "blood_pressure", 148)]


async def test_a_question_about_a_crisis_is_read_by_a_person_and_pages(home: Home) -> None:
    await home.writes("is 182/100 normal for me?")
    assert await home.readings() == []
    assert await home.alerts() == [("Aspen-1", "high", True)]
    assert await home.pages() == ["page_high_alert"]
    assert await home.alarms() == ["patient_message"]


async def test_words_beside_a_value_reach_a_person(home: Home) -> None:
    await home.writes("140/90 can you refill my prescription")
    assert len(await home.readings()) == 1
    assert await home.alarms() == ["patient_message"]


async def test_the_auditor_agrees_with_what_was_filed_and_with_what_is_in_doubt(home: Home) -> None:
    await home.owner.execute(
        "INSERT INTO audit_mark (organization_id, begun_at, looked_to) VALUES ($1, $2, $2)",
        home.world.organization,
        home.now,
    )
    await home.spouse()
    await home.writes("192/118")
    await home.writes("Maria 195/121")
    since, until = home.now - timedelta(hours=1), home.now + timedelta(hours=1)
    async with home.worker_db.transaction(WORKER) as db:
        assert await unfounded.findings(db, since, until) == []
        assert await crossings.without_finding(db, since, until) == []
    await home.owner.execute("UPDATE finding SET anchor = gen_random_uuid()::text")
    async with home.worker_db.transaction(WORKER) as db:
        assert len(await crossings.without_finding(db, since, until)) == 1


async def test_a_proxys_number_is_the_patients_only_when_they_say_so(home: Home) -> None:
    number = "+12125550777"
    await home.owner.execute("UPDATE patient SET given_name = 'Maria'")
    await home.owner.execute(
        """INSERT INTO contact_point (id, organization_id, patient_id, proxy_id, channel, address, address_hash, language, rank,
               topics, author, source, valid_from)
           VALUES (gen_random_uuid(), $1, $2, gen_random_uuid(), 'sms', $3, $4, 'en', 1, '{monitoring}', 'test', 'test', $5)""",
        home.world.organization, home.world.patient, number, phone_hash(FIELD_KEY, number), home.now,
    )  # fmt: skip
    await home.writes("her bp is 148/92", number=number)
    await home.writes("Maria 148/92", number=number)
    assert (len(await home.readings()), await home.alarms()) == (2, [])
    await home.writes("148/92", number=number)
    assert (len(await home.readings()), await home.alarms()) == (2, ["patient_message"])
