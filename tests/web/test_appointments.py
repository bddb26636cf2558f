"""The pages of a patient's appointments, answers and reading: what staff do there, and who may not."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from server.db.pool import Database, Who
from server.flows import ship_content
from tests.web.conftest import Client, sign_in
from tests.web.people import gap, staff_login
from tests.world import World

WORKER = Who(principal="service:worker")


def day(days: int) -> str:
    return f"{(datetime.now(UTC) + timedelta(days=days)).date()}"


async def post(nurse: Client, world: World, what: str = "", **fields: str) -> Any:
    return await nurse.post(f"/patients/{world.patient}/appointments{what}", data=fields)


async def page(nurse: Client, world: World, what: str = "appointments") -> str:
    answer = await nurse.get(f"/patients/{world.patient}/{what}")
    assert answer.status_code == 200
    return str(answer.text)


async def begun(owner: Any) -> uuid.UUID:
    """The one appointment, as if its time had come."""
    made: uuid.UUID = await owner.fetchval(
        "UPDATE appointment SET starts_at = $1 RETURNING id", datetime.now(UTC) - timedelta(hours=1)
    )
    return made


async def test_an_empty_list_says_how_to_begin(nurse: Client, world: World) -> None:
    shown = await page(nurse, world)
    assert "Nothing is booked." in shown
    assert "America/New_York" in shown


async def test_booked_kept_and_taken_back_each_time_the_page_says_so(nurse: Client, world: World, owner: Any) -> None:
    await gap(owner, world)
    assert (await post(nurse, world, day=day(7), at="10:30", measure="CMS125")).status_code == 303
    shown = await page(nurse, world)
    assert ", 10:30</strong>" in shown
    assert "Breast cancer screening" in shown
    one = str(await begun(owner))
    assert "Did the patient come?" in await page(nurse, world)
    kept = await post(nurse, world, "/change", appointment=one, was="booked", to="fulfilled")
    assert kept.status_code == 303
    assert "awaiting result" in await page(nurse, world)
    await owner.execute("UPDATE gap SET status = 'closed'")
    assert "result recorded" in await page(nurse, world)
    back = await post(nurse, world, "/change", appointment=one, was="fulfilled", to="booked")
    assert back.status_code == 303
    assert "awaiting result" not in await page(nurse, world)


async def test_an_error_loses_nothing_of_what_was_typed(nurse: Client, world: World, owner: Any) -> None:
    await gap(owner, world)
    wrong = await post(nurse, world, day=day(-2), at="09:15", measure="CMS125")
    assert wrong.status_code == 422
    assert "This time has passed" in wrong.text
    assert f'value="{day(-2)}"' in wrong.text
    assert 'value="09:15"' in wrong.text
    assert '<option value="CMS125" selected>' in wrong.text
    booked = {"day": day(7), "at": "09:15"}
    assert (await post(nurse, world, **booked)).status_code == 303
    again = await post(nurse, world, **booked)
    assert (again.status_code, "booked for this time already" in again.text) == (409, True)


NOBODYS = f"{uuid.UUID(int=7)}"
NONSENSE: tuple[tuple[dict[str, str], int], ...] = (
    ({"appointment": "not an id", "was": "booked", "to": "cancelled"}, 404),
    ({"appointment": NOBODYS, "was": "booked", "to": "cancelled"}, 404),
    ({"appointment": NOBODYS, "was": "booked", "to": "eaten"}, 422),
    ({}, 422),
)


async def test_nonsense_is_answered_with_the_page(nurse: Client, world: World) -> None:
    for fields, status in NONSENSE:
        answer = await post(nurse, world, "/change", **fields)
        assert answer.status_code == status
        assert "Book an appointment" in answer.text


async def test_another_organizations_appointment_is_nobodys(
    nurse: Client, world: World, other_world: World, owner: Any
) -> None:
    made = await owner.fetchval(
        """INSERT INTO appointment (id, organization_id, patient_id, starts_at, author, source, recorded_at, changed_at)
           VALUES (gen_random_uuid(), $1, $2, now(), 't', 'staff', now(), now()) RETURNING id""",
        other_world.organization, other_world.patient,
    )  # fmt: skip
    answer = await post(nurse, world, "/change", appointment=f"{made}", was="booked", to="cancelled")
    assert answer.status_code == 404
    assert await owner.fetchval("SELECT status FROM appointment") == "booked"


async def test_who_does_not_answer_for_patients_sees_and_changes_nothing(
    client: Client, world: World, owner: Any
) -> None:
    login, _ = await staff_login(owner, world, role="quality")
    await sign_in(client, login)
    shown = await page(client, world)
    assert "Book an appointment" not in shown
    assert (await post(client, world, day=day(7), at="10:30")).status_code == 403
    assert await owner.fetchval("SELECT count(*) FROM appointment") == 0


async def test_answers_are_shown_in_words_with_what_a_person_should_see(
    nurse: Client, world: World, worker_db: Database, owner: Any
) -> None:
    assert "No answers yet." in await page(nurse, world, "answers")
    await owner.execute("UPDATE programme SET code = 'heart_failure' WHERE id = $1", world.programme)
    await ship_content.ship(worker_db, WORKER, datetime.now(UTC))
    await owner.execute(
        """INSERT INTO questionnaire_response (id, organization_id, patient_id, code, version, answers, answered_at)
           VALUES (gen_random_uuid(), $1, $2, 'weekly_check_in', 1,
                   '{"feeling": "much_worse", "sleep": "well", "anything": "<b>chest pain</b>"}', '2026-11-15T15:04:00Z')""",
        world.organization, world.patient,
    )  # fmt: skip
    shown = await page(nurse, world, "answers")
    assert "Sun, Nov 15, 2026, 10:04" in shown
    assert "Much worse" in shown
    assert "call the patient" in shown
    assert "Their own words may mean danger." in shown
    assert "“&lt;b&gt;chest pain&lt;/b&gt;”" in shown
    assert "4 of 4: Each day counts" in shown
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'answers.view'") == 2


async def test_a_clinician_signs_off_what_patients_read_and_a_nurse_does_not(
    nurse: Client, client: Client, world: World, worker_db: Database, owner: Any
) -> None:
    await owner.execute("UPDATE programme SET code = 'heart_failure' WHERE id = $1", world.programme)
    await ship_content.ship(worker_db, WORKER, datetime.now(UTC))
    series, version = {"series": "heart_failure_weight"}, re.compile(r'name="version" value="([0-9a-f-]+)"')
    assert "Sign off as it stands" not in (await nurse.get("/rules/reading")).text
    assert (await nurse.post("/rules/reading/sign-off", data=series)).status_code == 403
    login, _ = await staff_login(owner, world, role="clinician")
    await sign_in(client, login)
    found = version.search((await client.get("/rules/reading")).text)
    assert found is not None
    for data in (series, {"version": found[1]}):
        assert (await client.post("/rules/reading/sign-off", data=data)).status_code == 303
        assert (await client.post("/rules/reading/sign-off", data=data)).status_code == 409
    assert "not signed off yet" not in (await client.get("/rules/reading")).text
