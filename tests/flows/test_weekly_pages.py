"""Each telephone is tried once a week: at a decent hour, on shift where possible; what does not arrive is an alarm."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications.gateways import Found
from notifications.gateways.log import LogGateway
from notifications.messages import Channel
from notifications.reconcile import reconcile
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import try_phones
from server.monitoring import worklist
from server.people import page_tests
from server.people.page_tests import Phone
from server.worker import raise_alarm
from tests.flows.clinic import TOLD, WORKER, open_alert
from tests.flows.test_reading import count
from tests.texting import Phones, phones, send_all, transactions, until
from tests.world import World, make_world

__all__ = ["phones"]
ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 11, 23)
HOUR = timedelta(hours=1)


@pytest.fixture
async def world(owner: Any) -> World:
    """Its team wants its telephones tried."""
    made = await make_world(owner, "Aspen")
    await owner.execute("UPDATE team SET test_pages = true")
    return made


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of that week; day 0 is Monday."""
    return datetime(2026, 11, 23 + day, hour, minute, tzinfo=ZONE).astimezone(UTC)


def phone(*shifts: tuple[datetime, datetime], away: tuple[datetime, datetime] | None = None) -> Phone:
    return Phone(
        staff_id=uuid7(), organization_id=uuid7(), zone="America/New_York", phone="+12125550101", shifts=list(shifts),
        away=[away] if away else [],
    )  # fmt: skip


DAY_SHIFT, NIGHT = (at(3, 7), at(3, 19)), (at(2, 19), at(3, 7))


@pytest.mark.parametrize(
    ("shifts", "away", "now", "due"),
    [
        ([DAY_SHIFT], None, at(3, 7, 59), False), ([DAY_SHIFT], None, at(3, 8), True),
        ([DAY_SHIFT], None, at(1, 14), False),  # she comes on Thursday: it waits
        ([DAY_SHIFT], None, at(3, 19, 30), True),  # it was missed then: any decent hour after Tuesday
        ([NIGHT], None, at(2, 19), True), ([NIGHT], None, at(3, 3), False), ([NIGHT], None, at(2, 21), False),
        ([], None, at(1, 13, 59), False), ([], None, at(1, 14), True), ([], None, at(1, 21), False),
        ([], None, at(2, 8), True), ([DAY_SHIFT], (at(3, 0), at(4, 0)), at(3, 9), False),
        ([DAY_SHIFT], (at(3, 0), at(4, 0)), at(4, 9), True), ([(at(0, 0), at(6, 23))], None, at(0, 8), True),
    ],
)  # fmt: skip
def test_when_it_is_due(
    shifts: list[tuple[datetime, datetime]], away: tuple[datetime, datetime] | None, now: datetime, due: bool
) -> None:
    assert page_tests.due(phone(*shifts, away=away), now) == (MONDAY if due else None)


def test_a_telephone_is_tried_at_a_decent_hour_of_every_week_whatever_the_shifts() -> None:
    """Whoever is not away all week is tried some time, also in the weeks when the clocks change."""
    for first in (datetime(2026, 10, 26, tzinfo=ZONE), datetime(2027, 3, 8, tzinfo=ZONE)):
        for begins in range(0, 7 * 24, 5):
            start = first + begins * HOUR
            hours = [(first + n * HOUR).astimezone(UTC) for n in range(7 * 24 + 2)]
            due = [now for now in hours if page_tests.due(phone((start, start + 8 * HOUR)), now)]
            assert any(now.astimezone(ZONE).date() - first.date() < timedelta(days=7) for now in due)
            assert all(8 <= now.astimezone(ZONE).hour < 21 for now in due)


@pytest.fixture
async def now(owner: Any, world: World) -> datetime:
    """Ten in the morning of a working day, with the world's nurse on shift."""
    today = datetime.now(ZONE).replace(hour=10, minute=0, second=0, microsecond=0)
    moment = (today - timedelta(days=today.weekday() + 7 - 2)).astimezone(UTC)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", moment - HOUR, moment + 8 * HOUR)
    return moment


