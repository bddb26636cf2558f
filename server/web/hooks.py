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
from notifications.inbox import Inbound
from notifications.signatures import form_of, genuine
from server.db.pool import Database, Who
from server.errors import Refused
from server.flows import answer_page, receipt, reply
from server.flows.receipt import Report
from server.settings import Settings

Asked = Request[Any, Any, State]
SAY_NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # our answers go through the outbox
PROVIDER = "service:twilio"


@post("/hooks/twilio/status/{attempt:uuid}", status_code=HTTP_200_OK, include_in_schema=False)
async def status(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """How one of our texts fares."""
    return await _report(request, attempt, "Message")


async def _report(request: Asked, attempt: uuid.UUID, kind: str) -> Response[str]:
    form = await _believed(request)
    organization = await _whose_attempt(_database(request), attempt)
    if organization is None:
        structlog.get_logger().warning("hook_for_nobody", hook="status")
        return _nothing()
    report = Report(
        sid=form.get(f"{kind}Sid", ""), status=form.get(f"{kind}Status", ""), error_code=form.get("ErrorCode") or None,
        from_number=form.get("From", ""),
    )  # fmt: skip
    async with _database(request).transaction(Who(principal=PROVIDER, organization=organization)) as db:
        await receipt.handle(db, attempt, report, datetime.now(UTC))
    return _nothing()


@post("/hooks/twilio/inbound", status_code=HTTP_200_OK, include_in_schema=False)
async def inbound(request: Asked) -> Response[str]:
    """A text that somebody wrote to one of our numbers."""
    form = await _believed(request)
    organization = await _whose_number(_database(request), form.get("To", ""))
    if organization is None or not form.get("MessageSid"):
        structlog.get_logger().warning("hook_for_nobody", hook="inbound")
        return _nothing()
    text = Inbound(
        sid=form["MessageSid"], from_number=form.get("From", ""), to_number=form["To"],
        body=_storable(form.get("Body", "")),
    )  # fmt: skip
    settings: Settings = request.app.state.settings
    told = reply.Told(public_url=settings.public_url, field_key=settings.field_key)
    who = Who(principal=PROVIDER, organization=organization)
    await reply.handle(_database(request), who, organization, text, datetime.now(UTC), told)
    return _nothing()


@post("/hooks/twilio/calls/{attempt:uuid}", status_code=HTTP_200_OK, include_in_schema=False)
async def call(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """Somebody picked up: what they hear. Looked up now, so nobody is asked to take what is taken."""
    await _believed(request)
    organization = await _whose_attempt(_database(request), attempt)
    words: str | None = None
    if organization is not None:
        async with _database(request).transaction(Who(principal=PROVIDER, organization=organization)) as db:
            words = await answer_page.hear(db, attempt)
    if words is None:
        return _markup(speech.says(_words("call_over")))
    settings: Settings = request.app.state.settings
    action = f"{settings.public_url}/hooks/twilio/calls/{attempt}/key"
    return _markup(speech.asks(words, action, _words("call_not_taken")))


@post("/hooks/twilio/calls/{attempt:uuid}/key", status_code=HTTP_200_OK, include_in_schema=False)
async def key(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """They pressed a key. The provider may bring it twice: the second time changes nothing and says the same."""
    form = await _believed(request)
    organization = await _whose_attempt(_database(request), attempt)
    said = "call_over"
    if organization is not None:
        async with _database(request).transaction(Who(principal=PROVIDER, organization=organization)) as db:
            said = await answer_page.press(db, organization, attempt, form.get("Digits", ""), datetime.now(UTC))
    return _markup(speech.says(_words(said)))


@post("/hooks/twilio/calls/{attempt:uuid}/status", status_code=HTTP_200_OK, include_in_schema=False)
async def call_status(request: Asked, attempt: FromPath[uuid.UUID]) -> Response[str]:
    """How one of our calls fares."""
    return await _report(request, attempt, "Call")


async def _believed(request: Asked) -> dict[str, str]:
    """The form's fields, when the signature over our public address and the body is the provider's; else 403."""
    settings: Settings = request.app.state.settings
    query = request.scope["query_string"].decode("latin-1")
    url = settings.public_url + request.scope["path"] + (f"?{query}" if query else "")
    body, kind = await request.body(), request.headers.get("content-type", "")
    signature = request.headers.get("x-twilio-signature")
    if settings.twilio is None or not genuine(settings.twilio.auth_token, url, signature, kind, body):
        structlog.get_logger().warning("hook_refused", path=request.scope["path"], signed=signature is not None)
        raise Refused("This request does not carry the provider's signature.")
    return dict(form_of(body.decode()))


ATTEMPT = "SELECT door_attempt($1)"


async def _whose_attempt(database: Database, attempt: uuid.UUID) -> uuid.UUID | None:
    """The organization that made this attempt; a door answers, before one is known."""
    async with database.transaction(Who(principal=PROVIDER)) as db:
        found: uuid.UUID | None = await db.fetchval(ATTEMPT, attempt)
    return found


SENDER = "SELECT door_sender($1)"


async def _whose_number(database: Database, number: str) -> uuid.UUID | None:
    """The organization whose texts come from this number."""
    async with database.transaction(Who(principal=PROVIDER)) as db:
        found: uuid.UUID | None = await db.fetchval(SENDER, number)
    return found


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
