"""The patient's own supply of medicines, in kind words: on track, with days to spare, or that every day helps."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.db.ids import uuid7
from server.gaps.adherence import Pdc
from server.web.portal.supply import say
from server.web.portal.words import words
from tests.world import World

Client = AsyncTestClient[Litestar]
TODAY = date(2026, 6, 1)
HOME = ZoneInfo("America/New_York")


def told(can_miss: int, language: str = "en", *, lasts: int = 10) -> str:
    pdc = Pdc(covered=140, days=150, fills=5, can_miss=can_miss, runs_out_on=TODAY + timedelta(days=lasts))
    one = say("statin", pdc, words(language, "UTC"), TODAY)
    return " ".join((one.title, one.covered, one.to_spare, one.lasts))


@pytest.mark.parametrize(
    ("can_miss", "says"),
    [(12, "Even 12 days without it"), (1, "One day without it"), (0, "every day counts"), (-3, "that happens")],
)
def test_days_to_spare_are_told_and_nobody_is_blamed(can_miss: int, says: str) -> None:
    assert says in told(can_miss)
    assert "140 of 150" in told(can_miss)
    assert told(can_miss, "es") != told(can_miss)


def test_what_was_picked_up_lasts_through_its_last_day_and_not_one_more() -> None:
    assert "lasts through June 10, 2026" in told(3, lasts=10)
    assert "lasts through June 1, 2026" in told(3, lasts=1)
    assert "lasted until May 31, 2026" in told(3, lasts=0)


async def test_the_portal_shows_it_from_the_second_fill_on(portal: Client, owner: Any, world: World) -> None:
    medicine, now = uuid7(), datetime.now(UTC)
    today = now.astimezone(HOME).date()  # the patient's day, which begins later than UTC's
    await owner.execute(
        """INSERT INTO medicine (id, organization_id, patient_id, name, adherence_class, as_needed, starts_on, source, author,
               recorded_at) VALUES ($1, $2, $3, 'Secretstatin 20 mg', 'statin', true, $4, 'staff', 'test', $5)""",
        medicine, world.organization, world.patient, today - timedelta(days=300), now,
    )  # fmt: skip
    first = today.replace(month=1, day=1)  # fills of last year do not count, whenever this runs
    for days, seen in ((40, False), (10, True)):
        filled_on = max(today - timedelta(days=days), first + timedelta(days=1 if seen else 0))
        await owner.execute(
            "INSERT INTO dispensing VALUES ($1, $2, $3, $4, $5, 30, 'staff', 'test', $6)",
            uuid7(), world.organization, world.patient, medicine, filled_on, now,
        )  # fmt: skip
        page = (await portal.get("/portal")).text
        assert ("Cholesterol medicine" in page) is seen
    assert "You had it at hand on 41 of 41 days." in page or today.timetuple().tm_yday < 42
    assert "Secretstatin" not in page
