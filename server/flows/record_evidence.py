"""Staff enter that something was done on a day, or take it back; measures are judged again, gaps close or reopen."""

import uuid
from datetime import date, datetime, timedelta

import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import tables
from server.gaps import gaps
from server.gaps.evidence import NewEvidence
from server.people import record_numbers
from server.people.record_numbers import Numbered
from server.security import audit

KINDS = tuple(dict.fromkeys(kind for measure in gaps.MEASURES.values() for kind in measure.kinds))
COLUMNS = ("mrn", "kind", "done_on", "source")
MOST_ROWS = 100_000
LONGEST_SOURCE = 200
FUTURE = "This lies in the future. Evidence is what was done."
NO_SOURCE = "Say where it was read, in at most 200 characters: a letter, a report, another record."
GONE = "This result does not stand in the record any more. Look at the list again."


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is a measure's own word; `source` says where it was read: a letter, a report, another record."""

    mrn: str
    kind: str
    done_on: date
    source: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was known already is left as it is."""

    lines: int
    new: int
    closed: int


async def record_evidence(database: Database, who: Who, given: Given, now: datetime) -> list[uuid.UUID]:
    """The gaps it closed; `Conflict` when it is known already."""
    _refuse_wrong(given, now)
    async with database.transaction(who) as db:
        patient = (await record_numbers.known(db, [given.mrn])).get(given.mrn)
        if patient is None:
            raise NotFound(f"There is no patient {given.mrn}. careloop patient list shows them.")
        closed = await _enter(db, who, patient, given, now)
    if closed is None:
        raise Conflict("This result is known already: the same test on the same day. Nothing was changed.")
    return closed


async def withdraw(database: Database, who: Who, patient: uuid.UUID, evidence: uuid.UUID, now: datetime) -> None:
    """It was entered in error: it counts no more, and what it closed opens again unless something else closes it."""
    async with database.transaction(who) as db:
        kind = await gaps.withdraw_evidence(db, patient, evidence, who.principal, now)
        if kind is None or who.organization is None:
            raise Conflict(GONE)
        await audit.note(db, who, who.organization, "evidence.withdraw", f"evidence:{kind}", now, patient=patient)
        await tell(db, Event(topic="gap", organization=who.organization, patient=patient))


async def import_table(database: Database, who: Who, text: str, now: datetime) -> Imported:
    """Every line or none: `Invalid` names all that is wrong, by line. The same file may come again."""
    lines = tables.read(text, COLUMNS, len(COLUMNS), lambda number, row: (number, _given(row, now)), MOST_ROWS)
    async with database.transaction(who) as db:
        known = await record_numbers.known(db, sorted({given.mrn for _, given in lines}))
        tables.refuse(
            [f"line {number}: there is no patient {given.mrn}" for number, given in lines if given.mrn not in known]
        )
        done = [await _enter(db, who, known[given.mrn], given, now) for _, given in lines]
    entered = [closed for closed in done if closed is not None]
    return Imported(lines=len(lines), new=len(entered), closed=sum(map(len, entered)))


def _given(row: dict[str, str], now: datetime) -> Given:
    try:
        done_on = date.fromisoformat(row["done_on"])
    except ValueError:
        raise ValueError(f"done_on {row['done_on']!r} is not written like 2026-03-02") from None
    given = Given(mrn=row["mrn"], kind=row["kind"], done_on=done_on, source=row["source"])
    try:
        _refuse_wrong(given, now)
    except Invalid as error:
        raise ValueError(error.says) from None
    return given


def _refuse_wrong(given: Given, now: datetime) -> None:
    if given.kind not in KINDS:
        raise Invalid(f"{given.kind!r} is no evidence that a measure asks for. Known: {', '.join(KINDS)}.")
    if given.done_on > (now + timedelta(hours=14)).date():  # where the day begins first
        raise Invalid(FUTURE)
    if not 0 < len(given.source.strip()) <= LONGEST_SOURCE:
        raise Invalid(NO_SOURCE)


async def _enter(db: Db, who: Who, patient: Numbered, given: Given, now: datetime) -> list[uuid.UUID] | None:
    """The gaps it closed; `None`, and no word in the audit, when it was known already."""
    new = NewEvidence(
        organization_id=patient.organization_id, patient_id=patient.id, kind=given.kind, done_on=given.done_on,
        source=given.source.strip(), author=who.principal,
    )  # fmt: skip
    closed = await gaps.record_evidence(db, new, now)
    if closed is not None:
        await audit.note(
            db, who, patient.organization_id, "evidence.record", f"evidence:{given.kind}", now, patient=patient.id
        )
        await tell(db, Event(topic="gap", organization=patient.organization_id, patient=patient.id))
    return closed
