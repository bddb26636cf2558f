"""Laid aside means silent until then and no longer: nothing but a person, an answer or a worse severity ends it."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest

from server.db.pool import Database
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows import acknowledge as answers
from server.flows import lower as lowering
from server.flows import reading
from server.flows import snooze as flow
from server.monitoring import lowerings, worklist
from tests.flows.clinic import MINUTE, WORKER, Clinic, make_clinic, open_alert, paged, tick
from tests.flows.test_reading import BRIDGE, NOW, TOLD, bp, count, publish, send
from tests.flows.test_resolve_held import person_of
from tests.world import World

HOUR = timedelta(hours=1)
# A medium goes to the nurse at once and after two hours to the backup.
STEPS = """
    INSERT INTO escalation_step (id, organization_id, team_id, severity, position, after, who, source, author, valid_from)
    SELECT gen_random_uuid(), $1, $2, 'medium', n, n * interval '2 hours', ARRAY[w], 'x', 'x', $3
      FROM (VALUES (0, 'on_shift'), (1, 'backup')) AS s (n, w)
"""


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    return await make_clinic(owner, world)


async def lay_aside(web_db: Database, clinic: Clinic, alert: uuid.UUID, hours: int = 24, at: Any = NOW) -> None:
    world = clinic.world
    await flow.snooze(
        web_db, person_of(world), world.patient, alert, hours=hours, reason="measure_again", note="", now=at
    )


async def turn(worker_db: Database, at: Any) -> None:
    """Both loops of the worker, as they come."""
    await flow.expire(worker_db, WORKER, at)
    await tick(worker_db, at)


async def why(owner: Any) -> str | None:
    ended: str | None = await owner.fetchval("SELECT ended_why FROM snooze ORDER BY starts_at DESC LIMIT 1")
    return ended


async def test_while_it_stands_nobody_is_paged_and_at_its_end_a_new_round_begins(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await turn(worker_db, NOW)
    await lay_aside(web_db, clinic, alert)
    for passed in range(1, 24):
        await turn(worker_db, NOW + passed * HOUR)
    assert await paged(owner, clinic, NOW) == []
    for seconds in (0, 2, 60):
        await turn(worker_db, NOW + 24 * HOUR + timedelta(seconds=seconds))
    assert await paged(owner, clinic, NOW) == [(24 * 60, "nurse")]
    assert await why(owner) == "expired"
    await turn(worker_db, NOW + 28 * HOUR + MINUTE)
    assert await paged(owner, clinic, NOW) == [(24 * 60, "nurse"), (28 * 60 + 1, "nurse")]
    detail = await owner.fetchval("SELECT detail->>'why' FROM audit WHERE action = 'alert.return'")
    assert detail == "snooze_over"


async def test_the_new_round_begins_at_the_first_step_and_not_where_the_last_one_was(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    await turn(worker_db, NOW)
    await owner.execute(STEPS, clinic.world.organization, clinic.world.team, NOW - HOUR)
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await turn(worker_db, NOW)
    await lay_aside(web_db, clinic, alert, 4, NOW + MINUTE)
    for hours in (0, 4, 5, 6):
        await turn(worker_db, NOW + hours * HOUR + MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (241, "nurse"), (361, "backup")]


async def test_its_end_pages_also_when_nobody_wrote_it_down(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    """The loop that closes snoozes may be dead: an overdue step is due all the same, and once."""
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await turn(worker_db, NOW)
    await lay_aside(web_db, clinic, alert)
    await tick(worker_db, NOW + 24 * HOUR)
    assert len(await paged(owner, clinic, NOW)) == 1
    await turn(worker_db, NOW + 24 * HOUR + MINUTE)
    assert len(await paged(owner, clinic, NOW)) == 1


async def test_further_findings_of_the_same_severity_do_not_break_it_and_a_worse_one_does(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    await owner.execute("UPDATE rule_limit SET severity = 'medium' WHERE metric = 'diastolic_mmhg'")
    await send(bridge_db, publish(clinic.world, bp(1, 150, 125)))
    alert = await owner.fetchval("SELECT id FROM alert")
    await lay_aside(web_db, clinic, alert)
    for seq in range(2, 32):
        at = NOW + seq * 10 * MINUTE
        await send(bridge_db, publish(clinic.world, bp(seq, 150, 125, at=at)), now=at)
        await turn(worker_db, at)
    assert await paged(owner, clinic, NOW) == []
    assert (await owner.fetchval("SELECT finding_count FROM alert"), await why(owner)) == (31, None)
    worse = NOW + 6 * HOUR
    await send(bridge_db, publish(clinic.world, bp(40, 190, 100, at=worse)), now=worse)
    await turn(worker_db, worse)
    assert await paged(owner, clinic, NOW) == [(360, "nurse")]
    assert await why(owner) == "worse"
    await turn(worker_db, worse + 5 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(360, "nurse"), (365, "backup")]


async def test_a_worse_severity_counts_before_anybody_wrote_it_down(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium")
    await lay_aside(web_db, clinic, alert)
    await owner.execute("UPDATE alert SET severity = 'high'")
    await tick(worker_db, NOW + MINUTE)
    assert await paged(owner, clinic, NOW) == [(1, "nurse")]
    async with web_db.transaction(person_of(clinic.world).who) as db:
        (item,) = await worklist.open_alerts(db)
    assert item.snooze is None


async def test_woken_goes_on_as_if_nothing_had_been(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await turn(worker_db, NOW)
    person = person_of(clinic.world)
    await lay_aside(web_db, clinic, alert)
    await flow.wake(web_db, person, clinic.world.patient, alert, NOW + HOUR)
    await turn(worker_db, NOW + 4 * HOUR)
    assert await paged(owner, clinic, NOW) == [(240, "nurse")]
    with pytest.raises(Conflict):
        await flow.wake(web_db, person, clinic.world.patient, alert, NOW + HOUR)
    await lay_aside(web_db, clinic, alert, 72, NOW + 5 * HOUR)
    rows = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'alert.%' ORDER BY at")
    assert [row["action"] for row in rows] == ["alert.snooze", "alert.wake", "alert.snooze"]


async def test_an_answer_ends_it(clinic: Clinic, owner: Any, web_db: Database, worker_db: Database) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await lay_aside(web_db, clinic, alert)
    await answers.acknowledge(web_db, person_of(clinic.world), clinic.world.patient, alert, NOW + MINUTE)
    await turn(worker_db, NOW + 2 * MINUTE)
    assert await why(owner) == "answered"
    for minutes in (61, 300, 301):  # it returns after an hour, and is told as a medium is: four hours later
        await turn(worker_db, NOW + minutes * MINUTE)
    assert await paged(owner, clinic, NOW) == [(301, "nurse")]


async def test_what_was_taken_waits_for_nobody_while_it_is_laid_aside(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await answers.acknowledge(web_db, person_of(clinic.world), clinic.world.patient, alert, NOW)
    await lay_aside(web_db, clinic, alert, 4)
    for passed in range(1, 240, 30):
        await turn(worker_db, NOW + passed * MINUTE)
    assert await paged(owner, clinic, NOW) == []
    await turn(worker_db, NOW + 4 * HOUR)
    assert await paged(owner, clinic, NOW) == [(240, "nurse")]


async def test_what_cannot_be_laid_aside_says_why(
    clinic: Clinic, owner: Any, web_db: Database, other_world: World
) -> None:
    high = await open_alert(owner, clinic.world, NOW)
    older = await open_alert(owner, clinic.world, NOW, "medium", "bp_low", "historic")
    theirs = await open_alert(owner, other_world, NOW, "medium")
    medium = await open_alert(owner, clinic.world, NOW, "medium", "glucose_low")
    with pytest.raises(Refused, match="high alert cannot"):
        await lay_aside(web_db, clinic, high)
    with pytest.raises(Refused, match="Older readings"):
        await lay_aside(web_db, clinic, older)
    with pytest.raises(NotFound):
        await lay_aside(web_db, clinic, theirs)
    for hours in (0, 73):
        with pytest.raises(Invalid):
            await lay_aside(web_db, clinic, medium, hours)
    with pytest.raises(Invalid):
        await flow.snooze(
            web_db, person_of(clinic.world), clinic.world.patient, medium, hours=4, reason="other", note=" ", now=NOW
        )
    assert await count(owner, "snooze") == 0
    await lay_aside(web_db, clinic, medium)
    with pytest.raises(Conflict, match="Nurse Aspen has snoozed"):
        await lay_aside(web_db, clinic, medium)


async def test_of_many_who_lay_it_aside_at_once_one_does(clinic: Clinic, owner: Any, web_db: Database) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "low", "bp_low")
    tried = await asyncio.gather(*(lay_aside(web_db, clinic, alert) for _ in range(6)), return_exceptions=True)
    assert [type(one) for one in tried if one is not None] == [Conflict] * 5
    assert await count(owner, "snooze") == 1


async def test_two_workers_bring_it_back_once(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    await turn(worker_db, NOW)
    await lay_aside(web_db, clinic, alert, 4)
    await asyncio.gather(*(turn(worker_db, NOW + 4 * HOUR) for _ in range(5)))
    assert await paged(owner, clinic, NOW) == [(240, "nurse")]
    assert await count(owner, "audit", "action = 'alert.return'") == 1


async def test_a_low_one_returns_to_the_list_at_once_and_pages_on_the_next_working_day(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "low", "bp_low")
    await turn(worker_db, NOW)
    await lay_aside(web_db, clinic, alert, 4)
    await turn(worker_db, NOW + 4 * HOUR)
    due = await owner.fetchval("SELECT due_at FROM escalation WHERE id = $1", alert)
    assert due > NOW + 4 * HOUR
    assert await count(owner, "message") == 0


async def test_a_high_alert_holds_the_page_of_a_medium_on_the_same_vital_and_hides_nothing(
    clinic: Clinic, owner: Any, web_db: Database, worker_db: Database
) -> None:
    medium = await open_alert(owner, clinic.world, NOW, "medium", "bp_low")
    other_vital = await open_alert(owner, clinic.world, NOW, "medium", "glucose_high")
    await turn(worker_db, NOW)
    high = await open_alert(owner, clinic.world, NOW + HOUR, "high", "bp_high")
    person = person_of(clinic.world)
    await answers.acknowledge(web_db, person, clinic.world.patient, high, NOW + HOUR)
    await turn(worker_db, NOW + 4 * HOUR)
    asked = await owner.fetch("SELECT alert_id FROM message WHERE created_at = $1", NOW + 4 * HOUR)
    assert medium not in {row["alert_id"] for row in asked}
    assert other_vital in {row["alert_id"] for row in asked}
    async with web_db.transaction(person.who) as db:
        held = {item.id: item.page_held for item in await worklist.open_alerts(db)}
    assert held == {medium: True, other_vital: False, high: False}
    late = NOW + 9 * HOUR
    await answers.resolve(web_db, person, clinic.world.patient, high, "contacted_patient", "", late)
    await turn(worker_db, late)
    assert await count(owner, "message", f"alert_id = '{medium}'") == 1


async def test_thirty_further_findings_are_evidence_and_one_page(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    """Over the whole path: paged when it opens, and when the acknowledgement runs out; not for more of the same."""
    await send(bridge_db, publish(clinic.world, bp(1, 190)))
    alert = await owner.fetchval("SELECT id FROM alert")
    await answers.acknowledge(web_db, person_of(clinic.world), clinic.world.patient, alert, NOW + MINUTE)
    for seq in range(2, 32):
        at = NOW + seq * MINUTE
        await send(bridge_db, publish(clinic.world, bp(seq, 185 + seq % 10, at=at)), now=at)
        await turn(worker_db, at)
    row = await owner.fetchrow("SELECT status, finding_count FROM alert")
    assert tuple(row) == ("acknowledged", 31)
    assert await count(owner, "finding") == 31
    assert await paged(owner, clinic, NOW) == [(0, "nurse")]
    await turn(worker_db, NOW + 60 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse")]
    await turn(worker_db, NOW + 61 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (61, "nurse")]


async def crisis_then(
    clinic: Clinic, owner: Any, bridge_db: Database, systolic: float, minutes: int = 10, **more: Any
) -> uuid.UUID:
    """A high alert, and a reading so many minutes later."""
    await send(bridge_db, publish(clinic.world, bp(1, 190)))
    at = NOW + minutes * MINUTE
    await send(bridge_db, publish(clinic.world, bp(2, systolic, at=at, **more)), now=at)
    made: uuid.UUID = await owner.fetchval("SELECT id FROM alert WHERE severity = 'high'")
    return made


async def proposals(web_db: Database, clinic: Clinic) -> int:
    async with web_db.transaction(person_of(clinic.world).who) as db:
        return len(await lowerings.proposed(db, NOW + HOUR))


@pytest.mark.parametrize(("systolic", "minutes", "seen"), [(132, 10, 1), (181, 10, 0), (85, 10, 0), (132, -10, 0)])
async def test_a_later_reading_within_limits_proposes_to_lower_and_nothing_else_does(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, systolic: float, minutes: int, seen: int
) -> None:
    alert = await crisis_then(clinic, owner, bridge_db, systolic, minutes)
    assert await proposals(web_db, clinic) == seen
    person = person_of(clinic.world)
    if not seen:
        with pytest.raises(Conflict, match="No later reading"):
            await lowering.lower(web_db, person, clinic.world.patient, alert, NOW + HOUR)
    assert await owner.fetchval("SELECT severity FROM alert WHERE id = $1", alert) == "high"


@pytest.mark.parametrize(
    ("systolic", "diastolic", "seen"), [(174, 80, 1), (175, 80, 0), (179, 80, 0), (132, 114, 1), (132, 115, 0)]
)
async def test_a_pressure_within_a_cuffs_error_of_a_high_limit_proposes_nothing(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, systolic: float, diastolic: float, seen: int
) -> None:
    await crisis_then(clinic, owner, bridge_db, systolic, diastolic=diastolic)
    assert await proposals(web_db, clinic) == seen


async def test_lowering_ends_the_high_chain_begins_the_medium_one_and_never_closes(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    alert = await crisis_then(clinic, owner, bridge_db, 132)
    await turn(worker_db, NOW)
    await lowering.lower(web_db, person_of(clinic.world), clinic.world.patient, alert, NOW + 2 * MINUTE)
    row = await owner.fetchrow("SELECT severity, status FROM alert")
    assert tuple(row) == ("medium", "open")
    for passed in range(2, 60):
        await turn(worker_db, NOW + passed * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse")]
    await turn(worker_db, NOW + 2 * MINUTE + 4 * HOUR)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (242, "nurse")]
    detail = await owner.fetchval("SELECT detail FROM audit WHERE action = 'alert.lower'")
    assert '"to": "medium"' in str(detail) or detail["to"] == "medium"


async def test_a_new_crisis_after_the_lowering_pages_the_nurse_again_from_the_beginning(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    """The page of the first crisis has the name that the second one's would have: it must not be taken for it."""
    alert = await crisis_then(clinic, owner, bridge_db, 132)
    await turn(worker_db, NOW)
    await lowering.lower(web_db, person_of(clinic.world), clinic.world.patient, alert, NOW + 20 * MINUTE)
    await turn(worker_db, NOW + 20 * MINUTE)
    again = NOW + 90 * MINUTE
    await send(bridge_db, publish(clinic.world, bp(3, 200, at=again)), now=again)
    for passed in range(6):
        await turn(worker_db, again + passed * MINUTE)
    assert [one for one in await paged(owner, clinic, NOW) if one[0] > 20] == [(90, "nurse"), (95, "backup")]


