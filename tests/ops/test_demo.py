"""The whole demo, as a newcomer and as a script meet it: two starts on one folder, and nothing left after Ctrl-C."""

import base64
import http.client
import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from server.ops.world import cast, hours

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


class Demo:
    """`careloop demo --no-simulate` on one folder, started and stopped as a person would."""

    def __init__(self, folder: Path) -> None:
        self.data, self.ready_file, self.said = folder / "data", folder / "ready.json", folder / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        self.process = self.launch(self.said)
        eventually(lambda: self.ready_file.exists() or self.process.poll() is not None, 120)  # type: ignore[union-attr]
        assert self.ready_file.exists(), self.said.read_text()
        return self.ready()

    def launch(self, said: Path, *more: str) -> "subprocess.Popen[bytes]":
        bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        options = ["--data", str(self.data), "--no-simulate", *(more or ("--ready-file", str(self.ready_file)))]
        with said.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "server", "demo", *options],
                stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.data.parent,
                env={**bare, "PYTHONPATH": str(ROOT), "TWILIO_ACCOUNT_SID": "ACreal"},
            )  # fmt: skip

    def ready(self) -> dict[str, Any]:
        return json.loads(self.ready_file.read_bytes())  # type: ignore[no-any-return]

    def stop(self) -> float:
        """Ctrl-C; the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, self.said.read_text()
        return time.monotonic() - began

    def left(self) -> list[str]:
        """Processes that still know the folder, by their words or their environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(self.data).encode() in known and int(process.name) != os.getpid():
                found.append(known.replace(b"\0", b" ").decode(errors="replace")[:200])
        return found


