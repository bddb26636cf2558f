"""The stand-in's calls misbehave on command as its texts do, and the product is none the worse for it."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.gateways import Accepted, NotSent, Text, Unknown
from server.db.pool import Database
from tests.notifications.test_calls import ask
from tests.notifications.test_sender import reconciled
from tests.notifications.test_standin import OURS, THEIRS, chances
from tests.texting import Phones, answer, phones, put, send_all, status_of, until
from tests.world import World

__all__ = ["phones"]


def a_call() -> Text:
    return Text(attempt=uuid.uuid4(), to_number=THEIRS, from_number=OURS, body="x", channel="voice")


@pytest.mark.parametrize(
    ("mishap", "reason", "placed"),
    [
        ("error", "30001", False), ("error_after_accepting", "30001", True), ("silence", "TimeoutError", False),
        ("silence_after_accepting", "TimeoutError", True), ("hang_up", "ClientPayloadError", False),
        ("hang_up_after_accepting", "ClientPayloadError", True), ("lost_after_accepting", "ClientPayloadError", True),
    ],
)  # fmt: skip
async def test_what_may_have_been_placed_looks_the_same_to_us_whether_it_was_or_not(
    phones: Phones, mishap: str, reason: str, placed: bool
) -> None:
    await phones._post("/mishaps", {"calls": [mishap]})
    assert await phones.gateway(timeout_seconds=0.4).send(a_call()) == Unknown(reason)
    assert len(await ask(phones, "/calls")) == placed


async def test_calls_have_chances_of_their_own(phones: Phones) -> None:
    await chances(phones, call_rates={"too_many": 1.0}, retry_after=7)
    assert await phones.gateway().send(a_call()) == NotSent("too_many_requests", retry_after_s=7)
    await chances(phones, rates={"too_many": 1.0})
    assert isinstance(await phones.gateway().send(a_call()), Accepted)


async def test_reports_of_a_call_that_come_early_late_thrice_and_forged_leave_the_truth(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await chances(
        phones, seed=5, callbacks={"times": 3, "shuffled": True, "late_s": 0.1, "early": 1.0, "forged": 2},
    )  # fmt: skip
    call = answer(world, channel="voice")
    await put(worker_db, call)
    await send_all(worker_db, phones.gateway())
    receipts = "SELECT array_agg(status ORDER BY status) FROM receipt"
    assert await owner.fetchval(receipts) == ["queued"], "one is there before the answer"
    (placed,) = await ask(phones, "/calls")
    await ask(phones, f"/calls/{placed['sid']}/answer", {"key": "1"})

    async def forged() -> bool:
        return bool(await ask(phones, "/mishaps") == {"waiting": 0, "forged": 2, "believed": 0})

    async def all_heard() -> bool:
        return bool(await owner.fetchval(receipts) == ["completed", "in-progress", "queued"])

    await until(forged)
    await until(all_heard)
    assert await status_of(owner, call) == ("delivered", None)
    assert await owner.fetchval("SELECT count(*) FROM telephone") == 0


async def test_a_call_that_was_lost_after_it_was_accepted_is_not_placed_again(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    now = datetime.now(UTC)
    call = answer(world, channel="voice", not_before=now, created_at=now)
    await put(worker_db, call)
    await phones._post("/mishaps", {"calls": ["lost_after_accepting"]})
    await send_all(worker_db, phones.gateway(), now)
    assert (await status_of(owner, call))[0] == "unknown"
    await reconciled(worker_db, phones, now + timedelta(seconds=21))
    assert (await status_of(owner, call))[0] == "sent"
    await send_all(worker_db, phones.gateway(), now + timedelta(minutes=30))
    assert len(await ask(phones, "/calls")) == 1
