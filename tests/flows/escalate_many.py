"""Sixty days a seed on a clock of its own, through the shipped SQL: two workers and two senders that die at random.

What people do is drawn from the seed; what the chain must do is worked out here, apart from the product's own code.
`campaign` is for tests and for `make soak`.
"""

import asyncio
import random
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from notifications import outbox
from notifications.gateways import Accepted, Found, NotSent, Result, Text, Unknown
from notifications.sender import Sender
from server.db import pool
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import escalate
from server.settings import Settings
from server.worker import raise_alarm
from tests.flows.clinic import LASTS, MINUTE, TOLD, WORKER, Clinic, make_clinic, open_alert
from tests.fragile import Fragile, Killed
from tests.world import make_world

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
START = datetime.fromisoformat("2026-11-16T12:00:00+00:00")
LASTS_DAYS = 60
TICK = 2 * SECOND  # as the worker escalates (its sender looks every second); who died is back at the next one
SLACK = 10 * SECOND
DIES = 0.03  # at each commit, before it or after it
NEW_YORK = ZoneInfo("America/New_York")
HIGHS = ("bp_high", "bp_low", "glucose_low", "glucose_high")
# Whom a high alert tells after how many minutes, and how; the last again every five.
CLIMB = [
    (0, "nurse", "sms"), (5, "backup", "sms"), (10, "charge", "sms"), (10, "charge", "voice"),
    (15, "clinician", "sms"), (15, "clinician", "voice"), (15, "admin", "sms"), (15, "admin", "voice"),
]  # fmt: skip
AGAIN = {"high": 5 * MINUTE, "medium": 4 * HOUR, "low": 24 * HOUR}


Tried = tuple[datetime, str, str]  # when, whom, by which channel


class Provider:
    """It accepts, or loses its answer, or cannot be reached, or the sender dies in the call; it remembers the calls."""

    name, default_sender = "test", "+12125550300"

    def __init__(self, chance: random.Random) -> None:
        self.now, self.chance = START, chance
        self.calls: list[tuple[datetime, uuid.UUID]] = []

    async def send(self, text: Text) -> Result:
        self.calls.append((self.now, text.attempt))
        fate = self.chance.random()
        if fate < 0.05:
            raise Killed
        if fate < 0.08:
            return Unknown("silence")
        return NotSent("no_connection") if fate < 0.1 else Accepted(uuid.uuid4().hex)

    async def find(self, to_number: str, body: str, since: datetime, channel: str = "sms") -> list[Found] | None:
        return []


