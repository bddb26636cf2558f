"""What lies in quarantine and could be read now: said beforehand, for one item or for all of one device and reason."""

import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from devices import second_look
from devices.intake import Candidate
from server.db.pool import Db
from server.flows import decode_again
from server.flows.decode_again import AT_ONCE, Look
from server.flows.page import told_of
from server.people import patients
from server.security import audit
from server.security.guards import allow
from server.security.sessions import Person
from server.settings import Settings
from server.web.careteam import measures
from server.web.pages import page

Asked = Request[Any, Any, State]
MAY: Final = allow("nurse", "coordinator", "admin")
SHOWN: Final = 50  # entries of one message that are listed; the rest is counted


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it would be kept: `fate` is stored, held, again, or refused."""

    fate: str
    entry: Candidate
    patient_name: str | None = None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What decoding one item again would give now."""

    readable: bool
    lines: list[Line]
    more: int
    patients: list[str]


async def outlook(db: Db, poison_id: uuid.UUID, now: datetime) -> Outlook | None:
    """None when the item is settled or has lost its bytes."""
    waiting = await second_look.one(db, poison_id)
    if waiting is None:
        return None
    (seen,) = await decode_again.look(db, [waiting], now)
    told: list[tuple[str, Candidate]] = [(c.fate, c) for c in seen.kept]
    told += [("again", c) for c in seen.again] + [("refused", c) for c in seen.refused]
    named: dict[uuid.UUID, str] = {}
    for one in sorted({c.patient_id for _, c in told[:SHOWN] if c.patient_id}):
        patient = await patients.get(db, one)
        named[one] = patient.name if patient else ""
    lines = [Line(fate=fate, entry=c, patient_name=named.get(c.patient_id or waiting.id)) for fate, c in told[:SHOWN]]
    return Outlook(readable=seen.readable, lines=lines, more=len(told) - len(lines), patients=sorted(map(str, named)))


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """The form's fields: whose messages, refused for which reason."""

    device: Annotated[str, msgspec.Meta(max_length=64)]
    reason: Annotated[str, msgspec.Meta(max_length=64)]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the items can be read, what they would become, and why the others cannot be."""

    readable: int
    becomes: str
    unreadable: int
    reasons: list[tuple[str, int]]


@get("/queues/quarantine/again", guards=[MAY], include_in_schema=False)
async def alike_page(
    request: Asked,
    person: NamedDependency[Person],
    device: FromQuery[str],
    reason: FromQuery[str],
    decoded: FromQuery[int | None] = None,
    still: FromQuery[int] = 0,
) -> Template:
    """What pressing the button would do, before it is pressed; and, back here, what it did."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        waiting = await second_look.count_alike(db, device, reason)
        seen = await decode_again.look(db, await second_look.alike(db, device, reason, AT_ONCE), now)
        detail = {"device": device, "reason": reason, "count": waiting}
        await audit.note(db, person.who, person.organization, "quarantine.view", "quarantine", now, detail=detail)
    return page(
        "careteam/queue_again.html", person, device=device, reason=reason, waiting=waiting, tried=len(seen),
        forecast=forecast(seen), reasons=measures.REASONS, decoded=decoded, still=still,
    )  # fmt: skip


def forecast(seen: list[Look]) -> Forecast:
    readable = [one for one in seen if one.readable]
    becomes: Counter[str] = sum((one.counts for one in readable), Counter())
    why = Counter(one.refused[0].reason or "refused" for one in seen if not one.readable)
    return Forecast(
        readable=len(readable), becomes=decode_again.in_words(becomes), unreadable=len(seen) - len(readable),
        reasons=why.most_common(),
    )  # fmt: skip


@post("/queues/quarantine/again", guards=[MAY], include_in_schema=False)
async def decode_alike(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Alike]) -> Redirect:
    settings: Settings = request.app.state.settings
    now = datetime.now(UTC)
    told = told_of(settings)
    done = await decode_again.again_alike(request.app.state.database, person, data.device, data.reason, now, told)
    came_of_it = {"decoded": str(done["decoded"]), "still": str(done["still"])}
    asked = {"device": data.device, "reason": data.reason, **came_of_it}
    return Redirect("/queues/quarantine/again", query_params=asked, status_code=303)


handlers = [alike_page, decode_alike]