async def test_taken_back_it_is_high_again_and_paged_from_the_beginning(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database, worker_db: Database
) -> None:
    alert = await crisis_then(clinic, owner, bridge_db, 132)
    person, patient = person_of(clinic.world), clinic.world.patient
    await turn(worker_db, NOW)
    for n in range(3):
        at = NOW + (20 + 20 * n) * MINUTE
        await lowering.lower(web_db, person, patient, alert, at)
        await turn(worker_db, at)
        await lowering.raise_again(web_db, person, patient, alert, at + 5 * MINUTE)
        await turn(worker_db, at + 5 * MINUTE)
    assert await paged(owner, clinic, NOW) == [(0, "nurse"), (25, "nurse"), (45, "nurse"), (65, "nurse")]
    with pytest.raises(Conflict, match="not lowered"):
        await lowering.raise_again(web_db, person, patient, alert, NOW + 2 * HOUR)


async def waits_for_a_lock(owner: Any) -> None:
    """Until another connection of this database waits for a row."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await owner.fetchval(waiting):
            await asyncio.sleep(0.01)


async def test_of_a_lowering_and_a_crisis_at_the_same_moment_the_crisis_wins(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database
) -> None:
    """Pressed while the crossing is written and not yet committed: it waits for that, and then sees it."""
    alert = await crisis_then(clinic, owner, bridge_db, 132)
    at = NOW + 12 * MINUTE
    async with bridge_db.transaction(BRIDGE) as db:
        await reading.handle(db, [publish(clinic.world, bp(3, 190, at=at))], at, TOLD)
        pressed = asyncio.create_task(
            lowering.lower(web_db, person_of(clinic.world), clinic.world.patient, alert, at), name="pressed"
        )
        await waits_for_a_lock(owner)
    with pytest.raises(Conflict, match="No later reading"):
        await pressed
    assert await owner.fetchval("SELECT severity FROM alert WHERE id = $1", alert) == "high"


async def test_of_a_snooze_and_a_crisis_at_the_same_moment_the_crisis_wins(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database
) -> None:
    alert = await open_alert(owner, clinic.world, NOW, "medium")
    async with bridge_db.transaction(BRIDGE) as db:
        await reading.handle(db, [publish(clinic.world, bp(1, 190))], NOW, TOLD)
        pressed = asyncio.create_task(lay_aside(web_db, clinic, alert), name="pressed")
        await waits_for_a_lock(owner)
    with pytest.raises(Refused, match="high alert cannot"):
        await pressed
    assert await count(owner, "snooze") == 0


async def test_a_calm_reading_from_before_a_crisis_in_doubt_proposes_nothing(
    clinic: Clinic, owner: Any, web_db: Database, bridge_db: Database
) -> None:
    """The crisis is held and no reading yet, so the newest reading is one from before it."""
    await send(bridge_db, publish(clinic.world, bp(1, 132, at=NOW - 10 * MINUTE), bp(2, 310, 124)))
    assert await owner.fetchval("SELECT severity FROM alert") == "high"
    assert await proposals(web_db, clinic) == 0
