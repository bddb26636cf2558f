"""How to reach a patient: each number and address with what is known of it, who shares it, and what may be done."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from notifications.messages import Channel
from server.db.pool import Db
from server.errors import Conflict, Invalid, NotFound
from server.flows import contact, contact_wishes, verify_contact
from server.flows.contact import WHY, Deed, Typed
from server.flows.look import looking_at
from server.outreach import own_hours, ways
from server.outreach.ways import Way
from server.people import channel_order, consent, contact_codes, contact_points, proxies, telephones
from server.people.consent import Topic
from server.people.contact_points import Point
from server.people.patients import Patient
from server.people.telephones import Known, LineType
from server.security.guards import ANSWERING, answers_alerts, staff_only
from server.security.sessions import Person
from server.settings import Settings
from server.web.careteam.us_states import STATES
from server.web.forms import typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
DEEDS: Final[Mapping[str, Deed]] = {
    "number": contact.set_number, "add": contact.add, "end": contact.end, "again": contact.again,
    "line": contact.set_line, "cannot_text": contact.cannot_text, "can_text": contact.can_text,
    "opt_out": contact.opt_out, "opt_in": contact.opt_in, "consent": contact_wishes.set_consent,
    "prefer": contact_wishes.prefer, "proxy_add": contact_wishes.add_proxy, "proxy_end": contact_wishes.end_proxy,
    "proxy_again": contact_wishes.proxy_again, "send_code": verify_contact.send_code,
    "check_code": verify_contact.check_code,
}  # fmt: skip
DONE: Final[Mapping[str, str]] = {
    "number": "The number is changed. The old one stands below, under “Used before”.",
    "add": "It is added.", "end": "It is not used any more. Undo it below, under “Used before”.",
    "again": "It is used again.", "line": "The kind of line is noted.",
    "cannot_text": "This number gets no texts any more.", "can_text": "This number is tried again.",
    "opt_out": "The opt-out is recorded: nothing more is sent there.", "opt_in": "Messages may be sent there again.",
    "consent": "It is noted.", "prefer": "The order is changed.",
    "proxy_add": "The proxy is added.", "proxy_end": "The proxy hears nothing more. Undo it below.",
    "proxy_again": "The proxy hears again what they agreed to.",
    "send_code": "A code is on its way. Ask them to read it to you.", "check_code": "It is verified.",
}  # fmt: skip
TOPICS: Final[Mapping[Topic, str]] = {"monitoring": "about their care", "outreach": "about screenings that are due"}
CHANNELS: Final[Mapping[Channel, str]] = {"sms": "text", "voice": "call", "email": "e-mail", "portal": "portal"}
LINES: Final[Mapping[LineType, str]] = {
    "unknown": "not known", "mobile": "mobile", "landline": "landline: calls only", "voip": "internet telephone",
}  # fmt: skip
CANNOT: Final[Mapping[str, str]] = {
    "landline": "it is a landline", "staff": "staff said so", "21614": "it cannot receive texts",
    "21635": "it is a landline", "30006": "it is a landline, or its carrier takes no texts",
    "21211": "no such number exists", "21217": "no such number exists", "30003": "it was switched off, three times",
    "30005": "nobody has this number", "wrong_number": "somebody there says that it is not theirs",
    "smtp_rcpt_550": "there is no such mailbox", "smtp_rcpt_551": "the mailbox is not there any more",
    "smtp_rcpt_553": "no such address exists",
}  # fmt: skip
VIA: Final[Mapping[str, str]] = {
    "keyword": "they texted STOP", "wording": "they wrote that they want none", "provider": "the carrier says so",
    "staff": "they told staff", "call": "they pressed 9 in a call", "email": "they left the e-mails",
}  # fmt: skip


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A number or address as the page shows it. `name` is what its forms call it."""

    name: str
    point: Point
    known: Known
    code_sent: bool

    @property
    def number(self) -> bool:
        return self.point.channel != "email"

    @property
    def verified_at(self) -> datetime | None:
        return self.known.verified_at if self.number else self.point.verified_at


