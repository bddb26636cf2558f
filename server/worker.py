"""The worker: reminders, the sender of texts, gaps, the audit's seal; each a named loop that asks PostgreSQL."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from notifications import inbox
from notifications.gateways import Gateway, Provider
from notifications.pace import Pace
from notifications.reconcile import put_back, reconcile
from notifications.sender import Sender
from server.db import events, heartbeats, migrate, pool
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import AWAY, Database, Db, Who
from server.errors import CareloopError
from server.flows import (
    after_hours,
    arrive,
    baseline,
    battery,
    compare_rule,
    confirm,
    escalate,
    evaluate,
    forged,
    forget,
    missing,
    page,
    post,
    reach_safely,
    remind,
    reply,
    series,
    ship_content,
    silence,
    snooze,
    status,
    texted_reading,
    try_phones,
    uncovered,
)
from server.gateway import gateway_of
from server.monitoring import alarms
from server.monitoring.findings import Severity
from server.outreach import tasks
from server.security import audit
from server.settings import Settings
from server.waiting import wait

log = structlog.get_logger()
WHO = Who(principal="service:worker")
STOP_WITHIN = 18  # seconds; a call to the provider may take 16
BEAT_EVERY = 5  # seconds
# Two of us wanted the same rows, or the server is ending: nothing is lost, the next round does it.
AGAIN = (
    *AWAY,
    asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.QueryCanceledError,
    asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError,
)  # fmt: skip


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done again and again: after `every` seconds, or sooner when the bell rings; at the end `end`."""

    name: str
    step: Callable[[], Awaitable[object]]
    every: float
    bell: asyncio.Event | None = None
    end: Callable[[], Awaitable[object]] | None = None


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; survives PostgreSQL going away. A loop that breaks ends the process, which is started again."""
    database = await pool.connect(settings.url_for("worker"), name="worker", size=12, lazy=True)
    working = asyncio.create_task(_work(settings, database, stop), name="loops")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not (await asyncio.wait({working}, timeout=STOP_WITHIN))[0]:
            working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    finally:
        stopping.cancel()
        working.cancel()
        database.terminate()


async def _work(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    outbox_bell, minute_bell = asyncio.Event(), asyncio.Event()
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    metronome = AsyncIOScheduler(timezone=UTC)
    metronome.add_job(
        minute_bell.set, "interval", seconds=settings.tick_seconds, misfire_grace_time=None, coalesce=True
    )
    metronome.start()

    def hear(event: Event) -> None:
        if event.topic in {"outbox", "refetch"}:
            outbox_bell.set()

    gateway = gateway_of(settings)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(events.listen(settings.url_for("worker"), hear, stop), name="listen")
            for loop in loops(settings, database, stop, outbox_bell, minute_bell, gateway):
                group.create_task(_keep(loop, database, stop), name=loop.name)
            log.info("worker_ready")
    finally:
        metronome.shutdown(wait=False)
        await gateway.close()


def loops(
    settings: Settings,
    database: Database,
    stop: asyncio.Event,
    outbox_bell: asyncio.Event,
    minute_bell: asyncio.Event,
    gateway: Provider | None = None,
) -> list[Loop]:
    """What a worker does, by name."""
    gateway = gateway or gateway_of(settings)
    sender = sender_of(settings, database, gateway)
    origin = remind.From(
        public_url=settings.public_url, default_sender=gateway.default_sender, by_email=settings.smtp is not None
    )
    email = post.sender_of(database, WHO, post.email_of(settings), raise_alarm, _now)
    tick = settings.tick_seconds
    lasts = timedelta(minutes=settings.acknowledged_minutes)
    paging = page.told_of(settings)
    return [
        Loop(name="sender", step=lambda: _send(sender, outbox_bell), every=1, bell=outbox_bell, end=sender.finish),
        Loop(name="escalate", step=lambda: escalate.escalate(database, WHO, lasts, _now(), paging), every=2),
        Loop(name="safety", step=lambda: reach_safely.watch(database, WHO, _now(), paging), every=1),
        Loop(name="post", step=lambda: post.send_all(database, WHO, email, _now, gateway.default_sender), every=2),
        Loop(name="confirm", step=lambda: confirm.watch(database, WHO, _now(), paging), every=1),
        Loop(name="snoozes", step=lambda: snooze.expire(database, WHO, _now()), every=2),
        Loop(name="reminders", step=lambda: _remind(database, origin), every=2 * tick, bell=minute_bell),
        Loop(name="sequences", step=lambda: missing.watch(database, WHO, _now()), every=2 * tick, bell=minute_bell),
        Loop(
            name="silence",
            step=lambda: silence.watch(database, WHO, settings.silent_hours, _now()),
            every=2 * tick,
            bell=minute_bell,
        ),
        Loop(name="batteries", step=lambda: battery.watch(database, WHO, _now()), every=2 * tick, bell=minute_bell),
        Loop(name="life", step=lambda: status.watch(database, WHO, _now()), every=2 * tick, bell=minute_bell),
        Loop(name="series", step=lambda: series.watch(database, WHO, _now(), paging), every=5),
        Loop(name="roster", step=lambda: uncovered.watch(database, WHO, _now()), every=2 * tick, bell=minute_bell),
        Loop(
            name="try_phones",
            step=lambda: try_phones.try_phones(database, WHO, _now(), paging),
            every=2 * tick,
            bell=minute_bell,
        ),
        Loop(name="unclear_texts", step=lambda: texted_reading.watch(database, WHO, _now()), every=30),
        Loop(name="after_hours", step=lambda: after_hours.tell_patients(database, WHO, _now()), every=5),
        Loop(name="gaps", step=lambda: evaluate.evaluate(database, WHO, _now()), every=3600),
        Loop(name="content", step=lambda: ship_content.ship(database, WHO, _now()), every=600),
        Loop(name="baselines", step=lambda: baseline.renew(database, WHO, _now()), every=600),
        Loop(
            name="drafts",
            step=lambda: compare_rule.compare_due(database, settings.url_for("worker"), WHO, _now, stop.is_set),
            every=2,
        ),
        Loop(name="put_back", step=lambda: put_back(lambda: database.transaction(WHO), _now), every=5),
        Loop(name="left_over", step=lambda: _left_over(database, paging, gateway.default_sender), every=5),
        Loop(name="reconcile", step=lambda: _reconcile(settings, database, gateway), every=5),
        Loop(name="sealer", step=lambda: _seal(database, settings), every=1),
        Loop(
            name="quarantine",
            step=lambda: forget.forget(database, WHO, settings.quarantine_days, _now()),
            every=3600,
        ),
        Loop(name="partitions", step=lambda: _partitions(settings), every=3600),
    ]


async def raise_alarm(
    db: Db, organization: UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
) -> None:
    """An alarm, and the worklists told of it."""
    await alarms.raise_alarm(db, organization, kind, subject, severity, says, now)
    await tell(db, Event(topic="worklist", organization=organization))


async def _keep(loop: Loop, database: Database, stop: asyncio.Event) -> None:
    pause, beaten = 0.5, 0.0
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        if loop.bell:
            loop.bell.clear()
        try:
            await loop.step()
            if clock() - beaten >= BEAT_EVERY:
                await _beat(database, loop.name)
                beaten = clock()
        except AGAIN as error:
            log.warning("database_away", loop=loop.name, kind=type(error).__name__)
            pause = min(pause * 2, 10)
            await wait(pause, stop)
        else:
            pause = 0.5
            await wait(loop.every, stop, loop.bell)
    if loop.end:
        await loop.end()


def sender_of(settings: Settings, database: Database, gateway: Provider) -> Sender:
    """At the pace that all workers keep together."""
    granted = settings.twilio.texts_a_second if settings.twilio else None
    pace = Pace(default_sender=gateway.default_sender, texts_a_second=granted)
    return Sender(
        lambda: database.transaction(WHO), gateway, raise_alarm, _now, uuid7, pace.claim, pace.hold, tasks.open_task
    )


async def _send(sender: Sender, more: asyncio.Event) -> None:
    """One look, which ends soon however much there is: the loop has to be heard."""
    if await sender.send_on():
        more.set()


async def _remind(database: Database, origin: remind.From) -> None:
    async with database.transaction(WHO) as db:
        await remind.plan(db, _now())
    due = True
    while due:
        async with database.transaction(WHO) as db:
            due = await remind.queue_due(db, _now(), origin) > 0


async def _reconcile(settings: Settings, database: Database, gateway: Gateway) -> None:
    give_up_after = timedelta(seconds=settings.unresolved_seconds)
    tests = await try_phones.unreported(database, WHO, gateway.default_sender, _now())
    await reconcile(
        lambda: database.transaction(WHO), gateway, raise_alarm, _now, tasks.open_task, give_up_after, tests
    )


async def _left_over(database: Database, told: reply.Told, default_sender: str) -> None:
    """Texts that were stored and not acted on; one may speak of danger, so they wait for nobody outside."""
    async with database.transaction(WHO) as db:
        left = await inbox.left_over(db, _now())
    for sid in left:
        try:
            await reply.act(database, WHO, sid, _now(), told)
        except Exception as error:  # the texts after it must not wait for what one of them breaks
            log.error("text_not_acted_on", sid=sid, error=type(error).__name__)
    await arrive.look_again(database, WHO, _now(), told, default_sender)
    await forged.tell_unfound(database, WHO, _now())


async def _seal(database: Database, settings: Settings) -> None:
    async with database.transaction(WHO) as db:
        await audit.seal(db, _now(), settings.audit_head)


async def _partitions(settings: Settings) -> None:
    """Months ahead. It needs the owner's login; without it, a person has to run `careloop migrate` in time."""
    try:
        made = await migrate.make_partitions(settings.database_url, _now().date())
    except (CareloopError, asyncpg.PostgresError, *AWAY) as error:
        log.error("partitions_not_made", kind=type(error).__name__)
        return
    if made:
        log.info("partitions_made", count=len(made))


async def _beat(database: Database, name: str) -> None:
    async with database.transaction(WHO) as db:
        await heartbeats.beat(db, "worker", os.environ.get("CARELOOP_INSTANCE", "1"), name, _now())


def _now() -> datetime:
    return datetime.now(UTC)
