"""A patient's own hours for reminders are recorded, by staff or by the patient, and the state they live in by staff."""

import re
import uuid
from datetime import datetime, time

from server.db.pool import Database, Db
from server.errors import Conflict, Invalid
from server.flows.answering import answering
from server.outreach import own_hours
from server.security import audit
from server.security.sessions import Person

STATE = re.compile(r"[A-Z]{2}")
ORDER = "The hours end after they begin, on the same day. Check from when to when."


def clock(given: str) -> time:
    """ "07:30" as a browser sends it."""
    try:
        return time.fromisoformat(given).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise Invalid(f"{given[:10]!r} is no time of day. Type it like 07:30.") from None


async def record(
    database: Database, person: Person, patient: uuid.UUID, hours: tuple[time, time], region: str | None, now: datetime
) -> None:  # fmt: skip
    """By staff, as the patient said it: their hours, and where they live. None: not known."""
    if region is not None and not STATE.fullmatch(region):
        raise Invalid("Choose the state from the list.")
    async with answering(database, person, "patient.hours", patient, now) as db:
        new_hours = await prefer(db, person, patient, hours, now)
        if await own_hours.lives_in(db, patient, region):
            await _note(db, person, "patient.region", patient, now)
        elif not new_hours:
            raise Conflict("It is so already. Nothing was changed.")


async def prefer(db: Db, person: Person, patient: uuid.UUID, hours: tuple[time, time], now: datetime) -> bool:
    """In a transaction of the caller's, so also of a patient's own visit; False when it was so already."""
    if hours[0] >= hours[1]:
        raise Invalid(ORDER)
    changed = await own_hours.prefer(db, person.organization, patient, hours, person.who.principal, now)
    if changed:
        await _note(db, person, "patient.hours", patient, now)
    return changed


async def _note(db: Db, person: Person, action: str, patient: uuid.UUID, now: datetime) -> None:
    await audit.note(db, person.who, person.organization, action, f"patient:{patient}", now, patient=patient)
