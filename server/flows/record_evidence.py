"""Staff enter that something was done on a day; the measures are judged again, and gaps that it meets close."""

import uuid
from datetime import date, datetime

import msgspec

from server.db.events import Event, tell
from server.db.pool import Database, Who
from server.errors import Invalid, NotFound
from server.gaps import gaps
from server.gaps.evidence import NewEvidence
from server.people import record_numbers
from server.security import audit

KINDS = tuple(dict.fromkeys(kind for _, kinds in gaps.MEASURES.values() for kind in kinds))


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is a measure's own word; `source` says where it was read: a letter, a report, another record."""

    mrn: str
    kind: str
    done_on: date
    source: str


async def record_evidence(database: Database, who: Who, given: Given, now: datetime) -> list[uuid.UUID]:
    """The gaps it closed; none when it was known already, or does not suffice."""
    if given.kind not in KINDS:
        raise Invalid(f"{given.kind!r} is no evidence that a measure asks for. Known: {', '.join(KINDS)}.")
    if given.done_on > now.date():
        raise Invalid("This lies in the future. Evidence is what was done.")
    if not given.source.strip():
        raise Invalid("Say where it was read: a letter, a report, another record.")
    async with database.transaction(who) as db:
        patient = (await record_numbers.known(db, [given.mrn])).get(given.mrn)
        if patient is None:
            raise NotFound(f"There is no patient {given.mrn}. careloop patient list shows them.")
        new = NewEvidence(
            organization_id=patient.organization_id, patient_id=patient.id, kind=given.kind, done_on=given.done_on,
            source=given.source.strip(), author=who.principal,
        )  # fmt: skip
        closed = await gaps.record_evidence(db, new, now)
        await audit.note(
            db, who, patient.organization_id, "evidence.record", f"evidence:{given.kind}", now, patient=patient.id
        )
        await tell(db, Event(topic="gap", organization=patient.organization_id, patient=patient.id))
    return closed
