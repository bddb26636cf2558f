"""Whoever has a number that is not the patient's hears no more from us until staff have looked at it."""

from datetime import UTC, datetime, timedelta

import pytest

from server.db.pool import Database
from server.people import telephones
from tests.flows.texting_home import WORKER, Home
from tests.texting import Phones, answer, phones, put, send_all, status_of
from tests.world import World

__all__ = ["phones"]


@pytest.fixture
def home(world: World, owner: object, web_db: Database, worker_db: Database) -> Home:
    return Home(
        world=world, owner=owner, web_db=web_db, worker_db=worker_db, now=datetime.now(UTC) - timedelta(hours=2)
    )


@pytest.mark.parametrize("words", ["wrong number", "numero equivocado"])
async def test_a_wrong_number_gets_no_text_and_no_call_and_staff_have_a_task(
    home: Home, phones: Phones, words: str
) -> None:
    await home.writes(words)
    later = [
        answer(home.world, purpose=purpose, channel=channel)
        for purpose in ("answer", "safety")
        for channel in ("sms", "voice")
    ]
    await put(home.worker_db, *later)
    await send_all(home.worker_db, phones.gateway())
    assert [await status_of(home.owner, one) for one in later] == [("suppressed", "cannot_text")] * 4
    assert (phones.texts(), await home.tasks(), await home.alarms()) == ([], ["bad_number"], ["wrong_number"])
    assert await home.owner.fetchval("SELECT patient_id FROM task") == home.world.patient


async def test_staff_let_the_number_be_tried_again(home: Home, phones: Phones) -> None:
    await home.writes("wrong number")
    async with home.worker_db.transaction(WORKER) as db:
        assert await telephones.set_cannot_text(db, home.world.organization, home.hash, None, home.now)
    again = [answer(home.world), answer(home.world, channel="voice", purpose="safety")]
    await put(home.worker_db, *again)
    await send_all(home.worker_db, phones.gateway())
    assert {(await status_of(home.owner, one))[1] for one in again} == {None}


async def test_that_somebody_else_was_wrong_says_nothing_of_the_number(home: Home) -> None:
    await home.writes("la farmacia se equivoco con mi receta")
    assert (await home.tasks(), await home.alarms()) == ([], ["patient_message"])


async def test_of_two_who_share_it_both_need_another_number(home: Home) -> None:
    await home.spouse()
    await home.writes("wrong number")
    assert await home.tasks() == ["bad_number", "bad_number"]


async def test_stop_beside_it_is_confirmed_once_and_the_number_is_checked_all_the_same(home: Home) -> None:
    await home.writes("stop texting me, wrong number")
    assert (await home.said(), await home.tasks()) == (["opt_out_confirmed"], ["bad_number"])
    row = await home.owner.fetchrow("SELECT cannot_text, cannot_call FROM telephone")
    assert tuple(row) == (None, "wrong_number")
    assert set(await home.deeds()) == {"opted_out", "wrong_number"}


async def test_danger_from_a_wrong_number_is_answered_and_may_be_called(home: Home) -> None:
    await home.writes("wrong number, but my chest hurts and I cant breathe")
    assert await home.said() == ["emergency"]
    assert await home.owner.fetchval("SELECT count(*) FROM telephone") == 0


async def test_of_a_number_that_nobody_has_there_is_nothing_to_correct(home: Home) -> None:
    await home.writes("wrong number", number="+12125559999")
    assert (await home.tasks(), await home.alarms()) == ([], ["wrong_number"])