async def test_it_is_sent_once_a_week_arrives_and_is_answered(
    owner: Any, worker_db: Database, phones: Phones, world: World
) -> None:
    today = datetime.now(ZONE)
    now = today.astimezone(UTC)
    await owner.execute("UPDATE organization SET zone = $1", _zone_where_it_is_ten(now))
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", now - HOUR, now + HOUR)
    made = await asyncio.gather(*(try_phones.try_phones(worker_db, WORKER, now, TOLD) for _ in range(3)))
    assert sum(made) == 1
    assert await try_phones.try_phones(worker_db, WORKER, now + HOUR / 2, TOLD) == 0
    await send_all(worker_db, phones.gateway(), now)
    (text,) = phones.texts(world.nurse_phone)
    assert "reply 1 to confirm" in text.body

    async def came(state: str) -> bool:
        async with worker_db.transaction(WORKER) as db:
            return [one.came for one in await page_tests.latest(db, now, world.team)] == [state]

    await until(lambda: came("arrived"))
    await asyncio.gather(*(phones.write(world.nurse_phone, "1") for _ in range(2)))
    assert await came("answered")
    assert await count(owner, "message", "wording = 'test_page_confirmed'") == 1
    assert await count(owner, "alarm") == 0


def _zone_where_it_is_ten(now: datetime) -> str:
    """A zone of whole hours in which it is between nine and eleven, so that the test may run at any time of day."""
    shift = (10 - now.hour) % 24
    return f"Etc/GMT{-shift:+d}" if shift <= 12 else f"Etc/GMT{24 - shift:+d}"


async def test_an_answer_to_a_page_is_not_taken_for_one_to_the_test_and_the_other_way_round(
    owner: Any, worker_db: Database, phones: Phones, world: World, now: datetime
) -> None:
    real = datetime.now(UTC)
    await try_phones.try_phones(worker_db, WORKER, now, TOLD)
    await owner.execute("UPDATE message SET status = 'delivered', created_at = $1", real)
    await owner.execute("UPDATE page_test SET made_at = $1", real)
    alert = await open_alert(owner, world, real)
    await phones.write(world.nurse_phone, "1")
    assert await owner.fetchval("SELECT answered_at IS NOT NULL FROM page_test")
    assert await owner.fetchval("SELECT status FROM alert WHERE id = $1", alert) == "open"
    from tests.flows.clinic import tick

    later = real + timedelta(seconds=1)
    await tick(worker_db, later)
    await owner.execute("UPDATE message SET status = 'delivered' WHERE purpose = 'page'")
    await phones.write(world.nurse_phone, "1")
    assert await owner.fetchval("SELECT status FROM alert WHERE id = $1", alert) == "acknowledged"


async def test_while_a_page_waits_for_an_answer_no_test_is_sent(
    owner: Any, worker_db: Database, world: World, now: datetime
) -> None:
    from tests.flows.clinic import tick

    alert = await open_alert(owner, world, now)
    await tick(worker_db, now)
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 0
    await owner.execute("UPDATE alert SET status = 'acknowledged' WHERE id = $1", alert)
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 1


