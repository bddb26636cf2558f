"""Seeded runs on a clock of their own through the shipped SQL: no due page is missed, none follows an answer.

Two workers and the real sender, killed at random between claim and commit and around the provider's call. The short
form is part of every run; `CARELOOP_ESCALATION_SEEDS=300` is the long one.
"""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from notifications import outbox
from notifications.gateways import Accepted, Found, Result, Text
from notifications.sender import Sender
from server.db.ids import uuid7
from server.db.pool import Database, Db
from server.flows import escalate
from server.worker import raise_alarm
from tests.flows.clinic import LASTS, MINUTE, TOLD, WORKER, Clinic, make_clinic, open_alert
from tests.flows.test_reading import NOW
from tests.world import World

SEEDS = int(os.environ.get("CARELOOP_ESCALATION_SEEDS", "12"))
SECOND = timedelta(seconds=1)
STEP = 5 * SECOND  # both loops run at least so often
SLACK = 10 * SECOND
RULES = ("bp_high", "glucose_low", "glucose_high", "spo2_low")


class Killed(Exception):
    """The process dies here."""


class Called:
    """A provider that accepts, and remembers when it was asked for which number."""

    name = "test"
    default_sender = "+12125550300"

    def __init__(self) -> None:
        self.now = NOW
        self.texts: list[tuple[datetime, uuid.UUID]] = []
        self.dies = 0.0
        self.random = random.Random(0)

    async def send(self, text: Text) -> Result:
        self.texts.append((self.now, text.attempt))
        if self.random.random() < self.dies:
            raise Killed
        return Accepted(uuid.uuid4().hex)

    async def find(self, to_number: str, body: str, since: datetime) -> list[Found] | None:
        return []


class Fragile(Database):
    """A worker's database whose commits fail now and then: what a SIGKILL before the commit leaves."""

    def __init__(self, database: Database, chance: random.Random, dies: float) -> None:
        self._database, self._chance, self._dies = database, chance, dies

    @asynccontextmanager
    async def transaction(self, who: Any) -> AsyncIterator[Db]:
        async with self._database.transaction(who) as db:
            yield db
            if self._chance.random() < self._dies:
                raise Killed


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its clock's end, when each alert opened and was answered."""

    opened: dict[uuid.UUID, datetime]
    answered: dict[uuid.UUID, datetime]
    end: datetime


async def run(seed: int, clinic: Clinic, owner: Any, worker_db: Database, gateway: Called, start: datetime) -> Told:
    """Up to four alerts in half an hour, answered at random or never; everything may die at any moment."""
    chance = random.Random(seed)
    gateway.random, gateway.dies = random.Random(seed + 1), 0.1
    fragile = Fragile(worker_db, random.Random(seed + 2), 0.2)
    end = start + 26 * MINUTE
    opens = {rule: start + chance.randrange(300) * SECOND for rule in RULES[: chance.randint(1, 4)]}
    answers = {
        rule: at + chance.choice([3, 100, 299, 301, 700, 950, 1250, 9999]) * SECOND for rule, at in opens.items()
    }
    ids: dict[str, uuid.UUID] = {}
    now = start
    while now <= end:
        for rule, at in opens.items():
            if rule not in ids and at <= now:
                ids[rule] = await open_alert(owner, clinic.world, at, rule=rule)
        for rule, at in answers.items():
            if rule in ids and at <= now:
                await answer(owner, ids[rule], clinic.world.nurse, at)
        gateway.now = now
        await asyncio.gather(*(worker(fragile, now) for _ in range(2)))
        await asyncio.gather(*(sending(worker_db, gateway, now) for _ in range(2)))
        now += max(STEP, await quiet(owner, opens, answers, now, end))
    opened = {ids[rule]: at for rule, at in opens.items() if rule in ids}
    return Told(opened=opened, answered={ids[rule]: at for rule, at in answers.items() if rule in ids}, end=end)


async def quiet(
    owner: Any, opens: dict[str, datetime], answers: dict[str, datetime], now: datetime, end: datetime
) -> timedelta:
    """How long nothing will happen, so the clock may jump: no step due, nothing queued, nobody opens or answers."""
    busy = await owner.fetchval("SELECT count(*) FROM message WHERE status IN ('queued', 'sending')")
    late = await owner.fetchval("SELECT min(due_at) FROM escalation WHERE ended_at IS NULL AND due_at > $1", now)
    overdue = await owner.fetchval(
        "SELECT count(*) FROM alert a LEFT JOIN escalation e ON e.id = a.id"
        " WHERE a.status = 'open' AND coalesce(e.due_at <= $1, true)", now)  # fmt: skip
    if busy or overdue:
        return STEP
    coming = [at for at in (*opens.values(), *answers.values(), late, end + STEP) if at is not None and at > now]
    return min(coming) - now


async def answer(owner: Any, alert: uuid.UUID, by: uuid.UUID, at: datetime) -> None:
    await owner.execute(
        "UPDATE alert SET status = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3"
        " WHERE id = $1 AND status = 'open'",
        alert, by, at,
    )  # fmt: skip


async def worker(fragile: Database, now: datetime) -> None:
    for _ in range(20):
        try:
            await escalate.escalate(fragile, WORKER, LASTS, now, TOLD)
            return
        except Killed:
            pass


