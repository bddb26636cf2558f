"""What we say to people, text by text in both languages: ours, the clinic's own, a draft, and what came before."""

import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from notifications.wording import LANGUAGES, Language, Wording, catalogue
from notifications.wording.checks import Preview
from server.errors import CareloopError, Conflict, Invalid, NotFound, Refused
from server.flows import change_wording as flow
from server.flows.change_wording import GONE, Proposal
from server.outreach import wordings
from server.outreach.wordings import Version
from server.security.guards import refuse, staff_only
from server.security.sessions import Person
from server.web.pages import page

Asked = Request[Any, Any, State]
PURPOSES: Final = {
    "safety": "Safety: to patients, at once and at any hour",
    "reminder": "Reminders to patients",
    "answer": "Answers to patients",
    "page": "To staff",
}
BEGINS: Final = {
    "reminder": "Text", "say": "Call, e-mail, portal", "email": "E-mail", "ask": "After a crisis reading",
    "page": "Text", "call": "Call", "after": "After they said",
}  # fmt: skip
TITLES: Final = {
    "ask_who": "Whose number is it, on a shared telephone", "ask_what": "Which measurement is it",
    "answer_time": "When a person reads it", "help": "Help", "emergency": "Words of danger",
    "not_monitored_now": "Nobody watches at this hour",
    "not_monitored_now_call": "Nobody watches at this hour, with a number to call",
}  # fmt: skip
LANGUAGE_NAMES: Final = {"en": "English", "es": "Spanish"}


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One language of a text: what is sent now, how it arrives, what waits, and everything that was."""

    language: Language
    shipped: Wording
    used: Version | None
    draft: Version | None
    history: list[Version]
    seen: Preview
    draft_seen: Preview | None
    older: bool

    @property
    def text(self) -> str:
        return self.used.body if self.used else self.shipped.text

    @property
    def ours_changed(self) -> bool:
        """Our own text changed since the clinic wrote theirs: worth another look."""
        return self.used is not None and self.used.shipped_version != self.shipped.version


class Text(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    purpose: str
    sides: list[Side]


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The form; `act` is which of its buttons was pressed."""

    name: Annotated[str, msgspec.Meta(max_length=80)]
    language: Language
    body: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""
    act: str = "preview"


def title(name: str) -> str:
    """`reminder_refill_plain` → "Text: refill, without a link"."""
    if name in TITLES:
        return TITLES[name]
    begin, _, rest = name.partition("_")
    if begin not in BEGINS or not rest:
        return name.replace("_", " ").capitalize()
    bare = rest.removesuffix("_plain").replace("_", " ")
    return f"{BEGINS[begin]}: {bare}{', without a link' if rest.endswith('_plain') else ''}"


@get("/wordings", guards=[staff_only], include_in_schema=False)
async def wordings_page(request: Asked, person: NamedDependency[Person]) -> Template:
    async with request.app.state.database.transaction(person.who) as db:
        known = await wordings.every(db)
    names = [name for name in catalogue("en") if flow.may_differ(name)]
    texts = [_text(request, person, name, [one for one in known if one.name == name]) for name in names]
    groups = [(says, [one for one in texts if one.purpose == purpose]) for purpose, says in PURPOSES.items()]
    waiting = [(one, side) for one in texts for side in one.sides if side.draft]
    return page(
        "careteam/wordings.html", person, groups=[group for group in groups if group[1]], waiting=waiting, title=title,
        language_names=LANGUAGE_NAMES,
    )  # fmt: skip


def _text(request: Asked, person: Person, name: str, known: list[Version]) -> Text:
    sides = [_side(request, person, name, language, known) for language in LANGUAGES]
    return Text(name=name, purpose=catalogue("en")[name].purpose, sides=sides)


def _side(request: Asked, person: Person, name: str, language: Language, known: list[Version]) -> Side:
    used = wordings.in_use(known, language)
    own = [one for one in known if one.language == language]
    draft = next((one for one in own if one.status == "draft"), None)
    shipped = catalogue(language)[name]
    body = used.body if used else shipped.text
    return Side(
        language=language, shipped=shipped, used=used, draft=draft, history=own,
        seen=_look(request, person, name, language, body),
        draft_seen=_look(request, person, name, language, draft.body) if draft else None,
        older=_is_older(used, wordings.in_use(known, "es" if language == "en" else "en")),
    )  # fmt: skip