class Plan(msgspec.Struct, kw_only=True):
    """One alert: when it opens, after how long it is answered each time, and what became of that."""

    rule: str
    severity: str
    opens: datetime
    answers: list[timedelta]
    id: uuid.UUID | None = None
    rounds: list[tuple[datetime, datetime | None]] = []  # from when a round stood open until it was answered
    resolved: bool = False


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What every seed uses again."""

    owner: Any
    worker: Database
    clinic: Clinic


def plans(chance: random.Random) -> list[Plan]:
    """Three to six alerts in sixty days, now and then two at once, answered soon, late, or after an hour."""
    waits = [3, 100, 299, 301, 650, 899, 905, 1300, 2900]
    found, at = [], START
    for rule in chance.sample(HIGHS, chance.randint(2, 4)):
        close = found and chance.random() < 0.3
        at = at + chance.randrange(240) * SECOND if close else START + chance.randrange(56 * 86400) * SECOND
        times = 2 if chance.random() < 0.3 else 1
        answers = [chance.choice(waits) * SECOND for _ in range(times)]
        found.append(Plan(rule=rule, severity="high", opens=at, answers=answers))
    severity = chance.choice(["medium", "low"])
    answers = [chance.choice([2, 5, 30, 80]) * HOUR]
    opens = START + chance.randrange(50 * 86400) * SECOND
    return [*found, Plan(rule="spo2_low", severity=severity, opens=opens, answers=answers)]


async def run(seed: int, stage: Stage) -> tuple[list[Plan], Provider, int]:
    """Sixty days; returns what was planned and came of it, what the provider was asked, and how many kills there were."""
    chance = random.Random(seed)
    planned, provider = plans(chance), Provider(random.Random(seed + 1))
    fragile = Fragile(stage.worker, random.Random(seed + 2), DIES)
    now, end = START, START + LASTS_DAYS * DAY
    while now <= end:
        provider.now = now
        for one in planned:
            await people(stage, one, now)
        await asyncio.gather(*(working(fragile, now) for _ in range(2)))
        await asyncio.gather(*(sending(fragile, provider, now) for _ in range(2)))
        await returned(stage, planned, now)
        now += max(TICK, await quiet(stage, planned, now, end))
    return planned, provider, fragile.kills


async def people(stage: Stage, one: Plan, now: datetime) -> None:
    """The alert opens; somebody answers; what was answered the last time is resolved after ten minutes."""
    if one.id is None and one.opens <= now:
        one.id = await open_alert(stage.owner, stage.clinic.world, one.opens, one.severity, one.rule)
        one.rounds = [(one.opens, None)]
    if one.id is None or one.resolved:
        return
    began, answered = one.rounds[-1]
    if answered is None and began + one.answers[len(one.rounds) - 1] <= now:
        await stage.owner.execute(
            "UPDATE alert SET status = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3 WHERE id = $1",
            one.id, stage.clinic.admin, now,
        )  # fmt: skip
        one.rounds[-1] = (began, now)
    elif answered is not None and len(one.rounds) == len(one.answers) and answered + 10 * MINUTE <= now:
        await stage.owner.execute("UPDATE alert SET status = 'resolved' WHERE id = $1", one.id)
        one.resolved = True


async def returned(stage: Stage, planned: list[Plan], now: datetime) -> None:
    """What was taken and left an hour ago stands open again: from then on it must be told anew."""
    for one in planned:
        if one.id and not one.resolved and one.rounds[-1][1] is not None and len(one.rounds) < len(one.answers):
            began = await stage.owner.fetchval(
                "SELECT e.started_at FROM alert a JOIN escalation e ON e.id = a.id WHERE a.id = $1 AND a.status = 'open'",
                one.id,
            )
            if began is not None:
                one.rounds.append((began, None))


async def working(fragile: Fragile, now: datetime) -> None:
    with suppress(Killed):
        await escalate.escalate(fragile, WORKER, LASTS, now, TOLD)


async def sending(fragile: Fragile, provider: Provider, now: datetime) -> None:
    """The sender, and what frees the messages of those that died."""
    one = Sender(lambda: fragile.transaction(WORKER), provider, raise_alarm, lambda: now, uuid7)
    with suppress(Killed):
        async with fragile.transaction(WORKER) as db:
            await outbox.release(db, now)
            await outbox.abandon(db, now)
        while await one.send_due():
            pass


QUIET = """
    SELECT (SELECT count(*) FROM message WHERE status IN ('queued', 'sending')) AS busy,
           (SELECT count(*) FROM alert a LEFT JOIN escalation e ON e.id = a.id
             WHERE a.status = 'open' AND coalesce(e.due_at <= $1, true)) AS overdue,
           (SELECT min(e.due_at) FROM escalation e JOIN alert a ON a.id = e.id AND a.status = 'open'
             WHERE e.due_at > $1) AS due,
           (SELECT min(acknowledged_at) FROM alert WHERE status = 'acknowledged') AS taken
"""


async def quiet(stage: Stage, planned: list[Plan], now: datetime, end: datetime) -> timedelta:
    """How long nothing will happen, so the clock may jump."""
    row = await stage.owner.fetchrow(QUIET, now)
    if row["busy"] or row["overdue"] or (row["taken"] and row["taken"] + LASTS <= now):
        return TICK
    coming = [row["due"], row["taken"] and row["taken"] + LASTS, end + TICK]
    for one in planned:
        if one.id is None:
            coming.append(one.opens)
        elif not one.resolved:
            began, answered = one.rounds[-1]
            coming.append(began + one.answers[len(one.rounds) - 1] if answered is None else answered + 10 * MINUTE)
    return min((at for at in coming if at is not None and at > now), default=end + TICK) - now


class Verdict(msgspec.Struct, kw_only=True):
    """What was wrong, and out of how much."""

    due_steps: int = 0
    late_or_missing: int = 0
    calls: int = 0
    after_answer: int = 0
    repeated: int = 0
    repeated_without_cause: int = 0
    written: int = 0
    written_twice: int = 0
    chains: int = 0
    silent_ends: int = 0
    kills: int = 0


CALLED = """
    SELECT a.id, a.message_id, a.started_at, a.outcome, m.alert_id, m.staff_id, m.channel, m.created_at
      FROM attempt a JOIN message m ON m.id = a.message_id ORDER BY a.started_at, a.id
