"""What only a series shows is found a few seconds later, told once, and corrected by what comes late."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import reading, series
from server.monitoring import series_marks
from server.monitoring.parameters import Average, Count, Flagged, Missing, Span, Sustained, Trend
from tests.flows.measured import (
    BRIDGE,
    DAY,
    TOLD,
    WORKER,
    alert,
    bp,
    date_of,
    expect,
    found,
    give_rule,
    message,
    on,
    send,
    sugar,
    watch,
    weight,
)
from tests.proofs import street
from tests.world import World, lend_device

GAIN = Trend(spans=(Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.27"))))
STAGE_2 = (("systolic_mmhg", "at_or_above", "medium", 160), ("diastolic_mmhg", "at_or_above", "medium", 100))
SECONDS = timedelta(seconds=1)


async def test_a_gain_is_an_alert_seconds_after_the_reading(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    await send(bridge_db, world, on(0), weight(on(0), 80))
    assert await watch(worker_db, on(0) + SECONDS) == 1
    assert await found(owner) == []
    await send(bridge_db, world, on(1), weight(on(1), 81.5))
    assert await watch(worker_db, on(1) + 5 * SECONDS) == 1
    [one] = await found(owner)
    assert (one["value"], one["limit_value"], one["metric"]) == (Decimal("1.5"), Decimal("1.36"), "weight_kg")
    assert (one["age"], one["rests"], one["severity"]) == ("live", 2, "medium")
    told = await alert(owner, "weight_gain")
    assert (told["id"], told["severity"], told["finding_count"]) == (one["alert_id"], "medium", 1)
    for after in (6, 7, 70, 140):
        await watch(worker_db, on(1) + after * SECONDS)
    assert (await alert(owner, "weight_gain"))["finding_count"] == 1
    await send(bridge_db, world, on(2), weight(on(2), 83))
    await watch(worker_db, on(2) + SECONDS)
    assert [row["value"] for row in await found(owner)] == [Decimal("1.5"), 3]
    assert (await alert(owner, "weight_gain"))["finding_count"] == 2
    assert await owner.fetchval("SELECT count(*) FROM alert") == 1


async def test_another_scale_begins_anew_and_a_second_weight_is_asked_for(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    other, _ = await lend_device(owner, world.organization, world.patient, on(0), ("weight",))
    await send(bridge_db, world, on(0), weight(on(0), 80))
    await watch(worker_db, on(0) + SECONDS)
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 0, "the first scale is no other one"
    await send(bridge_db, world, on(1), weight(on(1), 84), sender=other)
    for after in (1, 2):
        await watch(worker_db, on(1) + after * SECONDS)
    assert await found(owner) == []
    [asked] = await owner.fetch("SELECT kind, subject, severity, status, seen_count FROM alarm")
    assert tuple(asked) == ("new_scale", other, "low", "open", 1)
    await send(bridge_db, world, on(1, 9), weight(on(1, 9), 84.1), sender=other)
    await watch(worker_db, on(1, 9) + SECONDS)
    assert [tuple(row) for row in await owner.fetch("SELECT status, resolved_by FROM alarm")] == [("resolved", None)]


async def test_what_staff_closed_about_a_scale_stays_closed(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    other, _ = await lend_device(owner, world.organization, world.patient, on(0), ("weight",))
    await send(bridge_db, world, on(0), weight(on(0), 80))
    await send(bridge_db, world, on(1), weight(on(1), 84), sender=other)
    await watch(worker_db, on(1) + SECONDS)
    await owner.execute("UPDATE alarm SET status = 'resolved', resolved_at = $1", on(1, 9))
    await watch(worker_db, on(2))
    assert await owner.fetchval("SELECT count(*) FROM alarm") == 1


async def test_a_run_is_told_when_the_day_is_over_and_taken_back_by_what_comes_late(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=3), STAGE_2)
    for day in range(3):
        await send(bridge_db, world, on(day), bp(on(day), 170))
        await watch(worker_db, on(day) + SECONDS)
    await watch(worker_db, on(3, 7, 59))
    assert await found(owner) == []
    assert await watch(worker_db, on(3)) == 1
    [one] = await found(owner)
    assert (one["anchor"], one["age"], one["rests"]) == (f"sustained:{date_of(2)}", "live", 3)
    # A hub was away: the mean of the second day was lower.
    await send(bridge_db, world, on(3, 9), bp(on(1, 20), 120))
    await watch(worker_db, on(3, 9) + SECONDS)
    assert await found(owner) == []
    told = await alert(owner, "bp_sustained")
    assert (told["status"], told["finding_count"]) == ("open", 1), "an alert never closes silently"
    # And again higher: it holds again, and nobody is told twice.
    await send(bridge_db, world, on(3, 10), bp(on(1, 21), 200))
    await watch(worker_db, on(3, 10) + SECONDS)
    [again] = await found(owner)
    assert (again["anchor"], again["rests"], again["alert_id"]) == (one["anchor"], 5, told["id"])
    assert (await alert(owner, "bp_sustained"))["finding_count"] == 1


async def test_what_holds_again_after_its_alert_was_answered_is_told_again(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), STAGE_2)
    await send(bridge_db, world, on(0), bp(on(0), 170))
    await watch(worker_db, on(1))
    first = await alert(owner, "bp_sustained")
    await send(bridge_db, world, on(1, 9), bp(on(0, 20), 120))
    await watch(worker_db, on(1, 9) + SECONDS)
    await owner.execute("UPDATE alert SET status = 'resolved', resolved_at = $1, outcome = 'technical'", on(1, 10))
    await send(bridge_db, world, on(1, 11), bp(on(0, 21), 230))
    await watch(worker_db, on(1, 11) + SECONDS)
    second = await alert(owner, "bp_sustained")
    assert second["id"] != first["id"]
    assert [row["alert_id"] for row in await found(owner)] == [second["id"]]
    assert (first["finding_count"], second["finding_count"]) == (1, 1)


async def test_what_gets_worse_raises_its_alert_and_is_counted_once(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    levels = [("systolic_mmhg", "at_or_above", severity, value) for severity, value in (("low", 140), ("high", 160))]
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), levels)
    await send(bridge_db, world, on(0), bp(on(0), 150))
    await watch(worker_db, on(1))
    assert (await alert(owner, "bp_sustained"))["severity"] == "low"
    assert await owner.fetchval("SELECT count(*) FROM message") == 0
    await send(bridge_db, world, on(1, 9), bp(on(0, 20), 175))
    await watch(worker_db, on(1, 9) + SECONDS)
    told = await alert(owner, "bp_sustained")
    assert (told["severity"], told["finding_count"]) == ("high", 1)
    [page] = await owner.fetch("SELECT purpose, alert_id FROM message WHERE staff_id IS NOT NULL")
    assert (page["purpose"], page["alert_id"]) == ("page", told["id"])
    [one] = await found(owner)
    assert (one["severity"], one["value"], one["rests"]) == ("high", Decimal("162.5"), 2)


async def test_an_average_is_told_on_monday_morning_with_its_readings(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    goal = [("systolic_mmhg", "at_or_above", "low", 130)]
    await give_rule(owner, world, "bp_average", "blood_pressure", Average(), goal)
    for week in range(2):
        for day in range(7 * week, 7 * week + 3):
            await send(bridge_db, world, on(day, 20), *[bp(on(day, hour), 134) for hour in (7, 8, 18, 19)])
        await watch(worker_db, on(7 * week + 6, 23))
    assert [row["anchor"] for row in await found(owner)] == [f"average:{date_of(6)}"]
    await watch(worker_db, on(14))
    [one] = await found(owner)  # once in four weeks
    assert (one["rests"], one["value"], one["severity"]) == (12, 134, "low")
    assert (await alert(owner, "bp_average"))["finding_count"] == 1


async def test_a_count_and_a_flag_are_told_at_once(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    above = [("glucose_mgdl", "above", "low", 180)]
    await give_rule(owner, world, "glucose_above_target", "glucose", Count(at_least=3, days=14), above)
    await give_rule(owner, world, "irregular_pulse", "blood_pressure", Flagged(flag="irregular_pulse"))
    for day in (0, 5, 13):
        await send(bridge_db, world, on(day), sugar(on(day), 190 + day))
        await watch(worker_db, on(day) + SECONDS)
    [one] = await found(owner)
    assert (one["code"], one["rests"], one["value"]) == ("glucose_above_target", 3, 203)
    for hour in (9, 12):
        await send(bridge_db, world, on(13, hour), bp(on(13, hour), 120, flags=["irregular_pulse"]))
        await watch(worker_db, on(13, hour) + SECONDS)
    flag = (await found(owner))[-1]
    assert (flag["anchor"], flag["value"], flag["rests"]) == (f"flag:irregular_pulse:{date_of(13)}", 2, 2)
    told = await alert(owner, "irregular_pulse")
    assert (told["severity"], told["finding_count"]) == ("medium", 1)


@pytest.mark.parametrize(
    ("later", "age", "code"),
    [
        (1, "live", "bp_sustained"),
        (2, "live", "bp_sustained"),
        (3, "late", "bp_sustained"),
        (9, "historic", "retrospective"),
    ],
)
async def test_what_comes_late_is_told_as_late_or_among_the_older_readings(
    world: World, owner: Any, bridge_db: Database, worker_db: Database, later: int, age: str, code: str
) -> None:
    levels = [("systolic_mmhg", "at_or_above", "high", 160)]
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), levels)
    await send(bridge_db, world, on(later), bp(on(0), 170))
    await watch(worker_db, on(later) + SECONDS)
    assert [row["age"] for row in await found(owner)] == [age]
    told = await alert(owner, code)
    assert (told["age"], told["finding_count"]) == (age, 1)
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") == (age != "historic")


async def test_what_was_typed_moves_nothing(world: World, owner: Any, bridge_db: Database, worker_db: Database) -> None:
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), STAGE_2)
    await send(bridge_db, world, on(0), bp(on(0), 170))
    await owner.execute("UPDATE reading SET source = 'typed'")
    await watch(worker_db, on(1))
    assert await found(owner) == []


# What is missing ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def waited_for(world: World, owner: Any) -> World:
    """A blood pressure is expected twice a day; three missed are told."""
    await give_rule(owner, world, "no_bp", "blood_pressure", Missing(windows=3, severity="medium"))
    await expect(owner, world, "blood_pressure", (5, 12), (16, 24))
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", on(0, 0))
    return world


async def test_three_missed_measurements_are_told_by_day(waited_for: World, owner: Any, worker_db: Database) -> None:
    await watch(worker_db, on(0))
    assert await watch(worker_db, on(1, 12, 59)) == 1  # the morning's look
    assert await found(owner) == []
    assert await watch(worker_db, on(1, 13)) == 1
    [one] = await found(owner)
    assert one["anchor"] == f"missed:blood_pressure:{date_of(1)}T05:00"
    assert (one["why"], one["severity"], one["age"], one["value"]) == ("silent_patient", "medium", "live", 3)
    assert (await alert(owner, "no_bp"))["severity"] == "medium"
    await watch(worker_db, on(2, 20))
    assert len(await found(owner)) == 1
    await watch(worker_db, on(3))  # the evening's window settles in the morning
    assert [row["value"] for row in await found(owner)] == [3, 6]
    assert (await alert(owner, "no_bp"))["finding_count"] == 2


async def test_a_measurement_that_arrives_late_takes_it_back_and_the_alert_stays(
    waited_for: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await watch(worker_db, on(1, 13))
    assert len(await found(owner)) == 1
    await send(bridge_db, waited_for, on(1, 15), bp(on(0, 18), 120))
    await watch(worker_db, on(1, 15) + SECONDS)
    assert await found(owner) == []
    assert (await alert(owner, "no_bp"))["status"] == "open"


CHANGES = (
    "UPDATE patient SET monitoring_status = 'paused'",
    "UPDATE patient SET monitoring_status = 'hospice'",
    "UPDATE patient SET monitoring_status = 'deceased'",
    "UPDATE patient SET synthetic = true",
    "UPDATE patient SET rebaseline_from = $1",
    "UPDATE loan SET lent = tstzrange($1, NULL)",
    "UPDATE enrolment SET valid_from = $1",
    "UPDATE enrolment SET valid_to = $1",
    "UPDATE device SET disabled_at = $1",
    "UPDATE device_model SET kinds = '{weight}'",
    "UPDATE programme_version SET valid_from = $1",
    "UPDATE rule_version SET valid_from = $1 WHERE parameters <> '{}'",
)


async def test_nobody_waits_for_what_could_not_be_measured(waited_for: World, owner: Any) -> None:
    waited = []
    for change in ("SELECT 1", *CHANGES):
        trial = owner.transaction()
        await trial.start()
        await owner.execute(change, *([on(0, 6)] if "$1" in change else []))
        await series.look(owner, [waited_for.patient], on(1, 13), TOLD)
        waited += [change] * len(await found(owner))
        await trial.rollback()
    assert waited == ["SELECT 1"]


async def test_a_pause_stops_asking_and_what_was_missed_before_stays(
    waited_for: World, owner: Any, worker_db: Database
) -> None:
    await watch(worker_db, on(1, 13))
    await owner.execute("UPDATE patient SET monitoring_status = 'paused'")
    await watch(worker_db, on(5))
    assert len(await found(owner)) == 1
    await owner.execute("UPDATE patient SET monitoring_status = 'active', rebaseline_from = $1", on(5, 9))
    await watch(worker_db, on(6, 13))
    assert len(await found(owner)) == 1
    await watch(worker_db, on(7))
    assert [row["measured_at"] for row in await found(owner)] == [on(1, 12), on(7, 0)]


@pytest.mark.parametrize("silent", ["device", "hub"])
async def test_a_silent_device_is_told_apart_from_a_silent_patient(
    waited_for: World, owner: Any, worker_db: Database, silent: str
) -> None:
    subject = waited_for.device
    if silent == "hub":
        subject, _ = await lend_device(owner, waited_for.organization, waited_for.patient, on(0))
        await owner.execute("DELETE FROM loan WHERE device_id = $1", subject)
        await owner.execute("UPDATE device SET hub_id = $1 WHERE id = $2", subject, waited_for.device)
    await owner.execute(
        """INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
           VALUES ($1, $2, 'device_silent', $3, 'medium', 'silent', $4, $4)""",
        uuid7(), waited_for.organization, subject, on(1),
    )  # fmt: skip
    await watch(worker_db, on(1, 13))
    [one] = await found(owner)
    assert (one["why"], one["severity"]) == ("silent_device", "low")
    assert (await alert(owner, "no_bp"))["severity"] == "low"
    # The device is heard again and the patient still does not measure: now it is the patient, and the alert rises.
    await owner.execute("UPDATE alarm SET status = 'resolved', resolved_at = $1", on(2))
    await watch(worker_db, on(3))
    assert [row["why"] for row in await found(owner)] == ["silent_device", "silent_patient"]
    told = await alert(owner, "no_bp")
    assert (told["severity"], told["finding_count"]) == ("medium", 2)


async def test_who_types_a_number_or_is_held_in_doubt_is_not_silent(
    waited_for: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await send(bridge_db, waited_for, on(0, 18), bp(on(0, 18), 400, 300))
    assert await owner.fetchval("SELECT count(*) FROM held") == 1
    await watch(worker_db, on(1, 13))
    await send(bridge_db, waited_for, on(1, 18), bp(on(1, 18), 120))
    await owner.execute("UPDATE reading SET source = 'typed'")
    await watch(worker_db, on(2, 20))
    assert await found(owner) == []


# Whom to look at ---------------------------------------------------------------------------------------------------


async def test_a_reading_that_commits_late_is_not_overlooked(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    await send(bridge_db, world, on(0), weight(on(0), 80))
    await watch(worker_db, on(0, 9))
    async with bridge_db.transaction(BRIDGE) as slow:
        await reading.handle(slow, [message(world, weight(on(0, 9), 82))], on(0, 9), TOLD)
        for after in (5, 30, 60, 90):
            await watch(worker_db, on(0, 9) + after * SECONDS)
    assert await found(owner) == []
    await watch(worker_db, on(0, 9) + 120 * SECONDS)
    await watch(worker_db, on(0, 9) + 125 * SECONDS)
    assert len(await found(owner)) == 1


async def test_a_slow_reading_overtaken_by_a_newer_one_of_the_same_patient_is_not_overlooked(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "irregular_pulse", "blood_pressure", Flagged(flag="irregular_pulse"))
    other, _ = await lend_device(owner, world.organization, world.patient, on(0), ("blood_pressure",))
    await watch(worker_db, on(0, 9))
    async with bridge_db.transaction(BRIDGE) as slow:
        flagged = bp(on(0, 9), 120, flags=["irregular_pulse"])
        await reading.handle(slow, [message(world, flagged, sender=other)], on(0, 9), TOLD)
        await send(bridge_db, world, on(0, 9) + 3 * SECONDS, bp(on(0, 9), 121))
        assert await watch(worker_db, on(0, 9) + 5 * SECONDS) == 1
    await watch(worker_db, on(0, 9) + 65 * SECONDS)
    assert len(await found(owner)) == 1


async def test_the_morning_look_finds_what_nobody_announced(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    await send(bridge_db, world, on(0), weight(on(0), 80))
    await watch(worker_db, on(0) + SECONDS)
    await send(bridge_db, world, on(0, 9), weight(on(0, 7), 78))
    await owner.execute("UPDATE reading SET received_at = received_at - interval '3 days'")
    await owner.execute("UPDATE series_mark SET looked_to = $1, swept_to = $1", on(1) - 5 * SECONDS)  # looked all night
    assert await watch(worker_db, on(1) - SECONDS) == 0
    assert await watch(worker_db, on(1)) == 1
    assert len(await found(owner)) == 1
    assert await owner.fetchval("SELECT due_at FROM series_look") == on(2)


async def test_two_workers_at_once_find_it_once(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    await send(bridge_db, world, on(0), weight(on(0), 80), weight(on(0) - DAY, 78))
    looked = await asyncio.gather(*(watch(worker_db, on(0, 9)) for _ in range(4)))
    assert sum(looked) == 1
    assert len(await found(owner)) == 1
    assert (await alert(owner, "weight_gain"))["finding_count"] == 1


async def test_a_worker_killed_between_marking_and_looking_loses_nobody(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    await watch(worker_db, on(0))
    later = on(0, 8, 30)
    await send(bridge_db, world, later, weight(later, 80), weight(on(0), 78))
    async with worker_db.transaction(WORKER) as db:
        await series_marks.notice(db, later + SECONDS)
    await watch(worker_db, later + 20 * SECONDS)
    assert len(await found(owner)) == 1


async def test_whoever_is_left_when_a_round_was_long_is_due_in_the_next(
    world: World, owner: Any, worker_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "CHUNKS", 1)
    monkeypatch.setattr(series_marks, "CHUNK", 1)
    await street.move_in(owner, world)
    assert [await watch(worker_db, on(0) + n * SECONDS) for n in range(3)] == [1, 1, 0]


async def test_another_version_finds_nothing_in_weeks_that_are_over(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    version = await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), STAGE_2)
    await send(bridge_db, world, on(0), bp(on(0), 170))
    await watch(worker_db, on(1))
    await owner.execute("UPDATE rule_version SET valid_to = $2 WHERE id = $1", version, on(1, 9))
    again = uuid7()
    await owner.execute(
        """INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from, parameters)
           SELECT $2, organization_id, rule_id, 2, explains, source, author, $3, parameters FROM rule_version WHERE id = $1""",
        version, again, on(1, 9),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO rule_limit SELECT $2, organization_id, metric, side, severity, 110 FROM rule_limit"
        " WHERE rule_version_id = $1 AND metric = 'systolic_mmhg'",
        version, again,
    )  # fmt: skip
    await send(bridge_db, world, on(1, 10), bp(on(1, 10), 120))
    await watch(worker_db, on(2))
    assert [(row["value"], row["limit_value"]) for row in await found(owner)] == [(170, 160), (120, 110)]


async def test_the_stricter_of_two_programmes_counts_and_their_own_limit_before_both(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    version = await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=1), STAGE_2)
    rule = await owner.fetchval("SELECT rule_id FROM rule_version WHERE id = $1", version)
    await owner.execute(
        "INSERT INTO programme_limit VALUES ($1, $2, $3, 'systolic_mmhg', 'at_or_above', 'medium', 140)",
        version, world.programme, world.organization,
    )  # fmt: skip
    await send(bridge_db, world, on(0), bp(on(0), 139))
    await send(bridge_db, world, on(1), bp(on(1), 140))
    await watch(worker_db, on(2))
    assert [row["limit_value"] for row in await found(owner)] == [140]
    await owner.execute(
        """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,
               reason, valid_from) VALUES ($1, $2, $3, $4, 'systolic_mmhg', 'at_or_above', 'medium', 150, 't', 't', $5)""",
        uuid7(), world.organization, world.patient, rule, on(2, 1),
    )  # fmt: skip
    await send(bridge_db, world, on(2), bp(on(2), 149))
    await send(bridge_db, world, on(3), bp(on(3), 150))
    await watch(worker_db, on(4))
    assert [row["limit_value"] for row in await found(owner)] == [140, 150], "what was found before stays as it was"
