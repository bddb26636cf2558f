"""Is this patient monitored, and what may a person make of it: the page, its forms, and what each choice means."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, cast

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database, Db
from server.errors import CareloopError, Conflict, Invalid
from server.flows import status
from server.flows.look import looking_at
from server.people import monitoring_status
from server.people.monitoring_status import BY_ITSELF, UNDONE
from server.people.patients import MonitoringStatus
from server.security.guards import ANSWERING, answers_alarms, staff_only
from server.security.sessions import Person
from server.web.forms import Typed, typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
Change = Callable[[Database, Person, uuid.UUID, Typed, datetime], Awaitable[None]]
MAY: Final = (*ANSWERING, "admin")

NAMES: Final[Mapping[MonitoringStatus, str]] = {
    "active": "Monitored",
    "paused": "Paused",
    "hospice": "Hospice care",
    "deceased": "Has died",
    "left": "Has left",
}
MEANS: Final[Mapping[MonitoringStatus, str]] = {
    "active": "Readings are judged, reminders go out, and a device that falls silent is noticed.",
    "paused": "No reminders, and nobody is alarmed about silence or missing measurements. What is measured all the "
    "same is judged: a crossing alerts and pages as ever.",
    "hospice": "No reminders, no outreach, and nobody is alarmed about silence. What is measured is judged as ever.",
    "deceased": "Nothing is sent to the patient or the family any more, whatever it is about, and their page is "
    "closed. Staff are still told of what devices send.",
    "left": "No reminders and no outreach. While a device is on loan, what it sends is stored and judged.",
}
WHY: Final[Mapping[str, str]] = {
    "hospital": "in hospital",
    "travel": "travelling",
    "device_away": "the device is away",
    "hospice_care": "hospice care began",
    "told_by_family": "told by the family",
    "in_the_record": "it is in the record",
    "moved_away": "moved away",
    "declined": "does not want it any more",
    "discharged": "the programme is over",
    "returned": "is back",
    "other": "another reason",
    BY_ITSELF: "the pause was over",
    UNDONE: "taken back",
}


async def standing(db: Db, person: Person, patient_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    """What the patient's page says of it."""
    changes = await monitoring_status.history(db, patient_id)
    return {
        "monitoring": await monitoring_status.current(db, patient_id),
        "changes": changes,
        "may_undo": status.may_undo(changes, now),
        "may_status": person.role in MAY,
        "status_names": NAMES,
        "status_means": MEANS,
        "status_why": WHY,
    }


@get("/patients/{patient_id:uuid}/status", guards=[staff_only], include_in_schema=False)
async def status_page(request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]) -> Template:
    return await _page(request, person, patient_id)


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *,
    error: CareloopError | None = None, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now) as (db, patient):
        shown = await standing(db, person, patient_id, now)
    return page(
        "careteam/status.html", person, status=error.status if error else 200, patient=patient, typed=typed or {},
        problem=error.says if error else None, reasons=monitoring_status.REASONS, **shown,
    )  # fmt: skip


@post("/patients/{patient_id:uuid}/status", guards=[answers_alarms], include_in_schema=False)
async def change_status(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        to, _, reason = typed.get("to", "").partition(":")
        if to not in NAMES:
            raise Invalid("Choose what holds from now on, and why.")
        asked = status.Asked(
            status=cast("MonitoringStatus", to), reason=reason, note=typed.get("note", "")[:2000],
            back_on=_day(typed.get("back_on", "")), sure="sure" in typed, seen=_seen(typed),
        )  # fmt: skip
        await status.change(database, who, patient, asked, now)

    return await _changed(request, person, patient_id, change)


@post("/patients/{patient_id:uuid}/status/undo", guards=[answers_alarms], include_in_schema=False)
async def undo_status(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    async def change(database: Database, who: Person, patient: uuid.UUID, typed: Typed, now: datetime) -> None:
        await status.undo(database, who, patient, _seen(typed), now)

    return await _changed(request, person, patient_id, change)


async def _changed(request: Asked, person: Person, patient_id: uuid.UUID, change: Change) -> Template | Redirect:
    """Back to the patient; what could not be done is said above what they chose."""
    database, now = request.app.state.database, datetime.now(UTC)
    async with looking_at(database, person, patient_id, now):
        typed = await typed_in(request)
    try:
        await change(database, person, patient_id, typed, now)
    except (Invalid, Conflict) as error:
        return await _page(request, person, patient_id, error=error, typed=typed)
    return Redirect(f"/patients/{patient_id}", status_code=303)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise Invalid("Choose the day they are back from the calendar, or leave it empty.") from None


def _seen(typed: Typed) -> uuid.UUID | None:
    try:
        return uuid.UUID(typed["seen"]) if typed.get("seen") else None
    except ValueError:
        raise Conflict(status.MEANWHILE) from None


handlers = [status_page, change_status, undo_status]
