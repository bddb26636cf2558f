"""Vendors' clouds: believed only with their secret, speaking only for the devices linked to their account."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient

from server.app import create
from server.db.pool import Database, Who
from server.errors import NotFound
from server.flows.link import link, unlink
from server.settings import Settings, load
from server.web.vendors import PROOFS, same
from tests.conftest import FIELD, SECRET
from tests.web.conftest import Client
from tests.world import World, lend_device

SECRETS = {"tenovi": "t-secret", "bodytrace": "clinic:b-secret", "smart_meter": "s-secret", "withings": "w-secret"}
SHOWS_IT = {"authorization": "Bearer t-secret"}


def high() -> list[dict[str, Any]]:
    """A crisis of this moment, as Tenovi tells it."""
    at = datetime.now(UTC).isoformat()
    return [{"metric": "blood_pressure", "hwi_device_id": "7c1e", "value_1": 192, "value_2": 124, "timestamp": at}]


@pytest.fixture
async def clouds(settings: Settings) -> AsyncIterator[Client]:
    async with AsyncTestClient(create(msgspec.structs.replace(settings, vendor_secrets=SECRETS))) as client:
        yield client


@pytest.fixture
async def account(owner: Any, world: World, web_db: Database) -> str:
    """Tenovi's account as a hub, and one of its cuffs lent to the world's patient."""
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), now() - interval '1 hour')")
    cuff, _ = await lend_device(owner, world.organization, world.patient, datetime(2026, 1, 1, tzinfo=UTC))
    hub, _ = await lend_device(owner, world.organization, world.patient, datetime(2026, 1, 1, tzinfo=UTC))
    for table in ("loan", "device_state"):
        await owner.execute(f"DELETE FROM {table} WHERE device_id = ANY($1)", [hub, cuff])
    await owner.execute("UPDATE device SET id = 'vendor-tenovi' WHERE id = $1", hub)
    await owner.execute("UPDATE device SET id = 'tenovi-7c1e' WHERE id = $1", cuff)
    for device in ("vendor-tenovi", "tenovi-7c1e"):
        await owner.execute(
            "INSERT INTO device_state (device_id, organization_id) VALUES ($1, $2)", device, world.organization
        )
    await owner.execute(
        "INSERT INTO loan (id, organization_id, device_id, patient_id, lent)"
        " VALUES (gen_random_uuid(), $1, 'tenovi-7c1e', $2, tstzrange('2026-01-01', NULL))",
        world.organization,
        world.patient,
    )
    who = Who(principal="service:cli", organization=world.organization)
    await link(web_db, who, "tenovi-7c1e", "vendor-tenovi", datetime.now(UTC))
    return "vendor-tenovi"


async def kept(owner: Any) -> dict[str, int]:
    return {t: await owner.fetchval(f"SELECT count(*) FROM {t}") for t in ("arrival", "reading", "quarantine", "held")}


NOTHING = {"arrival": 0, "reading": 0, "quarantine": 0, "held": 0}


async def test_a_high_reading_from_a_vendors_cloud_is_the_lent_cuffs_and_pages_once(
    clouds: Client, account: str, owner: Any, world: World
) -> None:
    crisis = high()
    for _ in range(3):  # vendors repeat what they got no answer for, and a captured message may be replayed
        answer = await clouds.post("/ingest/tenovi", json=crisis, headers=SHOWS_IT)
        assert answer.status_code == 200
        assert answer.json()[0]["fate"] == "stored"
    row = await owner.fetchrow("SELECT patient_id, device_id, systolic_mmhg FROM reading")
    assert (row["patient_id"], row["device_id"], row["systolic_mmhg"]) == (world.patient, "tenovi-7c1e", 192)
    for table in ("reading", "alert", "confirmation"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 1, table
    assert await owner.fetchval("SELECT array_agg(purpose ORDER BY purpose) FROM message") == ["page", "safety"]


async def test_a_device_that_is_not_linked_to_the_account_is_not_spoken_for(
    clouds: Client, account: str, owner: Any, world: World, web_db: Database
) -> None:
    who = Who(principal="service:cli", organization=world.organization)
    await unlink(web_db, who, "tenovi-7c1e", datetime.now(UTC))
    with pytest.raises(NotFound):
        await unlink(web_db, who, "tenovi-7c1e", datetime.now(UTC))
    answer = await clouds.post("/ingest/tenovi", json=high(), headers=SHOWS_IT)
    assert answer.json()[0]["refused"][0]["reason"] == "unknown_source"
    assert await owner.fetchval("SELECT count(*) FROM reading") == 0


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": "t-secre"}, {"x-api-key": "t-secret2"},
     {"authorization": "Basic " + base64.b64encode(b"x:t-secret").decode()}, {"x-signature": "t-secret"}],
)  # fmt: skip
async def test_a_wrong_secret_is_refused_logged_and_nothing_is_stored(
    clouds: Client, account: str, owner: Any, headers: dict[str, str]
) -> None:
    answer = await clouds.post("/ingest/tenovi", json=high(), headers=headers)
    assert answer.status_code == 401
    assert await kept(owner) == NOTHING
    row = await owner.fetchrow("SELECT principal, action, subject, allowed FROM audit WHERE NOT allowed")
    assert tuple(row) == ("device:vendor-tenovi", "ingest", "vendor:tenovi", False)


async def test_a_vendor_without_a_secret_or_an_account_or_a_name_does_not_exist(
    client: Client, clouds: Client, account: str, owner: Any
) -> None:
    assert (await client.post("/ingest/tenovi", json=high(), headers=SHOWS_IT)).status_code == 404
    assert (await clouds.post("/ingest/nobody", json=high(), headers=SHOWS_IT)).status_code == 404
    answer = await clouds.post("/ingest/smart_meter", json={}, headers={"x-api-key": "s-secret"})
    assert answer.status_code == 404
    await owner.execute("UPDATE device SET disabled_at = now() WHERE id = 'vendor-tenovi'")
    assert (await clouds.post("/ingest/tenovi", json=high(), headers=SHOWS_IT)).status_code == 404
    assert await kept(owner) == NOTHING


async def test_each_vendor_shows_its_secret_its_own_way(clouds: Client) -> None:
    """404 says that the secret was right: no account is registered in this world."""
    body = json.dumps({"deviceId": "1", "ts": 1}).encode()
    signed = hmac.new(b"s-secret", body, hashlib.sha256).hexdigest()
    right: list[tuple[str, dict[str, str]]] = [
        ("/ingest/tenovi", {"authorization": "t-secret"}),
        ("/ingest/tenovi", {"x-api-key": "t-secret"}),
        ("/ingest/bodytrace", {"authorization": "Basic " + base64.b64encode(b"clinic:b-secret").decode()}),
        ("/ingest/smart_meter", {"x-signature": "sha256=" + signed}),
        ("/ingest/withings?token=w-secret", {}),
    ]
    for where, headers in right:
        assert (await clouds.post(where, content=body, headers=headers)).status_code == 404, where
    wrong: list[tuple[str, dict[str, str], bytes]] = [
        ("/ingest/smart_meter", {"x-signature": signed}, body + b" "),  # signed something else
        ("/ingest/bodytrace", {"authorization": "Basic " + base64.b64encode(b"other:b-secret").decode()}, body),
        ("/ingest/bodytrace", {"authorization": "Basic %%%"}, body),
        ("/ingest/tenovi?token=t-secret", {}, body),  # an address is not where Tenovi shows it
        ("/ingest/withings", {"authorization": "Bearer w-secret"}, body),
    ]
    for where, headers, content in wrong:
        assert (await clouds.post(where, content=content, headers=headers)).status_code == 401, where


async def test_a_device_is_linked_only_to_a_hub_of_its_own_organization(
    account: str, world: World, other_world: World, web_db: Database
) -> None:
    who = Who(principal="service:cli", organization=world.organization)
    for device, hub in ((world.device, other_world.device), (other_world.device, account), (account, account)):
        with pytest.raises(NotFound):
            await link(web_db, who, device, hub, datetime.now(UTC))


async def test_garbage_with_the_right_secret_is_quarantined_and_answered(
    clouds: Client, account: str, owner: Any
) -> None:
    answer = await clouds.post("/ingest/tenovi", content=b"\x00\xff{", headers=SHOWS_IT)
    assert answer.status_code == 200
    assert answer.json()[0]["refused"][0]["reason"] == "not_json"
    assert await owner.fetchval("SELECT payload FROM quarantine") == b"\x00\xff{"


def test_an_empty_secret_is_never_the_same() -> None:
    assert not same("", "")
    assert not same("a", "b")
    assert same("a", "a")


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Any) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    settings = load({
        "DATABASE_URL": "postgresql://h/d", "MQTT_URL": "mqtt://h", "CARELOOP_SECRET_KEY": SECRET,
        "CARELOOP_FIELD_KEY": FIELD, "CARELOOP_VENDOR_TENOVI_SECRET": "typed",
        "CARELOOP_VENDOR_SMART_METER_SECRET_FILE": str(tmp_path / "secret"), "CARELOOP_VENDOR_BODYTRACE_SECRET": " ",
    })  # fmt: skip
    assert settings.vendor_secrets == {"tenovi": "typed", "smart_meter": "from-a-file"}


def test_every_vendor_has_a_way_to_show_its_secret() -> None:
    from devices.formats import VENDORS

    assert set(PROOFS) == set(VENDORS)
