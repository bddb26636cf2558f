"""Live streams: whom they tell, and when they end rather than look alive."""

import asyncio
from typing import Any

import pytest

from server.db import pool
from server.db.events import Event
from server.db.ids import PatientId, StaffId
from server.db.pool import Database
from server.security import sessions
from server.security.sessions import NOBODY_YET, Person
from server.web import events
from server.web.events import Feed, Stream
from tests.web.conftest import Client
from tests.world import World

# The loop's clock counts whole milliseconds, so that the look at the session may come one beat later.
ENDED = (["beat", "worklist"], ["beat", "worklist", "beat"])


def _person(world: World, **who: Any) -> Person:
    return Person(
        organization=world.organization, organization_name="A", state="live", zone="UTC", demo=False,
        account_id=world.clinic, name="Somebody", **who,
    )  # fmt: skip


def _nurse(world: World) -> Person:
    return _person(world, role="nurse", staff_id=StaffId(world.nurse))


def test_live_events_reach_only_those_they_concern(world: World, other_world: World) -> None:
    listed = Event(topic="worklist", organization=world.organization, patient=world.patient)
    told = Event(topic="patient", organization=world.organization, patient=world.patient)
    strange = Event(topic="worklist", organization=other_world.organization, patient=other_world.patient)
    again = Event(topic="refetch")
    nurse = Stream(_nurse(world), None)
    assert [nurse.hears(e) for e in (listed, told, strange, again)] == ["worklist", None, None, "worklist"]
    at_patient = Stream(_nurse(world), world.patient)
    assert [at_patient.hears(e) for e in (listed, told, strange, again)] == ["patient", "patient", None, "patient"]
    patient = Stream(_person(world, role="patient", patient_id=PatientId(world.patient)), world.patient)
    assert [patient.hears(e) for e in (told, strange)] == ["patient", None]
    curious = Stream(_nurse(world), other_world.patient)
    assert curious.hears(strange) is None


async def _until_it_ends(database: Database, token: str, person: Person) -> list[Any]:
    stream = events._messages(Feed("unused"), Stream(person, None), database, token)
    async with asyncio.timeout(10):
        return [message.event async for message in stream]


async def test_a_stream_ends_when_the_session_ended(
    nurse: Client, web_db: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    token = nurse.cookies["careloop_session"]
    assert await _goes_on(web_db, token, _nurse(world))
    await nurse.post("/sign-out")
    assert await _until_it_ends(web_db, token, _nurse(world)) in ENDED


async def _goes_on(database: Database, token: str, person: Person) -> bool:
    async with database.transaction(NOBODY_YET) as db:
        assert await sessions.find(db, token, events.datetime.now(events.UTC)) is not None
    stream = events._messages(Feed("unused"), Stream(person, None), database, token)
    async with asyncio.timeout(10):
        heard = [(await anext(stream)).event for _ in range(4)]
    await stream.aclose()  # type: ignore[attr-defined]
    return heard == ["beat", "worklist", "beat", "beat"]


async def test_a_stream_ends_while_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.05)
    away = await pool.connect("postgresql://nobody@127.0.0.1:1/none", name="test", lazy=True)
    assert await _until_it_ends(away, "token", _nurse(world)) in ENDED
    await away.close()


async def test_a_burst_is_one_refetch(world: World) -> None:
    stream, feed = Stream(_nurse(world), None), Feed("unused")
    follow = feed.follow(stream)
    assert await anext(follow) == "worklist"
    for _ in range(100):
        feed._hear(Event(topic="worklist", organization=world.organization))
    assert await anext(follow) == "worklist"
    assert not stream.untold
    feed.close()
    assert [name async for name in follow] == []
