"""The demo's world is made by the real code: what it holds keeps the promises, and two of them look alike."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database, Who
from server.monitoring import limits, rules
from server.monitoring.rules import Measured
from server.ops import homes
from server.ops.world import build, cast, history, hours
from server.ops.world.build import World
from server.people import page_tests, roster, stand_ins
from server.settings import Settings

NOW = datetime.now(UTC)
WORKER = Who(principal="service:worker")
FINDINGS = "SELECT f.anchor FROM finding f JOIN rule r ON r.id = f.rule_id WHERE r.kind = ANY($1)"
OPEN = "SELECT a.id FROM alert a JOIN rule r ON r.id = a.rule_id WHERE a.status = 'open' AND r.kind = $1"
STANDING = "SELECT count(*) FROM alert WHERE patient_id = $1 AND status <> 'resolved'"
VALUES = ("systolic_mmhg", "diastolic_mmhg", "pulse_bpm", "glucose_mgdl", "weight_kg", "spo2_pct", "temperature_c")


@pytest.fixture
async def made(settings: Settings) -> World:
    return await build.build(settings, "correct-horse-battery", NOW, lambda _: None)


async def test_the_world_keeps_the_promises(made: World, worker_db: Database, owner: Any) -> None:
    """One world for all of it: making one takes seconds."""
    await every_crossing_has_its_finding(worker_db, owner)
    await weeks_were_looked_at_too(owner)
    await everything_that_came_in_is_accounted_for(owner)
    await nothing_of_the_past_waits_to_be_sent(owner)
    await the_ready_device_is_a_fresh_start(made, owner)
    await somebody_is_always_on_shift(worker_db, owner)
    await every_telephone_was_tried(worker_db, owner)
    await one_fell_silent(owner)
    await homes_cross_where_nothing_is_open(made, worker_db, owner)


async def every_crossing_has_its_finding(worker_db: Database, owner: Any) -> None:
    rows = await owner.fetch("SELECT * FROM reading")
    async with worker_db.transaction(WORKER) as db:
        applying = await limits.of_patients(db, sorted({row["patient_id"] for row in rows}), datetime.now(UTC))
    crossed = {found.anchor for found in rules.judge(map(measured, rows), applying)}
    found = {uuid.UUID(row["anchor"]) for row in await owner.fetch(FINDINGS, ["crossing"])}
    assert crossed == found
    assert len(found) == len(history.TROUBLES)
    assert await owner.fetchval("SELECT sum(finding_count) FROM alert") == await owner.fetchval(
        "SELECT count(*) FROM finding"
    )
    assert await owner.fetchval("SELECT count(*) FROM alert WHERE outcome IS NOT NULL") >= 5
    assert len(await owner.fetch(OPEN, "crossing")) == 2


async def weeks_were_looked_at_too(owner: Any) -> None:
    kinds = {row["kind"] for row in await owner.fetch("SELECT DISTINCT kind FROM rule JOIN alert ON rule_id = rule.id")}
    assert {"average", "trend", "missing"} <= kinds
    standing = await owner.fetchval("SELECT count(*) FROM alert WHERE status <> 'resolved'")
    assert 3 <= standing <= 12, "a list nobody reads through"
    assert await owner.fetchval("SELECT count(*) FROM alert WHERE age = 'historic'") == 0


def measured(row: Any) -> Measured:
    return Measured(
        id=row["id"], organization_id=row["organization_id"], patient_id=row["patient_id"], kind=row["kind"],
        values={name: row[name] for name in VALUES if row[name] is not None}, out_of_range=row["out_of_range"],
        measured_at=row["measured_at"], age="live",
    )  # fmt: skip


async def everything_that_came_in_is_accounted_for(owner: Any) -> None:
    readings = await owner.fetchval("SELECT count(*) FROM reading")
    assert readings > 4000
    assert await owner.fetchval("SELECT count(*) FROM arrival WHERE fate = 'stored'") == readings
    assert await owner.fetchval("SELECT sum(received_count) FROM device_state") == readings
    assert (
        await owner.fetchval("SELECT count(*) FROM held") + await owner.fetchval("SELECT count(*) FROM quarantine") == 0
    )
    assert await owner.fetchval("SELECT bool_and(measured_at <= received_at) FROM reading")
    seen = "SELECT count(DISTINCT (device_id, through)) FROM sequence_state"
    assert await owner.fetchval(seen) == len(cast.everybody())


async def nothing_of_the_past_waits_to_be_sent(owner: Any) -> None:
    assert await owner.fetchval("SELECT count(*) FROM message WHERE status <> 'delivered'") == 0
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") >= 4
    unattempted = "SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT FROM attempt a WHERE a.message_id = m.id)"
    assert await owner.fetchval(unattempted) == 0


async def the_ready_device_is_a_fresh_start(made: World, owner: Any) -> None:
    patient = made.device.patient_id
    assert made.device.id not in {home.id for home in made.homes}
    assert await owner.fetchval("SELECT count(*) FROM patient_limit WHERE patient_id = $1", patient) == 0
    assert await owner.fetchval(STANDING, patient) == 0
    assert await owner.fetchval("SELECT count(*) FROM arrival WHERE device_id = $1", made.device.id) == 0
    assert await owner.fetchval("SELECT count(*) FROM gap WHERE patient_id = $1 AND status = 'open'", patient) > 0
    of_patient = "SELECT device_id FROM loan WHERE patient_id = $1"
    simulated = {home.id for home in made.homes}
    assert not simulated & {row["device_id"] for row in await owner.fetch(of_patient, patient)}


async def somebody_is_always_on_shift(worker_db: Database, owner: Any) -> None:
    team = await owner.fetchval("SELECT id FROM team")
    async with worker_db.transaction(WORKER) as db:
        for hours in range(-24 * 60, 24 * 59, 7):
            on_shift = await roster.on_shift(db, [team], NOW + timedelta(hours=hours))
            assert len(on_shift[team]) == 1


async def every_telephone_was_tried(worker_db: Database, owner: Any) -> None:
    """Whom the team can page, its stand-in among them: a week of its roster can be published, and no alarm waits."""
    async with worker_db.transaction(WORKER) as db:
        came = {one.name: one.came for one in await page_tests.latest(db, NOW)}
    assert came == dict.fromkeys((*(one.name for one in cast.STAFF), cast.ADMIN.name), "answered")
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0
    async with worker_db.transaction(WORKER) as db:
        assert await stand_ins.exists(db, await owner.fetchval("SELECT id FROM team"))


async def one_fell_silent(owner: Any) -> None:
    rows = await owner.fetch("SELECT patient_id, max(measured_at) AS last FROM reading GROUP BY patient_id")
    silent = [row for row in rows if row["last"] < NOW - timedelta(days=3)]
    assert len(rows) == 40
    assert len(silent) == 1


async def homes_cross_where_nothing_is_open(made: World, worker_db: Database, owner: Any) -> None:
    standing = {
        row["patient_id"] for row in await owner.fetch("SELECT patient_id FROM alert WHERE status <> 'resolved'")
    }
    crossing = await homes.may_cross(worker_db, WORKER, made.homes)
    lent = {row["device_id"]: row["patient_id"] for row in await owner.fetch("SELECT device_id, patient_id FROM loan")}
    assert crossing
    assert not standing & {lent[device] for device in crossing}


def test_two_worlds_look_alike() -> None:
    people = cast.everybody()
    assert people == cast.everybody()
    assert history.events(people, NOW) == history.events(people, NOW)


@pytest.fixture
def everybody() -> list[cast.Character]:
    return list(cast.everybody())


def test_the_people_are_invented_and_different(everybody: list[cast.Character]) -> None:
    numbers = [person.phone for person in everybody] + [worker.phone for worker in (*cast.STAFF, cast.ADMIN)]
    assert len(set(numbers)) == len(numbers)
    assert all(number[5:8] == "555" and number[8:10] == "01" for number in [*numbers, cast.SENDER])
    assert len({(p.given_name, p.family_name) for p in everybody}) == 40
    assert {p.programme for p in everybody} == {"hypertension", "diabetes", "heart_failure", "copd"}
    assert {p.zone for p in everybody if p.part != cast.SILENT} == {zone for zone, _ in cast.ZONES.values()}


@pytest.mark.parametrize("hour", range(24))
def test_at_every_hour_somebody_may_be_reminded_at_once(hour: int) -> None:
    at = NOW.replace(hour=hour, minute=30)
    local = at.astimezone(ZoneInfo(hours.silent_zone(at))).hour
    assert hours.hour(at) == local
    assert 8 <= local < 20
