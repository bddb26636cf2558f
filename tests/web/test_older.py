"""Older readings as staff see them: below live work, with what crossed, and honest everywhere else."""

import re
from datetime import timedelta
from typing import Any

from server.db.pool import Database
from server.flows import silence
from tests.flows.test_reading import NOW, bp, publish, send
from tests.flows.test_silence import WORKER
from tests.web.conftest import Client
from tests.web.people import alarm, alert
from tests.world import World

DAYS = timedelta(days=1)


async def backlog(world: World, bridge_db: Database) -> None:
    """Eight high pressures and two low ones of the days before yesterday."""
    high = [bp(n, 180 + n, 90, at=NOW - n * DAYS) for n in range(2, 10)]
    low = [bp(20 + n, 80 - n, 50, at=NOW - n * DAYS) for n in (3, 4)]
    await send(bridge_db, publish(world, *high, *low))


async def test_it_stands_below_live_work_and_is_not_counted_as_waiting(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    await backlog(world, bridge_db)
    page = (await nurse.get("/worklist")).text
    assert "Nothing waits." in page
    assert "<title>Worklist" in page
    assert "10 findings" in page
    old: Any = await owner.fetchval("SELECT id FROM alert")
    low, live = await alarm(owner, world, "low"), await alert(owner, world)
    items = (await nurse.get("/api/v1/worklist")).json()["items"]
    assert [item["id"] for item in items] == [str(live), str(low), str(old)]
    assert (items[2]["older"]["count"], items[2]["crossing"], items[2]["severity"]) == (10, None, "medium")
    page = (await nurse.get("/worklist")).text
    assert re.findall(r'id="item-([0-9a-f-]+)"', page) == [item["id"] for item in items]
    assert page.index("Nobody was paged") > page.index(f"item-{low}")
    assert "(2) Worklist" in page
    assert "Nothing waits." not in page


async def test_the_patients_page_says_per_rule_how_often_how_bad_and_when(
    nurse: Client, world: World, bridge_db: Database
) -> None:
    await backlog(world, bridge_db)
    page = " ".join((await nurse.get(f"/patients/{world.patient}")).text.split())
    for words in ("Older readings", "nobody was paged", "189 mmHg systolic", "76 mmHg systolic", "<svg"):
        assert words in page
    assert re.search(r"bp_high</th><td>.*?high</span></td><td class=\"num\">8<", page)
    assert re.search(r"bp_low</th><td>.*?medium</span></td><td class=\"num\">2<", page)
    older = (await nurse.get(f"/api/v1/patients/{world.patient}")).json()["older"]
    assert [(one["title"], one["count"], float(one["worst"])) for one in older] == [
        ("bp_high", 8, 189.0),
        ("bp_low", 2, 76.0),
    ]


async def test_a_meter_that_said_hi_is_the_worst_there_is(nurse: Client, world: World, bridge_db: Database) -> None:
    glucose = [
        {"seq": n, "kind": "glucose", "measured_at": (NOW - n * DAYS).isoformat(), "glucose": said}
        for n, said in ((2, 410), (3, "HI"))
    ]
    await send(bridge_db, publish(world, *glucose))
    page = (await nurse.get(f"/patients/{world.patient}")).text
    assert '<td class="figure">HI</td>' in page


async def test_it_is_acknowledged_and_resolved_like_any_alert(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    await backlog(world, bridge_db)
    old = await owner.fetchval("SELECT id FROM alert")
    assert (await nurse.post(f"/alerts/{world.patient}/{old}/acknowledge")).status_code == 303
    assert "taken by Nurse Aspen" in (await nurse.get("/worklist")).text
    form = {"outcome": "no_action_needed", "note": "Was on holiday.", "back": "patient"}
    assert (await nurse.post(f"/alerts/{world.patient}/{old}/resolve", data=form)).status_code == 303
    page = (await nurse.get(f"/patients/{world.patient}")).text
    assert "Nothing stands open." in page
    assert "Was on holiday." in page
    assert page.count("Older readings") == 1  # the resolved one, in the history
    assert "Older readings" not in (await nurse.get("/worklist")).text


async def test_what_no_longer_holds_is_said_so(nurse: Client, owner: Any, world: World, bridge_db: Database) -> None:
    await send(bridge_db, publish(world, bp(2, 190, at=NOW - 2 * DAYS)))
    await owner.execute("UPDATE finding SET superseded_at = now()")
    assert "none of it holds any more" in (await nurse.get("/worklist")).text
    assert "Nothing in it holds any more" in (await nurse.get(f"/patients/{world.patient}")).text


async def test_it_is_no_clinical_rule(nurse: Client, owner: Any, world: World, bridge_db: Database) -> None:
    await backlog(world, bridge_db)
    rule = await owner.fetchval("SELECT id FROM rule WHERE code = 'retrospective'")
    for table in ("programme_rule", "rule_version", "patient_limit"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE rule_id = $1", rule) == 0
    levels = (await nurse.get(f"/api/v1/patients/{world.patient}/readings")).json()["limits"]
    assert levels
    assert "retrospective" not in str(levels)


async def test_a_silent_device_names_whom_to_call(nurse: Client, owner: Any, world: World, worker_db: Database) -> None:
    await silence.watch(worker_db, WORKER, 48, NOW)
    page = (await nurse.get("/worklist")).text
    assert f"Silent device · {world.device}" in page
    assert "days ago and has sent nothing since" in page
    assert f'href="/patients/{world.patient}" data-open-line>Pat Aspen' in page
    (item,) = (await nurse.get("/api/v1/worklist")).json()["items"]
    assert (item["kind"], item["patient_id"]) == ("alarm", str(world.patient))
    seen = await owner.fetchval("SELECT detail FROM audit WHERE action = 'worklist.view' LIMIT 1")
    assert str(world.patient) in seen
