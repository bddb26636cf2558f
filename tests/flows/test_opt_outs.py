"""Who said stop: to every number of ours that an organization has, and each of several on one number keeps its own."""

import uuid
from typing import Any

import pytest

from notifications import facts, opt_outs, outbox
from notifications.messages import Message
from notifications.opt_outs import Via
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.outreach import ways
from server.people import telephones
from tests.outreach.reaching import hashed
from tests.texting import NOON, WORKER
from tests.world import World

SHARED = "+12125550399"
THEIRS = "+12125550777"  # whoever it is, a patient of both


@pytest.fixture
async def both(owner: Any, world: World, other_world: World) -> tuple[World, World]:
    """Two organizations on the installation's number, with one telephone among the patients of each."""
    await owner.execute("UPDATE organization SET sender_number = NULL")
    await owner.execute("UPDATE patient SET phone = $1, phone_hash = $2", THEIRS, hashed(THEIRS))
    return world, other_world


def staff(world: World) -> Who:
    return Who(principal=f"staff:{world.nurse}", organization=world.organization)


async def told(web_db: Database, world: World, via: Via, sender: str = SHARED) -> bool:
    """Recorded with the rights of a request, which sees one organization alone."""
    async with web_db.transaction(staff(world)) as db:
        return await opt_outs.record(db, world.organization, sender, hashed(THEIRS), via, NOON)


async def is_out(worker_db: Database, world: World, sender: str = SHARED) -> tuple[bool, bool]:
    """(by the ways that are open, by the facts of the moment of sending)."""
    message = Message(
        id=uuid7(), organization_id=world.organization, purpose="reminder", unique_for=str(uuid.uuid4()),
        patient_id=world.patient, to_number=THEIRS, to_hash=hashed(THEIRS), wording="reminder_several",
        wording_version=1, language="en", body="x", not_before=NOON, created_at=NOON,
    )  # fmt: skip
    async with worker_db.transaction(WORKER) as db:
        await outbox.put(db, [message])
        known, _ = await facts.of(db, message.id, sender, NOON)
        found = (await ways.of_patients(db, [world.patient], NOON, sender))[world.patient]
    return next(way for way in found if way.channel == "sms").blocked == "opted_out", known.opted_out


async def seen(web_db: Database, world: World, sender: str = SHARED) -> telephones.Known:
    async with web_db.transaction(staff(world)) as db:
        known = await telephones.of(db, world.patient, world.organization, [hashed(THEIRS)], sender)
    return known[hashed(THEIRS)]


async def test_an_opt_out_from_before_a_sender_was_set_counts_for_every_sender(
    web_db: Database, worker_db: Database, both: tuple[World, World]
) -> None:
    world, other = both
    assert await told(web_db, world, "staff", sender="")
    assert await is_out(worker_db, world) == (True, True)
    assert await is_out(worker_db, world, sender="") == (True, True)
    assert await is_out(worker_db, other) == (False, False), "it was told to one organization"
    assert await is_out(worker_db, other, sender="") == (False, False)
    assert (await seen(web_db, world)).opted_out_via == "staff"


async def test_who_wants_texts_again_ends_what_was_recorded_before_a_sender_was_set(
    web_db: Database, worker_db: Database, both: tuple[World, World]
) -> None:
    world, other = both
    for one in both:
        assert await told(web_db, one, "staff", sender="")
        assert await told(web_db, one, "staff")
    async with web_db.transaction(staff(world)) as db:
        assert await opt_outs.end(db, world.organization, SHARED, hashed(THEIRS), NOON)
    assert await is_out(worker_db, world) == (False, False)
    assert await is_out(worker_db, other) == (True, True)


async def test_two_organizations_on_one_number_each_record_their_own(
    web_db: Database, worker_db: Database, owner: Any, both: tuple[World, World]
) -> None:
    world, other = both
    assert await told(web_db, world, "staff")
    assert await is_out(worker_db, other) == (False, False), "staff of one were told"
    assert await told(web_db, other, "provider")
    assert not await told(web_db, other, "provider")
    assert await owner.fetchval("SELECT count(*) FROM opt_out WHERE ended_at IS NULL") == 2


VIAS: list[tuple[Via, bool]] = [
    ("keyword", True), ("provider", True), ("wording", True), ("call", True), ("staff", False),
]  # fmt: skip


@pytest.mark.parametrize(("via", "counts"), VIAS)
async def test_what_the_telephone_told_the_number_counts_for_all_who_text_from_it(
    web_db: Database, worker_db: Database, both: tuple[World, World], via: Via, counts: bool
) -> None:
    world, other = both
    assert await told(web_db, world, via)
    assert await is_out(worker_db, world) == (True, True)
    assert await is_out(worker_db, other) == (counts, counts)
    known = await seen(web_db, other)
    assert (known.opted_out_at is not None, known.only_start_ends_it) == (counts, counts)
    assert await is_out(worker_db, other, sender="+12125550398") == (False, False), "another number of ours"


async def test_start_from_the_telephone_ends_it_for_all_who_text_from_the_number_but_not_what_staff_were_told(
    web_db: Database, worker_db: Database, both: tuple[World, World]
) -> None:
    world, other = both
    assert await told(web_db, world, "staff", sender="")
    assert await told(web_db, other, "keyword")
    async with web_db.transaction(staff(world)) as db:
        assert await opt_outs.start(db, world.organization, SHARED, hashed(THEIRS), NOON)
        assert not await opt_outs.start(db, world.organization, SHARED, hashed(THEIRS), NOON)
    assert await is_out(worker_db, world) == (False, False)
    assert await is_out(worker_db, other) == (False, False)
    assert await told(web_db, other, "staff")
    async with web_db.transaction(staff(world)) as db:
        assert not await opt_outs.start(db, world.organization, SHARED, hashed(THEIRS), NOON)
    assert await is_out(worker_db, other) == (True, True)
