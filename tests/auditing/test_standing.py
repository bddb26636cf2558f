"""What must be true at any moment, each taken away once: steps, routes, texts, loops and clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from server.auditing import rounds, standing
from server.auditing.pace import USUAL, Pace
from server.auditing.rounds import SUBJECTS
from server.db.pool import Database, Who
from tests.auditing.test_rounds import AUDITOR, BEATING
from tests.flows.clinic import acknowledge, make_clinic, open_alert, tick
from tests.texting import NOON, answer, message, put
from tests.world import World

NOW = datetime.now(UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
WORKER = Who(principal="service:worker")


async def found(owner: Any, auditor_db: Database, now: datetime, pace: Pace = USUAL, **more: Any) -> set[str]:
    """Kinds of trouble in a round at that time, with every loop just heard."""
    await owner.execute(BEATING, now)
    async with auditor_db.transaction(AUDITOR) as db:
        return {one.kind for one in (await rounds.look(db, now, pace, **more)).troubles}


async def open_and_told(owner: Any, world: World, worker_db: Database) -> Any:
    await make_clinic(owner, world)
    alert = await open_alert(owner, world, NOW)
    await owner.execute("UPDATE alert SET opened_at = $1", NOW)
    await tick(worker_db, NOW)
    await owner.execute("UPDATE message SET status = 'delivered'")
    return alert


async def steps(owner: Any, auditor_db: Database, now: datetime) -> bool:
    return "steps_overdue" in await found(owner, auditor_db, now)


async def test_a_step_nobody_takes_is_noticed_after_fifteen_seconds(
    world: World, owner: Any, worker_db: Database, auditor_db: Database
) -> None:
    alert = await open_and_told(owner, world, worker_db)
    due = NOW + 5 * MINUTE
    assert not await steps(owner, auditor_db, due + 14 * SECOND)
    assert await steps(owner, auditor_db, due + 16 * SECOND)
    await tick(worker_db, due + 17 * SECOND)
    assert not await steps(owner, auditor_db, due + 18 * SECOND)
    await acknowledge(owner, alert, world.nurse, due + 20 * SECOND)
    await owner.execute("UPDATE alarm SET status = 'acknowledged'")
    assert not await steps(owner, auditor_db, due + 60 * MINUTE)


WITHOUT_A_STEP = (
    ("UPDATE escalation SET ended_at = now()", "UPDATE escalation SET ended_at = NULL"),
    (
        "UPDATE escalation SET due_at = due_at + interval '1 hour'",
        "UPDATE escalation SET due_at = due_at - interval '1 hour'",
    ),
    ("DELETE FROM escalation", "SELECT 1"),
)


async def test_an_open_alert_always_has_a_next_step(
    world: World, owner: Any, worker_db: Database, auditor_db: Database
) -> None:
    await open_and_told(owner, world, worker_db)
    for broken, mended in WITHOUT_A_STEP:
        await owner.execute("UPDATE alarm SET status = 'acknowledged' WHERE status = 'open'")
        assert not await steps(owner, auditor_db, NOW + 20 * SECOND), broken
        await owner.execute(broken)
        assert await steps(owner, auditor_db, NOW + 21 * SECOND), broken
        await owner.execute(mended)


async def test_what_is_laid_aside_or_waits_behind_a_high_alert_is_not_overdue(
    world: World, owner: Any, worker_db: Database, auditor_db: Database
) -> None:
    await make_clinic(owner, world)
    low = await open_alert(owner, world, NOW, severity="medium", rule="bp_low")
    await tick(worker_db, NOW)
    due = NOW + timedelta(hours=4)
    assert await steps(owner, auditor_db, due + 16 * SECOND)
    await owner.execute("UPDATE alarm SET status = 'resolved', resolved_by = NULL")
    await owner.execute(
        "INSERT INTO snooze (id, organization_id, patient_id, alert_id, severity, staff_id, reason, starts_at, ends_at)"
        " VALUES (gen_random_uuid(), $1, $2, $3, 'medium', $4, 'measure_again', $5, $6)",
        world.organization, world.patient, low, world.nurse, due, due + timedelta(hours=4),
    )  # fmt: skip
    assert not await steps(owner, auditor_db, due + 20 * SECOND)
    assert not await steps(owner, auditor_db, due + timedelta(hours=4) + 14 * SECOND)
    assert await steps(owner, auditor_db, due + timedelta(hours=4) + 16 * SECOND)


async def test_a_team_without_anybody_to_page_is_noticed_also_when_nothing_happens(
    world: World, other_world: World, owner: Any, auditor_db: Database
) -> None:
    assert "no_route" not in await found(owner, auditor_db, NOW)
    await owner.execute("UPDATE shift SET cancelled_at = $2 WHERE organization_id = $1", world.organization, NOW)
    assert "no_route" in await found(owner, auditor_db, NOW)
    alarms = await owner.fetch("SELECT organization_id FROM alarm WHERE subject = $1", SUBJECTS["no_route"])
    assert [row["organization_id"] for row in alarms] == [world.organization]
    await owner.execute("UPDATE team SET fallback_id = $2 WHERE id = $1", world.team, world.nurse)
    assert "no_route" not in await found(owner, auditor_db, NOW)
    await owner.execute(
        "INSERT INTO time_off (id, organization_id, staff_id, starts_at, ends_at) VALUES (gen_random_uuid(), $1, $2, $3, $4)",
        world.organization, world.nurse, NOW, NOW + MINUTE,
    )  # fmt: skip
    assert "no_route" in await found(owner, auditor_db, NOW)  # the stand-in is away
    await owner.execute("UPDATE time_off SET cancelled_at = $1", NOW)
    assert "no_route" not in await found(owner, auditor_db, NOW)
    await owner.execute("UPDATE staff SET phone = NULL WHERE id = $1", world.nurse)
    assert "no_route" in await found(owner, auditor_db, NOW)
    await owner.execute("UPDATE organization SET state = 'trial'")
    assert "no_route" not in await found(owner, auditor_db, NOW)


NOT_ARRIVING = (
    ("status = 'queued'", "outbox"),
    ("status = 'queued', not_before = not_before + interval '1 year'", "outbox"),
    ("status = 'sending', claimed_at = created_at", "outbox"),
    ("status = 'sending', claimed_at = created_at + interval '1 day'", "outbox"),
    ("status = 'sent'", "unheard"),
    ("status = 'failed'", "unheard"),
    ("status = 'withheld', reason = 'no_gateway'", "unheard"),
)


async def test_a_page_that_does_not_arrive_is_noticed(
    world: World, owner: Any, worker_db: Database, auditor_db: Database
) -> None:
    alert = await open_alert(owner, world, NOW)
    await put(worker_db, message(world, alert_id=alert, created_at=NOW, not_before=NOW))
    for row, kind in NOT_ARRIVING:
        await owner.execute(f"UPDATE message SET {row}")
        assert kind not in await found(owner, auditor_db, NOW + 50 * SECOND), row
        assert kind in await found(owner, auditor_db, NOW + 61 * SECOND), row
    await put(worker_db, message(world, alert_id=alert, created_at=NOW + SECOND, not_before=NOW))
    await owner.execute("UPDATE message SET status = 'delivered' WHERE created_at > $1", NOW)
    assert "unheard" not in await found(owner, auditor_db, NOW + 62 * SECOND)


async def test_a_beat_from_the_future_says_nothing(owner: Any, world: World, auditor_db: Database) -> None:
    assert "stalled" not in await found(owner, auditor_db, NOW)
    await owner.execute("UPDATE heartbeat SET beat_at = $1 WHERE process = 'worker'", NOW + timedelta(hours=1))
    async with auditor_db.transaction(AUDITOR) as db:
        done = await rounds.look(db, NOW + SECOND)
    assert [one.says for one in done.troubles if one.kind == "stalled"] == [
        "Not heard for a while: worker: escalate, worker: sealer. Call whoever runs this server."
    ]


async def test_who_answered_once_is_missed_when_silent(owner: Any, world: World, auditor_db: Database) -> None:
    assert "stalled" not in await found(owner, auditor_db, NOW)  # never heard: not missed
    for who in ("web", "provider"):
        await owner.execute("DELETE FROM heartbeat WHERE loop = 'answers'")
        await owner.execute("INSERT INTO heartbeat VALUES ($1, '1', 'answers', $2)", who, NOW)
        assert "stalled" not in await found(owner, auditor_db, NOW + 59 * SECOND), who
        assert "stalled" in await found(owner, auditor_db, NOW + 61 * SECOND), who


async def test_clocks_that_differ_are_noticed(owner: Any, world: World, auditor_db: Database) -> None:
    assert "clock" not in await found(owner, auditor_db, NOW, apart=-14 * SECOND)
    assert "clock" in await found(owner, auditor_db, NOW, apart=16 * SECOND)


def test_whatever_the_interval_a_person_hears_within_one_and_a_half_and_fifteen_seconds() -> None:
    for seconds in (5, 10, 20, 30, 60):
        pace = Pace(every=seconds * SECOND, rest=(seconds / 2 if seconds > 10 else 1) * SECOND)
        limit = 1.5 * pace.every + 15 * SECOND
        telling = 2 * SECOND
        for patience in (pace.patience, pace.beats, pace.step):
            assert patience + pace.rest + telling <= limit, (seconds, patience)
        assert pace.every + pace.every / 2 + telling <= limit
        assert pace.checked <= limit
        assert pace.round_fresh + 1.5 * pace.every / 2 <= limit


async def test_reminders_may_wait_while_others_go_out_from_their_number_and_answers_may_not(
    world: World, owner: Any, auditor_db: Database, worker_db: Database
) -> None:
    reminder, answered = answer(world, purpose="reminder"), answer(world)

    async def waiting(now: datetime) -> int:
        async with auditor_db.transaction(AUDITOR) as db:
            return sum(one.count for one in await standing.stuck(db, now, USUAL))

    await put(worker_db, reminder)
    late = NOON + timedelta(minutes=30)
    assert await waiting(late) == 1
    await owner.execute(
        "INSERT INTO sender_pace (sender_number, channel, organization_id, empty_at) VALUES ($1, 'sms', $2, $3)",
        world.sender, world.organization, late,
    )  # fmt: skip
    assert await waiting(late) == 0
    await put(worker_db, answered)
    assert await waiting(late) == 1
    assert await waiting(late + timedelta(minutes=30)) == 2, "the sender has stopped"
