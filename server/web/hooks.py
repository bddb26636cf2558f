"""What the text-message provider tells us: believed only with its signature, answered without a word."""

import uuid
from datetime import UTC, datetime
from typing import Any

import structlog
from litestar import MediaType, Request, Response, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK

from notifications import speech, wording
from notifications.signatures import form_of, genuine
from server.db.pool import Database, Db, Who
from server.errors import Refused
from server.flows import answer_page, arrive, call_patient, forged, page, receipt
from server.flows.call_patient import Script
from server.flows.receipt import Report
from server.people import senders, telephones
from server.people.unclaimed_texts import Arrived
from server.settings import Settings

Asked = Request[Any, Any, State]
SAY_NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # our answers go through the outbox
PROVIDER = "service:twilio"


@post("/hooks/twilio/status/{attempt:uuid}", status_code=HTTP_200_OK, include_in_schema=False)
async def status(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """How one of our texts fares."""
    return await _report(request, attempt, "Message")


async def _report(request: Asked, attempt: uuid.UUID, kind: str) -> Response[str]:
    form = await _believed(request, attempt)
    organization = await _whose_attempt(_database(request), attempt)
    if organization is None:
        structlog.get_logger().warning("hook_for_nobody", hook="status")
        return _nothing()
    async with _database(request).transaction(Who(principal=PROVIDER, organization=organization)) as db:
        report = Report(
            sid=form.get(f"{kind}Sid", ""), status=form.get(f"{kind}Status", ""),
            error_code=form.get("ErrorCode") or None,
            from_number=await telephones.sender_of(db, organization, _default_sender(request)),
        )  # fmt: skip
        await receipt.handle(db, attempt, report, datetime.now(UTC))
    return _nothing()


@post("/hooks/twilio/inbound", status_code=HTTP_200_OK, include_in_schema=False)
async def inbound(request: Asked) -> Response[str]:
    """A text that somebody wrote to one of our numbers."""
    form = await _believed(request)
    if not form.get("MessageSid"):
        structlog.get_logger().warning("hook_for_nobody", hook="inbound")
        return _nothing()
    text = Arrived(
        sid=form["MessageSid"], numbers=_ours(form), from_number=form.get("From", ""),
        body=_storable(form.get("Body", "")), received_at=datetime.now(UTC),
    )  # fmt: skip
    settings: Settings = request.app.state.settings
    await arrive.arrive(_database(request), PROVIDER, text, page.told_of(settings), _default_sender(request))
    return _nothing()


@post("/hooks/twilio/calls/{attempt:uuid}", status_code=HTTP_200_OK, include_in_schema=False)
async def call(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """Somebody picked up: what they hear. Looked up now, so nobody is asked to take what is taken."""
    await _believed(request, attempt)
    organization = await _whose_attempt(_database(request), attempt)
    words: str | None = None
    if organization is not None:
        async with _database(request).transaction(Who(principal=PROVIDER, organization=organization)) as db:
            if script := await call_patient.hear(db, attempt):
                return _played(request, attempt, script)
            words = await answer_page.hear(db, attempt)
    if words is None:
        return _markup(speech.says(_words("call_over")))
    return _markup(speech.asks(words, _key_of(request, attempt), _words("call_not_taken")))


def _key_of(request: Asked, attempt: uuid.UUID) -> str:
    settings: Settings = request.app.state.settings
    return f"{settings.public_url}/hooks/twilio/calls/{attempt}/key"


def _played(request: Asked, attempt: uuid.UUID, script: Script) -> Response[str]:
    """A patient's call. What they heard so far is in the address of the next key, which the signature covers."""
    if not script.waits:
        return _markup(speech.says(script.words, script.language))
    action = _key_of(request, attempt) + ("?heard=1" if script.heard else "")
    return _markup(speech.asks(script.words, action, script.otherwise, script.language))


@post("/hooks/twilio/calls/{attempt:uuid}/key", status_code=HTTP_200_OK, include_in_schema=False)
async def key(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """They pressed a key. The provider may bring it twice: the second time changes nothing and says the same."""
    form = await _believed(request, attempt)
    organization = await _whose_attempt(_database(request), attempt)
    said = "call_over"
    if organization is not None:
        who, now, digit = Who(principal=PROVIDER, organization=organization), datetime.now(UTC), form.get("Digits", "")
        async with _database(request).transaction(who) as db:
            if script := await _patient_pressed(request, db, who, attempt, digit, now):
                return _played(request, attempt, script)
            said = await answer_page.press(db, organization, attempt, digit, now)
    return _markup(speech.says(_words(said)))


async def _patient_pressed(
    request: Asked, db: Db, who: Who, attempt: uuid.UUID, digit: str, now: datetime
) -> Script | None:
    settings: Settings = request.app.state.settings
    return await call_patient.press(
        db, who, attempt, digit, now, heard="heard" in request.query_params,
        told=page.told_of(settings), default_sender=_default_sender(request),
    )  # fmt: skip


@post("/hooks/twilio/calls/{attempt:uuid}/status", status_code=HTTP_200_OK, include_in_schema=False)
async def call_status(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """How one of our calls fares."""
    return await _report(request, attempt, "Call")


def _ours(form: dict[str, str]) -> list[str]:
    """What it was written to: the number, and the messaging service that the number is in. Either may be the sender."""
    return [name for name in (form.get("To"), form.get("MessagingServiceSid")) if name]


def _default_sender(request: Asked) -> str:
    settings: Settings = request.app.state.settings
    return settings.twilio.sender if settings.twilio else ""


async def _believed(request: Asked, attempt: uuid.UUID | None = None) -> dict[str, str]:
    """The form's fields, when the signature over our public address and the body is the provider's; else 403.

    The address is the configured one: what a proxy or the caller says it is proves nothing.
    """
    settings: Settings = request.app.state.settings
    query = request.scope["query_string"].decode("latin-1")
    url = settings.public_url + request.scope["path"] + (f"?{query}" if query else "")
    body, kind = await request.body(), request.headers.get("content-type", "")
    signature = request.headers.get("x-twilio-signature")
    if settings.twilio is None or not genuine(settings.twilio.auth_token, url, signature, kind, body):
        await _note_forgery(request, attempt, body, signed=signature is not None)
        raise Refused("This request does not carry the provider's signature.")
    return dict(form_of(body.decode()))


async def _note_forgery(request: Asked, attempt: uuid.UUID | None, body: bytes, *, signed: bool) -> None:
    """A security event of whomever it claimed to be about, as far as that is known: nothing else of it is believed."""
    hook: forged.Hook = "inbound" if attempt is None else "call" if "/calls/" in request.scope["path"] else "status"
    structlog.get_logger().warning("hook_refused", hook=hook, signed=signed)
    if attempt is not None:
        organization = await _whose_attempt(_database(request), attempt)
        about = [] if organization is None else [organization]
    else:
        about = await _whose_numbers(request, _ours(dict(form_of(body.decode(errors="replace")))))
    await forged.refused(_database(request), about, hook, signed=signed, now=datetime.now(UTC))


ATTEMPT = "SELECT door_attempt($1)"


async def _whose_attempt(database: Database, attempt: uuid.UUID) -> uuid.UUID | None:
    """The organization that made this attempt; a door answers, before one is known."""
    async with database.transaction(Who(principal=PROVIDER)) as db:
        found: uuid.UUID | None = await db.fetchval(ATTEMPT, attempt)
    return found


async def _whose_numbers(request: Asked, numbers: list[str]) -> list[uuid.UUID]:
    """The organizations that text from one of these."""
    async with _database(request).transaction(Who(principal=PROVIDER)) as db:
        asked = [_storable(one) for one in numbers]
        found = await senders.texted(db, asked, _default_sender(request), b"")
    return [one.organization_id for one in found]


def _database(request: Asked) -> Database:
    database: Database = request.app.state.database
    return database


def _storable(body: str) -> str:
    """PostgreSQL stores any character but NUL."""
    return body.replace("\x00", "")


def _words(name: str) -> str:
    return wording.render(name, "en").body


def _nothing() -> Response[str]:
    return _markup(SAY_NOTHING)


def _markup(text: str) -> Response[str]:
    return Response(text, media_type=MediaType.XML, status_code=HTTP_200_OK)


handlers = [status, inbound, call, key, call_status]
