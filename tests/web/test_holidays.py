"""On the roster's page: a holiday asks nobody to be on shift, what waits for a working day waits, telephones are tried."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database
from server.flows import uncovered
from tests.flows.clinic import WORKER, Clinic, open_alert, paged, tick
from tests.flows.test_reading import count
from tests.web.conftest import Client
from tests.web.test_roster import DAY, clinic, coordinator, fill, look, next_monday, post
from tests.world import World

__all__ = ["clinic", "coordinator"]
ZONE = ZoneInfo("America/New_York")
WEEKDAYS = {f"watched_{n}": "1" for n in range(5)} | {
    f"{end}_{n}": at for n in range(7) for end, at in (("opens", "08:00"), ("closes", "17:00"))
}


def holiday(day: date, name: str = "Founder's Day", **changes: Any) -> dict[str, Any]:
    return {"holiday_day": day, "holiday_name": name} | changes


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC)


async def test_on_a_holiday_nobody_has_to_be_on_shift_unless_it_is_said(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    await post(coordinator, clinic, "/hours", **WEEKDAYS)
    for n in range(1, 5):
        day = next_monday() + n * DAY
        await post(coordinator, clinic, "/shifts", staff=clinic.backup, day=day, **{"from": "08:00", "to": "17:00"})
    assert "08:00 to Mon" in await look(coordinator)
    assert (await post(coordinator, clinic, "/holidays", **holiday(next_monday()))).status_code == 303
    text = await look(coordinator)
    assert "Founder&#39;s Day" in text
    assert "Nobody is on shift" not in text
    found = await owner.fetchval("SELECT id FROM holiday")
    assert (await post(coordinator, clinic, "/holidays/remove", holiday=found)).status_code == 303
    assert "08:00 to Mon" in await look(coordinator)
    await post(coordinator, clinic, "/holidays", **holiday(next_monday(), monitored="1"))
    text = await look(coordinator)
    assert "monitored all the same" in text
    assert (await post(coordinator, clinic, "/publish")).status_code == 422
    assert await count(owner, "audit", "action = 'holiday.add'") == 2
    assert await count(owner, "audit", "action = 'holiday.remove'") == 1


async def test_a_published_holiday_without_anybody_raises_no_alarm(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await post(coordinator, clinic, "/hours", **WEEKDAYS)
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    away = {"first": next_monday(), "last": next_monday(), "away_from": "00:00", "away_to": "23:59"}
    await post(coordinator, clinic, "/time-off", away_staff=clinic.world.nurse, **away)
    morning = at(next_monday(), 1)
    assert await uncovered.watch(worker_db, WORKER, morning) == 1
    await post(coordinator, clinic, "/holidays", **holiday(next_monday()))
    assert await uncovered.watch(worker_db, WORKER, morning) == 0
    assert await owner.fetchval("SELECT status FROM alarm") == "resolved"


async def test_round_the_clock_knows_no_holidays(coordinator: Client, clinic: Clinic) -> None:
    await post(coordinator, clinic, "/holidays", **holiday(next_monday()))
    assert (await post(coordinator, clinic, "/publish")).status_code == 422


@pytest.mark.parametrize(
    ("whose", "waits"), [("organization", True), ("our only clinic", True), ("another clinic", False)]
)
async def test_what_may_wait_for_a_working_day_waits_for_one_that_is_no_holiday(
    clinic: Clinic, owner: Any, worker_db: Database, whose: str, waits: bool
) -> None:
    """Monday is a holiday; a low alert of Friday evening is told on Tuesday at nine."""
    friday = next_monday() + 4 * DAY
    monday, tuesday = friday + 3 * DAY, friday + 4 * DAY
    await owner.execute(
        "INSERT INTO shift (id, organization_id, team_id, staff_id, starts_at, ends_at)"
        " VALUES (gen_random_uuid(), $1, $2, $3, $4, $5)",
        clinic.world.organization, clinic.world.team, clinic.world.nurse, at(friday, 0), at(tuesday, 23),
    )  # fmt: skip
    other = await owner.fetchval(
        "INSERT INTO clinic (id, organization_id, name, zone) VALUES (gen_random_uuid(), $1, 'Second', 'UTC')"
        " RETURNING id", clinic.world.organization)  # fmt: skip
    where = {"organization": None, "our only clinic": clinic.world.clinic, "another clinic": other}[whose]
    await owner.execute(
        "INSERT INTO holiday (id, organization_id, clinic_id, day, name) VALUES (gen_random_uuid(), $1, $2, $3, 'Day off')",
        clinic.world.organization, where, monday,
    )  # fmt: skip
    opened = at(friday, 18)
    await open_alert(owner, clinic.world, opened, "low", "bp_low")
    await tick(worker_db, opened)
    due = at(tuesday if waits else monday, 9)
    await tick(worker_db, due - timedelta(minutes=1))
    assert await paged(owner, clinic, due) == []
    await tick(worker_db, due)
    assert await paged(owner, clinic, due) == [(0, "nurse")]


async def test_the_federal_holidays_are_offered_and_entered_only_when_chosen(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    from server.people import holidays

    coming = holidays.coming(datetime.now(ZONE).date())
    text = await look(coordinator)
    assert len(coming) in {11, 12}
    assert all(name.replace("'", "&#39;") in text for _, name in coming)
    assert await count(owner, "holiday") == 0
    chosen = [str(coming[0][0]), str(coming[3][0]), "2026-02-31", "2020-01-01"]
    place = {"team": str(clinic.world.team), "week": str(next_monday()), "federal": chosen}
    assert (await coordinator.post("/roster/holidays/federal", data=place)).status_code == 303
    rows = await owner.fetch("SELECT day, name FROM holiday ORDER BY day")
    assert [tuple(row) for row in rows] == [coming[0], coming[3]]
    again = await coordinator.post("/roster/holidays/federal", data=place)
    assert again.status_code == 409
    nothing = await coordinator.post("/roster/holidays/federal", data=place | {"federal": []})
    assert nothing.status_code == 422


@pytest.mark.parametrize(
    ("typed", "status"),
    [({"holiday_name": " "}, 422), ({"holiday_day": "soon"}, 422), ({"holiday_day": "2001-01-01"}, 422), ({}, 303)],
)
async def test_what_cannot_be_a_holiday_is_said(
    coordinator: Client, clinic: Clinic, owner: Any, typed: dict[str, str], status: int
) -> None:
    answer = await post(coordinator, clinic, "/holidays", **(holiday(next_monday()) | typed))
    assert answer.status_code == status
    if status == 422:
        assert await count(owner, "holiday") == 0
    else:
        assert (await post(coordinator, clinic, "/holidays", **holiday(next_monday()))).status_code == 409


async def test_the_page_says_of_each_telephone_whether_the_test_arrived_and_the_test_can_be_switched_off(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database, world: World
) -> None:
    assert "○ not tried yet" in await look(coordinator)
    now = await owner.fetchval("SELECT now()")
    states = {"nurse": ("delivered", now), "backup": ("delivered", None), "charge": ("failed", None)}
    names = {name: staff for staff, name in clinic.names().items()}
    for name, (status, answered) in states.items():
        message = await owner.fetchval(
            """INSERT INTO message (id, organization_id, purpose, unique_for, staff_id, to_number, to_hash, wording,
                   wording_version, language, body, status, reason, not_before, created_at)
               SELECT gen_random_uuid(), organization_id, 'test', 'x' || id, id, phone, '', 'test_page', 1, 'en', 'x', $2,
                      CASE WHEN $2 = 'failed' THEN '30003' END, $3, $3 FROM staff WHERE id = $1 RETURNING id""",
            names[name], status, now,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO page_test VALUES ($1, date_trunc('week', $4::timestamptz)::date, $2, $3, $4, $5)",
            names[name], world.organization, message, now, answered,
        )  # fmt: skip
    text = await look(coordinator)
    for words in ("✓ arrived and answered", "◆ arrived, not answered", "▲ did not arrive", "check the number"):
        assert words in text
    assert (await post(coordinator, clinic, "/test-pages", wanted="")).status_code == 303
    assert "The weekly test is switched off" in await look(coordinator)
    assert await owner.fetchval("SELECT test_pages FROM team WHERE id = $1", world.team) is False
    assert (await post(coordinator, clinic, "/test-pages", wanted="1")).status_code == 303
    assert "Once a week everybody whom the team can page" in await look(coordinator)
