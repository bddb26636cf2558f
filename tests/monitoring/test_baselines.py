"""What is usual for a patient is the median of their own last readings, and costs little to keep."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from devices import registry
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import baseline
from server.monitoring import baselines
from tests.flows.test_reading import publish, send
from tests.world import World, lend_device

WORKER, BRIDGE = Who(principal="service:worker"), Who(principal="service:bridge")
NOW = datetime.now(UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

READ = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
                         device_id, source, flags, judged_with, weight_kg, glucose_mgdl, systolic_mmhg, pulse_bpm)
    SELECT $1, p.organization_id, p.id, 'any', $3, p.zone, $3::timestamptz::date, 'device', $3, 'any', $4, $5, 'test', $6,
           $7, $8, $9 FROM patient p WHERE p.id = $2
"""


async def read(
    owner: Any, patient: uuid.UUID, ago: timedelta, *, source: str = "device", flags: tuple[str, ...] = (), **values: float
) -> None:  # fmt: skip
    names = ("weight_kg", "glucose_mgdl", "systolic_mmhg", "pulse_bpm")
    numbers = [Decimal(repr(values[name])) if name in values else None for name in names]
    await owner.execute(READ, uuid7(), patient, NOW - ago, source, list(flags), *numbers)


async def heard(owner: Any, device: str, at: datetime) -> None:
    await owner.execute("UPDATE device_state SET last_seen_at = $2 WHERE device_id = $1", device, at)


@pytest.fixture
async def weighed(world: World, owner: Any) -> World:
    """Eight readings of the patient, one a day."""
    for n, weight in enumerate((81.0, 82.5, 82.0, 81.5, 82.2, 150.0, 82.1, 81.9), 1):
        await read(owner, world.patient, n * DAY, weight_kg=weight)
    await heard(owner, world.device, NOW)
    return world


async def renew(worker_db: Database, now: datetime = NOW) -> int:
    return await baseline.renew(worker_db, WORKER, now)


