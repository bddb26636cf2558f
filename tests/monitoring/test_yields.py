"""What came of alerts: shares only of enough, times as they were, load by hour of the clinic's clock, limits to look at."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.monitoring import alerts, snoozes, yields
from server.monitoring.snoozes import Begun
from server.monitoring.yields import Yield
from tests.flows.clinic import open_alert, tick
from tests.flows.test_reading import bp, publish, send
from tests.world import World

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)  # noon in New York
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONE = "America/New_York"


@pytest.fixture
def who(world: World) -> Who:
    return Who(principal=f"staff:{world.nurse}", organization=world.organization)


async def ended(
    owner: Any, world: World, outcome: str | None, opened: datetime = NOW - DAY, *,
    rule: str = "bp_high", took: timedelta | None = 5 * MINUTE, by: uuid.UUID | None = None,
    patient: uuid.UUID | None = None,
) -> None:  # fmt: skip
    """One alert, taken after so long, with an outcome or none yet."""
    await owner.execute(
        """INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,
               finding_count, status, acknowledged_at, acknowledged_by, resolved_at, outcome)
           VALUES ($1, $2, $3, $4, 'high', 'live', $5, $5, 1, $6, $7, $8, $9, $10)""",
        uuid.uuid4(), world.organization, patient or world.patient, world.rules[rule], opened,
        "resolved" if outcome else "acknowledged" if took else "open", opened + took if took else None,
        (by or world.nurse) if took else None, opened + timedelta(hours=1) if outcome else None, outcome,
    )  # fmt: skip


async def asked(web_db: Database, who: Who, days: int = 30) -> dict[str, Yield]:
    async with web_db.transaction(who) as db:
        return {one.name: one for one in await yields.per_rule(db, NOW - days * DAY, NOW)}


@pytest.mark.parametrize(("count", "share"), [(9, None), (10, 0.5), (12, 0.5)])
async def test_a_share_is_said_only_of_ten_that_ended(
    web_db: Database, owner: Any, world: World, who: Who, count: int, share: float | None
) -> None:
    for n in range(count):
        await ended(owner, world, ("contacted_patient", "no_action_needed")[n % 2])
    await ended(owner, world, None)
    found = (await asked(web_db, who))["bp_high"]
    assert (found.alerts, found.ended) == (count + 1, count)
    assert found.share == (share if count % 2 == 0 or share is None else found.actionable / count)


async def test_what_counts_as_led_to_something(web_db: Database, owner: Any, world: World, who: Who) -> None:
    for outcome in (
        "contacted_patient", "medication_changed", "visit_arranged", "sent_to_emergency", "technical", "no_action_needed",
    ):  # fmt: skip
        await ended(owner, world, outcome)
    found = (await asked(web_db, who))["bp_high"]
    assert (found.actionable, found.technical, found.no_action) == (4, 1, 1)


async def test_the_median_and_the_ninth_of_ten_are_of_those_taken(
    web_db: Database, owner: Any, world: World, who: Who
) -> None:
    for minutes in (*range(1, 11), 100):
        await ended(owner, world, "technical", took=minutes * MINUTE)
    await ended(owner, world, None, took=None)
    found = (await asked(web_db, who))["bp_high"]
    assert (found.taken, found.median_seconds, found.p90_seconds) == (11, 360.0, 600.0)


async def test_only_the_span_counts_and_neither_older_readings_nor_the_synthetic_patient(
    web_db: Database, owner: Any, world: World, other_world: World, who: Who
) -> None:
    await ended(owner, world, "technical", NOW - 8 * DAY)
    await ended(owner, world, "technical", NOW - 6 * DAY)
    await ended(owner, other_world, "technical", NOW - 6 * DAY)
    nobody = uuid.uuid4()
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex,
               zone, admitted_at, synthetic)
           SELECT $1, organization_id, clinic_id, team_id, 'synthetic', 'S', 'P', birth_date, sex, zone, admitted_at, true
             FROM patient WHERE id = $2""", nobody, world.patient,
    )  # fmt: skip
    await ended(owner, world, "technical", patient=nobody)
    await owner.execute("UPDATE rule SET code = 'retrospective' WHERE id = $1", world.rules["bp_low"])
    await ended(owner, world, "technical", rule="bp_low")
    assert {name: one.alerts for name, one in (await asked(web_db, who, 7)).items()} == {"bp_high": 1}
    assert (await asked(web_db, who, 30))["bp_high"].alerts == 2


