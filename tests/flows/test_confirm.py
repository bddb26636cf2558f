"""After a crisis reading the patient is asked once; staff are paged at once, or a few minutes later where approved."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import confirm
from server.monitoring import waits
from server.people.phones import phone_hash
from tests.flows.asking import MINUTE, TOLD, WORKER, Scene, judges_temperature, said
from tests.flows.test_reading import count
from tests.texting import Phones, phones, send_all
from tests.world import FIELD_KEY, World

__all__ = ["phones"]
SECOND = timedelta(seconds=1)


@pytest.fixture
async def scene(owner: Any, world: World, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))


# Asking ---------------------------------------------------------------------------------------------


async def test_a_crisis_pages_staff_and_asks_the_patient_in_the_same_commit(scene: Scene, world: World) -> None:
    await scene.measures(192, 124)
    assert await scene.pages() == ["page_high_alert"]
    row = await scene.owner.fetchrow("SELECT * FROM message WHERE purpose = 'safety'")
    assert (row["to_number"], row["patient_id"], row["wording"]) == (world.patient_phone, world.patient, "ask_rest")
    assert "911" in row["body"] and "Reply 1" in row["body"]
    assert not any(number in row["body"] for number in ("192", "124", "Pat"))
    question = await scene.owner.fetchrow("SELECT * FROM confirmation")
    assert (question["state"], question["message_id"], question["page_waited"]) == ("asked", row["id"], False)
    assert question["deadline"] - question["asked_at"] == 10 * MINUTE
    assert await said(scene) == ["asked"]


async def test_the_question_goes_out_at_night_over_the_real_provider(scene: Scene, phones: Phones) -> None:
    scene.now = scene.now.replace(hour=7, minute=5)  # three at night in New York
    await scene.owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", scene.now - timedelta(days=9))
    await scene.measures(185)
    await send_all(scene.worker_db, phones.gateway(), scene.now)
    assert [text.body[:16] for text in phones.texts(scene.world.patient_phone)] == ["Aspen Health: pl"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"kind": "glucose", "glucose": 45}, "ask_low"),
        ({"kind": "glucose", "glucose": "LO"}, "ask_low"),
        ({"kind": "glucose", "glucose": "HI"}, "ask_high"),
        ({"kind": "spo2", "spo2": 88}, "ask_breath"),
        ({"kind": "glucose", "glucose": 65}, None),
        ({"kind": "blood_pressure", "systolic": 175, "diastolic": 119}, None),
    ],
)
async def test_each_crisis_has_its_own_words_and_what_is_no_crisis_has_none(
    scene: Scene, values: dict[str, Any], text: str | None
) -> None:
    await scene.sends(scene.entry(**values))
    assert await scene.texts() == ([text] if text else [])
    body = await scene.owner.fetchval("SELECT body FROM message WHERE wording = 'ask_low'")
    if text == "ask_low":
        assert "15 g of fast sugar" in body and "15 minutes" in body and "rest" not in body


@pytest.mark.parametrize(("celsius", "text"), [(39.5, "ask_fever"), (39.0, None), (34.5, None)])
async def test_a_high_temperature_is_asked_about_and_its_page_waits_for_nobody(
    scene: Scene, celsius: float, text: str | None
) -> None:
    await judges_temperature(scene)
    await scene.may_wait()
    await scene.sends(scene.entry(kind="temperature", temperature=celsius))
    assert await scene.texts() == ([text] if text else [])
    assert await scene.pages() == (["page_high_alert"] if celsius != 39.0 else [])
    assert (await scene.waits(), await scene.states()) == (False, ["asked"] if text else [])
    if text:
        body = await scene.owner.fetchval("SELECT body FROM message WHERE purpose = 'safety'")
        assert "rest 5 minutes" in body and "CALL 911 NOW" in body and "fever" not in body and "39" not in body
        scene.now += 6 * MINUTE
        await scene.sends(scene.entry(kind="temperature", temperature=37.5))
        await scene.looks()
        assert (await scene.states(), await scene.alert()) == (["normal_retake"], ("high", "open"))


async def test_it_is_asked_in_the_patients_language(scene: Scene) -> None:
    await scene.owner.execute("UPDATE patient SET language = 'es'")
    await scene.measures(192)
    assert "descanse" in await scene.owner.fetchval("SELECT body FROM message WHERE purpose = 'safety'")


@pytest.mark.parametrize(
    "entry",
    [
        {"ago": 31 * MINUTE}, {"ago": 90 * MINUTE}, {"ago": timedelta(days=2)}, {"systolic": 310},
        {"backlog": True, "ago": 5 * timedelta(hours=1)},
    ],
    ids=["31 minutes old", "late", "historic", "held in doubt", "backlog"],
)  # fmt: skip
async def test_nothing_late_old_or_in_doubt_texts_the_patient(scene: Scene, entry: dict[str, Any]) -> None:
    await scene.measures(**({"systolic": 195} | entry))
    assert await count(scene.owner, "alert") == 1
    assert await scene.texts() == []
    assert await count(scene.owner, "confirmation") == 0


@pytest.mark.parametrize(
    ("hour", "minutes", "text"), [(17, 16, True), (17, 29, True), (8, 16, False), (8, 15, True), (8, 29, False)]
)
async def test_a_live_reading_that_is_no_longer_new_is_asked_about_and_texted_by_day_only(
    scene: Scene, hour: int, minutes: int, text: bool
) -> None:
    scene.now = scene.now.replace(hour=hour, minute=30)  # noon in New York, and three at night
    await scene.owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", scene.now - timedelta(days=9))
    await scene.may_wait()
    await scene.measures(185, ago=minutes * MINUTE)
    assert await scene.states() == ["asked"]
    assert (await scene.texts() == ["ask_rest"]) is text
    assert (await said(scene))[0] == ("asked" if text else "cannot_be_texted")
    assert await scene.waits() is (minutes <= 15)  # no page waits for an answer about what is not new


async def test_a_rule_over_a_series_asks_for_no_second_reading(scene: Scene) -> None:
    rules = scene.world.rules
    await scene.owner.execute("UPDATE rule SET kind = 'sustained' WHERE code = 'bp_high'")
    async with scene.worker_db.transaction(WORKER) as db:
        assert set((await waits.crossing(db, rules.values())).values()) == rules.keys() - {"bp_high"}


async def test_a_synthetic_patient_is_asked_nothing(scene: Scene) -> None:
    await scene.owner.execute("UPDATE patient SET synthetic = true")
    await scene.measures(195)
    assert await count(scene.owner, "confirmation") == 0


@pytest.mark.parametrize("why", ["opted_out", "no_number", "no_consent", "patient_inactive"])
async def test_who_cannot_be_texted_is_asked_in_the_portal_and_staff_see_it(scene: Scene, why: str) -> None:
    world = scene.world
    await scene.may_wait()
    if why == "opted_out":
        await scene.owner.execute(
            "INSERT INTO opt_out VALUES ($1, $2, $3, now(), 'keyword', NULL)",
            world.sender, phone_hash(FIELD_KEY, world.patient_phone), world.organization,
        )  # fmt: skip
    elif why == "no_number":
        await scene.owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL")
    elif why == "no_consent":
        await scene.owner.execute("UPDATE consent SET valid_to = $1", scene.now - SECOND)
    else:
        await scene.owner.execute("UPDATE patient SET monitoring_status = 'left'")
    await scene.measures(192)
    assert (await scene.pages(), await scene.texts()) == (["page_high_alert"], [])
    assert await scene.owner.fetchval("SELECT untold FROM confirmation") == why
    assert await said(scene) == ["cannot_be_texted"]


async def test_one_question_per_episode_however_many_readings_come(scene: Scene) -> None:
    for _ in range(30):
        await scene.measures(185)
        await scene.looks(10 * SECOND)
    assert await scene.texts() == ["ask_rest"]
    assert await scene.pages() == ["page_high_alert"]


@pytest.mark.parametrize(("systolic", "asked"), [(184, 1), (185, 1), (186, 2)])
async def test_only_a_worse_reading_asks_again_and_only_after_the_deadline(
    scene: Scene, systolic: int, asked: int
) -> None:
    await scene.measures(185)
    scene.now += 9 * MINUTE
    await scene.measures(190)
    assert await scene.looks() == 1
    await scene.measures(195)  # the question is answered, but not over
    assert len(await scene.texts()) == 1
    scene.now += 2 * MINUTE
    await scene.measures(systolic)
    assert len(await scene.texts()) == asked


async def test_a_question_that_no_worker_ended_does_not_stand_in_the_way_of_the_next(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += 11 * MINUTE
    await scene.sends(scene.entry(kind="spo2", spo2=88))
    assert (await scene.texts(), await scene.states()) == (["ask_rest", "ask_breath"], ["no_answer", "asked"])


async def test_a_reading_after_the_deadline_is_no_answer_any_more(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += 11 * MINUTE
    await scene.measures(150)
    await scene.looks(SECOND)
    assert await scene.states() == ["no_answer"]


async def test_first_aid_for_low_sugar_waits_for_no_other_question(scene: Scene) -> None:
    await scene.measures(185)
    await scene.sends(scene.entry(kind="spo2", spo2=88))
    await scene.sends(scene.entry(kind="glucose", glucose=45))
    assert await scene.texts() == ["ask_rest", "ask_low"]
    assert len(await scene.pages()) == 3


async def test_in_pregnancy_other_symptoms_are_asked_for(scene: Scene) -> None:
    await scene.enrol("pregnancy")
    await scene.measures(185)
    assert await scene.texts() == ["ask_rest_pregnancy"]


# Answers --------------------------------------------------------------------------------------------


async def test_one_means_no_symptoms_a_fact_that_changes_nothing_else(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += MINUTE
    assert await scene.writes("1")
    assert await said(scene) == ["asked", "no_symptoms"]
    assert (await scene.states(), await scene.alert()) == (["asked"], ("high", "open"))
    assert await scene.texts() == ["ask_rest", "after_no_symptoms"]
    assert await count(scene.owner, "alarm") == 0


async def test_what_a_text_is_kept_to_mean_is_what_it_means_after_the_question(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += MINUTE
    await scene.writes("no chest pain")
    assert await scene.owner.fetchval("SELECT meaning FROM reply") != "danger"
    assert await count(scene.owner, "alarm") == 0


@pytest.mark.parametrize("words", ["2", "si", "I feel dizzy", "me duele la cabeza", "2 weak arm"])
async def test_symptoms_page_staff_again_and_tell_the_patient_what_to_do(scene: Scene, words: str) -> None:
    await scene.measures(185)
    scene.now += MINUTE
    await scene.writes(words)
    await scene.writes(words)
    assert await scene.pages() == ["page_high_alert", "page_symptoms"]
    assert await scene.states() == ["symptoms"]
    assert await scene.texts() == ["ask_rest", "emergency", "emergency"]
    assert await said(scene) == ["asked", "symptoms"]
    assert await count(scene.owner, "alarm") == 0


async def test_words_of_danger_open_the_alarm_as_ever_and_end_the_question(scene: Scene) -> None:
    await scene.measures(185)
    await scene.writes("no chest pain but I cant breathe")
    assert await scene.states() == ["danger"]
    assert await scene.owner.fetchval("SELECT kind FROM alarm") == "patient_in_danger"
    assert "emergency" in await scene.texts()


async def test_symptoms_after_the_alert_was_answered_still_reach_a_person(scene: Scene) -> None:
    await scene.measures(185)
    await scene.owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", scene.world.nurse)
    await scene.looks(SECOND)
    assert await scene.states() == ["withdrawn"]
    await scene.writes("2")
    assert await scene.owner.fetchval("SELECT kind FROM alarm") == "patient_in_danger"
    assert await scene.pages() == ["page_high_alert", "page_reply"]
    assert await said(scene) == ["asked", "symptoms"]


async def test_a_one_from_a_nurse_is_her_answer_to_a_page_not_a_patients(scene: Scene, phones: Phones) -> None:
    await scene.measures(185)
    await send_all(scene.worker_db, phones.gateway(), scene.now + SECOND)
    await phones.write(scene.world.nurse_phone, "1")
    assert (await scene.alert())[1] == "acknowledged"
    assert await scene.owner.fetchval("SELECT no_symptoms_at FROM confirmation") is None


async def test_two_who_share_a_telephone_are_not_both_well_because_one_writes_so(scene: Scene) -> None:
    other, now = uuid7(), scene.now
    await scene.owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex,
               zone, phone, phone_hash, admitted_at)
           SELECT $1, organization_id, clinic_id, team_id, 'S-2', 'Sam', 'Share', birth_date, sex, zone, phone,
                  phone_hash, admitted_at FROM patient WHERE id = $2""",
        other, scene.world.patient,
    )  # fmt: skip
    await scene.measures(185)
    await scene.owner.execute(
        "INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,"
        " finding_count) SELECT $1, organization_id, $1, rule_id, severity, age, opened_at, last_finding_at, 1 FROM alert",
        other,
    )
    await scene.owner.execute(
        """INSERT INTO confirmation (id, organization_id, patient_id, alert_id, vital, asks, reading_id, measured_at,
               metric, side, value, asked_at, deadline, untold)
           SELECT $1, organization_id, $1, $1, vital, asks, reading_id, measured_at, metric, side, value, asked_at,
                  deadline, 'no_consent' FROM confirmation""",
        other,
    )  # fmt: skip
    await scene.writes("1")
    assert await count(scene.owner, "confirmation", "no_symptoms_at IS NOT NULL") == 0
    assert await scene.owner.fetchval("SELECT kind FROM alarm") == "patient_message"
    await scene.writes("2")
    assert await scene.states() == ["symptoms", "symptoms"]
    assert now == scene.now


