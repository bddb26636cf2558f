"""Reminders through two real workers that are killed again and again, and a provider that misbehaves; then the count.

Everything is real: PostgreSQL, the web process that hears the callbacks, the stand-in provider as a process of its own,
Twilio's SDK between. Only the provider's bad luck is thrown with a seed.
"""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from bench import chaos_checks
from bench.chaos_checks import OptOuts
from bench.process import Process
from bench.stage import Stage
from server.db.ids import uuid7
from server.people.phones import phone_hash
from server.settings import Settings
from tests.texting import SID, TOKEN, free_port
from tests.world import World, make_world

KEYWORD, WORDING = "STOP", "please stop texting me"  # the carrier blocks the first; the second only we understand
RUN = """
import asyncio, os
from server import app, worker
from server.settings import load
asyncio.run({0}(load(os.environ), asyncio.Event()))
"""
LUCK = {
    "too_many": 0.20, "error": 0.10, "hang_up_after_accepting": 0.02, "silence_after_accepting": 0.01,
    "lost_after_accepting": 0.02,
}  # fmt: skip


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything; a tenth of `reminders` more are due where it is night."""

    reminders: int = 2000
    kills: int = 20
    opt_outs: int = 200
    forged: int = 100
    seed: int = 20261121
    texts_a_second: int = 60
    unresolved_s: int = 20
    within_s: float = 420.0

    @property
    def night(self) -> int:
        return self.reminders // 10


SHORT = Plan(reminders=200, kills=3, opt_outs=20, forged=20, texts_a_second=40, unresolved_s=12, within_s=150)

PATIENTS = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         phone, phone_hash, admitted_at)
    SELECT n.id, p.organization_id, p.clinic_id, p.team_id, 'C-' || n.phone, 'Pat', 'Chaos', '2000-01-01', 'male',
           n.zone, n.phone, n.hash, p.admitted_at
      FROM patient p, unnest($2::uuid[], $3::text[], $4::bytea[], $5::text[]) AS n (id, phone, hash, zone)
     WHERE p.id = $1
"""
CONSENTS = """
    INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)
    SELECT gen_random_uuid(), $1, p, 'sms', 'monitoring', 'test', 'test', now() - interval '1 year'
      FROM unnest($2::uuid[]) AS p
"""
RULE = """
    INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, after_days, local_hour)
    VALUES ($1, $2, 'chaos', 'measurement', $3, 3, 4)
"""
REMINDERS = """
    INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, planned_at)
    SELECT gen_random_uuid(), $1, p.id, $3, date_trunc('minute', now() AT TIME ZONE p.zone), now(), now()
      FROM patient p WHERE p.id = ANY($2::uuid[])
"""


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Telephones of those for whom it is day, and of those for whom it is night."""

    day: list[str]
    night: list[str]


async def arrange(owner: Any, world: World, field_key: str, plan: Plan) -> Crowd:
    """Patients with consent, each with one reminder that is due now."""
    day = [f"+1646{n:07d}" for n in range(2_000_000, 2_000_000 + plan.reminders)]
    night = [f"+1646{n:07d}" for n in range(3_000_000, 3_000_000 + plan.night)]
    phones, zones = [*day, *night], [_zone(12)] * len(day) + [_zone(2)] * len(night)
    ids, rule = [uuid7() for _ in phones], uuid7()
    await owner.execute(PATIENTS, world.patient, ids, phones, [phone_hash(field_key, one) for one in phones], zones)
    await owner.execute(CONSENTS, world.organization, ids)
    await owner.execute(RULE, rule, world.organization, world.programme)
    await owner.execute(REMINDERS, world.organization, ids, rule)
    return Crowd(day=day, night=night)


def _zone(hour: int) -> str:
    """Where it is about that hour now; the sign of these names is turned round."""
    offset = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


class Scene:
    """The processes of one campaign."""

    def __init__(self, settings: Settings, world: World, folder: Path, plan: Plan) -> None:
        web, sms = free_port(), free_port()
        self.url = f"http://127.0.0.1:{sms}"
        env = {
            **os.environ, "DATABASE_URL": settings.database_url, "MQTT_URL": "mqtt://127.0.0.1:1",
            "CARELOOP_SECRET_KEY": settings.secret_key, "CARELOOP_FIELD_KEY": settings.field_key,
            "CARELOOP_PUBLIC_URL": f"http://127.0.0.1:{web}", "CARELOOP_PORT": str(web), "CARELOOP_TICK_SECONDS": "1",
            "CARELOOP_AUDIT_HEAD": str(folder / "heads.jsonl"), "TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_SENDER": world.sender, "TWILIO_API_URL": self.url,
            "TWILIO_TEXTS_A_SECOND": str(plan.texts_a_second), "CARELOOP_UNRESOLVED_SECONDS": str(plan.unresolved_s),
        }  # fmt: skip
        given = ("--account-sid", SID, "--auth-token", TOKEN, "--sender", world.sender)
        standin = (
            sys.executable, "-m", "notifications.standin", "--port", str(sms), *given,
            "--webhook-base", f"http://127.0.0.1:{web}", "--pace", "0.2",
        )  # fmt: skip
        self.web_url = f"http://127.0.0.1:{web}/health/live"
        self.standin = Process("standin", standin, env, folder / "standin.log")
        self.web = Process("web", (sys.executable, "-c", RUN.format("app.serve")), env, folder / "web.log")
        run = (sys.executable, "-c", RUN.format("worker.run"))
        self.workers = [
            Process(f"worker {n}", run, env | {"CARELOOP_INSTANCE": str(n)}, folder / f"worker{n}.log") for n in (1, 2)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """The provider and the web answer; the workers are begun by who needs them."""
        async with AsyncExitStack() as stack:
            for one in (self.standin, self.web, *self.workers):
                stack.push_async_callback(one.kill)
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30))
            await asyncio.gather(self.standin.start(), self.web.start())
            async with asyncio.timeout(60):
                for url in ("/mishaps", self.web_url):
                    while not await _answers(client, url):
                        await asyncio.sleep(0.1)
            yield client


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


async def campaign(world: World, settings: Settings, folder: Path, plan: Plan) -> dict[str, Any]:
    """Send it all, hurt it all the while, let it come to rest, and count."""
    async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=3) as owner:
        return await _campaign(owner, world, settings, folder, plan)


async def _campaign(owner: Any, world: World, settings: Settings, folder: Path, plan: Plan) -> dict[str, Any]:
    chance = random.Random(plan.seed)
    crowd = await arrange(owner, world, settings.field_key, plan)
    scene = Scene(settings, world, folder, plan)
    async with scene.running() as client:
        callbacks = {"times": 3, "shuffled": True, "late_s": 1.5, "early": 0.2, "forged": plan.forged}
        chances = {"rates": LUCK, "seed": plan.seed, "retry_after": 1, "callbacks": callbacks}
        (await client.post("/mishaps", json={"chances": chances})).raise_for_status()
        await asyncio.gather(*(one.start() for one in scene.workers))
        opting = asyncio.create_task(_opt_outs(owner, client, crowd, chance, plan))
        early = await _kill(owner, scene, random.Random(plan.seed + 1), plan)
        opted = await opting
        rested = await _rest(owner, client, plan)
        sent = (await client.get("/messages")).json()
        forged = (await client.get("/mishaps")).json()
    found = await chaos_checks.judge(owner, crowd.day, crowd.night, opted, sent, forged)
    found["came to rest"] = {"broken": int(not rested), "of": 1}
    kept = len(opted) - await chaos_checks.reminded(owner, list(opted))
    print(f"  {early} of {plan.kills} kills with work left; {kept} of {len(opted)} opt-outs before their reminder")
    return {
        "seed": plan.seed, "kills": plan.kills, "kills_with_work_left": early, "kept_from": kept, "checks": found,
    }  # fmt: skip


async def _kill(owner: Any, scene: Scene, chance: random.Random, plan: Plan) -> int:
    """One worker after another, begun again at once. How many kills came while there was work to do."""
    early = 0
    await _until_begun(owner)
    for number in range(plan.kills):
        await asyncio.sleep(chance.uniform(0.3, 2.5))
        early += await chaos_checks.left(owner) > 0
        victim = chance.choice(scene.workers)
        await victim.kill()
        await victim.start()
        print(f"\r  {number + 1} of {plan.kills} killed", end="", flush=True)
    print()
    return early


async def _until_begun(owner: Any) -> None:
    async with asyncio.timeout(60):
        while not await chaos_checks.begun(owner):
            await asyncio.sleep(0.05)


async def _opt_outs(owner: Any, client: httpx.AsyncClient, crowd: Crowd, chance: random.Random, plan: Plan) -> OptOuts:
    """Midway so many write that they want no more: half as the carrier understands it, half as only we do."""
    async with asyncio.timeout(plan.within_s):
        while await chaos_checks.sent(owner) < plan.reminders * 0.3:
            await asyncio.sleep(0.05)
    answered: OptOuts = {}
    doors = asyncio.Semaphore(4)

    async def write(number: str, body: str) -> None:
        async with doors:
            said = (await client.post("/inbound", json={"from": number, "body": body})).json()
            if said["webhook_status"] == 200:
                answered[number] = datetime.now(UTC)  # from here on it has been promised

    chosen = chance.sample(crowd.day, plan.opt_outs)
    await asyncio.gather(*(write(one, KEYWORD if n % 2 else WORDING) for n, one in enumerate(chosen)))
    return answered


async def _rest(owner: Any, client: httpx.AsyncClient, plan: Plan) -> bool:
    """Until nothing is left to do and the provider has reported all; False when that does not come."""
    try:
        async with asyncio.timeout(plan.within_s):
            while await chaos_checks.left(owner):
                await asyncio.sleep(0.3)
            before = -1
            while (now := await chaos_checks.receipts(owner)) != before:
                before = now
                await asyncio.sleep(2.5)
    except TimeoutError:
        return False
    return True


async def soak(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The whole of it, on a PostgreSQL of its own."""
    async with Stage.open(folder) as stage:
        world = await make_world(stage.owner, "Chaos")
        return await campaign(world, stage.settings, folder, Plan(seed=asked.seed))
