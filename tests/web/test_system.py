"""The page that says whether Careloop itself is well: calm when it is, and the trouble first when it is not."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from server.auditing.runs import HOPS
from server.db.ids import uuid7
from server.web.careteam import system
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

BEATS = """
    INSERT INTO heartbeat (process, instance, loop, beat_at, next_by)
    SELECT p, '1', l, $1::timestamptz, $1::timestamptz + interval '90 s' FROM (VALUES ('bridge', 'ingest'), ('worker', 'escalate'),
        ('worker', 'sealer'), ('auditor', 'rounds'), ('auditor', 'outside')) AS n (p, l)
    ON CONFLICT (process, instance, loop) DO UPDATE SET beat_at = excluded.beat_at, next_by = excluded.next_by
"""


async def run(owner: Any, world: World, at: datetime, sink_ms: int | None) -> None:
    took = [10 * n for n in range(1, 7)]
    await owner.execute(
        "INSERT INTO canary_run (organization_id, started_at, finished_at, missing, broker_ms, receipt_ms, row_ms,"
        " finding_ms, alert_ms, page_ms, sink_ms) VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        world.organization, at, None if sink_ms else "sink", *took, sink_ms,
    )  # fmt: skip


async def alarm(owner: Any, world: World, kind: str, subject: str, status: str = "open") -> None:
    now = datetime.now(UTC)
    await owner.execute(
        "INSERT INTO alarm (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at, status)"
        " VALUES ($1, $2, $3, $4, 'high', '3 are due. Watch this list.', $5, $5, $6)",
        uuid7(), world.organization, kind, subject, now - timedelta(minutes=2), status,
    )  # fmt: skip


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_when_all_is_well_it_says_so_and_since_when(nurse: Client, owner: Any, world: World) -> None:
    now = datetime.now(UTC)
    await owner.execute(BEATS, now)
    await owner.execute("INSERT INTO audit_mark VALUES ($1, $2, $2)", world.organization, now - timedelta(hours=5))
    for minute in range(3):
        await run(owner, world, now - timedelta(minutes=minute), 90)
    said = words((await nurse.get("/system")).text)
    assert "All is well since" in said
    assert "There is nothing to do here." in said
    assert "It found nothing wrong." in said
    assert "3 test readings in this hour" in said
    assert "silent" not in said.replace("Looks for silent devices", "")
    assert "heard that all is well just now" in said


async def test_before_anything_ran_it_says_what_to_start(nurse: Client) -> None:
    said = words((await nurse.get("/system")).text)
    assert "Nobody is checking" in said
    assert "No test reading in the last hour." in said
    assert "careloop up" in said
    assert "CARELOOP_HEARTBEAT_URL" in said


async def test_trouble_comes_first_with_what_to_do_and_since_when(nurse: Client, owner: Any, world: World) -> None:
    now = datetime.now(UTC)
    await owner.execute(BEATS, now)
    await owner.execute("UPDATE heartbeat SET beat_at = $1 WHERE process = 'worker'", now - timedelta(minutes=4))
    await run(owner, world, now - timedelta(minutes=2), 90)
    await run(owner, world, now - timedelta(minutes=1), None)
    await alarm(owner, world, "audit_mismatch", "texts that do not leave")
    await alarm(owner, world, "page_failed", "x")
    await alarm(owner, world, "audit_mismatch", "high alerts that paged nobody", "resolved")
    said = words((await nurse.get("/system")).text)
    assert "Something is broken since" in said
    assert "texts that do not leave : 3 are due. Watch this list." in said
    assert "paged nobody" not in said
    assert "page failed : 3 are due." in said
    assert "not reached" in said
    assert said.index("Tells the next in line silent 4 min ago") < said.index("Takes readings in")
    assert (await nurse.get("/system/now")).text in (await nurse.get("/system")).text


async def test_another_organizations_trouble_is_not_ours(
    nurse: Client, owner: Any, world: World, other_world: World
) -> None:
    await owner.execute(BEATS, datetime.now(UTC))
    await run(owner, other_world, datetime.now(UTC), 90)
    await alarm(owner, other_world, "audit_mismatch", "texts that do not leave")
    said = words((await nurse.get("/system")).text)
    assert "texts that do not leave" not in said
    assert "No test reading in the last hour." in said


async def test_only_who_answers_for_it_may_look(client: Client, owner: Any, world: World) -> None:
    opened = {}
    for role in ("nurse", "clinician", "coordinator", "admin", "quality"):
        login, _ = await staff_login(owner, world, role)
        await sign_in(client, login)
        opened[role] = (await client.get("/system")).status_code
        await client.post("/sign-out")
    assert opened == {"nurse": 200, "clinician": 200, "coordinator": 200, "admin": 200, "quality": 403}
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'system.view'") == 4


async def test_the_numbers_for_machines_have_loops_and_what_was_found(client: Client, owner: Any, world: World) -> None:
    await owner.execute(BEATS, datetime.now(UTC) - timedelta(seconds=7))
    await alarm(owner, world, "audit_mismatch", "texts that do not leave")
    login, _ = await staff_login(owner, world, "admin")
    await sign_in(client, login)
    numbers = (await client.get("/metrics")).text
    assert 'careloop_found{subject="texts that do not leave"} 1' in numbers
    age = re.search(r'careloop_loop_age_seconds{process="worker",loop="escalate"} ([\d.]+)', numbers)
    assert age
    assert 7 <= float(age[1]) < 60
    assert "careloop_path_ok 0" in numbers


def test_the_picture_has_every_hop_and_the_missing_ones_stand_out() -> None:
    now = datetime.now(UTC)
    took = dict.fromkeys((f"{hop}_ms" for hop in HOPS), 100)
    whole = system.Run(started_at=now - timedelta(minutes=30), missing=None, **took)
    short = system.Run(started_at=now, missing="sink", **{**took, "sink_ms": None})
    seen = system.steps([whole, short], now)
    assert [len(step.bars) for step in seen] == [2] * len(HOPS)
    last = seen[-1]
    assert (last.newest_ms, last.middle_ms, last.slowest_ms, last.missed) == (None, 100, 100, 1)
    assert [bar.missing for bar in last.bars] == [False, True]
    assert last.bars[0].x < last.bars[1].x <= system.WIDTH - system.BAR
