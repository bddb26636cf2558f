"""Reminders: to whom, when, and exactly once, through the real SDK where a text would go."""

import asyncio
import hashlib
import itertools
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications import wording
from notifications.segments import cost
from server.db import pool
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import remind
from server.outreach import ledger as reminders_of
from server.settings import Settings
from tests.texting import NEW_YORK, NOON, WORKER, Phones, measure, phones, send_all
from tests.world import World

__all__ = ["phones"]


@pytest.fixture
async def worker_db(settings: Settings) -> AsyncIterator[Database]:
    """Each statement is planned once: these tests live through weeks, half an hour at a time."""
    database = await pool.connect(settings.url_for("worker"), name="worker", size=4, generic_plans=True)
    yield database
    await database.close()


ORIGIN = remind.From(public_url="http://127.0.0.1:8000", default_sender="")
DAY = timedelta(days=1)


async def rule(owner: Any, world: World, *, hour: int = 12, after: int = 3, **columns: Any) -> uuid.UUID:
    """A measurement rule of the world's programme, or a screening rule when `measure` is given."""
    made = uuid7()
    await owner.execute(
        "INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, measure, after_days, local_hour)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        made, world.organization, made.hex, "screening" if "measure" in columns else "measurement",
        columns.get("programme", world.programme), columns.get("measure"), after, hour,
    )  # fmt: skip
    return made


async def tick(database: Database, now: datetime) -> None:
    """What the worker does each minute."""
    async with database.transaction(WORKER) as db:
        await remind.plan(db, now)
    async with database.transaction(WORKER) as db:
        await remind.queue_due(db, now, ORIGIN)


async def live(
    database: Database, phones: Phones, start: datetime, end: datetime, step: timedelta = timedelta(minutes=30)
) -> None:
    """Let the worker tick and send from one moment to another."""
    now = start
    while now <= end:
        await tick(database, now)
        await send_all(database, phones.gateway(), now)
        now += step


async def reminders(owner: Any) -> list[tuple[str, str | None]]:
    rows = await owner.fetch("SELECT status, reason FROM reminder ORDER BY slot, id")
    return [(row["status"], row["reason"]) for row in rows]


