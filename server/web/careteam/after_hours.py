"""What happens outside a team's monitored hours, in words: who is paged, what waits, and what patients are told."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from notifications import escalation
from notifications.wording import LANGUAGES, Language
from server.db.pool import Db
from server.flows import after_hours
from server.monitoring import programme_book, steps
from server.monitoring.steps import StepRow
from server.outreach import wordings
from server.people import coverage, phones, roster, stand_ins
from server.people.clinics import Clinic
from server.people.teams import Team
from server.web.careteam.steps import timeline

SOON: Final = timedelta(weeks=1)
LANGUAGE_NAMES: Final = {"en": "English", "es": "Spanish"}


class Paged(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert of that severity does at night; `waits`: nobody is paged before the next working day."""

    severity: str
    waits: bool
    first: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The text to the patient; `number`: it says the number to call."""

    language: str
    body: str
    number: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`person` is paged when nobody is on shift, as the `stand_in` or for want of one; None: nobody can be paged."""

    person: str | None
    stand_in: bool
    paged: list[Paged]
    told: list[Told]
    tells: list[str]
    round_the_clock: list[str]
    phone: str | None


async def plan(
    db: Db, organization: uuid.UUID, team: Team, zone: str, known: Sequence[Clinic], now: datetime
) -> Plan:  # fmt: skip
    """Of this team as everything is set now."""
    fallback = (await roster.fallback(db, [team.id], now)).get(team.id)
    rows = await steps.of(db, [organization])
    programmes = await programme_book.programmes(db)
    # What says nothing of it is watched round the clock.
    tells = [one.name for one in programmes if one.content and not one.content.around_the_clock]
    return Plan(
        person=fallback.name if fallback else None, stand_in=await stand_ins.exists(db, team.id),
        paged=[_paged(severity, rows, organization, team.id) for severity in escalation.DEFAULTS],
        told=await _told(db, organization, team, zone, known, now), tells=tells,
        round_the_clock=[one.name for one in programmes if one.name not in tells],
        phone=phones.readable(team.after_hours_phone) if team.after_hours_phone else None,
    )  # fmt: skip


def _paged(severity: escalation.Severity, rows: Sequence[StepRow], organization: uuid.UUID, team: uuid.UUID) -> Paged:
    its = steps.for_chain(rows, organization, team, severity) or escalation.DEFAULTS[severity]
    return Paged(severity=severity, waits=its[0].business_day, first=timeline(its)[0])


async def _told(
    db: Db, organization: uuid.UUID, team: Team, zone: str, known: Sequence[Clinic], now: datetime
) -> list[Told]:  # fmt: skip
    """As a patient of the team's clinic who lives there would get it outside the hours that it is or that come next."""
    own = await wordings.of(db, organization)
    clinic = next((one.name for one in known if one.id == team.clinic_id), known[0].name if known else "")
    hours = await coverage.coming(db, team.id, zone, now)
    if hours and hours[0] <= now:
        hours = await coverage.coming(db, team.id, zone, min(hours[1], now + SOON))

    def say(language: Language) -> Told:
        when = after_hours.when(hours, zone, language)
        text = after_hours.words(language, own, clinic, team.after_hours_phone, when)
        return Told(
            language=LANGUAGE_NAMES[language], body=text.body, number=text.name == after_hours.WITH_NUMBER
        )  # fmt: skip

    return [say(language) for language in LANGUAGES]
