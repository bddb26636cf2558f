"""Plain words for what was said and what came of it: statuses, meanings, deeds, and where they lead."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from notifications.refusals import MEANINGS as REFUSALS
from server.people import strangers
from server.people.conversations import Barred, Deed, Line, Show
from server.web.careteam.reminder_words import why
from server.web.shown import moment, plain

SHOWS: Final[Mapping[Show, str]] = {
    "all": "All", "from": "From the patient", "staff": "Written by people", "reminders": "Reminders",
}  # fmt: skip
WAYS: Final = {"sms": "text", "voice": "call", "email": "e-mail", "portal": "portal"}
PURPOSES: Final = {
    "safety": "Safety", "reminder": "Reminder", "answer": "Answer", "test": "Test",
}  # fmt: skip
STATUSES: Final = {
    "queued": "not sent yet", "sending": "being sent", "sent": "sent", "delivered": "delivered",
    "failed": "not delivered", "unknown": "sent, whether it arrived is not known", "suppressed": "not sent",
    "withheld": "shown only, not sent",
}  # fmt: skip
UNDERSTOOD: Final = {
    "danger": "danger", "opt_out": "no more texts", "start": "texts again", "help": "help", "reading": "a reading",
    "taken": "taken", "not_taken": "not taken", "done": "done", "booked": "booked", "not_for_me": "not for them",
    "call_me": "wants a call", "wrong_number": "wrong number", "later": "later",
}  # fmt: skip
DEEDS: Final = {
    "reading": "Filed as a reading", "alert": "Alert", "asked_back": "Asked back: not filed yet",
    "task": "Not filed: a task for a person", "gap_reported": "Gap now awaits the result",
    "gap_later": "No text about this gap for a week", "gap_not_for_me": "No more texts about this gap; a task",
    "intake_taken": "Noted as taken", "intake_not_taken": "Noted as not taken", "refill": "A task to enter the fill",
    "opted_out": "Texts ended for this number", "opted_in": "Texts allowed again", "danger": "Care team paged at once",
    "symptoms": "Symptoms: care team paged", "no_symptoms": "Says: no symptoms", "wants_call": "On the worklist: call",
    "wrong_number": "On the worklist: wrong number", "to_staff": "On the worklist: read it",
}  # fmt: skip


def status(line: Line | strangers.Line, zone: str, now: datetime) -> str:
    """ "delivered", "not sent: they asked us to stop", "not sent yet, goes at 08:00"."""
    said = STATUSES.get(line.status, plain(line.status))
    if line.status == "queued" and line.not_before is not None and line.not_before > now:
        return f"{said}, goes at {moment(line.not_before, zone, now)}"
    return f"{said}: {_reason(line.reason)}" if line.reason and line.status not in {"sent", "delivered"} else said


def _reason(reason: str) -> str:
    known = REFUSALS.get(reason)
    return known.words if known else why(reason)


def barred(one: Barred) -> str:
    """Why no text reaches the number."""
    if one.why == "opted_out":
        return "they asked for no more texts, or their provider blocks them"
    return _reason(one.why)


def leads_to(deed: Deed, patient: uuid.UUID) -> str | None:
    """The address of what was done, when there is a page for it."""
    about = deed.patient_id or patient
    if deed.deed == "alert" and deed.subject_id:
        return f"/alerts/{about}/{deed.subject_id}"
    if deed.deed in {"task", "gap_not_for_me", "refill"}:
        return "/tasks"
    if deed.deed in {"to_staff", "danger", "wants_call", "wrong_number", "symptoms"}:
        return "/worklist"
    if deed.deed == "reading":
        return f"/patients/{about}#readings-title"
    return f"/patients/{about}#gaps-title" if deed.deed.startswith("gap_") else None
