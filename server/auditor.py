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
from server.auditing import canary, rounds, runs, standing, synthetic
from server.auditing.runs import Hop
from server.auditing.synthetic import Synthetic
from server.db import heartbeats, pool
from server.db.pool import AWAY, Database, Db, Who
from server.settings import Settings, mqtt_parts
from server.waiting import wait

log = structlog.get_logger()
WHO = Who(principal="service:auditor")
WARM_AFTER = timedelta(seconds=60)  # the others may have begun with us
ARRIVES_WITHIN = 30.0  # seconds; half the interval when that is shorter
LOOK_EVERY = 0.1
AT_ONCE = 8  # organizations whose reading is under way


class Auditor:
    """One of any number; of a round and of a run the database lets only one be made."""

    def __init__(self, settings: Settings, database: Database, stop: asyncio.Event) -> None:
        self._settings, self._database, self._stop = settings, database, stop
        self._every = timedelta(seconds=settings.canary_seconds)
        self._within = min(ARRIVES_WITHIN, settings.canary_seconds / 2)
        self._began, self._warm = _now(), False
        self._doors = asyncio.Semaphore(AT_ONCE)

    async def round(self) -> None:
        """Look at what is new; when nobody looked for long, go on until all is seen."""
        behind = True
        while behind and not self._stop.is_set():
            async with self._database.transaction(WHO) as db:
                done = await rounds.look(db, _now(), warm=await self._is_warm(db))
                await heartbeats.beat(db, "auditor", _instance(), "rounds", _now())
            behind = done.behind

    async def run(self) -> None:
        """The synthetic patient of every organization measures once."""
        if not await self._until_warm():
            return
        slot = runs.slot(_now(), self._every)
        async with self._database.transaction(WHO) as db:
            everybody = await synthetic.see_to(db, _now())
            ours = {one: who for one, who in everybody.items() if await runs.begin(db, one, slot)}
        async with asyncio.TaskGroup() as group:
            for organization, who in ours.items():
                group.create_task(self._follow(organization, who, slot))
        async with self._database.transaction(WHO) as db:
            await heartbeats.beat(db, "auditor", _instance(), "canary", _now())

    async def _is_warm(self, db: Db) -> bool:
        """Once all were heard, or a minute after we began: before that the others may just be starting."""
        if not self._warm:
            self._warm = _now() - self._began > WARM_AFTER or not await standing.silent_loops(db, _now())
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
        if who is not None and who.systolic_mmhg is not None:
            async with self._doors:
                took = await self._sent(who)
            missing = canary.first_missing(list(took))
        if self._stop.is_set() and missing:
            return  # cut short, which says nothing: the next auditor makes the next run
        async with self._database.transaction(WHO) as db:
            await canary.conclude(db, organization, slot, took, missing, _now())
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
        now, rest = _now(), timedelta(seconds=self._settings.audit_seconds)
        async with self._database.transaction(WHO) as db:
            well = await runs.all_well(db, now - 3 * rest - timedelta(seconds=10), now - 2.5 * self._every)
        if not well:
            log.warning("outside_not_told")
            return
        try:
            await asyncio.to_thread(_get, url)
        except OSError as error:
            log.warning("outside_does_not_answer", kind=type(error).__name__)


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done again and again; `on_grid` ones begin when the clock says so, whoever counts."""

    name: str
    step: Callable[[], Awaitable[None]]
    every: float
    on_grid: bool = False


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; survives PostgreSQL and the broker going away. A loop that breaks ends the process."""
    database = await pool.connect(settings.url_for("auditor"), name="auditor", size=4 + AT_ONCE, lazy=True)
    auditor = Auditor(settings, database, stop)
    loops = (
        Loop(name="rounds", step=auditor.round, every=settings.audit_seconds),
        Loop(name="canary", step=auditor.run, every=settings.canary_seconds, on_grid=True),
        Loop(name="outside", step=auditor.tell_outside, every=settings.canary_seconds),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(_keep(loop, stop), name=loop.name)
            log.info("auditor_ready")
    finally:
        database.terminate()


async def _keep(loop: Loop, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await loop.step()
        except (*AWAY, asyncpg.PostgresError, ExceptionGroup) as error:
            _only_away(error)
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
