"""What a patient takes and what was dispensed is entered by staff, or read from a small table; all of it or nothing."""

import re
import uuid
from datetime import date, datetime, time
from typing import get_args

import msgspec

from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import tables
from server.gaps.adherence import AdherenceClass, Fill
from server.people import medicines, record_numbers
from server.people.medicines import NewMedicine, Stock
from server.people.record_numbers import Numbered
from server.security import audit

COLUMNS = (
    "mrn", "medicine", "class", "times", "filled_on", "days_supply", "every_hours", "ends_on", "doses_left",
    "counted_on",
)  # fmt: skip
MOST_DOSES = 10_000
MOST_ROWS = 100_000
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: a medicine, a fill of it and a count of its doses where they are given."""

    number: int
    mrn: str
    medicine: NewMedicine
    fill: Fill | None
    stock: Stock | None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was new; what was known already is left as it is. `stopped`: lines of medicines that stay stopped."""

    lines: int
    medicines: int
    fills: int
    counts: int
    stopped: list[int]


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """What one line brought."""

    medicine: bool
    fill: bool
    count: bool
    stays_stopped: bool


async def prescribe(database: Database, who: Who, mrn: str, new: NewMedicine, now: datetime) -> uuid.UUID:
    """The patient takes it from now on; `Conflict` when one of that name stands already."""
    async with database.transaction(who) as db:
        patient = await _patient(db, mrn)
        made = await medicines.put(db, patient.id, new, who.principal, now)
        if made is None:
            raise Conflict(f"{new.name} is on this patient's list already. Stop it first to enter other times.")
        await _note(db, who, patient, "medicine.add", made, now)
    return made


async def stop(database: Database, who: Who, mrn: str, name: str, now: datetime) -> None:
    """The patient no longer takes it."""
    async with database.transaction(who) as db:
        patient = await _patient(db, mrn)
        found = await medicines.named(db, patient.id, name)
        if found is None or not await medicines.stop(db, patient.id, found, who.principal, now):
            raise NotFound(f"{name} is not on this patient's list.")
        await _note(db, who, patient, "medicine.stop", found, now)


async def dispense(database: Database, who: Who, mrn: str, name: str, fill: Fill, now: datetime) -> bool:
    """False when this fill is known already."""
    async with database.transaction(who) as db:
        patient = await _patient(db, mrn)
        found = await medicines.named(db, patient.id, name)
        if found is None:
            raise NotFound(f"{name} is not on this patient's list. Add it first: careloop medicine add")
        new = await medicines.dispense(db, patient.id, found, fill, "staff", who.principal, now)
        if new:
            await _note(db, who, patient, "medicine.dispense", found, now)
    return new


async def withdraw(database: Database, who: Who, mrn: str, fill: uuid.UUID, now: datetime) -> None:
    """A fill that staff entered in error counts no more; `NotFound` also when somebody took it back before."""
    async with database.transaction(who) as db:
        patient = await _patient(db, mrn)
        medicine = await medicines.withdraw(db, patient.id, fill, who.principal, now)
        if medicine is None:
            raise NotFound("There is no such fill any more. Nothing was changed.")
        detail = {"fill": str(fill)}
        await audit.note(
            db, who, patient.organization_id, "medicine.withdraw_fill", f"medicine:{medicine}", now,
            patient=patient.id, detail=detail,
        )  # fmt: skip


async def count(database: Database, who: Who, mrn: str, name: str, stock: Stock, now: datetime) -> bool:
    """False when this count is known already, or a later one is."""
    async with database.transaction(who) as db:
        patient = await _patient(db, mrn)
        found = await medicines.named(db, patient.id, name)
        if found is None:
            raise NotFound(f"{name} is not on this patient's list. Add it first: careloop medicine add")
        new = await medicines.count(db, patient.id, found, stock)
        if new:
            await _note(db, who, patient, "medicine.count", found, now)
    return new


async def import_table(database: Database, who: Who, text: str, now: datetime) -> Imported:
    """Every line or none: `Invalid` names all that is wrong, by line."""
    lines = read(text, now)
    async with database.transaction(who) as db:
        known = await record_numbers.known(db, sorted({line.mrn for line in lines}))
        unknown = [f"line {line.number}: there is no patient {line.mrn}" for line in lines if line.mrn not in known]
        tables.refuse(unknown)
        new = [await _enter(db, who, known[line.mrn], line, now) for line in lines]
    return Imported(
        lines=len(lines), medicines=sum(one.medicine for one in new), fills=sum(one.fill for one in new),
        counts=sum(one.count for one in new),
        stopped=[line.number for line, one in zip(lines, new, strict=True) if one.stays_stopped],
    )  # fmt: skip


