"""Somebody gives a patient a limit of their own: seen on stored readings first, checked, and undone with one click."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from devices.units import BY_COLUMN
from server.db.events import Event, tell
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows.answering import answering
from server.flows.look import NO_PATIENT
from server.monitoring import defaults, limit_checks, limit_preview, own_limits
from server.monitoring.findings import Severity, Side
from server.monitoring.limit_preview import Preview
from server.monitoring.own_limits import Action, Change, Key, Level, New
from server.people import enrolments
from server.security import audit
from server.security.sessions import Person, Role

MAY: Final[tuple[Role, ...]] = ("nurse", "clinician", "admin")
UNLOCK: Final[tuple[Role, ...]] = ("clinician", "admin")
LOOSEN: Final[tuple[Role, ...]] = ("clinician",)
PREVIEW_DAYS = timedelta(days=30)
LONGEST = timedelta(days=366)
BOUNDS = {column: (metric.low, metric.high) for column, metric in BY_COLUMN.items()}
OXYGEN = "spo2_low"
NO_LEVEL = "There is no such limit for this patient. Go back and choose one from the list."
MEANWHILE = "Somebody changed this limit meanwhile. Look at what holds now, then decide again."
LOCKED = "This limit is locked: a clinician or an administrator changes it."
LAXER = "This would let pass what the programme's own limit does not: a clinician has to set it."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A value for one level. `through`: the last day it holds, on the patient's clock; None: until somebody changes it.

    `seen` is `seen(level)` of what the person looked at.
    """

    rule_id: uuid.UUID
    metric: str
    side: Side
    severity: Severity
    value: Decimal
    reason: str
    through: date | None = None
    locked: bool = False
    seen: str = ""


def seen(level: Level) -> str:
    """What tells one version of an own limit from the next; empty when there is none."""
    return level.own.valid_from.isoformat() if level.own else ""


def is_target(level: Level) -> bool:
    """An own oxygen target: one number for the patient, three levels of the rule."""
    return level.code == OXYGEN and level.general is None


def values_of(level: Level, value: Decimal | None) -> dict[Key, Decimal | None]:
    """The levels that one number stands for; None takes the patient's own away."""
    if not is_target(level):
        return {level.key: value}
    made = defaults.spo2_target(float(value or 0))
    return {(x.metric, x.side, x.severity): None if value is None else Decimal(str(x.value)) for x in made}


async def preview(
    db: Db, levels: Sequence[Level], patient: uuid.UUID, level: Level, value: Decimal, now: datetime
) -> Preview | None:
    """What it would have made of the last thirty days; `Invalid` when it cannot be so at all.

    None for a rule over a series, which no single reading crosses.
    """
    values = values_of(level, value)
    _check(levels, level, values)
    if level.kind != "crossing":
        return None
    measured = await limit_preview.stored(db, patient, now - PREVIEW_DAYS, now)
    return limit_preview.compare(measured, levels, level.rule_id, values)


async def set_own(database: Database, person: Person, patient: uuid.UUID, asked: Asked, now: datetime) -> None:
    """The old version ends, the new one begins, in one transaction with history and audit."""
    async with answering(database, person, "patient.limit", patient, now) as db:
        zone, levels = await _open(db, patient, now)
        level = find(levels, asked.rule_id, (asked.metric, asked.side, asked.severity))
        _as_seen(level, asked.seen)
        ends_at = _ends_at(level, asked.through, zone, now)
        await put(db, person, patient, levels, level, asked, ends_at, now)


async def put(
    db: Db, person: Person, patient: uuid.UUID, levels: Sequence[Level], level: Level, asked: Asked,
    ends_at: datetime | None, now: datetime,
) -> None:  # fmt: skip
    """The same inside a transaction that has locked the patient."""
    _may_change(person, level)
    values = values_of(level, asked.value)
    _check(levels, level, values)
    if limit_checks.laxer(levels, level.rule_id, values) and person.role not in LOOSEN:
        raise Refused(LAXER)
    if asked.locked and person.role not in UNLOCK:
        raise Refused("Only a clinician or an administrator locks a limit.")
    own = level.own
    if own and (own.value, own.ends_at, own.locked) == (asked.value, ends_at, asked.locked):
        raise Conflict("It is so already.")
    new = _new(person, patient, level.rule_id, "set", values, _reason(asked.reason))
    new = msgspec.structs.replace(new, ends_at=ends_at, locked=asked.locked)
    await own_limits.change(db, new, now)
    await _told(db, person, new, now)


async def end(
    database: Database, person: Person, patient: uuid.UUID, rule: uuid.UUID, key: Key, reason: str, seen_at: str,
    now: datetime,
) -> None:  # fmt: skip
    """The programme's own value holds again."""
    async with answering(database, person, "patient.limit", patient, now) as db:
        _, levels = await _open(db, patient, now)
        level = find(levels, rule, key)
        _as_seen(level, seen_at)
        if level.own is None:
            raise Conflict("It is so already.")
        if is_target(level) and "copd" in {one.code for one in await enrolments.of(db, patient, now)}:
            raise Invalid("The COPD programme needs the patient's own oxygen target. Set another one instead.")
        await stop(db, person, patient, levels, level, reason, now)


