"""The page of a patient's medicines: entered, filled, stopped by staff, and what is wrong said without losing a word."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.web.conftest import Client
from tests.world import World


async def post(nurse: Client, world: World, what: str = "", **fields: str) -> Any:
    return await nurse.post(f"/patients/{world.patient}/medicines{what}", data=fields)


async def page(nurse: Client, world: World) -> str:
    answer = await nurse.get(f"/patients/{world.patient}/medicines")
    assert answer.status_code == 200
    return str(answer.text)


async def test_an_empty_list_says_how_to_begin(nurse: Client, world: World) -> None:
    assert "No medicines are known" in await page(nurse, world)


async def test_added_filled_and_stopped_each_time_the_page_says_so(nurse: Client, world: World, owner: Any) -> None:
    added = await post(nurse, world, name="Lisinopril 10 mg", times="08:00 20:00", **{"class": "renin_angiotensin"})
    assert added.status_code == 303
    assert "08:00, 20:00" in await page(nurse, world)
    today = datetime.now(UTC).date()
    fills = [max(today - timedelta(days=back), date(today.year, 1, 1)) for back in (40, 15)]
    for day in sorted(set(fills)):
        filled = await post(nurse, world, "/dispensed", name="Lisinopril 10 mg", filled_on=f"{day}", days_supply="30")
        assert filled.status_code == 303
    if len(set(fills)) == 2:  # in the first days of a year there can be only one
        assert "may be missed this year" in await page(nurse, world)
    again = await post(nurse, world, "/dispensed", name="Lisinopril 10 mg", filled_on=f"{fills[1]}", days_supply="30")
    assert (again.status_code, "known already" in again.text) == (409, True)
    assert (await post(nurse, world, "/stop", name="Lisinopril 10 mg")).status_code == 303
    assert "No medicines are known" in await page(nurse, world)
    assert await owner.fetchval("SELECT count(*) FROM dispensing") == len(set(fills))


async def test_what_is_wrong_is_said_and_what_was_typed_stays(nurse: Client, world: World, owner: Any) -> None:
    wrong = await post(nurse, world, name="Metformin 500 mg", times="8 o'clock")
    assert wrong.status_code == 422
    assert "is no time" in wrong.text
    assert 'value="Metformin 500 mg"' in wrong.text
    nameless = await post(nurse, world, name=" ")
    assert (nameless.status_code, "name and strength" in nameless.text) == (422, True)
    assert await owner.fetchval("SELECT count(*) FROM medicine") == 0


async def test_one_fill_is_not_enough_for_a_number(nurse: Client, world: World) -> None:
    await post(nurse, world, name="Atorvastatin", **{"class": "statin"})
    today = datetime.now(UTC).date()
    await post(nurse, world, "/dispensed", name="Atorvastatin", filled_on=f"{today}", days_supply="30")
    assert "not enough fills for a number" in await page(nurse, world)


async def test_a_fill_that_was_told_before_the_medicine_was_entered_anew_counts_once(
    nurse: Client, world: World, owner: Any
) -> None:
    name, today = "Simvastatin 20 mg", datetime.now(UTC).date()
    for kind, code in (("other", 303), ("statin", 409)):
        await post(nurse, world, name=name, times="08:00", **{"class": kind})
        told = await post(nurse, world, "/dispensed", name=name, filled_on=f"{today}", days_supply="30")
        assert told.status_code == code
        if kind == "other":
            await post(nurse, world, "/stop", name=name)
    await owner.execute(
        "INSERT INTO dispensing SELECT gen_random_uuid(), m.organization_id, m.patient_id, m.id, $1, 30, 'csv', 't', now()"
        " FROM medicine m WHERE m.stopped_at IS NULL",
        today,
    )
    # as an earlier version kept it twice
    assert "two are needed, 1 is known" in await page(nurse, world)


async def test_a_fill_entered_in_error_is_taken_back_counts_no_more_and_the_right_one_follows(
    nurse: Client, world: World, owner: Any
) -> None:
    name, today = "Atorvastatin", datetime.now(UTC).date()
    await post(nurse, world, name=name, times="08:00", **{"class": "statin"})
    await post(nurse, world, "/dispensed", name=name, filled_on=f"{today}", days_supply="300")
    wrong = str(await owner.fetchval("SELECT id FROM dispensing"))
    assert f"{today:%b %d, %Y}, 300 days" in await page(nurse, world)
    assert (await post(nurse, world, "/withdraw", fill=wrong)).status_code == 303
    shown = await page(nurse, world)
    assert ("300 days" in shown, "Days covered" in shown) == (False, False)
    assert (
        await post(nurse, world, "/dispensed", name=name, filled_on=f"{today}", days_supply="30")
    ).status_code == 303
    shown = await page(nurse, world)
    assert (f"{today:%b %d, %Y}, 30 days" in shown, "1 is known" in shown) == (True, True)
    again = await post(nurse, world, "/withdraw", fill=wrong)
    assert (again.status_code, "no such fill any more" in again.text) == (404, True)
    assert (await post(nurse, world, "/withdraw", fill="x")).status_code == 422
    kept = await owner.fetchrow("SELECT withdrawn_by FROM dispensing WHERE withdrawn_at IS NOT NULL")
    assert kept["withdrawn_by"] == f"staff:{world.nurse}"
    said = await owner.fetchrow("SELECT detail, patient_id FROM audit WHERE action = 'medicine.withdraw_fill'")
    assert (wrong in str(said["detail"]), said["patient_id"]) == (True, world.patient)


async def test_a_fill_that_the_pharmacy_told_is_not_the_pages_to_take_back(
    nurse: Client, world: World, owner: Any
) -> None:
    name, today = "Atorvastatin", datetime.now(UTC).date()
    await post(nurse, world, name=name, times="08:00")
    await post(nurse, world, "/dispensed", name=name, filled_on=f"{today}", days_supply="30")
    await owner.execute("UPDATE dispensing SET source = 'csv'")
    assert "Remove" not in await page(nurse, world)
    told = str(await owner.fetchval("SELECT id FROM dispensing"))
    assert (await post(nurse, world, "/withdraw", fill=told)).status_code == 404


async def test_an_interval_a_last_day_and_a_count_are_entered_and_shown(
    nurse: Client, world: World, owner: Any
) -> None:
    today = datetime.now(UTC).date()
    until = today + timedelta(days=9)
    added = await post(nurse, world, name="Amoxicillin", every_hours="8", ends_on=f"{until}")
    assert added.status_code == 303
    counted = await post(nurse, world, "/stock", name="Amoxicillin", doses="27", counted_on=f"{today}")
    assert counted.status_code == 303
    shown = await page(nurse, world)
    for words in ("every 8 hours", f"until {until:%b %d, %Y}", f"27 on {today:%b %d, %Y}"):
        assert words in shown
    again = await post(nurse, world, "/stock", name="Amoxicillin", doses="27", counted_on=f"{today}")
    assert (again.status_code, "known already" in again.text) == (409, True)
    assert await owner.fetchval("SELECT first_dose_at IS NOT NULL FROM medicine")


WRONG = (
    ("", {"times": "08:00", "every_hours": "8"}, "not both"),
    ("", {"every_hours": "200"}, "from 1 to 168"),
    ("", {"ends_on": "2020-01-01"}, "before the first"),
    ("/stock", {"doses": "-1", "counted_on": "2026-01-01"}, "how many doses"),
    ("/stock", {"doses": "5", "counted_on": "2999-01-01"}, "in the past"),
)


@pytest.mark.parametrize(("what", "fields", "says"), WRONG)
async def test_what_is_no_schedule_and_no_count_is_said(
    nurse: Client, world: World, what: str, fields: dict[str, str], says: str
) -> None:
    answer = await post(nurse, world, what, name="Amoxicillin", **fields)
    assert (answer.status_code, says in answer.text) == (422, True)