async def _enter(db: Db, who: Who, patient: Numbered, line: Line, now: datetime) -> Entered:
    """A table does not start again what staff stopped: its line comes again with every export. Its fill counts."""
    name, made = line.medicine.name, None
    found = await medicines.named(db, patient.id, name)
    stopped = None if found else await medicines.stopped(db, patient.id, name)
    if found is None and stopped is None:
        made = await medicines.put(db, patient.id, line.medicine, who.principal, now)
    about = found or stopped or made or await medicines.named(db, patient.id, name)
    filled = counted = False
    if line.fill is not None and about is not None:
        filled = await medicines.dispense(db, patient.id, about, line.fill, "csv", who.principal, now)
    if line.stock is not None and about is not None:
        counted = await medicines.count(db, patient.id, about, line.stock)
    if about is not None and (made or filled or counted):
        await _note(db, who, patient, "medicine.import", about, now)
    return Entered(medicine=made is not None, fill=filled, count=counted, stays_stopped=stopped is not None)


def read(text: str, now: datetime) -> list[Line]:
    """The lines of the table; `Invalid` with everything that is wrong, not only the first."""
    return tables.read(text, COLUMNS, 2, lambda number, row: _line(number, row, now), MOST_ROWS)


def _line(number: int, row: dict[str, str], now: datetime) -> Line:
    if not row["mrn"] or not row["medicine"]:
        raise ValueError("a record number and a medicine are needed")
    try:
        group: AdherenceClass = msgspec.convert(row["class"] or "other", AdherenceClass)
    except msgspec.ValidationError:
        raise ValueError(f"class {row['class']!r} is none of {', '.join(get_args(AdherenceClass))}") from None
    today = now.date()
    fill, times = _fill(row, today), [_time(one) for one in row["times"].split()]
    every = _whole(row["every_hours"], 168, "every_hours") if row["every_hours"] else None
    if times and every:
        raise ValueError("give times or every_hours, not both")
    starts, ends = fill.filled_on if fill else today, _last_day(row["ends_on"])
    if ends is not None and ends < starts:
        starts = ends  # it is over: what was filled of it counts all the same
    medicine = NewMedicine(
        name=row["medicine"], starts_on=starts, ends_on=ends, adherence_class=group, at_times=times, every_hours=every,
        first_dose_at=now if every else None, as_needed=not (times or every), source="csv",
    )  # fmt: skip
    return Line(number=number, mrn=row["mrn"], medicine=medicine, fill=fill, stock=_stock(row, today))


def _last_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError("ends_on is written 2026-11-30") from None


def _stock(row: dict[str, str], today: date) -> Stock | None:
    if not row["doses_left"] and not row["counted_on"]:
        return None
    try:
        stock = Stock(_whole(row["doses_left"], MOST_DOSES, "doses_left", 0), date.fromisoformat(row["counted_on"]))
    except ValueError:
        raise ValueError("doses_left is a whole number and counted_on is written 2026-11-30") from None
    if stock.on > today:
        raise ValueError("counted_on lies in the future")
    return stock


def _whole(text: str, most: int, name: str, least: int = 1) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}")
    return int(text)


def times_of(text: str) -> list[time]:
    """Times with spaces between; `Invalid` says which is none."""
    try:
        return [_time(one) for one in text.split()]
    except ValueError as error:
        raise Invalid(f"{str(error).capitalize()}.") from None


def _fill(row: dict[str, str], today: date) -> Fill | None:
    if not row["filled_on"] and not row["days_supply"]:
        return None
    try:
        fill = Fill(date.fromisoformat(row["filled_on"]), int(row["days_supply"]))
    except ValueError:
        raise ValueError("filled_on is written 2026-11-30 and days_supply is a whole number") from None
    if fill.filled_on > today or not 1 <= fill.days_supply <= 365:
        raise ValueError("filled_on lies in the future, or days_supply is not between 1 and 365")
    return fill


def _time(text: str) -> time:
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time; write 08:00, several with a space between")
    return time(int(found[1]), int(found[2]))


async def _patient(db: Db, mrn: str) -> Numbered:
    found = (await record_numbers.known(db, [mrn])).get(mrn)
    if found is None:
        raise NotFound(f"There is no patient {mrn}. careloop patient list shows them.")
    return found


async def _note(db: Db, who: Who, patient: Numbered, action: str, item: uuid.UUID, now: datetime) -> None:
    await audit.note(db, who, patient.organization_id, action, f"medicine:{item}", now, patient=patient.id)
