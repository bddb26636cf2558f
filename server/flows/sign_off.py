"""A clinician stands for what patients read and are asked, as it is shown to them; each text once."""

import uuid
from datetime import datetime

from server.db.pool import Database
from server.errors import Conflict, Refused
from server.flows.change_rule import APPROVING
from server.outreach import education, questionnaires
from server.security import audit
from server.security.sessions import Person

ALREADY = "It is signed off already, or there is a newer version. This is how it stands now."


async def sign_off(database: Database, person: Person, *, series: str, version: str, now: datetime) -> None:
    """Of a series by its code, else of a questionnaire's version by its id; `Conflict` when somebody was first."""
    if person.role not in APPROVING:
        raise Refused("A clinician or an administrator signs off what patients read.")
    async with database.transaction(person.who) as db:
        if series:
            done, subject = await education.approve(db, series, person.principal, now), f"education:{series}"
        else:
            known = _id(version)
            done, subject = await questionnaires.approve(db, known, person.principal, now), f"questionnaire:{known}"
        if not done:
            raise Conflict(ALREADY)
        await audit.note(db, person.who, person.organization, "content.sign_off", subject, now)


def _id(typed: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed)
    except ValueError:
        raise Conflict(ALREADY) from None
