"""A safety text that does not arrive becomes one call, and a call nobody hears becomes one person's, whatever dies."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from server.db.pool import Database
from server.flows import reach_safely
from server.flows.page import Told
from tests.flows.asking import Scene
from tests.outreach.reaching import cannot_text, opts_out
from tests.texting import NOON, WORKER, answer, put
from tests.world import FIELD_KEY, NEVER_WAIT, World

TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
MINUTE = timedelta(minutes=1)


async def emergency(worker_db: Database, world: World, **changes: Any) -> Any:
    """What somebody who wrote of danger is answered."""
    fixed = {
        "purpose": "safety",
        "unique_for": "reply:1",
        "wording": "emergency",
        "body": "CALL 911 NOW. Aspen Health.",
    }
    made = answer(world, **(fixed | changes))
    await put(worker_db, made)
    return made


async def look(worker_db: Database, after: timedelta = 2 * MINUTE) -> int:
    return await reach_safely.watch(worker_db, WORKER, NOON + after, TOLD)


async def becomes(owner: Any, status: str, reason: str | None = None, channel: str = "sms") -> None:
    await owner.execute(
        "UPDATE message SET status = $1, reason = $2 WHERE purpose = 'safety' AND channel = $3", status, reason, channel
    )


async def calls(owner: Any) -> list[Any]:
    return list(await owner.fetch("SELECT * FROM message WHERE channel = 'voice' AND patient_id IS NOT NULL"))


async def people(owner: Any) -> tuple[int, int, int]:
    """(pages, alarms, tasks)"""
    return (
        await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page' AND wording = 'page_unreached'"),
        await owner.fetchval("SELECT count(*) FROM alarm WHERE kind = 'patient_unreached'"),
        await owner.fetchval("SELECT count(*) FROM task WHERE kind = 'call_patient'"),
    )


async def test_delivered_in_time_it_is_left_alone(worker_db: Database, world: World, owner: Any) -> None:
    await emergency(worker_db, world)
    assert await look(worker_db, MINUTE) == 0
    await becomes(owner, "delivered")
    assert await look(worker_db) == 1
    assert await look(worker_db, 60 * MINUTE) == 0
    assert (await calls(owner), await people(owner)) == ([], (0, 0, 0))


BLOCKED = [
    ("suppressed", "opted_out"), ("suppressed", "cannot_text"), ("failed", "30006"), ("withheld", "no_gateway"),
]  # fmt: skip
UNDELIVERED = [("sent", None), ("queued", "too_many_requests"), ("sending", None)]


async def test_blocked_or_undelivered_in_two_minutes_it_is_said_by_one_call_in_the_same_words(
    worker_db: Database, world: World, owner: Any
) -> None:
    for number, (status, reason) in enumerate([*BLOCKED, *UNDELIVERED]):
        made = await emergency(worker_db, world, unique_for=f"reply:{number}")
        await owner.execute("UPDATE message SET status = $1, reason = $2 WHERE id = $3", status, reason, made.id)
    await asyncio.gather(*(look(worker_db, 2 * MINUTE - timedelta(seconds=1)) for _ in range(4)))
    assert len(await calls(owner)) == len(BLOCKED)
    await asyncio.gather(*(look(worker_db, 2 * MINUTE) for _ in range(4)))
    await look(worker_db, 2 * MINUTE + timedelta(seconds=1))
    called = await calls(owner)
    assert len(called) == len(BLOCKED) + len(UNDELIVERED)
    for call in called:
        assert (call["to_number"], call["body"]) == (world.patient_phone, "Call 9 1 1 now. Aspen Health.")
        assert (call["purpose"], call["status"]) == ("safety", "queued")
    assert await people(owner) == (0, 0, 0)


async def test_who_is_texted_by_nobody_is_called_by_nobody(worker_db: Database, world: World, owner: Any) -> None:
    for reason in ("shadow", "trial_number_not_listed", "reason_gone", "deceased"):
        made = await emergency(worker_db, world, unique_for=f"reply:{reason}")
        await owner.execute("UPDATE message SET status = 'suppressed', reason = $1 WHERE id = $2", reason, made.id)
    await look(worker_db, 10 * MINUTE)
    assert (await calls(owner), await people(owner)) == ([], (0, 0, 0))


@pytest.mark.parametrize(
    ("status", "reason", "after"),
    [("failed", "no-answer", 2), ("suppressed", "cannot_text", 2), ("delivered", None, 2), ("sent", None, 5)],
)  # fmt: skip
async def test_a_call_that_nobody_hears_becomes_one_page_and_one_task_at_once(
    worker_db: Database, world: World, owner: Any, status: str, reason: str | None, after: int
) -> None:
    """ "Delivered" of a call says only that it was picked up, perhaps by a voicemail: nobody pressed a key."""
    await emergency(worker_db, world)
    await becomes(owner, "failed", "30003")
    await look(worker_db)
    await becomes(owner, status, reason, "voice")
    await asyncio.gather(*(look(worker_db, after * MINUTE) for _ in range(4)))
    await look(worker_db, 60 * MINUTE)
    assert await people(owner) == (1, 1, 1)
    assert len(await calls(owner)) == 1
    page = await owner.fetchrow("SELECT staff_id, not_before FROM message WHERE purpose = 'page'")
    assert tuple(page) == (world.nurse, NOON + after * MINUTE)


async def test_where_no_call_is_possible_a_person_is_told_at_once(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await owner.execute("UPDATE telephone SET cannot_call = '21217'")
    await emergency(worker_db, world)
    await becomes(owner, "suppressed", "cannot_text")
    await look(worker_db, timedelta(0))
    assert (await calls(owner), await people(owner)) == ([], (1, 1, 1))


async def test_what_was_left_lying_for_hours_is_a_persons_and_no_call_says_now(
    worker_db: Database, world: World, owner: Any
) -> None:
    await emergency(worker_db, world)
    await look(worker_db, 70 * MINUTE)
    assert (await calls(owner), await people(owner)) == ([], (1, 1, 1))


async def test_a_pressed_key_ends_it(worker_db: Database, world: World, owner: Any) -> None:
    await emergency(worker_db, world)
    await look(worker_db)
    await owner.execute("UPDATE message SET heard_at = $1 WHERE channel = 'voice'", NOON + 2 * MINUTE)
    await look(worker_db, 60 * MINUTE)
    assert await people(owner) == (0, 0, 0)


async def test_who_was_paged_about_a_danger_word_is_not_paged_again(
    worker_db: Database, world: World, owner: Any
) -> None:
    mrn = await owner.fetchval("SELECT mrn FROM patient")
    await owner.execute(
        """INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
           VALUES (gen_random_uuid(), $1, 'patient_in_danger', $2, 'high', 'x', $3, $3)""",
        world.organization, mrn, NOON,
    )  # fmt: skip
    await emergency(worker_db, world)
    await look(worker_db)
    await look(worker_db, 60 * MINUTE)
    assert await people(owner) == (0, 0, 1)


class Dies(Exception):
    """Stands for a kill in the middle of the transaction."""


@pytest.mark.parametrize("step", ["call", "person"])
async def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(
    worker_db: Database, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await emergency(worker_db, world)
    if step == "person":
        await look(worker_db)
        await becomes(owner, "failed", "busy", "voice")

    async def killed(*_: Any) -> None:
        raise Dies

    for place in ("settle",):
        with monkeypatch.context() as broken:
            broken.setattr(reach_safely.safety, place, killed)
            with pytest.raises(Dies):
                await look(worker_db, 2 * MINUTE)
    await look(worker_db, 2 * MINUTE)
    await look(worker_db, 2 * MINUTE)
    assert len(await calls(owner)) == 1
    assert await people(owner) == ((1, 1, 1) if step == "person" else (0, 0, 0))


@pytest.fixture
async def scene(world: World, owner: Any, bridge_db: Database, worker_db: Database) -> Scene:
    return Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=NOON)


async def test_a_question_whose_text_is_blocked_is_put_by_a_call_and_staff_are_paged_once(
    scene: Scene, owner: Any
) -> None:
    await opts_out(owner, scene.world, scene.world.patient_phone)
    await scene.measures(190, 125)
    assert (await scene.texts(), await scene.pages()) == ([], ["page_high_alert"])
    for _ in range(3):
        await reach_safely.watch(scene.worker_db, WORKER, scene.now, TOLD)
        await scene.looks()
    [call] = await calls(owner)
    assert (call["wording"], "Press 1 if you feel none" in call["body"]) == ("ask_rest", True)
    await becomes(owner, "failed", "no-answer", "voice")
    await reach_safely.watch(scene.worker_db, WORKER, scene.now + MINUTE, TOLD)
    assert await scene.pages() == ["page_high_alert"]
    assert await people(owner) == (0, 0, 1)


async def test_a_question_that_was_answered_is_not_put_by_a_call(scene: Scene, owner: Any) -> None:
    await scene.measures(190, 125)
    await owner.execute("UPDATE confirmation SET state = 'no_answer', ended_at = $1", scene.now)
    await reach_safely.watch(scene.worker_db, WORKER, scene.now + 5 * MINUTE, TOLD)
    assert await calls(owner) == []


async def test_a_page_that_waits_goes_when_the_text_fails_and_the_call_adds_none(scene: Scene, owner: Any) -> None:
    await scene.may_wait(5)
    await scene.measures(190, 125)
    assert await scene.pages() == []
    await scene.text_is("failed", "30003")
    await reach_safely.watch(scene.worker_db, WORKER, scene.now, TOLD)
    await scene.looks()
    assert len(await calls(owner)) == 1
    await becomes(owner, "failed", "busy", "voice")
    await reach_safely.watch(scene.worker_db, WORKER, scene.now + MINUTE, TOLD)
    await scene.looks(MINUTE)
    assert await scene.pages() == ["page_high_alert"]
    assert await people(owner) == (0, 0, 1)
