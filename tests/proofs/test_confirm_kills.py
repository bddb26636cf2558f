"""Two workers of the confirm loop, killed again and again: every question ends as it must, and each is acted on once."""

import asyncio
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server.settings import Settings
from tests.texting import until
from tests.world import World

SEED = 20261122
N = 300
KILLS = 6
ROOT = Path(__file__).resolve().parents[2]

# What has happened to each question when the workers begin, in turn. Its kind is the number modulo six.
KINDS = ("no answer, waits", "no answer", "text failed, waits", "normal, waits", "again, waits", "taken, waits")
# By kind: (state, page texts, audit actions) that must be there in the end, each once.
MUST = {
    0: ("no_answer", 1, {"confirmation.no_answer": 1, "alert.page_released": 1}),
    1: ("no_answer", 0, {"confirmation.no_answer": 1}),
    2: ("asked", 1, {"alert.page_released": 1}),
    3: ("normal_retake", 0, {"confirmation.normal_retake": 1, "alert.lower": 1}),
    4: ("confirmed", 1, {"confirmation.confirmed": 1, "alert.page_released": 1}),
    5: ("withdrawn", 0, {"confirmation.withdrawn": 1, "alert.page_released": 1}),
}
PATIENTS = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         phone, phone_hash, admitted_at)
    SELECT md5('p' || i)::uuid, p.organization_id, p.clinic_id, p.team_id, 'K-' || i, 'Pat', 'Kill', p.birth_date, 'female',
           p.zone, p.phone, p.phone_hash, p.admitted_at
      FROM patient p, generate_series(0, $2 - 1) AS i WHERE p.id = $1
"""
ALERTS = """
    INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, status, acknowledged_by, age, opened_at,
                       last_finding_at, finding_count, page_not_before)
    SELECT md5('a' || i)::uuid, $1, md5('p' || i)::uuid, $2, 'high', CASE i % 6 WHEN 5 THEN 'acknowledged' ELSE 'open' END,
           CASE i % 6 WHEN 5 THEN $5::uuid END, 'live', $3, $3, 1,
           CASE WHEN i % 6 <> 1 THEN $3::timestamptz + interval '9 minutes' END
      FROM generate_series(0, $4 - 1) AS i
"""
TEXTS = """
    INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, to_number, to_hash, wording,
                         wording_version, language, body, status, not_before, created_at)
    SELECT md5('m' || i)::uuid, $1, 'safety', 'ask:' || i, md5('p' || i)::uuid, '+12125550299', '\\x00', 'ask_rest', 1, 'en',
           'x', CASE i % 6 WHEN 2 THEN 'failed' WHEN 5 THEN 'queued' ELSE 'delivered' END, $2, $2
      FROM generate_series(0, $3 - 1) AS i
"""
QUESTIONS = """
    INSERT INTO confirmation (id, organization_id, patient_id, alert_id, vital, asks, reading_id, measured_at, metric, side,
                              value, asked_at, deadline, page_waited, message_id)
    SELECT md5('c' || i)::uuid, $1, md5('p' || i)::uuid, md5('a' || i)::uuid, 'blood_pressure', 'blood_pressure',
           md5('r' || i)::uuid, $2::timestamptz, 'systolic_mmhg', 'at_or_above', 185, $2,
           $2::timestamptz + CASE WHEN i % 6 < 2 THEN interval '5 minutes' ELSE interval '9 minutes' END, i % 6 <> 1,
           md5('m' || i)::uuid
      FROM generate_series(0, $3 - 1) AS i