def _is_older(used: Version | None, other: Version | None) -> bool:
    """The other language was changed, and nobody has approved this one since that change was written."""
    if other is None:
        return False
    return used is None or used.decided_at is None or used.decided_at < other.drafted_at


def _look(request: Asked, person: Person, name: str, language: Language, body: str) -> Preview:
    return flow.look(name, language, body, person.organization_name, request.app.state.settings.public_url)


@get("/wordings/text", guards=[staff_only], include_in_schema=False)
async def wording_page(request: Asked, person: NamedDependency[Person], name: FromQuery[str]) -> Template:
    return await _page(request, person, name)


async def _page(
    request: Asked, person: Person, name: str, *, typed: Typed | None = None, error: CareloopError | None = None
) -> Template:
    """Both languages side by side; after a preview or an error as it was typed."""
    if name not in catalogue("en") or not flow.may_differ(name):
        raise NotFound(GONE)
    async with request.app.state.database.transaction(person.who) as db:
        known = await wordings.every(db, name)
    typed_seen = _look(request, person, name, typed.language, " ".join(typed.body.split())) if typed else None
    return page(
        "careteam/wording.html", person, status=error.status if error else 200, typed=typed, typed_seen=typed_seen,
        text=_text(request, person, name, known), title=title, problem=error.says if error else None,
        may_approve=person.role in flow.APPROVING, language_names=LANGUAGE_NAMES, purposes=PURPOSES,
    )  # fmt: skip


@post("/wordings/draft", guards=[staff_only], include_in_schema=False)
async def draft(request: Asked, person: NamedDependency[Person], data: URLEncodedBody[Typed]) -> Template | Redirect:
    """A look at what was typed, or the draft that another person may approve."""
    if data.act != "save":
        return await _page(request, person, data.name, typed=data)
    proposal = Proposal(name=data.name, language=data.language, body=data.body, reason=data.reason)
    url = request.app.state.settings.public_url
    try:
        await flow.draft(request.app.state.database, person, proposal, url, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _page(request, person, data.name, typed=data, error=error)
    return _to(data.name, data.language)


@post("/wordings/{wording_id:uuid}/approve", guards=[staff_only], include_in_schema=False)
async def approve(
    request: Asked, person: NamedDependency[Person], wording_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    url = request.app.state.settings.public_url
    act = flow.approve(request.app.state.database, person, wording_id, url, datetime.now(UTC))
    return await _decided(request, person, wording_id, "approve", act)


@post("/wordings/{wording_id:uuid}/reject", guards=[staff_only], include_in_schema=False)
async def reject(
    request: Asked, person: NamedDependency[Person], wording_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    act = flow.reject(request.app.state.database, person, wording_id, datetime.now(UTC))
    return await _decided(request, person, wording_id, "reject", act)


@post("/wordings/{wording_id:uuid}/withdraw", guards=[staff_only], include_in_schema=False)
async def withdraw(
    request: Asked, person: NamedDependency[Person], wording_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    act = flow.withdraw(request.app.state.database, person, wording_id, datetime.now(UTC))
    return await _decided(request, person, wording_id, "withdraw", act)


@post("/wordings/{wording_id:uuid}/bring-back", guards=[staff_only], include_in_schema=False)
async def bring_back(
    request: Asked, person: NamedDependency[Person], wording_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    url = request.app.state.settings.public_url
    act = flow.bring_back(request.app.state.database, person, wording_id, url, datetime.now(UTC))
    return await _decided(request, person, wording_id, "bring_back", act)


async def _decided(
    request: Asked, person: Person, wording_id: uuid.UUID, action: str, act: Awaitable[Version]
) -> Template | Redirect:
    """Back to the text; what could not be done is said on its page."""
    try:
        done = await act
    except (Invalid, Conflict) as error:
        return await _page(request, person, await _name(request, person, wording_id), error=error)
    except Refused:
        await refuse(request, person, f"wording.{action}", f"wording:{wording_id}")
        raise
    return _to(done.name, done.language)


async def _name(request: Asked, person: Person, wording_id: uuid.UUID) -> str:
    async with request.app.state.database.transaction(person.who) as db:
        found = await wordings.get(db, wording_id)
    return found.name if found else ""


def _to(name: str, language: str) -> Redirect:
    return Redirect(f"/wordings/text?name={name}#{language}", status_code=303)


handlers = [wordings_page, wording_page, draft, approve, reject, withdraw, bring_back]
