"""Whatever is wrong: one line that says what to do, an exit code that is not 0, and never a traceback."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.settings import Settings
from tests.cli.command import Ran, careloop, env_of

USAGE, AWAY, SETTING, FAILED = 2, 69, 78, 1
NOWHERE = "postgresql://u:p@127.0.0.1:1/x"


def one_line(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err + ran.out
    (line,) = ran.err.strip().splitlines()
    assert line.startswith("careloop: ")
    for word in words:
        assert word in line


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "nonsense"),
        (["demo", "--port", "0"], "--port"),
        (["demo", "--port", "http"], "--port"),
        (["demo", "--prot", "1"], "--prot"),
        (["device", "add", "--model", "X", "--kind", "mood"], "--kind"),
        (["patient", "add"], "--given-name"),
        (["simulate", "--every", "-1"], "--every"),
    ],
)
async def test_wrong_usage(arguments: list[str], word: str) -> None:
    one_line(await careloop(*arguments), USAGE, word, "--help")


@pytest.mark.parametrize("process", ["web", "bridge", "worker", "up", "migrate"])
async def test_a_database_that_does_not_answer(process: str, settings: Settings) -> None:
    env = {**env_of(settings), "DATABASE_URL": NOWHERE}
    one_line(await careloop(process, env=env), AWAY, "127.0.0.1:1", "DATABASE_URL")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "db.example"}, "DATABASE_URL"),
        ({"MQTT_URL": "http://x"}, "MQTT_URL"),
        ({"CARELOOP_SECRET_KEY": "short"}, "CARELOOP_SECRET_KEY"),
        ({"CARELOOP_FIELD_KEY": ""}, "CARELOOP_FIELD_KEY"),
        ({"CARELOOP_PORT": "http"}, "CARELOOP_PORT"),
        ({"CARELOOP_DEMO": "maybe"}, "CARELOOP_DEMO"),
        ({"TWILIO_AUTH_TOKEN": "x"}, "TWILIO_ACCOUNT_SID"),
        ({"CARELOOP_SECRET_KEY": "", "CARELOOP_SECRET_KEY_FILE": "/nowhere/key"}, "CARELOOP_SECRET_KEY_FILE"),
    ],
)
async def test_a_bad_setting_is_named(change: dict[str, str], word: str, settings: Settings) -> None:
    one_line(await careloop("worker", env={**env_of(settings), **change}), SETTING, word)


async def test_a_password_is_never_shown(settings: Settings) -> None:
    wrong = settings.database_url.replace("://", "://somebody:hunter2@", 1).replace("@careloop:pw@", "@")
    ran = await careloop("migrate", env={**env_of(settings), "DATABASE_URL": wrong})
    assert ran.code != 0
    assert "hunter2" not in ran.err + ran.out


async def test_a_broker_that_is_away(settings: Settings) -> None:
    one_line(await careloop("bridge", env=env_of(settings)), AWAY, "127.0.0.1:1", "MQTT_URL")


async def test_a_database_that_was_never_migrated(settings: Settings) -> None:
    env = {**env_of(settings), "DATABASE_URL": settings.database_url.rpartition("/")[0] + "/postgres"}
    one_line(await careloop("up", env=env), SETTING, "careloop migrate")
    one_line(await careloop("patient", "list", env=env), SETTING, "careloop migrate")


async def test_a_busy_port(settings: Settings, busy_port: int, tmp_path: Path) -> None:
    one_line(await careloop("web", "--port", str(busy_port), env=env_of(settings)), AWAY, str(busy_port), "--port")
    one_line(await careloop("up", "--port", str(busy_port), env=env_of(settings)), AWAY, str(busy_port), "--port")
    demo = await careloop("demo", "--port", str(busy_port), "--data", str(tmp_path / "demo"))
    one_line(demo, AWAY, str(busy_port), "--port")
    assert not (tmp_path / "demo" / "postgres").exists()


async def test_no_organization_yet(settings: Settings) -> None:
    one_line(await careloop("patient", "list", env=env_of(settings)), FAILED, "careloop init")


async def test_a_settings_file_that_is_not_there_or_not_readable(tmp_path: Path) -> None:
    one_line(await careloop("--env-file", str(tmp_path / "none"), "worker"), SETTING, "none")
    broken = tmp_path / "broken.env"
    broken.write_text("DATABASE_URL=x\nthis is no setting\n")
    one_line(await careloop("--env-file", str(broken), "worker"), SETTING, "Line 2")


@pytest.mark.parametrize(
    "change",
    [{"DATABASE_URL": NOWHERE}, {"DATABASE_URL": "nonsense"}, {"MQTT_URL": "mqtt://127.0.0.1:1"}],
)
async def test_the_demo_says_what_is_wrong_with_servers_of_your_own(change: dict[str, str], tmp_path: Path) -> None:
    ran = await careloop("demo", "--data", str(tmp_path / "demo"), env=change)
    one_line(ran, AWAY, next(iter(change)))


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_line(await careloop("demo", "--data", str(tmp_path / "file" / "x")), SETTING, "--data")


async def test_a_ready_file_that_cannot_be_written(tmp_path: Path) -> None:
    one_line(await careloop("demo", "--ready-file", str(tmp_path / "no" / "ready.json")), FAILED, "ready file")


async def test_help_and_version_are_no_mistakes() -> None:
    for arguments in (["--help"], ["demo", "--help"], ["device", "add", "--help"], ["--version"]):
        ran = await careloop(*arguments)
        assert (ran.code, ran.err) == (0, "")
    assert "auditor" in (await careloop("--help")).out
