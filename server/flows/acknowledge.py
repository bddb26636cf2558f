"""Answering an alert or an alarm: one transaction with its audit and its event; one answer counts."""

import uuid
from datetime import datetime

from server.db import events
from server.db.events import Event
from server.db.pool import Database, Db
from server.errors import Conflict, NotFound, Refused
from server.flows.answering import answering, subject_of
from server.monitoring import alarms, alerts, how_far, silence
from server.monitoring.alerts import Outcome
from server.monitoring.how_far import Standing
from server.security import audit
from server.security.sessions import Person

GONE = "There is no such alert, or it belongs to somebody else. Go back to the worklist."


async def acknowledge(database: Database, person: Person, patient: uuid.UUID, alert: uuid.UUID, now: datetime) -> None:
    """I am dealing with it. `Conflict` names who was first; `NotFound` also for another organization's."""
    async with answering(database, person, "alert.acknowledge", alert, now) as db:
        if await alerts.acknowledge(db, patient, alert, _staff(person), now):
            await _record(db, person, "alert.acknowledge", alert, now, patient=patient)
        else:
            _too_late(await how_far.of_alert(db, patient, alert), person, "acknowledged")


async def resolve(
    database: Database,
    person: Person,
    patient: uuid.UUID,
    alert: uuid.UUID,
    outcome: Outcome,
    note: str,
    now: datetime,
) -> None:
    """It is done, with what came of it. An alert nobody acknowledged is acknowledged by the same act."""
    async with answering(database, person, "alert.resolve", alert, now) as db:
        if await alerts.resolve(db, patient, alert, _staff(person), outcome, note.strip(), now):
            await _record(db, person, "alert.resolve", alert, now, patient=patient, outcome=outcome)
        else:
            _too_late(await how_far.of_alert(db, patient, alert), person, "resolved")


async def acknowledge_alarm(database: Database, person: Person, alarm: uuid.UUID, now: datetime) -> None:
    """The same for trouble of a device or of ourselves."""
    async with answering(database, person, "alarm.acknowledge", alarm, now) as db:
        if await alarms.acknowledge_alarm(db, alarm, _staff(person), now):
            await _record(db, person, "alarm.acknowledge", alarm, now)
        else:
            _too_late(await how_far.of_alarm(db, alarm), person, "acknowledged")


async def resolve_alarm(database: Database, person: Person, alarm: uuid.UUID, note: str, now: datetime) -> None:
    """The trouble is over; the same trouble afterwards is a new alarm."""
    async with answering(database, person, "alarm.resolve", alarm, now) as db:
        if await alarms.resolve_alarm(db, alarm, _staff(person), note.strip(), now):
            behind = await silence.resolve_behind(db, alarm, _staff(person), note.strip(), now)
            for one in (alarm, *behind):
                await _record(db, person, "alarm.resolve", one, now)
        else:
            _too_late(await how_far.of_alarm(db, alarm), person, "resolved")


async def _record(
    db: Db,
    person: Person,
    action: str,
    answered: uuid.UUID,
    now: datetime,
    *,
    patient: uuid.UUID | None = None,
    outcome: str | None = None,
) -> None:
    detail = {"outcome": outcome} if outcome else None
    subject = subject_of(action, answered)
    await audit.note(db, person.who, person.organization, action, subject, now, patient=patient, detail=detail)
    await events.tell(db, Event(topic="worklist", organization=person.organization, patient=patient))


def _staff(person: Person) -> uuid.UUID:
    if person.staff_id is None:
        raise Refused("Alerts are answered by the care team.")
    return person.staff_id


def _too_late(standing: Standing | None, person: Person, aim: str) -> None:
    """Pressing twice is fine; another person is told who was first."""
    if standing is None:
        raise NotFound(GONE)
    if standing.status != aim or standing.by(aim) != person.staff_id:
        raise Conflict(standing.says())
