"""Each telephone that pages go to gets a test page once a week; one without, or that it does not reach, is an alarm."""

from datetime import datetime

from notifications import outbox, wording
from notifications.messages import Message
from notifications.outbox import InDoubt
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows.page import Told
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.people import page_tests
from server.people.page_tests import Latest, Phone
from server.people.phones import phone_hash

KIND = "page_test_failed"
ARRIVED = "Closed by itself: a test page has arrived since, or this telephone is not paged any more."
WHY = {
    "opted_out": "the telephone has opted out: the owner must text START to our number",
    "21610": "the telephone has opted out: the owner must text START to our number",
    None: "the provider did not say that it was delivered",
}
OTHERWISE = "the provider could not deliver it: check the number"


async def try_phones(database: Database, who: Who, now: datetime, told: Told) -> int:
    """Write the test pages that are due, look at what became of the earlier ones; returns how many were written."""
    async with database.transaction(who) as db:
        made = [await _make(db, phone, now, told) for phone in await page_tests.untested(db, now)]
        if any(made):
            await tell(db, Event(topic="outbox"))
        await _watch(db, now)
    return sum(made)


async def unreported(database: Database, who: Who, default_sender: str, now: datetime) -> list[InDoubt]:
    """Whose report was lost, perhaps: before it is called undelivered, the provider is asked."""
    async with database.transaction(who) as db:
        return [InDoubt(**row) for row in await page_tests.unreported(db, default_sender, now)]


async def _make(db: Db, phone: Phone, now: datetime, told: Told) -> bool:
    monday = page_tests.due(phone, now)
    if monday is None:
        return False
    text = wording.render("test_page", "en")
    message = Message(
        id=uuid7(), organization_id=phone.organization_id, purpose=text.purpose,
        unique_for=f"test_page:{phone.staff_id}:{monday}", staff_id=phone.staff_id, to_number=phone.phone,
        to_hash=phone_hash(told.field_key, phone.phone), wording=text.name, wording_version=text.version,
        language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
    ours = await page_tests.make(db, phone, monday, message.id, now)
    return ours and bool(await outbox.put(db, [message]))


async def _watch(db: Db, now: datetime) -> None:
    failed = [one for one in await page_tests.latest(db, now) if one.came in {"not_arrived", "not_tried"}]
    changed = set(await alarms.keep(db, [_alarm(one) for one in failed], now))
    still = {(one.organization_id, str(one.staff_id)) for one in failed}
    over = [one for one in await alarms.standing_subjects(db, KIND) if one not in still]
    await alarms.settle(db, KIND, over, ARRIVED, now)
    changed |= {organization for organization, _ in over}
    await tell(db, *(Event(topic="worklist", organization=organization) for organization in sorted(changed)))


def _alarm(one: Latest) -> Alarm:
    if one.came == "not_tried":
        says = f"The telephone of {one.name} got no weekly test page for two weeks: text it, and see that it arrives."
    else:
        why = WHY.get(one.reason, OTHERWISE)
        says = (
            f"The weekly test page did not reach {one.name}: {why}. Until then pages may not arrive: put somebody "
            "else on shift, or reach them by telephone."
        )
    return Alarm(
        organization_id=one.organization_id, kind=KIND, subject=str(one.staff_id), severity="medium", says=says
    )
