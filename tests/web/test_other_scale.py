"""A weight of another scale crosses the dry weight as ever, and whoever reads the alert is told of the scale."""

import uuid
from datetime import datetime
from typing import Any

from server.db.ids import uuid7
from server.db.pool import Database
from tests.flows.measured import date_of, give_rule, on, send, watch, weight
from tests.flows.test_series import GAIN, SECONDS
from tests.web.conftest import Client
from tests.world import World, lend_device

FIRST = "This is the first weight on another scale (since {}); the dry weight was set before. Weigh again"
ANEW = "set the dry weight anew"


async def dry_weight(owner: Any, world: World, kg: float, since: datetime) -> None:
    """The world's `bp_low` becomes the rule of dry weight, with a value of the patient's own."""
    version, rule = world.versions["bp_low"], world.rules["bp_low"]
    await owner.execute("UPDATE rule SET vital = 'weight', code = 'weight_high' WHERE id = $1", rule)
    await owner.execute("DELETE FROM rule_limit WHERE rule_version_id = $1", version)
    await owner.execute(
        "INSERT INTO rule_limit VALUES ($1, $2, 'weight_kg', 'above', 'medium', NULL)", version, world.organization
    )
    await own(owner, world, kg, since)


async def own(owner: Any, world: World, kg: float, since: datetime) -> None:
    await owner.execute("UPDATE patient_limit SET valid_to = $1", since)
    await owner.execute(
        """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,
               reason, valid_from)
           VALUES ($1, $2, $3, $4, 'weight_kg', 'above', 'medium', $5, 'Dr Ford', 'dry weight', $6)""",
        uuid7(), world.organization, world.patient, world.rules["bp_low"], kg, since,
    )  # fmt: skip


async def page_of(nurse: Client, owner: Any, world: World) -> str:
    made: uuid.UUID = await owner.fetchval("SELECT id FROM alert ORDER BY opened_at DESC LIMIT 1")
    answer = await nurse.get(f"/alerts/{world.patient}/{made}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_first_weight_on_another_scale_alerts_and_says_that_the_dry_weight_is_older(
    nurse: Client, world: World, owner: Any, bridge_db: Database
) -> None:
    await dry_weight(owner, world, 80, on(-9))
    other, _ = await lend_device(owner, world.organization, world.patient, on(0), ("weight",))
    await send(bridge_db, world, on(0), weight(on(0), 80.5))
    assert ANEW not in await page_of(nurse, owner, world), "the first scale of all is no other one"
    await owner.execute("UPDATE alert SET status = 'resolved', resolved_at = $1", on(0, 9))
    limits = f"/patients/{world.patient}/limits"
    assert ANEW not in (await nurse.get(limits)).text
    await send(bridge_db, world, on(1), weight(on(1), 82), sender=other)
    assert await owner.fetchval("SELECT count(*) FROM alert WHERE status = 'open'") == 1
    assert FIRST.format(f"{date_of(1):%b} {date_of(1).day}") in await page_of(nurse, owner, world)
    assert ANEW in (await nurse.get(limits)).text
    await send(bridge_db, world, on(2), weight(on(2), 82.1), sender=other)
    assert "This is a weight on another scale" in await page_of(nurse, owner, world)
    await own(owner, world, 81, on(2, 9))
    assert ANEW not in (await nurse.get(limits)).text
    await send(bridge_db, world, on(3), weight(on(3), 83), sender=other)
    assert ANEW not in await page_of(nurse, owner, world)


async def test_the_alarm_about_a_new_scale_asks_for_the_dry_weight_too(
    world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    await give_rule(owner, world, "weight_gain", "weight", GAIN)
    for day, has in ((1, False), (3, True)):
        if has:
            await dry_weight(owner, world, 90, on(2))
        other, _ = await lend_device(owner, world.organization, world.patient, on(0), ("weight",))
        await send(bridge_db, world, on(0), weight(on(0), 80))
        await send(bridge_db, world, on(day), weight(on(day), 82), sender=other)
        await watch(worker_db, on(day) + SECONDS)
        says = await owner.fetchval("SELECT says FROM alarm WHERE subject = $1", other)
        assert "ask them to weigh again" in says
        assert ("Check the dry weight too: it was set on another scale." in says) is has
