"""A reading of nobody goes through the real broker to a page that reaches nobody; when it does not, everybody knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server import auditor, bridge, worker
from server.auditing import synthetic
from server.db.pool import Database, Who
from server.flows import escalate
from server.ops.embedded import mosquitto
from server.settings import Settings
from tests.flows.test_reading import TOLD, bp, publish, send
from tests.texting import Phones, phones, until
from tests.web.conftest import Client, app, client, nurse, sign_in
from tests.web.people import staff_login
from tests.world import World

__all__ = ["app", "client", "nurse", "phones"]
pytestmark = pytest.mark.slow
AUDITOR = Who(principal="service:auditor")
EVERY = 6  # seconds; it has half of that to arrive
BROKEN = "SELECT says FROM alarm WHERE kind = 'canary' AND status <> 'resolved' AND organization_id = $1"
ARRIVED = "SELECT * FROM canary_run WHERE missing IS NULL AND finished_at > $1 AND organization_id = $2"


class Outside:
    """Somebody elsewhere who counts how often they hear of us."""

    def __init__(self) -> None:
        self.heard = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.heard += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    somebody = Outside()
    server = await asyncio.start_server(somebody.answer, "127.0.0.1", 0)
    somebody.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ping"
    yield somebody
    server.close()


@asynccontextmanager
async def process(run: Any, settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield
        assert not task.done() or task.exception() is None
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task


@pytest.fixture
async def living(phones: Phones, outside: Outside, tmp_path: Path) -> AsyncIterator[Settings]:
    """A broker, a worker with a provider, and the auditor; each test has its own bridge."""
    broker = await mosquitto.start(tmp_path / "broker")
    settings = msgspec.structs.replace(
        phones.settings, mqtt_url=broker.url_bridge, mqtt_admin_url=broker.url_admin, heartbeat_url=outside.url,
        audit_seconds=1, canary_seconds=EVERY,
    )  # fmt: skip
    try:
        async with process(worker.run, settings), process(auditor.run, settings):
            yield settings
    finally:
        await broker.stop()


async def test_it_arrives_reaches_nobody_and_its_absence_is_loud(
    living: Settings, phones: Phones, outside: Outside, world: World, other_world: World, owner: Any, nurse: Client
) -> None:
    async with process(bridge.run, living):
        for each in (world, other_world):
            await until(
                lambda each=each: owner.fetchrow(ARRIVED, datetime.min.replace(tzinfo=UTC), each.organization), 60
            )
        run = await owner.fetchrow("SELECT * FROM canary_run WHERE missing IS NULL LIMIT 1")
        hops = [run[f"{hop}_ms"] for hop in ("broker", "receipt", "row", "finding", "alert", "page", "sink")]
        print("milliseconds to each hop:", hops)
        assert all(ms is not None for ms in hops)
        await until(lambda: told(outside, 1), 30)
        assert "alarm-banner" not in (await nurse.get("/worklist")).text
        await nobody_sees_it(nurse, owner, world)
        assert phones.texts() == []
    stopped = datetime.now(UTC)
    await until(lambda: owner.fetchval(BROKEN, world.organization), 60)
    page = (await nurse.get("/worklist")).text
    assert "has been broken since" in page
    assert "No receipt came" in page
    heard = outside.heard
    rounds = datetime.now(UTC)
    await until(lambda: beaten(owner, rounds + timedelta(seconds=2 * EVERY + 2)), 60)
    assert outside.heard == heard, "somebody outside was told that all is well"
    async with process(bridge.run, living):
        await until(lambda: owner.fetchrow(ARRIVED, stopped, world.organization), 60)
        await until(lambda: nothing(owner, BROKEN, world.organization), 30)
        await until(lambda: told(outside, heard + 1), 60)
    assert phones.texts("sink") == []
    told_staff = await owner.fetchval("SELECT count(*) FROM message WHERE alert_id IS NOT NULL AND to_number <> 'sink'")
    sunk = await owner.fetchval("SELECT count(*) FROM message WHERE to_number = 'sink'")
    attempts = await owner.fetchval(
        "SELECT count(*) FROM attempt a JOIN message m ON m.id = a.message_id WHERE m.to_number = 'sink'"
    )
    print(f"{attempts} of {sunk} pages of the synthetic patient went to the provider, {told_staff} to staff")
    assert sunk >= 3
    assert (attempts, told_staff) == (0, 0)


async def nobody_sees_it(nurse: Client, owner: Any, world: World) -> None:
    """Pages, API, search, and the web's own login: 0 of N."""
    login, _ = await staff_login(owner, world, "admin")
    nobody = synthetic.patient_of(world.organization)
    seen = [await nurse.get(path) for path in ("/worklist", "/patients", "/queues", "/api/v1/worklist")]
    seen += [await nurse.post("/patients/search", data={"q": q}) for q in ("synthetic", "Patient")]
    shown = [
        (answer.url.path, sign)
        for answer in seen
        for sign in ("Synthetic", "canary-", str(nobody))
        if sign in answer.text
    ]
    assert [answer.status_code for answer in seen] == [200] * len(seen)
    for path in (f"/patients/{nobody}", f"/api/v1/patients/{nobody}", f"/api/v1/patients/{nobody}/readings"):
        answer = await nurse.get(path)
        if answer.status_code != 404:
            shown.append((path, str(answer.status_code)))
    print(f"{len(shown)} of {len(seen) + 3} pages show the synthetic patient")
    assert not shown
    await nurse.post("/sign-out")
    await sign_in(nurse, login)
    admin = (await nurse.get("/admin")).text
    assert "canary-" not in admin
    assert "From devices to pages" in admin
    numbers = (await nurse.get("/metrics")).text
    assert 'careloop_canary_hop_seconds{hop="page"}' in numbers
    assert "careloop_path_ok 1" in numbers


