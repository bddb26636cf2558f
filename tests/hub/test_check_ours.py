"""Those who must pass `careloop device check`: the program in docs/devices.md, and our own hub."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devices.conformance import CHECKS, judge
from server.ops import check
from server.ops.check import Pace
from server.ops.check_broker import Broker
from server.ops.embedded.ports import free_port
from tests.cli.command import ROOT
from tests.hub.driver import Driver


@pytest.mark.slow
async def test_the_program_in_the_documentation_passes(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "devices.md").read_text(encoding="utf-8")
    program, home = tmp_path / "example.py", tmp_path / "home"
    program.write_text(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], encoding="utf-8")
    home.mkdir()
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", "127.0.0.1", free_port(), "under-test", "pw")

    def start() -> "subprocess.Popen[bytes]":
        arguments = [
            sys.executable,
            "-W",
            "error",
            str(program),
            "127.0.0.1",
            str(broker.port),
            "under-test",
            "pw",
            "0.5",
        ]
        return subprocess.Popen(arguments, cwd=home)

    def tell(step: str, _: str) -> None:
        if step == "reset":
            running[0].kill()
            running[0].wait()
            (home / "readings.db").unlink()
            running[0] = start()

    running = [start()]
    pace = Pace(reading_s=15, resend_s=20, offline_s=4, quiet_s=2, reset_s=10)
    try:
        verdicts = judge(await check.run(broker, "native", pace, tell, with_reset=True))
    finally:
        running[0].kill()
        running[0].wait()
    assert {v.check: v.result for v in verdicts} == dict.fromkeys([name for name, *_ in CHECKS], "pass"), verdicts


@pytest.mark.slow
async def test_our_own_hub_passes_the_command(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "device", "check", "--json", "--id", "hub-1", "--password", "pw",
        "--resend-within", "15", "--offline", "3", "--quiet", "2", "--reading-within", "20",
        stdout=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    lines = [json.loads(await process.stdout.readline())]
    driver = Driver(lines[0], "hub-1", "pw", tmp_path)
    feeding = asyncio.create_task(feed(driver))
    try:
        async with asyncio.timeout(90), driver:
            await driver.start()
            async for line in process.stdout:
                lines.append(json.loads(line))
                if lines[-1].get("step") == "reset":
                    await driver.kill()
                    shutil.rmtree(tmp_path / "hub")
                    await driver.start()
            assert await process.wait() == 0, lines
    finally:
        feeding.cancel()
        if process.returncode is None:
            process.terminate()
            await process.wait()
    results = {line["check"]: line["result"] for line in lines if "check" in line}
    assert results == dict.fromkeys([name for name, *_ in CHECKS], "pass")


async def feed(driver: Driver) -> None:
    number = 0
    while True:
        await asyncio.sleep(0.2)
        if driver.process is not None and driver.process.returncode is None:
            number += 1
            driver.give(f"{number}", {"kind": "pulse", "pulse": 60 + number % 9})
