"""The auditor: does everything that came in have what must follow, and does a reading get from a device to a page?"""

import asyncio
import os
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import structlog

from devices.credentials import DynamicSecurity, Refusal
from devices.probe import Answered, Probe
from notifications.gateways import Provider
from notifications.sender import Sender
from server.auditing import answering, beats, canary, own_pages, rounds, runs, standing, synthetic, trials
from server.auditing.pace import Pace
from server.auditing.runs import Hop
from server.auditing.synthetic import Synthetic
from server.db import pool
from server.db.ids import uuid7
from server.db.pool import AWAY, Database, Db, Who
from server.gateway import gateway_of
from server.settings import Settings, mqtt_parts
from server.waiting import wait

log = structlog.get_logger()
WHO = Who(principal="service:auditor")
ARRIVES_WITHIN = 30.0  # seconds; half the interval when that is shorter
LOOK_EVERY = 0.1
AT_ONCE = 8  # organizations whose reading is under way


class Auditor:
    """One of any number; of a round and of a run the database lets only one be made."""

    def __init__(self, settings: Settings, database: Database, stop: asyncio.Event) -> None:
        self._settings, self._database, self._stop = settings, database, stop
        self._pace = pace_of(settings)
        self._within = min(ARRIVES_WITHIN, settings.canary_seconds / 2)
        self._began, self._warm = _now(), False
        self.failing: set[str] = set()  # our loops whose last try failed
        self._doors = asyncio.Semaphore(AT_ONCE)
        self._gateway: Provider = gateway_of(settings)
        self._sender = Sender(
            lambda: database.transaction(WHO), self._gateway, own_pages.raise_alarm, _now, uuid7, own_pages.claim
        )

    async def round(self) -> None:
        """Look at what is new; when nobody looked for long, go on until all is seen."""
        behind = True
        while behind and not self._stop.is_set():
            async with self._database.transaction(WHO) as db:
                apart = _now() - await beats.database_clock(db)
                done = await rounds.look(db, _now(), self._pace, warm=await self._is_warm(db), apart=apart)
                await beats.beat(db, "auditor", _instance(), "rounds", _now(), _now() + self._pace.checked)
            behind = done.behind

    async def ask(self) -> None:
        """Those who have no loop that could be heard: the web at the address that people use, and the provider."""
        web, provider = await asyncio.gather(
            asyncio.to_thread(answering.pages, self._settings.public_url), answering.provider(self._gateway, _now())
        )
        async with self._database.transaction(WHO) as db:
            # The public address may not be reachable from inside: who never answered is not missed.
            await beats.answered(db, "web", _instance(), _now(), answers=web, missed=False)
            await beats.answered(db, "provider", _instance(), _now(), answers=provider, missed=True)

    async def page(self) -> None:
        """Say what nobody else said, and send it ourselves."""
        async with self._database.transaction(WHO) as db:
            await own_pages.write(db, self._settings.public_url, self._settings.field_key, _now(), self._pace)
        while await self._sender.send_due() and not self._stop.is_set():
            pass

    async def run(self) -> None:
        """The synthetic patient of every organization measures once."""
        await self._beat("canary")
        if not await self._until_warm():
            return
        slot = runs.slot(_now(), self._pace.every)
        async with self._database.transaction(WHO) as db:
            everybody = await synthetic.see_to(db, _now())
            ours = {one: who for one, who in everybody.items() if await runs.begin(db, one, slot)}
        async with asyncio.TaskGroup() as group:
            for organization, who in ours.items():
                group.create_task(self._follow(organization, who, slot))
        await self._beat("canary")

    async def close(self) -> None:
        """Let go of the connections to the provider."""
        await self._gateway.close()

    async def _beat(self, loop: str) -> None:
        async with self._database.transaction(WHO) as db:
            await beats.beat(db, "auditor", _instance(), loop, _now())

    async def _is_warm(self, db: Db) -> bool:
        """Once all were heard, or a while after we began: before that the others may just be starting."""
        if not self._warm:
            silent = await standing.silent_loops(db, _now(), self._pace)
            others = [one for one in silent if not one.startswith("auditor: ")]  # our own loops wait for this
            self._warm = not others or _now() - self._began > self._pace.warm
        return self._warm

    async def _until_warm(self) -> bool:
        """False when told to stop before."""
        while not self._stop.is_set():
            async with self._database.transaction(WHO) as db:
                if await self._is_warm(db):
                    return True
            await wait(0.5, self._stop)
        return False

    async def _follow(self, organization: uuid.UUID, who: Synthetic | None, slot: datetime) -> None:
        took: dict[str, int] = {}
        missing: Hop | None = "setup"
        failed: list[uuid.UUID] = []
        if who is not None and who.systolic_mmhg is not None:
            async with self._doors:
                took = await self._sent(who)
                missing = canary.first_missing(list(took))
                failed = await self._tried(who, slot) if missing is None else []
        if self._stop.is_set() and (missing or failed):
            return  # cut short, which says nothing: the next auditor makes the next run
        async with self._database.transaction(WHO) as db:
            await canary.conclude(db, organization, slot, took, missing, _now(), failed)
        log.info("canary", organization=str(organization), missing=missing, **took)

    async def _sent(self, who: Synthetic) -> dict[str, int]:
        """Milliseconds to each hop that was reached in time."""
        clock = asyncio.get_running_loop().time
        async with self._database.transaction(WHO) as db:
            await synthetic.resolve(db, who.patient_id, _now())  # what an auditor that was killed left open
        began, payload = clock(), _payload(who)
        asking = asyncio.ensure_future(self._asked(who, payload))
        took: dict[str, int] = {}
        try:
            while len(took) < len(runs.HOPS) - 2 and clock() - began < self._within and not self._stop.is_set():
                await wait(LOOK_EVERY, self._stop)
                async with self._database.transaction(WHO) as db:
                    now_at = await runs.reached(db, who.device_id, payload)
                took |= {hop: int((clock() - began) * 1000) for hop in now_at if hop not in took}
        finally:
            answered = await asking
        told = {"broker": answered.broker_ms, "receipt": answered.receipt_ms}
        return {hop: ms for hop, ms in told.items() if ms is not None} | took

    async def _tried(self, who: Synthetic, slot: datetime) -> list[uuid.UUID]:
        """Let a reading cross each changed rule that ours did not; the versions whose reading got lost on the way."""
        async with self._database.transaction(WHO) as db:
            left = [(one, trials.payload(one, _now())) for one in await trials.to_try(db, who.organization_id, slot)]
        clock = asyncio.get_running_loop().time
        began = clock()
        for _, payload in left:  # one connection after another: the broker knows the device by its name
            if clock() - began < self._within / 2:
                await self._asked(who, payload)
        while left and clock() - began < self._within / 2 and not self._stop.is_set():
            await wait(LOOK_EVERY, self._stop)
            async with self._database.transaction(WHO) as db:
                left = [(one, sent) for one, sent in left if not await trials.reached(db, who.device_id, one, sent)]
        return [one.version_id for one, _ in left]

    async def _asked(self, who: Synthetic, payload: bytes) -> Answered:
        host, port, tls, *_ = mqtt_parts(self._settings.mqtt_url)
        password = self._settings.derived_key(f"canary {who.device_id}").hex()

        def ask() -> Answered:
            return Probe(who.device_id, password, payload).run(host, port, self._within, self._stop.is_set, tls=tls)

        answered = await asyncio.to_thread(ask)
        if answered.refused and not self._stop.is_set() and await self._let_in(who.device_id, password):
            answered = await asyncio.to_thread(ask)
        return answered

    async def _let_in(self, device: str, password: str) -> bool:
        """Give the synthetic device its login; without the broker's admin login a person has to."""
        if self._settings.mqtt_admin_url is None:
            log.error("canary_has_no_login", device=device)
            return False
        try:
            await DynamicSecurity(self._settings.mqtt_admin_url).grant(device, password)
        except Refusal as refusal:
            log.error("canary_not_let_in", device=device, reason=refusal.reason)
            return False
        return True

    async def tell_outside(self) -> None:
        """While all is well somebody elsewhere hears it; when they stop hearing, they call (a dead man's switch)."""
        url = self._settings.heartbeat_url
        if url is None:
            return
        now, pace = _now(), self._pace
        async with self._database.transaction(WHO) as db:
            well = await runs.all_well(db, now - pace.round_fresh, now - pace.run_fresh)
        if not well or self.failing:
            log.warning("outside_not_told")
            return
        try:
            await asyncio.to_thread(_get, url)
        except OSError as error:
            log.warning("outside_does_not_answer", kind=type(error).__name__)
            return
        await self._beat("outside")


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done again and again; `on_grid` ones begin when the clock says so, whoever counts."""

    name: str
    step: Callable[[], Awaitable[None]]
    every: float
    on_grid: bool = False


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; survives PostgreSQL and the broker going away. A loop that breaks ends the process."""
    database = await pool.connect(settings.url_for("auditor"), name="auditor", size=4 + AT_ONCE, lazy=True)
    auditor, pace = Auditor(settings, database, stop), pace_of(settings)
    loops = (
        Loop(name="rounds", step=auditor.round, every=settings.audit_seconds),
        Loop(name="canary", step=auditor.run, every=settings.canary_seconds, on_grid=True),
        Loop(name="ask", step=auditor.ask, every=pace.patience.total_seconds() / 3),
        Loop(name="pages", step=auditor.page, every=1),
        Loop(name="outside", step=auditor.tell_outside, every=pace.outside.total_seconds()),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(_keep(loop, stop, auditor.failing), name=loop.name)
            log.info("auditor_ready")
    finally:
        await auditor.close()
        database.terminate()


async def _keep(loop: Loop, stop: asyncio.Event, failing: set[str]) -> None:
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await loop.step()
            failing.discard(loop.name)
        except (*AWAY, asyncpg.PostgresError, ExceptionGroup) as error:
            _only_away(error)
            failing.add(loop.name)
            log.warning("database_away", loop=loop.name, kind=type(error).__name__)
        await wait(_pause(loop, began), stop)


def _only_away(error: Exception) -> None:
    """Runs go side by side; a bug in one is a bug."""
    if isinstance(error, ExceptionGroup) and error.split((*AWAY, asyncpg.PostgresError))[1] is not None:
        raise error


def _pause(loop: Loop, began: float) -> float:
    if loop.on_grid:
        return loop.every - _now().timestamp() % loop.every
    return max(0.1, began + loop.every - asyncio.get_running_loop().time())


def pace_of(settings: Settings) -> Pace:
    """As the settings say; the worker's slow loops go by the same settings."""
    every, rest, tick = settings.canary_seconds, settings.audit_seconds, settings.tick_seconds
    return Pace(
        every=timedelta(seconds=every), rest=timedelta(seconds=rest), tick=timedelta(seconds=tick),
        doubt=timedelta(seconds=settings.unresolved_seconds),
    )  # fmt: skip


def _payload(who: Synthetic) -> bytes:
    """What a cuff at home says; its own to the microsecond, so no two are the same."""
    return msgspec.json.encode(
        {
            "kind": "blood_pressure", "measured_at": _now().isoformat(), "systolic": who.systolic_mmhg,
            "diastolic": 70, "unit": "mm[Hg]",
        }
    )  # fmt: skip


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the administrator's own address
        answer.read(1)


def _instance() -> str:
    return os.environ.get("CARELOOP_INSTANCE", "1")


def _now() -> datetime:
    return datetime.now(UTC)
