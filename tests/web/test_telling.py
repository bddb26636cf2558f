"""Each line of the worklist says who was paged when, and who is next."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from server.db.pool import Database
from tests.flows.clinic import Clinic, acknowledge, make_clinic, open_alert, tick
from tests.world import World

Client = Any
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    return await make_clinic(owner, world)


async def told(nurse: Client) -> list[str]:
    page: httpx.Response = await nurse.get("/worklist")
    found = re.findall(r"data-told>(.*?)</span>", page.text, re.DOTALL)
    return [" ".join(one.split()) for one in found]


async def test_it_says_who_was_paged_and_who_is_next(
    nurse: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    now = await owner.fetchval("SELECT now()")
    alert = await open_alert(owner, clinic.world, now - 6 * MINUTE)
    await tick(worker_db, now - 6 * MINUTE)
    clock = r"\d\d:\d\d|\w{3} \d+, \d\d:\d\d"
    await tick(worker_db, now - MINUTE)
    await owner.execute("UPDATE message SET status = 'failed' WHERE staff_id = $1", clinic.world.nurse)
    await owner.execute("UPDATE message SET status = 'delivered' WHERE staff_id = $1", clinic.backup)
    (line,) = await told(nurse)
    assert re.fullmatch(
        rf"Paged: Nurse Aspen (?:{clock}) \(did not arrive\), Backup (?:{clock}) · next: charge nurse at (?:{clock})",
        line,
    )
    await acknowledge(owner, alert, clinic.world.nurse, now)
    (line,) = await told(nurse)
    assert "next" not in line
    assert line.startswith("Paged: Nurse Aspen")


async def test_at_the_end_it_says_the_last_ones_again_and_how_often(
    nurse: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    now = await owner.fetchval("SELECT now()")
    await open_alert(owner, clinic.world, now - 26 * MINUTE)
    for minutes in range(-26, 0):
        await tick(worker_db, now + minutes * MINUTE)
    lines = await told(nurse)
    assert any(
        "Clinician" in line and "(3 times)" in line and "next: clinician and administrator" in line for line in lines
    )


async def test_what_was_not_begun_yet_and_older_readings_say_nothing(
    nurse: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    now = await owner.fetchval("SELECT now()")
    await open_alert(owner, clinic.world, now, "medium", "bp_low")
    assert await told(nurse) == []
    await tick(worker_db, now)
    (line,) = await told(nurse)
    assert line.startswith("Next: nurse on shift at")
