"""A whole Careloop that can be hurt: every process its own, a door before each service, phones, nurses, an outside."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import psutil

from bench.doors import Door, door_before
from bench.process import Process
from devices.credentials import DynamicSecurity
from server.db import migrate
from server.db.ids import uuid7
from server.ops.embedded import mosquitto, postgres
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Role, as_role, mqtt_parts
from tests.texting import free_port
from tests.web.people import HASH, PASSWORD
from tests.world import FIELD_KEY, World, make_world

SECRET = "bench-secret-key-0123456789abcdef-0123456789"
SID, TOKEN = "AC" + "0" * 32, "the-token"
OURS: tuple[Role, ...] = ("web", "bridge", "worker", "auditor")


TROUBLES = """
    SELECT kind || ': ' || CASE kind WHEN 'canary' THEN says ELSE subject END AS what FROM alarm
     WHERE organization_id = $1 AND status <> 'resolved' AND kind IN ('canary', 'audit_mismatch', 'page_failed')
     ORDER BY opened_at
"""
TIDY_ALERTS = """
    UPDATE alert SET status = 'resolved', resolved_by = $2, resolved_at = now(), outcome = 'technical'
     WHERE organization_id = $1 AND status <> 'resolved' AND patient_id IN (SELECT id FROM patient WHERE NOT synthetic)
"""
TIDY_ALARMS = (
    "UPDATE alarm SET status = 'resolved', resolved_at = now() WHERE organization_id = $1 AND status <> 'resolved'"
)
SEEN_TO = """
    UPDATE alarm SET status = 'resolved', resolved_at = now(), resolved_by = $2
     WHERE organization_id = $1 AND status <> 'resolved' AND subject = 'readings without their finding'
"""
TIDY_TEXTS = """
    UPDATE message SET status = 'delivered'
     WHERE organization_id = $1 AND to_number <> 'sink' AND status IN ('queued', 'sending', 'sent', 'unknown', 'failed')
"""


class Outside:
    """Somebody elsewhere who calls when they do not hear from us."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        self.server: asyncio.Server

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.heard_at = time.monotonic()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        writer.close()


class Clinic:
    """One organization: its world, and its nurse before the worklist."""

    def __init__(self, world: World, admin_phone: str, nurse: httpx.AsyncClient) -> None:
        self.world, self.admin_phone, self.nurse = world, admin_phone, nurse

    @property
    def phones(self) -> set[str]:
        return {self.world.nurse_phone, self.admin_phone}

    async def banner(self) -> bool:
        """Whether the nurse's worklist says that something is wrong; no page is no banner."""
        try:
            answer = await self.nurse.get("/worklist")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and "alarm-banner" in answer.text


