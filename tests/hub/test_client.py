"""The hub beside a server that this test plays: what it sends, when it forgets, and how readings are given to it."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devices.authority import open_authority
from devices.credentials import DynamicSecurity
from devices.hub import intake
from devices.hub.client import Account, Hub
from devices.hub.outbox import Outbox, parse
from server.ops.embedded import mosquitto
from server.ops.embedded.mosquitto import RunningMosquitto
from server.ops.embedded.ports import free_port
from tests.cli.command import ROOT
from tests.hub.driver import Driver
from tests.ops.room import Peer, Room, eventually

ID, PASSWORD = "hub-1", "pw"
READINGS, RECEIPTS = f"careloop/v1/{ID}/readings", f"careloop/v1/{ID}/receipts"
PULSE = parse(b'{"kind":"pulse","pulse":70}')


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[RunningMosquitto]:
    running = await mosquitto.start(tmp_path / "broker")
    await DynamicSecurity(running.url_admin).grant(ID, PASSWORD)
    yield running
    await running.stop()


@pytest.fixture
async def server(broker: RunningMosquitto) -> AsyncIterator[Peer]:
    """The bridge's login, hearing readings."""
    room = Room(broker)
    peer = await room.bridge()
    await peer.subscribe("careloop/v1/+/readings")
    await peer.subscribe("careloop/v1/+/status")
    yield peer
    peer.leave()


def heard(server: Peer) -> list[list[dict[str, Any]]]:
    """Each message's entries."""
    decoded = [json.loads(payload) for topic, payload in server.received if topic == READINGS]
    return [one if isinstance(one, list) else [one] for one in decoded]


def numbers(server: Peer) -> list[int]:
    return [entry["seq"] for message in heard(server) for entry in message]


@asynccontextmanager
async def running_hub(broker: RunningMosquitto, folder: Path, receipt_within_s: float = 0.3) -> AsyncIterator[Hub]:
    outbox = Outbox(folder / "hub", 5)
    account = Account(host=broker.host, port=broker.port, id=ID, password=PASSWORD)
    hub = Hub(outbox, account, say=lambda *_: None, now=lambda: datetime.now(UTC), receipt_within_s=receipt_within_s)
    stop = asyncio.Event()
    running = asyncio.create_task(hub.run(stop))
    try:
        yield hub
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running
        outbox.close()


async def answer(server: Peer, **receipt: Any) -> None:
    blank = {"epoch": 5, "through": 0, "stored": [], "held": [], "refused": []}
    await server.publish(RECEIPTS, json.dumps(blank | receipt).encode())


async def test_every_fate_settles_and_only_what_is_named(
    broker: RunningMosquitto, server: Peer, tmp_path: Path
) -> None:
    async with running_hub(broker, tmp_path) as hub:
        await hub.accept([PULSE] * 6)
        await eventually(lambda: set(numbers(server)) == set(range(1, 7)))
        await answer(server, epoch=4, through=6)
        await answer(server, through=1, stored=[2], held=[3], refused=[{"seq": 4, "reason": "unknown_kind"}])
        await eventually(lambda: hub.waiting() == 2)
        assert not hub.drained.is_set()
        await answer(server, through=6)
        await asyncio.wait_for(hub.drained.wait(), 5)


async def test_an_entry_whose_number_the_server_could_not_read_is_forgotten_by_its_hash(
    broker: RunningMosquitto, server: Peer, tmp_path: Path
) -> None:
    async with running_hub(broker, tmp_path) as hub:
        await hub.accept([PULSE] * 2)
        await eventually(lambda: {1, 2} <= set(numbers(server)))
        await answer(server, stored=[1])
        await eventually(lambda: sum(len(message) == 1 for message in heard(server)) > 0)  # repetitions come alone
        alone = next(p for topic, p in server.received if topic == READINGS and json.loads(p) == heard(server)[-1][0])
        refused = {"hash": hashlib.sha256(alone).hexdigest(), "reason": "database_refused"}
        await answer(server, epoch=0, refused=[refused], hash=refused["hash"], fate="quarantined")
        await asyncio.wait_for(hub.drained.wait(), 5)


async def test_repetitions_are_the_same_bytes_and_at_most_a_hundred_wait(
    broker: RunningMosquitto, server: Peer, tmp_path: Path
) -> None:
    async with running_hub(broker, tmp_path) as hub:
        await eventually(lambda: hub.connected)
        await hub.accept([PULSE] * 150)
        await eventually(lambda: len(numbers(server)) > 102)  # the oldest ones ask again
        assert set(numbers(server)) == set(range(1, 101))
        contents = {json.dumps(entry) for message in heard(server) for entry in message}
        assert len(contents) == 100
        await answer(server, through=100)
        await eventually(lambda: set(numbers(server)) == set(range(1, 151)))


