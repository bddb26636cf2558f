"""Bluetooth through a stand-in for bleak: no radio was at hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from devices.formats import gatt
from devices.hub import bluetooth
from devices.hub.bluetooth import BASE
from devices.hub.outbox import Outbox
from tests.cli.command import careloop
from tests.ops.room import eventually

PRESSURE = bytes.fromhex("009400" + "5c00" + "6b00")  # 148/92 mmHg, mean 107
GLUCOSE = bytes.fromhex("00" + "0700" + "ea070b1507391e")  # record 7 of 2026-11-21, no concentration


class Named:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class FakeRadio:
    """One device that shows itself twice, notifies what it has, and disconnects."""

    def __init__(self, values: dict[str, bytes], times: int = 2) -> None:
        self.values, self.times = values, times
        self.written: list[tuple[str, bytes]] = []

    async def find(self, address: str, within_s: float) -> Any:
        if self.times == 0:
            await asyncio.sleep(within_s)
            return None
        self.times -= 1
        if self.times == 0:
            raise OSError("the radio hung up")
        return address

    @asynccontextmanager
    async def connect(self, found: Any) -> AsyncIterator[Any]:
        notify: dict[str, Any] = {}
        offered = [Named(uuid=BASE.format(name)) for name in (*self.values, "2A52", "2A00")]
        client = Named(services=[Named(characteristics=offered)], is_connected=True)

        async def start_notify(uuid: str, heard: Any) -> None:
            notify[uuid] = heard

        async def write_gatt_char(uuid: str, value: bytes, response: bool) -> None:
            self.written.append((uuid, value))
            for name, held in self.values.items():
                notify[BASE.format(name)](None, bytearray(held))
            client.is_connected = False

        client.start_notify, client.write_gatt_char = start_notify, write_gatt_char
        yield client


async def test_what_a_cuff_notifies_is_kept_as_it_came_and_the_server_understands_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bluetooth, "AGAIN_S", 0.01)
    outbox, said, stop = Outbox(tmp_path, 5), list[str](), asyncio.Event()

    async def accept(given: list[Any]) -> list[int]:
        return outbox.accept(given, backlog=False)

    radio = FakeRadio({"2A35": PRESSURE, "2A18": GLUCOSE})
    listening = asyncio.create_task(
        bluetooth.listen(radio, {"00:1A": "cuff-7"}, accept, lambda _, what: said.append(what), stop)
    )
    await eventually(lambda: outbox.waiting() == 2)
    await eventually(lambda: said == ["cuff-7: OSError"])
    stop.set()
    await listening
    entries = outbox.next(9, backlog=False)
    outbox.close()
    assert radio.written == [(BASE.format("2A52"), b"\x01\x01")]
    assert [entry.gatt for entry in entries] == [True, True]
    (decoded,) = gatt.decode(entries[0].body)
    reading: Any = decoded.decoded
    assert (reading.seq, reading.epoch, reading.source) == (1, 5, "cuff-7")
    assert (reading.values["systolic_mmhg"], reading.values["diastolic_mmhg"]) == (148, 92)


def test_a_stored_record_counts_once_and_two_equal_pressures_count_twice(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 5)
    record, pressure = (bluetooth.notification(*one, "m") for one in (("2A18", GLUCOSE), ("2A35", PRESSURE)))
    assert outbox.accept([record, pressure, record, pressure], backlog=False) == [1, 2, 1, 3]
    assert "id" not in json.loads(outbox.next(1, backlog=False)[0].body)
    outbox.close()


async def test_without_the_optional_part_the_hub_says_what_to_install(tmp_path: Path) -> None:
    ran = await careloop(
        "hub", "--url", "mqtt://127.0.0.1:1", "--id", "h", "--data", str(tmp_path), "--bluetooth", "00:1A=cuff-7"
    )
    assert ran.code == 78
    assert "careloop[bluetooth]" in ran.err


async def test_bad_words_are_told_in_one_line(tmp_path: Path) -> None:
    for arguments, word in (
        (["--url", "http://x", "--id", "h"], "--url"),
        (["--url", "mqtt://x", "--id", "a/b"], "--id"),
        (["--url", "mqtt://x", "--id", "h", "--bluetooth", "cuff"], "--bluetooth"),
        (["--url", "mqtt://x", "--id", "h", "--password-file", str(tmp_path / "none")], "password file"),
    ):
        ran = await careloop("hub", *arguments, "--data", str(tmp_path / "hub"))
        assert (ran.code, len(ran.err.strip().splitlines())) == (78, 1)
        assert word in ran.err
