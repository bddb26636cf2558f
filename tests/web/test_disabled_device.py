"""A device that was disabled is refused by our own tables too: over HTTP, and by the bridge if a broker let it pass."""

from datetime import UTC, datetime
from typing import Any

from server.db.pool import Database
from server.flows import access
from tests.flows.test_reading import bp, count, publish, send
from tests.flows.test_resolve_held import person_of
from tests.web.conftest import Client
from tests.world import World

WHERE = "/ingest/v1/readings"


async def test_over_http_a_disabled_device_is_unknown_until_it_is_enabled(
    client: Client, world: World, owner: Any, web_db: Database
) -> None:
    login, who, now = (world.device, world.device_secret), person_of(world).who, datetime.now(UTC)
    await access.disable(web_db, who, world.device, None, now)
    assert (await client.post(WHERE, json=bp(1, 192, 124), auth=login)).status_code == 401
    for table in ("arrival", "reading", "held", "quarantine"):
        assert await count(owner, table) == 0, table
    await access.enable(web_db, who, world.device, None, now)
    assert (await client.post(WHERE, json=bp(1, 192, 124), auth=login)).status_code == 200
    assert await count(owner, "reading") == 1


async def test_over_http_a_new_password_shuts_the_old_one_out_at_once(
    client: Client, world: World, web_db: Database
) -> None:
    made = await access.rotate(web_db, person_of(world).who, world.device, None, datetime.now(UTC))
    assert (await client.post(WHERE, json=bp(1, 120), auth=(world.device, world.device_secret))).status_code == 401
    assert (await client.post(WHERE, json=bp(1, 120), auth=(world.device, made.password))).status_code == 200


async def test_what_a_broker_lets_a_disabled_device_say_is_refused_with_its_reason_and_judged_by_nobody(
    world: World, owner: Any, web_db: Database, bridge_db: Database
) -> None:
    await access.disable(web_db, person_of(world).who, world.device, None, datetime.now(UTC))
    outcome = await send(bridge_db, publish(world, bp(1, 192, 124)))
    assert outcome.counts["quarantined"] == 1
    assert await owner.fetchval("SELECT reason FROM quarantine") == "disabled_device"
    for table in ("reading", "held", "alert", "message"):
        assert await count(owner, table) == 0, table
