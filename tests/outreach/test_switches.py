"""Stop switches, caps, own hours and reasons that are gone: through real rows, when a reminder is queued and when it is sent."""

import asyncio
import uuid
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from notifications import attempts, facts
from notifications.policy import Decision, Send, Suppress, decide
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import remind
from server.outreach import switches
from server.outreach.switches import Scope
from tests.flows.test_remind import ORIGIN, gap, reminders, rule, tick
from tests.texting import NEW_YORK, NOON, WORKER, Phones, phones, send_all, until
from tests.world import World

__all__ = ["phones"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# What ends a reminder of a screening, and the reason that is then kept.
ENDS = [
    ("UPDATE gap SET status = 'awaiting_evidence'", "reason_gone"),
    ("UPDATE patient SET monitoring_status = 'deceased'", "deceased"),
    ("UPDATE patient SET monitoring_status = 'paused'", "patient_inactive"),  # in hospital
    ("UPDATE reminder_rule SET enabled = false", "reason_gone"),
    ("UPDATE consent SET valid_to = '2020-01-01' WHERE topic = 'outreach'", "no_consent"),
    (
        """INSERT INTO appointment (id, organization_id, patient_id, starts_at, measure, author, source, recorded_at, changed_at)
           SELECT gen_random_uuid(), organization_id, id, now() + interval '3 days', 'CMS125', 't', 'staff', now(), now()
             FROM patient""",
        "reason_gone",
    ),
]


async def stop(owner: Any, world: World, since: datetime = NOON - DAY, **scope: Any) -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        """INSERT INTO stop_switch (id, organization_id, clinic_id, kind, measure, reason, stopped_at, stopped_by)
           VALUES ($1, $2, $3, $4, $5, 'out of stock', $6, $7)""",
        made, world.organization, scope.get("clinic"), scope.get("kind"), scope.get("measure"), since,
        f"staff:{world.nurse}",
    )  # fmt: skip
    return made


async def let_go(owner: Any, switch: uuid.UUID) -> None:
    await owner.execute("UPDATE stop_switch SET ended_at = now(), ended_by = 't' WHERE id = $1", switch)


