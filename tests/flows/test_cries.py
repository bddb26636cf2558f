"""A patient who cries for help again is heard again, also when somebody took the first cry and never came back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import acknowledge as answers
from server.flows import confirm, cry, reach_safely, reply
from server.flows.cry import Cry
from tests.flows.asking import MINUTE, TOLD, WORKER, Scene
from tests.flows.clinic import Clinic, make_clinic, paged, tick
from tests.flows.test_nobodys import NEVER_LENT
from tests.flows.test_reading import bp, publish, send
from tests.flows.test_resolve_held import person_of
from tests.texting import answer, put
from tests.world import World

TWO = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)  # two in the morning where they live
NINE = TWO + timedelta(minutes=20)
FRESH = [(20, "nurse"), (25, "backup"), (30, "charge"), (35, "admin"), (35, "clinician")]


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    made = await make_clinic(owner, world)
    await owner.execute("UPDATE shift SET starts_at = $1, ends_at = $2", TWO - 60 * MINUTE, TWO + 600 * MINUTE)
    return made


async def writes(web_db: Database, world: World, words: str, now: datetime, sid: str = "") -> bool:
    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid=sid or f"SM{uuid7()}", from_number=world.patient_phone, to_number=world.sender, body=words)
    return await reply.handle(web_db, who, world.organization, text, now, TOLD)


async def take_it(web_db: Database, owner: Any, world: World, now: datetime) -> None:
    alarm = await owner.fetchval("SELECT id FROM alarm WHERE severity = 'high' AND status = 'open'")
    await answers.acknowledge_alarm(web_db, person_of(world), alarm, now)


async def every(worker_db: Database, since: datetime, minutes: int) -> None:
    for passed in range(minutes + 1):
        await tick(worker_db, since + passed * MINUTE)


async def again(owner: Any) -> tuple[str, Any, str | None]:
    return tuple(await owner.fetchrow("SELECT status, again_at, again_why FROM alarm WHERE severity = 'high'"))


async def test_a_second_text_of_danger_pages_at_once_and_climbs_though_the_first_was_taken(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    await writes(web_db, clinic.world, "chest pain", TWO)
    await tick(worker_db, TWO)
    await take_it(web_db, owner, clinic.world, TWO + MINUTE)
    await writes(web_db, clinic.world, "I can't breathe", NINE, "SM9")
    assert await again(owner) == ("open", NINE, "new_cry")
    assert await paged(owner, clinic, TWO) == [(0, "nurse"), (20, "nurse")]
    alarms = await owner.fetch("SELECT DISTINCT alarm_id FROM message WHERE purpose = 'page'")
    assert len(alarms) == 1 and alarms[0]["alarm_id"] is not None
    await every(worker_db, NINE, 16)
    assert await paged(owner, clinic, TWO) == [(0, "nurse"), *FRESH]
    noted = await owner.fetchval("SELECT detail->>'why' FROM audit WHERE action = 'alarm.return'")
    assert noted == "new_cry"


async def test_the_same_cry_brought_again_by_the_provider_is_heard_once(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    await writes(web_db, clinic.world, "chest pain", TWO, "SM1")
    await take_it(web_db, owner, clinic.world, TWO + MINUTE)
    await writes(web_db, clinic.world, "chest pain", TWO + 2 * MINUTE, "SM1")
    assert (await again(owner))[0] == "acknowledged"
    one = Cry(
        organization_id=clinic.world.organization, kind="patient_in_danger", subject="X", says="x", event="call:1",
        wording="page_symptoms", team_id=clinic.world.team,
    )  # fmt: skip
    for _ in range(2):
        async with worker_db.transaction(WORKER) as db:
            await cry.hear(db, WORKER, one, TWO + 3 * MINUTE, TOLD)
    assert await owner.fetchval("SELECT seen_count FROM alarm WHERE subject = 'X'") == 1
    assert await owner.fetchval("SELECT count(*) FROM message WHERE unique_for = 'page:call:1'") == 1


async def test_an_undelivered_page_of_a_second_cry_moves_on_at_once(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    await writes(web_db, clinic.world, "chest pain", TWO)
    await tick(worker_db, TWO)
    await take_it(web_db, owner, clinic.world, TWO + MINUTE)
    await writes(web_db, clinic.world, "I can't breathe", NINE)
    await tick(worker_db, NINE)
    await owner.execute("UPDATE message SET status = 'failed', reason = '30003' WHERE purpose = 'page'")
    await tick(worker_db, NINE + MINUTE)
    assert (21, "backup") in await paged(owner, clinic, TWO)


async def test_symptoms_in_the_portal_page_when_both_the_alert_and_the_first_cry_were_taken(
    clinic: Clinic, owner: Any, bridge_db: Database, web_db: Database, worker_db: Database
) -> None:
    scene = Scene(world=clinic.world, owner=owner, bridge_db=bridge_db, worker_db=worker_db, now=NINE)
    await scene.measures(190)
    await owner.execute(
        "UPDATE alert SET status = 'acknowledged', acknowledged_by = $1, acknowledged_at = $2", clinic.world.nurse, NINE
    )
    await writes(web_db, clinic.world, "chest pain", NINE + MINUTE)
    await take_it(web_db, owner, clinic.world, NINE + 2 * MINUTE)
    before = await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'")
    question = await owner.fetchval("SELECT id FROM confirmation")
    mrn = await owner.fetchval("SELECT mrn FROM patient WHERE id = $1", clinic.world.patient)
    for _ in range(2):
        who = Who(principal=f"patient:{clinic.world.patient}", organization=clinic.world.organization)
        async with web_db.transaction(who) as db:
            await confirm.symptoms_again(
                db, who, clinic.world.organization, clinic.world.patient, mrn, f"portal:{question}",
                NINE + 3 * MINUTE, TOLD,
            )  # fmt: skip
    assert await again(owner) == ("open", NINE + 3 * MINUTE, "new_cry")
    assert await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page'") == before + 1


async def test_a_second_patient_message_nobody_got_pages_again(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    for number, at in enumerate([TWO, NINE]):
        sent = {"purpose": "safety", "wording": "emergency", "created_at": at, "not_before": at}
        await put(worker_db, answer(clinic.world, unique_for=f"reply:{number}", **sent))
        await owner.execute("UPDATE message SET status = 'failed', reason = '30006' WHERE purpose = 'safety'")
        for _ in range(2):
            await reach_safely.watch(worker_db, WORKER, at, TOLD)
            await owner.execute("UPDATE message SET status = 'failed', reason = 'busy' WHERE channel = 'voice'")
        if at == TWO:
            await take_it(web_db, owner, clinic.world, at)
    assert await again(owner) == ("open", NINE, "new_cry")
    assert await paged(owner, clinic, TWO) == [(0, "nurse"), (20, "nurse")]


async def test_a_second_crisis_of_a_device_nobody_has_pages_again(
    clinic: Clinic, owner: Any, bridge_db: Database, web_db: Database, worker_db: Database
) -> None:
    await owner.execute("UPDATE programme SET code = 'general'")
    await owner.execute(NEVER_LENT)
    await send(bridge_db, publish(clinic.world, bp(1, 192, at=TWO)), now=TWO)
    await tick(worker_db, TWO)
    await take_it(web_db, owner, clinic.world, TWO + MINUTE)
    await send(bridge_db, publish(clinic.world, bp(1, 192, at=TWO)), now=NINE)  # the same again is no new cry
    assert (await again(owner))[0] == "acknowledged"
    await send(bridge_db, publish(clinic.world, bp(2, 194, at=NINE)), now=NINE)
    await every(worker_db, NINE, 6)
    assert await paged(owner, clinic, TWO) == [(0, "nurse"), *FRESH[:2]]
