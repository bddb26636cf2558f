"""Readings by HTTP: the device's own credentials, the same flow, an answer only after commit."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.web.conftest import Client
from tests.world import World

WHERE = "/ingest/v1/readings"


def bp() -> dict[str, Any]:
    """A crisis of this moment."""
    at = datetime.now(UTC).isoformat()
    return {"seq": 1, "kind": "blood_pressure", "measured_at": at, "systolic": 192, "diastolic": 124}


async def test_a_reading_is_stored_judged_and_answered_with_its_receipt(
    client: Client, world: World, owner: Any
) -> None:
    crisis = bp()
    for _ in range(3):
        answer = await client.post(WHERE, json=crisis, auth=(world.device, world.device_secret))
        assert answer.status_code == 200
        assert answer.json() == {"epoch": 0, "through": 1, "stored": [1], "held": [], "refused": []}
    for table in ("reading", "alert", "confirmation"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 1, table
    assert await owner.fetchval("SELECT array_agg(purpose ORDER BY purpose) FROM message") == ["page", "safety"]


async def test_several_entries_without_numbers_get_a_receipt_each(client: Client, world: World) -> None:
    entries = [{"kind": "pulse", "pulse": 60}, {"kind": "pulse", "pulse": 61}, {"kind": "mood"}]
    answer = await client.post(WHERE, json=entries, auth=(world.device, world.device_secret))
    assert [receipt["fate"] for receipt in answer.json()] == ["stored", "stored", "quarantined"]
    assert answer.json()[2]["refused"][0]["reason"] == "unknown_kind"


async def test_garbage_is_answered_after_it_is_kept(client: Client, world: World, owner: Any) -> None:
    answer = await client.post(WHERE, content=b"\x00\xff", auth=(world.device, world.device_secret))
    assert answer.status_code == 200
    assert answer.json()["refused"][0]["reason"] == "not_json"
    assert await owner.fetchval("SELECT payload FROM quarantine") == b"\x00\xff"


@pytest.mark.parametrize("wrong", ["password", "device", "nothing", "scheme", "not_base64", "disabled", "odd_id"])
async def test_without_the_devices_credentials_nothing_is_told_or_kept(
    client: Client, world: World, owner: Any, wrong: str
) -> None:
    auth: Any = {
        "password": (world.device, "x"),
        "device": ("nobody", world.device_secret),
        "odd_id": ("a/b", "x"),
    }.get(wrong, (world.device, world.device_secret))
    headers = {"scheme": {"authorization": "Bearer x"}, "not_base64": {"authorization": "Basic %%%"}}.get(wrong, {})
    if wrong == "disabled":
        await owner.execute("UPDATE device SET disabled_at = now()")
    answer = await client.post(
        WHERE, content=json.dumps(bp()), headers=headers, auth=None if headers or wrong == "nothing" else auth
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert await owner.fetchval("SELECT count(*) FROM arrival") == 0


async def test_a_device_of_one_organization_writes_nothing_into_another(
    client: Client, world: World, other_world: World, owner: Any
) -> None:
    await client.post(WHERE, json={**bp(), "source": other_world.device}, auth=(world.device, world.device_secret))
    assert await owner.fetchval("SELECT count(*) FROM reading") == 0
    row = await owner.fetchrow("SELECT organization_id, reason FROM quarantine")
    assert tuple(row) == (world.organization, "unknown_source")