# The second reading and the deadline, when the page went at once -------------------------------------


async def test_a_better_second_reading_is_a_fact_and_lowers_nothing(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += 6 * MINUTE
    await scene.measures(150)
    assert await scene.looks(SECOND) == 1
    assert (await scene.states(), await scene.alert()) == (["normal_retake"], ("high", "open"))
    assert await said(scene) == ["asked", "better"]


async def test_a_second_crisis_confirms_and_pages_nobody_twice(scene: Scene) -> None:
    await scene.measures(185)
    scene.now += 6 * MINUTE
    await scene.measures(182)
    await scene.looks(SECOND)
    assert (await scene.states(), await scene.pages()) == (["confirmed"], ["page_high_alert"])
    assert await said(scene) == ["asked", "again"]


@pytest.mark.parametrize("what", ["too soon", "an outlier", "typed", "another vital", "older"])
async def test_what_is_no_second_reading_calms_nobody(scene: Scene, what: str) -> None:
    await scene.may_wait()
    await scene.measures(185)
    scene.now += 30 * SECOND if what == "too soon" else 2 * MINUTE
    if what == "another vital":
        await scene.sends(scene.entry(kind="pulse", pulse=70))
    else:
        await scene.measures(150, ago=20 * MINUTE if what == "older" else timedelta(0))
    await scene.owner.execute("UPDATE message SET status = 'delivered' WHERE purpose = 'safety'")
    if what == "an outlier":
        await scene.owner.execute("UPDATE reading SET flags = '{outlier}' WHERE systolic_mmhg = 150")
    if what == "typed":
        await scene.owner.execute("UPDATE reading SET source = 'typed' WHERE systolic_mmhg = 150")
    assert await scene.looks(SECOND) == 0
    assert (await scene.states(), await scene.alert(), await scene.waits()) == (["asked"], ("high", "open"), True)


async def test_no_answer_by_the_deadline_ends_the_question_once(scene: Scene) -> None:
    await scene.measures(185)
    assert await scene.looks(10 * MINUTE - SECOND) == 0
    assert await scene.looks(SECOND) == 1
    assert await scene.looks(SECOND) == 0
    assert (await scene.states(), await scene.pages()) == (["no_answer"], ["page_high_alert"])
    assert await said(scene) == ["asked", "no_answer"]


# Many at once ----------------------------------------------------------------------------------------


async def test_of_many_workers_and_answers_at_once_each_is_acted_on_once(scene: Scene) -> None:
    await scene.may_wait()
    await scene.measures(185)
    await scene.text_is("failed")
    looks = (confirm.watch(scene.worker_db, WORKER, scene.now + 11 * MINUTE, TOLD) for _ in range(4))
    scene.now += 11 * MINUTE
    await asyncio.gather(*looks, *(scene.writes("2", sid="SM-one") for _ in range(4)))
    assert len(await scene.states()) == 1
    assert len([page for page in await scene.pages() if page == "page_high_alert"]) <= 1
    assert (await scene.pages()).count("page_symptoms") == 1
    assert await count(scene.owner, "message", "wording = 'emergency'") == 1
