"""Twilio's Calls API as far as we use it, and what a person or a script does with a telephone that rings."""

from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect

from notifications.standin.api import TOO_MANY, Answer, Asked, fail, refuse, says_error
from notifications.standin.telephone import Call, CallStatus, Exchange

ROOT = "/2010-04-01/Accounts/{account:str}/Calls"
FATES: dict[str, CallStatus] = {"no_answer": "no-answer", "busy": "busy", "failed": "failed"}


class Shown(msgspec.Struct, frozen=True, rename={"from_number": "from", "to_number": "to"}):
    """A call as scripts see it."""

    sid: str
    to_number: str
    from_number: str
    status: str
    said: list[str]


class Pressed(msgspec.Struct, frozen=True):
    """What the one who picks up presses; without a key they only listen."""

    key: str | None = None


@post(f"{ROOT}.json", status_code=201)
async def create(request: Asked, account: FromPath[str]) -> Answer:
    provider = request.app.state.provider
    if refused := refuse(request, provider, account):
        return refused
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    mishap = provider.luck.of_call()
    if mishap in TOO_MANY:
        return says_error(429, TOO_MANY[mishap], provider.luck.chances.retry_after)
    if mishap in {"error", "silence", "hang_up"}:
        return await fail(mishap)
    checks = {
        21201: not form.get("To"), 21213: not form.get("From"), 21205: not form.get("Url"),
        21211: not form.get("To", "").removeprefix("+").isdigit(),
    }  # fmt: skip
    if code := next((code for code, holds in checks.items() if holds), None):
        return says_error(400, code)
    call = _exchange(request).place(form, FATES.get(mishap or ""), rings=mishap != "lost_after_accepting")
    if mishap == "lost_after_accepting":
        return await fail("hang_up")
    if call.callback and provider.luck.dice.random() < provider.luck.chances.callbacks.early:
        await _exchange(request).early(call)
    if mishap is not None and mishap.endswith("_after_accepting"):
        return await fail(mishap)
    return Response(_as_twilio(call, account), status_code=201)


@get(f"{ROOT}.json")
async def list_calls(request: Asked, account: FromPath[str]) -> Answer:
    if refused := refuse(request, request.app.state.provider, account):
        return refused
    query = dict(parse_qsl(request.scope["query_string"].decode()))
    found = [call for call in reversed(_exchange(request).calls()) if call.to_number == query.get("To", call.to_number)]
    uri = f"/2010-04-01/Accounts/{account}/Calls.json"
    listed = [_as_twilio(call, account) for call in found[: int(query.get("PageSize", 50))]]
    return Response({"calls": listed, "page": 0, "page_size": len(listed), "uri": uri, "next_page_uri": None})


@get(f"{ROOT}/{{name:str}}")
async def fetch(request: Asked, account: FromPath[str], name: FromPath[str]) -> Answer:
    if refused := refuse(request, request.app.state.provider, account):
        return refused
    call = _exchange(request).get(name.removesuffix(".json"))
    return Response(_as_twilio(call, account)) if call else says_error(404, 20404)


@get("/calls")
async def calls(request: Asked) -> list[Shown]:
    """Every call the product placed, oldest first."""
    return [_shown(call) for call in _exchange(request).calls()]


@post("/calls/{sid:str}/answer", status_code=200)
async def answer(request: Asked, sid: FromPath[str], data: JSONBody[Pressed]) -> Response[Any]:
    """Pick up, listen, and press a key if there is one; what was heard comes back."""
    call = _exchange(request).get(sid)
    if call is None:
        return says_error(404, 20404)
    await _answer(request, call, data.key)
    return Response(_shown(call))


@post("/calls/{sid:str}/decline", status_code=200)
async def decline(request: Asked, sid: FromPath[str]) -> Response[Any]:
    """The line is busy."""
    call = _exchange(request).get(sid)
    if call is None:
        return says_error(404, 20404)
    await _exchange(request).end(call, "busy")
    return Response(_shown(call))


@post("/telephone")
async def by_hand(request: Asked) -> Redirect:
    """The same from the page's own buttons."""
    form = await request.form()
    call = _exchange(request).get(str(form.get("sid")))
    if call is not None and "decline" in form:
        await _exchange(request).end(call, "busy")
    elif call is not None and "hang_up" in form:
        await _exchange(request).end(call, "completed")
    elif call is not None:
        await _answer(request, call, str(form.get("key") or "") or None)
    return Redirect("/", status_code=303)


async def _answer(request: Asked, call: Call, key: str | None) -> None:
    if key is None:
        await _exchange(request).pick_up(call)
    else:
        await _exchange(request).press(call, key)


def _exchange(request: Asked) -> Exchange:
    exchange: Exchange = request.app.state.exchange
    return exchange


def _shown(call: Call) -> Shown:
    return Shown(call.sid, call.to_number, call.from_number, call.status, call.said)


def _as_twilio(call: Call, account: str) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{account}/Calls/{call.sid}.json"
    return {
        "account_sid": account, "annotation": None, "answered_by": None, "api_version": "2010-04-01",
        "caller_name": None, "date_created": format_datetime(call.created_at),
        "date_updated": format_datetime(call.created_at), "direction": "outbound-api", "duration": None,
        "end_time": None, "forwarded_from": None, "from": call.from_number, "from_formatted": call.from_number,
        "group_sid": None, "parent_call_sid": None, "phone_number_sid": None, "price": None, "price_unit": "USD",
        "queue_time": "0", "sid": call.sid, "start_time": None, "status": call.status, "subresource_uris": {},
        "to": call.to_number, "to_formatted": call.to_number, "trunk_sid": None, "uri": uri,
    }  # fmt: skip


handlers = [create, list_calls, fetch, calls, answer, decline, by_hand]
