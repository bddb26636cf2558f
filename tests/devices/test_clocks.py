"""How far a device's clock is off: the least lag, which a delay can only make larger."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import clocks, quality, registry, status
from devices.clocks import Lag, Observation
from devices.decoded import DecodedReading
from devices.status import Status
from server.db.pool import Database, Who
from server.flows import clock
from tests.world import World

BRIDGE = Who(principal="service:bridge")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEW_YORK, UTC_ZONE = ZoneInfo("America/New_York"), ZoneInfo("UTC")
HOUR, MINUTE, SECOND, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)

delays = st.timedeltas(timedelta(), timedelta(days=6))
errors = st.timedeltas(timedelta(days=-4000), timedelta(days=4000))


def lags(*values: timedelta, seen: datetime = NOW) -> list[Lag]:
    return [Lag(value, seen) for value in values]


def reading(at: datetime | None, *, backlog: bool = False, flags: tuple[str, ...] = ()) -> DecodedReading:
    return DecodedReading(kind="pulse", values={}, measured_at=at, backlog=backlog, flags=flags)


# Pure: the estimate


@given(errors, st.lists(delays, min_size=1, max_size=40))
def test_delay_can_make_a_clock_look_slow_and_never_fast(skew: timedelta, on_the_way: list[timedelta]) -> None:
    seen = clocks.remembered(lags(*(skew + delay for delay in on_the_way)), NOW)
    assert clocks.estimate(seen) >= skew


@given(st.lists(delays, min_size=1, max_size=40))
def test_a_right_clock_is_never_found_fast_by_its_readings(on_the_way: list[timedelta]) -> None:
    skew = None
    for delay in on_the_way:
        seen = clocks.of_reading("cuff", reading(NOW - delay), UTC_ZONE, NOW, skew)
        assert seen is None, "a reading that is late says nothing of its clock"


@given(errors, st.lists(delays, min_size=0, max_size=15), st.integers(0, 15))
def test_one_quick_delivery_among_the_last_sixteen_is_enough(
    skew: timedelta, on_the_way: list[timedelta], place: int
) -> None:
    on_the_way.insert(min(place, len(on_the_way)), timedelta())
    assert clocks.estimate(clocks.remembered(lags(*(skew + delay for delay in on_the_way)), NOW)) in (
        skew,
        *(skew + delay for delay in on_the_way if abs(skew + delay) <= quality.TRUSTED),
    )


@pytest.mark.parametrize(
    ("seen", "skew"),
    [
        (lags(3 * HOUR + 5 * SECOND, 3 * HOUR, 5 * HOUR), 3 * HOUR),
        (lags(-3 * HOUR, -3 * HOUR + 20 * MINUTE), -3 * HOUR),
        (lags(-3 * HOUR, -3 * HOUR, 4 * SECOND), 4 * SECOND),  # it was set: believed at once
        (lags(56 * 365 * DAY, 2 * SECOND), 2 * SECOND),
        (lags(4 * SECOND, 3 * HOUR, 3 * HOUR), 4 * SECOND),  # late twice, or just gone slow: a delay explains it
        (lags(4 * SECOND, *[3 * HOUR] * 16), 3 * HOUR),  # sixteen times late is a slow clock
        (lags(-5 * MINUTE, 1 * MINUTE), -5 * MINUTE),  # six minutes are an ordinary delay of a gateway
        ([*lags(-3 * HOUR, seen=NOW - 7 * DAY - SECOND), *lags(*[-1 * HOUR] * 3)], -1 * HOUR),
        ([*lags(-3 * HOUR, seen=NOW - 7 * DAY), *lags(*[-1 * HOUR] * 3)], -3 * HOUR),
        ([*lags(4 * SECOND, seen=NOW - 30 * DAY), *lags(3 * HOUR, 3 * HOUR)], 4 * SECOND),  # two that waited for us
        ([*lags(4 * SECOND, seen=NOW - 30 * DAY), *lags(3 * HOUR, 3 * HOUR, 3 * HOUR)], 3 * HOUR),
    ],
)
def test_the_estimate_is_the_least_of_what_is_remembered(seen: list[Lag], skew: timedelta) -> None:
    assert clocks.estimate(clocks.remembered(seen, NOW)) == skew


@pytest.mark.parametrize(
    ("told", "known", "lag"),
    [
        (NOW + 3 * HOUR, None, -3 * HOUR),
        (NOW + 2 * MINUTE, None, None),
        (NOW + 2 * MINUTE + SECOND, None, -2 * MINUTE - SECOND),
        (NOW - 3 * HOUR, None, None),  # slow, or late: not known
        (NOW - 1 * HOUR, 3 * HOUR, 1 * HOUR),  # a clock three hours slow could not have said this
        (NOW - 3 * HOUR, 3 * HOUR, None),
        (NOW - 4 * HOUR, 3 * HOUR, None),
        (NOW - 5 * SECOND, -3 * HOUR, 5 * SECOND),  # it was set
        (NOW - 5 * SECOND, 5 * SECOND, None),
        (NOW + 1 * HOUR, -3 * HOUR, -1 * HOUR),  # still wrong: refreshes what is known
        (NOW - 1 * HOUR, -3 * HOUR, None),
        (datetime(1970, 1, 1, tzinfo=UTC), None, None),
        (None, None, None),
    ],
)
def test_a_reading_says_only_what_it_can_know(
    told: datetime | None, known: timedelta | None, lag: timedelta | None
) -> None:
    seen = clocks.of_reading("cuff", reading(told), UTC_ZONE, NOW, known)
    assert (seen.lag if seen else None) == lag


def test_a_backlog_a_date_and_a_wall_clock_nowhere_say_nothing() -> None:
    ahead = NOW + 3 * HOUR
    assert clocks.of_reading("cuff", reading(ahead, backlog=True), UTC_ZONE, NOW, None) is None
    assert clocks.of_reading("cuff", reading(ahead, flags=("time_approximate",)), UTC_ZONE, NOW, None) is None
    assert clocks.of_reading("cuff", reading(ahead.replace(tzinfo=None)), None, NOW, None) is None
    seen = clocks.of_reading("cuff", reading(ahead.replace(tzinfo=None)), NEW_YORK, NOW, None)
    assert seen is not None
    assert seen.lag == -8 * HOUR


@pytest.mark.parametrize(
    ("said", "zone", "lag"),
    [
        (NOW - 3 * HOUR, None, 3 * HOUR),
        (datetime(2026, 11, 21, 7), NEW_YORK, timedelta()),  # noqa: DTZ001
        (datetime(2026, 11, 21, 7), None, None),  # noqa: DTZ001
    ],
)
def test_a_status_tells_the_lag_both_ways(said: datetime, zone: ZoneInfo | None, lag: timedelta | None) -> None:
    assert clocks.of_status(said, zone, NOW) == lag


def test_a_wall_clock_in_the_repeated_hour_is_not_an_hour_off() -> None:
    first, second = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    said = datetime(2026, 11, 1, 1, 30)  # noqa: DTZ001
    assert [clocks.of_status(said, NEW_YORK, at) for at in (first, second)] == [timedelta(), timedelta()]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"online": true, "clock": "2026-11-21T12:00:00Z"}', NOW),
        (b'{"clock": "2026-11-21T07:00:00-05:00"}', NOW),
        (b'{"clock": "yesterday"}', None),
        (b'{"clock": "9999-12-31T23:59:59-23:59"}', None),
        (b'{"clock": "0001-01-01T00:00:00+23:59"}', None),
        (b"{}", None),
    ],
)
def test_a_clock_that_cannot_be_read_leaves_the_status_readable(payload: bytes, said: datetime | None) -> None:
    told = status.read(payload)
    assert told is not None
    assert told.clock_says == said


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"online": 1}', b'{"clock": 3}', b"[" * 100_000])
def test_a_status_that_cannot_be_read_is_none(payload: bytes) -> None:
    assert status.read(payload) is None


def test_a_status_keeps_only_what_can_be() -> None:
    told = Status(battery=140, firmware="1.4\x00")
    assert (told.battery_pct, told.firmware_named) == (None, None)
    assert (Status(battery=81.5).battery_pct, Status(firmware="1.4").firmware_named) == (81.5, "1.4")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (3 * HOUR, "3 hours"),
        (2 * HOUR + 59 * MINUTE + 40 * SECOND, "3 hours"),
        (130 * SECOND, "2 minutes"),
        (59 * MINUTE + 50 * SECOND, "1 hour"),
        (25 * HOUR, "1 day"),
        (56 * 365 * DAY, "56 years"),
    ],
)
def test_an_error_is_told_as_a_person_would(error: timedelta, words: str) -> None:
    assert clock.in_words(error) == words


# With the database, as the bridge


async def compare(bridge_db: Database, *seen: Observation, now: datetime = NOW) -> list[clocks.Shift]:
    async with bridge_db.transaction(BRIDGE) as db:
        return await clock.compare(db, list(seen), now)


async def known(bridge_db: Database, device: str) -> timedelta | None:
    async with bridge_db.transaction(BRIDGE) as db:
        return (await registry.known(db, [device], NOW.date())).devices[device].skew


def compare_soon(bridge_db: Database, seen: Observation) -> "asyncio.Task[list[clocks.Shift]]":
    return asyncio.create_task(compare(bridge_db, seen))


async def waits_for_a_lock(db: Any) -> None:
    """Until another connection to this database waits for one of ours."""
    async with asyncio.timeout(20):
        while not await db.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        ):
            await asyncio.sleep(0.01)


def seen_by_status(device: str, lag: timedelta) -> Observation:
    return Observation(device_id=device, lag=lag, basis="status")


async def alarms(owner: Any) -> list[tuple[str, str, str, str]]:
    rows = await owner.fetch("SELECT kind, severity, status, says FROM alarm ORDER BY opened_at, id")
    return [tuple(row) for row in rows]


async def test_a_slow_clock_is_known_from_its_status_and_told_once(
    world: World, owner: Any, bridge_db: Database
) -> None:
    [shift] = await compare(bridge_db, seen_by_status(world.device, 3 * HOUR))
    assert (shift.skew, shift.right) == (3 * HOUR, False)
    for n in range(1, 20):  # what only came late changes nothing
        late = seen_by_status(world.device, 3 * HOUR + timedelta(minutes=n % 7))
        assert await compare(bridge_db, late, now=NOW + timedelta(minutes=n)) == []
    assert await known(bridge_db, world.device) == 3 * HOUR
    assert await alarms(owner) == [
        ("clock", "low", "open", "This device's clock is 3 hours slow; the times of its readings are corrected. Set its clock.")
    ]  # fmt: skip


async def test_setting_the_clock_is_believed_at_once_and_closes_the_alarm(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await compare(bridge_db, seen_by_status(world.device, -3 * HOUR))
    [shift] = await compare(bridge_db, seen_by_status(world.device, 2 * SECOND), now=NOW + HOUR)
    assert (shift.before, shift.right) == (-3 * HOUR, True)
    assert await known(bridge_db, world.device) == 2 * SECOND
    assert [row[2] for row in await alarms(owner)] == ["resolved"]


async def test_another_error_is_another_alarm_and_a_creeping_one_is_told_too(
    world: World, owner: Any, bridge_db: Database
) -> None:
    for n, lag in enumerate((timedelta(), -1 * MINUTE, -2 * MINUTE, -3 * MINUTE, -4 * MINUTE, -9 * HOUR)):
        await compare(bridge_db, seen_by_status(world.device, lag), now=NOW + n * MINUTE)
    assert [(row[2], row[3].partition(";")[0]) for row in await alarms(owner)] == [
        ("resolved", "This device's clock is 3 minutes fast"),
        ("open", "This device's clock is 9 hours fast"),
    ]


async def test_a_batch_is_taken_in_together_and_strangers_are_left_out(
    world: World, other_world: World, owner: Any, bridge_db: Database
) -> None:
    await owner.execute("UPDATE device SET disabled_at = now() WHERE id = $1", other_world.device)
    seen = [seen_by_status(world.device, -1 * HOUR), seen_by_status(world.device, -2 * HOUR)]
    await compare(bridge_db, *seen, seen_by_status("nobody", HOUR), seen_by_status(other_world.device, HOUR))
    rows = await owner.fetch("SELECT device_id, organization_id, skew_seconds, observed_at FROM device_clock")
    assert [tuple(row) for row in rows] == [(world.device, world.organization, -7200.0, NOW)]


async def test_two_bridges_that_observe_at_once_lose_nothing(world: World, bridge_db: Database) -> None:
    await compare(bridge_db, seen_by_status(world.device, SECOND))
    async with bridge_db.transaction(BRIDGE) as first:
        await clocks.observe(first, [seen_by_status(world.device, -3 * HOUR)], NOW)
        second = compare_soon(bridge_db, seen_by_status(world.device, -1 * HOUR))
        await waits_for_a_lock(first)
    await second
    assert await known(bridge_db, world.device) == -3 * HOUR


async def test_the_web_takes_in_what_came_by_http(world: World, web_db: Database) -> None:
    who = Who(principal=f"device:{world.device}", organization=world.organization)
    async with web_db.transaction(who) as db:
        shifts = await clock.compare(db, [seen_by_status(world.device, -3 * HOUR)], NOW)
        registered = (await registry.known(db, [world.device], NOW.date())).devices
        assert {name: device.skew for name, device in registered.items()} == {world.device: -3 * HOUR}
    assert len(shifts) == 1


async def hear(bridge_db: Database, *told: tuple[str, Status], now: datetime = NOW) -> None:
    async with bridge_db.transaction(BRIDGE) as db:
        await clock.hear(db, told, now)


async def test_a_status_keeps_the_last_word_and_compares_the_clock(
    world: World, owner: Any, bridge_db: Database
) -> None:
    await hear(
        bridge_db, (world.device, Status(battery=81, firmware="1.4", clock="2026-11-21T09:00:00Z")),
        (world.device, Status(online=False)), ("nobody", Status(clock="2026-11-21T09:00:00Z")),
    )  # fmt: skip
    state = await owner.fetchrow("SELECT online, battery_pct, firmware FROM device_state")
    assert tuple(state) == (False, 81, "1.4")
    assert await known(bridge_db, world.device) == 3 * HOUR


async def test_a_last_will_does_not_count_as_being_seen(world: World, owner: Any, bridge_db: Database) -> None:
    await hear(bridge_db, (world.device, Status(battery=0)))
    await hear(bridge_db, (world.device, Status(online=False)), now=NOW + HOUR)
    assert tuple(await owner.fetchrow("SELECT online, battery_pct, last_seen_at FROM device_state")) == (False, 0, NOW)


async def test_a_wall_clock_is_compared_where_its_patient_lives(world: World, bridge_db: Database) -> None:
    await hear(bridge_db, (world.device, Status(clock="2026-11-21T07:00:30")))  # New York, five hours behind
    assert await known(bridge_db, world.device) == -30 * SECOND


async def test_a_hubs_status_is_of_the_hubs_clock_alone(world: World, owner: Any, bridge_db: Database) -> None:
    await owner.execute(
        "INSERT INTO device (id, organization_id, model_id, registered_at) SELECT 'hub', organization_id, model_id, $1 FROM device",
        NOW,
    )
    await owner.execute("UPDATE device SET hub_id = 'hub' WHERE id <> 'hub'")
    await hear(bridge_db, ("hub", Status(clock="2026-11-21T09:00:00Z")))
    assert (await known(bridge_db, "hub"), await known(bridge_db, world.device)) == (3 * HOUR, None)