@pytest.mark.parametrize(
    ("status", "reason", "after", "alarms"),
    [
        ("failed", "30003", 0, 1), ("failed", "21610", 0, 1), ("suppressed", "opted_out", 0, 1), ("sent", None, 59, 0),
        ("sent", None, 61, 1), ("unknown", None, 61, 1), ("delivered", None, 61, 0), ("withheld", "shadow", 61, 0),
    ],
)  # fmt: skip
async def test_one_that_does_not_arrive_raises_an_alarm_that_says_what_to_do(
    owner: Any,
    worker_db: Database,
    world: World,
    now: datetime,
    status: str,
    reason: str | None,
    after: int,
    alarms: int,
) -> None:
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 1
    await owner.execute("UPDATE message SET status = $1, reason = $2", status, reason)
    for minutes in (after, after + 1):
        await try_phones.try_phones(worker_db, WORKER, now + timedelta(minutes=minutes), TOLD)
    assert await count(owner, "alarm", "kind = 'page_test_failed' AND severity = 'medium'") == alarms
    if not alarms:
        return
    says = await owner.fetchval("SELECT says FROM alarm")
    assert "Nurse Aspen" in says
    async with worker_db.transaction(WORKER) as db:
        (item,) = await worklist.open_items(db)
    assert item.title == "A telephone does not get pages · Nurse Aspen"
    assert ("text START" in says) == (reason in {"opted_out", "21610"})
    await owner.execute("UPDATE page_test SET answered_at = $1", now)
    await try_phones.try_phones(worker_db, WORKER, now + 2 * HOUR, TOLD)
    assert await owner.fetchval("SELECT status FROM alarm") == "resolved"


class Lists(LogGateway):
    """The provider has two texts of these words: ours, and one of last week."""

    def __init__(self, status: str) -> None:
        self.status, self.asked = status, 0

    async def find(self, to_number: str, body: str, since: datetime, channel: Channel = "sms") -> list[Found]:
        self.asked += 1
        return [Found(sid="SM-old", status="undelivered"), Found(sid="SM-new", status=self.status, error_code="30003")]


@pytest.mark.parametrize(
    ("says", "after", "asked", "becomes"),
    [
        ("delivered", 54, 0, "sent"), ("delivered", 55, 1, "delivered"), ("undelivered", 55, 1, "failed"),
        ("sent", 55, 1, "sent"), ("delivered", 56, 0, "sent"), ("delivered", 175, 1, "delivered"),
    ],
)  # fmt: skip
async def test_of_one_whose_report_was_lost_the_provider_is_asked_before_it_is_called_undelivered(
    owner: Any, worker_db: Database, world: World, now: datetime, says: str, after: int, asked: int, becomes: str
) -> None:
    await try_phones.try_phones(worker_db, WORKER, now, TOLD)
    await owner.execute("UPDATE message SET status = 'sent'")
    await owner.execute(
        """INSERT INTO attempt (id, organization_id, message_id, provider, started_at, outcome, provider_sid)
           SELECT $1, organization_id, id, 'twilio', $2, 'accepted', 'SM-new' FROM message""", uuid7(), now,
    )  # fmt: skip
    later, gateway = now + timedelta(minutes=after), Lists(says)
    tests = await try_phones.unreported(worker_db, WORKER, "", later)
    await reconcile(transactions(worker_db), gateway, raise_alarm, lambda: later, unreported=tests)
    assert (gateway.asked, await owner.fetchval("SELECT status FROM message")) == (asked, becomes)
    await try_phones.try_phones(worker_db, WORKER, now + HOUR + timedelta(minutes=1), TOLD)
    assert await count(owner, "alarm", "kind = 'page_test_failed'") == (becomes != "delivered")


async def test_a_number_that_changed_since_is_not_said_to_have_been_tried(
    owner: Any, worker_db: Database, world: World, now: datetime
) -> None:
    await try_phones.try_phones(worker_db, WORKER, now, TOLD)
    await owner.execute("UPDATE message SET status = 'failed'")
    await try_phones.try_phones(worker_db, WORKER, now, TOLD)
    await owner.execute("UPDATE staff SET phone = '+12125557777'")
    await try_phones.try_phones(worker_db, WORKER, now, TOLD)
    assert await owner.fetchval("SELECT status FROM alarm") == "resolved"


@pytest.mark.parametrize("how", ["a shift", "the stand-in", "the charge nurse", "nothing"])
async def test_whoever_the_team_can_page_is_tried_member_or_not(
    owner: Any, worker_db: Database, world: World, now: datetime, how: str
) -> None:
    await owner.execute("DELETE FROM team_member")
    if how != "a shift":
        await owner.execute("DELETE FROM shift")
    if how == "the stand-in":
        await owner.execute("UPDATE team SET fallback_id = $1", world.nurse)
    if how == "the charge nurse":
        await owner.execute("UPDATE team SET charge_nurse_id = $1", world.nurse)
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == (0 if how == "nothing" else 1)
    async with worker_db.transaction(WORKER) as db:
        shown = [one.staff_id for one in await page_tests.latest(db, now, world.team)]
    assert shown == ([] if how == "nothing" else [world.nurse])


