"""What there is to do for a patient: measure, measure again, or have a screening that is due."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from server.gaps.reports import OwnGap
from server.monitoring.series import VITALS, Doubted, Reading, Vital
from server.monitoring.targets import Targets
from server.monitoring.today import VITAL_OF_PROGRAMME
from server.web.portal.visit import Visit
from server.web.portal.words import phone

DOUBT_LASTS = timedelta(days=1)


class Todo(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `gap` is set when the patient can say that it is done, or take that back."""

    title: str
    text: str | None = None
    due: bool = True
    last_done: str | None = None
    gap: uuid.UUID | None = None
    waiting: bool = False


def expected(targets: Targets) -> list[Vital]:
    """The vitals that the patient's programmes ask for."""
    asked = {VITAL_OF_PROGRAMME.get(code) for code in targets.programmes}
    return [vital for vital in VITALS if vital in asked]


def todos(
    visit: Visit,
    readings: Sequence[Reading],
    doubts: Sequence[Doubted],
    gaps: Sequence[OwnGap],
    targets: Targets,
) -> list[Todo]:
    """Measuring first. Nothing is asked of somebody in hospice or no longer with the clinic."""
    status = visit.patient.monitoring_status
    measuring = _measure(visit, readings, doubts, targets) if status == "active" else []
    screening = [_screening(gap, visit) for gap in gaps] if status in {"active", "paused"} else []
    return measuring + screening


def _measure(visit: Visit, readings: Sequence[Reading], doubts: Sequence[Doubted], targets: Targets) -> list[Todo]:
    words, found = visit.words, []
    doubted = [d for d in doubts if d.kind in VITALS]
    for doubt in doubted:
        when, vital = words.clock(doubt.received_at), words(f"in_sentence.{doubt.kind}")
        found.append(Todo(title=words("todo.again", vital=vital, when=when)))
    for vital in expected(targets):
        if vital in {d.kind for d in doubted}:
            continue
        days = [(visit.today - r.local_date).days for r in readings if r.tells(vital)]
        name = words(f"in_sentence.{vital}")
        if not days:
            found.append(Todo(title=words("todo.measure_first", vital=name)))
        elif min(days) >= targets.ask_after_days:
            found.append(Todo(title=words("todo.measure", vital=name, count=min(days))))
    return found


def _screening(gap: OwnGap, visit: Visit) -> Todo:
    words = visit.words
    key = f"measure.{gap.measure}"
    if words.maybe(f"{key}.title") is None:
        key = "measure.other"
    booked = words.maybe(f"{key}.book") is not None
    waiting = gap.status == "awaiting_evidence"
    return Todo(
        title=words(f"{key}.title"),
        text=_waiting(gap, visit) if waiting else _how(visit) if booked else words.maybe(f"{key}.text"),
        due=not waiting,
        last_done=words("todo.last_done", date=words.full_date(gap.last_done_on)) if gap.last_done_on else None,
        gap=gap.id if booked or waiting else None,
        waiting=waiting,
    )


def _how(visit: Visit) -> str:
    if visit.clinic and visit.clinic.phone:
        return visit.words("todo.call_to_book", phone=phone(visit.clinic.phone))
    return visit.words("todo.call_to_book_plain")


def _waiting(gap: OwnGap, visit: Visit) -> str:
    if gap.reported_at is None:
        return visit.words("todo.awaiting_plain")
    day = visit.words.local_day(gap.reported_at)
    return visit.words("todo.awaiting", date=visit.words.full_date(day))