def eventually(condition: Callable[[], object], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    location: str | None
    cookie: str
    body: bytes


def ask(method: str, url: str, body: str | None = None, **headers: str) -> Answer:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(method, parts.path, body, {"Origin": f"http://{parts.netloc}", **headers})
        answer = connection.getresponse()
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        return Answer(status=answer.status, location=answer.getheader("location"), cookie=cookie, body=answer.read())
    finally:
        connection.close()


def sign_in(ready: dict[str, Any], login: str, password: str) -> Answer:
    form = urllib.parse.urlencode({"login": login, "password": password})
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask("POST", f"{ready['base_url']}/sign-in", form, **as_form)


def send_reading(ready: dict[str, Any], reading: dict[str, Any]) -> Any:
    device = ready["device"]
    login = base64.b64encode(f"{device['username']}:{device['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    answer = ask("POST", f"{ready['base_url']}/ingest/v1/readings", json.dumps(reading), **headers)
    assert answer.status in {200, 201}
    return json.loads(answer.body)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.start()
    yield demo
    if demo.process is not None and demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(30)


def test_the_ready_file_says_all_a_script_needs(demo: Demo) -> None:
    ready = demo.ready()
    assert set(ready) == {"base_url", "mqtt_host", "mqtt_port", "database_url", "sign_ins", "device", "sms_url"}
    assert set(ready["device"]) == {"id", "username", "password", "patient_id"}
    assert [one["role"] for one in ready["sign_ins"]][:5] == ["nurse", "nurse", "coordinator", "admin", "patient"]
    assert stat.S_IMODE(demo.ready_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700


def test_everybody_can_sign_in(demo: Demo) -> None:
    ready = demo.ready()
    for one in ready["sign_ins"]:
        answer = sign_in(ready, one["login"], one["password"])
        wanted = "/portal" if one["role"] == "patient" else "/worklist"
        assert (answer.status, answer.location) == (303, wanted)
        assert ask("GET", ready["base_url"] + wanted, Cookie=answer.cookie).status == 200


async def test_its_database_address_reads_every_row_and_writes_none(demo: Demo) -> None:
    database = await asyncpg.connect(demo.ready()["database_url"])
    try:
        for table in ("patient", "reading", "account", "audit", "message"):
            assert await database.fetchval(f"SELECT count(*) FROM {table}") > 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.execute("UPDATE patient SET mrn = mrn")
    finally:
        await database.close()


def test_a_high_reading_becomes_a_page_in_the_stand_in_and_never_at_the_provider(demo: Demo) -> None:
    ready = demo.ready()
    reading = {
        "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat(), "systolic": 192, "diastolic": 124,
    }  # fmt: skip
    for _ in range(5):
        assert send_reading(ready, reading)["fate"] == "stored"

    def pages() -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(ask("GET", f"{ready['sms_url']}/messages").body)
        return [text for text in found if "HIGH" in text["body"]]

    eventually(pages, 15)
    eventually(lambda: pages()[0]["status"] == "delivered", 15)
    assert len(pages()) == 1


def test_the_silent_patient_got_one_reminder_before_anybody_looked(demo: Demo) -> None:
    """In some zone of ours it is always a waking hour; see `hours`."""
    now = datetime.now(UTC)
    awake = 8 <= now.astimezone(ZoneInfo(hours.silent_zone(now))).hour < 19
    texts = json.loads(ask("GET", f"{demo.ready()['sms_url']}/messages").body)
    reminded = [text["to"] for text in texts if "measurement" in text["body"]]
    assert reminded == ([cast.everybody()[2].phone] if awake else reminded[:1])


def test_a_second_demo_in_the_same_folder_is_refused_and_the_first_goes_on(demo: Demo) -> None:
    said = demo.data.parent / "second"
    second = demo.launch(said, "--ready-file", str(demo.data.parent / "second.json"))
    assert second.wait(60) != 0
    assert "--data" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert ask("GET", f"{demo.ready()['base_url']}/health/ready").status == 200


def test_the_welcome_shows_where_to_look_and_how_to_send(demo: Demo) -> None:
    said, ready = demo.said.read_text(), demo.ready()
    assert ready["base_url"] in said
    for word in ("nurse", "coordinator", "paciente", "Ctrl-C", "mosquitto_pub -V mqttv5", "curl -u"):
        assert word in said
    command = next(line for line in said.splitlines() if line.startswith("curl "))
    answer = subprocess.run(["/bin/sh", "-c", f"{command} -s"], capture_output=True, text=True, timeout=30, check=False)
    if answer.returncode != 127:  # no curl on this machine
        assert json.loads(answer.stdout)["fate"] == "stored"


def test_the_commands_work_on_it_and_a_new_device_is_let_in_at_once(demo: Demo) -> None:
    asked = [sys.executable, "-P", "-m", "server", "--env-file", str(demo.data / "careloop.env"), "device", "add"]
    device = ["--model", "Second cuff", "--kind", "blood_pressure", "--patient", "LF-1001", "--json"]
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([*asked, *device], capture_output=True, text=True, env=bare, timeout=60, check=True)
    made = json.loads(ran.stdout)
    assert made["granted_at_broker"] is True
    sent = send_reading({**demo.ready(), "device": made}, {"kind": "blood_pressure", "systolic": 121, "diastolic": 77})
    assert sent["fate"] == "stored"


COUNT = "SELECT count(*) FROM reading r JOIN patient p ON p.id = r.patient_id WHERE NOT p.synthetic"


async def count_readings(ready: dict[str, Any]) -> int:
    """Of people: the auditor's synthetic patient measures every minute."""
    database = await asyncpg.connect(ready["database_url"])
    try:
        return int(await database.fetchval(COUNT))
    finally:
        await database.close()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
async def test_ctrl_c_leaves_nothing_and_a_second_start_keeps_everything(demo: Demo) -> None:
    before, readings = demo.ready(), await count_readings(demo.ready())
    assert demo.left()
    took = demo.stop()
    assert took < 10
    assert demo.left() == []
    assert not demo.ready_file.exists()
    after = demo.start()
    assert (after["sign_ins"], after["device"]) == (before["sign_ins"], before["device"])
    assert await count_readings(after) == readings
    assert "inventing" not in demo.said.read_text()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_ctrl_c_during_the_first_start_leaves_nothing_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    demo.process = demo.launch(demo.said)
    eventually(lambda: "patients" in demo.said.read_text(), 60)
    assert demo.stop() < 10
    assert demo.left() == []
    ready = demo.start()
    assert ask("GET", f"{ready['base_url']}/health/ready").status == 200
    demo.stop()