def local(day: date, hour: int, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


async def test_a_silent_patient_gets_one_text_with_two_workers_at_once(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world)
    await measure(owner, world, NOON - 10 * DAY)

    async def worker() -> None:
        await live(worker_db, phones, NOON - timedelta(hours=3), NOON + timedelta(hours=6))

    await asyncio.gather(worker(), worker())
    [text] = phones.texts()
    assert text.to_number == world.patient_phone
    assert "Aspen Health" in text.body
    assert await owner.fetchval("SELECT count(*) FROM reminder") == 1


async def test_who_measured_lately_is_left_alone(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await rule(owner, world)
    await measure(owner, world, NOON - 2 * DAY)
    await live(worker_db, phones, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert await reminders(owner) == []


async def test_silence_that_goes_on_is_reminded_again_only_after_as_many_days(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world)
    await measure(owner, world, NOON - 20 * DAY)
    await live(worker_db, phones, NOON - 9 * DAY, NOON - DAY, timedelta(hours=1))
    days = [row["slot"].date() for row in await owner.fetch("SELECT slot FROM reminder ORDER BY slot")]
    assert [(later - earlier).days for earlier, later in itertools.pairwise(days)] == [3, 3]
    assert len(phones.texts()) == 3


@pytest.mark.parametrize(("hour", "sent_at"), [(5, 8), (8, 8), (20, 20), (22, 8)])
async def test_a_text_leaves_at_an_allowed_hour_of_the_patients_clock(
    worker_db: Database, phones: Phones, world: World, owner: Any, hour: int, sent_at: int
) -> None:
    honolulu = ZoneInfo("Pacific/Honolulu")
    await owner.execute("UPDATE patient SET zone = 'Pacific/Honolulu'")
    await rule(owner, world, hour=hour)
    day = NOON.date() - DAY
    await live(worker_db, phones, local(day, 0, honolulu), local(day + DAY, 12, honolulu))
    [at] = [
        row["claimed_at"] for row in await owner.fetch("SELECT claimed_at FROM message WHERE status <> 'suppressed'")
    ]
    assert at.astimezone(honolulu).hour == sent_at
    assert len(phones.texts()) == 1


async def test_a_reading_between_plan_and_slot_makes_the_reminder_pointless(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world)
    await tick(worker_db, NOON - timedelta(minutes=90))
    assert await reminders(owner) == [("planned", None)]
    await measure(owner, world, NOON - timedelta(minutes=30))
    await tick(worker_db, NOON)
    assert await reminders(owner) == [("suppressed", "reason_gone")]


async def test_a_reading_between_the_outbox_and_the_sender_stops_the_text(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world)
    await tick(worker_db, NOON)
    await measure(owner, world, NOON)
    await send_all(worker_db, phones.gateway(), NOON + timedelta(minutes=1))
    assert phones.texts() == []
    assert await owner.fetchval("SELECT reason FROM message") == "reason_gone"


async def test_after_stop_there_is_no_reminder(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await rule(owner, world)
    await phones.write(world.patient_phone, "STOP")
    await live(worker_db, phones, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert phones.texts() == []
    assert await reminders(owner) == [("suppressed", "opted_out")]


async def test_a_stop_that_comes_after_the_outbox_still_holds(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    """In words that the carrier does not know, so nobody but us holds the text back."""
    await rule(owner, world)
    await tick(worker_db, NOON)
    await phones.write(world.patient_phone, "please stop texting me")
    await send_all(worker_db, phones.gateway(), NOON)
    assert phones.texts() == []
    row = await owner.fetchrow("SELECT status, reason FROM message WHERE purpose = 'reminder'")
    assert tuple(row) == ("suppressed", "opted_out")


async def test_two_workers_never_decide_on_the_same_reminder(worker_db: Database, world: World, owner: Any) -> None:
    await rule(owner, world)
    async with worker_db.transaction(WORKER) as db:
        await remind.plan(db, NOON)
    async with asyncio.timeout(5), worker_db.transaction(WORKER) as one, worker_db.transaction(WORKER) as other:
        assert len(await reminders_of.due(one, NOON, "")) == 1
        assert await reminders_of.due(other, NOON, "") == []


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        ("UPDATE consent SET valid_to = '2020-01-01'", [("suppressed", "no_consent")]),
        ("UPDATE patient SET monitoring_status = 'paused'", []),
        ("UPDATE patient SET monitoring_status = 'deceased'", []),
        ("UPDATE patient SET phone = NULL, phone_hash = NULL", [("suppressed", "no_number")]),
        ("UPDATE reminder_rule SET enabled = false", []),
        ("UPDATE enrolment SET valid_to = '2020-01-01'", []),
        ("UPDATE enrolment SET valid_from = now() - interval '2 days'", []),
    ],
)
async def test_who_must_not_be_reminded_is_not(
    worker_db: Database, phones: Phones, world: World, owner: Any, arrange: str, expected: list[tuple[str, str]]
) -> None:
    await rule(owner, world)
    await owner.execute(arrange)
    await live(worker_db, phones, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert await reminders(owner) == expected
    assert phones.texts() == []


async def test_consent_to_monitoring_is_not_consent_to_outreach(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE consent SET valid_to = '2020-01-01' WHERE topic = 'outreach'")
    await rule(owner, world, measure="CMS125")
    await gap(owner, world)
    await live(worker_db, phones, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert await reminders(owner) == [("suppressed", "no_consent")]


async def test_two_programmes_make_one_text(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    second = uuid7()
    await owner.execute("INSERT INTO programme VALUES ($1, $2, 'diabetes', 'Diabetes')", second, world.organization)
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, NULL)",
        uuid7(),
        world.organization,
        world.patient,
        second,
        NOON - 99 * DAY,
    )
    await rule(owner, world)
    await rule(owner, world, programme=second, hour=13)
    await live(worker_db, phones, NOON - timedelta(hours=3), NOON + timedelta(hours=6))
    assert len(phones.texts()) == 1


async def test_a_worker_that_was_away_for_minutes_catches_up_and_one_away_for_days_does_not_pile_up(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world)
    await tick(worker_db, NOON - DAY + timedelta(hours=3))  # yesterday's slot is three hours gone
    assert await reminders(owner) == []
    await tick(worker_db, NOON + timedelta(minutes=50))
    assert await reminders(owner) == [("queued", None)]


async def test_a_withheld_reminder_of_a_shadow_organization_is_on_record(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE organization SET state = 'shadow'")
    await rule(owner, world)
    await live(worker_db, phones, NOON, NOON)
    row = await owner.fetchrow("SELECT status, reason FROM message")
    assert (row["status"], row["reason"]) == ("withheld", "shadow")
    assert phones.texts() == []


async def test_the_hour_that_happens_twice_has_one_slot(worker_db: Database, world: World, owner: Any) -> None:
    """On 1 November 2026 it is half past one twice in New York."""
    await rule(owner, world, hour=1)
    start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    for minutes in range(0, 180, 10):
        await tick(worker_db, start + timedelta(minutes=minutes))
    assert await owner.fetchval("SELECT count(*) FROM reminder") == 1


# Gaps ---------------------------------------------------------------------------------------------


async def gap(owner: Any, world: World, measure: str = "CMS125") -> uuid.UUID:
    made, year = uuid7(), NOON.year
    await owner.execute(
        "INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        made, world.organization, world.patient, measure, date(year - 1, 1, 1), date(year, 12, 31), NOON - 200 * DAY,
    )  # fmt: skip
    return made


async def test_an_open_gap_gets_a_text_and_a_touch_then_rest_and_after_three_a_person(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, measure="CMS125", after=10)
    made = await gap(owner, world)
    await live(worker_db, phones, NOON - 45 * DAY, NOON, timedelta(hours=2))
    assert len(phones.texts()) == 3
    touches = await owner.fetch("SELECT gap_id, message_id FROM touch")
    assert [row["gap_id"] for row in touches] == [made] * 3
    links = [re.search(r"/l/(\w{11})\b", text.body) for text in phones.texts()]
    asked = [hashlib.sha256(link[1].encode()).digest() for link in links if link]
    rows = await owner.fetch("SELECT leads_to FROM short_link WHERE token_hash = ANY($1)", asked)
    assert [row["leads_to"] for row in rows] == ["/portal#todo"] * 3


@pytest.mark.parametrize(("days", "texts"), [(200, 0), (20, 3)])
async def test_who_is_held_out_of_an_experiment_is_not_texted_while_it_runs(
    worker_db: Database, phones: Phones, world: World, owner: Any, days: int, texts: int
) -> None:
    await rule(owner, world, measure="CMS125", after=10)
    await gap(owner, world)
    began = (NOON - 45 * DAY).date()
    while True:  # until the patient is among the half that is left alone
        made = uuid.uuid4()
        if await owner.fetchval("SELECT held_out($1, $2, 50)", made, world.patient):
            break
    await owner.execute(
        "INSERT INTO experiment VALUES ($1, $2, 'CMS125', 50, $3, $4, 't', now())",
        made, world.organization, began, began + days * DAY,
    )  # fmt: skip
    await live(worker_db, phones, NOON - 45 * DAY, NOON, timedelta(hours=2))
    assert len(phones.texts()) == texts


@pytest.mark.parametrize("status", ["awaiting_evidence", "closed", "excluded"])
async def test_a_gap_that_is_not_open_any_more_is_not_texted_about(
    worker_db: Database, phones: Phones, world: World, owner: Any, status: str
) -> None:
    await rule(owner, world, measure="CMS125")
    await gap(owner, world)
    await tick(worker_db, NOON)
    await owner.execute("UPDATE gap SET status = $1", status)
    await send_all(worker_db, phones.gateway(), NOON)
    await tick(worker_db, NOON + 40 * DAY)
    assert phones.texts() == []


async def test_outreach_that_is_due_together_is_one_text_and_each_gap_is_touched(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await rule(owner, world, hour=12, after=30)
    for name in ("CMS125", "CMS130"):
        await rule(owner, world, measure=name, hour=12, after=30)
        await gap(owner, world, name)
    await live(worker_db, phones, NOON - timedelta(hours=2), NOON, timedelta(hours=1))
    assert await reminders(owner) == [("queued", None)] * 3
    touched = await owner.fetchrow("SELECT count(DISTINCT gap_id), count(DISTINCT message_id) FROM touch")
    assert tuple(touched) == (2, 1)
    assert len(phones.texts()) == 2  # care that was agreed on is none of it


# The day of an appointment ---------------------------------------------------------------------------


def half_past(month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, 30, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("language", "brief", "at", "said"),
    [
        ("en", True, half_past(11, 4, 10), "11/04 10:30"),
        ("en", False, half_past(11, 4, 10), "11/04 10:30"),
        ("es", True, half_past(11, 4, 10), "4 nov 10:30"),
        ("es", False, half_past(11, 24, 10), "24 de noviembre a las 10:30"),
        ("es", False, half_past(1, 2, 1), "2 de enero a la 01:30"),
    ],
)
def test_a_day_is_written_as_its_reader_does(language: str, brief: bool, at: datetime, said: str) -> None:
    assert remind.moment(at, language, brief=brief) == said


def test_no_day_costs_a_spanish_text_another_segment() -> None:
    for clinic in ("Aspen Health", "Aspen Heart Center (Maria Guadalupe)"):
        for month in range(1, 13):
            costs = {
                cost(wording.render("reminder_appointment", "es", clinic=clinic, when=when).body).segments
                for when in ("11/24 10:30", remind.moment(half_past(month, 28, 10), "es", brief=True))
            }
            assert costs == {1}
