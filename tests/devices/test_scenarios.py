"""The fault simulator's scenarios: seeded, bounded, each what it says; and played through the real broker and bridge."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.bodies import Body
from devices.credentials import DynamicSecurity
from devices.formats import native
from devices.scenarios import MOST, SCENARIOS, NoSuchHome, Scenario, plan
from devices.simulator import Home
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.test_bridge import broker, on_broker, running_bridge
from tests.world import World, lend_device

__all__ = ["broker", "on_broker"]
NOW = datetime(2026, 11, 22, 15, 30, 12, 345, tzinfo=UTC)
HOMES = [
    Home(id=f"cuff-{n}", password="p", zone=zone, kinds=kinds, crossing="blood_pressure", body=Body())
    for n, (zone, kinds) in enumerate([
        ("America/New_York", ("blood_pressure",)), ("America/Phoenix", ("blood_pressure", "pulse")),
        ("America/Chicago", ("glucose",)), ("America/Denver", ("weight",)),
    ])
]  # fmt: skip


def readings(scenario: Scenario) -> list[dict[str, Any]]:
    return [reading for delivery in scenario.deliveries for reading in delivery.readings]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_plans_the_same_and_another_one_does_not(name: str) -> None:
    assert plan(name, HOMES, 7, NOW) == plan(name, HOMES, 7, NOW)
    assert any(plan(name, HOMES, 7, NOW) != plan(name, HOMES, seed, NOW) for seed in range(8, 20))


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("seed", range(5))
def test_a_scenario_is_bounded_readable_and_explains_itself(name: str, seed: int) -> None:
    scenario = plan(name, HOMES * 10, seed, NOW)
    assert 1 <= len(readings(scenario)) <= MOST
    assert scenario.says.endswith(".")
    assert scenario.look
    for delivery in scenario.deliveries:
        assert {r["epoch"] for r in delivery.readings} == {delivery.epoch}
        (*entries,) = native.decode(msgspec.json.encode(delivery.readings))
        assert all(entry.decoded.seq for entry in entries)
        assert not [entry.decoded for entry in entries if not hasattr(entry.decoded, "values")]


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"reset", "silent"}))
def test_each_home_numbers_from_one_without_a_hole(name: str) -> None:
    numbers: dict[tuple[str, int], list[int]] = {}
    for delivery in plan(name, HOMES, 3, NOW).deliveries:
        numbers.setdefault((delivery.home, delivery.epoch), []).extend(r["seq"] for r in delivery.readings)
    for seen in numbers.values():
        assert sorted(seen) == list(range(1, len(seen) + 1))


def times(scenario: Scenario) -> list[datetime]:
    return [datetime.fromisoformat(reading["measured_at"]) for reading in readings(scenario)]


def test_drift_ends_more_than_a_day_ahead() -> None:
    ahead = [at - NOW for at in times(plan("drift", HOMES, 1, NOW))]
    assert ahead == sorted(ahead)
    assert [a > timedelta(days=1) for a in ahead] == [False] * 12 + [True]


def test_a_storm_has_one_crisis_in_its_middle() -> None:
    scenario = plan("storm", HOMES, 1, NOW)
    crises = [n for n, d in enumerate(scenario.deliveries) if any(r.get("systolic") == 197 for r in d.readings)]
    assert crises == [len(scenario.deliveries) // 2]


def test_a_shared_cuff_names_two_buttons_and_one_of_them_is_in_crisis() -> None:
    slots = Counter((r["user_slot"], r["systolic"] >= 180) for r in readings(plan("shared-cuff", HOMES, 1, NOW)))
    assert slots == {(1, False): 3, (2, False): 2, (2, True): 1}


@pytest.mark.parametrize("seed", range(6))
def test_the_night_the_clocks_went_back_shows_half_past_one_twice(seed: int) -> None:
    found = times(plan("dst", HOMES, seed, NOW))
    assert [at.strftime("%H:%M") for at in found] == ["00:30", "01:30", "01:30", "02:30"]
    assert [b - a for a, b in itertools.pairwise(found)] == [timedelta(hours=1)] * 3


def test_silence_leaves_a_hole_before_it() -> None:
    assert [r["seq"] for r in readings(plan("silent", HOMES, 1, NOW))] == [1, 2, 3, 5]


def test_a_reset_reuses_numbers_first_and_grows_the_epoch_then() -> None:
    before, careless, careful = plan("reset", HOMES, 1, NOW).deliveries
    assert [[r["seq"] for r in d.readings] for d in (before, careless, careful)] == [
        [1, 2, 3, 4, 5, 6], [1, 2, 3], [1, 2, 3],
    ]  # fmt: skip
    assert before.epoch == careless.epoch < careful.epoch
    assert {str(r) for r in before.readings[:3]}.isdisjoint(str(r) for r in careless.readings)


def test_backlog_is_old_and_marked_and_the_live_crisis_is_not() -> None:
    scenario = plan("backlog", HOMES, 1, NOW)
    old = [r for r in readings(scenario) if r.get("backlog")]
    (live,) = [r for r in readings(scenario) if not r.get("backlog")]
    assert all(NOW - datetime.fromisoformat(r["measured_at"]) > timedelta(hours=24) for r in old)
    assert (sum(r["systolic"] >= 180 for r in old), live["systolic"]) == (2, 194)


def test_a_scenario_without_a_fitting_home_says_what_it_needs() -> None:
    with pytest.raises(NoSuchHome) as missing:
        plan("drift", HOMES[2:], 1, NOW)
    assert missing.value.kind == "blood_pressure"


FATES = {
    "drift": {"stored": 12, "held": 1},
    "backlog": {"stored": 19},
    "reset": {"stored": 12},
    "silent": {"stored": 4},
}


@pytest.mark.slow
async def test_every_scenario_plays_through_the_real_bridge_and_each_reading_gets_its_receipt(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto, tmp_path: Path
) -> None:
    since = datetime.now(UTC) - timedelta(days=90)
    await owner.execute("UPDATE organization SET state = 'trial'")
    meter, secret = await lend_device(owner, world.organization, world.patient, since, ("glucose",))
    cuff = msgspec.structs.replace(HOMES[0], id=world.device, password=world.device_secret)
    homes = [cuff, msgspec.structs.replace(HOMES[2], id=meter, password=secret, crossing="glucose")]
    file = tmp_path / "homes.jsonl"
    file.write_bytes(b"\n".join(map(msgspec.json.encode, homes)))
    for home in homes:
        await DynamicSecurity(broker.url_admin).grant(home.id, home.password)
    sent = 0
    async with running_bridge(on_broker, owner):
        for name in SCENARIOS:
            ran = await careloop(
                "simulate", "--scenario", name, "--seed", "4", "--homes", str(file), "--json", env=env_of(on_broker)
            )
            assert ran.code == 0, ran.err
            begun, *_, done = ran.objects
            assert (begun["seed"], begun["readings"]) == (4, done["sent"])
            assert str(world.patient) in str(begun["pages"])
            assert done["fates"] == FATES.get(name, done["fates"]), name
            assert sum(done["fates"].values()) == done["sent"]
            sent += done["sent"]
    assert await owner.fetchval("SELECT count(*) FROM arrival") == sent
    assert await owner.fetchval("SELECT count(*) FROM alert WHERE status <> 'resolved'") >= 2


async def test_a_scenario_is_refused_by_a_clinic_that_works(world: World, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "homes.jsonl"
    file.write_bytes(msgspec.json.encode(HOMES[0]))
    ran = await careloop("simulate", "--scenario", "storm", "--homes", str(file), env=env_of(settings))
    assert ran.code == 1
    assert "is live" in ran.err
