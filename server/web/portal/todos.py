"""What there is to do for a patient: measure, come, answer, read, or have a screening that is due."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from server.gaps.reports import OwnGap
from server.monitoring.series import VITALS, Doubted, Reading, Vital
from server.monitoring.targets import Targets
from server.monitoring.today import VITAL_OF_PROGRAMME
from server.outreach.appointments import Next
from server.outreach.education import Part
from server.outreach.questionnaires import Asked
from server.web.portal.visit import Visit
from server.web.portal.words import phone

DOUBT_LASTS = timedelta(days=1)
READ_WITHIN = timedelta(days=30)


class Todo(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `gap` is set when the patient can say that it is done, or take that back.

    `ahead`: it is booked, so there is nothing to do before. `link`: where it is done, with the words on the button.
    """

    title: str
    text: str | None = None
    due: bool = True
    last_done: str | None = None
    gap: uuid.UUID | None = None
    waiting: bool = False
    ahead: bool = False
    link: tuple[str, str] | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What is booked, asked and sent to be read; `kept`: when they came, by the gap that waits for the result since."""

    booked: Sequence[Next] = ()
    kept: Mapping[uuid.UUID, datetime] = {}
    asked: Sequence[Asked] = ()
    parts: Sequence[Part] = ()


NOTHING_PLANNED = Planned()


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
    planned: Planned = NOTHING_PLANNED,
) -> list[Todo]:
    """Measuring first. Nothing is asked of somebody in hospice or no longer with the clinic."""
    status = visit.patient.monitoring_status
    measuring = _measure(visit, readings, doubts, targets) if status == "active" else []
    screening = [_screening(gap, visit, planned) for gap in gaps] if status in {"active", "paused"} else []
    of_gaps = {gap.measure for gap in gaps} if screening else set()
    booked = [_appointment(one, visit) for one in planned.booked if one.measure not in of_gaps]
    content = [*_questions(visit, planned.asked), *_reading(visit, planned.parts)] if status == "active" else []
    return [*measuring, *booked, *content, *screening]


def _appointment(one: Next, visit: Visit) -> Todo:
    words = visit.words
    says = _measure_title(one.measure, visit) if one.measure else None
    when = words("todo.appointment", day=words.day(words.local_day(one.starts_at)), time=words.clock(one.starts_at))
    return Todo(title=when, text=" ".join(filter(None, (says and f"{says}.", _cannot_come(visit)))), ahead=True)


def _cannot_come(visit: Visit) -> str:
    if visit.clinic and visit.clinic.phone:
        return visit.words("todo.cannot_come", phone=phone(visit.clinic.phone))
    return visit.words("todo.cannot_come_plain")


def _questions(visit: Visit, asked: Sequence[Asked]) -> list[Todo]:
    words = visit.words
    link = ("/portal/questions", words("todo.answer"))
    return [
        Todo(title=one.content.title[words.language], text=words("todo.answer_takes"), link=link)
        for one in asked if one.due
    ]  # fmt: skip


def _reading(visit: Visit, parts: Sequence[Part]) -> list[Todo]:
    """One line, however many parts; what came long ago is on its page and no longer pressed."""
    words = visit.words
    fresh = [one for one in parts if one.read_at is None and visit.today - one.came_on <= READ_WITHIN]
    if not fresh:
        return []
    title = fresh[0].title[words.language] if len(fresh) == 1 else words("todo.parts", count=len(fresh))
    return [Todo(title=words("todo.read_this", title=title), link=("/portal/reading", words("todo.read")))]


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


def _screening(gap: OwnGap, visit: Visit, planned: Planned) -> Todo:
    words = visit.words
    key = _measure_key(gap.measure, visit)
    booked = words.maybe(f"{key}.book") is not None
    waiting, came = gap.status == "awaiting_evidence", planned.kept.get(gap.id)
    comes = None if waiting else next((one for one in planned.booked if one.measure == gap.measure), None)
    return Todo(
        title=words(f"{key}.title"),
        text=_waiting(gap, visit, came) if waiting else _comes(comes, visit) if comes
        else _how(visit) if booked else words.maybe(f"{key}.text"),
        due=not (waiting or comes),
        last_done=words("todo.last_done", date=words.full_date(gap.last_done_on)) if gap.last_done_on else None,
        gap=gap.id if (booked or waiting) and not came else None,
        waiting=waiting,
        ahead=comes is not None,
    )  # fmt: skip


def _measure_key(measure: str, visit: Visit) -> str:
    return f"measure.{measure}" if visit.words.maybe(f"measure.{measure}.title") else "measure.other"


def _measure_title(measure: str, visit: Visit) -> str:
    return visit.words(f"{_measure_key(measure, visit)}.title")


def _comes(one: Next, visit: Visit) -> str:
    """ "Booked for Tuesday, December 1 at 10:30 AM. If you cannot come, call …" """
    words = visit.words
    day, time = words.day(words.local_day(one.starts_at)), words.clock(one.starts_at)
    return f"{words('todo.booked', day=day, time=time)} {_cannot_come(visit)}"


def _how(visit: Visit) -> str:
    if visit.clinic and visit.clinic.phone:
        return visit.words("todo.call_to_book", phone=phone(visit.clinic.phone))
    return visit.words("todo.call_to_book_plain")


def _waiting(gap: OwnGap, visit: Visit, came: datetime | None) -> str:
    if came is not None:
        return visit.words("todo.awaiting_kept", date=visit.words.full_date(visit.words.local_day(came)))
    if gap.reported_at is None:
        return visit.words("todo.awaiting_plain")
    day = visit.words.local_day(gap.reported_at)
    return visit.words("todo.awaiting", date=visit.words.full_date(day))
