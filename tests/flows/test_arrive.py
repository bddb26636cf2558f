"""Whose text it is: by the number, by the messaging service, by who wrote last; what is nobody's is kept and told."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from twilio.request_validator import RequestValidator

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid
from server.flows import arrive
from server.flows.change_sender import change_sender
from server.flows.page import Told
from server.people import senders, unclaimed_texts
from server.people.senders import Candidate
from tests.people.desk import begin
from tests.texting import NOON, TOKEN, WORKER, Phones, answer, phones, put, send_all, status_of, until
from tests.world import FIELD_KEY, NEVER_WAIT, World

__all__ = ["phones"]
SERVICE = "MG" + "1a" * 16
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)


def candidate(*, own: bool = False, knows: bool = False, texted: int | None = None) -> Candidate:
    at = None if texted is None else NOON - timedelta(hours=texted)
    return Candidate(organization_id=uuid7(), sender="+1", own=own, knows=knows, last_texted_at=at)


@pytest.mark.parametrize(
    ("among", "found"),
    [
        ([], None),
        ([candidate()], 0),
        ([candidate(), candidate()], None),
        ([candidate(own=True), candidate()], 0),
        ([candidate(own=True), candidate(knows=True)], 1),
        ([candidate(knows=True), candidate(knows=True)], None),
        ([candidate(own=True, knows=True), candidate(knows=True)], 0),
        ([candidate(own=True, knows=True), candidate(texted=9)], 1),
        ([candidate(texted=2), candidate(texted=9, own=True, knows=True)], 0),
    ],
)
def test_whose_it_is(among: list[Candidate], found: int | None) -> None:
    assert senders.whose(among) == (None if found is None else among[found])


@pytest.mark.parametrize(
    ("typed", "written"),
    [(" (212) 555-0300 ", "+12125550300"), (SERVICE, SERVICE), ("12345", "12345"), ("123456", "123456")],
)
def test_a_sender_is_a_number_a_short_code_or_a_messaging_service(typed: str, written: str) -> None:
    assert senders.written(typed) == written


@pytest.mark.parametrize("typed", ["", "MG12", "M" + SERVICE, "Maple"])
def test_what_is_no_sender_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        senders.written(typed)


async def whom(owner: Any) -> list[Any]:
    return [row["organization_id"] for row in await owner.fetch("SELECT organization_id FROM reply ORDER BY id")]


async def look(worker_db: Database, sender: str, now: datetime) -> int:
    return await arrive.look_again(worker_db, WORKER, now, TOLD, sender)


async def test_without_a_number_of_its_own_an_organization_hears_by_the_default_one(
    phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL WHERE id = $1", world.organization)
    assert await phones.write(world.patient_phone, "please no more messages") == 200
    assert await whom(owner) == [world.organization]
    assert await owner.fetchval("SELECT sender_number FROM opt_out") == world.sender, "as the policy asks for it"


async def test_who_opted_out_of_the_default_number_is_not_texted_from_it(
    worker_db: Database, phones: Phones, owner: Any, world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL")
    await phones.write(world.patient_phone, "please no more messages")
    await owner.execute("UPDATE message SET status = 'sent'")
    text = answer(world)
    await put(worker_db, text)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, text) == ("suppressed", "opted_out")


async def test_of_several_with_the_default_number_it_is_theirs_who_know_the_telephone(
    phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL")
    for one in (world, other_world):
        assert await phones.write(one.patient_phone, "hello") == 200
    assert await whom(owner) == [world.organization, other_world.organization]


async def test_of_several_who_wrote_there_last_is_answered(
    worker_db: Database, phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL")
    await put(worker_db, answer(other_world, to_number=world.patient_phone, patient_id=None))
    await owner.execute("UPDATE message SET status = 'delivered', to_hash = (SELECT phone_hash FROM patient WHERE id = $1)",
                        world.patient)  # fmt: skip
    await phones.write(world.patient_phone, "hello")
    assert await whom(owner) == [other_world.organization]


async def test_what_cannot_be_told_is_kept_and_all_whose_it_may_be_are_told(
    worker_db: Database, phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL")
    assert await phones.write("+12125559999", "I want to die") == 200
    assert await phones.write("+12125559999", "hello") == 200
    assert await whom(owner) == []
    for minutes in (0, 2, 4):
        assert await look(worker_db, world.sender, NOON + timedelta(minutes=minutes)) == 0
    alarms = await owner.fetch("SELECT kind, severity, subject, says, seen_count FROM alarm ORDER BY kind, id")
    assert [(row["kind"], row["severity"], row["subject"], row["seen_count"]) for row in alarms] == [
        *[("danger_for_nobody", "high", world.sender, 1)] * 2,
        *[("text_for_nobody", "medium", world.sender, 1)] * 2,
    ]
    assert not any("9999" in row["says"] or "die" in row["says"] for row in alarms)


async def test_a_kept_text_is_acted_on_when_its_number_is_set(
    worker_db: Database, web_db: Database, phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute("UPDATE organization SET sender_number = NULL WHERE id = $1", world.organization)
    await phones._post("/inbound", {"from": world.patient_phone, "to": "+12125550388", "body": "please no more texts"})
    assert await look(worker_db, "", NOON) == 0
    who = Who(principal="cli:test", organization=world.organization)
    assert await change_sender(web_db, who, "+1 (212) 555-0388", NOON, "") == "+12125550388"
    assert await look(worker_db, "", NOON + timedelta(seconds=30)) == 0
    assert await look(worker_db, "", NOON + timedelta(minutes=2)) == 1
    assert await look(worker_db, "", NOON + timedelta(minutes=4)) == 0
    assert await whom(owner) == [world.organization]
    assert await owner.fetchval("SELECT sender_number FROM opt_out") == "+12125550388"


async def test_a_person_says_whose_it_is(
    worker_db: Database, phones: Phones, owner: Any, world: World, other_world: World
) -> None:
    await phones._post("/inbound", {"from": "+12125559999", "to": "+12125550388", "body": "call me"})
    await look(worker_db, "", NOON)
    async with worker_db.transaction(WORKER) as db:
        (text,) = await unclaimed_texts.left(db)
        assert await unclaimed_texts.give(db, text.sid, other_world.organization)
        assert not await unclaimed_texts.give(db, text.sid, world.organization)
        assert await unclaimed_texts.left(db) == []
    assert await look(worker_db, "", NOON) == 1
    assert await whom(owner) == [other_world.organization]


async def test_the_web_sees_no_text_that_is_nobodys(phones: Phones, web_db: Database, world: World) -> None:
    await phones._post("/inbound", {"from": "+12125559999", "to": "+12125550388", "body": "call me"})
    with pytest.raises(Exception, match="permission denied"):
        async with web_db.transaction(Who(principal="x", organization=world.organization)) as db:
            await db.fetch("SELECT * FROM unclaimed_text")


# A number that is in a messaging service ----------------------------------------------------------------


async def test_a_number_that_is_in_a_messaging_service_is_still_the_organizations(
    phones: Phones, owner: Any, world: World
) -> None:
    phones.provider.service = SERVICE
    assert await phones.write(world.patient_phone, "please no more messages") == 200
    assert await whom(owner) == [world.organization]
    assert await owner.fetchval("SELECT sender_number FROM opt_out") == world.sender


@pytest.mark.parametrize("sender", [SERVICE, None, "+12125550300"])
async def test_a_block_that_is_reported_is_filed_where_the_policy_looks(
    worker_db: Database, phones: Phones, owner: Any, world: World, sender: str | None
) -> None:
    phones.provider.service = SERVICE
    await owner.execute("UPDATE organization SET sender_number = $1", sender)
    first, second = answer(world), answer(world)
    await put(worker_db, first)
    await send_all(worker_db, phones.gateway())
    url = f"{phones.settings.public_url}/hooks/twilio/status/{await owner.fetchval('SELECT id FROM attempt')}"

    async def reported() -> bool:  # the stand-in's own reports would come between
        return bool(await status_of(owner, first) == ("delivered", None))

    await until(reported)
    await owner.execute("UPDATE message SET status = 'sent'")
    form = {
        "MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "21610", "From": "+12125550777",
        "To": world.patient_phone, "MessagingServiceSid": SERVICE,
    }  # fmt: skip
    signature = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form)}
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(url, data=form, headers=signature)).status_code == 200
    await put(worker_db, second)
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, second) == ("suppressed", "opted_out")


async def test_an_organization_begins_with_a_messaging_service(web_db: Database) -> None:
    assert (await begin(web_db, "maple", sender_number=SERVICE)).sender_number == SERVICE


# Another number ------------------------------------------------------------------------------------------


async def test_who_opted_out_stays_so_when_the_number_changes(
    web_db: Database, owner: Any, world: World, other_world: World
) -> None:
    who = Who(principal="cli:test", organization=world.organization)
    hashes = [b"1" * 32, b"2" * 32, b"3" * 32]
    for n, (sender, ended) in enumerate([(world.sender, None), (world.sender, NOON), ("", None)]):
        await owner.execute(
            "INSERT INTO opt_out VALUES ($1, $2, $3, $4, 'wording', $5)", sender, hashes[n], world.organization, NOON,
            ended,
        )  # fmt: skip
    await change_sender(web_db, who, SERVICE, NOON, "+12125550377")
    rows = await owner.fetch("SELECT phone_hash FROM opt_out WHERE sender_number = $1 ORDER BY 1", SERVICE)
    assert [row["phone_hash"] for row in rows] == [hashes[0], hashes[2]]
    await owner.execute("UPDATE opt_out SET ended_at = $2 WHERE sender_number = $1", SERVICE, NOON + timedelta(hours=1))
    await change_sender(web_db, who, None, NOON, "+12125550377")
    assert await owner.fetchval("SELECT count(*) FROM opt_out WHERE sender_number = '+12125550377'") == 0, (
        "they came back"
    )
    with pytest.raises(Conflict, match="already"):
        await change_sender(web_db, who, None, NOON, "+12125550377")
    with pytest.raises(Conflict, match="own"):
        await change_sender(web_db, who, other_world.sender, NOON, "+12125550377")
    notes = await owner.fetch("SELECT detail FROM audit WHERE action = 'organization.sender'")
    assert len(notes) == 2
