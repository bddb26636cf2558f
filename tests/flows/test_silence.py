"""A device that stops is noticed by what the server receives alone, once, and forgiven when it is heard."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.errors import BadSetting
from server.flows import acknowledge, silence
from server.monitoring import worklist
from server.settings import Settings, load
from tests.flows.test_reading import NOW, bp, count, publish, send
from tests.flows.test_resolve_held import person_of
from tests.world import World, lend_device

WORKER = Who(principal="service:worker")
HOURS = timedelta(hours=1)


async def watch(worker_db: Database, after: timedelta = timedelta(), hours: int = 48) -> int:
    return await silence.watch(worker_db, WORKER, hours, NOW + after)


async def alarms(owner: Any) -> list[tuple[str, str]]:
    rows = await owner.fetch(
        "SELECT subject, status FROM alarm WHERE kind = 'device_silent' ORDER BY opened_at, subject"
    )
    return [tuple(row) for row in rows]


@pytest.fixture
async def heard(world: World, bridge_db: Database) -> World:
    """The cuff was heard just now."""
    await send(bridge_db, publish(world, bp(1, 120)))
    return world


async def test_silence_is_one_alarm_until_the_device_is_heard(
    heard: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    assert await watch(worker_db, 47 * HOURS) == 0
    assert await watch(worker_db, 49 * HOURS) == 1
    assert await watch(worker_db, 49 * HOURS + timedelta(minutes=1)) == 0
    assert await alarms(owner) == [(heard.device, "open")]
    row = await owner.fetchrow("SELECT severity, says, seen_count FROM alarm")
    assert (row["severity"], row["seen_count"]) == ("medium", 1)
    assert "sent nothing for 2 days" in row["says"]
    assert await watch(worker_db, 73 * HOURS) == 1
    assert "for 3 days" in await owner.fetchval("SELECT says FROM alarm")
    await send(bridge_db, publish(heard, bp(2, 121)), now=NOW + 74 * HOURS)
    assert await watch(worker_db, 74 * HOURS) == 1
    row = await owner.fetchrow("SELECT status, note, resolved_by FROM alarm")
    assert tuple(row) == ("resolved", silence.NOTES["heard"], None)


@pytest.mark.parametrize("year", [1970, 2035])
async def test_no_clock_of_the_device_can_turn_the_alarm_off(
    world: World, owner: Any, worker_db: Database, bridge_db: Database, year: int
) -> None:
    wrong = datetime(year, 1, 1, tzinfo=UTC)
    await send(bridge_db, publish(world, bp(1, 120, at=wrong)))
    await owner.execute("UPDATE device_state SET last_measured_at = $1", wrong)
    assert await watch(worker_db, 47 * HOURS) == 0
    assert await watch(worker_db, 49 * HOURS) == 1


async def test_a_retransmitted_old_reading_counts_as_heard(
    heard: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    assert await watch(worker_db, 49 * HOURS) == 1
    await send(bridge_db, publish(heard, bp(1, 120)), now=NOW + 50 * HOURS)
    assert await count(owner, "reading") == 1
    await watch(worker_db, 50 * HOURS)
    assert await alarms(owner) == [(heard.device, "resolved")]


async def test_a_device_that_was_lent_and_never_heard_is_noticed(world: World, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", NOW - 47 * HOURS)
    assert await watch(worker_db) == 0
    assert await watch(worker_db, 2 * HOURS) == 1
    assert "was lent 2 days ago and has sent nothing since" in await owner.fetchval("SELECT says FROM alarm")


async def test_what_a_former_patient_left_silent_is_counted_from_the_new_loan(
    heard: World, owner: Any, worker_db: Database
) -> None:
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", NOW + 60 * HOURS)
    assert await watch(worker_db, 100 * HOURS) == 0
    assert await watch(worker_db, 109 * HOURS) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE patient SET monitoring_status = 'paused'",
        "UPDATE patient SET monitoring_status = 'deceased'",
        "UPDATE device SET disabled_at = now()",
        "UPDATE loan SET lent = tstzrange(lower(lent), now() + interval '49 hours')",
        "UPDATE device_model SET silent_after_hours = 240",
    ],
)
async def test_what_nobody_waits_for_is_not_watched_and_its_alarm_ends(
    heard: World, owner: Any, worker_db: Database, change: str
) -> None:
    assert await watch(worker_db, 49 * HOURS) == 1
    await owner.execute(change)
    assert await watch(worker_db, 50 * HOURS) == 1
    assert await alarms(owner) == [(heard.device, "resolved")]
    assert await owner.fetchval("SELECT note FROM alarm") == silence.NOTES["unwatched"]
    assert await watch(worker_db, 100 * HOURS) == 0


async def test_a_model_may_be_silent_for_longer_or_less(heard: World, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE device_model SET silent_after_hours = 200")
    assert await watch(worker_db, 199 * HOURS) == 0
    assert await watch(worker_db, 201 * HOURS) == 1
    await owner.execute("UPDATE alarm SET status = 'resolved'")
    await owner.execute("UPDATE device_model SET silent_after_hours = 6")
    assert await watch(worker_db, 7 * HOURS) == 1


async def hub_of(owner: Any, world: World, devices: int = 2) -> tuple[str, list[str]]:
    """(a hub nobody has on loan, the patient's devices that speak through it)."""
    hub, _ = await lend_device(owner, world.organization, world.patient, NOW - 60 * HOURS)
    await owner.execute("DELETE FROM loan WHERE device_id = $1", hub)
    own = [
        (await lend_device(owner, world.organization, world.patient, NOW - 30 * 24 * HOURS))[0] for _ in range(devices)
    ]
    await owner.execute("UPDATE device SET hub_id = $1 WHERE id = ANY($2)", hub, own)
    await owner.execute("UPDATE device SET disabled_at = now() WHERE id = $1", world.device)
    return hub, own


async def folded(web_db: Database, world: World) -> dict[str, list[str]]:
    """The titles on the nurse's worklist that no other stands before, each with those that lie under it."""
    async with web_db.transaction(person_of(world).who) as db:
        items = await worklist.open_items(db)
    under = worklist.folded(items)
    lower = {item.id for items in under.values() for item in items}
    title = {item.id: item.title.rpartition(" ")[2] for item in items}
    return {
        title[item.id]: sorted(title[one.id] for one in under.get(str(item.id), []))
        for item in items
        if item.id not in lower
    }


async def test_a_silent_hub_says_how_many_devices_are_behind_it_and_each_has_its_alarm_under_it(
    world: World, owner: Any, worker_db: Database, web_db: Database, bridge_db: Database
) -> None:
    hub, own = await hub_of(owner, world)
    await send(bridge_db, *(publish(world, bp(n, 120, source=one), sender=hub) for n, one in enumerate(own, 1)))
    assert await watch(worker_db, 47 * HOURS) == 0
    assert await watch(worker_db, 49 * HOURS) == 3
    assert await alarms(owner) == sorted((one, "open") for one in (hub, *own))
    said = dict(await owner.fetch("SELECT subject, says FROM alarm WHERE severity = 'medium'"))
    assert "2 devices that speak through it are silent too" in said.pop(hub)
    assert all(f"Its hub {hub} is silent too" in says for says in said.values())
    assert await folded(web_db, world) == {hub: sorted(own)}


async def test_a_hub_that_is_heard_again_leaves_only_the_device_that_is_not(
    world: World, owner: Any, worker_db: Database, web_db: Database, bridge_db: Database
) -> None:
    hub, (cuff, scale) = await hub_of(owner, world)
    await send(
        bridge_db, *(publish(world, bp(n, 120, source=one), sender=hub) for n, one in enumerate((cuff, scale), 1))
    )
    await watch(worker_db, 49 * HOURS)
    await send(bridge_db, publish(world, bp(3, 121, source=cuff), sender=hub), now=NOW + 50 * HOURS)
    await watch(worker_db, 50 * HOURS)
    assert await alarms(owner) == sorted([(hub, "resolved"), (cuff, "resolved"), (scale, "open")])
    assert await folded(web_db, world) == {scale: []}
    assert "Call the patient" in await owner.fetchval("SELECT says FROM alarm WHERE subject = $1", scale)
    await send(bridge_db, publish(world, bp(4, 121, source=scale, at=NOW - HOURS), sender=hub), now=NOW + 51 * HOURS)
    await watch(worker_db, 51 * HOURS)
    assert await alarms(owner) == sorted((one, "resolved") for one in (hub, cuff, scale))
    assert await count(owner, "alarm", f"note = '{silence.NOTES['heard']}'") == 3


async def test_a_device_whose_hub_falls_silent_later_stays_and_is_folded_under_it(
    world: World, owner: Any, worker_db: Database, web_db: Database, bridge_db: Database
) -> None:
    hub, (cuff, scale) = await hub_of(owner, world)
    await send(bridge_db, publish(world, bp(1, 120, source=cuff), sender=hub), now=NOW)
    await watch(worker_db, HOURS)
    assert await alarms(owner) == [(scale, "open")]
    await watch(worker_db, 49 * HOURS)
    assert sorted(await alarms(owner)) == sorted((one, "open") for one in (scale, hub, cuff))
    assert await count(owner, "alarm", f"subject = '{scale}'") == 1
    assert await folded(web_db, world) == {hub: sorted([cuff, scale])}


async def test_who_resolves_the_alarm_of_a_hub_resolves_those_under_it(
    world: World, owner: Any, worker_db: Database, web_db: Database, bridge_db: Database
) -> None:
    hub, (cuff, scale) = await hub_of(owner, world)
    await send(bridge_db, publish(world, bp(1, 120, source=cuff), sender=hub), now=NOW)
    await watch(worker_db, 49 * HOURS)
    made = await owner.fetchval("SELECT id FROM alarm WHERE subject = $1", hub)
    await acknowledge.resolve_alarm(web_db, person_of(world), made, "On holiday", NOW + 50 * HOURS)
    assert await alarms(owner) == sorted((one, "resolved") for one in (hub, cuff, scale))
    assert await count(owner, "alarm", "resolved_by IS NOT NULL AND note = 'On holiday'") == 3
    assert await count(owner, "audit", "action = 'alarm.resolve'") == 3
    assert await watch(worker_db, 97 * HOURS) == 0
    assert await watch(worker_db, 99 * HOURS) == 3


async def test_a_device_that_comes_behind_a_hub_at_rest_rests_with_it(
    world: World, owner: Any, worker_db: Database, web_db: Database, bridge_db: Database
) -> None:
    hub, (cuff, scale) = await hub_of(owner, world)
    await send(bridge_db, publish(world, bp(1, 120, source=cuff), sender=hub), now=NOW)
    await owner.execute("UPDATE device SET hub_id = NULL WHERE id = $1", scale)
    await watch(worker_db, 49 * HOURS)
    made = await owner.fetchval("SELECT id FROM alarm WHERE subject = $1", hub)
    await acknowledge.resolve_alarm(web_db, person_of(world), made, "On holiday", NOW + 50 * HOURS)
    await owner.execute("UPDATE device SET hub_id = $2 WHERE id = $1", scale, hub)
    assert await watch(worker_db, 51 * HOURS) == 1
    assert await count(owner, "alarm", f"note = '{silence.NOTES['hub']}'") == 1


async def test_two_workers_that_look_at_once_raise_one_alarm(heard: World, owner: Any, worker_db: Database) -> None:
    changed = await asyncio.gather(*(watch(worker_db, 49 * HOURS) for _ in range(6)))
    assert sum(changed) == 1
    assert await alarms(owner) == [(heard.device, "open")]
    assert await owner.fetchval("SELECT seen_count FROM alarm") == 1


async def test_what_staff_resolved_rests_as_long_as_a_silence_must_last(
    heard: World, owner: Any, worker_db: Database, web_db: Database
) -> None:
    await watch(worker_db, 49 * HOURS)
    made = await owner.fetchval("SELECT id FROM alarm")
    await acknowledge.resolve_alarm(web_db, person_of(heard), made, "On holiday", NOW + 50 * HOURS)
    assert await watch(worker_db, 97 * HOURS) == 0
    assert await watch(worker_db, 99 * HOURS) == 1
    assert await alarms(owner) == [(heard.device, "resolved"), (heard.device, "open")]


async def test_each_organization_has_its_own(heard: World, other_world: World, owner: Any, worker_db: Database) -> None:
    await watch(worker_db, 49 * HOURS)
    rows = await owner.fetch("SELECT organization_id, subject FROM alarm")
    assert {tuple(row) for row in rows} == {(one.organization, one.device) for one in (heard, other_world)}


@pytest.mark.parametrize(("told", "hours"), [("", 48), ("72", 72), ("0", None), ("two days", None), ("8761", None)])
def test_the_installation_says_how_long(settings: Settings, told: str, hours: int | None) -> None:
    env = {
        "DATABASE_URL": settings.database_url, "MQTT_URL": settings.mqtt_url, "CARELOOP_SILENT_HOURS": told,
        "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
    }  # fmt: skip
    if hours is not None:
        assert load(env).silent_hours == hours
        return
    with pytest.raises(BadSetting, match="a number of hours from 1 to 8760"):
        load(env)
