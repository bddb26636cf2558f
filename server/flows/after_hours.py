"""Outside monitored hours a patient whose programme is not watched round the clock is told so, once a night."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from notifications import outbox, wording
from notifications.messages import Message
from notifications.wording import Rendered
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.outreach import wordings
from server.outreach.wordings import Owns
from server.people import coverage, phones
from server.people.coverage import Span

BACK = timedelta(minutes=15)  # a crossing older than that is not what the patient just measured
PLAIN, WITH_NUMBER = "not_monitored_now", "not_monitored_now_call"
NIGHT_TURNS = timedelta(hours=12)  # a night lasts from noon to noon, on the patient's clock


class Crossed(msgspec.Struct, frozen=True, kw_only=True):
    """A patient who crossed a limit just now, of no programme that is watched round the clock.

    `call` is the team's number for such hours.
    """

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    team_id: uuid.UUID
    clinic: str
    team_zone: str
    zone: str
    language: str
    phone: str
    phone_hash: bytes
    call: str | None
    found_at: datetime


# The newest crossing of each by what they measured just now: a mean is found in the morning, and a weight is live for a
# day, and nobody who measured nothing now is waiting for an answer. A programme that says nothing of it is watched
# round the clock.
CROSSED = """
    SELECT DISTINCT ON (p.id) p.organization_id, p.id AS patient_id, p.team_id, c.name AS clinic,
           k.zone AS team_zone, p.zone, p.language, p.phone, p.phone_hash, t.after_hours_phone AS call, f.found_at
      FROM finding f
      JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id AND a.status <> 'resolved'
      JOIN rule r ON r.id = f.rule_id AND r.kind = 'crossing'
      JOIN patient p ON p.id = f.patient_id AND NOT p.synthetic AND p.phone IS NOT NULL
           AND p.phone_hash IS NOT NULL AND p.monitoring_status <> 'deceased'
      JOIN clinic c ON c.id = p.clinic_id
      JOIN team t ON t.id = p.team_id
      JOIN team_clock k ON k.team_id = t.id
     WHERE f.found_at > $1 AND f.found_at <= $2 AND f.measured_at > $1 AND f.age = 'live'
       AND f.severity IN ('medium', 'high') AND f.superseded_at IS NULL
       AND (SELECT coalesce(bool_and(NOT coalesce(v.around_the_clock, true)), false)
              FROM enrolment e
              LEFT JOIN programme_version v ON v.programme_id = e.programme_id AND v.valid_from <= $2
                   AND (v.valid_to IS NULL OR v.valid_to > $2)
             WHERE e.patient_id = p.id AND e.valid_from <= $2 AND (e.valid_to IS NULL OR e.valid_to > $2))
     ORDER BY p.id, f.found_at DESC
"""


async def tell_patients(database: Database, who: Who, now: datetime) -> int:
    """Queue the safety text for each crossing in hours that nobody watches; returns how many are new."""
    async with database.transaction(who) as db:
        crossed = [Crossed(**dict(row)) for row in await db.fetch(CROSSED, now - BACK, now)]
        opens = [await coverage.coming(db, one.team_id, one.team_zone, one.found_at) for one in crossed]
        own = await wordings.of_each(db, {one.organization_id for one in crossed})
        new = await outbox.put(db, _texts(zip(crossed, opens, strict=True), now, own))
        if new:
            await tell(db, Event(topic="outbox"))
    return len(new)


def _texts(
    crossed: Iterable[tuple[Crossed, Span | None]], now: datetime, own: Mapping[uuid.UUID, Owns]
) -> list[Message]:
    """For who crossed when nobody watched, and while still nobody does."""
    return [
        _text(one, hours, now, own[one.organization_id])
        for one, hours in crossed if hours is None or hours[0] > now
    ]  # fmt: skip


def _text(one: Crossed, hours: Span | None, now: datetime, own: Owns) -> Message:
    text = words(one.language, own, one.clinic, one.call, when(hours, one.zone, one.language))
    night = (now.astimezone(ZoneInfo(one.zone)) - NIGHT_TURNS).date()
    return Message(
        id=uuid7(), organization_id=one.organization_id, purpose=text.purpose,
        unique_for=f"not_monitored:{one.patient_id}:{night}", patient_id=one.patient_id, to_number=one.phone,
        to_hash=one.phone_hash, wording=text.name, wording_version=text.version, language=text.language,
        body=text.body, not_before=now, created_at=now,
    )  # fmt: skip


def words(language: str, own: Owns, clinic: str, call: str | None, when: str) -> Rendered:
    """With the number to call where the team has one; own words that know none stand until others are approved."""
    if call and ((WITH_NUMBER, language) in own or (PLAIN, language) not in own):
        return wording.render(WITH_NUMBER, language, own, clinic=clinic, phone=phones.readable(call), when=when)
    return wording.render(PLAIN, language, own, clinic=clinic, when=when)


DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("el lunes", "el martes", "el miercoles", "el jueves", "el viernes", "el sabado", "el domingo"),
}


def when(hours: Span | None, zone: str, language: str) -> str:
    """ "Monday at 08:00", on the patient's clock; without hours ahead, when the clinic opens."""
    spanish = language == "es"
    if hours is None:
        return "cuando abra la clinica" if spanish else "when the clinic opens"
    local = hours[0].astimezone(ZoneInfo(zone))
    day = DAYS["es" if spanish else "en"][local.weekday()]
    return f"{day} a las {local:%H:%M}" if spanish else f"{day} at {local:%H:%M}"