async def sending(worker_db: Database, gateway: Called, now: datetime) -> None:
    """What a killed sender leaves is taken up again as reconciling does."""
    one = Sender(lambda: worker_db.transaction(WORKER), gateway, raise_alarm, lambda: now, uuid7)
    for _ in range(20):
        try:
            while await one.send_due():
                pass
            return
        except Killed:
            async with worker_db.transaction(WORKER) as db:
                await outbox.abandon(db, now + 2 * MINUTE)


class Verdict(msgspec.Struct, kw_only=True):
    """What a run got wrong, and out of how much."""

    due: int = 0
    missed: int = 0
    attempts: int = 0
    after_answer: int = 0
    written: int = 0
    twice: int = 0


async def judge(told: Told, clinic: Clinic, owner: Any, gateway: Called, verdict: Verdict) -> None:
    """By what went to the provider, not by what the chain believes of itself."""
    rows = await owner.fetch(
        "SELECT a.id, m.alert_id, m.staff_id, m.id AS page FROM attempt a JOIN message m ON m.id = a.message_id"
        " WHERE m.alert_id = ANY($1)", list(told.opened))  # fmt: skip
    about = {row["id"]: row for row in rows}
    names = clinic.names()
    calls = [(at, about[attempt]) for at, attempt in gateway.texts if attempt in about]
    for alert, opened in told.opened.items():
        until = min(told.answered[alert], told.end - SLACK)
        its = [(at, names[row["staff_id"]]) for at, row in calls if row["alert_id"] == alert]
        for minutes, who in due_until(opened, until - SLACK):
            due = opened + minutes * MINUTE
            verdict.due += 1
            verdict.missed += not any(name == who and due <= at <= due + SLACK for at, name in its)
        verdict.attempts += len(its)
        verdict.after_answer += sum(at > told.answered[alert] + STEP for at, _ in its)
    pages = await owner.fetch(
        "SELECT alert_id, staff_id, created_at FROM message WHERE purpose = 'page' AND alert_id = ANY($1)",
        list(told.opened),
    )
    seen = Counter((row["alert_id"], row["staff_id"], row["created_at"]) for row in pages)
    verdict.written += len(pages)
    verdict.twice += sum(number - 1 for number in seen.values())


def due_until(opened: datetime, until: datetime) -> list[tuple[int, str]]:
    steps = [
        (0, "nurse"),
        (5, "backup"),
        (10, "charge"),
        (15, "clinician"),
        (15, "admin"),
        (20, "clinician"),
        (20, "admin"),
    ]
    return [(minutes, who) for minutes, who in steps if opened + minutes * MINUTE <= until]


async def campaign(clinic: Clinic, owner: Any, worker_db: Database, seeds: range) -> Verdict:
    verdict, gateway, start = Verdict(), Called(), NOW
    for seed in seeds:
        gateway.texts.clear()
        told = await run(seed, clinic, owner, worker_db, gateway, start)
        await judge(told, clinic, owner, gateway, verdict)
        await owner.execute("UPDATE alert SET status = 'resolved'")
        await owner.execute("UPDATE alarm SET status = 'resolved'")
        await owner.execute("UPDATE escalation SET ended_at = $1", start)
        await owner.execute("UPDATE message SET status = 'sent' WHERE status IN ('queued', 'sending')")
        start = told.end + MINUTE
    return verdict


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    await owner.execute("UPDATE shift SET ends_at = ends_at + interval '300 days'")
    return await make_clinic(owner, world)


async def test_every_due_page_goes_out_until_somebody_answers_and_none_after(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    verdict = await campaign(clinic, owner, worker_db, range(SEEDS))
    print(
        f"seeds 0–{SEEDS - 1}: {verdict.missed} of {verdict.due} due pages missed, {verdict.after_answer} of "
        f"{verdict.attempts} calls after an answer, {verdict.twice} of {verdict.written} pages written twice"
    )
    assert verdict.due > SEEDS * 2
    assert (verdict.missed, verdict.after_answer, verdict.twice) == (0, 0, 0)


@pytest.mark.parametrize("broken", ["claims before it writes", "asks nobody before it sends"])
async def test_the_campaign_sees_what_it_is_for(
    clinic: Clinic, owner: Any, worker_db: Database, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A worker whose page does not share the step's commit is caught, and a sender that does not look again."""
    if broken == "claims before it writes":
        put, chance = outbox.put, random.Random(4)

        async def lost(db: Db, messages: Any) -> Any:
            return [] if chance.random() < 0.2 else await put(db, messages)

        monkeypatch.setattr(escalate.outbox, "put", lost)
    else:
        monkeypatch.setattr(
            escalate.chains, "DUE", escalate.chains.DUE.replace("coalesce(a.status, b.status) = 'open'", "true")
        )
        monkeypatch.setattr(
            escalate.chains, "ADVANCE", escalate.chains.ADVANCE.replace("status = 'open'", "status <> 'x'")
        )
        monkeypatch.setattr("notifications.facts.FACTS", __import__("notifications.facts").facts.FACTS.replace(
            "a.status = 'open'", "true"))  # fmt: skip
    verdict = await campaign(clinic, owner, worker_db, range(3))
    assert verdict.missed if broken == "claims before it writes" else verdict.after_answer
