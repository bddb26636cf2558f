"""Four hundred days of reminders on a clock of their own, through the shipped SQL: two schedulers that die at random.

A seed is a patient: where they live and move to, what they take and when, when they measure, say STOP, come back, are
away or have an appointment. What must be so is worked out here, apart from the product's own code. `campaign` is for
tests and for `make soak`.
"""

import asyncio
import random
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from notifications import opt_outs
from notifications.gateways import Accepted, Found, NotSent, Result, Text, Unknown
from notifications.reconcile import put_back, reconcile
from notifications.sender import BATCH, Sender
from server.db import migrate, pool
from server.db.ids import uuid7
from server.flows import remind
from server.people.phones import phone_hash
from server.settings import Settings
from server.worker import raise_alarm
from tests.flows.remind_judged import Sent, Verdict, judge
from tests.flows.remind_lives import DAY, DAYS, MINUTE, START, Life, Stage, happenings, life, settle_in
from tests.fragile import Fragile, Killed
from tests.texting import WORKER
from tests.world import FIELD_KEY, make_world

LOOKS = 110 * MINUTE  # a scheduler looks this often even when nothing is due; slots are in sight for two hours
ASKS_WITHIN = 9  # minutes
AT_ONCE = 200  # patients in one transaction (`ledger.MINE`)
DIES = 0.01  # at each commit, before it or after it
ORIGIN = remind.From(public_url="https://careloop.example.org", default_sender="")


Part = Callable[["Fragile", "Provider", datetime], Awaitable[None]]


class Provider:
    """It accepts, refuses to talk, takes a text and says nothing, or the sender dies in the call; it remembers all."""

    name, default_sender = "test", "+12125550300"

    def __init__(self, chance: random.Random) -> None:
        self.now, self.chance = START, chance
        self.sent: list[Sent] = []
        self._to: dict[str, list[Sent]] = defaultdict(list)

    async def send(self, text: Text) -> Result:
        fate = self.chance.random()
        if fate < 0.02:
            return NotSent("too_many_requests")
        if fate < 0.03:
            return Unknown("silence")
        if fate < 0.04:
            raise Killed
        one = Sent(self.now, text.attempt, text.to_number, text.body, uuid.uuid4().hex)
        self.sent.append(one)
        self._to[text.to_number].append(one)
        if fate < 0.05:
            return Unknown("silence_after_accepting")
        if fate < 0.07:
            raise Killed
        return Accepted(one.sid)

    async def find(self, to_number: str, body: str, since: datetime, channel: str = "sms") -> list[Found] | None:
        found = [one for one in self._to[to_number] if one.body == body and one.at >= since - 2 * MINUTE]
        return [Found(sid=one.sid, status="delivered") for one in found]


async def happen(stage: Stage, at: datetime, what: str, values: tuple[Any, ...]) -> None:
    if what not in {"STOP", "START"}:
        await stage.owner.execute(what, *values)
        return
    hashed = phone_hash(FIELD_KEY, values[0])
    async with stage.worker.transaction(WORKER) as db:
        if what == "STOP":
            await opt_outs.record(db, stage.world.organization, stage.world.sender, hashed, "wording", at)
        else:
            await opt_outs.end(db, stage.world.organization, stage.world.sender, hashed, at)


PAST = """
    SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'reading'::regclass AND c.relname < $1
"""
NEXT = """
    SELECT (SELECT min(due_at) FROM reminder WHERE status = 'planned') AS due,
           (SELECT min(not_before) FROM message WHERE status = 'queued') AS queued,
           EXISTS (SELECT FROM message WHERE status = 'sending'
                      OR (status = 'unknown' AND reason IS DISTINCT FROM 'unresolved')) AS doubtful
"""


