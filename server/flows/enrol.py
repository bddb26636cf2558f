"""A patient joins or leaves a programme: its rules and reminders apply from now on, with the numbers it needs."""

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Db
from server.errors import Conflict, Invalid, NotFound
from server.flows import set_limits
from server.flows.answering import answering
from server.flows.look import NO_PATIENT
from server.flows.set_limits import OXYGEN
from server.monitoring import defaults, own_limits
from server.monitoring.own_limits import Level
from server.people import enrolments, joining
from server.people.joining import Choice
from server.security import audit
from server.security.sessions import Person

NO_PROGRAMME = "There is no such programme here. Go back and choose one from the list."
DRY_WEIGHT = "weight_high"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A programme by code, and the patient's own numbers that it needs or may have."""

    code: str
    spo2_target_pct: Decimal | None = None
    dry_weight_kg: Decimal | None = None


async def join(database: Database, person: Person, patient: uuid.UUID, asked: Asked, now: datetime) -> None:
    """One transaction. What the patient had of their own and is laxer than the programme's own limit ends with it."""
    async with answering(database, person, "patient.enrol", patient, now) as db:
        chosen = await _chosen(db, patient, lambda one: one.code == asked.code, now)
        if chosen.since is not None:
            raise Conflict(f"The patient is in {chosen.name} already.")
        await enrolments.enrol(db, person.organization, patient, [asked.code], now)
        await _own_numbers(db, person, patient, asked, now)
        await _end_laxer(db, person, patient, chosen, now)
        await _told(db, person, patient, "patient.enrol", chosen, now)


async def leave(database: Database, person: Person, patient: uuid.UUID, programme: uuid.UUID, now: datetime) -> None:
    """From now on. Limits of the patient's own stay until somebody takes them away."""
    async with answering(database, person, "patient.leave", patient, now) as db:
        chosen = await _chosen(db, patient, lambda one: one.programme_id == programme, now)
        if chosen.code == defaults.EVERYBODY:
            raise Invalid("Everybody stays in general monitoring. To stop monitoring, change the monitoring instead.")
        if not await enrolments.end(db, patient, programme, now):
            raise Conflict(f"The patient is not in {chosen.name}.")
        await _told(db, person, patient, "patient.leave", chosen, now)


async def _chosen(db: Db, patient: uuid.UUID, wanted: Callable[[Choice], bool], now: datetime) -> Choice:
    if await own_limits.lock(db, patient) is None:
        raise NotFound(NO_PATIENT)
    chosen = next((one for one in await joining.choices(db, patient, now) if wanted(one)), None)
    if chosen is None:
        raise NotFound(NO_PROGRAMME)
    return chosen


async def _own_numbers(db: Db, person: Person, patient: uuid.UUID, asked: Asked, now: datetime) -> None:
    levels = await own_limits.levels(db, patient, now)
    oxygen = _without_general(levels, OXYGEN)
    if asked.code == "copd" and asked.spo2_target_pct is None and not (oxygen and oxygen.own):
        raise Invalid("The COPD programme needs the patient's own oxygen target, for example 88 (%).")
    for level, value in (
        (oxygen, asked.spo2_target_pct),
        (_without_general(levels, DRY_WEIGHT), asked.dry_weight_kg),
    ):
        if level is not None and value is not None and not (level.own and level.own.value == value):
            wanted = set_limits.Asked(
                rule_id=level.rule_id, metric=level.metric, side=level.side, severity=level.severity, value=value,
                reason="Set at enrolment", locked=bool(level.own and level.own.locked),
            )  # fmt: skip
            await set_limits.put(db, person, patient, levels, level, wanted, None, now)


async def _end_laxer(db: Db, person: Person, patient: uuid.UUID, chosen: Choice, now: datetime) -> None:
    """A limit loosened for another reason must not hide the stricter one that this programme is joined for."""
    levels = await own_limits.levels(db, patient, now)
    for level in levels:
        if level.own and level.whose == chosen.name and level.laxer(level.own.value):
            why = f"Ended on joining {chosen.name}: its own limit is stricter"
            await set_limits.stop(db, person, patient, levels, level, why, now)


def _without_general(levels: list[Level], code: str) -> Level | None:
    return next((level for level in levels if level.code == code and level.general is None), None)


async def _told(db: Db, person: Person, patient: uuid.UUID, action: str, chosen: Choice, now: datetime) -> None:
    subject, detail = f"patient:{patient}", {"programme": chosen.code}
    await audit.note(db, person.who, person.organization, action, subject, now, patient=patient, detail=detail)
    await tell(db, Event(topic="patient", organization=person.organization, patient=patient))
