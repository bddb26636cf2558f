"""In hours that nobody watches a patient of such a programme is told so once a night; the high still pages somebody."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import after_hours, reach_safely
from tests.flows.clinic import TOLD, WORKER, Clinic, make_clinic, paged, tick
from tests.flows.test_reading import NOW, bp, count, publish, send
from tests.texting import Phones, phones, send_all
from tests.world import World

__all__ = ["phones"]
ZONE = ZoneInfo("America/New_York")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# A Tuesday, 22:00 and 10:00 in New York; monitored hours are 08:00 to 17:00.
NIGHT = datetime(2026, 11, 17, 22, 0, tzinfo=ZONE).astimezone(UTC)
DAY = NIGHT - 12 * HOUR


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    made = await make_clinic(owner, world)
    await owner.execute("UPDATE rule_version SET valid_from = '2020-01-01'")
    await owner.execute("UPDATE enrolment SET valid_from = '2020-01-01'")
    await owner.execute("UPDATE loan SET lent = tstzrange('2020-01-01', NULL)")
    await owner.execute(
        "INSERT INTO monitored_hours SELECT $1, n, 480, 1020, $2 FROM generate_series(0, 6) AS n",
        world.team, world.organization,
    )  # fmt: skip
    await _programme(owner, world, around_the_clock=False)
    return made


async def _programme(owner: Any, world: World, *, around_the_clock: bool) -> None:
    await owner.execute("UPDATE programme_version SET valid_to = '2025-01-01'")
    await owner.execute(
        """INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author,
               around_the_clock, valid_from)
           SELECT gen_random_uuid(), $1, $2, count(*) + 1, 'x', 'x', 'x', $3, '2025-01-01' FROM programme_version""",
        world.organization, world.programme, around_the_clock,
    )  # fmt: skip


async def crosses(owner: Any, world: World, at: datetime, severity: str = "high", age: str = "live") -> None:
    """An alert and its finding, as judging leaves them."""
    async with owner.transaction():
        alert = await owner.fetchval(
            """INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,
                   finding_count)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $6, 1)
               ON CONFLICT (patient_id, rule_id) WHERE status <> 'resolved' DO UPDATE SET last_finding_at = $6
               RETURNING id""",
            world.organization, world.patient, world.rules["bp_high"], severity, age, at,
        )  # fmt: skip
        await owner.execute(
            """INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, alert_id,
                   severity, metric, side, value, limit_value, age, measured_at, found_at)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, gen_random_uuid()::text, $5, $6, 'systolic_mmhg', 'at_or_above',
                       190, 180, $7, $8, $8)""",
            world.organization, world.patient, world.rules["bp_high"], world.versions["bp_high"], alert, severity, age, at,
        )  # fmt: skip


async def told(worker_db: Database, at: datetime) -> int:
    return await after_hours.tell_patients(worker_db, WORKER, at)


async def test_a_crossing_at_night_is_answered_once_with_where_to_turn_and_when_somebody_looks(
    clinic: Clinic, owner: Any, worker_db: Database, phones: Phones
) -> None:
    world = clinic.world
    await crosses(owner, world, NIGHT)
    assert await told(worker_db, NIGHT + MINUTE) == 1
    await crosses(owner, world, NIGHT + HOUR)
    assert await told(worker_db, NIGHT + HOUR + MINUTE) == 0
    await send_all(worker_db, phones.gateway(), NIGHT + 2 * MINUTE)
    (text,) = phones.texts(world.patient_phone)
    assert text.body.startswith("Aspen Clinic: your readings are not watched at this hour.")
    assert "call 911 now" in text.body
    assert "again Wednesday at 08:00" in text.body
    assert await owner.fetchval("SELECT purpose FROM message WHERE patient_id IS NOT NULL") == "safety"
    await crosses(owner, world, NIGHT + 24 * HOUR)
    assert await told(worker_db, NIGHT + 24 * HOUR + MINUTE) == 1


async def test_the_high_pages_the_stand_in_all_the_same_and_nobody_on_shift_is_no_alarm_then(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await owner.execute("UPDATE team SET fallback_id = $1", clinic.clinician)
    await owner.execute("DELETE FROM shift")
    await crosses(owner, clinic.world, NIGHT)
    await tick(worker_db, NIGHT)
    assert await paged(owner, clinic, NIGHT) == [(0, "clinician")]
    await tick(worker_db, NIGHT + timedelta(seconds=2))
    assert await owner.fetchval("SELECT status FROM alarm WHERE kind = 'roster'") == "resolved"
    assert await count(owner, "alert", "status = 'open'") == 1


TIMES = {
    "by day": (DAY, DAY + MINUTE), "holiday": (DAY, DAY + MINUTE), "old": (NIGHT, NIGHT + 16 * MINUTE),
    "found in time, looked at later": (NIGHT - 5 * HOUR - MINUTE, NIGHT - 5 * HOUR + MINUTE),
    "found at night, looked at by day": (DAY - 2 * HOUR - MINUTE, DAY - 2 * HOUR + MINUTE),
}  # fmt: skip
ARRANGED = {
    "holiday": ["INSERT INTO holiday (id, organization_id, day, name)"
                " SELECT gen_random_uuid(), id, '2026-11-17', 'x' FROM organization"],
    "round the clock": ["UPDATE programme_version SET around_the_clock = true"],
    "says nothing of it": ["UPDATE programme_version SET valid_to = '2025-01-02'"],
    "also in one that is": [
        "INSERT INTO programme SELECT gen_random_uuid(), id, 'x', 'X' FROM organization",
        "INSERT INTO enrolment SELECT gen_random_uuid(), p.organization_id, p.id, g.id, '2020-01-01'"
        " FROM patient p, programme g WHERE g.code = 'x'",
    ],
    "no hours declared": ["DELETE FROM monitored_hours"],
    "synthetic": ["UPDATE patient SET synthetic = true"],
    "paused": ["UPDATE patient SET monitoring_status = 'paused'"],
    "deceased": ["UPDATE patient SET monitoring_status = 'deceased'"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "texts"),
    [
        ("by day", 0), ("medium", 1), ("low", 0), ("late", 0), ("old", 0), ("round the clock", 0),
        ("also in one that is", 0), ("no hours declared", 0), ("synthetic", 0), ("resolved", 0), ("holiday", 1),
        ("says nothing of it", 0), ("paused", 1), ("deceased", 0), ("found in time, looked at later", 0),
        ("found at night, looked at by day", 0),
    ],
)  # fmt: skip
async def test_who_is_told(clinic: Clinic, owner: Any, worker_db: Database, what: str, texts: int) -> None:
    found, looked = TIMES.get(what, (NIGHT, NIGHT + MINUTE))
    severity = what if what in {"medium", "low"} else "high"
    for statement in ARRANGED.get(what, ()):
        await owner.execute(statement)
    await crosses(owner, clinic.world, found, severity, "late" if what == "late" else "live")
    if what == "resolved":
        await owner.execute("UPDATE alert SET status = 'resolved'")
    assert await told(worker_db, looked) == texts


async def test_in_spanish_to_who_speaks_spanish(clinic: Clinic, owner: Any, worker_db: Database) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    await crosses(owner, clinic.world, NIGHT)
    await told(worker_db, NIGHT + MINUTE)
    body = await owner.fetchval("SELECT body FROM message")
    assert "llame al 911" in body
    assert "el miercoles a las 08:00" in body


async def test_the_whole_way_from_a_reading_that_comes_at_night(
    clinic: Clinic, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    """Whatever hour it is now, nobody watches at it: only the day after tomorrow is monitored."""
    await owner.execute("UPDATE monitored_hours SET closes_minute = opens_minute")
    await owner.execute(
        "UPDATE monitored_hours SET closes_minute = 1020 WHERE weekday = $1", (NOW.astimezone(ZONE).weekday() + 2) % 7
    )
    await send(bridge_db, publish(clinic.world, bp(1, 190)))
    await told(worker_db, NOW + timedelta(seconds=1))
    assert await count(owner, "message", "wording = 'not_monitored_now'") == 1
    assert await count(owner, "message", "purpose = 'page'") == 1


async def test_a_mean_found_at_night_or_an_old_weight_tells_nobody_that_nobody_watches(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await crosses(owner, clinic.world, NIGHT)
    await owner.execute("UPDATE finding SET measured_at = found_at - interval '20 hours'")
    assert await told(worker_db, NIGHT + MINUTE) == 0
    await owner.execute("UPDATE finding SET measured_at = found_at")
    await owner.execute("UPDATE rule SET kind = 'sustained' WHERE code = 'bp_high'")
    assert await told(worker_db, NIGHT + MINUTE) == 0
    await owner.execute("UPDATE rule SET kind = 'crossing' WHERE code = 'bp_high'")
    assert await told(worker_db, NIGHT + MINUTE) == 1


NUMBER = "+1 212-555-0199"


async def approve(owner: Any, world: World, name: str, body: str) -> None:
    await owner.execute(
        """INSERT INTO wording_version (id, organization_id, name, language, version, body, shipped_version, status,
               drafted_by, author, drafted_at, decided_by, decided_at)
           VALUES (gen_random_uuid(), $1, $2, 'en', 1001, $3, 1, 'approved', gen_random_uuid(), 'A', $4, 'B', $4)""",
        world.organization, name, body, DAY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "own", "says", "wording"),
    [
        ("en", {}, f"For other questions call {NUMBER}.", "not_monitored_now_call"),
        ("es", {}, f"Para otras preguntas llame al {NUMBER}.", "not_monitored_now_call"),
        ("en", {"not_monitored_now": "{clinic}: ours, {when}"}, "Aspen Clinic: ours,", "not_monitored_now"),
        ("es", {"not_monitored_now": "{clinic}: ours, {when}"}, NUMBER, "not_monitored_now_call"),
        (
            "en", {"not_monitored_now": "x", "not_monitored_now_call": "{clinic}: ours too, {phone} {when}"},
            f"ours too, {NUMBER}", "not_monitored_now_call",
        ),
    ],
)  # fmt: skip
async def test_the_teams_number_for_such_hours_is_said(
    clinic: Clinic, owner: Any, worker_db: Database, language: str, own: dict[str, str], says: str, wording: str
) -> None:
    await owner.execute("UPDATE team SET after_hours_phone = '+12125550199'")
    await owner.execute("UPDATE patient SET language = $1", language)
    for name, body in own.items():
        await approve(owner, clinic.world, name, body)
    await crosses(owner, clinic.world, NIGHT)
    await told(worker_db, NIGHT + MINUTE)
    row = await owner.fetchrow("SELECT body, wording, purpose FROM message")
    assert says in row["body"]
    assert (row["wording"], row["purpose"]) == (wording, "safety")


async def test_a_text_with_the_number_that_does_not_arrive_becomes_a_call_and_pages_nobody(
    clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    """As with the text without it: a high has paged already, and a medium waits."""
    await owner.execute("UPDATE team SET after_hours_phone = '+12125550199'")
    await crosses(owner, clinic.world, NIGHT)
    await told(worker_db, NIGHT + MINUTE)
    await owner.execute("UPDATE message SET status = 'failed'")
    await reach_safely.watch(worker_db, WORKER, NIGHT + 2 * MINUTE, TOLD)
    assert NUMBER in await owner.fetchval("SELECT body FROM message WHERE channel = 'voice'")
    await owner.execute("UPDATE message SET status = 'failed'")
    await reach_safely.watch(worker_db, WORKER, NIGHT + 4 * MINUTE, TOLD)
    assert await count(owner, "task") == 1
    assert await count(owner, "alarm", "kind = 'patient_unreached'") == 0
