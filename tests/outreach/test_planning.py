"""Planning: each slot once whoever plans and dies, at the moment the patient's clock shows it, wherever they move to."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import remind
from server.outreach import planning
from tests.outreach.planned import (
    DAY,
    HOUR,
    LONG_AGO,
    books,
    enrolled_since,
    gap,
    ledger,
    local,
    plan,
    rule,
    slots,
    takes,
)
from tests.texting import WORKER
from tests.world import World

MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = (
    "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Havana",
    "Africa/Casablanca",
)  # fmt: skip
ORIGIN = remind.From(public_url="https://careloop.example.org", default_sender="")
SEED = 20261122
TEN_LOCAL = datetime.fromisoformat("2026-11-18T10:00")  # in New York
TEN = local(TEN_LOCAL.date(), 10)

# The clocks -------------------------------------------------------------------------------------------


def valid(slot: datetime, zone: ZoneInfo) -> datetime:
    """By Python's own data: the first moment that shows this local time, else the first one after the skipped time."""
    while True:
        moment = slot.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == slot:
            return moment
        slot += MINUTE


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The moments of 2026 and 2027 at which the zone's clocks change; two plain days where they never do."""
    offset = {k: (START + k * QUARTER).astimezone(zone).utcoffset() for k in range(0, 70_080, 48)}
    days = [k for k in range(48, 70_080, 48) if offset[k] != offset[k - 48]]
    for day in days:
        at = START + (day - 48) * QUARTER
        while at.astimezone(zone).utcoffset() == offset[day - 48]:
            at += QUARTER
        yield at
    if not days:
        yield from (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2027, 11, 7, 6, tzinfo=UTC))


async def test_a_slot_is_its_hour_of_the_clock_the_next_valid_minute_or_the_first_of_two(owner: Any) -> None:
    looked_at, other_data, wrong = Counter[str](), Counter[str](), []
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            middle = change.astimezone(zone).replace(tzinfo=None)
            around = [middle + k * 5 * MINUTE for k in range(-60, 61)]
            hours = [change + k * HOUR for k in range(-8, 9)]
            if await owner.fetchval(LOCAL, hours, name) != [at.astimezone(zone).replace(tzinfo=None) for at in hours]:
                other_data[name] += 1  # PostgreSQL has another edition of the zones than Python: nothing to compare
                continue
            moments = await owner.fetchval(VALID, around, name)
            looked_at[name] += len(moments)
            wrong += [(name, s, at) for s, at in zip(around, moments, strict=True) if at != valid(s, zone)]
    print(
        f"{len(wrong)} of {looked_at.total()} slots wrong; changes PostgreSQL's data does not have: {dict(other_data)}"
    )
    assert not wrong
    assert set(looked_at) == set(ZONES)


LOCAL = "SELECT array_agg(t AT TIME ZONE $2 ORDER BY t) FROM unnest($1::timestamptz[]) AS t"
VALID = "SELECT array_agg(valid_at(s, $2) ORDER BY s) FROM unnest($1::timestamp[]) AS s"
# (zone, local date and hour, its moment)
NIGHTS = (
    ("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00Z"),  # skipped: three o'clock
    ("America/New_York", "2026-11-01T01:00", "2026-11-01T05:00Z"),  # twice: the first
    ("Australia/Lord_Howe", "2026-10-04T02:00", "2026-10-03T15:30Z"),  # half an hour is skipped: half past two
    ("Australia/Lord_Howe", "2026-04-05T01:00", "2026-04-04T14:00Z"),
    ("America/Havana", "2026-03-08T00:00", "2026-03-08T05:00Z"),  # the day begins at one
    ("America/Havana", "2026-11-01T00:00", "2026-11-01T04:00Z"),
    ("America/St_Johns", "2027-03-14T02:00", "2027-03-14T05:30Z"),
    ("Asia/Kathmandu", "2026-03-08T02:00", "2026-03-07T20:15Z"),
)


async def test_a_rule_plans_one_slot_on_the_night_of_the_change(worker_db: Database, world: World, owner: Any) -> None:
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement")
    for zone, slot, at in NIGHTS:
        await owner.execute("TRUNCATE reminder")
        await owner.execute("UPDATE patient SET zone = $1", zone)
        await owner.execute("UPDATE reminder_rule SET local_hour = $1", datetime.fromisoformat(slot).hour)
        moment = datetime.fromisoformat(at)
        for minutes in range(-150, 150, 25):
            await plan(worker_db, moment + minutes * MINUTE)
            assert await ledger(owner) in ([], [(datetime.fromisoformat(slot), moment)]), zone
        assert len(await slots(owner)) == 1, zone


# Once -------------------------------------------------------------------------------------------------


async def everything(owner: Any, world: World) -> None:
    """Something of several kinds in sight at nine in New York."""
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement")
    await rule(owner, world, "screening", measure="CMS125", after=30)
    await gap(owner, world, TEN - 100 * DAY)
    await rule(owner, world, "medicine", lasts=2)
    await takes(owner, world, at=[time(9, 30)])
    await rule(owner, world, "appointment", before=24)
    await books(owner, world, TEN + DAY)


