"""From nothing to a clinic in state trial, on a PostgreSQL of its own: new keys give the cluster's logins new passwords."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.db.pool import Database
from server.ops.env_file import parse, render
from server.settings import Settings
from tests.cli.command import careloop
from tests.conftest import Cluster
from tests.people.desk import begin

BROKER = "mqtt://bridge:pw@127.0.0.1:1883"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture
def empty(cluster: Cluster) -> str:
    """The address of a fresh, empty database."""

    async def make() -> None:
        owner = await asyncpg.connect(cluster.url)
        await owner.execute("DROP DATABASE IF EXISTS clinic WITH (FORCE)")
        await owner.execute("CREATE DATABASE clinic")
        await owner.close()

    cluster.loop.run_until_complete(make())
    return cluster.url.rpartition("/")[0] + "/clinic"


def flags(database: str, **change: str) -> list[str]:
    given = {
        "--name": "Maple Clinic", "--zone": "america/denver", "--database": database, "--broker": BROKER, **change,
    }  # fmt: skip
    return ["init", "--yes", "--json", *(part for pair in given.items() for part in pair)]


def test_a_clinic_begins_and_its_settings_work(empty: str, tmp_path: Path) -> None:
    async def run() -> None:
        ran = await careloop(*flags(empty), cwd=tmp_path)
        assert ran.code == 0, ran.err
        (made,) = ran.objects
        assert (made["state"], made["admin_login"]) == ("trial", "admin")
        assert len(made["admin_password"]) >= 20
        settings = tmp_path / "careloop.env"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        shown = await careloop("organization", "show", "--json", cwd=tmp_path)
        assert (shown.objects[0]["zone"], shown.objects[0]["state"]) == ("America/Denver", "trial")
        assert (await careloop("staff", "list", "--json", cwd=tmp_path)).objects[0]["role"] == "admin"
        again = await careloop(*flags(empty, **{"--write": "second.env"}), cwd=tmp_path)
        assert again.code == 1
        assert "organization add" in again.err
        assert not (tmp_path / "second.env").exists()
        assert (await careloop("organization", "show", cwd=tmp_path)).code == 0

    asyncio.run(run())


def test_it_asks_and_asks_again_until_an_answer_can_be_right(empty: str, tmp_path: Path) -> None:
    answers = [
        "", "Maple Clinic", "Denverr", "America/Denver", "somewhere", empty, BROKER, "", "http://127.0.0.1:8000", "",
        "Ada Moss", "ada lovelace", "ada", "short", "correct-horse-battery",
    ]  # fmt: skip
    # The logins of the test before are still on the server, under its keys.
    refused = asyncio.run(careloop(*flags(empty), cwd=tmp_path))
    assert (refused.code, list(tmp_path.iterdir())) == (78, [])
    assert "--replace-logins" in refused.err
    ran = asyncio.run(careloop("init", "--replace-logins", cwd=tmp_path, typed="\n".join(answers) + "\n"))
    assert ran.code == 0, ran.err
    for says in ("Did you mean America/Denver", "not a postgresql address", "no spaces", "too short"):
        assert says in ran.out
    assert "Maple Clinic is set up, in state trial" in ran.out
    assert "correct-horse-battery" not in ran.out


async def test_the_demos_database_is_refused_before_anything_changes(
    web_db: Database, settings: Settings, owner: Any, tmp_path: Path
) -> None:
    await begin(web_db, "demo", demo=True)
    ran = await careloop(*flags(settings.database_url), cwd=tmp_path)
    assert ran.code == 1
    assert "invented" in ran.err
    await (await asyncpg.connect(settings.url_for("web"))).close()  # its logins still have the passwords of its key
    assert not (tmp_path / "careloop.env").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"--zone": "Denver City"}, "time zone"),
        ({"--database": "mysql://x/y"}, "DATABASE_URL"),
        ({"--broker": "127.0.0.1"}, "MQTT_URL"),
        ({"--public-url": "clinic.example"}, "CARELOOP_PUBLIC_URL"),
        ({"--admin-password": "short"}, "too short"),
        ({"--twilio-sid": "AC1"}, "Twilio auth token"),
        ({"--twilio-sid": "AC1", "--twilio-token": "t", "--twilio-sender": "me"}, "telephone"),
        ({"--name": " "}, "needed"),
        ({"--write": "no/such/folder.env"}, "folder"),
        ({"--database": "postgresql://u:p@127.0.0.1:1/x"}, "does not answer"),
    ],
)
async def test_a_wrong_answer_is_said_and_nothing_is_left(change: dict[str, str], word: str, tmp_path: Path) -> None:
    ran = await careloop(*flags("postgresql://u:p@127.0.0.1:1/x", **change), cwd=tmp_path)
    assert ran.code != 0
    assert word in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert os.listdir(tmp_path) == []


async def test_a_settings_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "careloop.env").write_text("precious")
    ran = await careloop(*flags("postgresql://u:p@127.0.0.1:1/x"), cwd=tmp_path)
    assert ran.code == 1
    assert (tmp_path / "careloop.env").read_text() == "precious"


@pytest.mark.parametrize("value", ["postgresql://a:b@h/d?x=1", "two words", "a#b", "$HOME", "ünï"])
def test_what_is_written_is_what_is_read(value: str) -> None:
    assert parse(f"# comment\n\nexport {render({'NAME': value})}", Path("x")) == {"NAME": value}