class Living:
    """Everything that runs, with what is needed to hurt and to watch it."""

    def __init__(self, folder: Path, interval: int) -> None:
        self.folder, self.interval = folder, interval
        self.head, self.clocks = folder / "heads" / "audit-heads.jsonl", folder / "clocks"
        self.outside = Outside()
        self.doors: dict[str, Door] = {}
        self.processes: dict[str, Process] = {}
        self.clinics: list[Clinic] = []
        self.url = f"http://127.0.0.1:{free_port()}"
        self.sms_url = ""
        self.broker: RunningMosquitto
        self.database: Any
        self.owner: Any

    @staticmethod
    @asynccontextmanager
    async def open(folder: Path, clinics: int, interval: int = 5) -> AsyncIterator["Living"]:
        """All of it serving, and all well."""
        one = Living(folder, interval)
        for name in ("heads", "clocks", "logs"):
            (folder / name).mkdir(parents=True)
        async with AsyncExitStack() as stack:
            await one._services(stack)
            stack.push_async_callback(one._end)
            await one._start()
            for number in range(clinics):
                one.clinics.append(await one._clinic(number, stack))
            await one._began()
            yield one

    async def _services(self, stack: AsyncExitStack) -> None:
        self.database = await postgres.start(self.folder / "postgres", fast=True)
        stack.push_async_callback(self.database.stop)
        self.broker = await mosquitto.start(self.folder / "broker")
        stack.push_async_callback(self._stop_broker)
        await migrate.migrate(self.database.url, SECRET, datetime.now(UTC))
        # A damaged disk asks no key: neither does the owner here.
        keyless = {"session_replication_role": "replica"}
        self.owner = await asyncpg.create_pool(self.database.url, min_size=1, max_size=8, server_settings=keyless)
        stack.callback(self.owner.terminate)
        at = urlsplit(self.database.url)
        for role in OURS:
            self.doors[role] = await stack.enter_async_context(door_before("127.0.0.1", at.port or 5432))
        self.doors["broker"] = await stack.enter_async_context(door_before(self.broker.host, self.broker.port))
        sms = free_port()
        self.sms_url = f"http://127.0.0.1:{sms}"
        self.doors["provider"] = await stack.enter_async_context(door_before("127.0.0.1", sms))
        self.outside.server = await asyncio.start_server(self.outside.answer, "127.0.0.1", 0)
        stack.callback(self.outside.server.close)

    async def _stop_broker(self) -> None:
        await self.broker.stop()

    async def _start(self) -> None:
        for role in OURS:
            argv = (sys.executable, "-m", "bench.crooked", role)
            self.processes[role] = Process(role, argv, self._env(role), self.folder / "logs" / f"{role}.log")
        self.processes["provider"] = Process("provider", self.provider(), os.environ, self.folder / "logs/provider.log")
        await asyncio.gather(*(one.start() for one in self.processes.values()))

    def provider(self, *, token: str = TOKEN, pace: float = 0.05) -> tuple[str, ...]:
        """The stand-in's command: with another token it refuses us, at a pace of hours nothing is delivered."""
        login = ("--account-sid", SID, "--auth-token", token, "--sender", "+12125550399", "--webhook-base", self.url)
        port = self.sms_url.rpartition(":")[2]
        return (sys.executable, "-m", "notifications.standin", "--port", port, *login, "--pace", str(pace))

    def _env(self, role: Role) -> dict[str, str]:
        at = urlsplit(as_role(self.database.url, role, SECRET))
        login = at.netloc.rpartition("@")[0]
        through = urlunsplit(at._replace(netloc=f"{login}@127.0.0.1:{self.doors[role].port}"))
        _, _, _, user, password = mqtt_parts(self.broker.url_bridge)
        heard = self.outside.server.sockets[0].getsockname()[1]
        return {
            **os.environ, "DATABASE_URL": self.database.url, f"DATABASE_URL_{role.upper()}": through,
            "MQTT_URL": f"mqtt://{user}:{password}@127.0.0.1:{self.doors['broker'].port}",
            "MQTT_ADMIN_URL": self.broker.url_admin, "CARELOOP_SECRET_KEY": SECRET, "CARELOOP_FIELD_KEY": FIELD_KEY,
            "CARELOOP_PUBLIC_URL": self.url, "CARELOOP_PORT": self.url.rpartition(":")[2],
            "CARELOOP_AUDIT_HEAD": str(self.head), "CARELOOP_TICK_SECONDS": "1",
            "CARELOOP_AUDIT_SECONDS": str(self.interval // 2 if self.interval > 10 else 1),
            "CARELOOP_CANARY_SECONDS": str(self.interval), "CROOKED_CLOCK": str(self.clocks / role),
            "CARELOOP_HEARTBEAT_URL": f"http://127.0.0.1:{heard}/ping", "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_SENDER": "+12125550399",
            "TWILIO_API_URL": f"http://127.0.0.1:{self.doors['provider'].port}",
        }  # fmt: skip

    async def _clinic(self, number: int, stack: AsyncExitStack) -> Clinic:
        """Its letter makes its telephones differ from the others'."""
        world = await make_world(self.owner, f"Clinic {chr(65 + number)}")
        admin, phone = uuid7(), f"+1212555{60 + number // 90:02d}{number % 90:02d}"
        await self.owner.execute(
            "INSERT INTO staff (id, organization_id, name, role, phone, created_at)"
            " VALUES ($1, $2, 'Admin', 'admin', $3, now())",
            admin, world.organization, phone,
        )  # fmt: skip
        await self.owner.execute("UPDATE organization SET sender_number = NULL WHERE id = $1", world.organization)
        await self.owner.execute(
            "INSERT INTO account (id, organization_id, login, password_hash, staff_id, created_at)"
            " VALUES ($1, $2, $3, $4, $5, now())",
            uuid7(), world.organization, f"nurse-{number}", HASH, world.nurse,
        )  # fmt: skip
        await DynamicSecurity(self.broker.url_admin).grant(world.device, world.device_secret)
        nurse = await stack.enter_async_context(httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=3))
        return Clinic(world, phone, nurse)

    async def _began(self) -> None:
        async with asyncio.timeout(90):
            for number, clinic in enumerate(self.clinics):
                await self.until_signed_in(clinic, number)
            while not all([await self.calm(one) for one in self.clinics]):
                await asyncio.sleep(0.2)

    async def until_signed_in(self, clinic: Clinic, number: int) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                login = {"login": f"nurse-{number}", "password": PASSWORD}
                if (await clinic.nurse.post("/sign-in", data=login)).status_code == 303:
                    return
            for one in self.processes.values():
                if not one.lives:
                    raise RuntimeError(f"{one.name} ended at its start: see {self.folder}/logs")
            await asyncio.sleep(0.2)

    def outside_silent(self) -> bool:
        """They hear from us four times an interval, and call after one interval of silence and two seconds."""
        return time.monotonic() - self.outside.heard_at > self.interval + 2

    async def calm(self, clinic: Clinic, *, outside: bool = True) -> bool:
        """The nurse sees a worklist without a banner, and the outside hears that all is well."""
        if outside and self.outside_silent():
            return False
        try:
            answer = await clinic.nurse.get("/worklist")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and "alarm-banner" not in answer.text

    async def troubles(self, clinic: Clinic) -> list[str]:
        """What stands on the clinic's list about ourselves; empty while the database does not answer."""
        try:
            async with asyncio.timeout(2):
                database = await asyncpg.connect(self.database.url)
                rows = await database.fetch(TROUBLES, clinic.world.organization)
                await database.close()
        except (TimeoutError, OSError, asyncpg.PostgresError):
            return []
        return [row["what"] for row in rows]

    async def seen_to(self, clinic: Clinic) -> None:
        """A person has looked at the readings that the auditor names, and says so."""
        await self.owner.execute(SEEN_TO, clinic.world.organization, clinic.world.nurse)

    async def tidy(self, clinic: Clinic) -> None:
        """What the sabotage left on the list is closed, so that the next one begins with a quiet one."""
        await self.owner.execute(TIDY_ALERTS, clinic.world.organization, clinic.world.nurse)
        await self.owner.execute(TIDY_ALARMS, clinic.world.organization)
        await self.owner.execute(TIDY_TEXTS, clinic.world.organization)

    async def texts(self) -> list[dict[str, str]]:
        """What the provider has; nothing while it does not answer."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
                return list((await client.get(f"{self.sms_url}/messages")).json())
        except httpx.HTTPError:
            return []

    async def ask_for_mishaps(self, name: str) -> None:
        """The provider's next texts go wrong in this way."""
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            (await client.post(f"{self.sms_url}/mishaps", json={"mishaps": [name] * 500})).raise_for_status()

    def freeze(self, name: str, number: signal.Signals) -> None:
        """A service with everything it started: `broker` or `database`."""
        service = self.broker.process if name == "broker" else self.database.process
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(service.pid)
            for one in (parent, *parent.children(recursive=True)):
                one.send_signal(number)

    async def _end(self) -> None:
        for one in self.processes.values():
            one.send(signal.SIGCONT)
            one.send(signal.SIGTERM)
        for one in self.processes.values():
            if one.process is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(one.process.wait(), 6)
            await one.kill()
