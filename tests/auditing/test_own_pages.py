"""When the worker does not say what the auditor found, the auditor does: once, to the right people, and to nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from notifications.sender import Sender
from server.auditing import own_pages
from server.auditing.pace import USUAL
from server.db.ids import uuid7
from server.db.pool import Database, Who
from tests.flows.clinic import make_clinic, tick
from tests.texting import Phones, message, phones
from tests.world import FIELD_KEY, World

__all__ = ["phones"]
AUDITOR = Who(principal="service:auditor")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(seconds=11)
URL = "http://127.0.0.1:8000"


async def trouble(owner: Any, world: World, kind: str = "audit_mismatch", severity: str = "high") -> Any:
    made = uuid7()
    await owner.execute(
        "INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)"
        " VALUES ($1, $2, $3, 'a part of Careloop stands still', $4, 'Call somebody.', $5, $5)",
        made, world.organization, kind, severity, NOW,
    )  # fmt: skip
    return made


async def write(auditor_db: Database, now: datetime) -> int:
    async with auditor_db.transaction(AUDITOR) as db:
        return await own_pages.write(db, URL, FIELD_KEY, now, USUAL)


def sender(auditor_db: Database, phones: Phones, now: datetime) -> Sender:
    return Sender(
        lambda: auditor_db.transaction(AUDITOR), phones.gateway(), own_pages.raise_alarm, lambda: now, uuid7,
        own_pages.claim,
    )  # fmt: skip


async def told(owner: Any) -> list[str]:
    rows = await owner.fetch("SELECT to_number FROM message WHERE purpose = 'page' ORDER BY created_at, to_number")
    return [row["to_number"] for row in rows]


async def test_with_the_worker_away_its_page_reaches_a_telephone(
    world: World, owner: Any, auditor_db: Database, phones: Phones
) -> None:
    await trouble(owner, world)
    assert await write(auditor_db, NOW + timedelta(seconds=5)) == 0  # the worker has time to say it
    assert await write(auditor_db, LATER) == 1
    assert await sender(auditor_db, phones, LATER).send_due() == 1
    (text,) = phones.texts(world.nurse_phone)
    assert "an alarm is waiting" in text.body
    assert await owner.fetchval("SELECT outcome FROM attempt") == "accepted"
    assert await write(auditor_db, LATER) == 0
    assert await sender(auditor_db, phones, LATER).send_due() == 0


async def test_what_the_worker_said_is_not_said_again(
    world: World, owner: Any, auditor_db: Database, worker_db: Database
) -> None:
    await trouble(owner, world)
    await tick(worker_db, NOW)
    assert len(await told(owner)) == 1
    assert await write(auditor_db, LATER) == 1  # written, and nobody sent it
    await owner.execute("DELETE FROM message WHERE unique_for LIKE 'auditor:%'")
    await owner.execute("UPDATE message SET status = 'sent'")
    assert await write(auditor_db, LATER) == 0


async def test_it_says_only_what_waits_for_somebody(world: World, owner: Any, auditor_db: Database) -> None:
    await trouble(owner, world, "sequence_gap")
    made = await trouble(owner, world)
    for broken, mended in (
        ("UPDATE alarm SET status = 'acknowledged' WHERE id = $1", "UPDATE alarm SET status = 'open' WHERE id = $1"),
        ("UPDATE alarm SET status = 'resolved' WHERE id = $1", "UPDATE alarm SET status = 'open' WHERE id = $1"),
        ("UPDATE alarm SET severity = 'medium' WHERE id = $1", "UPDATE alarm SET severity = 'high' WHERE id = $1"),
    ):
        await owner.execute(broken, made)
        assert await write(auditor_db, LATER) == 0, broken
        await owner.execute(mended, made)
    await owner.execute("UPDATE organization SET state = 'shadow'")
    assert await write(auditor_db, LATER) == 0
    await owner.execute("UPDATE organization SET state = 'live'")
    assert await write(auditor_db, LATER) == 1


async def test_nobody_answers_so_it_is_said_again_after_a_while(world: World, owner: Any, auditor_db: Database) -> None:
    await trouble(owner, world)
    rounds = [await write(auditor_db, LATER + timedelta(seconds=10 * n)) for n in range(74)]
    print(f"{sum(rounds)} pages in 12 minutes")
    assert 2 <= sum(rounds) <= 3


async def test_it_goes_to_who_is_here_who_stands_in_and_the_administrator(
    world: World, other_world: World, owner: Any, auditor_db: Database
) -> None:
    clinic = await make_clinic(owner, world)
    await trouble(owner, world)
    await owner.execute("UPDATE team SET fallback_id = $2 WHERE id = $1", world.team, clinic.charge)
    await write(auditor_db, LATER)
    names = clinic.names()
    rows = await owner.fetch("SELECT staff_id FROM message WHERE purpose = 'page'")
    assert sorted(names[row["staff_id"]] for row in rows) == ["admin", "charge", "nurse"]


async def test_with_nobody_here_the_first_with_a_telephone_is_told(
    world: World, owner: Any, auditor_db: Database
) -> None:
    await trouble(owner, world)
    await owner.execute("UPDATE shift SET cancelled_at = $1", NOW)
    await write(auditor_db, LATER)
    assert await told(owner) == [world.nurse_phone]


async def test_its_login_may_write_to_staff_about_alarms_and_to_nobody_else(
    world: World, owner: Any, auditor_db: Database
) -> None:
    from notifications import outbox

    for one in (message(world), message(world, purpose="safety", staff_id=None, patient_id=world.patient)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with auditor_db.transaction(AUDITOR) as db:
                await outbox.put(db, [one])
    assert await owner.fetchval("SELECT count(*) FROM message") == 0


async def test_two_auditors_say_it_once(world: World, owner: Any, auditor_db: Database, phones: Phones) -> None:
    import asyncio

    await trouble(owner, world)
    await asyncio.gather(*(write(auditor_db, LATER) for _ in range(4)))
    both = [sender(auditor_db, phones, LATER) for _ in range(2)]
    sent = await asyncio.gather(*(one.send_due() for one in both))
    assert sorted(sent) == [0, 1]
    assert len(phones.texts()) == 1
