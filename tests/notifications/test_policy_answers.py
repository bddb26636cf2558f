"""When an answer may still go: at any hour while it is looked for, later by day or not at all."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from notifications.gateways import Refused, Result, Text
from notifications.gateways.log import LogGateway
from notifications.policy import Defer, Facts, Send, Suppress, decide
from server.db.ids import uuid7
from server.db.pool import Database
from tests.notifications.test_policy import at
from tests.texting import NOON, Phones, answer, phones, put, send_all, status_of
from tests.world import World

__all__ = ["phones"]

ANSWER = Facts(
    purpose="answer", zone="America/New_York", to_number="+12125550201", organization_state="live",
    written_at=at("2026-11-21T20:50"), answers_at=at("2026-11-21T20:49"), waited_for="too_many_requests",
)  # fmt: skip
STAFF: dict[str, Any] = {"by_staff": True}
MORNING = at("2026-11-22T08:00")
TOO_LATE = Suppress("too_late", after="too_many_requests")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "now", "decision"),
    [
        # Ours, by ourselves: within a quarter of an hour of their text at any hour.
        ({}, "2026-11-21T21:04", Send()),
        ({}, "2026-11-21T21:05", TOO_LATE),
        ({}, "2026-11-22T03:00", TOO_LATE),
        ({"written_at": at("2026-11-22T03:00"), "answers_at": at("2026-11-22T03:00")}, "2026-11-22T03:01", Send()),
        # A text that lay for hours, because we were down, is not answered at three in the morning.
        ({"written_at": at("2026-11-22T03:00")}, "2026-11-22T03:00", TOO_LATE),
        # By day it may come late, until it only confuses.
        ({"written_at": at("2026-11-21T09:00"), "answers_at": None}, "2026-11-21T12:59", Send()),
        ({"written_at": at("2026-11-21T09:00"), "answers_at": None}, "2026-11-21T13:00", TOO_LATE),
        # Without a text of theirs, as a code that staff send to them on the telephone.
        ({"written_at": at("2026-11-21T22:00"), "answers_at": None}, "2026-11-21T22:15", Send()),
        ({"written_at": at("2026-11-21T22:00"), "answers_at": None}, "2026-11-21T22:16", TOO_LATE),
        # A person's own words wait for the morning.
        (STAFF, "2026-11-21T21:04", Send()),
        (STAFF, "2026-11-21T21:05", Defer(MORNING, "quiet_hours")),
        (STAFF, "2026-11-22T03:00", Defer(MORNING, "quiet_hours")),
        (STAFF, "2026-11-22T08:00", Send()),
        (STAFF, "2026-11-23T20:49", Send()),
        (STAFF, "2026-11-23T20:50", TOO_LATE),
        (STAFF | {"answers_at": None}, "2026-11-21T21:00", Defer(MORNING, "quiet_hours")),
        # Written at night, and chosen to go at night.
        (STAFF | {"answers_at": None, "written_at": at("2026-11-21T22:00")}, "2026-11-21T22:15", Send()),
        (
            STAFF | {"answers_at": None, "written_at": at("2026-11-21T22:00")},
            "2026-11-21T22:16",
            Defer(MORNING, "quiet_hours"),
        ),
        # What staff are told goes at any hour.
        ({"to_staff": True}, "2026-11-22T03:00", Send()),
    ],
)
def test_an_answer_by_day_and_by_night(changes: dict[str, Any], now: str, decision: object) -> None:
    assert decide(msgspec.structs.replace(ANSWER, **changes), at(now)) == decision


class Refuses(LogGateway):
    async def send(self, text: Text) -> Result:  # type: ignore[override]
        return Refused("30007")


NIGHT = NOON + 9 * HOUR + timedelta(minutes=1)  # 21:01


async def test_a_text_that_staff_wrote_by_day_is_held_by_trouble_and_goes_in_the_morning(
    worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    text = answer(world, wording="staff_text", created_at=NIGHT - HOUR, not_before=NIGHT - HOUR)
    await put(worker_db, text)
    await send_all(worker_db, Refuses(), NIGHT - HOUR)
    assert await status_of(owner, text) == ("queued", "30007")
    await send_all(worker_db, phones.gateway(), NIGHT)
    assert await status_of(owner, text) == ("queued", "quiet_hours")
    await send_all(worker_db, phones.gateway(), NOON + 20 * HOUR)
    assert len(phones.texts()) == 1


async def test_our_own_answer_to_a_text_is_dropped_at_night_once_it_is_late_and_says_why(
    worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    reply = uuid7()
    await owner.execute(
        "INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning,"
        " received_at) VALUES ($1, $2, 'SM1', $3, $4, $5, 'x', 'help', $6)",
        reply, world.organization, answer(world).to_hash, world.patient_phone, world.sender, NIGHT,
    )  # fmt: skip
    soon, late = (
        answer(world, created_at=NIGHT, not_before=NIGHT, unique_for=f"reply:{reply}{asks}")
        for asks in ("", ":ask_who")
    )
    await put(worker_db, soon)
    await send_all(worker_db, phones.gateway(), NIGHT + timedelta(minutes=14))
    await put(worker_db, late)
    await send_all(worker_db, phones.gateway(), NIGHT + timedelta(minutes=16))
    assert (await status_of(owner, soon))[0] in {"sent", "delivered"}
    assert await status_of(owner, late) == ("suppressed", "too_late")
    assert len(phones.texts()) == 1


async def test_words_of_staff_that_never_left_become_a_persons_task(
    worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    text = answer(world, wording="staff_text")
    await put(worker_db, text)
    await send_all(worker_db, Refuses())
    await send_all(worker_db, phones.gateway(), NOON + 48 * HOUR)
    assert await status_of(owner, text) == ("suppressed", "too_late after 30007")
    assert await owner.fetchval("SELECT subject FROM task WHERE kind = 'text_unresolved'") == str(text.id)
    assert phones.texts() == []
