"""A table of appointments as a booking system writes it out: every line or none, and the same file may come again."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast, get_args

import asyncpg
import msgspec

from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid
from server.flows import book, tables
from server.flows.book import Subject
from server.outreach import appointments
from server.outreach.appointments import STATUSES, Status
from server.people import record_numbers
from server.people.record_numbers import Numbered
from server.security import audit

COLUMNS = ("mrn", "starts_at", "measure", "status")
MOST_ROWS = 20_000
AT_ONCE = "Somebody booked one of these appointments at this very moment. Nothing was taken in; run it once more."


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table; `starts_at` is "2026-12-01 10:30" on the patient's clock."""

    number: int
    mrn: str
    starts_at: str
    measure: str | None
    status: Status | None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was new and what changed; the rest was known and is left as it is."""

    lines: int
    booked: int
    changed: int


async def import_table(database: Database, who: Who, text: str, now: datetime) -> Imported:
    """Every line or none: `Invalid` names all that is wrong, by line."""
    try:
        return await _import(database, who, read(text), now)
    except asyncpg.UniqueViolationError:
        raise Conflict(AT_ONCE) from None


async def _import(database: Database, who: Who, lines: Sequence[Line], now: datetime) -> Imported:
    async with database.transaction(who) as db:
        known = await record_numbers.known(db, sorted({line.mrn for line in lines}))
        zones = await appointments.zones(db, [one.id for one in known.values()])
        measures = await appointments.known_measures(db)
        tables.refuse([says for line in lines if (says := _unknown(line, known, measures))])
        wrong, done = list[str](), list[str]()
        for line in lines:
            try:
                patient = known[line.mrn]
                done.append(await _enter(db, who, patient, line, zones[patient.id], now))
            except Invalid as error:
                wrong.append(f"line {line.number}: {error.says}")
        tables.refuse(wrong)
        if done:
            counts = {"lines": len(lines), "booked": done.count("booked"), "changed": done.count("changed")}
            organization = next(iter(known.values())).organization_id
            await audit.note(db, who, organization, "appointment.import", "appointments", now, detail=counts)
    return Imported(lines=len(lines), booked=done.count("booked"), changed=done.count("changed"))


def _unknown(line: Line, known: Mapping[str, Numbered], measures: Collection[str]) -> str | None:
    if line.mrn not in known:
        return f"line {line.number}: there is no patient {line.mrn}"
    if line.measure and line.measure not in measures:
        return f"line {line.number}: measure {line.measure!r} is none of {', '.join(sorted(measures)) or 'ours'}"
    return None


async def _enter(db: Db, who: Who, patient: Numbered, line: Line, zone: str, now: datetime) -> str:
    """`booked`, `changed`, or `known`: without a status of its own a known line changes nothing."""
    day, _, at = line.starts_at.partition(" ")
    starts_at = book.moment(day, at, zone)
    found = await appointments.at(db, patient.id, starts_at)
    if found is None:
        return await _new(db, who, patient, line, starts_at, now)
    if line.status is None or line.status == found.status:
        return "known"
    await _move(db, who, _subject(patient, found.id, found.status), line.status, now)
    return "changed"


async def _new(db: Db, who: Who, patient: Numbered, line: Line, starts_at: datetime, now: datetime) -> str:
    """One that was cancelled before it was known here needs no row; one that is over was kept or missed."""
    if line.status == "cancelled":
        return "known"
    if line.status in {None, "booked"}:
        book.to_come(starts_at, now)
    made = await book.enter(db, who, patient.organization_id, patient.id, starts_at, line.measure, "csv", now)
    if made is None:
        raise Invalid("one is booked for this time already")
    if line.status in {"fulfilled", "noshow"}:
        await _move(db, who, _subject(patient, made, "booked"), cast("Status", line.status), now)
    return "booked"


async def _move(db: Db, who: Who, one: Subject, to: Status, now: datetime) -> None:
    """By way of *booked*, so that what followed from the last word is taken back first."""
    if one.was != "booked" and to != "booked":
        await _move(db, who, one, "booked", now)
        one = msgspec.structs.replace(one, was="booked")
    if not await book.move(db, who, one, to, now):
        raise Invalid("it has not begun yet, or another is booked for this time")


def _subject(patient: Numbered, appointment: uuid.UUID, was: Status) -> Subject:
    return Subject(organization=patient.organization_id, patient=patient.id, appointment=appointment, was=was)


def read(text: str) -> list[Line]:
    """The lines of the table; `Invalid` with everything that is wrong, not only the first."""
    return tables.read(text, COLUMNS, 2, _line, MOST_ROWS)


def _line(number: int, row: dict[str, str]) -> Line:
    if not row["mrn"]:
        raise ValueError("a record number is needed")
    try:
        datetime.strptime(row["starts_at"], "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the patient's zone is not known yet
    except ValueError:
        raise ValueError(f"starts_at {row['starts_at']!r} is not written like 2026-12-01 10:30") from None
    if row["status"] and row["status"] not in STATUSES:
        raise ValueError(f"status {row['status']!r} is none of {', '.join(get_args(Status))}")
    return Line(
        number=number, mrn=row["mrn"], starts_at=row["starts_at"], measure=row["measure"] or None,
        status=row["status"] or None,
    )  # fmt: skip
