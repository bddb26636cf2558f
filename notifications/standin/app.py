"""The stand-in provider as one web application: the API, a page that shows the phones, and doors for scripts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import JSONBody
from litestar.response import Redirect
from litestar.static_files import create_static_files_router

from notifications.standin import api, calls
from notifications.standin.mishaps import CallMishap, Chances, Mishap
from notifications.standin.provider import Provider
from notifications.standin.telephone import Exchange
from notifications.standin.webhooks import Webhooks

FOLDER = Path(__file__).parent
Asked = Request[Any, Any, State]


class Shown(msgspec.Struct, frozen=True, rename={"from_number": "from", "to_number": "to"}):
    """A text as scripts see it."""

    sid: str
    to_number: str
    from_number: str
    body: str
    status: str


class Written(msgspec.Struct, frozen=True, rename={"from_number": "from", "to_number": "to"}):
    """What somebody writes on a phone; `to` is our number unless it says otherwise."""

    from_number: str
    body: str
    to_number: str | None = None


class Asking(msgspec.Struct, frozen=True):
    """Mishaps for the next texts, and for the next calls, in this order; `chances` for all that come after."""

    mishaps: list[Mishap] = []
    calls: list[CallMishap] = []
    chances: Chances | None = None


@get("/messages")
async def messages(request: Asked) -> list[Shown]:
    """What the product sent, oldest first."""
    sent = request.app.state.provider.sent()
    return [Shown(text.sid, text.to_number, text.from_number, text.body, text.status) for text in sent]


@post("/inbound", status_code=200)
async def inbound(request: Asked, data: JSONBody[Written]) -> dict[str, Any]:
    """Somebody writes; the answer says what the product's webhook answered (0: it is not there)."""
    provider: Provider = request.app.state.provider
    text = provider.receive(data.from_number, data.to_number or provider.sender, data.body)
    return {"sid": text.sid, "webhook_status": await request.app.state.webhooks.inbound(text)}


@post("/reply")
async def reply(request: Asked) -> Redirect:
    """The same from the page's own box."""
    form = await request.form()
    provider: Provider = request.app.state.provider
    text = provider.receive(str(form["from"]), provider.sender, str(form["body"]))
    await request.app.state.webhooks.inbound(text)
    return Redirect("/", status_code=303)


@post("/mishaps", status_code=200)
async def ask_for_mishaps(request: Asked, data: JSONBody[Asking]) -> dict[str, int]:
    """Make texts and calls go wrong, for tests."""
    luck = request.app.state.provider.luck
    luck.add(data.mishaps, data.calls)
    if data.chances is not None:
        luck.ask(data.chances)
    return {"waiting": len(luck.texts) + len(luck.calls)}


@get("/mishaps")
async def mishaps_so_far(request: Asked) -> dict[str, int]:
    """What is still to go wrong, and what became of forged webhooks: `believed` ones were not answered with 403."""
    luck, webhooks = request.app.state.provider.luck, request.app.state.webhooks
    waiting = len(luck.texts) + len(luck.calls)
    return {"waiting": waiting, "forged": webhooks.forged, "believed": webhooks.believed}


@get("/", media_type=MediaType.HTML)
async def page(request: Asked) -> Response[str]:
    return _rendered(request, "page.html")


@get("/phones", media_type=MediaType.HTML)
async def phones(request: Asked) -> Response[str]:
    """Only the phones, for the page that looks again each second."""
    return _rendered(request, "phones.html")


def _rendered(request: Asked, name: str) -> Response[str]:
    provider: Provider = request.app.state.provider
    text = request.app.state.pages.get_template(name).render(
        conversations=provider.conversations(), sender=provider.sender,
        calls=[call for call in reversed(request.app.state.exchange.calls()) if call.live][:5],
        past=[call for call in reversed(request.app.state.exchange.calls()) if not call.live][:5],
    )  # fmt: skip
    return Response(text, media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})


def create(provider: Provider, webhook_base: str, *, pace_seconds: float = 0.4) -> Litestar:
    """The application; `webhook_base` is where the product answers."""

    @asynccontextmanager
    async def webhooks(app: Litestar) -> AsyncIterator[None]:
        app.state.webhooks = Webhooks(provider, webhook_base, pace_seconds)
        app.state.exchange = Exchange(provider, app.state.webhooks, pace_seconds)
        yield
        await app.state.exchange.close()
        await app.state.webhooks.close()

    loader = jinja2.FileSystemLoader(FOLDER)
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    static = create_static_files_router(path="/static", directories=[FOLDER / "static"])
    return Litestar(
        route_handlers=[
            *api.handlers,
            *calls.handlers,
            messages,
            inbound,
            reply,
            ask_for_mishaps,
            mishaps_so_far,
            page,
            phones,
            static,
        ],
        state=State({"provider": provider, "pages": pages}),
        lifespan=[webhooks],
        openapi_config=None,
    )
