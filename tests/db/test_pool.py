"""The one way to a connection: it knows who asks, and leaves nothing of them behind."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from server.db import pool
from server.db.events import Event, listen, tell
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Unavailable
from server.settings import Settings

ASKING = "SELECT current_setting('app.organization', true), current_setting('app.patient', true)"


async def test_nothing_of_one_principal_is_left_for_the_next(settings: Settings) -> None:
    database = await pool.connect(settings.url_for("web"), name="test", size=1)
    organization, patient = uuid7(), uuid7()
    async with database.transaction(Who(principal="staff:1", organization=organization, patient=patient)) as db:
        assert tuple(await db.fetchrow(ASKING)) == (organization.hex, patient.hex)
    async with database.transaction(Who(principal="door:sign-in")) as db:
        assert tuple(await db.fetchrow(ASKING)) == ("", "")
    await database.close()


async def test_an_error_inside_undoes_everything(web_db: Database, world: Any, owner: Any) -> None:
    who = Who(principal="staff:1", organization=world.organization)
    with pytest.raises(asyncpg.NotNullViolationError):
        async with web_db.transaction(who) as db:
            await db.execute("UPDATE patient SET language = 'es'")
            await db.execute("UPDATE patient SET zone = NULL")
    assert await owner.fetchval("SELECT language FROM patient") == "en"


async def test_a_principal_that_is_not_a_name_is_a_bug_not_a_statement(web_db: Database) -> None:
    with pytest.raises(ValueError, match="principal"):
        async with web_db.transaction(Who(principal="x'; DROP TABLE patient; --")):
            pass


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("@127.0.0.1:", "@127.0.0.1:1"), "does not answer"),
        (("/careloop_test_", "/careloop_none_"), "has no such database"),
        (("careloop_web:", "careloop_web:x"), "refused the login"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong_and_never_the_password(
    settings: Settings, change: tuple[str, str], says: str
) -> None:
    url = settings.url_for("web").replace(*change)
    if says == "does not answer":
        url = "postgresql://careloop_web:secret@127.0.0.1:1/careloop"
    with pytest.raises(Unavailable, match=says) as caught:
        await pool.connect(url, name="test")
    assert "secret" not in caught.value.says


def test_ids_sort_by_the_moment_they_were_made() -> None:
    ids = [uuid7() for _ in range(5)]
    assert all(made.version == 7 and made.variant == uuid.RFC_4122 for made in ids)
    assert [made.int >> 80 for made in ids] == sorted(made.int >> 80 for made in ids)


async def test_an_event_is_heard_when_and_only_if_its_transaction_commits(settings: Settings, web_db: Database) -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    stop = asyncio.Event()
    listening = asyncio.create_task(listen(settings.url_for("web"), heard.put_nowait, stop))
    async with asyncio.timeout(10):
        assert (await heard.get()).topic == "refetch"
        with pytest.raises(RuntimeError):
            async with web_db.transaction(Who(principal="t")) as db:
                await tell(db, Event(topic="gap"))
                raise RuntimeError
        async with web_db.transaction(Who(principal="t")) as db:
            await tell(db, Event(topic="worklist", organization=uuid7()), Event(topic="worklist"))
        assert {(await heard.get()).topic, (await heard.get()).topic} == {"worklist"}
    assert heard.empty()
    stop.set()
    await listening


async def test_a_listener_whose_connection_is_lost_comes_back_and_says_look_again(
    settings: Settings, owner: Any
) -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    stop = asyncio.Event()
    listening = asyncio.create_task(listen(settings.url_for("web"), heard.put_nowait, stop))
    async with asyncio.timeout(20):
        await heard.get()
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'careloop listener'"
        )
        assert (await heard.get()).topic == "refetch"
    stop.set()
    await listening


async def test_thousands_of_events_of_one_transaction_are_heard_each_once(settings: Settings, web_db: Database) -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    stop, patients = asyncio.Event(), [uuid7() for _ in range(3000)]
    listening = asyncio.create_task(listen(settings.url_for("web"), heard.put_nowait, stop))
    async with asyncio.timeout(20):
        assert (await heard.get()).topic == "refetch"
        async with web_db.transaction(Who(principal="t")) as db:
            for patient in (*patients, patients[0]):
                await tell(db, Event(topic="patient", patient=patient))
        said = [(await heard.get()).patient for _ in patients]
    assert sorted(map(str, said)) == sorted(map(str, patients))
    stop.set()
    await listening


def test_what_is_told_with_the_commit_stays_a_text() -> None:
    assert "pg_notify('c', 'it''s; DROP')" in pool._commit([("c", "it's; DROP")])
    assert pool._commit([]) == "COMMIT"
