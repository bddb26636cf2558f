"""The door: who comes in, who does not, and what is kept of it."""

import hashlib
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from server.app import create
from server.settings import Settings
from server.web.sign_in import local
from tests.web.conftest import Client, sign_in
from tests.web.people import PASSWORD, patient_login, staff_login
from tests.world import World


async def test_a_script_signs_in_with_two_plain_fields(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    answer = await sign_in(client, login)
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age=43200" in cookie
    assert (await client.get("/worklist")).status_code == 200


async def test_the_login_is_not_case_sensitive_the_password_is(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    assert (await sign_in(client, login, PASSWORD.upper())).status_code == 401
    assert (await sign_in(client, f" {login.upper()} ")).status_code == 303


async def test_a_patient_goes_to_the_portal_and_not_to_the_worklist(client: Client, owner: Any, world: World) -> None:
    answer = await sign_in(client, await patient_login(owner, world))
    assert answer.headers["location"] == "/portal"
    assert "max-age=2592000" in answer.headers["set-cookie"].lower()
    assert (await client.get("/worklist")).status_code == 403


async def test_the_cookie_is_for_https_only_where_the_public_address_is(
    settings: Settings, owner: Any, world: World
) -> None:
    import msgspec

    login, _ = await staff_login(owner, world)
    secure = msgspec.structs.replace(settings, public_url="https://clinic.example")
    async with AsyncTestClient(create(secure)) as client:
        client.follow_redirects = False
        assert "secure" in (await sign_in(client, login)).headers["set-cookie"].lower()


async def test_wrong_login_and_wrong_password_are_told_in_the_same_words(
    client: Client, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    wrong = await sign_in(client, login, "not the password")
    unknown = await sign_in(client, "nobody-at-all", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(login, "") == unknown.text.replace("nobody-at-all", "")
    assert "Check both and try again" in wrong.text


async def test_five_wrong_passwords_lock_the_account_also_for_the_right_one(
    client: Client, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    for _ in range(5):
        assert (await sign_in(client, login, "wrong")).status_code == 401
    locked = await sign_in(client, login)
    assert locked.status_code == 401
    assert "15 minutes" in locked.text
    await owner.execute("UPDATE account SET locked_until = now() - interval '1 second' WHERE login = $1", login)
    assert (await sign_in(client, login)).status_code == 303


async def test_four_wrong_passwords_do_not_lock(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    for _ in range(4):
        await sign_in(client, login, "wrong")
    assert (await sign_in(client, login)).status_code == 303
    assert await owner.fetchval("SELECT failed_count FROM account WHERE login = $1", login) == 0


async def test_the_database_knows_only_the_hash_of_the_cookie(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    await sign_in(client, login)
    token = client.cookies["careloop_session"]
    stored = await owner.fetchval("SELECT token_hash FROM session")
    assert stored == hashlib.sha256(token.encode()).digest()
    assert len(token) >= 43  # 32 random bytes


async def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(nurse: Client) -> None:
    token = nurse.cookies["careloop_session"]
    assert (await nurse.post("/sign-out")).headers["location"] == "/sign-in"
    nurse.cookies.set("careloop_session", token)
    assert (await nurse.get("/worklist")).status_code == 303


async def test_an_expired_session_opens_nothing(nurse: Client, owner: Any) -> None:
    await owner.execute("UPDATE session SET expires_at = now() - interval '1 second'")
    answer = await nurse.get("/patients?offset=0")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/patients")


async def test_a_disabled_person_is_out_at_once(nurse: Client, owner: Any, world: World) -> None:
    await owner.execute("UPDATE staff SET disabled_at = now() WHERE id = $1", world.nurse)
    assert (await nurse.get("/worklist")).status_code == 303


async def test_signing_in_and_failing_are_in_the_audit(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    await sign_in(client, login, "wrong")
    await sign_in(client, login)
    rows = await owner.fetch("SELECT action, allowed FROM audit ORDER BY txid, id")
    assert [tuple(row) for row in rows] == [("session.refused", False), ("session.open", True)]


@pytest.mark.parametrize("where", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_after_signing_in_nobody_is_sent_to_another_site(where: str) -> None:
    assert local(where) == ""


async def test_after_signing_in_one_is_where_one_was_going(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    data = {"login": login, "password": PASSWORD, "next": "/patients"}
    assert (await client.post("/sign-in", data=data)).headers["location"] == "/patients"


CROSS_SITE = [
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]


@pytest.mark.parametrize("headers", CROSS_SITE)
async def test_another_sites_page_cannot_act_for_a_nurse(nurse: Client, headers: dict[str, str]) -> None:
    assert (await nurse.post("/sign-out", headers=headers)).status_code == 403
    assert (await nurse.get("/worklist")).status_code == 200


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://testserver.local"}])
async def test_our_own_pages_can(nurse: Client, headers: dict[str, str]) -> None:
    assert (await nurse.post("/sign-out", headers=headers)).status_code == 303