async def test_workers_in_any_interleaving_plan_each_slot_once(worker_db: Database, world: World, owner: Any) -> None:
    """Each worker reads, waits or commits when chance says; some die instead of committing."""
    await everything(owner, world)
    chance = random.Random(SEED)

    class Dies(Exception):
        pass

    async def worker(seed: int) -> int:
        mine, planned = random.Random(seed), 0
        for _ in range(6):
            async with worker_db.transaction(WORKER) as db:
                planned = await planning.plan(db, TEN - HOUR + mine.randrange(50) * MINUTE)
                await asyncio.sleep(0)
                if mine.random() < 0.4:
                    raise Dies
        return planned

    for _ in range(5):
        await asyncio.gather(*(worker(chance.randrange(1 << 30)) for _ in range(4)), return_exceptions=True)
    await plan(worker_db, TEN)
    rows = await owner.fetch("SELECT patient_id, reminder_rule_id, slot FROM reminder")
    twice = [key for key, count in Counter(map(tuple, rows)).items() if count > 1]
    print(f"seed {SEED}: {len(twice)} of {len(rows)} slots twice")
    assert len(rows) == 4
    assert not twice


async def test_two_workers_that_see_the_same_slot_plan_it_once(worker_db: Database, world: World, owner: Any) -> None:
    """The second has begun its statement, and waits, when the first commits."""
    await everything(owner, world)
    async with asyncio.timeout(10):
        async with worker_db.transaction(WORKER) as one:
            assert await planning.plan(one, TEN - HOUR) == 4
            other = asyncio.create_task(plan(worker_db, TEN - HOUR))
            while not await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                assert not other.done()
                await asyncio.sleep(0.01)
        assert await other == 0
    assert len(await slots(owner)) == 4


async def test_planning_that_is_cut_off_is_done_again_and_makes_the_same_ledger(
    worker_db: Database, world: World, owner: Any
) -> None:
    await everything(owner, world)
    with pytest.raises(RuntimeError):
        async with worker_db.transaction(WORKER) as db:
            await planning.plan(db, TEN - HOUR)
            raise RuntimeError("killed before the commit")
    assert await slots(owner) == []
    assert await plan(worker_db, TEN - HOUR) == 4
    assert await plan(worker_db, TEN - HOUR) == 0


async def test_what_is_more_than_one_statement_takes_is_planned_by_the_next_round(
    worker_db: Database, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 2)
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement")
    for number in range(4):
        made = uuid.uuid4()
        await owner.execute(
            """INSERT INTO patient SELECT $1, organization_id, clinic_id, team_id, $2, given_name, family_name, birth_date,
                   sex, zone, language, phone, phone_hash, monitoring_status, admitted_at FROM patient WHERE id = $3""",
            made, f"more-{number}", world.patient,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO enrolment VALUES ($1, $2, $1, $3, $4, NULL)",
            made,
            world.organization,
            world.programme,
            LONG_AGO,
        )
    assert [await plan(worker_db, TEN - HOUR) for _ in range(4)] == [2, 2, 1, 0]


# Moves ------------------------------------------------------------------------------------------------


async def test_a_planned_reminder_follows_the_patient_to_another_zone_and_is_not_planned_again(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement")
    await plan(worker_db, TEN - HOUR)
    await owner.execute("UPDATE patient SET zone = 'America/Los_Angeles'")
    for hours in range(4):
        await plan(worker_db, TEN + hours * HOUR)
    assert await ledger(owner) == [(TEN_LOCAL, TEN + 3 * HOUR)]


async def test_a_change_of_the_zones_own_data_moves_what_is_planned(
    worker_db: Database, world: World, owner: Any
) -> None:
    """As if the moment had been worked out with yesterday's data of the zone."""
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement")
    await plan(worker_db, TEN - HOUR)
    await owner.execute("UPDATE reminder SET due_at = due_at + interval '1 hour'")
    await plan(worker_db, TEN - HOUR)
    assert await ledger(owner) == [(TEN_LOCAL, TEN)]


async def test_what_waits_for_a_reason_keeps_waiting_and_an_appointment_stays_where_it_is(
    worker_db: Database, world: World, owner: Any
) -> None:
    await rule(owner, world, "appointment", before=2)
    await books(owner, world, TEN + 2 * HOUR)
    await rule(owner, world, "measurement")
    await enrolled_since(owner, LONG_AGO)
    await plan(worker_db, TEN - HOUR)
    await owner.execute(
        "UPDATE reminder SET reason = 'day_full', due_at = due_at + interval '5 hours' WHERE subject_id IS NULL"
    )
    await owner.execute("UPDATE patient SET zone = 'America/Denver'")
    await plan(worker_db, TEN - HOUR)
    assert sorted(due for _, due in await ledger(owner)) == [TEN, TEN + 5 * HOUR]


async def test_who_moves_so_far_that_the_hour_is_long_gone_is_not_texted_and_the_ledger_says_why(
    worker_db: Database, world: World, owner: Any
) -> None:
    await enrolled_since(owner, LONG_AGO)
    await rule(owner, world, "measurement", lasts=4)
    await plan(worker_db, TEN - HOUR)
    await owner.execute(
        "UPDATE patient SET zone = 'Australia/Lord_Howe'"
    )  # there it is one in the morning, a day later
    await plan(worker_db, TEN - HOUR)
    async with worker_db.transaction(WORKER) as db:
        await remind.queue_due(db, TEN - HOUR, ORIGIN)
    rows = await owner.fetch("SELECT status, reason FROM reminder")
    assert [tuple(row) for row in rows] == [("suppressed", "too_late")]
