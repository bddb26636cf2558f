"""`careloop device` as an administrator types it, with a broker we may manage and without."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from server.db.pool import Database
from server.ops.embedded import mosquitto
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.ops.room import Room, eventually
from tests.people.desk import Desk, open_desk

CUFF = ("--model", "Cuff", "--kind", "blood_pressure")
TAKEN = {"Success", "No matching subscribers"}  # by the broker; no bridge listens here


@pytest.fixture
async def desk(web_db: Database) -> Desk:
    return await open_desk(web_db, "maple")


async def test_at_our_broker_a_device_is_let_in_shut_out_and_given_a_new_password(
    desk: Desk, settings: Settings, tmp_path: Path
) -> None:
    room = Room(await mosquitto.start(tmp_path))
    env = {**env_of(settings), "MQTT_ADMIN_URL": room.broker.url_admin}
    try:
        (made,) = (await careloop("device", "add", *CUFF, "--id", "cuff-1", "--json", env=env)).objects
        assert (made["granted_at_broker"], made["broker_commands"]) == (True, [])
        device = room.peer("cuff-1", made["password"])
        assert await device.sign_in() == "Success"
        assert (await careloop("device", "disable", "cuff-1", env=env)).out == "Device cuff-1 is disabled.\n"
        await eventually(lambda: device.lost)
        assert await room.peer("cuff-1", made["password"]).sign_in() != "Success"
        assert (await careloop("device", "enable", "cuff-1", env=env)).code == 0
        assert await room.peer("cuff-1", made["password"]).sign_in() == "Success"
        (new,) = (await careloop("device", "rotate", "cuff-1", "--json", env=env)).objects
        assert await room.peer("cuff-1", made["password"]).sign_in() != "Success"
        assert await room.peer("cuff-1", new["password"]).sign_in() == "Success"
    finally:
        for peer in room.peers:
            peer.leave()
        await room.broker.stop()


async def test_without_a_way_to_the_broker_the_very_commands_are_printed_and_they_work(
    desk: Desk, settings: Settings, tmp_path: Path
) -> None:
    """What is printed is typed, word for word, at a real broker."""
    env = env_of(settings)
    (made,) = (await careloop("device", "add", *CUFF, "--id", "cuff-1", "--json", env=env)).objects
    said = [made["broker_commands"]]
    for act in ("disable", "enable", "rotate"):
        lines = (await careloop("device", act, "cuff-1", env=env)).out.splitlines()
        said.append([line.strip() for line in lines if line.startswith("  mosquitto_ctrl")])
        assert said[-1], act
    assert made["granted_at_broker"] is False
    room = Room(await mosquitto.start(tmp_path))
    try:
        await typed(room, said[0], made["password"])
        device = room.peer("cuff-1", made["password"])
        assert await device.sign_in() == "Success"
        assert await device.publish("careloop/v1/cuff-1/readings") in TAKEN
        await typed(room, said[1])
        await eventually(lambda: device.lost)
        assert await room.peer("cuff-1", made["password"]).sign_in() != "Success"
        await typed(room, said[2])
        await typed(room, said[3], "another")
        again = room.peer("cuff-1", "another")
        assert await again.sign_in() == "Success"
        assert await again.publish("careloop/v1/cuff-1/readings") in TAKEN
    finally:
        for peer in room.peers:
            peer.leave()
        await room.broker.stop()


async def typed(room: Room, commands: list[str], password: str = "") -> None:
    """As the administrator does it; a script cannot be asked for the password, so it is given."""
    import asyncio
    import shutil

    if shutil.which("mosquitto_ctrl") is None:
        pytest.skip("mosquitto_ctrl is not installed")
    admin = urlsplit(room.broker.url_admin)
    where = f"-h {admin.hostname} -p {admin.port} -u {admin.username} -P {admin.password}"
    for command in commands:
        words = command.partition("#")[0].replace("-u <admin>", where).split()
        asks = {"createClient": ["-p", password], "setClientPassword": [password]}
        words += next((more for name, more in asks.items() if name in words), [])
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0 and b"rror" not in out, (command, out)


async def test_a_certificate_is_written_renewed_and_revoked(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    env = {**env_of(settings), "CARELOOP_AUTHORITY": str(tmp_path / "authority")}
    out = tmp_path / "out"
    added = await careloop("device", "add", *CUFF, "--id", "cuff-1", "--tls", "--folder", str(out), "--json", env=env)
    assert added.code == 0, added.err
    (made,) = added.objects
    assert {path.name for path in out.iterdir()} == {"cuff-1.key", "cuff-1.pem", "ca.pem"}
    assert (out / "cuff-1.key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in added.out + added.err
    renewed = await careloop("device", "renew", "cuff-1", "--folder", str(tmp_path / "next"), env=env)
    assert (renewed.code, (tmp_path / "next" / "cuff-1.pem").exists()) == (0, True)
    revoked = await careloop("device", "revoke", "cuff-1", "--serial", made["serial"], env=env)
    assert revoked.code == 0, revoked.err
    assert "HUP" in revoked.out
    crl = x509.load_pem_x509_crl((tmp_path / "authority" / "crl.pem").read_bytes())
    assert [f"{one.serial_number:X}" for one in crl] == [made["serial"]]
    none = await careloop("device", "revoke", "cuff-1", "--serial", "AB", env=env)
    assert (none.code, "no such certificate" in none.err) == (1, True)
    stray = await careloop("device", "add", *CUFF, "--folder", "x", env=env)
    assert (stray.code, "--tls" in stray.err) == (1, True)


async def test_a_model_and_a_loan_from_to(desk: Desk, settings: Settings, owner: Any) -> None:
    env, ada, bea = env_of(settings), await desk.admit(mrn="A-1"), await desk.admit(mrn="B-1")
    model = ("device", "model", "add", "Family cuff", "--kind", "blood_pressure", "--slots", "2", "--battery", "4 x AA")
    assert (await careloop(*model, env=env)).code == 0
    again = await careloop(*model, env=env)
    assert (again.code, "already" in again.err) == (1, True)
    (listed,) = (await careloop("device", "model", "list", "--json", env=env)).objects
    assert (listed["name"], listed["slots"], listed["battery"], listed["format"]) == (
        "Family cuff",
        2,
        "4 x AA",
        "native",
    )
    assert (await careloop("device", "add", "--model", "Family cuff", "--id", "c-1", env=env)).code == 0
    lend = ("device", "lend", "c-1")
    first = await careloop(*lend, "A-1", "--from", "2026-11-01", "--to", "2026-11-10T12:00", "--slot", "1", env=env)
    assert first.code == 0, first.err
    clash = await careloop(*lend, "B-1", "--from", "2026-11-05", env=env)
    assert (clash.code, "Take it back first" in clash.err) == (1, True)
    assert (await careloop(*lend, "B-1", "--from", "2026-11-10T12:00", "--slot", "1", env=env)).code == 0
    assert (await careloop("device", "return", "c-1", "--at", "2026-11-20T08:00", env=env)).code == 0
    await owner.execute("SET TIME ZONE 'UTC'")  # Denver is seven hours behind, in summer six
    rows = await owner.fetch("SELECT patient_id, lent::text AS lent FROM loan ORDER BY lower(lent)")
    assert [tuple(row) for row in rows] == [
        (ada.id, '["2026-11-01 06:00:00+00","2026-11-10 19:00:00+00")'),
        (bea.id, '["2026-11-10 19:00:00+00","2026-11-20 15:00:00+00")'),
    ]
    wrong = await careloop(*lend, "A-1", "--from", "yesterday", env=env)
    assert (wrong.code, "is no time" in wrong.err) == (1, True)


async def test_a_model_may_be_silent_for_longer(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    model = ("device", "model", "add", "Weekly scale", "--kind", "weight", "--silent-after", "240")
    assert (await careloop(*model, env=env)).code == 0
    (listed,) = (await careloop("device", "model", "list", "--json", env=env)).objects
    assert listed["silent_after_hours"] == 240
    assert (await careloop("device", "model", "silence", "Weekly scale", "0", env=env)).code == 0
    assert await owner.fetchval("SELECT silent_after_hours FROM device_model") is None
    stray = await careloop("device", "model", "silence", "Nothing", "5", env=env)
    assert (stray.code, "no model" in stray.err) == (1, True)
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'device_model.silence'") == 1