async def planned(owner: Any, world: World, at: datetime, *, priority: int = 5, lasts: int = 24) -> uuid.UUID:
    """A reminder of a series, whose reason never goes, at that moment."""
    made, of = uuid7(), uuid7()
    await owner.execute(
        """INSERT INTO reminder_rule (id, organization_id, code, kind, after_days, local_hour, priority, lasts_hours)
           VALUES ($1, $2, $3, 'education', 1, 0, $4, $5)""",
        of, world.organization, of.hex, priority, lasts,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)""",
        made, world.organization, world.patient, of, at.astimezone(NEW_YORK).replace(tzinfo=None), at,
    )  # fmt: skip
    return made


async def queue(database: Database, now: datetime) -> None:
    async with database.transaction(WORKER) as db:
        await remind.queue_due(db, now, ORIGIN)


async def of(owner: Any, reminder: uuid.UUID) -> tuple[str, str | None]:
    row = await owner.fetchrow("SELECT status, reason FROM reminder WHERE id = $1", reminder)
    return row["status"], row["reason"]


async def would(database: Database, owner: Any, now: datetime) -> Decision:
    """What the sender would decide on the only message there is."""
    message = await owner.fetchval("SELECT id FROM message")
    async with database.transaction(WORKER) as db:
        known, _ = await facts.of(db, message, "", now)
    return decide(known, now)


@pytest.mark.parametrize(("arrange", "reason"), ENDS)
async def test_a_reason_that_goes_before_the_hour_ends_the_reminder(
    worker_db: Database, world: World, owner: Any, arrange: str, reason: str
) -> None:
    await rule(owner, world, measure="CMS125")
    await gap(owner, world)
    await tick(worker_db, NOON - HOUR)
    assert await reminders(owner) == [("planned", None)]
    await owner.execute(arrange)
    await queue(worker_db, NOON)
    assert await reminders(owner) == [("suppressed", reason)]


@pytest.mark.parametrize(("arrange", "reason"), ENDS)
async def test_a_reason_that_goes_before_the_call_stops_the_text(
    worker_db: Database, world: World, owner: Any, arrange: str, reason: str
) -> None:
    await rule(owner, world, measure="CMS125")
    await gap(owner, world)
    await tick(worker_db, NOON)
    assert await would(worker_db, owner, NOON) == Send()
    await owner.execute(arrange)
    assert await would(worker_db, owner, NOON) == Suppress(reason)  # type: ignore[arg-type]


# Switches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        ({}, True),
        ({"kind": "screening"}, True),
        ({"kind": "vaccination"}, False),
        ({"measure": "CMS125"}, True),
        ({"measure": "CMS130"}, False),
        ({"clinic": "ours"}, True),
        ({"clinic": "other"}, False),
        ({"clinic": "ours", "measure": "CMS125"}, True),
        ({"clinic": "other", "kind": "screening"}, False),
    ],
)
async def test_a_switch_holds_back_what_it_names_and_nothing_else(
    worker_db: Database, world: World, owner: Any, scope: dict[str, Any], stopped: bool
) -> None:
    other = uuid7()
    await owner.execute(
        "INSERT INTO clinic (id, organization_id, name, zone) VALUES ($1, $2, 'Other', 'UTC')",
        other,
        world.organization,
    )
    if "clinic" in scope:
        scope = scope | {"clinic": {"ours": world.clinic, "other": other}[scope["clinic"]]}
    await rule(owner, world, measure="CMS125")
    await gap(owner, world)
    await tick(worker_db, NOON - HOUR)
    await stop(owner, world, **scope)
    await queue(worker_db, NOON)
    assert await reminders(owner) == [("planned", "stopped") if stopped else ("queued", None)]


async def test_another_organizations_switch_stops_nothing_of_ours(
    worker_db: Database, world: World, other_world: World, owner: Any
) -> None:
    reminder = await planned(owner, world, NOON)
    await stop(owner, other_world)
    await queue(worker_db, NOON)
    assert (await of(owner, reminder))[0] == "queued"


async def test_what_was_stopped_goes_when_the_switch_ends_and_is_dropped_when_it_is_too_late_by_then(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    lasting, short = await planned(owner, world, NOON), await planned(owner, world, NOON, lasts=1)
    switch = await stop(owner, world)
    await queue(worker_db, NOON)
    async with worker_db.transaction(WORKER) as db:
        [on] = await switches.on(db)
    assert (on.waiting, on.dropped, on.stopped_by) == (2, 0, "Nurse Aspen")
    for minutes in range(15, 90, 15):
        await queue(worker_db, NOON + timedelta(minutes=minutes))
    assert await of(owner, short) == ("suppressed", "too_late after stopped")
    async with worker_db.transaction(WORKER) as db:
        [on] = await switches.on(db)
    assert (on.waiting, on.dropped) == (1, 1)
    await let_go(owner, switch)
    await queue(worker_db, NOON + 2 * HOUR)
    await send_all(worker_db, phones.gateway(), NOON + 2 * HOUR)
    assert await of(owner, lasting) == ("queued", None)
    assert len(phones.texts()) == 1


async def test_a_switch_also_holds_back_what_lies_in_the_outbox(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await planned(owner, world, NOON)
    await queue(worker_db, NOON)
    switch = await stop(owner, world)
    await send_all(worker_db, phones.gateway(), NOON)
    assert phones.texts() == []
    async with worker_db.transaction(WORKER) as db:
        assert [one.waiting for one in await switches.on(db)] == [1]
    await let_go(owner, switch)
    await send_all(worker_db, phones.gateway(), NOON + HOUR / 2)
    assert len(phones.texts()) == 1


async def test_the_same_is_stopped_once_and_ended_once(web_db: Database, world: World, owner: Any) -> None:
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)

    async def begin() -> bool:
        async with web_db.transaction(who) as db:
            return await switches.stop(db, uuid7(), world.organization, Scope(kind="refill"), "why", "staff:1", NOON)

    async with web_db.transaction(who) as db:
        assert await switches.stop(db, uuid7(), world.organization, Scope(kind="refill"), "why", "staff:1", NOON)
        other = asyncio.create_task(begin())
        await until(lambda: owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
    assert await other is False
    async with web_db.transaction(who) as db:
        [on] = await switches.on(db)
        assert [await switches.end(db, on.id, "staff:1", NOON) for _ in range(2)] == [True, False]
        assert await switches.on(db) == []
        assert len(await switches.lately(db)) == 1


# Caps ---------------------------------------------------------------------------------------------


async def cap(owner: Any, a_day: int, a_week: int = 21) -> None:
    await owner.execute("UPDATE organization SET reminders_a_day = $1, reminders_a_week = $2", a_day, a_week)


async def test_what_is_due_together_is_one_text_and_counts_once(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await cap(owner, 2)
    for _ in range(3):
        await planned(owner, world, NOON)
    await planned(owner, world, NOON + HOUR)
    for hours in (0, 1):
        await queue(worker_db, NOON + hours * HOUR)
        await send_all(worker_db, phones.gateway(), NOON + hours * HOUR)
    assert [status for status, _ in await reminders(owner)] == ["queued"] * 4
    assert len(phones.texts()) == 2


async def test_what_is_too_much_today_goes_tomorrow_or_never_and_says_why(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await cap(owner, 1)
    await planned(owner, world, NOON)
    lasting, short = await planned(owner, world, NOON + HOUR), await planned(owner, world, NOON + HOUR, lasts=4)
    for hours in range(8):
        await queue(worker_db, NOON + hours * HOUR)
        await send_all(worker_db, phones.gateway(), NOON + hours * HOUR)
    assert await of(owner, lasting) == ("planned", "day_full")
    assert await of(owner, short) == ("suppressed", "too_late after day_full")
    assert len(phones.texts()) == 1
    await queue(worker_db, NOON + 20 * HOUR)
    assert await of(owner, lasting) == ("queued", None)


async def test_seven_days_have_their_own_cap(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await cap(owner, 2, 3)
    for days in range(5):
        await planned(owner, world, NOON + days * DAY, lasts=4)
        for hours in range(6):
            await queue(worker_db, NOON + days * DAY + hours * HOUR)
            await send_all(worker_db, phones.gateway(), NOON + days * DAY + hours * HOUR)
    found = [reason for _, reason in await reminders(owner)]
    assert found == [None, None, None, "too_late after week_full", "too_late after week_full"]


async def test_the_last_of_a_day_is_kept_for_what_matters_and_given_away_when_that_is_gone(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cap(owner, 1)
    plain, urgent = await planned(owner, world, NOON), await planned(owner, world, NOON + 2 * HOUR, priority=3)
    await queue(worker_db, NOON)
    assert await of(owner, plain) == ("planned", "last_of_day")
    await queue(worker_db, NOON + 2 * HOUR)
    assert (await of(owner, urgent))[0] == "queued"
    another = await planned(owner, world, NOON + DAY)
    await queue(worker_db, NOON + DAY)
    assert await of(owner, another) == ("queued", None)  # nothing urgent is planned for that day


async def test_two_senders_count_each_other_so_a_cap_is_never_passed(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cap(owner, 1)
    for hour in (0, 1):
        await planned(owner, world, NOON + hour * HOUR)
    await owner.execute("UPDATE organization SET reminders_a_day = 5")
    for hour in (0, 1):
        await queue(worker_db, NOON + hour * HOUR)
    first, second = [row["id"] for row in await owner.fetch("UPDATE message SET status = 'sending', claimed_at = $1 RETURNING id", NOON)]  # fmt: skip

    async def counted() -> int:
        async with worker_db.transaction(WORKER) as db:
            return (await facts.of(db, second, "", NOON))[0].sent_today

    async with worker_db.transaction(WORKER) as db:
        assert (await facts.of(db, first, "", NOON))[0].sent_today == 0
        other = asyncio.create_task(counted())
        await until(
            lambda: owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        )
        assert await attempts.start(db, uuid7(), first, NOON, "test", NOON)
    assert await other == 1


# Hours and consent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "own", "queued"),
    [
        (7, None, False),
        (7, (time(6), time(22)), True),
        (10, (time(11), time(22)), False),
        (21, (time(6), time(22)), True),
    ],
)
async def test_own_hours_decide_when_a_care_reminder_goes(
    worker_db: Database, world: World, owner: Any, hour: int, own: tuple[time, time] | None, queued: bool
) -> None:
    if own:
        await owner.execute(
            "INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)"
            " VALUES ($1, $2, $3, $4, 't', now())",
            world.patient, world.organization, *own,
        )  # fmt: skip
    now = NOON + (hour - 12) * HOUR
    reminder = await planned(owner, world, now)
    await queue(worker_db, now)
    assert await of(owner, reminder) == (("queued", None) if queued else ("planned", "quiet_hours"))
    if queued:
        assert await would(worker_db, owner, now) == Send()


@pytest.mark.parametrize("channel", ["sms", "voice"])
@pytest.mark.parametrize(("withdrew", "decision"), [("2027-01-30", Send()), ("2027-02-01", Suppress("no_consent"))])
async def test_one_opt_out_ends_all_topics_of_texts_and_calls_once_that_is_the_law(
    worker_db: Database, world: World, owner: Any, channel: str, withdrew: str, decision: Decision
) -> None:
    now = datetime(2027, 2, 2, 12, tzinfo=NEW_YORK)
    reminder = await planned(owner, world, now)
    await queue(worker_db, now)
    assert await would(worker_db, owner, now) == Send()
    await owner.execute(
        "UPDATE consent SET valid_to = $1::text::date, channel = $2 WHERE topic = 'outreach'", withdrew, channel
    )
    assert await would(worker_db, owner, now) == decision
    await owner.execute("UPDATE reminder SET status = 'planned', message_id = NULL")
    await queue(worker_db, now)
    assert (await of(owner, reminder))[1] == (None if decision == Send() else "no_consent")