async def run(stage: Stage, lives: list[Life], seed: int) -> tuple[Provider, int]:
    """The four hundred days of all of them at once; returns what the provider has, and how many kills there were."""
    provider, fragile = Provider(random.Random(seed)), Fragile(stage.worker, random.Random(seed + 1), DIES)
    chance, ahead, now, looked = random.Random(seed + 2), happenings(stage, lives), START, START - LOOKS
    ahead.reverse()
    row = await stage.owner.fetchrow(NEXT)
    while now < stage.ends:
        while ahead and ahead[-1][0] <= now:  # before anything is decided again
            await happen(stage, *ahead.pop())
        provider.now = now
        parts: list[Part] = []
        if looks := now >= looked + LOOKS or chance.random() < 0.05:
            parts, looked = [planning], now
        due = row["due"] is not None and row["due"] <= now
        parts += [queueing] * (looks or due) + [sending] * (due or row["queued"] is not None)
        parts += [asking] * row["doubtful"]
        workers = 2 if chance.random() < 0.25 else 1
        await asyncio.gather(*(working(fragile, provider, now, parts) for _ in range(workers)))
        row = await stage.owner.fetchrow(NEXT)
        coming = [at for at in (row["due"], row["queued"], looked + LOOKS) if at is not None]
        if row["doubtful"]:  # they are asked about each minute; here at one of them that chance picks
            coming.append(now + chance.randint(1, ASKS_WITHIN) * MINUTE)
        now = max(min(coming), now + MINUTE)
    return provider, fragile.kills


async def working(fragile: Fragile, provider: Provider, now: datetime, parts: list[Part]) -> None:
    """What a worker does in a minute, but for what has nothing to do; a part that dies keeps no other from its turn."""
    for part in parts:
        with suppress(Killed):
            await part(fragile, provider, now)


async def planning(fragile: Fragile, _: Provider, now: datetime) -> None:
    async with fragile.transaction(WORKER) as db:
        await remind.plan(db, now)


async def queueing(fragile: Fragile, _: Provider, now: datetime) -> None:
    due = AT_ONCE
    while due >= AT_ONCE:
        async with fragile.transaction(WORKER) as db:
            due = await remind.queue_due(db, now, ORIGIN)


async def sending(fragile: Fragile, provider: Provider, now: datetime) -> None:
    one = Sender(lambda: fragile.transaction(WORKER), provider, raise_alarm, lambda: now, uuid7)
    while await one.send_due() == BATCH:
        pass


async def asking(fragile: Fragile, provider: Provider, now: datetime) -> None:
    await put_back(lambda: fragile.transaction(WORKER), lambda: now)
    await reconcile(lambda: fragile.transaction(WORKER), provider, raise_alarm, lambda: now)


async def campaign(settings: Settings, seeds: Iterable[int], days: int = DAYS) -> dict[str, int]:
    """All these seeds beside each other in a database that is theirs alone; what was wrong, and of how many."""
    lives, verdict = [life(seed, days) for seed in seeds], Verdict()
    owner = await asyncpg.connect(settings.database_url)
    worker = await pool.connect(settings.url_for("worker"), name="reminders", size=6, generic_plans=True)
    try:
        for k in range(15):  # places for readings of a year that has not come
            await migrate.make_partitions(settings.database_url, (datetime.now(UTC) + 30 * k * DAY).date())
        for row in await owner.fetch(PAST, f"reading_{START:%Y_%m}"):
            await owner.execute(f"DROP TABLE {row['name']}")
        stage = Stage(owner=owner, worker=worker, world=await make_world(owner, "Aspen"), ends=lives[0].ends)
        await settle_in(stage, lives)
        provider, verdict.kills = await run(stage, lives, lives[0].seed)
        await judge(stage, lives, provider.sent, verdict)
    finally:
        await owner.close()
        await worker.close()
    return {"seeds": len(lives), "days": len(lives) * days} | msgspec.structs.asdict(verdict)


def says(found: dict[str, int]) -> str:
    """ "0 of N" for each promise."""
    return (
        f"{found['seeds']} seeds, {found['days']} days, {found['kills']} kills: "
        f"{found['slots_missing']} missing beside {found['slots']} slots, "
        f"{found['without_fate']} of {found['slots']} neither sent nor with a reason, "
        f"{found['sent_twice']} of {found['sent']} texts sent twice, "
        f"{found['in_quiet_hours']} in quiet hours, {found['after_opt_out']} after an opt-out, "
        f"{found['while_away']} while away, {found['too_soon']} of {found['slots']} too soon, "
        f"{found['stuck']} of {found['messages']} messages stuck"
    )


# What may be wrong, and of how many.
OF = {
    "slots_missing": "slots", "without_fate": "slots", "sent_twice": "sent", "in_quiet_hours": "sent",
    "after_opt_out": "sent", "while_away": "sent", "too_soon": "slots", "stuck": "messages",
}  # fmt: skip