"""
WRITTEN = "SELECT alert_id, staff_id, channel, created_at FROM message WHERE purpose = 'page' ORDER BY created_at"


async def judge(stage: Stage, planned: list[Plan], provider: Provider, verdict: Verdict) -> None:
    """By what was tried and what the provider was asked, not by what the chain believes of itself."""
    names = stage.clinic.names()
    attempts = {row["id"]: row for row in await stage.owner.fetch(CALLED)}
    tried: dict[uuid.UUID, list[Tried]] = {one.id: [] for one in planned if one.id}
    for row in attempts.values():
        tried[row["alert_id"]].append((row["started_at"], names[row["staff_id"]], row["channel"]))
    for one in planned:
        if one.id is not None:
            _judge_alert(one, tried[one.id], verdict)
            its = [at for at, attempt in provider.calls if attempts[attempt]["alert_id"] == one.id]
            verdict.calls += len(its)
            verdict.after_answer += sum(not _stood(one, at) for at in its)
    _judge_repeats(attempts.values(), verdict)
    last: dict[tuple[uuid.UUID, uuid.UUID, str], datetime] = {}
    for row in await stage.owner.fetch(WRITTEN):
        key = (row["alert_id"], row["staff_id"], row["channel"])
        verdict.written += 1
        verdict.written_twice += key in last and row["created_at"] - last[key] < 2 * MINUTE
        last[key] = row["created_at"]


def _stood(one: Plan, at: datetime) -> bool:
    return any(began <= at and (answered is None or at < answered) for began, answered in one.rounds)


def _judge_alert(one: Plan, tried: list[Tried], verdict: Verdict) -> None:
    end = START + LASTS_DAYS * DAY
    for began, answered in one.rounds:
        until = min(answered or end, end)
        its = [attempt for attempt in tried if began <= attempt[0] < until]
        for due, who, channel in _due(one.severity, began):
            if due + SLACK <= until:
                verdict.due_steps += 1
                verdict.late_or_missing += (who, channel) not in {c[1:] for c in its if due <= c[0] <= due + SLACK}
        verdict.chains += 1
        verdict.silent_ends += _falls_silent(one.severity, began, until, [at for at, _, _ in its])


def _due(severity: str, began: datetime) -> list[tuple[datetime, str, str]]:
    if severity == "high":
        return [(began + minutes * MINUTE, who, channel) for minutes, who, channel in CLIMB]
    return [(began + 4 * HOUR if severity == "medium" else _working_day(began), "nurse", "sms")]


def _working_day(after: datetime) -> datetime:
    """Nine o'clock of the next Monday to Friday, in New York."""
    day = after.astimezone(NEW_YORK).date() + DAY
    while day.isoweekday() > 5:
        day += DAY
    return datetime.combine(day, time(9), NEW_YORK)


def _falls_silent(severity: str, began: datetime, until: datetime, calls: Iterable[datetime]) -> bool:
    """After its last step a chain says that again, for as long as nobody answers."""
    last = max((due for due, _, _ in _due(severity, began)), default=began)
    moments = sorted({last, *(at for at in calls if at >= last)})
    longest = AGAIN[severity] + 2 * SLACK if severity != "low" else 4 * DAY
    return any(later - at > longest for at, later in zip(moments, [*moments[1:], until], strict=True))


def _judge_repeats(attempts: Iterable[Any], verdict: Verdict) -> None:
    """The same page is tried again only when the try before it has failed or nobody knows."""
    before: dict[uuid.UUID, Any] = {}
    for row in attempts:
        if (earlier := before.get(row["message_id"])) is not None:
            verdict.repeated += 1
            verdict.repeated_without_cause += earlier["outcome"] not in {"unknown", "rejected"}
        before[row["message_id"]] = row


CLEAR = (
    "DELETE FROM receipt", "DELETE FROM attempt", "DELETE FROM message", "DELETE FROM escalation", "DELETE FROM alarm",
    "DELETE FROM alert",
)  # fmt: skip


async def campaign(settings: Settings, seeds: Iterable[int]) -> dict[str, int]:
    """Run the seeds in a database that is theirs alone; counts of what was wrong beside counts of what was looked at."""
    owner = await asyncpg.connect(settings.database_url)
    worker = await pool.connect(settings.url_for("worker"), name="escalations", size=6)
    verdict, number = Verdict(), 0
    try:
        world = await make_world(owner, "Aspen")
        await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", START - DAY, START + 400 * DAY)
        stage = Stage(owner=owner, worker=worker, clinic=await make_clinic(owner, world))
        for seed in seeds:
            number += 1
            planned, provider, kills = await run(seed, stage)
            verdict.kills += kills
            await judge(stage, planned, provider, verdict)
            for statement in CLEAR:
                await owner.execute(statement)
    finally:
        await owner.close()
        await worker.close()
    return {"seeds": number, "days": number * LASTS_DAYS} | msgspec.structs.asdict(verdict)


def says(found: dict[str, int]) -> str:
    """ "0 of N" for each promise."""
    return (
        f"{found['seeds']} seeds of {LASTS_DAYS} days, {found['kills']} kills: "
        f"{found['late_or_missing']} of {found['due_steps']} due steps not tried within {SLACK.seconds} s, "
        f"{found['after_answer']} of {found['calls']} calls after an answer, "
        f"{found['repeated_without_cause']} of {found['repeated']} repeats without a crash or an unknown outcome, "
        f"{found['written_twice']} of {found['written']} pages written twice, "
        f"{found['silent_ends']} of {found['chains']} chains fell silent"
    )


# What may be wrong, and of how many.
OF = {
    "late_or_missing": "due_steps", "after_answer": "calls", "repeated_without_cause": "repeated",
    "written_twice": "written", "silent_ends": "chains",
}  # fmt: skip
