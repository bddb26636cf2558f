""" "1", "2" or a name alone answers the last question this number was asked: whose it was, or whether it was taken."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from notifications import texted
from notifications.inbox import Reply
from server.db.pool import Db
from server.monitoring.answers import Standing
from server.outreach import intakes
from server.people import unclear_texts
from server.people.contacts import Contact
from server.people.unclear_texts import Unclear

# While a crisis is this young a "2" is about symptoms, whatever was asked since: a wrong page costs less than none.
CRISIS_FIRST = timedelta(minutes=20)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the text answers, when it is not the question after a crisis; `unclear` is what was asked about."""

    of: Literal["who", "medicine"]
    choice: int
    unclear: Sequence[Unclear] = ()


async def answered(
    db: Db, reply: Reply, people: Sequence[Contact], crises: Sequence[Standing], now: datetime
) -> Answered | None:
    """None when the text is more than a choice, or answers the question after a crisis, or nothing was asked."""
    words = texted.plain(reply.body)
    digit = re.fullmatch(r"([1-9])\b.{0,20}", words)
    unclear = await unclear_texts.standing(db, reply.organization_id, reply.from_hash, now)
    who = [one for one in unclear if one.asks == "who"]
    choice = _choice(words, who, people)
    if digit is None and choice is None:
        return None
    crisis = max((one.asked_at for one in crises), default=None)
    if crisis is not None and now - crisis < CRISIS_FIRST and digit is not None and digit[1] == "2":
        return None
    plainly = words in {"1", "2"}
    reminded = await intakes.asked(db, reply.organization_id, reply.from_hash, reply.received_at) if plainly else []
    asked = (
        (crisis, "crisis"), (who[-1].asked_at if choice else None, "who"),
        (max((one.at for one in reminded), default=None), "medicine"),
    )  # fmt: skip
    newest = max(((at, of) for at, of in asked if at is not None), default=(now, ""))[1]
    if newest == "who" and choice is not None:
        return Answered(of="who", choice=choice, unclear=who)
    return Answered(of="medicine", choice=int(words)) if newest == "medicine" else None


def _choice(words: str, who: Sequence[Unclear], people: Sequence[Contact]) -> int | None:
    """The place of the person that is named, by number or by given name, among those the question named."""
    if not who:
        return None
    names = {person.patient_id: texted.plain(person.given_name).partition(" ")[0] for person in people}
    for place, patient in enumerate(who[-1].people, 1):
        name = names.get(patient, "")
        if words == str(place) or (name and words in {name, f"{place} {name}", f"{place}. {name}", f"{place}, {name}"}):
            return place
    return None