"""
SECOND_READINGS = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
                         source, systolic_mmhg, diastolic_mmhg, judged_with)
    SELECT md5('s' || i)::uuid, $1, md5('p' || i)::uuid, 'blood_pressure', $2::timestamptz + interval '3 minutes',
           'America/New_York', $2::timestamptz::date, 'device', $2::timestamptz + interval '3 minutes', 'device',
           CASE i % 6 WHEN 3 THEN 150 ELSE 190 END, 80, 'test'
      FROM generate_series(0, $3 - 1) AS i WHERE i % 6 IN (3, 4)
"""
FINDINGS = """
    INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, alert_id, severity, metric, side,
                         value, limit_value, age, measured_at, found_at)
    SELECT md5('f' || i)::uuid, $1, md5('p' || i)::uuid, $4, $5, md5('s' || i)::uuid::text, md5('a' || i)::uuid, 'high',
           'systolic_mmhg', 'at_or_above', 190, 180, 'live', $2::timestamptz + interval '3 minutes', $2
      FROM generate_series(0, $3 - 1) AS i WHERE i % 6 = 4
"""
OUTCOMES = """
    SELECT i, c.state, a.severity, a.page_not_before,
           (SELECT count(*) FROM message m WHERE m.alert_id = a.id AND m.purpose = 'page') AS pages,
           (SELECT array_agg(u.action) FROM audit u WHERE u.subject = 'alert:' || a.id) AS actions,
           (SELECT m.status FROM message m WHERE m.id = c.message_id) AS text
      FROM generate_series(0, $1 - 1) AS i
      JOIN confirmation c ON c.id = md5('c' || i)::uuid JOIN alert a ON a.id = c.alert_id
     ORDER BY i
"""
LEFT = """
    SELECT count(*) FROM confirmation c JOIN alert a ON a.id = c.alert_id
     WHERE a.page_not_before IS NOT NULL OR c.state = 'asked' AND c.deadline <= $1
"""


async def arrange(owner: Any, world: World, asked: datetime) -> None:
    organization, rule = world.organization, world.rules["bp_high"]
    await owner.execute(PATIENTS, world.patient, N)
    await owner.execute(ALERTS, organization, rule, asked, N, world.nurse)
    await owner.execute(TEXTS, organization, asked, N)
    await owner.execute(QUESTIONS, organization, asked, N)
    await owner.execute(SECOND_READINGS, organization, asked, N)
    await owner.execute(FINDINGS, organization, asked, N, rule, world.versions["bp_high"])


async def worker(settings: Settings, now: datetime) -> asyncio.subprocess.Process:
    """Begun, and connected."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tests.proofs.confirming", settings.url_for("worker"), now.isoformat(),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"working\n"
    return process


async def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def killed_in_the_middle(settings: Settings, now: datetime, chance: random.Random, left: Any) -> int:
    """Two workers, each killed once so much is done as the seed says; how many kills came before all was done."""
    early = 0
    had = await left()
    for _ in range(KILLS // 2):
        pair = await asyncio.gather(worker(settings, now), worker(settings, now))
        for process in pair:
            aim = int(await left() * chance.uniform(0.5, 0.98))
            await until(lambda aim=aim: _down_to(left, aim), 30)  # type: ignore[misc]
            await kill(process)
            early += await left() > 0
        print(f"{had} → {(had := await left())} to do")
    return early


async def test_of_many_questions_none_is_lost_and_none_acted_on_twice_whatever_is_killed(
    owner: Any, world: World, settings: Settings
) -> None:
    asked = datetime.now(UTC) - timedelta(minutes=30)
    now = asked + timedelta(minutes=6)
    await arrange(owner, world, asked)

    async def left() -> int:
        return int(await owner.fetchval(LEFT, now))

    early = await killed_in_the_middle(settings, now, random.Random(SEED), left)
    last = await asyncio.gather(worker(settings, now), worker(settings, now))
    await until(lambda: _none(left), 60)
    await asyncio.gather(*map(kill, last))

    lost, twice, wrong = judge(await owner.fetch(OUTCOMES, N))
    print(f"seed {SEED}: {KILLS} kills, {early} with work left; {lost} of {N} lost, {twice} of {N} twice")
    assert (lost, twice, wrong) == (0, 0, [])
    assert early > 0, "every kill came too late to show anything"


async def _none(left: Any) -> bool:
    return await _down_to(left, 0)


async def _down_to(left: Any, aim: int) -> bool:
    return bool(await left() <= aim)


def judge(rows: list[Any]) -> tuple[int, int, list[Any]]:
    """(lost, acted on twice, whatever else is not as it must be)."""
    lost, twice, wrong = 0, 0, []
    for row in rows:
        kind = row["i"] % len(KINDS)
        state, pages, actions = MUST[kind]
        done = Counter(row["actions"] or [])
        lost += row["pages"] < pages or any(done[action] < count for action, count in actions.items())
        twice += row["pages"] > pages or any(done[action] > actions.get(action, 0) for action in done)
        lowered = "medium" if kind == 3 else "high"
        text = {2: "failed", 5: "suppressed"}.get(kind, "delivered")
        if (row["state"], row["severity"], row["page_not_before"], row["text"]) != (state, lowered, None, text):
            wrong.append((KINDS[kind], dict(row)))
    return lost, twice, wrong