async def told(outside: Outside, times: int) -> bool:
    return outside.heard >= times


async def beaten(owner: Any, since: datetime) -> bool:
    return bool(
        await owner.fetchval("SELECT count(*) FROM heartbeat WHERE process = 'auditor' AND beat_at > $1", since)
    )


async def nothing(owner: Any, query: str, *arguments: object) -> bool:
    return await owner.fetchval(query, *arguments) is None


async def test_metrics_are_the_administrators(nurse: Client) -> None:
    assert (await nurse.get("/metrics")).status_code in {403, 404}


async def test_without_an_auditor_every_worklist_says_that_nobody_is_checking(
    nurse: Client, owner: Any, world: World
) -> None:
    page = (await nurse.get("/worklist")).text
    assert "Nobody is checking" in page
    assert "+12125550100" in page
    await owner.execute("INSERT INTO heartbeat VALUES ('auditor', '1', 'rounds', $1)", datetime.now(UTC))
    assert "Nobody is checking" not in (await nurse.get("/worklist")).text
    shown = (await nurse.get("/worklist")).text.partition('data-digest="')[2][:16]
    assert (await nurse.get(f"/worklist/list?shown={shown}")).status_code == 204
    await owner.execute("UPDATE heartbeat SET beat_at = $1", datetime.now(UTC) - timedelta(minutes=4))
    assert "Nobody is checking" in (await nurse.get(f"/worklist/list?shown={shown}")).text


async def test_an_organization_whose_rules_page_for_nothing_is_told(
    world: World, owner: Any, auditor_db: Database
) -> None:
    now = datetime.now(UTC)
    async with auditor_db.transaction(AUDITOR) as db:
        there = (await synthetic.see_to(db, now))[world.organization]
    assert there is not None
    assert there.systolic_mmhg == 185
    await owner.execute("UPDATE rule_limit SET severity = 'low' WHERE severity = 'high' AND metric = 'systolic_mmhg'")
    async with auditor_db.transaction(AUDITOR) as db:
        there = (await synthetic.see_to(db, now))[world.organization]
    assert there is not None
    assert there.systolic_mmhg is None


async def test_the_auditors_login_can_write_of_nobody_real(world: World, auditor_db: Database, owner: Any) -> None:
    from tests.web.people import alert

    await alert(owner, world)
    async with auditor_db.transaction(AUDITOR) as db:
        assert await db.execute("UPDATE alert SET status = 'resolved'") == "UPDATE 0"
    async with auditor_db.transaction(AUDITOR) as db:
        await synthetic.see_to(db, datetime.now(UTC))
    assert await owner.fetchval("SELECT count(*) FROM patient WHERE synthetic") == 1
    assert await owner.fetchval("SELECT status FROM alert") == "open"


async def test_an_alert_that_an_auditor_left_open_is_escalated_to_nobody(
    world: World, owner: Any, auditor_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    now = datetime.now(UTC)
    async with auditor_db.transaction(AUDITOR) as db:
        await synthetic.see_to(db, now)
    for sender in (synthetic.device_of(world.organization), world.device):
        await send(bridge_db, publish(world, bp(1, 192, 124, at=now), sender=sender), now=now)
    for minutes in (1, 6, 11, 16, 60):
        at = now + timedelta(minutes=minutes)
        await escalate.escalate(worker_db, Who(principal="service:worker"), timedelta(minutes=60), at, TOLD)
    rows = await owner.fetch(
        "SELECT p.synthetic, count(*), count(*) FILTER (WHERE m.to_number <> 'sink') AS to_people"
        "  FROM message m JOIN alert a ON a.id = m.alert_id JOIN patient p ON p.id = a.patient_id GROUP BY p.synthetic"
    )
    sent = {row["synthetic"]: (row["count"], row["to_people"]) for row in rows}
    print(f"{sent[True][1]} of {sent[True][0]} pages of the synthetic patient to people; {sent[False][1]} of a patient")
    assert sent[True] == (1, 0)
    assert sent[False][1] > 1


async def test_reminders_gaps_baselines_and_silence_leave_it_out(
    world: World, owner: Any, auditor_db: Database, worker_db: Database
) -> None:
    from server.flows import baseline, evaluate, silence

    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=10)
    async with auditor_db.transaction(AUDITOR) as db:
        await synthetic.see_to(db, now)
    who = Who(principal="service:worker")
    await evaluate.evaluate(worker_db, who, now)
    await baseline.renew(worker_db, who, now)
    await silence.watch(worker_db, who, 48, later)
    nobody = synthetic.patient_of(world.organization)
    for table in ("gap", "reminder", "patient_baseline"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE patient_id = $1", nobody) == 0, table
    assert await owner.fetchval("SELECT count(*) FROM gap") > 0
    subjects = [row["subject"] for row in await owner.fetch("SELECT subject FROM alarm WHERE kind = 'device_silent'")]
    assert subjects == [world.device]
