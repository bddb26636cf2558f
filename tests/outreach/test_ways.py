"""The first way that is open: the own number, another, an address, a proxy's, the portal; with whose consent, and why not."""

from typing import Any

import pytest

from server.db.pool import Database
from server.outreach import ways
from server.outreach.ways import Way
from tests.outreach.reaching import agrees, cannot_text, hashed, opts_out, point, proxy
from tests.texting import NOON, WORKER
from tests.web.people import patient_login
from tests.world import World


async def listed(worker_db: Database, world: World) -> list[Way]:
    async with worker_db.transaction(WORKER) as db:
        return (await ways.of_patients(db, [world.patient], NOON, ""))[world.patient]


async def first(worker_db: Database, world: World, topic: Any = "monitoring") -> tuple[str, str] | None:
    way = ways.first(await listed(worker_db, world), topic)
    return (way.channel, way.address) if way else None


async def test_the_own_number_is_texted_first(worker_db: Database, world: World, owner: Any) -> None:
    await point(owner, world, "sms", "+12125557001")
    await agrees(owner, world, "voice")
    assert await first(worker_db, world) == ("sms", world.patient_phone)


async def test_a_landline_is_called_once_the_patient_agreed_to_calls(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    assert await first(worker_db, world) is None
    await agrees(owner, world, "voice")
    assert await first(worker_db, world) == ("voice", world.patient_phone)
    assert await first(worker_db, world, "outreach") is None  # agreed to calls about monitoring alone


async def test_then_another_number_by_rank_then_an_address_then_the_portal(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "email")
    await point(owner, world, "email", "pat@example.org")
    await point(owner, world, "sms", "+12125557002", rank=2)
    await point(owner, world, "sms", "+12125557001", rank=1)
    await patient_login(owner, world)
    order = [(w.channel, w.address) for w in await listed(worker_db, world) if w.usable("monitoring")]
    assert order == [
        ("sms", "+12125557001"), ("sms", "+12125557002"), ("email", "pat@example.org"), ("portal", "portal"),
    ]  # fmt: skip


async def test_the_patients_own_order_counts_and_what_they_left_out_is_not_used(
    worker_db: Database, world: World, owner: Any
) -> None:
    await agrees(owner, world, "email")
    await point(owner, world, "email", "pat@example.org")
    await patient_login(owner, world)
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, channels, author, changed_at) VALUES ($1, $2, $3, 'test', $4)",
        world.patient, world.organization, ["portal", "email"], NOON,
    )  # fmt: skip
    assert [w.channel for w in await listed(worker_db, world)] == ["portal", "email"]
    await owner.execute("UPDATE contact_preference SET channels = '{voice}', with_links = false")
    assert await first(worker_db, world) is None
    await owner.execute("UPDATE contact_preference SET channels = '{sms}'")
    [own] = await listed(worker_db, world)
    assert own.with_links is False


async def test_a_proxy_hears_only_what_they_agreed_to_and_is_told_for_whom(
    worker_db: Database, world: World, owner: Any
) -> None:
    daughter = await proxy(owner, world)
    await owner.execute("UPDATE patient SET phone = NULL, phone_hash = NULL")
    await point(owner, world, "sms", "+12125557009", proxy_id=daughter, topics=["monitoring"], language="es")
    [way] = await listed(worker_db, world)
    assert (way.usable("monitoring"), way.usable("outreach")) == (True, False)
    assert (way.for_name, way.language) == ("Pat", "es")
    await owner.execute("UPDATE proxy SET valid_to = $1", NOON)
    assert await listed(worker_db, world) == []


async def test_a_proxys_stop_is_their_own(worker_db: Database, world: World, owner: Any) -> None:
    daughter = await proxy(owner, world)
    await point(owner, world, "sms", "+12125557009", proxy_id=daughter, topics=["monitoring"])
    await opts_out(owner, world, "+12125557009")
    assert await first(worker_db, world) == ("sms", world.patient_phone)
    await opts_out(owner, world, world.patient_phone)
    assert await first(worker_db, world) is None
    assert {way.blocked for way in await listed(worker_db, world)} == {"opted_out"}


@pytest.mark.parametrize(("sender", "usable"), [("email", False), ("text", True)])
async def test_leaving_the_e_mails_is_not_leaving_the_texts(
    worker_db: Database, world: World, owner: Any, sender: str, usable: bool
) -> None:
    await agrees(owner, world, "email")
    await point(owner, world, "email", "pat@example.org")
    await opts_out(
        owner, world, "pat@example.org", f"email:{world.organization}" if sender == "email" else world.sender
    )
    [address] = [way for way in await listed(worker_db, world) if way.channel == "email"]
    assert address.usable("monitoring") is usable
    assert await first(worker_db, world) == ("sms", world.patient_phone)


async def test_a_number_shared_with_a_proxy_leads_to_both_patients(
    web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    from server.db.pool import Who
    from server.people import contacts

    daughter = await proxy(owner, world)
    await point(owner, world, "sms", "+12125557009", proxy_id=daughter, topics=["monitoring"], language="es")
    who = Who(principal="service:twilio", organization=world.organization)
    async with web_db.transaction(who) as db:
        [found] = await contacts.by_phone(db, world.organization, hashed("+12125557009"))
        own = await contacts.by_phone(db, world.organization, hashed(world.patient_phone))
        other = await contacts.by_phone(db, other_world.organization, hashed(other_world.patient_phone))
    assert (found.patient_id, found.proxy_id, found.language) == (world.patient, daughter, "es")
    assert [one.proxy_id for one in own] == [None]
    assert other == []
