"""The administrator says who has left, who is back, and where pages go; nobody else may."""

import uuid
from typing import Any

import pytest

from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World


@pytest.fixture
async def admin(client: Client, owner: Any, world: World) -> Client:
    login, _ = await staff_login(owner, world, "admin", "Ada Chief")
    assert (await sign_in(client, login)).status_code == 303
    return client


async def person(owner: Any, staff: uuid.UUID) -> Any:
    return await owner.fetchrow("SELECT phone, disabled_at IS NOT NULL AS left FROM staff WHERE id = $1", staff)


@pytest.mark.parametrize("role", ["nurse", "clinician", "coordinator", "quality"])
async def test_only_an_administrator_may(client: Client, owner: Any, world: World, role: str) -> None:
    login, _ = await staff_login(owner, world, role)
    await sign_in(client, login)
    before = await person(owner, world.nurse)
    for what in ("leave", "return", "phone"):
        answer = await client.post(f"/admin/staff/{world.nurse}/{what}", data={"phone": ""})
        assert answer.status_code == 403
    assert await person(owner, world.nurse) == before
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'page.refused'") == 3


async def test_who_has_left_is_signed_out_and_the_page_says_what_to_mend(
    admin: Client, owner: Any, world: World
) -> None:
    await owner.execute("UPDATE team SET fallback_id = $1 WHERE id = $2", world.nurse, world.team)
    hers = admin.cookies["careloop_session"]
    login, _ = await staff_login(owner, world)
    await sign_in(admin, login)
    nurses = admin.cookies["careloop_session"]
    admin.cookies.set("careloop_session", hers)
    assert "Yes, " in (await admin.get("/admin")).text
    answer = await admin.post(f"/admin/staff/{world.nurse}/leave")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin#staff-title")
    page = (await admin.get("/admin")).text
    assert "To mend on the" in page
    assert "Day team: stand-in, 1 shift to come" in page
    assert login in page
    admin.cookies.set("careloop_session", nurses)
    assert (await admin.get("/worklist")).status_code == 303
    admin.cookies.set("careloop_session", hers)
    assert (await admin.post(f"/admin/staff/{world.nurse}/return")).status_code == 303
    assert (await person(owner, world.nurse))["left"] is False
    assert "To mend on the" not in (await admin.get("/admin")).text
    admin.cookies.set("careloop_session", nurses)
    assert (await admin.get("/worklist")).status_code == 303
    done = await owner.fetch("SELECT action, principal FROM audit WHERE action LIKE 'staff.%' ORDER BY txid")
    assert [row["action"] for row in done] == ["staff.leave", "staff.return"]
    assert {row["principal"][:6] for row in done} == {"staff:"}


async def test_a_telephone_is_corrected_and_a_wrong_one_stays_as_typed(admin: Client, owner: Any, world: World) -> None:
    where = f"/admin/staff/{world.nurse}/phone"
    assert (await admin.post(where, data={"phone": "(212) 555-0199"})).status_code == 303
    assert (await person(owner, world.nurse))["phone"] == "+12125550199"
    wrong = await admin.post(where, data={"phone": "call <me>"})
    assert wrong.status_code == 422
    assert "is not a telephone number" in wrong.text
    assert 'value="call &lt;me&gt;"' in wrong.text
    assert (await admin.post(where, data={})).status_code == 422
    assert (await person(owner, world.nurse))["phone"] == "+12125550199"
    assert (await admin.post(where, data={"phone": " "})).status_code == 303
    assert (await person(owner, world.nurse))["phone"] is None
    assert "cannot be paged" in (await admin.get("/admin")).text


async def test_the_last_administrator_and_oneself_stay(admin: Client, owner: Any, world: World) -> None:
    herself = await owner.fetchval("SELECT id FROM staff WHERE name = 'Ada Chief'")
    answer = await admin.post(f"/admin/staff/{herself}/leave")
    assert (answer.status_code, "cannot end your own access" in answer.text) == (422, True)
    _, second = await staff_login(owner, world, "admin", "Bo Second")
    assert (await admin.post(f"/admin/staff/{second}/leave")).status_code == 303
    again = await admin.post(f"/admin/staff/{second}/leave")
    assert (again.status_code, "had left already" in again.text) == (409, True)
    assert (await person(owner, herself))["left"] is False


async def test_nobodys_id_and_another_organizations_look_the_same(
    admin: Client, owner: Any, other_world: World
) -> None:
    theirs = await admin.post(f"/admin/staff/{other_world.nurse}/leave")
    nobodys = await admin.post(f"/admin/staff/{uuid.uuid4()}/leave")
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)
    assert theirs.status_code == 404