async def test_load_is_by_the_hour_on_the_clinics_clock_across_the_clock_change(
    web_db: Database, owner: Any, world: World, who: Who
) -> None:
    summer, winter = datetime(2026, 10, 31, 16, 30, tzinfo=UTC), datetime(2026, 11, 2, 17, 30, tzinfo=UTC)
    for at in (summer, winter):  # both at half past twelve in New York
        await ended(owner, world, "technical", at)
    await ended(owner, world, None, NOW - DAY / 2, took=None)  # midnight, nobody took it
    async with web_db.transaction(who) as db:
        found = await yields.loads(db, NOW - 30 * DAY, NOW, ZONE)
    assert [(one.name, one.hours) for one in found] == [
        ("Nurse Aspen", [2 if hour == 12 else 0 for hour in range(24)]),
        (None, [1 if hour == 0 else 0 for hour in range(24)]),
    ]


@pytest.mark.parametrize("how", ["it returned", "it was laid aside", "it got worse"])
async def test_what_was_taken_again_counts_for_who_took_it_first_and_when(
    web_db: Database, worker_db: Database, bridge_db: Database, owner: Any, world: World, who: Who, how: str
) -> None:
    second = uuid.uuid4()
    await owner.execute("INSERT INTO staff (id, organization_id, name, role, created_at) VALUES ($1, $2, 'Second', 'nurse', now())", second, world.organization)  # fmt: skip
    at = NOW - DAY
    alert = await open_alert(owner, world, at, "medium")
    async with web_db.transaction(who) as db:
        assert await alerts.acknowledge(db, world.patient, alert, world.nurse, at + 5 * MINUTE)
    if how == "it returned":
        await tick(worker_db, at + 66 * MINUTE)
    elif how == "it was laid aside":
        async with web_db.transaction(who) as db:
            assert await snoozes.begin(db, Begun(patient_id=world.patient, alert_id=alert, staff_id=world.nurse, reason="device", note="", starts_at=at + 6 * MINUTE, ends_at=at + 60 * MINUTE))  # fmt: skip
    else:
        await send(bridge_db, publish(world, bp(1, 192, 124, at=at + 6 * MINUTE)), now=at + 6 * MINUTE)
    row = await owner.fetchrow("SELECT status, acknowledged_by, acknowledged_at FROM alert WHERE id = $1", alert)
    assert tuple(row) == ("open", None, None), "nobody has it now"
    async with web_db.transaction(who) as db:
        assert await alerts.acknowledge(db, world.patient, alert, second, at + 90 * MINUTE)
        assert await alerts.resolve(db, world.patient, alert, second, "technical", "", at + 95 * MINUTE)
        loads = await yields.loads(db, NOW - 30 * DAY, NOW, ZONE)
        per_rule = {one.rule_id: one for one in await yields.per_rule(db, NOW - 30 * DAY, NOW)}
    assert per_rule[world.rules["bp_high"]].median_seconds == 300.0
    assert "Second" not in {one.name for one in loads}


@pytest.mark.parametrize(("without", "proposed"), [(4, False), (5, True)])
async def test_five_without_action_in_thirty_days_propose_a_look_at_the_limit(
    web_db: Database, owner: Any, world: World, who: Who, without: int, proposed: bool
) -> None:
    for n in range(without):
        await ended(owner, world, ("technical", "no_action_needed")[n % 2], NOW - (n + 1) * DAY)
    await ended(owner, world, "contacted_patient")
    await ended(owner, world, "technical", NOW - 31 * DAY)
    await ended(owner, world, "technical", rule="bp_low")
    async with web_db.transaction(who) as db:
        found = await yields.reviews(db, NOW)
    assert [(one.rule, one.without_action, one.with_action, one.own_limits) for one in found] == (
        [("bp_high", 5, 1, 0)] if proposed else []
    )
    assert await owner.fetchval("SELECT count(*) FROM patient_limit") == 0, "nothing changes by itself"