async def stop(
    db: Db, person: Person, patient: uuid.UUID, levels: Sequence[Level], level: Level, reason: str, now: datetime
) -> None:
    """The same inside a transaction that has locked the patient."""
    _may_change(person, level)
    values = values_of(level, None)
    _check(levels, level, values)
    new = _new(person, patient, level.rule_id, "end", values, _reason(reason))
    await own_limits.change(db, new, now)
    await _told(db, person, new, now)


async def undo(database: Database, person: Person, patient: uuid.UUID, change: uuid.UUID, now: datetime) -> None:
    """Take back the newest change of a rule's limits: what held before holds again, as it was."""
    async with answering(database, person, "patient.limit", patient, now) as db:
        _, levels = await _open(db, patient, now)
        was = next((one for one in await own_limits.history(db, patient) if one.id == change), None)
        if was is None:
            raise NotFound(NO_LEVEL)
        if not may_undo(was):
            raise Conflict(MEANWHILE)
        ended = await own_limits.ended_by(db, patient, change, now)
        back = {one.key: one.value for one in ended}
        values = {one.key: back.get(one.key) for one in was.levels}
        _may_restore(person, levels, was, values, locked=any(one.locked for one in ended))
        new = _new(person, patient, was.rule_id, "undo", values, "Taken back")
        new = msgspec.structs.replace(new, undoes=change)
        await own_limits.restore(db, new, ended, now)
        await _told(db, person, new, now)


def may_undo(change: Change) -> bool:
    """The newest change of its rule, unless it took one back itself."""
    return change.newest and change.action != "undo"


def _may_restore(
    person: Person, levels: Sequence[Level], was: Change, values: Mapping[Key, Decimal | None], *, locked: bool
) -> None:
    touched = [level for level in levels if level.rule_id == was.rule_id and level.key in values]
    for level in touched:
        _may_change(person, level)
    if touched:
        _check(levels, touched[0], values)
    if locked and person.role not in UNLOCK:
        raise Refused(LOCKED)
    if limit_checks.laxer(levels, was.rule_id, values) and person.role not in LOOSEN:
        raise Refused(LAXER)


def find(levels: Sequence[Level], rule: uuid.UUID, key: Key) -> Level:
    """The level of this patient; `NotFound` for one of no rule of theirs."""
    for level in levels:
        if (level.rule_id, level.key) == (rule, key):
            return level
    raise NotFound(NO_LEVEL)


async def _open(db: Db, patient: uuid.UUID, now: datetime) -> tuple[str, list[Level]]:
    zone = await own_limits.lock(db, patient)
    if zone is None:
        raise NotFound(NO_PATIENT)
    return zone, await own_limits.levels(db, patient, now)


def _as_seen(level: Level, seen_at: str) -> None:
    if seen(level) != seen_at:
        raise Conflict(MEANWHILE)


def _may_change(person: Person, level: Level) -> None:
    if person.role not in MAY:
        raise Refused("Nurses, clinicians and administrators change limits.")
    if level.own and level.own.locked and person.role not in UNLOCK:
        raise Refused(LOCKED)


def _check(levels: Sequence[Level], level: Level, values: Mapping[Key, Decimal | None]) -> None:
    wrong = limit_checks.problems(levels, level.rule_id, values, BOUNDS)
    if wrong:
        raise Invalid(" ".join(wrong))


def _reason(typed: str) -> str:
    if not typed.strip():
        raise Invalid("Say why: whoever answers the next alert reads it.")
    return typed.strip()


def _ends_at(level: Level, through: date | None, zone: str, now: datetime) -> datetime | None:
    """The end of the last day, on the patient's own clock."""
    if through is None:
        return None
    if level.general is None:
        raise Invalid("This is the patient's own target and has no end: set another when it changes.")
    ends = datetime.combine(through + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    if not now < ends <= now + LONGEST:
        raise Invalid("The last day is today or later, and within a year. Leave it empty to hold until it is changed.")
    return ends


def _new(
    person: Person, patient: uuid.UUID, rule: uuid.UUID, action: Action, values: Mapping[Key, Decimal | None], why: str
) -> New:
    return New(
        organization_id=person.organization, patient_id=patient, rule_id=rule, action=action, values=values, reason=why,
        author=person.principal,
    )  # fmt: skip


async def _told(db: Db, person: Person, new: New, now: datetime) -> None:
    """The audit names the rule and what was done, never a value."""
    detail = {"rule": str(new.rule_id), "action": new.action}
    subject = f"patient:{new.patient_id}"
    await audit.note(
        db, person.who, person.organization, "patient.limit", subject, now, patient=new.patient_id, detail=detail
    )
    await tell(db, Event(topic="patient", organization=person.organization, patient=new.patient_id))
