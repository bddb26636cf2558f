"""A stand-in provider and our webhooks, both really listening, for tests that send real texts through the real SDK."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.datastructures import State

from notifications import outbox
from notifications.gateways import Gateway
from notifications.gateways.twilio import TwilioGateway
from notifications.messages import Message
from notifications.sender import Sender
from notifications.standin.app import create
from notifications.standin.provider import Passed, Provider
from notifications.standin.server import serve
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.outreach.tasks import open_task
from server.people.phones import phone_hash
from server.settings import Settings, Twilio
from server.web import errors, hooks
from server.worker import raise_alarm
from tests.world import FIELD_KEY, World

AnyGateway = TypeVar("AnyGateway", bound=TwilioGateway)
SID, TOKEN = "AC" + "0" * 32, "the-token"
WORKER = Who(principal="service:worker")
NEW_YORK = ZoneInfo("America/New_York")
# Yesterday's noon in New York: inside the allowed hours whenever the tests run, and never in the future.
NOON = datetime.combine(datetime.now(NEW_YORK).date() - timedelta(days=1), time(12), NEW_YORK).astimezone(UTC)


class Phones:
    """The provider's side of a test."""

    def __init__(self, provider: Provider, url: str, settings: Settings, sender: str) -> None:
        self.provider = provider
        self.url = url
        self.settings = settings
        self.sender = sender
        self._gateways: list[TwilioGateway] = []

    def texts(self, number: str | None = None) -> list[Passed]:
        return [text for text in self.provider.sent() if number in {None, text.to_number}]

    def gateway(self, timeout_seconds: float = 5) -> TwilioGateway:
        return self.keep(TwilioGateway(SID, TOKEN, self.sender, self.settings.public_url, self.url, timeout_seconds))

    def keep(self, gateway: AnyGateway) -> AnyGateway:
        """Its connections are closed when the test ends."""
        self._gateways.append(gateway)
        return gateway

    async def close(self) -> None:
        for gateway in self._gateways:
            await gateway.close()

    async def write(self, number: str, body: str) -> int:
        """Somebody writes to us; our webhook's answer."""
        return int((await self._post("/inbound", {"from": number, "to": self.sender, "body": body}))["webhook_status"])

    async def mishaps(self, *names: str) -> None:
        await self._post("/mishaps", {"mishaps": names})

    async def _post(self, path: str, data: object) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(self.url + path, json=data)
            answer.raise_for_status()
            return dict(answer.json())


@pytest.fixture
async def phones(settings: Settings, web_db: Database, world: World) -> AsyncIterator[Phones]:
    """A provider whose callbacks reach our webhooks over HTTP."""
    ours, theirs = free_port(), free_port()
    url = f"http://127.0.0.1:{theirs}"
    twilio = Twilio(account_sid=SID, auth_token=TOKEN, sender=world.sender, api_url=url)
    told = msgspec.structs.replace(settings, public_url=f"http://127.0.0.1:{ours}", twilio=twilio)
    provider = Provider(SID, TOKEN, world.sender, lambda: datetime.now(UTC))
    state = State({"database": web_db, "settings": told})
    web = Litestar(hooks.handlers, state=state, exception_handlers=errors.HANDLERS, openapi_config=None)
    async with AsyncExitStack() as both:
        await both.enter_async_context(serving(web, ours))
        await both.enter_async_context(serving(create(provider, told.public_url, pace_seconds=0.02), theirs))
        one = Phones(provider, url, told, world.sender)
        yield one
        await one.close()


@asynccontextmanager
async def serving(app: Litestar, port: int) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(app, "127.0.0.1", port, stop))
    await until(lambda: reachable(port))
    yield
    stop.set()
    await task


async def reachable(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 10) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)


def transactions(database: Database) -> Callable[[], AbstractAsyncContextManager[Db]]:
    return lambda: database.transaction(WORKER)


def sender(database: Database, gateway: Gateway, now: datetime = NOON) -> Sender:
    return Sender(transactions(database), gateway, raise_alarm, lambda: now, uuid7, open_task=open_task)


async def send_all(database: Database, gateway: Gateway, now: datetime = NOON) -> None:
    one = sender(database, gateway, now)
    while await one.send_due():
        pass


def message(world: World, **changes: Any) -> Message:
    """A page to the world's nurse, unless changed."""
    to_number = changes.pop("to_number", world.nurse_phone)
    made = Message(
        id=uuid7(), organization_id=world.organization, purpose="page", unique_for=uuid.uuid4().hex, to_number=to_number,
        to_hash=phone_hash(FIELD_KEY, to_number), wording="test", wording_version=1, language="en", body="A test.",
        not_before=NOON, created_at=NOON, staff_id=world.nurse,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def answer(world: World, **changes: Any) -> Message:
    """A text to the world's patient that is sent at most once and needs no reason."""
    fixed = {"purpose": "answer", "staff_id": None, "patient_id": world.patient, "to_number": world.patient_phone}
    return message(world, **(fixed | changes))


async def put(database: Database, *messages: Message) -> None:
    async with database.transaction(WORKER) as db:
        await outbox.put(db, messages)


async def status_of(owner: Any, one: Message) -> tuple[str, str | None]:
    row = await owner.fetchrow("SELECT status, reason FROM message WHERE id = $1", one.id)
    return row["status"], row["reason"]


async def measure(owner: Any, world: World, at: datetime, patient: uuid.UUID | None = None) -> None:
    """A reading of the patient at that moment."""
    await owner.execute(
        """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis,
               received_at, source, systolic_mmhg, diastolic_mmhg, judged_with)
           VALUES ($1, $2, $3, 'blood_pressure', $4, 'America/New_York', $5, 'device', $4, 'device', 120, 80, 'test')""",
        uuid7(), world.organization, patient or world.patient, at, at.date(),
    )  # fmt: skip
