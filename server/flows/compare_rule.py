"""A draft of a rule is compared with the rule as it is, over what was measured, before anybody may approve it."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import asyncpg
import structlog

from server.db import pool
from server.db.pool import AWAY, Database, Db, Who
from server.monitoring import backtest, comparisons, episodes, rule_book, rule_content, rule_drafts
from server.monitoring.backtest import Proposed, ProposedLevel
from server.monitoring.episodes import Episode
from server.monitoring.rule_content import RuleContent
from server.monitoring.rule_drafts import Claim, Comparison, Touched, Week

log = structlog.get_logger()
SPAN = timedelta(days=90)
TELL_EVERY = 0.5  # seconds between two words on how far it is
Clock = Callable[[], datetime]
Stopping = Callable[[], bool]


class Stopped(Exception):
    """Told to stop in the middle: the draft waits for the next worker."""


async def compare_due(database: Database, url: str, who: Who, clock: Clock, stopping: Stopping) -> int:
    """How many drafts were compared, aside: months of readings take seconds in which nobody would be escalated.

    That is a thread with a loop and connections (to `url`) of its own.
    """
    async with database.transaction(who) as db:
        if not await rule_drafts.any_to_compare(db, clock()):
            return 0
    return await asyncio.to_thread(lambda: asyncio.run(_aside(url, who, clock, stopping)))


async def _aside(url: str, who: Who, clock: Clock, stopping: Stopping) -> int:
    database = await pool.connect(url, name="worker drafts", size=2, lazy=True)
    try:
        return await compare_waiting(database, who, clock, stopping)
    except Stopped:
        return 0
    finally:
        database.terminate()


async def compare_waiting(database: Database, who: Who, clock: Clock, stopping: Stopping = lambda: False) -> int:
    """How many drafts were compared; any number of workers may ask, each draft is one's."""
    done = 0
    while True:
        async with database.transaction(who) as db:
            claimed = await rule_drafts.claim(db, clock())
        if claimed is None:
            return done
        comparison = await _compared(database, who, claimed, clock, stopping)
        async with database.transaction(who) as db:
            await rule_drafts.compared(db, claimed.id, comparison, clock())
        done += 1


async def _compared(database: Database, who: Who, claimed: Claim, clock: Clock, stopping: Stopping) -> Comparison:
    """A bug in a comparison must not end the process that escalates: the draft says that it broke."""
    share = [0.0]
    telling = asyncio.create_task(_tell(database, who, claimed.id, share, clock))
    now = clock()
    try:
        return await _replay(database, who, claimed, share, stopping, now)
    except (*AWAY, asyncpg.PostgresError, Stopped):
        raise
    except Exception as error:
        log.error("comparison_broke", draft=str(claimed.id), kind=type(error).__name__)
        return Comparison(since=now - SPAN, failed=True)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _replay(
    database: Database, who: Who, claimed: Claim, share: list[float], stopping: Stopping, now: datetime
) -> Comparison:
    content = rule_content.decode(claimed.proposed)
    assert isinstance(content, RuleContent)
    levels = [
        ProposedLevel(metric=x.metric, side=x.side, severity=x.severity, value=x.value, programme_id=x.programme)
        for x in content.levels
    ]
    proposed = Proposed(levels=tuple(levels), parameters=content.parameters, programmes=content.programmes)
    since = now - SPAN

    def heard(done: int, of: int) -> None:
        share[0] = done / of if of else 1.0
        if stopping():
            raise Stopped

    async with database.transaction(who) as db:
        found = await _judged_again(db, claimed, proposed, since, now, heard)
    weeks = [Week(monday=one.monday.isoformat(), before=one.before, after=one.after) for one in found.weeks]
    return Comparison(
        since=since, weeks=weeks,
        before_per_week=found.before_per_week, after_per_week=found.after_per_week, missed=touched(found.missed),
        new=touched(found.new), milder=touched(found.milder), patients=found.patients, readings=found.readings,
    )  # fmt: skip


async def _judged_again(
    db: Db, claimed: Claim, proposed: Proposed, since: datetime, now: datetime, heard: backtest.Progress
) -> backtest.Comparison:
    """A rule that is new here is compared with nothing: all its alerts are new."""
    rule = await rule_book.get(db, claimed.rule_id)
    if rule is None or rule.content is not None:
        return await backtest.compare(db, claimed.organization_id, claimed.rule_id, proposed, since, now, heard)
    nothing = Proposed(levels=(), programmes=())
    both = await backtest.replayed(db, claimed.organization_id, rule, (nothing, proposed), since, now, heard)
    before, after = (episodes.grouped(found) for found in both.found)
    return comparisons.compared(
        before, after, timedelta(), since=since, now=now, patients=both.patients, readings=both.readings
    )


async def _tell(database: Database, who: Who, draft: uuid.UUID, share: list[float], clock: Clock) -> None:
    while True:
        await asyncio.sleep(TELL_EVERY)
        async with database.transaction(who) as db:
            await rule_drafts.progress(db, draft, share[0], clock())


def touched(alerts: Iterable[Episode]) -> list[Touched]:
    """By patient, those with high alerts and then those with most first."""
    by_patient: dict[uuid.UUID, list[Episode]] = {}
    for one in alerts:
        by_patient.setdefault(one.patient_id, []).append(one)
    found = [
        Touched(
            patient=patient, alerts=len(own), high=sum(one.severity == "high" for one in own),
            last_at=max(one.opened_at for one in own),
        )
        for patient, own in by_patient.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.high, -one.alerts, one.patient))
