"""Twilio's Messages API as far as we use it: create, list, fetch, with its errors word for word."""

import asyncio
import base64
import binascii
import hmac
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from notifications.standin.provider import SAYS, Passed, Provider
from notifications.standin.webhooks import Webhooks

ROOT = "/2010-04-01/Accounts/{account:str}/Messages"
SILENCE_SECONDS = 30
TOO_MANY = {"too_many": 20429, "queue_full": 21611}
Asked = Request[Any, Any, State]
Answer = Response[Any]


@post(f"{ROOT}.json", status_code=201)
async def create(request: Asked, account: FromPath[str]) -> Answer:
    provider, webhooks = _parts(request)
    if refused := refuse(request, provider, account):
        return refused
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    mishap = provider.luck.of_text()
    if mishap in TOO_MANY:
        return says_error(429, TOO_MANY[mishap], provider.luck.chances.retry_after)
    if mishap in {"error", "silence", "hang_up"}:
        return await fail(mishap)
    to_number, body = form.get("To", ""), form.get("Body", "")
    from_number = form.get("From") or (provider.sender if form.get("MessagingServiceSid") else "")
    if code := provider.why_not(to_number, from_number, body):
        return says_error(403 if code == 21408 else 400, code)
    text = provider.accept(to_number, from_number, body, form.get("StatusCallback", ""))
    if mishap == "lost_after_accepting":
        text.status = "sent"
        return await fail("hang_up")
    if provider.luck.dice.random() < provider.luck.chances.callbacks.early:
        await webhooks.early(text)
    webhooks.follow(text, arrives=mishap != "undelivered")
    if mishap is not None and mishap.endswith("_after_accepting"):
        return await fail(mishap)
    return Response(provider.as_twilio(text), status_code=201)


@get(f"{ROOT}.json")
async def list_texts(request: Asked, account: FromPath[str]) -> Answer:
    provider, _ = _parts(request)
    if refused := refuse(request, provider, account):
        return refused
    query = dict(parse_qsl(request.scope["query_string"].decode()))
    found = [text for text in reversed(provider.sent()) if _asked_for(text, query)]
    page, size = int(query.get("Page", 0)), min(int(query.get("PageSize", 50)), 1000)
    shown = found[page * size : (page + 1) * size]
    uri = f"/2010-04-01/Accounts/{account}/Messages.json"
    more = f"{uri}?PageSize={size}&Page={page + 1}" if len(found) > (page + 1) * size else None
    listed = [provider.as_twilio(text) for text in shown]
    return Response({"messages": listed, "page": page, "page_size": size, "uri": uri, "next_page_uri": more})


@get(f"{ROOT}/{{name:str}}")
async def fetch(request: Asked, account: FromPath[str], name: FromPath[str]) -> Answer:
    provider, _ = _parts(request)
    if refused := refuse(request, provider, account):
        return refused
    text = provider.get(name.removesuffix(".json"))
    return Response(provider.as_twilio(text)) if text else says_error(404, 20404)


def _parts(request: Asked) -> tuple[Provider, Webhooks]:
    return request.app.state.provider, request.app.state.webhooks


def refuse(request: Asked, provider: Provider, account: str) -> Answer | None:
    """Basic authentication with the account's id and token, as the SDK sends it."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        given = b""
    known = f"{provider.account_sid}:{provider.auth_token}".encode()
    right = scheme.lower() == "basic" and hmac.compare_digest(given, known) and account == provider.account_sid
    return None if right else says_error(401, 20003)


def _asked_for(text: Passed, query: dict[str, str]) -> bool:
    day = text.sent_at.date() if text.sent_at else None
    exact, after, before = (query.get(name) for name in ("DateSent", "DateSent>", "DateSent<"))
    return (
        ("To" not in query or text.to_number == query["To"])
        and ("From" not in query or text.from_number == query["From"])
        and (exact is None or day == _day(exact))
        and (after is None or (day is not None and day >= _day(after)))
        and (before is None or (day is not None and day <= _day(before)))
    )


def _day(written: str) -> date:
    return date.fromisoformat(written[:10])


async def fail(mishap: str) -> Answer:
    """What the caller gets to see of it."""
    if mishap.startswith("silence"):
        await asyncio.sleep(SILENCE_SECONDS)
    if mishap.startswith("hang_up"):
        return Stream(_cut_short, status_code=201, media_type="application/json")
    return says_error(500, 30001)


async def _cut_short() -> AsyncIterator[bytes]:
    """The beginning of an answer; then the connection is gone."""
    yield b'{"sid": "SM'
    raise ConnectionAbortedError


def says_error(status: int, code: int, retry_after: int | None = None) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    wait = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    told = {"code": code, "message": SAYS[code], "more_info": more, "status": status}
    return Response(told, status_code=status, headers=wait)


handlers = [create, list_texts, fetch]
