"""What waits for a person, beside the worklist: readings held in doubt, and what could not be understood."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from litestar import MediaType, Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from devices import queues, second_look
from devices.queues import Held
from server.db.pool import Db
from server.errors import CareloopError, Conflict, Invalid, NotFound
from server.flows import decode_again
from server.flows import resolve_held as flow
from server.flows.page import told_of
from server.flows.resolve_held import GONE, Decision
from server.people import patients
from server.security import audit
from server.security.guards import allow
from server.security.sessions import Person
from server.settings import Settings
from server.web.careteam import measures, recovery
from server.web.forms import typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
PER_PAGE: Final = 50
FIRST: Final = (datetime(1970, 1, 1, tzinfo=UTC), uuid.UUID(int=0))
SHOWN_BYTES: Final = 2048
MAY: Final = allow("nurse", "coordinator", "admin")


@get("/queues", guards=[MAY], include_in_schema=False)
async def queues_page(
    request: Asked,
    person: NamedDependency[Person],
    tab: FromQuery[Literal["held", "quarantine"]] = "held",
    since: FromQuery[datetime | None] = None,
    item: FromQuery[uuid.UUID | None] = None,
) -> Template:
    """One tab, longest waiting first; a look is noted with whom it showed."""
    now, after = datetime.now(UTC), (since or FIRST[0], item or FIRST[1])
    async with request.app.state.database.transaction(person.who) as db:
        in_hold, in_quarantine = await queues.counts(db)
        found: list[Any] = await (queues.held if tab == "held" else queues.poisons)(db, after, PER_PAGE + 1)
        gone: list[Any] = await (queues.discarded if tab == "held" else queues.discarded_poisons)(db, now)
        alike = await second_look.groups(db) if tab == "quarantine" else []
        seen = {str(one.patient_id) for one in (*found, *gone) if getattr(one, "patient_id", None)}
        detail = {"tab": tab, "patients": sorted(seen)}
        await audit.note(db, person.who, person.organization, "queues.view", "queues", now, detail=detail)
    more = found[PER_PAGE - 1] if len(found) > PER_PAGE else None
    return page(
        "careteam/queues.html", person, tab=tab, items=found[:PER_PAGE], more=more, gone=gone, in_hold=in_hold,
        in_quarantine=in_quarantine, reasons=measures.REASONS, says=measures.says, paged=since is not None, alike=alike,
    )  # fmt: skip


@get("/queues/count", guards=[MAY], include_in_schema=False, media_type=MediaType.HTML)
async def queues_count(request: Asked, person: NamedDependency[Person]) -> Template:
    """For the navigation: how many wait."""
    async with request.app.state.database.transaction(person.who) as db:
        return page("careteam/queues_count.html", person, waiting=sum(await queues.counts(db)))


@get("/queues/held/{held_id:uuid}", guards=[MAY], include_in_schema=False)
async def held_page(request: Asked, person: NamedDependency[Person], held_id: FromPath[uuid.UUID]) -> Template:
    return await _held_page(request, person, held_id)


async def _held_page(
    request: Asked, person: Person, held_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Mapping[str, str] | None = None,
) -> Template:  # fmt: skip
    """The item with its forms; after an error as it was typed."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        held = await queues.one(db, held_id)
        if held is None:
            raise NotFound(GONE)
        candidates = await queues.candidates(db, held)
        seen = {"patients": sorted({str(one.patient_id) for one in candidates})}
        subject = f"held:{held_id}"
        await audit.note(
            db, person.who, person.organization, "held.view", subject, now, patient=held.patient_id, detail=seen
        )
    return page(
        "careteam/queue_held.html", person, status=error.status if error else 200, held=held, candidates=candidates,
        typed=typed or {}, problem=error.says if error else None, numbers=measures.numbers(held.reading, typed),
        reasons=measures.REASONS, says=measures.says, unit_names=measures.UNIT_NAMES, ahead=held.measured_at > now,
        can_undo=_can_undo(held.resolution or "", held.resolved_at, now),
    )  # fmt: skip


def _can_undo(resolution: str, resolved_at: datetime | None, now: datetime) -> bool:
    return resolution == "discarded" and resolved_at is not None and now - resolved_at < queues.UNDO_WITHIN


@post("/queues/held/{held_id:uuid}/assign", guards=[MAY], include_in_schema=False)
async def assign(request: Asked, person: NamedDependency[Person], held_id: FromPath[uuid.UUID]) -> Template | Redirect:
    """Keep it as a reading of the chosen patient, with the values as they stand in the form."""
    typed = await typed_in(request)
    settings: Settings = request.app.state.settings
    now = datetime.now(UTC)
    told = told_of(settings)
    try:
        decision = await _decision(request, person, held_id, typed)
        await flow.assign(request.app.state.database, person, held_id, decision, now, told)
    except (Invalid, Conflict, NotFound) as error:
        return await _held_page(request, person, held_id, error=error, typed=typed)
    return Redirect("/queues?tab=held", status_code=303)


async def _decision(request: Asked, person: Person, held_id: uuid.UUID, typed: Mapping[str, str]) -> Decision:
    async with request.app.state.database.transaction(person.who) as db:
        held = await queues.one(db, held_id)
        if held is None:
            raise NotFound(GONE)
        patient = await _chosen(db, typed)
    note = _note(typed)
    time: Literal["measured", "received"] = "received" if typed.get("time") == "received" else "measured"
    return Decision(patient=patient, note=note, time=time, values=_corrected(held, typed))