async def of_patients(db: Any, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    counting = "SELECT patient_id, metric, value FROM patient_baseline WHERE patient_id = ANY($1) AND readings >= $2"
    found: dict[uuid.UUID, dict[str, Decimal]] = {}
    for patient, metric, value in await db.fetch(counting, list(patients), registry.USUAL_FROM):
        found.setdefault(patient, {})[metric] = value
    return found


def test_the_registry_and_the_worker_mean_the_same_by_enough_readings() -> None:
    assert registry.USUAL_FROM == baselines.READINGS_AT_LEAST


async def usual(bridge_db: Database, *patients: uuid.UUID) -> dict[uuid.UUID, dict[str, Decimal]]:
    async with bridge_db.transaction(BRIDGE) as db:
        return await of_patients(db, patients)


async def test_it_is_the_median_and_one_strange_day_moves_nothing(
    weighed: World, worker_db: Database, bridge_db: Database
) -> None:
    assert await renew(worker_db) == 1
    assert await usual(bridge_db, weighed.patient, uuid7()) == {weighed.patient: {"weight_kg": Decimal("82.0")}}


async def test_five_readings_make_one_and_four_do_not(
    world: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    await heard(owner, world.device, NOW)
    for n in range(1, 5):
        await read(owner, world.patient, n * DAY, glucose_mgdl=100 + n, pulse_bpm=70)
    await read(owner, world.patient, 5 * DAY, glucose_mgdl=105)
    await renew(worker_db)
    assert await usual(bridge_db, world.patient) == {world.patient: {"glucose_mgdl": Decimal(103)}}


async def test_only_the_patients_own_undoubted_recent_device_readings_count(
    world: World, other_world: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    await heard(owner, world.device, NOW)
    for n in range(1, 6):
        await read(owner, world.patient, n * DAY, weight_kg=80)
        await read(owner, other_world.patient, n * DAY, weight_kg=120)
        await read(owner, world.patient, n * HOUR, weight_kg=60, flags=("outlier",))
        await read(owner, world.patient, n * HOUR, weight_kg=61, flags=("movement", "unit_doubt"))
        await read(owner, world.patient, n * HOUR, weight_kg=62, source="typed")
        await read(owner, world.patient, 90 * DAY + n * HOUR, weight_kg=63)
        await read(owner, world.patient, -n * HOUR, weight_kg=64)
    await renew(worker_db)
    assert await usual(bridge_db, world.patient) == {world.patient: {"weight_kg": Decimal(80)}}


async def test_it_follows_the_last_twenty(world: World, owner: Any, worker_db: Database, bridge_db: Database) -> None:
    await heard(owner, world.device, NOW)
    for n in range(60):
        await read(owner, world.patient, n * DAY, weight_kg=80 if n < 20 else 90)
    await renew(worker_db)
    assert await usual(bridge_db, world.patient) == {world.patient: {"weight_kg": Decimal(80)}}
    assert await owner.fetchval("SELECT readings FROM patient_baseline") == 20


async def test_it_ends_when_its_readings_have_grown_old(
    weighed: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    await renew(worker_db)
    later = NOW + 100 * DAY
    await heard(owner, weighed.device, later)
    assert await renew(worker_db, later) == 1
    assert await usual(bridge_db, weighed.patient) == {}
    assert tuple(await owner.fetchrow("SELECT readings, as_of FROM patient_baseline")) == (0, later)


async def test_nothing_is_looked_at_while_nothing_was_heard(weighed: World, owner: Any, worker_db: Database) -> None:
    assert await renew(worker_db) == 1
    assert await renew(worker_db, NOW + 3 * DAY) == 0
    await heard(owner, weighed.device, NOW + HOUR)
    assert await renew(worker_db, NOW + 2 * HOUR) == 0  # a median of twenty moves slowly
    assert await renew(worker_db, NOW + 7 * HOUR) == 1
    assert await renew(worker_db, NOW + 20 * HOUR) == 0


async def test_a_new_patient_does_not_wait_for_the_fifth_reading(
    world: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    for n in range(4):
        await read(owner, world.patient, n * DAY, weight_kg=80)
    await heard(owner, world.device, NOW)
    assert await renew(worker_db) == 1
    await read(owner, world.patient, -HOUR, weight_kg=81)
    await heard(owner, world.device, NOW + HOUR)
    assert await renew(worker_db, NOW + 2 * HOUR) == 1
    assert await usual(bridge_db, world.patient) == {world.patient: {"weight_kg": Decimal(80)}}


async def test_a_device_behind_a_hub_is_heard_by_it(
    world: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    hub, _ = await lend_device(owner, world.organization, world.patient, NOW - 9 * DAY)
    await owner.execute("DELETE FROM loan WHERE device_id = $1", hub)
    await owner.execute("UPDATE device SET hub_id = $1 WHERE id = $2", hub, world.device)
    for n in range(5):
        await read(owner, world.patient, n * DAY, weight_kg=80)
    await heard(owner, hub, NOW)
    assert await renew(worker_db) == 1
    assert world.patient in await usual(bridge_db, world.patient)


async def test_every_patient_gets_a_turn_chunk_by_chunk(
    world: World, owner: Any, worker_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "CHUNK", 2)
    patients = [world.patient, *[await another(owner, world, n) for n in range(4)]]
    for patient in patients:
        await read(owner, patient, DAY, weight_kg=80)
    await owner.execute("UPDATE device_state SET last_seen_at = $1", NOW)
    assert await renew(worker_db) == 5
    assert await owner.fetchval("SELECT count(DISTINCT patient_id) FROM patient_baseline") == 5


async def another(owner: Any, world: World, n: int) -> uuid.UUID:
    patient = uuid7()
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone, admitted_at)
           SELECT $1, organization_id, clinic_id, team_id, $3, given_name, family_name, birth_date, sex, zone, admitted_at
             FROM patient WHERE id = $2""",
        patient, world.patient, f"more-{n}",
    )  # fmt: skip
    await lend_device(owner, world.organization, patient, NOW - 9 * DAY)
    return patient


async def test_the_web_sees_its_own_organization_and_a_patient_only_their_own(
    weighed: World, other_world: World, worker_db: Database, web_db: Database
) -> None:
    await renew(worker_db)
    stranger = Who(principal="staff:x", organization=other_world.organization)
    own = Who(principal="staff:x", organization=weighed.organization)
    other_patient = Who(principal="patient:x", organization=weighed.organization, patient=uuid7())
    for who, sees in ((own, True), (stranger, False), (other_patient, False)):
        async with web_db.transaction(who) as db:
            assert (weighed.patient in await of_patients(db, [weighed.patient])) is sees


async def test_pounds_taken_for_kilograms_wait_for_a_person_and_a_stranger_on_the_scale_is_flagged(
    weighed: World, owner: Any, worker_db: Database, bridge_db: Database
) -> None:
    await renew(worker_db)
    scale = [
        {"kind": "weight", "weight": kg, "measured_at": NOW.isoformat(), "seq": n}
        for n, kg in enumerate((180, 62, 82.4))
    ]
    await send(bridge_db, publish(weighed, *scale), now=NOW)
    held = await owner.fetch("SELECT reason, reading->'values'->>'weight_kg' AS weight FROM held")
    assert [tuple(row) for row in held] == [("unit_doubt", "180")]
    stored = await owner.fetch("SELECT weight_kg, flags FROM reading WHERE received_at = $1 ORDER BY weight_kg", NOW)
    assert [tuple(row) for row in stored] == [(62, ["outlier"]), (Decimal("82.4"), [])]