async def test_a_live_reading_overtakes_the_backlog(broker: RunningMosquitto, server: Peer, tmp_path: Path) -> None:
    waiting = Outbox(tmp_path / "hub", 5)
    waiting.accept([PULSE] * 500, backlog=True)
    waiting.close()
    async with running_hub(broker, tmp_path) as hub:
        await eventually(lambda: len(set(numbers(server))) == 80)
        await hub.accept([PULSE])
        await eventually(lambda: 501 in numbers(server))
        assert len(set(numbers(server))) == 81
        entry = next(e for message in heard(server) for e in message if e["seq"] == 501)
        assert "backlog" not in entry
        assert datetime.fromisoformat(entry["measured_at"]).tzinfo


async def test_a_hub_says_that_it_comes_and_that_it_goes(
    broker: RunningMosquitto, server: Peer, tmp_path: Path
) -> None:
    async with running_hub(broker, tmp_path) as hub:
        await eventually(lambda: hub.connected)
    status = f"careloop/v1/{ID}/status"
    await eventually(lambda: len([t for t, _ in server.received if t == status]) == 2)
    assert [json.loads(p)["online"] for t, p in server.received if t == status] == [True, False]


def post(
    port: int, body: bytes, kind: str = "application/json", path: str = "/readings", host: str = "127.0.0.1"
) -> tuple[int, Any]:
    headers = {"Content-Type": kind, "Host": f"{host}:{port}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


async def test_readings_are_given_by_http_from_this_machine(
    broker: RunningMosquitto, server: Peer, tmp_path: Path
) -> None:
    async with running_hub(broker, tmp_path) as hub:
        port = free_port()
        serving = intake.serve(hub, port, asyncio.get_running_loop())
        try:
            one = await asyncio.to_thread(post, port, b'{"kind":"pulse","pulse":70}')
            assert one == (200, {"accepted": 1, "epoch": 5})
            two = await asyncio.to_thread(post, port, b'[{"kind":"pulse","pulse":71},7]')
            assert two == (200, [{"accepted": 2, "epoch": 5}, {"refused": "not a JSON object"}])
            assert (await asyncio.to_thread(post, port, b"[", "application/json"))[0] == 400
            assert (await asyncio.to_thread(post, port, b'{"kind":"pulse"}', "text/plain"))[0] == 415
            assert (await asyncio.to_thread(post, port, b"{}", "application/json", "/other"))[0] == 404
            elsewhere = (port, b'{"kind":"pulse"}', "application/json", "/readings", "site.example")
            assert (await asyncio.to_thread(post, *elsewhere))[0] == 403
            hub._outbox._db.execute("PRAGMA query_only = ON")  # as a card that went read-only
            status, said = await asyncio.to_thread(post, port, b'{"kind":"pulse","pulse":72}')
            assert (status, said) == (507, {"refused": intake.CANNOT_KEEP})
        finally:
            hub._outbox._db.execute("PRAGMA query_only = OFF")
            await asyncio.to_thread(serving.shutdown)
            serving.server_close()
        assert hub.waiting() == 2


async def test_a_client_certificate_is_enough(tmp_path: Path) -> None:
    ours = open_authority(tmp_path / "broker" / "authority", datetime.now(UTC))
    running = await mosquitto.start(tmp_path / "broker")
    key, certificate, ca = (tmp_path / name for name in ("key.pem", "certificate.pem", "ca.pem"))
    issued = ours.issue(ID, datetime.now(UTC))
    for path, content in ((key, issued.key), (certificate, issued.certificate), (ca, issued.ca)):
        path.write_bytes(content)
    room = Room(running)
    try:
        await DynamicSecurity(running.url_admin).grant(ID, None)
        server = await room.bridge()
        await server.subscribe("careloop/v1/+/readings")
        assert running.door is not None
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", "hub", "--url", f"mqtts://127.0.0.1:{running.door.port}", "--id", ID, "--ca", str(ca),
            "--cert", str(certificate), "--key", str(key), "--data", str(tmp_path / "hub"),
            stdin=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b'{"kind":"pulse","pulse":70}\n')
        await eventually(lambda: numbers(server)[:1] == [1], 15)
        process.stdin.close()
        await answer(server, epoch=heard(server)[0][0]["epoch"], through=1)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        for peer in room.peers:
            peer.leave()
        await running.stop()


async def test_told_to_stop_it_ends_at_once_and_keeps_what_waits(broker: RunningMosquitto, tmp_path: Path) -> None:
    driver = Driver(broker, ID, PASSWORD, tmp_path)
    async with driver:
        await driver.start()
        driver.give("a", {"kind": "pulse", "pulse": 70})
        driver.give("long", {"kind": "pulse", "padding": "x" * 30_000})
        driver.give("b", {"kind": "pulse", "pulse": 71})
        await eventually(lambda: len(driver.unanswered) == 0, 20)
        assert driver.process is not None
        driver.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(driver.process.wait(), 10) == 0
    assert (set(driver.accepted), len(driver.refused)) == ({"a", "b"}, 1)
    outbox = Outbox(tmp_path / "hub", 1)
    assert outbox.waiting() == 2
    with contextlib.closing(outbox):
        assert [e.seq for e in outbox.next(9, backlog=False)] + [e.seq for e in outbox.next(9, backlog=True)]
