"""A high alert climbs from the nurse to the administrator until somebody answers, through the shipped SQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.gateways.log import LogGateway
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import acknowledge as answers
from server.monitoring import chains
from server.people.phones import phone_hash
from tests.flows.clinic import LASTS, MINUTE, WORKER, Clinic, acknowledge, make_clinic, open_alert, paged, tick
from tests.flows.test_reading import NOW, bp, count, publish, send
from tests.flows.test_resolve_held import person_of
from tests.texting import send_all
from tests.world import FIELD_KEY, World

SECOND = timedelta(seconds=1)


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    return await make_clinic(owner, world)


async def every(worker_db: Database, minutes: int, since: datetime = NOW) -> None:
    for passed in range(minutes + 1):
        await tick(worker_db, since + passed * MINUTE)


CLIMB = [(0, "nurse"), (5, "backup"), (10, "charge"), (15, "admin"), (15, "clinician")]


async def test_a_high_alert_climbs_until_the_end_and_is_said_again_there(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 19)
    assert await paged(owner, clinic, NOW) == CLIMB
    assert await count(owner, "alarm", "kind = 'chain_exhausted'") == 0
    await every(worker_db, 26)
    ends = [(m, who) for m in (20, 25) for who in ("admin", "clinician")]
    assert await paged(owner, clinic, NOW) == [*CLIMB, *ends]
    alarm = await owner.fetchrow("SELECT severity, subject, status FROM alarm WHERE kind = 'chain_exhausted'")
    assert tuple(alarm) == ("high", str(alert), "open")


async def test_the_page_written_with_the_alert_is_the_first_step(
    clinic: Clinic, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await send(bridge_db, publish(clinic.world, bp(1, 190)))
    await every(worker_db, 6)
    assert await paged(owner, clinic, NOW) == CLIMB[:2]


@pytest.mark.parametrize("at", [0, 4, 7, 12, 17, 31])
async def test_nobody_is_paged_after_somebody_answered(
    clinic: Clinic, owner: Any, worker_db: Database, at: int
) -> None:
    alert = await open_alert(owner, clinic.world, NOW)
    await every(worker_db, at)
    before = await count(owner, "message")
    await acknowledge(owner, alert, clinic.world.nurse, NOW + at * MINUTE)
    for passed in range(at + 1, 60):
        await tick(worker_db, NOW + passed * MINUTE)
    assert before == await count(owner, "message")
    assert await count(owner, "alarm", "kind = 'chain_exhausted' AND status <> 'resolved'") == 0


async def test_a_page_that_waits_when_somebody_answers_is_not_sent(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    await acknowledge(owner, alert, clinic.world.nurse, NOW)
    await send_all(worker_db, LogGateway(), NOW)
    row = await owner.fetchrow("SELECT status, reason FROM message")
    assert tuple(row) == ("suppressed", "reason_gone")
    assert await count(owner, "attempt") == 0


async def test_what_was_written_and_is_overtaken_by_a_newer_page_of_the_same_is_not_sent(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 60)
    await send_all(worker_db, LogGateway(), NOW + 60 * MINUTE)
    went = await owner.fetch(
        "SELECT staff_id, channel FROM message WHERE purpose = 'page' AND status IN ('sent', 'withheld')"
    )
    assert sorted(row["channel"] for row in went) == ["sms"] * 5 + ["voice"] * 3
    assert len({tuple(row) for row in went}) == 8


@pytest.mark.parametrize("status", ["failed", "suppressed"])
async def test_a_page_that_cannot_arrive_moves_to_the_next_step_at_once(
    clinic: Clinic, owner: Any, worker_db: Database, status: str
) -> None:
    await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    await owner.execute("UPDATE message SET status = $1, reason = '30003'", status)
    await tick(worker_db, NOW + 2 * SECOND)
    assert await paged(owner, clinic, NOW) == [(0, "backup"), (0, "nurse")]
    await every(worker_db, 11)
    assert await paged(owner, clinic, NOW) == [(0, "backup"), (0, "nurse"), (10, "charge")]


async def test_a_nurse_who_opted_out_is_passed_over_at_once_and_repeats_do_not_run_wild(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    hashes = [phone_hash(FIELD_KEY, row["phone"]) for row in await owner.fetch("SELECT phone FROM staff")]
    for one in hashes:
        await owner.execute(
            "INSERT INTO opt_out VALUES ($1, $2, $3, now(), 'provider')",
            clinic.world.sender, one, clinic.world.organization,
        )  # fmt: skip
    await open_alert(owner, clinic.world, NOW)
    for passed in range(120):
        await tick(worker_db, NOW + passed * SECOND)
    assert await paged(owner, clinic, NOW) == [
        (0, who) for who in ("admin", "backup", "charge", "clinician", "nurse")
    ]  # fmt: skip


NINE_ON_MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("how", ["failed", "opted out"])
@pytest.mark.parametrize("severity", ["medium", "low"])
async def test_a_page_that_cannot_arrive_moves_to_somebody_else_at_once_whatever_the_severity(
    clinic: Clinic, owner: Any, worker_db: Database, severity: str, how: str
) -> None:
    due = NINE_ON_MONDAY
    opened = due - 240 * MINUTE if severity == "medium" else due - timedelta(days=2)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", opened, due + timedelta(days=3))
    await owner.execute("UPDATE team SET fallback_id = $1", clinic.clinician)
    await open_alert(owner, clinic.world, opened, severity, "bp_low")
    if how == "opted out":
        await owner.execute(
            "INSERT INTO opt_out VALUES ($1, $2, $3, now(), 'provider')",
            clinic.world.sender, phone_hash(FIELD_KEY, clinic.world.nurse_phone), clinic.world.organization,
        )  # fmt: skip
    await tick(worker_db, due)
    if how == "failed":
        await owner.execute("UPDATE message SET status = 'failed', reason = '30003'")
    await tick(worker_db, due + 2 * SECOND)
    assert await paged(owner, clinic, due) == [(0, "clinician"), (0, "nurse")]
    assert await count(owner, "alarm", "kind = 'chain_exhausted'") == 0
    await owner.execute("UPDATE message SET status = 'failed', reason = '30003'")
    for passed in range(20):  # one after the other, each once
        await tick(worker_db, due + 4 * SECOND + passed * SECOND)
        await owner.execute("UPDATE message SET status = 'failed', reason = '30003'")
    assert await paged(owner, clinic, due) == [
        (0, who) for who in ("admin", "backup", "charge", "clinician", "nurse")
    ]  # fmt: skip
    row = await owner.fetchrow("SELECT severity, status FROM alarm WHERE kind = 'chain_exhausted'")
    assert tuple(row) == ("medium", "open")
    assert await owner.fetchval("SELECT due_at FROM escalation") > due + 230 * MINUTE


async def test_a_medium_that_nobody_answers_ends_in_an_alarm_too(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await open_alert(owner, clinic.world, NOW, "medium")
    await owner.execute("UPDATE shift SET ends_at = $1", NOW + timedelta(days=2))
    await tick(worker_db, NOW + 240 * MINUTE)
    assert await count(owner, "alarm") == 0
    await tick(worker_db, NOW + 480 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(240, "nurse"), (480, "nurse")]
    assert await owner.fetchval("SELECT severity FROM alarm WHERE kind = 'chain_exhausted'") == "medium"


async def test_two_workers_at_once_take_each_step_once(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    for rule in ("bp_high", "glucose_low", "glucose_high", "spo2_low"):
        await open_alert(owner, clinic.world, NOW, rule=rule)
    for passed in range(17):
        await asyncio.gather(*(tick(worker_db, NOW + passed * MINUTE) for _ in range(4)))
    found = await paged(owner, clinic, NOW)
    assert found == sorted(CLIMB * 4)
    print(f"{len(found) - len(CLIMB) * 4} of {len(found)} pages were written twice")


async def test_a_step_is_one_workers_to_take(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    """Each guard by itself: a row that is locked is left alone, and a stale claim moves nothing."""
    await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    late = NOW + 5 * MINUTE
    async with worker_db.transaction(WORKER) as one, worker_db.transaction(WORKER) as other:
        (mine,) = await chains.due(one, late)
        assert await chains.due(other, late) == []
        moved = chains.Moved(chain=mine, stepped_at=late, due_at=late + 5 * MINUTE, repeating=False)
        assert await chains.advance(one, [moved]) == {mine.id}
    async with worker_db.transaction(WORKER) as other:
        assert await chains.advance(other, [moved]) == set()
    assert await owner.fetchval("SELECT position FROM escalation") == 2


async def test_a_chain_that_runs_is_not_begun_again(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await open_alert(owner, clinic.world, NOW)
    async with worker_db.transaction(WORKER) as db:
        seen = [(one, NOW) for one in await chains.beginnings(db, NOW)]
    await every(worker_db, 6)
    async with worker_db.transaction(WORKER) as db:
        assert await chains.begin(db, seen) == 0
    assert await owner.fetchval("SELECT position FROM escalation") == 2


async def test_a_crash_between_the_claim_and_the_commit_loses_nothing(
    clinic: Clinic, owner: Any, worker_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    from server.flows import escalate

    async def dies(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(escalate.outbox, "put", dies)
        with pytest.raises(asyncio.CancelledError):
            await tick(worker_db, NOW + 5 * MINUTE)
    assert await paged(owner, clinic, NOW) == CLIMB[:1]
    await tick(worker_db, NOW + 5 * MINUTE + 3 * SECOND)
    assert await paged(owner, clinic, NOW) == CLIMB[:2]


async def test_a_medium_waits_four_hours_and_a_low_the_next_working_day(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    friday = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", friday, friday + timedelta(days=9))
    await open_alert(owner, clinic.world, friday, "medium", "bp_low")
    await open_alert(owner, clinic.world, friday, "low", "glucose_low")
    await tick(worker_db, friday + 239 * MINUTE)
    assert await count(owner, "message") == 0
    await tick(worker_db, friday + 240 * MINUTE)
    assert await count(owner, "message") == 1
    monday = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    await owner.execute("UPDATE alert SET status = 'resolved' WHERE severity = 'medium'")
    await tick(worker_db, monday - MINUTE)
    assert await count(owner, "message") == 1
    await tick(worker_db, monday)
    assert await count(owner, "message", "wording = 'page_alert'") == 2


async def test_what_gets_worse_begins_again_at_the_nurse(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await open_alert(owner, clinic.world, NOW, "medium")
    await tick(worker_db, NOW)
    await owner.execute("UPDATE alert SET severity = 'high'")
    await tick(worker_db, NOW + 30 * MINUTE)
    await tick(worker_db, NOW + 36 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(30, "nurse"), (36, "backup")]


async def test_older_readings_page_nobody_and_a_contradicted_late_high_is_told_like_a_medium(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await open_alert(owner, clinic.world, NOW, "medium", "bp_low", "historic")
    await open_alert(owner, clinic.world, NOW, "high", "bp_high", "late")
    await every(worker_db, 60)
    assert await count(owner, "message") == 0
    await tick(worker_db, NOW + 240 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(240, "nurse")]


@pytest.mark.parametrize(("kind", "severity", "told"), [
    ("broker_drops", "high", True), ("broker_drops", "medium", False), ("page_failed", "high", False),
    ("chain_exhausted", "high", False),
])  # fmt: skip
async def test_high_alarms_climb_too_but_not_those_about_a_chain(
    clinic: Clinic, owner: Any, worker_db: Database, kind: str, severity: str, told: bool
) -> None:
    await owner.execute(
        "INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)"
        " VALUES ($1, $2, $3, $4, $5, 'x', $6, $6)",
        uuid7(), clinic.world.organization, kind, str(uuid7()), severity, NOW,
    )  # fmt: skip
    await every(worker_db, 16)
    assert await paged(owner, clinic, NOW) == (CLIMB if told else [])
    await owner.execute("UPDATE alarm SET status = 'acknowledged'")
    await every(worker_db, 5, NOW + 17 * MINUTE)
    assert len(await paged(owner, clinic, NOW)) == (len(CLIMB) if told else 0)


async def test_nobody_on_shift_goes_to_the_fallback_and_says_so(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await owner.execute("UPDATE team SET fallback_id = $1", clinic.clinician)
    await owner.execute(
        "INSERT INTO time_off VALUES ($1, $2, $3, $4, $5)",
        uuid7(), clinic.world.organization, clinic.world.nurse, NOW - MINUTE, NOW + 600 * MINUTE,
    )  # fmt: skip
    alert = await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    assert await owner.fetchval("SELECT staff_id FROM message WHERE alert_id = $1", alert) == clinic.clinician
    assert await count(owner, "alarm", "kind = 'roster' AND severity = 'high'") == 1


@pytest.mark.parametrize("opened_by", ["the chain", "a reading"])
async def test_a_stand_in_who_is_away_is_not_told_while_anybody_else_can_be(
    clinic: Clinic, owner: Any, bridge_db: Database, worker_db: Database, opened_by: str
) -> None:
    """The night nurse is also the stand-in, and calls in sick."""
    await owner.execute("UPDATE team SET fallback_id = $1", clinic.world.nurse)
    await owner.execute(
        "INSERT INTO time_off VALUES ($1, $2, $3, $4, $5)",
        uuid7(), clinic.world.organization, clinic.world.nurse, NOW - MINUTE, NOW + 600 * MINUTE,
    )  # fmt: skip
    if opened_by == "the chain":
        await open_alert(owner, clinic.world, NOW)
    else:
        await send(bridge_db, publish(clinic.world, bp(1, 190)))
    await every(worker_db, 25)
    told = {who for _, who in await paged(owner, clinic, NOW)}
    assert "nurse" not in told and len(told) == 4


async def test_an_acknowledgement_without_an_outcome_returns_and_pages_again(
    clinic: Clinic, owner: Any, worker_db: Database, web_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 2)
    person = person_of(clinic.world)
    await answers.acknowledge(web_db, person, clinic.world.patient, alert, NOW + 3 * MINUTE)
    await tick(worker_db, NOW + 62 * MINUTE)
    assert await owner.fetchval("SELECT status FROM alert") == "acknowledged"
    await tick(worker_db, NOW + 63 * MINUTE)
    row = await owner.fetchrow("SELECT status, acknowledged_by FROM alert")
    assert tuple(row) == ("open", None)
    await tick(worker_db, NOW + 69 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (63, "nurse"), (69, "backup")]
    noted = await owner.fetchrow("SELECT principal, detail FROM audit WHERE action = 'alert.return'")
    assert noted["principal"] == "service:worker"
    await answers.resolve(web_db, person, clinic.world.patient, alert, "contacted_patient", "", NOW + 70 * MINUTE)
    await tick(worker_db, NOW + 200 * MINUTE)
    assert await owner.fetchval("SELECT status FROM alert") == "resolved"
    assert await owner.fetchval("SELECT ended_at IS NOT NULL FROM escalation") is True


async def test_a_medium_or_low_that_returns_at_night_is_paged_when_it_would_have_been_at_first(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    friday = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", friday, friday + timedelta(days=9))
    medium = await open_alert(owner, clinic.world, friday, "medium", "bp_low")
    low = await open_alert(owner, clinic.world, friday, "low", "glucose_low")
    await tick(worker_db, friday)
    night = friday + 10 * 60 * MINUTE
    for alert in (medium, low):
        await acknowledge(owner, alert, clinic.admin, night - LASTS)
    await tick(worker_db, night)
    assert await count(owner, "alert", "status = 'open'") == 2
    await tick(worker_db, night + 239 * MINUTE)
    assert await count(owner, "message") == 0
    await tick(worker_db, night + 240 * MINUTE)
    assert await owner.fetchval("SELECT alert_id FROM message") == medium
    await owner.execute("UPDATE alert SET status = 'resolved' WHERE severity = 'medium'")
    monday = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    await tick(worker_db, monday - MINUTE)
    assert await count(owner, "message") == 1
    await tick(worker_db, monday)
    assert await count(owner, "message", "alert_id = '" + str(low) + "'") == 1


@pytest.mark.parametrize("how", ["ends", "cancelled", "away", "stays", "never on shift", "their clock is ahead"])
async def test_an_alert_whose_owner_goes_off_shift_returns(
    clinic: Clinic, owner: Any, worker_db: Database, how: str
) -> None:
    alert = await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    by = clinic.admin if how == "never on shift" else clinic.world.nurse
    await acknowledge(owner, alert, by, NOW + MINUTE)
    if how == "ends":
        await owner.execute("UPDATE shift SET ends_at = $1", NOW + 10 * MINUTE)
    if how == "cancelled":
        await owner.execute("UPDATE shift SET cancelled_at = $1", NOW + 10 * MINUTE)
    if how == "away":
        await owner.execute(
            "INSERT INTO time_off VALUES ($1, $2, $3, $4, $5)",
            uuid7(), clinic.world.organization, by, NOW + 10 * MINUTE, NOW + 600 * MINUTE,
        )  # fmt: skip
    if how == "their clock is ahead":
        await acknowledge(owner, alert, by, NOW + 12 * MINUTE)
        await owner.execute("UPDATE shift SET starts_at = $1", NOW + 11.5 * MINUTE)
    await tick(worker_db, NOW + 11 * MINUTE)
    stays = how in {"stays", "never on shift", "their clock is ahead"}
    assert await owner.fetchval("SELECT status FROM alert") == ("acknowledged" if stays else "open")
    assert await count(owner, "message") == (1 if stays else 2)


@pytest.mark.parametrize("by", ["on shift", "never on shift"])
async def test_an_alert_whose_owner_works_here_no_more_returns_at_once(
    clinic: Clinic, owner: Any, worker_db: Database, by: str
) -> None:
    who = clinic.world.nurse if by == "on shift" else clinic.clinician
    alert = await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    await acknowledge(owner, alert, who, NOW + MINUTE)
    await tick(worker_db, NOW + 2 * MINUTE)
    assert await count(owner, "alert", "status = 'open'") == 0
    await owner.execute("UPDATE staff SET disabled_at = $2 WHERE id = $1", who, NOW + 2.5 * MINUTE)
    await tick(worker_db, NOW + 3 * MINUTE)
    assert await count(owner, "alert", "status = 'open'") == 1
    again = [person for minute, person in await paged(owner, clinic, NOW) if minute == 3]
    assert again == (["backup"] if by == "on shift" else ["nurse"])


@pytest.mark.parametrize("how", ["time", "off shift", "left", "medium", "resolved"])
async def test_a_high_alarm_that_was_taken_returns_as_an_alert_does(
    clinic: Clinic, owner: Any, worker_db: Database, web_db: Database, how: str
) -> None:
    alarm = uuid7()
    await owner.execute(
        "INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)"
        " VALUES ($1, $2, 'patient_in_danger', 'x', $3, 'x', $4, $4)",
        alarm, clinic.world.organization, "medium" if how == "medium" else "high", NOW,
    )  # fmt: skip
    await tick(worker_db, NOW)
    await answers.acknowledge_alarm(web_db, person_of(clinic.world), alarm, NOW + MINUTE)
    at = 61 if how not in {"off shift", "left"} else 20
    if how == "off shift":
        await owner.execute("UPDATE shift SET ends_at = $1", NOW + 20 * MINUTE)
    if how == "left":
        await owner.execute("UPDATE staff SET disabled_at = $2 WHERE id = $1", clinic.world.nurse, NOW + 20 * MINUTE)
    if how == "resolved":
        await answers.resolve_alarm(web_db, person_of(clinic.world), alarm, "called her", NOW + 2 * MINUTE)
    await tick(worker_db, NOW + (at - 1) * MINUTE)
    assert await count(owner, "alarm", "kind = 'patient_in_danger' AND status = 'open'") == 0
    await tick(worker_db, NOW + at * MINUTE)
    await tick(worker_db, NOW + (at + 5) * MINUTE)
    row = await owner.fetchrow("SELECT status, again_at, again_why FROM alarm WHERE kind = 'patient_in_danger'")
    if how in {"medium", "resolved"}:
        assert row["status"] == ("acknowledged" if how == "medium" else "resolved")
        return
    assert tuple(row) == ("open", NOW + at * MINUTE, "no_outcome" if how == "time" else "off_shift")
    pages = await owner.fetch("SELECT created_at FROM message WHERE alarm_id = $1 ORDER BY created_at", alarm)
    assert [page["created_at"] for page in pages] == [NOW, NOW + at * MINUTE, NOW + (at + 5) * MINUTE]
    assert await count(owner, "audit", "action = 'alarm.return'") == 1


async def test_a_high_alarm_taken_before_anybody_was_paged_begins_at_the_first_step_when_it_returns(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await owner.execute(
        "INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at, status,"
        " acknowledged_by, acknowledged_at) VALUES ($1, $2, 'audit_mismatch', 'x', 'high', 'x', $3, $3, 'acknowledged',"
        " $4, $3)",
        uuid7(), clinic.world.organization, NOW, clinic.admin,
    )  # fmt: skip
    await every(worker_db, 66)
    assert await paged(owner, clinic, NOW) == [(61, "nurse"), (65, "backup")]  # it began in the round after


async def test_steps_are_the_organizations_to_change_and_a_teams_own_go_first(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await tick(worker_db, NOW)
    rows = await owner.fetch("SELECT who, source, approved_at FROM escalation_step WHERE severity = 'high'")
    assert len(rows) == 4
    assert all("clinical sign-off" in row["source"] and row["approved_at"] is None for row in rows)
    await owner.execute("UPDATE escalation_step SET after = '2 minutes' WHERE severity = 'high' AND position = 1")
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 3)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (2, "backup")]
    await owner.execute(
        "INSERT INTO escalation_step (id, organization_id, team_id, severity, position, after, who, source, author)"
        " VALUES ($1, $2, $3, 'high', 0, '0', '{admin}', 'x', 'x')",
        uuid7(), clinic.world.organization, clinic.world.team,
    )  # fmt: skip
    await open_alert(owner, clinic.world, NOW + 4 * MINUTE, rule="glucose_low")
    await tick(worker_db, NOW + 4 * MINUTE)
    assert (4, "admin") in await paged(owner, clinic, NOW)


async def test_the_auditors_synthetic_patient_wakes_nobody(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE patient SET synthetic = true WHERE id = $1", clinic.world.patient)
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 20)
    assert await count(owner, "message") + await count(owner, "escalation") == 0


async def test_in_shadow_a_chain_ends_without_repeats(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE organization SET state = 'shadow'")
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 40)
    assert await paged(owner, clinic, NOW) == CLIMB


async def test_the_third_and_the_last_are_called_too(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 21)
    assert await paged(owner, clinic, NOW, "voice") == [
        (10, "charge"), (15, "admin"), (15, "clinician"), (20, "admin"), (20, "clinician"),
    ]  # fmt: skip
    words = await owner.fetch("SELECT DISTINCT body FROM message WHERE channel = 'voice'")
    assert [row["body"] for row in words] == ["Careloop. A high alert is waiting. Press 1 to take it."]


async def test_a_call_that_fails_does_not_hurry_while_the_text_arrived(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 10)
    await owner.execute("UPDATE message SET status = 'delivered'")
    await owner.execute("UPDATE message SET status = 'failed', reason = 'no-answer' WHERE channel = 'voice'")
    await tick(worker_db, NOW + 10 * MINUTE + 2 * SECOND)
    assert await paged(owner, clinic, NOW) == CLIMB[:3]
    await owner.execute("UPDATE message SET status = 'failed', reason = '30003' WHERE channel = 'sms'")
    await tick(worker_db, NOW + 10 * MINUTE + 4 * SECOND)
    assert len(await paged(owner, clinic, NOW)) == 5


async def test_a_chain_that_begins_late_tells_each_of_them_once(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    """As after an upgrade: the alert stood for days, and all its steps are overdue."""
    await open_alert(owner, clinic.world, NOW - timedelta(days=3))
    for passed in range(20):
        await tick(worker_db, NOW + 2 * passed * SECOND)
    assert await paged(owner, clinic, NOW) == [
        (0, who) for who in ("admin", "backup", "charge", "clinician", "nurse")
    ]  # fmt: skip
    await tick(worker_db, NOW + 5 * MINUTE)
    assert (await paged(owner, clinic, NOW))[5:] == [(5, "admin"), (5, "clinician")]


async def test_in_a_small_clinic_a_late_chain_does_not_flood_its_one_nurse(
    world: World, owner: Any, worker_db: Database
) -> None:
    """Backup, charge nurse, clinician and administrator are all her: she gets one text and one call, not eight pages."""
    await open_alert(owner, world, NOW - timedelta(days=3))
    for passed in range(10):
        await tick(worker_db, NOW + 2 * passed * SECOND)
    told = await owner.fetch("SELECT channel FROM message WHERE purpose = 'page' ORDER BY channel")
    assert [row["channel"] for row in told] == ["sms", "voice"]


async def test_nobody_on_shift_ends_by_itself_when_somebody_is(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE shift SET cancelled_at = now()")
    await open_alert(owner, clinic.world, NOW)
    await every(worker_db, 2)
    assert await owner.fetchval("SELECT status FROM alarm WHERE kind = 'roster'") == "open"
    await owner.execute("UPDATE shift SET cancelled_at = NULL")
    await tick(worker_db, NOW + 3 * MINUTE)
    row = await owner.fetchrow("SELECT status, note FROM alarm WHERE kind = 'roster'")
    assert row["status"] == "resolved"
    assert "somebody is on shift again" in row["note"]
    before = await count(owner, "message", "alarm_id IS NOT NULL")
    await every(worker_db, 20, NOW + 4 * MINUTE)
    assert await count(owner, "message", "alarm_id IS NOT NULL") == before


@pytest.mark.parametrize("told", [True, False])
async def test_two_people_in_the_first_step_are_both_told(
    clinic: Clinic, owner: Any, bridge_db: Database, worker_db: Database, told: bool
) -> None:
    """Also when whoever opened the alert has paged the nurse on shift."""
    await tick(worker_db, NOW)
    await owner.execute(
        "UPDATE escalation_step SET who = '{on_shift,clinician}' WHERE severity = 'high' AND position = 0"
    )
    if told:
        await send(bridge_db, publish(clinic.world, bp(1, 190)))
    else:
        await open_alert(owner, clinic.world, NOW)
    await tick(worker_db, NOW)
    assert await paged(owner, clinic, NOW) == [(0, "clinician"), (0, "nurse")]
