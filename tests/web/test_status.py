"""The page of a patient's monitoring: each choice as a form, what it means, and the way back."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.flows.test_reading import count
from tests.web.conftest import Client, sign_in
from tests.web.people import patient_login, staff_login
from tests.world import World

SEEN = re.compile(r'name="seen" value="([^"]*)"')


async def post(client: Client, world: World, what: str = "", **fields: str) -> Any:
    """With what the page says was seen."""
    seen = SEEN.search((await client.get(f"/patients/{world.patient}/status")).text)
    data = {"seen": seen[1] if seen else "", **fields}
    return await client.post(f"/patients/{world.patient}/status{what}", data=data)


async def status_of(owner: Any) -> str:
    return str(await owner.fetchval("SELECT monitoring_status FROM patient"))


async def test_a_pause_is_on_the_patients_page_until_somebody_starts_again(
    nurse: Client, world: World, owner: Any
) -> None:
    day = datetime.now(ZoneInfo("America/New_York")).date() + timedelta(days=4)
    answer = await post(nurse, world, to="paused:hospital", back_on=day.isoformat(), note="Ward 3")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patients/{world.patient}")
    text = (await nurse.get(f"/patients/{world.patient}")).text
    for words in (
        "Paused",
        "in hospital",
        "Ward 3",
        "Nurse Aspen",
        f"{day:%b} {day.day}",
        "a crossing alerts and pages",
    ):
        assert words in text
    assert (await post(nurse, world, to="active:returned")).status_code == 303
    assert await status_of(owner) == "active"


async def test_undo_is_one_button(nurse: Client, world: World, owner: Any) -> None:
    await post(nurse, world, to="left:declined")
    assert "Undo: as it was before" in (await nurse.get(f"/patients/{world.patient}")).text
    assert (await post(nurse, world, "/undo")).status_code == 303
    assert await status_of(owner) == "active"
    again = await post(nurse, world, "/undo")
    assert again.status_code == 409


WRONG: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"to": "deceased:in_the_record"}, 422, "made sure"),
    ({"to": "paused:other", "note": " "}, 422, "note"),
    ({"to": "paused:hospital", "back_on": "soon"}, 422, "calendar"),
    ({"to": "paused:hospital", "back_on": "2020-01-01"}, 422, "after today"),
    ({"to": "paused:moved_away"}, 422, "why"),
    ({"to": "gone"}, 422, "Choose"),
    ({}, 422, "Choose"),
    ({"to": "active:returned"}, 409, "so already"),
    ({"to": "paused:travel", "seen": "x"}, 409, "meanwhile"),
)


async def test_what_cannot_be_is_said_above_the_form_and_what_was_typed_stays(
    nurse: Client, world: World, owner: Any
) -> None:
    for fields, status, says in WRONG:
        answer = await post(nurse, world, **({"note": "typed before"} | fields))
        told = re.search(r'role="alert">([^<]*)', answer.text)
        assert (answer.status_code, told is not None and says in told[1]) == (status, True), (fields, told)
        assert fields.get("note", "typed before").strip() in answer.text
    assert await count(owner, "monitoring_change") == 0
    assert await status_of(owner) == "active"


async def test_the_care_team_may_and_quality_may_only_look(client: Client, world: World, owner: Any) -> None:
    for role in ("clinician", "coordinator", "admin"):
        await sign_in(client, (await staff_login(owner, world, role))[0])
        assert (await post(client, world, to="paused:travel")).status_code == 303
        assert (await post(client, world, to="active:returned")).status_code == 303
    await sign_in(client, (await staff_login(owner, world, "quality"))[0])
    page = await client.get(f"/patients/{world.patient}/status")
    assert page.status_code == 200
    assert '<form method="post" action="/patients' not in page.text
    assert (await post(client, world, to="left:declined")).status_code == 403
    assert await status_of(owner) == "active"


async def test_the_portal_of_somebody_who_died_is_closed_gently_and_opens_again_when_it_was_a_mistake(
    client: Client, world: World, owner: Any
) -> None:
    login, (staff, _) = await patient_login(owner, world), await staff_login(owner, world)
    await sign_in(client, staff)
    assert (await post(client, world, to="deceased:told_by_family", sure="1")).status_code == 303
    await sign_in(client, login)
    for path in ("/portal", "/portal/history", "/portal/messages", "/portal/settings"):
        closed = await client.get(path)
        assert closed.status_code == 403
        assert "sorry for your loss" in closed.text
        assert "(212)" in closed.text
        assert "Pat" not in closed.text
    await owner.execute("UPDATE patient SET language = 'es'")
    assert "Lamentamos su pérdida" in (await client.get("/portal")).text
    await sign_in(client, staff)
    await post(client, world, "/undo")
    await sign_in(client, login)
    assert (await client.get("/portal")).status_code == 200
