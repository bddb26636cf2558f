"""What is booked, asked and sent to be read, as a patient sees it and answers it in the portal."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import ship_content
from tests.portal.home import Home
from tests.portal.test_pages import Client
from tests.world import World

WORKER = Who(principal="service:worker")
WELL = {"feeling": "same", "sleep": "well", "swelling": "none", "medicines": "all"}


@pytest.fixture
async def asked(home: Home, worker_db: Database, owner: Any, world: World) -> Home:
    """Their programme began yesterday, and asks and sends what we ship."""
    await owner.execute("UPDATE programme SET code = 'heart_failure' WHERE id = $1", world.programme)
    await owner.execute("UPDATE enrolment SET valid_from = $1", datetime.now(UTC) - timedelta(days=1))
    await ship_content.ship(worker_db, WORKER, datetime.now(UTC))
    return home


async def book(home: Home, measure: str | None, starts: timedelta, status: str = "booked", gap: Any = None) -> None:
    at = datetime.now(UTC)
    await home.owner.execute(
        """INSERT INTO appointment (id, organization_id, patient_id, starts_at, measure, status, author, source,
                                    recorded_at, changed_at, awaited_gap_id)
           VALUES ($1, $2, $3, $4, $5, $6, 't', 'staff', $7, $7, $8)""",
        uuid7(), home.world.organization, home.world.patient, at + starts, measure, status, at, gap,
    )  # fmt: skip


async def form(portal: Client) -> dict[str, str]:
    """The names that the shown form carries."""
    page = (await portal.get("/portal/questions?again=yes")).text
    return dict(re.findall(r'name="(questionnaire|response)" value="([0-9a-f-]+)"', page))


async def test_the_next_appointment_is_said_in_plain_words(portal: Client, home: Home) -> None:
    await book(home, None, timedelta(days=3))
    await book(home, None, timedelta(days=4), "cancelled")
    page = (await portal.get("/portal")).text
    assert page.count("Appointment: ") == 1
    assert "If you cannot come, call the clinic at" in page
    assert "1 thing to do" in page  # the reading that is due; there is nothing to do for the appointment before


async def test_a_screening_that_is_booked_says_so_instead_of_asking(portal: Client, home: Home) -> None:
    await home.gap("CMS125")
    await book(home, "CMS125", timedelta(days=3))
    page = (await portal.get("/portal")).text
    assert "Booked for " in page
    assert "Due now" not in page
    assert "Appointment: " not in page
    assert "I have done this" in page


async def test_after_a_kept_appointment_the_patient_is_told_what_we_wait_for(portal: Client, home: Home) -> None:
    gap = await home.gap("CMS125", "awaiting_evidence")
    await book(home, "CMS125", -timedelta(days=1), "fulfilled", gap)
    page = (await portal.get("/portal")).text
    assert "You were here on " in page
    assert "You told us" not in page
    assert "That was a mistake" not in page


async def test_without_questions_the_page_says_so(portal: Client) -> None:
    assert "There are no questions for you right now." in (await portal.get("/portal/questions")).text
    assert "Nothing to read yet." in (await portal.get("/portal/reading")).text
    assert "Everything to read" not in (await portal.get("/portal")).text


async def test_questions_are_answered_once_and_thanked_for(portal: Client, asked: Home, owner: Any) -> None:
    assert "Your weekly check-in" in (await portal.get("/portal")).text
    page = (await portal.get("/portal/questions")).text
    assert "Nobody watches them at night. In an emergency call 911." in page
    sent = {**await form(portal), **WELL}
    for _ in range(2):
        answer = await portal.post("/portal/questions", data=sent)
        assert (answer.status_code, answer.headers["location"]) == (303, "/portal/questions?said=answered#main")
    thanks = (await portal.get("/portal/questions?said=answered")).text
    assert "We have your answers." in thanks
    assert "Your care team will read this" not in thanks
    assert "Your weekly check-in" not in (await portal.get("/portal")).text
    assert "Answer again" in (await portal.get("/portal/questions")).text
    assert await owner.fetchval("SELECT count(*) FROM questionnaire_response") == 1


async def test_a_missing_answer_is_marked_and_the_others_are_kept(portal: Client, asked: Home, owner: Any) -> None:
    names = await form(portal)
    answer = await portal.post("/portal/questions", data={**names, "feeling": "worse", "anything": "My <scale> is new"})
    assert answer.status_code == 422
    assert 'value="worse" required checked' in answer.text
    assert "My &lt;scale&gt; is new" in answer.text
    assert f'name="response" value="{names["response"]}"' in answer.text
    assert 'id="missed-sleep"' in answer.text
    assert 'id="missed-feeling"' not in answer.text
    assert await owner.fetchval("SELECT count(*) FROM questionnaire_response") == 0


SAID = (
    ({"feeling": "worse"}, "Your care team will read this"),
    ({"feeling": "much_worse"}, "Call 911 now if it is hard to breathe"),
    ({"anything": "I have chest pain"}, "This may be an emergency."),
    ({"anything": "Stop texting me please"}, "We will stop sending text messages"),
)


async def test_what_was_answered_last_decides_what_is_said_afterwards(portal: Client, asked: Home) -> None:
    for answers, says in SAID:
        await portal.post("/portal/questions", data={**await form(portal), **WELL, **answers})
        page = (await portal.get("/portal/questions?said=answered")).text
        assert [other for _, other in SAID if other in page][-1] == says


async def test_a_broken_form_is_refused_with_a_page(portal: Client, asked: Home) -> None:
    for broken in ("", "x"):
        answer = await portal.post("/portal/questions", data={"response": broken, "questionnaire": broken, **WELL})
        assert answer.status_code == 422
    unknown = {"response": f"{uuid.uuid4()}", "questionnaire": f"{uuid.uuid4()}"}
    assert (await portal.post("/portal/questions", data={**unknown, **WELL})).status_code == 404


async def test_a_part_is_read_and_taken_back_in_the_patients_language(portal: Client, asked: Home, owner: Any) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    page = (await portal.get("/portal/reading")).text
    assert "Por qué importa su peso" in page
    part = re.search(r'name="part" value="([0-9a-f-]+)"', page)
    assert part is not None
    for read, said in (("yes", "read"), ("yes", "unchanged"), ("no", "unread")):
        answer = await portal.post("/portal/reading", data={"part": part[1], "read": read})
        assert answer.headers["location"] == f"/portal/reading?said={said}#main"
    assert "Marcado como no leído." in (await portal.get("/portal/reading?said=unread")).text
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action LIKE 'education.%'") == 2


async def test_a_part_that_has_not_come_cannot_be_marked(portal: Client, asked: Home, owner: Any) -> None:
    later = await owner.fetchval("SELECT id FROM education_part WHERE series = 'heart_failure_weight' AND day = 7")
    answer = await portal.post("/portal/reading", data={"part": f"{later}", "read": "yes"})
    assert answer.headers["location"] == "/portal/reading?said=unchanged#main"
    assert await owner.fetchval("SELECT count(*) FROM education_read") == 0


async def test_nothing_is_asked_of_somebody_in_hospice(portal: Client, asked: Home, owner: Any) -> None:
    await book(asked, None, timedelta(days=3))
    await owner.execute("UPDATE patient SET monitoring_status = 'hospice'")
    page = (await portal.get("/portal")).text
    assert "Your weekly check-in" not in page
    assert "To read: " not in page
    assert "Appointment: " in page


async def test_another_patients_answers_and_reading_are_not_seen(
    web: Client, asked: Home, owner: Any, world: World
) -> None:
    neighbour = await asked.neighbour()
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)",
        uuid7(), world.organization, neighbour, world.programme, datetime.now(UTC) - timedelta(days=1),
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO questionnaire_response (id, organization_id, patient_id, code, version, answers, answered_at)
           VALUES ($1, $2, $3, 'weekly_check_in', 1, '{"feeling": "same"}', now())""",
        uuid7(), world.organization, world.patient,
    )  # fmt: skip
    await book(asked, None, timedelta(days=2))
    web.cookies.update(await asked.cookie(patient=neighbour))
    page = (await web.get("/portal")).text
    assert "Appointment: " not in page
    assert "Answer now" in page
    assert "Thank you" not in (await web.get("/portal/questions?said=answered")).text
