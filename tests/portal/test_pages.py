"""The patient's pages as the real web role serves them."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.portal.home import Home
from tests.portal.test_words import CLINIC_PHONE
from tests.world import World

Client = AsyncTestClient[Litestar]
PAGES = ("/portal", "/portal/history", "/portal/history?range=quarter", "/portal/messages", "/portal/settings")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_today_says_the_number_in_words_against_the_goal(portal: Client, home: Home) -> None:
    await home.measured("blood_pressure", systolic_mmhg=146, diastolic_mmhg=88, pulse_bpm=71)
    page = (await portal.get("/portal")).text
    assert "Hello, Pat" in page
    assert ">146/88 <small>mmHg" in page
    assert "A little above your goal of under 130/80" in page
    assert "Measured 5 minutes ago" in page
    assert "In an emergency call 911." in page
    assert 'href="tel:+12125550100"' in page
    assert CLINIC_PHONE in page


async def test_a_severe_number_says_when_to_call_911(portal: Client, home: Home) -> None:
    await home.measured("blood_pressure", systolic_mmhg=192, diastolic_mmhg=124)
    page = (await portal.get("/portal")).text
    assert "If you have chest pain" in page
    assert "call 911 now" in page
    assert 'href="tel:911"' in page
    assert "Far above your goal" in page


async def test_every_page_is_friendly_before_the_first_reading(portal: Client) -> None:
    today = (await portal.get("/portal")).text
    assert "No reading yet" in today  # the programme's vital, and how to take it
    assert "Put the cuff on your bare upper arm" in today
    assert "No blood pressure reading yet. Please take one today." in today
    assert "No readings in this time" in (await portal.get("/portal/history")).text
    assert "We have not sent you any text messages yet." in (await portal.get("/portal/messages")).text


async def test_an_old_reading_becomes_a_thing_to_do(portal: Client, home: Home) -> None:
    await home.measured("blood_pressure", 4 * DAY, systolic_mmhg=120, diastolic_mmhg=70)
    page = (await portal.get("/portal")).text
    assert "No blood pressure reading for 4 days. Please take one today." in page
    assert "Measured 4 days ago" in page


async def test_a_fresh_reading_leaves_nothing_to_do(portal: Client, home: Home) -> None:
    await home.measured("blood_pressure", systolic_mmhg=120, diastolic_mmhg=70)
    assert "Nothing to do right now." in (await portal.get("/portal")).text


async def test_a_measurement_in_doubt_is_asked_for_again_until_one_comes(
    portal: Client, home: Home, owner: Any, world: World
) -> None:
    await owner.execute(
        """INSERT INTO held (id, organization_id, device_id, patient_id, kind, received_at, reason, reading)
           VALUES ($1, $2, 'd', $3, 'blood_pressure', now() - interval '10 minutes', 'implausible', '{}')""",
        uuid.uuid4(), world.organization, world.patient,
    )  # fmt: skip
    assert "We could not use your blood pressure measurement" in (await portal.get("/portal")).text
    await home.measured("blood_pressure", systolic_mmhg=120, diastolic_mmhg=70)
    assert "We could not use" not in (await portal.get("/portal")).text


async def test_hi_is_said_without_a_number(portal: Client, home: Home) -> None:
    await home.measured("glucose", out_of_range="above")
    page = (await portal.get("/portal")).text
    assert "Too high for your meter to show a number" in page
    assert "call 911 now" in page


async def test_the_weeks_are_told_with_their_counts(portal: Client, home: Home) -> None:
    for day in range(9):
        await home.measured("blood_pressure", day * DAY + HOUR, systolic_mmhg=134, diastolic_mmhg=84)
    page = (await portal.get("/portal")).text
    assert "Last 7 days: average 134/84 mmHg, from 7 readings." in page
    assert "The 7 days before: not enough readings for an average (2)." in page
    assert 'role="img" aria-label="Chart of your blood pressure: 9 readings' in page


@pytest.mark.parametrize(("span", "count"), [("week", 1), ("month", 2), ("quarter", 3), ("nonsense", 1)])
async def test_history_reaches_as_far_back_as_asked(portal: Client, home: Home, span: str, count: int) -> None:
    for days in (1, 20, 60, 100):
        await home.measured("weight", days * DAY, weight_kg=80)
    page = (await portal.get(f"/portal/history?range={span}")).text
    assert page.count('<span aria-hidden="true">176.4</span>') == count


async def test_history_shows_each_day_and_meal(portal: Client, home: Home) -> None:
    await home.measured("glucose", DAY, glucose_mgdl=131, context="fasting")
    page = (await portal.get("/portal/history")).text
    assert "Yesterday, " in page
    assert "before breakfast" in page
    assert "a little high" in page


async def test_a_screening_can_be_reported_and_taken_back(portal: Client, home: Home, owner: Any) -> None:
    gap = await home.gap("CMS125")
    page = (await portal.get("/portal")).text
    assert "Breast cancer screening (mammogram)" in page
    assert f"Call the clinic at {CLINIC_PHONE} to book." in page
    assert "Last one we know of: March 5, 2023" in page
    answer = await portal.post(f"/portal/gaps/{gap}/done")
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal?said=reported#todo")
    assert await status_of(owner, gap) == "awaiting_evidence"
    page = (await portal.get("/portal?said=reported")).text
    assert "Thank you. We will look for the report." in page
    assert "We are waiting for the report." in page
    assert "That was a mistake" in page
    assert (await portal.post(f"/portal/gaps/{gap}/undo")).status_code == 303
    assert await status_of(owner, gap) == "open"


async def test_reporting_twice_changes_once_and_closed_stays_closed(portal: Client, home: Home, owner: Any) -> None:
    gap, closed = await home.gap("CMS125"), await home.gap("CMS130", "closed")
    await portal.post(f"/portal/gaps/{gap}/done")
    again = await portal.post(f"/portal/gaps/{gap}/done")
    assert again.headers["location"] == "/portal?said=unchanged#todo"
    for verb in ("done", "undo"):
        await portal.post(f"/portal/gaps/{closed}/{verb}")
        assert await status_of(owner, closed) == "closed"
    rows = await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'gap.report_done'")
    assert rows == 1


async def status_of(owner: Any, gap: uuid.UUID) -> str:
    return str(await owner.fetchval("SELECT status FROM gap WHERE id = $1", gap))


async def test_a_gap_that_readings_close_has_no_button(portal: Client, home: Home) -> None:
    await home.gap("CMS165")
    page = (await portal.get("/portal")).text
    assert "Blood pressure under control" in page
    assert "I have done this" not in page


async def test_in_hospice_nothing_is_asked(portal: Client, home: Home, owner: Any) -> None:
    await home.gap("CMS125")
    await owner.execute("UPDATE patient SET monitoring_status = 'hospice'")
    page = (await portal.get("/portal")).text
    assert "Nothing to do right now." in page
    assert "Breast cancer" not in page


async def test_texts_show_what_became_of_them_and_pages_to_staff_do_not_show(
    portal: Client, home: Home, world: World
) -> None:
    await home.text("Please take a reading today.")
    await home.text("Time for your screening.", "suppressed", reason="no_consent")
    await home.text("About something else.", "suppressed", reason="something_new")
    await home.text("Nurse: look at the worklist.", purpose="page", staff=world.nurse)
    page = (await portal.get("/portal/messages")).text
    assert "Please take a reading today." in page
    assert "Delivered to your phone" in page
    assert "Not sent: these texts are turned off" in page
    assert "something_new" not in page
    assert "To your phone ending in 0244" in page
    assert "Nurse: look" not in page


async def test_the_language_changes_every_page(portal: Client, home: Home) -> None:
    await home.gap("CMS125")
    answer = await portal.post("/portal/language", data={"language": "es"})
    assert answer.headers["location"] == "/portal/settings?said=language#main"
    page = (await portal.get("/portal")).text
    assert '<html lang="es">' in page
    assert "Hola, Pat" in page
    assert "mamografía" in page
    assert "En una emergencia llame al 911." in page


@pytest.mark.parametrize("data", [{"language": "xx"}, {}, {"language": ["en", "es"]}])
async def test_an_unknown_language_changes_nothing(portal: Client, owner: Any, data: dict[str, Any]) -> None:
    assert (await portal.post("/portal/language", data=data)).status_code == 400
    assert await owner.fetchval("SELECT language FROM patient") == "en"


async def test_consent_to_texts_is_given_and_withdrawn_in_versions(portal: Client, owner: Any, world: World) -> None:
    off = await portal.post("/portal/texts", data={"topic": "outreach", "wanted": "no"})
    assert off.headers["location"] == "/portal/settings?said=texts_off#main"
    on = await portal.post("/portal/texts", data={"topic": "outreach", "wanted": "yes"})
    assert on.headers["location"] == "/portal/settings?said=texts_on#main"
    rows = await owner.fetch(
        "SELECT topic, author, source, valid_to IS NULL AS stands FROM consent ORDER BY valid_from, topic"
    )
    assert [(r["topic"], r["stands"]) for r in rows] == [
        ("monitoring", True),
        ("outreach", False),
        ("outreach", True),
    ]
    assert (rows[2]["author"], rows[2]["source"]) == (f"patient:{world.patient}", "portal")
    actions = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'consent.%' ORDER BY at")
    assert [r["action"] for r in actions] == ["consent.withdraw", "consent.give"]


async def test_turning_off_twice_writes_once(portal: Client, owner: Any) -> None:
    for _ in range(2):
        answer = await portal.post("/portal/texts", data={"topic": "monitoring", "wanted": "no"})
    assert answer.headers["location"] == "/portal/settings?said=unchanged#main"
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'consent.withdraw'") == 1


async def test_nobody_consents_to_texts_without_a_phone(portal: Client, owner: Any) -> None:
    await owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL")
    await owner.execute("UPDATE consent SET valid_to = now()")
    assert "We have no mobile number for you." in (await portal.get("/portal/settings")).text
    answer = await portal.post("/portal/texts", data={"topic": "monitoring", "wanted": "yes"})
    assert answer.status_code == 409
    assert await owner.fetchval("SELECT count(*) FROM consent WHERE valid_to IS NULL") == 0


@pytest.mark.parametrize("path", PAGES)
async def test_every_look_is_in_the_audit(portal: Client, owner: Any, world: World, path: str) -> None:
    assert (await portal.get(path)).status_code == 200
    row = await owner.fetchrow("SELECT principal, action, patient_id FROM audit")
    assert tuple(row) == (f"patient:{world.patient}", "portal.view", world.patient)


async def test_what_the_address_says_is_never_shown(portal: Client) -> None:
    page = (await portal.get("/portal?said=You+won")).text
    assert "You won" not in page
    assert 'class="said"' not in page
