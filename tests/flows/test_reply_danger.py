"""Words of danger, whatever is written beside them and whoever writes: the advice arrives, by text or else by a call."""

from typing import Any

import pytest

from server.db.pool import Database
from server.flows import reach_safely
from tests.flows.test_reply import TOLD, alarms, now_of, opted_out, queued
from tests.notifications.test_calls import post
from tests.texting import WORKER, Phones, phones, send_all
from tests.world import World

__all__ = ["phones"]


async def calls(worker_db: Database, phones: Phones, owner: Any) -> list[str]:
    """What is said by telephone after a look at what was not delivered, made as soon as the texts were tried."""
    now = await now_of(owner)
    await send_all(worker_db, phones.gateway(), now)
    await reach_safely.watch(worker_db, WORKER, now, TOLD)
    return [row["wording"] for row in await owner.fetch("SELECT wording FROM message WHERE channel = 'voice'")]


@pytest.mark.parametrize("before", [True, False])
async def test_who_wants_no_texts_and_writes_of_danger_is_called_at_once(
    worker_db: Database, phones: Phones, world: World, owner: Any, before: bool
) -> None:
    if before:
        await phones.write(world.patient_phone, "please stop texting me")
    await phones.write(world.patient_phone, "I told you to stop texting me, I have chest pain")
    assert await opted_out(owner)
    confirmed = "opt_out_confirmed" if before else "opt_out_danger"
    assert [name for name in await queued(owner) if name != "page_reply"] in (
        [confirmed, "emergency"], ["emergency", confirmed]
    )  # fmt: skip
    assert await calls(worker_db, phones, owner) == ["emergency"]
    assert len(phones.texts(world.patient_phone)) == 1


async def test_danger_beside_a_wish_for_texts_is_answered_with_the_advice_too(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write(world.patient_phone, "please stop texting me")
    await owner.execute("DELETE FROM message")
    await phones.write(world.patient_phone, "I have chest pain, text me again")
    assert not await opted_out(owner)
    assert set(await queued(owner)) == {"emergency", "start_confirmed", "page_reply"}
    assert await calls(worker_db, phones, owner) == []
    assert any("911" in text.body for text in phones.texts(world.patient_phone))


async def test_danger_from_a_number_nobody_knows_is_answered_in_its_language_called_and_paged(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write("+12125559999", "me duele el pecho, no puedo respirar")
    assert await alarms(owner) == [("patient_in_danger", "high")]
    assert "+12125559999" in await owner.fetchval("SELECT says FROM alarm")
    assert await owner.fetchval("SELECT language FROM message WHERE wording = 'emergency'") == "es"
    page = await owner.fetchrow("SELECT staff_id FROM message WHERE wording = 'page_reply'")
    assert page["staff_id"] == world.nurse
    await owner.execute("UPDATE message SET status = 'failed', reason = '30003' WHERE wording = 'emergency'")
    assert await calls(worker_db, phones, owner) == ["emergency"]
    await owner.execute("UPDATE message SET status = 'failed', reason = 'busy' WHERE channel = 'voice'")
    await reach_safely.watch(worker_db, WORKER, await now_of(owner), TOLD)
    [task] = await owner.fetch("SELECT kind, patient_id, says FROM task")
    assert (task["kind"], task["patient_id"], "+12125559999" in task["says"]) == ("call_patient", None, True)
    assert len(await owner.fetch("SELECT FROM message WHERE purpose = 'page'")) == 1


async def test_a_call_to_a_number_nobody_knows_says_the_advice_and_a_key_ends_it(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write("+12125559999", "please stop texting me, I have chest pain")
    await calls(worker_db, phones, owner)
    await send_all(worker_db, phones.gateway(), await now_of(owner))
    attempt = await owner.fetchval(
        "SELECT a.id FROM attempt a JOIN message m ON m.id = a.message_id AND channel = 'voice'"
    )
    assert "9 1 1" in (await post(f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}", {})).text
    await post(f"{phones.settings.public_url}/hooks/twilio/calls/{attempt}/key", {"Digits": "1"})
    assert await owner.fetchval("SELECT heard_at IS NOT NULL FROM message WHERE channel = 'voice'")
    await reach_safely.watch(worker_db, WORKER, await now_of(owner), TOLD)
    assert await owner.fetchval("SELECT count(*) FROM task") == 0
