"""What a clinic approved is what its patients and staff get, in reminders, questions after a crisis, and pages."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications import wording
from server.db.ids import uuid7
from server.db.pool import Database
from server.flows import confirm, remind
from server.security.sessions import Person
from tests.flows.asking import TOLD, WORKER, Scene
from tests.flows.test_remind import DAY, ORIGIN, rule, tick
from tests.texting import NOON, measure
from tests.world import World

SHIPPED = wording.render("reminder_measurement", "en", {}, clinic="Aspen", url="u").version
OWN = {
    "reminder_measurement_plain": "{clinic}: our own reminder. For a call reply C. Reply STOP to end, HELP for help.",
    "reminder_measurement": "{clinic}: our own reminder. For a call reply C. Reply STOP to end, HELP for help.",
    "ask_rest": "{clinic}: our own question, rest {rest}. CALL 911 NOW if ill. Reply 1 if not, 2 if so.",
    "emergency": "{clinic}: our own words. CALL 911 NOW.",
    "page_high_alert": "Our own page. Reply 1 to take it, or open {url}",
}


async def approve_all(owner: Any, world: World) -> None:
    for name, body in OWN.items():
        await owner.execute(
            """INSERT INTO wording_version (id, organization_id, name, language, version, body, shipped_version, status,
                   drafted_by, author, drafted_at, decided_by, decided_at)
               VALUES ($1, $2, $3, 'en', 1007, $4, 1, 'approved', $5, 'A', $6, 'B', $6)""",
            uuid7(), world.organization, name, body, uuid7(), NOON,
        )  # fmt: skip


async def sent(owner: Any, purpose: str) -> list[tuple[int, bool]]:
    """(version, whether the words are the clinic's) of each message of that purpose."""
    rows = await owner.fetch(
        "SELECT wording_version, body FROM message WHERE purpose = $1 ORDER BY created_at", purpose
    )
    return [(row["wording_version"], "ur own" in row["body"]) for row in rows]


@pytest.mark.parametrize(("whose", "version", "own"), [("world", 1007, True), ("other_world", SHIPPED, False)])
async def test_a_reminder_says_what_its_own_clinic_approved(
    worker_db: Database, owner: Any, world: World, other_world: World, whose: str, version: int, own: bool
) -> None:
    await approve_all(owner, world if whose == "world" else other_world)
    await rule(owner, world)
    await measure(owner, world, NOON - 10 * DAY)
    await tick(worker_db, NOON)
    async with worker_db.transaction(WORKER) as db:
        await remind.queue_due(db, NOON, ORIGIN)
    assert await sent(owner, "reminder") == [(version, own)]


async def test_after_a_crisis_the_question_the_emergency_text_and_the_page_are_the_clinics(
    owner: Any, world: World, bridge_db: Database, worker_db: Database, web_db: Database
) -> None:
    await approve_all(owner, world)
    scene = Scene(world=world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=datetime.now(UTC))
    await scene.measures(192, 124)
    assert await sent(owner, "safety") == [(1007, True)]
    assert await sent(owner, "page") == [(1007, True)]
    asked = await owner.fetchval("SELECT id FROM confirmation")
    patient = Person(
        organization=world.organization, organization_name="Aspen", state="live", zone="UTC", demo=False,
        account_id=uuid7(), name="Pat", role="patient", patient_id=world.patient,  # type: ignore[arg-type]
    )  # fmt: skip
    async with asyncio.timeout(20):
        await confirm.answer(web_db, patient, asked, "symptoms", scene.now, TOLD)
    assert await sent(owner, "safety") == [(1007, True)] * 2
