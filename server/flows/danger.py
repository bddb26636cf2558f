"""A patient's own words may be an emergency: whoever answers for them is paged, at any hour."""

import uuid
from datetime import datetime

from notifications import outbox, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows.heard import Heard
from server.flows.page import Told
from server.monitoring import alarms
from server.people import roster
from server.people.phones import phone_hash
from server.people.roster import OnShift

SAYS_DANGER = "A patient's text message may be an emergency. Call the patient now; the emergency number was sent."
SAYS_UNKNOWN = "A text message from {number}, which no patient has, may be an emergency. Call that number now."


async def page_staff(db: Db, heard: Heard, now: datetime, told: Told) -> None:
    """A high alarm, and a page to whoever answers for the patient, or for one we do not know: at once, at any hour."""
    says = SAYS_DANGER if heard.person else SAYS_UNKNOWN.format(number=heard.reply.from_number)
    await alarms.raise_alarm(db, heard.reply.organization_id, "patient_in_danger", heard.subject, "high", says, now)
    await tell(db, Event(topic="worklist", organization=heard.reply.organization_id))
    alarm = await alarms.standing(db, heard.reply.organization_id, "patient_in_danger", heard.subject)
    team = heard.person.team_id if heard.person else None
    person = await roster.answers(db, heard.reply.organization_id, team, now)
    if person is not None:
        await outbox.put(db, [_page(heard, person, alarm, now, told)])


def _page(heard: Heard, person: OnShift, alarm: uuid.UUID | None, now: datetime, told: Told) -> Message:
    text = wording.render("page_reply", "en", heard.own, url=f"{told.public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=heard.reply.organization_id, purpose="page",
        unique_for=f"page:reply:{heard.reply.id}", staff_id=person.staff_id, alarm_id=alarm, to_number=person.phone,
        to_hash=phone_hash(told.field_key, person.phone), wording=text.name, wording_version=text.version,
        language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
