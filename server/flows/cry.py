"""A patient cries for help: an alarm that stands open, and a page at once, also when somebody took the last cry."""

import uuid
from datetime import datetime

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db, Who
from server.flows import returned
from server.flows.page import Told
from server.monitoring import alarms, returns
from server.monitoring.alarms import Alarm
from server.outreach import wordings
from server.people import roster
from server.people.phones import phone_hash
from server.people.roster import OnShift


class Cry(msgspec.Struct, frozen=True, kw_only=True):
    """One event of somebody in danger now. `event` names it: brought again, it is not heard again.

    Without a team it is for whoever answers for any of the organization's (`roster.answers`).
    """

    organization_id: uuid.UUID
    kind: str
    subject: str
    says: str
    event: str
    wording: str
    team_id: uuid.UUID | None
    patient_id: uuid.UUID | None = None


async def hear(db: Db, who: Who, one: Cry, now: datetime, told: Told) -> None:
    """The alarm, open again if it was taken, with pages from the first step; the first page is written here.

    The caller lets nobody else hear the same event meanwhile.
    """
    name = f"page:{one.event}"
    if await outbox.written(db, one.organization_id, name):
        return
    alarm = Alarm(
        organization_id=one.organization_id, kind=one.kind, subject=one.subject, severity="high", says=one.says
    )
    await returned.note(db, who, await returns.cry(db, [alarm], now), now)
    await tell(db, Event(topic="worklist", organization=one.organization_id, patient=one.patient_id))
    person = await roster.answers(db, one.organization_id, one.team_id, now)
    if person is not None:
        standing = await alarms.standing(db, one.organization_id, one.kind, one.subject)
        own = await wordings.of(db, one.organization_id)
        await outbox.put(db, [_page(one, name, person, standing, own, now, told)])
        await tell(db, Event(topic="outbox"))


def _page(
    one: Cry, name: str, person: OnShift, alarm: uuid.UUID | None, own: wordings.Owns, now: datetime, told: Told
) -> Message:  # fmt: skip
    text = wording.render(one.wording, "en", own, url=f"{told.public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=one.organization_id, purpose="page", unique_for=name, staff_id=person.staff_id,
        alarm_id=alarm, to_number=person.phone, to_hash=phone_hash(told.field_key, person.phone), wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
