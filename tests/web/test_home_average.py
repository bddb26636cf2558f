"""The patient's page says the home average of this week and the last, or how much is lacking, never a number then."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.monitoring import parameters
from server.monitoring.parameters import Average
from tests.web.conftest import Client
from tests.web.people import reading
from tests.world import World

ZONE = ZoneInfo("America/New_York")


async def averaged(owner: Any, world: World) -> None:
    await owner.execute("UPDATE rule SET kind = 'average' WHERE id = $1", world.rules["bp_low"])
    raw = parameters.encode(Average())
    await owner.execute(
        "UPDATE rule_version SET parameters = $2 WHERE rule_id = $1 AND valid_to IS NULL", world.rules["bp_low"], raw
    )


async def said(nurse: Client, world: World) -> list[str]:
    text = (await nurse.get(f"/patients/{world.patient}")).text
    if 'id="home-average-title"' not in text:
        return []
    section = text[text.index('id="home-average-title"') :].split("</section>")[0]
    return [html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one))).strip() for one in re.findall(r"<li>.*?</li>", section, re.S)]  # fmt: skip


async def last_week(owner: Any, world: World, readings: int, days: int) -> None:
    noon = datetime.now(UTC).astimezone(ZONE).replace(hour=12, minute=0)
    monday = noon - timedelta(days=noon.weekday() + 7)
    for n in range(readings):
        await reading(owner, world, 134, 84, (monday + timedelta(days=n % days, minutes=n)).astimezone(UTC))


@pytest.mark.parametrize(
    ("readings", "days", "words"),
    [
        (9, 3, "9 of 12 readings on 3 of 3 days; missing: 3 readings"),
        (12, 2, "12 of 12 readings on 2 of 3 days; missing: 1 more day"),
        (11, 2, "11 of 12 readings on 2 of 3 days; missing: 1 reading, 1 more day"),
    ],
)
async def test_too_few_readings_are_counted_and_give_no_number(
    nurse: Client, world: World, owner: Any, readings: int, days: int, words: str
) -> None:
    await averaged(owner, world)
    await last_week(owner, world, readings, days)
    this, last = await said(nurse, world)
    assert this == (
        "Blood pressure, this week so far: not enough readings yet. 0 of 12 readings on 0 of 3 days; "
        "still needed: 12 readings, 3 more days"
    )
    assert last == f"Blood pressure, last week: not enough readings. {words}"


async def test_enough_readings_give_the_mean_with_its_count(nurse: Client, world: World, owner: Any) -> None:
    await averaged(owner, world)
    await last_week(owner, world, 12, 3)
    assert (await said(nurse, world))[1] == "Blood pressure, last week: 134/84 mmHg mean of 12 readings on 3 days"


async def test_who_is_in_no_programme_that_averages_sees_nothing_of_it(nurse: Client, world: World) -> None:
    assert await said(nurse, world) == []