async def _chosen(db: Db, typed: Mapping[str, str]) -> uuid.UUID:
    """The patient picked from the list, or the one of the record number that was typed."""
    picked, number = typed.get("patient", ""), typed.get("mrn", "").strip()
    if picked not in {"", "other"}:
        try:
            return uuid.UUID(picked)
        except ValueError:
            raise Invalid("Choose whose reading this is.") from None
    if not number:
        raise Invalid("Choose whose reading this is, or type the patient's record number.")
    found = [one for one in await patients.find(db, number, 5) if one.mrn == number]
    if not found:
        raise Invalid(f"Nobody here has the record number {number}. Check it on the patient's page.")
    return found[0].id


def _corrected(held: Held, typed: Mapping[str, str]) -> dict[str, Decimal] | None:
    """The values that differ from what the device said; None when none does."""
    try:
        changed = measures.changed(held.reading, typed)
    except (InvalidOperation, ValueError):
        raise Invalid("A value is not a number. Write it like 5.5, and choose its unit.") from None
    return changed or None


def _note(typed: Mapping[str, str]) -> str:
    note = typed.get("note", "")
    if len(note) > 2000:
        raise Invalid("The reason is too long: at most 2000 characters.")
    return note


@post("/queues/held/{held_id:uuid}/discard", guards=[MAY], include_in_schema=False)
async def discard(request: Asked, person: NamedDependency[Person], held_id: FromPath[uuid.UUID]) -> Template | Redirect:
    typed = await typed_in(request)
    try:
        await flow.discard(request.app.state.database, person, held_id, _note(typed), datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _held_page(request, person, held_id, error=error, typed={"why": typed.get("note", "")})
    return Redirect("/queues?tab=held", status_code=303)


@post("/queues/held/{held_id:uuid}/undo", guards=[MAY], include_in_schema=False)
async def undo(request: Asked, person: NamedDependency[Person], held_id: FromPath[uuid.UUID]) -> Template | Redirect:
    try:
        await flow.undo(request.app.state.database, person, held_id, datetime.now(UTC))
    except Conflict as error:
        return await _held_page(request, person, held_id, error=error)
    return Redirect(f"/queues/held/{held_id}", status_code=303)


@get("/queues/quarantine/{poison_id:uuid}", guards=[MAY], include_in_schema=False)
async def poison_page(request: Asked, person: NamedDependency[Person], poison_id: FromPath[uuid.UUID]) -> Template:
    """Its bytes, which may hold anything: every look is noted."""
    return await _poison_page(request, person, poison_id)


async def _poison_page(
    request: Asked, person: Person, poison_id: uuid.UUID, *, error: CareloopError | None = None, why: str = ""
) -> Template:
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        found = await queues.poison(db, poison_id, SHOWN_BYTES)
        if found is None:
            raise NotFound(GONE)
        outlook = await recovery.outlook(db, poison_id, now)
        detail = {"patients": outlook.patients} if outlook else {}
        subject = f"quarantine:{poison_id}"
        await audit.note(db, person.who, person.organization, "quarantine.view", subject, now, detail=detail)
    poison, first = found
    as_text, as_hex = measures.preview(first)
    return page(
        "careteam/queue_poison.html", person, status=error.status if error else 200, poison=poison, as_text=as_text,
        as_hex=as_hex, shown=len(first), problem=error.says if error else None, why=why, reasons=measures.REASONS,
        can_undo=_can_undo(poison.resolution or "", poison.resolved_at, now), outlook=outlook, says=measures.says,
    )  # fmt: skip


@post("/queues/quarantine/{poison_id:uuid}/decode", guards=[MAY], include_in_schema=False)
async def decode_poison(
    request: Asked, person: NamedDependency[Person], poison_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Keep what can be read of it now; the same page then says what came of it."""
    settings: Settings = request.app.state.settings
    told = told_of(settings)
    try:
        await decode_again.again(request.app.state.database, person, poison_id, datetime.now(UTC), told)
    except (Conflict, NotFound) as error:
        return await _poison_page(request, person, poison_id, error=error)
    return Redirect(f"/queues/quarantine/{poison_id}", status_code=303)


@post("/queues/quarantine/{poison_id:uuid}/discard", guards=[MAY], include_in_schema=False)
async def discard_poison(
    request: Asked, person: NamedDependency[Person], poison_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    typed = await typed_in(request)
    try:
        await flow.discard_poison(request.app.state.database, person, poison_id, _note(typed), datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _poison_page(request, person, poison_id, error=error, why=typed.get("note", ""))
    return Redirect("/queues?tab=quarantine", status_code=303)


@post("/queues/quarantine/{poison_id:uuid}/undo", guards=[MAY], include_in_schema=False)
async def undo_poison(
    request: Asked, person: NamedDependency[Person], poison_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    try:
        await flow.undo_poison(request.app.state.database, person, poison_id, datetime.now(UTC))
    except Conflict as error:
        return await _poison_page(request, person, poison_id, error=error)
    return Redirect("/queues?tab=quarantine", status_code=303)


handlers: list[Any] = [
    queues_page, queues_count, held_page, assign, discard, undo, poison_page, decode_poison, discard_poison,
    undo_poison, *recovery.handlers,
]  # fmt: skip
