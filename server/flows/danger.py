"""A patient's own words may be an emergency: whoever answers for them is paged, at any hour."""

from datetime import datetime

from server.db.pool import Db, Who
from server.flows import cry
from server.flows.cry import Cry
from server.flows.heard import Heard
from server.flows.page import Told

KIND = "patient_in_danger"
SAYS_DANGER = "A patient's text message may be an emergency. Call the patient now; the emergency number was sent."
SAYS_UNKNOWN = "A text message from {number}, which no patient has, may be an emergency. Call that number now."


async def page_staff(db: Db, who: Who, heard: Heard, now: datetime, told: Told) -> None:
    """A high alarm, and for each text anew a page at once to whoever answers for the patient, or for a stranger."""
    person = heard.person
    one = Cry(
        organization_id=heard.reply.organization_id, kind=KIND, subject=heard.subject,
        says=SAYS_DANGER if person else SAYS_UNKNOWN.format(number=heard.reply.from_number),
        event=f"reply:{heard.reply.id}", wording="page_reply", team_id=person.team_id if person else None,
    )  # fmt: skip
    await cry.hear(db, who, one, now, told)
