"""What waits for an answer, and that one answer counts."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from server.db.ids import uuid7
from tests.web.conftest import Client, sign_in
from tests.web.people import alarm, alert, staff_login
from tests.world import World, lend_device


async def test_most_severe_first_then_oldest(nurse: Client, owner: Any, world: World) -> None:
    now = datetime.now(UTC)
    await alert(owner, world, 85, 50, "medium", "bp_low", now - timedelta(hours=3))
    newer = await alert(owner, world, 192, 124, "high", "bp_high", now - timedelta(minutes=5))
    older = await alert(owner, world, 190, 100, "high", "glucose_high", now - timedelta(minutes=50))
    low = await alarm(owner, world, "low")
    items = (await nurse.get("/api/v1/worklist")).json()["items"]
    assert [item["severity"] for item in items] == ["high", "high", "medium", "low"]
    assert [item["id"] for item in items[:2]] == [str(older), str(newer)]
    assert items[3]["id"] == str(low)
    page = (await nurse.get("/worklist")).text
    assert re.findall(r'id="item-([0-9a-f-]+)"', page) == [item["id"] for item in items]


async def test_a_line_says_who_what_and_against_which_limit(nurse: Client, owner: Any, world: World) -> None:
    await alert(owner, world)
    page = (await nurse.get("/worklist")).text
    for words in ("Pat Aspen", "192/124 mmHg", "180/120", "high", "Acknowledge", "(1) Worklist", "live"):
        assert words in page


async def test_nothing_open_says_so(nurse: Client) -> None:
    assert "Nothing waits." in (await nurse.get("/worklist")).text


async def test_the_form_works_without_script(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    answer = await nurse.post(f"/alerts/{world.patient}/{made}/acknowledge", data={"back": "patient"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patients/{world.patient}")
    row = await owner.fetchrow("SELECT status, acknowledged_by FROM alert WHERE id = $1", made)
    assert tuple(row) == ("acknowledged", world.nurse)
    assert "taken by Nurse Aspen" in (await nurse.get("/worklist")).text


async def test_resolving_keeps_outcome_and_note(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    form = {"outcome": "contacted_patient", "note": " Rested, 148/88. "}
    assert (await nurse.post(f"/alerts/{world.patient}/{made}/resolve", data=form)).status_code == 303
    row = await owner.fetchrow("SELECT status, resolved_by, outcome, note FROM alert WHERE id = $1", made)
    assert tuple(row) == ("resolved", world.nurse, "contacted_patient", "Rested, 148/88.")
    page = (await nurse.get(f"/patients/{world.patient}")).text
    assert "Contacted the patient" in page
    assert "Nothing stands open." in page


async def test_an_outcome_nobody_knows_is_refused(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    assert (await nurse.post(f"/alerts/{world.patient}/{made}/resolve", data={"outcome": "x"})).status_code == 400
    assert await owner.fetchval("SELECT status FROM alert WHERE id = $1", made) == "open"


async def test_only_one_acknowledgement_counts_and_the_loser_is_told_who_was_first(
    nurse: Client, owner: Any, world: World
) -> None:
    other_login, _ = await staff_login(owner, world, "nurse", "Nina Second")
    made = await alert(owner, world)
    path = f"/api/v1/alerts/{world.patient}/{made}/acknowledge"
    mine = nurse.cookies["careloop_session"]
    nurse.cookies.clear()
    await sign_in(nurse, other_login)
    theirs = nurse.cookies["careloop_session"]
    nurse.cookies.clear()
    cookies = [{"Cookie": f"careloop_session={token}"} for token in (mine, theirs)]
    answers = await asyncio.gather(*(nurse.post(path, headers=headers) for headers in cookies * 5))
    assert {answer.status_code for answer in answers} == {200, 409}
    winner = await owner.fetchval(
        "SELECT s.name FROM alert a JOIN staff s ON s.id = a.acknowledged_by WHERE a.id = $1", made
    )
    told = {answer.json()["detail"] for answer in answers if answer.status_code == 409}
    assert told == {f"{winner} was first and is dealing with it."}
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'alert.acknowledge'") == 1


async def test_pressing_twice_is_fine(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    path = f"/alerts/{world.patient}/{made}/acknowledge"
    assert [(await nurse.post(path)).status_code for _ in range(2)] == [303, 303]


async def test_without_script_the_loser_sees_it_on_the_page(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    await nurse.post(f"/alerts/{world.patient}/{made}/acknowledge")
    login, _ = await staff_login(owner, world, "nurse", "Nina Second")
    await sign_in(nurse, login)
    answer = await nurse.post(f"/alerts/{world.patient}/{made}/acknowledge")
    assert answer.status_code == 409
    assert "Nurse Aspen was first and is dealing with it." in answer.text


async def test_alarms_are_answered_too(nurse: Client, owner: Any, world: World) -> None:
    made = await alarm(owner, world)
    assert "Readings 7 to 9 never came" in (await nurse.get("/worklist")).text
    assert (await nurse.post(f"/alarms/{made}/acknowledge")).status_code == 303
    assert (await nurse.post(f"/alarms/{made}/resolve", data={"note": "new cuff"})).status_code == 303
    row = await owner.fetchrow("SELECT status, resolved_by, note FROM alarm WHERE id = $1", made)
    assert tuple(row) == ("resolved", world.nurse, "new cuff")


async def test_those_who_do_not_answer_alerts_cannot(client: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    login, _ = await staff_login(owner, world, "quality")
    await sign_in(client, login)
    assert (await client.post(f"/alerts/{world.patient}/{made}/acknowledge")).status_code == 403
    assert await owner.fetchval("SELECT status FROM alert WHERE id = $1", made) == "open"


async def test_a_page_that_shows_it_already_gets_nothing_and_notes_nothing(
    nurse: Client, owner: Any, world: World
) -> None:
    await alert(owner, world)
    page = (await nurse.get("/worklist")).text
    shown = re.search(r'data-digest="([0-9a-f]+)"', page)
    assert shown is not None
    assert (await nurse.get(f"/worklist/list?shown={shown[1]}")).status_code == 204
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'worklist.view'") == 1
    await alarm(owner, world)
    assert (await nurse.get(f"/worklist/list?shown={shown[1]}")).status_code == 200
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'worklist.view'") == 2


async def test_every_view_of_a_patient_is_noted(nurse: Client, owner: Any, world: World) -> None:
    await nurse.get(f"/patients/{world.patient}")
    row = await owner.fetchrow("SELECT principal, patient_id, allowed FROM audit WHERE action = 'patient.view'")
    assert tuple(row) == (f"staff:{world.nurse}", world.patient, True)


async def test_patients_are_found_by_name_and_record_number(nurse: Client, owner: Any, world: World) -> None:
    await owner.execute("INSERT INTO patient_name_token VALUES ($1, 'aspen', $2)", world.patient, world.organization)
    for asked in ("asp", "Aspen-1"):
        assert f"/patients/{world.patient}" in (await nurse.post("/patients/search", data={"q": asked})).text
    assert "Nobody found." in (await nurse.post("/patients/search", data={"q": "zzz"})).text


async def test_the_state_of_the_organization_is_on_every_staff_page(nurse: Client, owner: Any, world: World) -> None:
    for state, words in (
        ("trial", "only to the listed test numbers"),
        ("shadow", "nobody is texted"),
        ("live", "are texted"),
    ):
        await owner.execute("UPDATE organization SET state = $1, demo = true", state)
        for path in ("/worklist", "/patients", f"/patients/{world.patient}"):
            page = (await nurse.get(path)).text
            assert f"state-{state}" in page
            assert words in page
            assert "demo: no real patients" in page


async def test_readings_are_paged_by_key_in_page_and_api(nurse: Client, owner: Any, world: World) -> None:
    await owner.execute(
        """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
               source, systolic_mmhg, diastolic_mmhg, judged_with)
           SELECT gen_random_uuid(), $1, $2, 'blood_pressure', at, 'America/New_York', at::date, 'device', at, 'device',
                  100 + n % 40, 70, 't' FROM (SELECT n, now() - n * interval '1 hour' AS at FROM generate_series(1, 130) n) x""",
        world.organization, world.patient,
    )  # fmt: skip
    seen: list[str] = []
    path = f"/api/v1/patients/{world.patient}/readings?days=30&limit=50"
    while path:
        answer = (await nurse.get(path)).json()
        seen += [one["id"] for one in answer["readings"]]
        path = answer.get("next")
    assert len(seen) == len(set(seen)) == 130
    page = (await nurse.get(f"/patients/{world.patient}?days=30")).text
    table = page[page.index('<div id="readings"') :].partition("</table>")[0]
    assert table.count("<tr>") == 21
    older = re.search(r'href="([^"]+)">Older readings', page)
    assert older is not None
    second = (await nurse.get(older[1].replace("&amp;", "&"))).text
    assert second.count("<tr>") == 21
    assert "Readings of Pat Aspen" in second


async def test_an_alarm_that_is_open_again_says_since_when_and_why(nurse: Client, owner: Any, world: World) -> None:
    made = await alarm(owner, world, "high")
    assert "Open again since" not in (await nurse.get("/worklist")).text
    await owner.execute("UPDATE alarm SET again_at = now(), again_why = 'new_cry' WHERE id = $1", made)
    page = (await nurse.get("/worklist")).text
    assert re.search(r"Open again since <strong>[^<]+</strong>: a new cry for help", page)


async def test_what_is_silent_behind_a_silent_hub_lies_folded_under_it_and_comes_out_by_itself(
    nurse: Client, owner: Any, world: World
) -> None:
    hub, _ = await lend_device(owner, world.organization, world.patient, datetime.now(UTC))
    await owner.execute("UPDATE device SET hub_id = $1 WHERE id = $2", hub, world.device)
    for device, says in ((world.device, "Its hub is silent too."), (hub, "The hub sent nothing.")):
        await owner.execute(
            """INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
               VALUES ($1, $2, 'device_silent', $3, 'medium', $4, $5, $5)""",
            uuid7(), world.organization, device, says, datetime.now(UTC),
        )  # fmt: skip
    page = (await nurse.get("/worklist")).text
    assert "(1) Worklist" in page
    assert "1 device behind it" in page
    assert page.index("The hub sent nothing.") < page.index("1 device behind it") < page.index("Its hub is silent too.")
    assert page.count("data-item ") == 1
    items = (await nurse.get("/api/v1/worklist")).json()["items"]
    assert {item["behind"] for item in items} == {None, next(item["id"] for item in items if hub in item["title"])}
    await owner.execute("UPDATE alarm SET status = 'acknowledged' WHERE subject = $1", hub)
    assert "1 device behind it" in (await nurse.get("/worklist")).text
    await owner.execute("UPDATE alarm SET status = 'resolved' WHERE subject = $1", hub)
    page = (await nurse.get("/worklist")).text
    assert ("(1) Worklist" in page, "behind it" in page, page.count("data-item ")) == (True, False, 1)