@pytest.mark.parametrize(
    ("tested", "away", "member", "alarms"),
    [
        (13, False, True, 0), (15, False, True, 1), (None, False, True, 1), (15, True, True, 0), (15, False, False, 0),
    ],
)  # fmt: skip
async def test_a_telephone_that_was_not_tried_for_two_weeks_is_an_alarm_until_it_is(
    owner: Any, worker_db: Database, world: World, now: datetime, tested: int | None, away: bool, member: bool, alarms: int
) -> None:  # fmt: skip
    """`member`: else she has just been given her first shift."""
    night = now.replace(hour=8)
    await owner.execute("UPDATE staff SET created_at = $1", now - timedelta(days=40))
    if tested is not None:
        await try_phones.try_phones(worker_db, WORKER, now, TOLD)
        await owner.execute("UPDATE page_test SET made_at = $1, monday = monday - 14", night - timedelta(days=tested))
        await owner.execute("UPDATE message SET unique_for = 'an earlier test'")
    if away:
        await owner.execute(
            "INSERT INTO time_off VALUES ($1, $2, $3, $4, $5)",
            uuid7(), world.organization, world.nurse, now - timedelta(days=20), now - timedelta(days=1),
        )  # fmt: skip
    if not member:
        await owner.execute("DELETE FROM team_member")
    assert await try_phones.try_phones(worker_db, WORKER, night, TOLD) == 0
    assert await count(owner, "alarm", "kind = 'page_test_failed' AND says LIKE '%no weekly test page%'") == alarms
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 1
    assert await count(owner, "alarm", "status = 'open'") == 0


@pytest.mark.parametrize(
    ("days_ago", "status", "number", "alarms"),
    [
        (1, "delivered", "hers", 0), (13, "delivered", "hers", 0), (15, "delivered", "hers", 1),
        (1, "sent", "hers", 1), (1, "delivered", "an earlier one", 1),
    ],
)  # fmt: skip
async def test_a_page_that_arrived_has_tried_the_telephone_of_who_never_has_a_quiet_shift(
    owner: Any, worker_db: Database, world: World, now: datetime, days_ago: int, status: str, number: str, alarms: int
) -> None:
    night = now.replace(hour=8)
    await owner.execute("UPDATE staff SET created_at = $1", now - timedelta(days=40))
    await owner.execute(
        """INSERT INTO message (id, organization_id, purpose, unique_for, staff_id, to_number, to_hash, wording,
               wording_version, language, body, status, not_before, created_at)
           SELECT $1, organization_id, 'page', 'a page', id, CASE WHEN $2 THEN phone ELSE '+12125550199' END, 'x',
                  'page', 1, 'en', 'x', $3, $4, $4 FROM staff WHERE id = $5""",
        uuid7(), number == "hers", status, night - timedelta(days=days_ago), world.nurse,
    )  # fmt: skip
    await try_phones.try_phones(worker_db, WORKER, night, TOLD)
    assert await count(owner, "alarm", "kind = 'page_test_failed' AND says LIKE '%no weekly test page%'") == alarms


async def test_a_team_that_switched_it_off_is_left_alone(
    owner: Any, worker_db: Database, world: World, now: datetime
) -> None:
    await owner.execute("UPDATE team SET test_pages = false")
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 0
    await owner.execute("UPDATE team SET test_pages = true")
    assert await try_phones.try_phones(worker_db, WORKER, now, TOLD) == 1
    await send_all(worker_db, LogGateway(), now)
    assert await owner.fetchval("SELECT status FROM message") == "withheld"
