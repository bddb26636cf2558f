"""What every answer carries, and what is told when something did not work."""

import asyncio
from typing import Any

import pytest
import schemathesis
import structlog
from litestar import Litestar, get
from litestar.testing import AsyncTestClient

from server.app import create
from server.settings import Settings
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World


@pytest.mark.parametrize("path", ["/sign-in", "/nothing-here", "/worklist", "/health/live", "/schema/openapi.json"])
async def test_every_answer_carries_the_protections(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_static_files_may_be_kept_because_their_address_changes_with_them(client: Client) -> None:
    page = (await client.get("/sign-in")).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert (await client.get("/static/careloop.css")).headers["cache-control"] == "no-cache"


async def test_people_get_pages_and_programs_get_problems(nurse: Client) -> None:
    page = await nurse.get("/nothing-here", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    for path, accept in (("/api/v1/nothing", "*/*"), ("/nothing", "application/json")):
        problem = await nurse.get(path, headers={"accept": accept})
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["status"] == 404


async def test_without_a_session_people_are_led_to_the_door_and_programs_told(client: Client) -> None:
    page = await client.get("/patients/01a20069-809b-7119-9c95-32fb590b5349")
    assert page.headers["location"] == "/sign-in?next=/patients/01a20069-809b-7119-9c95-32fb590b5349"
    api = await client.get("/api/v1/worklist")
    assert (api.status_code, api.json()["title"]) == (401, "Please sign in")
    swap = await client.get("/worklist/list", headers={"hx-request": "true"})
    assert (swap.status_code, swap.headers["hx-redirect"]) == (401, "/sign-in")


async def test_a_bug_shows_an_incident_and_nothing_of_itself(settings: Settings, owner: Any, world: World) -> None:
    @get("/broken")
    async def broken() -> None:
        raise RuntimeError("Pat Aspen +12125550200")

    app = create(settings)
    app.register(broken)
    with structlog.testing.capture_logs() as lines:
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            page = await client.get("/broken")
            machine = await client.get("/broken", headers={"accept": "application/json"})
    assert page.status_code == machine.status_code == 500
    assert "Aspen" not in page.text + machine.text + str(lines)
    incidents = [line["incident"] for line in lines if line["event"] == "incident"]
    assert incidents[0] in page.text
    assert machine.json()["incident"] == incidents[1]


async def test_what_cannot_be_read_is_refused_with_its_place(nurse: Client, world: World) -> None:
    path = f"/api/v1/alerts/{world.patient}/{world.clinic}/resolve"
    answer = await nurse.post(path, json={"outcome": "nonsense"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["place"] == "outcome"


async def test_ready_says_which_part_is_not(settings: Settings, owner: Any) -> None:
    await owner.execute("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)")
    async with AsyncTestClient(create(settings)) as client:
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert "careloop migrate" in answer.json()["parts"]["database"]
        assert (await client.get("/health/live")).status_code == 200


async def test_the_schema_names_the_interface(client: Client) -> None:
    schema = (await client.get("/schema/openapi.json")).json()
    operations = [found.ok() for found in schemathesis.openapi.from_dict(schema).get_all_operations()]
    assert len(operations) >= 7
    wanted = {
        "/api/v1/worklist",
        "/api/v1/patients/{patient_id}",
        "/api/v1/patients/{patient_id}/readings",
        "/api/v1/alerts/{patient_id}/{alert_id}/acknowledge",
        "/api/v1/alerts/{patient_id}/{alert_id}/resolve",
        "/ingest/v1/readings",
    }
    assert wanted <= set(schema["paths"])
    assert not [path for path in schema["paths"] if path.startswith(("/worklist", "/portal", "/patients"))]


async def test_administration_is_for_administrators(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world, "admin")
    await sign_in(client, login)
    page = await client.get("/admin")
    assert page.status_code == 200
    assert world.device in page.text
    login, _ = await staff_login(owner, world)
    await sign_in(client, login)
    assert (await client.get("/admin")).status_code == 403
    refused = await owner.fetchrow("SELECT action, subject, allowed FROM audit WHERE NOT allowed")
    assert tuple(refused) == ("page.refused", "/admin", False)


async def test_many_pages_at_once_share_the_pool(nurse: Client, world: World) -> None:
    answers = await asyncio.gather(*(nurse.get(f"/patients/{world.patient}") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}


def test_the_application_is_made_without_touching_anything(settings: Settings) -> None:
    import msgspec

    away = msgspec.structs.replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none")
    assert isinstance(create(away), Litestar)
