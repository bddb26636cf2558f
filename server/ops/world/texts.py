"""The demo's past texts: pages and their weekly tests that arrived, reminders that were answered. None goes again."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import try_phones
from server.flows.page import Told
from server.gaps import gaps
from server.gaps.gaps import Touch
from server.ops.world import cast
from server.ops.world.cast import READY, SPANISH, Character
from server.people.coverage import monday_of
from server.people.phones import phone_hash

WORKER = Who(principal="service:worker")
SCREENING_REMINDED = timedelta(days=9)
REMINDED = ((5, 37), (13, 29), (18, 22), (27, 15), (36, 9))  # (place in the cast, days ago)

DELIVER = """
    WITH done AS (
        UPDATE message SET status = 'delivered', claimed_at = created_at + interval '1 second'
         WHERE organization_id = $1 AND status = 'queued' AND created_at <= $2
        RETURNING id, organization_id, created_at),
    called AS (
        INSERT INTO attempt (id, organization_id, message_id, provider, started_at, finished_at, outcome, provider_sid)
        SELECT gen_random_uuid(), organization_id, id, 'twilio', created_at + interval '1 second',
               created_at + interval '2 seconds', 'accepted', 'SM' || replace(id::text, '-', '')
          FROM done
        RETURNING id, organization_id, finished_at)
    INSERT INTO receipt (id, organization_id, attempt_id, status, received_at)
    SELECT gen_random_uuid(), organization_id, id, 'delivered', finished_at + interval '2 seconds' FROM called
"""


async def deliver(database: Database, organization: uuid.UUID, until: datetime) -> None:
    """What was queued in the past was delivered in the past."""
    async with database.transaction(WORKER) as db:
        await db.execute(DELIVER, organization, until)


TRIED_AT = (time(15, 5), time(19, 5))  # on Tuesday, one in each nurse's shift
ANSWERED = """
    UPDATE page_test SET answered_at = made_at + interval '2 minutes' WHERE organization_id = $1 AND answered_at IS NULL
"""


async def try_telephones(
    database: Database, organization: uuid.UUID, told: Told, since: datetime, now: datetime
) -> None:
    """The weekly test pages of the past: each telephone was tried, and answered."""
    tuesday = monday_of(since, cast.ZONE) + timedelta(days=8)
    while tuesday < now.date():
        for hour in TRIED_AT:
            at = datetime.combine(tuesday, hour, ZoneInfo(cast.ZONE)).astimezone(UTC)
            await try_phones.try_phones(database, WORKER, at, told)
            await deliver(database, organization, at)
        tuesday += timedelta(days=7)
    async with database.transaction(WORKER) as db:
        await db.execute(ANSWERED, organization)


OPEN_GAPS = """
    SELECT DISTINCT ON (patient_id) patient_id, id FROM gap
     WHERE organization_id = $1 AND status = 'open' ORDER BY patient_id, measure
"""


async def remember(
    database: Database,
    organization: uuid.UUID,
    people: Mapping[uuid.UUID, Character],
    field_key: str,
    now: datetime,
) -> None:
    """A few measurement reminders of the last weeks, and screening reminders to most whose check is due.

    The two patients with a portal have not been reminded yet: they are next.
    """
    places = {person.place: patient for patient, person in people.items()}
    past = [
        _reminder(organization, people, places[place], "reminder_measurement", field_key, now - timedelta(days=days))
        for place, days in REMINDED
    ]
    about = now - SCREENING_REMINDED
    async with database.transaction(WORKER) as db:
        gaps_of = {row["patient_id"]: row["id"] for row in await db.fetch(OPEN_GAPS, organization)}
        for patient, gap in gaps_of.items():
            if people[patient].part not in {READY, SPANISH}:
                text = _reminder(organization, people, patient, "reminder_screening", field_key, about)
                past.append(msgspec.structs.replace(text, gap_id=gap))
        await outbox.put(db, past)
        await gaps.touch(db, [_touch(text) for text in past if text.gap_id], about)
    await deliver(database, organization, now)


def _reminder(
    organization: uuid.UUID,
    people: Mapping[uuid.UUID, Character],
    patient: uuid.UUID,
    name: str,
    field_key: str,
    about: datetime,
) -> Message:
    person = people[patient]
    at = about.astimezone(ZoneInfo(person.zone)).replace(hour=11, minute=0, second=0, microsecond=0)
    text = wording.render(name, person.language, clinic=cast.CLINIC, url="the portal")
    return Message(
        id=uuid7(),
        organization_id=organization,
        purpose="reminder",
        unique_for=f"demo:{name}:{patient}:{at.date()}",
        to_number=person.phone,
        to_hash=phone_hash(field_key, person.phone),
        wording=text.name,
        wording_version=text.version,
        language=text.language,
        body=text.body,
        not_before=at,
        created_at=at,
        patient_id=patient,
    )


def _touch(text: Message) -> Touch:
    if text.patient_id is None or text.gap_id is None:
        raise ValueError("a touch needs a patient and a gap")
    return Touch(
        organization_id=text.organization_id,
        patient_id=text.patient_id,
        gap_id=text.gap_id,
        message_id=text.id,
    )
