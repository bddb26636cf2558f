"""The web process: pages, JSON, live events and webhooks in one application, wired by arguments."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from server.db import pool
from server.errors import CareloopError, Unavailable
from server.security.guards import provide_person
from server.settings import Settings
from server.web import (
    admin,
    errors,
    events,
    health,
    hooks,
    ingest,
    links,
    metrics,
    portal,
    sign_in,
    unsubscribe,
    vendors,
)
from server.web.api import v1
from server.web.careteam import (
    alert,
    appointments,
    contact,
    conversation,
    holidays,
    hours,
    letters,
    limits,
    medicines,
    outreach,
    patients,
    programmes,
    queues,
    reading,
    reminders,
    results,
    roster,
    rule_drafts,
    rules,
    snoozes,
    status,
    steps,
    stranger,
    system,
    tasks,
    told_us,
    wordings,
    worklist,
    yields,
)
from server.web.events import Feed
from server.web.headers import add_headers, same_origin
from server.web.pages import STATIC, engine

DRAIN_SECONDS: Final = 4.0
LARGEST_BODY: Final = 2_000_000  # bytes; a hub's batch of readings is far below


def create(settings: Settings) -> Litestar:
    """The application. It opens its own pool when it starts, also while PostgreSQL is away."""
    config = AppConfig(
        route_handlers=[*_handlers(), _static()],
        lifespan=[partial(_lifespan, settings)],
        state=State({"settings": settings, "feed": Feed(settings.url_for("web"))}),
        dependencies={"person": Provide(provide_person)},
        guards=[same_origin],
        before_send=[add_headers],
        exception_handlers=errors.HANDLERS,
        template_config=TemplateConfig(instance=engine()),
        openapi_config=_schema(),
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )
    return Litestar.from_config(config)


def _handlers() -> list[Any]:
    parts: tuple[Any, ...] = (
        sign_in,
        links,
        worklist,
        alert,
        snoozes,
        patients,
        conversation,
        contact,
        letters,
        unsubscribe,
        status,
        limits,
        medicines,
        appointments,
        results,
        told_us,
        reading,
        outreach,
        reminders,
        hours,
        tasks,
        wordings,
        queues,
        roster,
        holidays,
        steps,
        stranger,
        system,
        rules,
        rule_drafts,
        programmes,
        yields,
        v1,
        events,
        admin,
        health,
        metrics,
        portal,
        hooks,
        ingest,
        vendors,
    )
    return [handler for part in parts for handler in part.handlers]


def _static() -> Any:
    """Addresses carry a hash of the content, so a browser may keep what it got."""
    return create_static_files_router("/static", [STATIC], cache_control=None, include_in_schema=False, name="static")


def _schema() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Careloop",
        version="1",
        description="Remote patient monitoring and patient engagement. Sign in with POST /sign-in; the cookie counts.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/schema",
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
    )


@asynccontextmanager
async def _lifespan(settings: Settings, app: Litestar) -> AsyncIterator[None]:
    database = await pool.connect(settings.url_for("web"), name="web", size=10, lazy=True)
    app.state.database = database
    feed: Feed = app.state.feed
    feed.start()
    try:
        yield
    finally:
        await feed.stop()
        try:
            await asyncio.wait_for(database.close(), 3)
        except TimeoutError:
            database.terminate()


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Answer requests until `stop`; then end live streams, finish what is being answered, and close."""
    address = check_port(settings.host, settings.port)
    app = create(settings)
    server = Server(app, address, settings.port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)
    serving = asyncio.create_task(server.serve(), name="granian")
    stopping = asyncio.create_task(stop.wait())
    try:
        structlog.get_logger().info("web starting", host=settings.host, port=settings.port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done() and not stop.is_set():
            await serving
            raise Unavailable("The web server ended by itself. Look at the log lines before this one.")
    finally:
        stopping.cancel()
        app.state.feed.close()
        server.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, DRAIN_SECONDS)


def check_port(host: str, port: int) -> str:
    """The IP address to listen on; `CareloopError` when somebody else does. The server would share it silently."""
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CareloopError(_why_not(host, port, error)) from None
    return str(where[0])


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use; use --port or stop the other."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights; use --port with a number above 1023."
    return f"{host} cannot be listened on ({error.strerror}); check CARELOOP_HOST."
