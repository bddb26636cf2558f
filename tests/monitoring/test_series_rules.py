"""The shipped rules over a series reach the patients of their programmes, with the strictest schedule and levels."""

from typing import Any

from server.db import pool
from server.db.ids import uuid7
from server.monitoring import programmes, series_rules
from server.monitoring.parameters import Missing
from server.monitoring.schedule import per_week
from server.monitoring.series_rules import Applying
from tests.flows.measured import on
from tests.world import World


async def applying(owner: Any, world: World, *codes: str) -> dict[str, Applying]:
    """By code, what applies to the world's patient once they are in these shipped programmes."""
    await pool._prepare(owner)
    await programmes.seed(owner, world.organization, "tests", on(-100))
    await owner.execute("UPDATE enrolment SET valid_to = $1", on(-100))
    for n, code in enumerate(codes):
        await owner.execute(
            "INSERT INTO enrolment SELECT $1, $2, $3, id, $5, NULL FROM programme WHERE organization_id = $2 AND code = $4",
            uuid7(), world.organization, world.patient, code, on(-50 + n),
        )  # fmt: skip
    found = (await series_rules.of_patients(owner, [world.patient], on(0)))[world.patient]
    names = {row["id"]: row["code"] for row in await owner.fetch("SELECT id, code FROM rule")}
    return {names[one.rule.rule_id]: one for one in found}


async def test_the_shipped_rules_of_each_programme_apply(world: World, owner: Any) -> None:
    found = await applying(owner, world, "general", "heart_failure", "diabetes")
    assert set(found) == {
        "irregular_pulse", "bp_sustained", "weight_gain", "no_weight", "no_blood_pressure", "glucose_above_target", "no_glucose",
    }  # fmt: skip
    assert found["bp_sustained"].since == on(-49)
    assert {limit.severity for limit in found["bp_sustained"].rule.levels} == {"medium"}
    assert isinstance(found["no_weight"].rule.parameters, Missing)
    assert [(one.opens, one.closes) for one in found["no_weight"].expected] == [(300, 720)]


async def test_of_two_programmes_the_one_that_expects_more_counts(world: World, owner: Any) -> None:
    found = await applying(owner, world, "heart_failure", "pregnancy")
    assert per_week(found["no_blood_pressure"].expected) == 14
    assert found["no_blood_pressure"].since == on(-49), "since the second programme is asked for too"


async def test_who_left_every_programme_has_no_rules(world: World, owner: Any) -> None:
    assert await applying(owner, world) == {}


async def test_midnight_may_be_written_as_24(world: World, owner: Any) -> None:
    found = await applying(owner, world, "diabetes")
    await owner.execute("UPDATE expected_measurement SET closes = '24:00' WHERE vital = 'glucose'")
    again = (await series_rules.of_patients(owner, [world.patient], on(0)))[world.patient]
    assert found["no_glucose"].expected[0].closes == 720
    assert [one.closes for of_rule in again for one in of_rule.expected] == [1440]
