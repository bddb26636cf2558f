"""Somebody lays an alert aside for a while, or wakes it; when the time is over the worker brings it back."""

import uuid
from collections.abc import Sequence, Set
from datetime import date, datetime, timedelta

import msgspec

from notifications import escalation
from notifications.escalation import Step
from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.acknowledge import GONE
from server.flows.answering import answering
from server.flows.deeds import record, staff_of
from server.monitoring import chains, how_far, snoozes, steps, worklist
from server.monitoring.snoozes import LONGEST_HOURS, Begun, Ended, Reason
from server.monitoring.steps import StepRow
from server.people import holidays
from server.security import audit
from server.security.sessions import Person

NEVER_HIGH = "A high alert cannot be snoozed. Acknowledge it, or lower it after a reading within limits."
OLDER = "Older readings page nobody and need no snooze. Resolve the item when you have looked through it."
NOT_ASLEEP = "This alert is not snoozed any more. It is on the worklist."


async def snooze(
    database: Database,
    person: Person,
    patient: uuid.UUID,
    alert: uuid.UUID,
    *,
    hours: int,
    reason: Reason | None,
    note: str,
    now: datetime,
) -> None:
    """Medium and low only, up to 72 hours. `Conflict` names who was first; more of the same severity stays evidence."""
    note, until = note.strip(), now + _lasting(hours)
    async with answering(database, person, "alert.snooze", alert, now) as db:
        if await how_far.of_alert(db, patient, alert) is None:
            raise NotFound(GONE)
        await snoozes.end(db, now, alert)
        new = Begun(
            patient_id=patient, alert_id=alert, staff_id=staff_of(person), reason=_said(reason, note), note=note,
            starts_at=now, ends_at=until,
        )  # fmt: skip
        if not await snoozes.begin(db, new):
            await _say_why(db, patient, alert)
        detail = {"until": until.isoformat(), "reason": new.reason}
        await record(db, person, "alert.snooze", patient, alert, now, detail)


def _lasting(hours: int) -> timedelta:
    if not 0 < hours <= LONGEST_HOURS:
        raise Invalid(f"A snooze lasts up to {LONGEST_HOURS} hours.")
    return timedelta(hours=hours)


def _said(reason: Reason | None, note: str) -> Reason:
    if reason is None:
        raise Invalid("Choose why it can wait.")
    if reason == "other" and not note:
        raise Invalid("Say in a few words why it can wait.")
    return reason


async def wake(database: Database, person: Person, patient: uuid.UUID, alert: uuid.UUID, now: datetime) -> None:
    """The undo: it waits again, and its pages go on as if nothing had been."""
    async with answering(database, person, "alert.wake", alert, now) as db:
        if not await snoozes.wake(db, patient, alert, staff_of(person), now):
            if await how_far.of_alert(db, patient, alert) is None:
                raise NotFound(GONE)
            raise Conflict(NOT_ASLEEP)
        await record(db, person, "alert.wake", patient, alert, now)


async def _say_why(db: Db, patient: uuid.UUID, alert: uuid.UUID) -> None:
    item = await worklist.one_alert(db, patient, alert)
    if item is None:
        raise NotFound(GONE)
    if item.status == "resolved":
        raise Conflict("Somebody has resolved this already.")
    if item.severity == "high":
        raise Refused(NEVER_HIGH)
    if item.snooze is None:
        raise Refused(OLDER)
    raise Conflict(f"{item.snooze.by} has snoozed this already.")


async def expire(database: Database, who: Who, now: datetime) -> int:
    """Bring back what was laid aside until now: on every worklist, and with a new round of pages. Returns how many."""
    async with database.transaction(who) as db:
        ended = await snoozes.end(db, now)
        over = [one for one in ended if one.ended_why == "expired"]
        its = await steps.of(db, [one.organization_id for one in over])
        closed = await holidays.of_teams(db, [one.team_id for one in over if one.team_id], now.date())
        rounds = [
            (one.alert_id, one.ends_at, _due(its, one, closed[one.team_id].keys(), now)) for one in over if one.team_id
        ]
        await chains.new_round(db, rounds, now)
        for one in over:
            await audit.note(
                db, who, one.organization_id, "alert.return", f"alert:{one.alert_id}", now, patient=one.patient_id,
                detail={"why": "snooze_over"},
            )  # fmt: skip
        await tell(
            db, *(Event(topic="worklist", organization=one.organization_id, patient=one.patient_id) for one in ended)
        )
    return len(over)


def _due(rows: Sequence[StepRow], one: Ended, closed: Set[date], now: datetime) -> datetime:
    """At once, or at the next beginning of a working day where the first step says so (low)."""
    assert one.team_id is not None
    own = steps.for_chain(rows, one.organization_id, one.team_id, one.severity)
    its = [msgspec.convert(row, Step, from_attributes=True) for row in own] or escalation.DEFAULTS[one.severity]
    return escalation.working_day(now, one.zone, closed) if its[0].business_day else now
