"""A clinic's own words: by two people, in use from then on, withdrawn and brought back, and what a message says of it."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications import wording
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows import change_wording as flow
from server.flows.change_wording import Proposal
from server.outreach import wordings
from server.security.sessions import Person
from tests.world import World

WORKER = Who(principal="service:worker")
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
URL = "http://127.0.0.1:8000"
SHIPPED = wording.render("reminder_measurement", "en", {}, clinic="Aspen", url="u").version
BODY = "{clinic}: please measure today, at rest. For a call reply C. Reply STOP to end, HELP for help."


def someone(world: World, role: str = "coordinator", staff: uuid.UUID | None = None) -> Person:
    return Person(
        organization=world.organization, organization_name="Aspen Health", state="live", zone="UTC", demo=False,
        account_id=uuid7(), name=role.capitalize(), role=role, staff_id=staff or uuid7(),  # type: ignore[arg-type]
    )  # fmt: skip


async def drafted(web_db: Database, person: Person, body: str = BODY, name: str = "reminder_measurement") -> uuid.UUID:
    return await flow.draft(web_db, person, Proposal(name=name, language="en", body=body, reason="shorter"), URL, NOW)


async def approved(web_db: Database, world: World, body: str = BODY, name: str = "reminder_measurement") -> uuid.UUID:
    made = await drafted(web_db, someone(world), body, name)
    await flow.approve(web_db, someone(world, "clinician"), made, URL, NOW + timedelta(hours=1))
    return made


async def said(worker_db: Database, world: World, name: str = "reminder_measurement") -> tuple[int, str]:
    """What the worker would send now: (version, text)."""
    async with worker_db.transaction(WORKER) as db:
        own = await wordings.of(db, world.organization)
    text = wording.render(name, "en", own, clinic="Aspen", url="u", rest="5")
    return text.version, text.body


async def test_a_draft_changes_nothing_until_a_second_person_approves_it(
    web_db: Database, worker_db: Database, owner: Any, world: World, other_world: World
) -> None:
    author = someone(world, "admin")
    made = await drafted(web_db, author, f"  {BODY}\n")
    assert (await said(worker_db, world))[0] == SHIPPED
    with pytest.raises(Refused, match="second person"):
        await flow.approve(web_db, author, made, URL, NOW)
    with pytest.raises(Refused, match="clinician or an administrator"):
        await flow.approve(web_db, someone(world, "nurse"), made, URL, NOW)
    with pytest.raises(NotFound):
        await flow.approve(web_db, someone(other_world, "admin"), made, URL, NOW)
    assert (await said(worker_db, world))[0] == SHIPPED
    await flow.approve(web_db, someone(world, "clinician"), made, URL, NOW)
    assert await said(worker_db, world) == (1001, BODY.replace("{clinic}", "Aspen"))
    assert (await said(worker_db, other_world))[0] == SHIPPED
    rows = await owner.fetch("SELECT action FROM audit WHERE allowed ORDER BY id")
    assert [row["action"] for row in rows] == ["wording.draft", "wording.approve"]


async def test_withdrawn_the_one_before_is_sent_again_and_at_last_ours(
    web_db: Database, worker_db: Database, world: World
) -> None:
    first = await approved(web_db, world)
    second = await approved(web_db, world, BODY.replace("today", "this morning"))
    clinician = someone(world, "clinician")
    assert (await said(worker_db, world))[0] == 1002
    await flow.withdraw(web_db, clinician, second, NOW + timedelta(days=1))
    assert (await said(worker_db, world))[0] == 1001
    await flow.withdraw(web_db, clinician, first, NOW + timedelta(days=1))
    assert (await said(worker_db, world))[0] == SHIPPED
    with pytest.raises(Conflict):
        await flow.withdraw(web_db, clinician, first, NOW + timedelta(days=1))
    await flow.bring_back(web_db, clinician, second, URL, NOW + timedelta(days=1))
    assert (await said(worker_db, world))[0] == 1002


async def test_a_draft_taken_back_by_its_author_can_never_come_into_use(
    web_db: Database, worker_db: Database, world: World
) -> None:
    author = someone(world)
    made = await drafted(web_db, author)
    with pytest.raises(Conflict, match="waits already"):
        await drafted(web_db, someone(world, "quality"))
    with pytest.raises(Refused):
        await flow.withdraw(web_db, someone(world, "nurse"), made, NOW)
    await flow.withdraw(web_db, author, made, NOW)
    for late in (flow.approve, flow.bring_back):
        with pytest.raises(Conflict):
            await late(web_db, someone(world, "clinician"), made, URL, NOW)
    rejected = await drafted(web_db, author)
    await flow.reject(web_db, someone(world, "clinician"), rejected, NOW)
    with pytest.raises(Conflict):
        await flow.approve(web_db, someone(world, "admin"), rejected, URL, NOW)
    assert (await said(worker_db, world))[0] == SHIPPED


async def test_of_two_who_decide_at_once_one_counts(web_db: Database, world: World) -> None:
    made = await drafted(web_db, someone(world))
    people = [someone(world, "clinician"), someone(world, "admin")]
    done = await asyncio.gather(
        flow.approve(web_db, people[0], made, URL, NOW), flow.reject(web_db, people[1], made, NOW),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(isinstance(one, Conflict) for one in done) == [False, True]


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("reminder_measurement", BODY.replace("Reply STOP to end, ", ""), "STOP must stay"),
        ("reminder_measurement", wording.catalogue("en")["reminder_measurement"].text, "our own text"),
        ("ask_rest", "{clinic}: rest {rest} minutes. Reply 1 if none, 2 if any.", "emergency sentence"),
        ("emergency", "{clinic} will call you.", "emergency sentence"),
    ],
)
async def test_what_must_not_be_sent_becomes_no_draft(
    web_db: Database, owner: Any, world: World, name: str, body: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await drafted(web_db, someone(world), body, name)
    assert await owner.fetchval("SELECT count(*) FROM wording_version") == 0


@pytest.mark.parametrize("name", ["call_over", "no_such_text"])
async def test_texts_that_ask_nobody_for_own_words_cannot_be_drafted(web_db: Database, world: World, name: str) -> None:
    with pytest.raises(NotFound):
        await drafted(web_db, someone(world), BODY, name)


async def test_what_today_would_be_refused_is_not_approved(
    web_db: Database, worker_db: Database, owner: Any, world: World
) -> None:
    """As after a release that knows a rule more: the draft was written before it."""
    made = await drafted(web_db, someone(world))
    await owner.execute("UPDATE wording_version SET body = '{clinic}: take your insulin. Reply STOP to end, HELP.'")
    with pytest.raises(Invalid, match="insulin"):
        await flow.approve(web_db, someone(world, "clinician"), made, URL, NOW)
    assert (await said(worker_db, world))[0] == SHIPPED