@get("/patients/{patient_id:uuid}/contact", guards=[staff_only], include_in_schema=False)
async def contact_page(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID], said: FromQuery[str] = ""
) -> Template:
    return await _page(request, person, patient_id, said=DONE.get(said))


async def _page(
    request: Asked, person: Person, patient_id: uuid.UUID, *, said: str | None = None,
    problem: str | None = None, status: int = 200, typed: Typed | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with looking_at(request.app.state.database, person, patient_id, now, "contact.view") as (db, patient):
        found = await _known(db, patient, now, _default_sender(request))
    return page(
        "careteam/contact.html", person, status=status, patient=patient, said=said, problem=problem, typed=typed or {},
        may_change=person.role in ANSWERING, why=WHY, topics=TOPICS, channels=CHANNELS, lines=LINES, cannot=CANNOT,
        via=VIA, states=STATES, **found,
    )  # fmt: skip


async def _known(db: Db, patient: Patient, now: datetime, default_sender: str) -> dict[str, Any]:
    points = await contact_points.of(db, patient.id)
    used = [p for p in points if p.valid_to is None]
    own = [contact.own_number(patient)] if patient.phone and patient.phone_hash else []
    sender = await telephones.sender_of(db, patient.organization_id, default_sender)
    known = await telephones.of(db, patient.id, patient.organization_id, [p.hash for p in [*own, *used]], sender)
    waiting = await contact_codes.waiting(db, patient.id, now)
    people = await proxies.of(db, patient.id)
    agreed = {(c.channel, c.topic): c.valid_from for c in await consent.current(db, patient.id, now)}
    open_ways = (await ways.of_patients(db, [patient.id], now, default_sender))[patient.id]
    return {
        "shown": [
            Shown(
                name=contact.OWN if p.id == patient.id else str(p.id), point=p, known=known[p.hash],
                code_sent=p.hash in waiting,
            )
            for p in [*own, *used]
        ],
        "former": [p for p in points if p.valid_to is not None][:10],
        "proxies": [x for x in people if x.valid_to is None],
        "former_proxies": [x for x in people if x.valid_to is not None],
        "region": (await own_hours.of(db, patient.id)).region,
        "agreed": agreed, "order": await channel_order.of(db, patient.id), "next_ways": _next(open_ways),
    }  # fmt: skip


def _next(found: list[Way]) -> dict[Topic, Way | None]:
    return {topic: ways.first(found, topic) for topic in get_args(Topic)}


@post("/patients/{patient_id:uuid}/contact", guards=[answers_alerts], include_in_schema=False)
async def change_contact(
    request: Asked, person: NamedDependency[Person], patient_id: FromPath[uuid.UUID]
) -> Template | Redirect:
    """Every form of the page; which one it is stands in the field `do`."""
    now, settings = datetime.now(UTC), _settings(request)
    async with looking_at(request.app.state.database, person, patient_id, now, "contact.view"):
        typed = await typed_in(request)
    try:
        if (deed := DEEDS.get(do := typed.get("do", ""))) is None:
            raise Invalid("Choose what to do with one of the page's buttons.")
        problem = await contact.change(
            request.app.state.database, person.who, patient_id, deed, typed, now, field_key=settings.field_key,
            default_sender=_default_sender(request),
        )  # fmt: skip
    except (Invalid, Conflict, NotFound) as error:
        return await _page(request, person, patient_id, problem=error.says, status=error.status, typed=typed)
    if problem:
        return await _page(request, person, patient_id, problem=problem, status=Invalid.status, typed=typed)
    return Redirect(f"/patients/{patient_id}/contact?said={do}", status_code=303)


def _settings(request: Asked) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _default_sender(request: Asked) -> str:
    twilio = _settings(request).twilio
    return twilio.sender if twilio else ""


handlers = [contact_page, change_contact]
