"""The reminders page: what became of them in words, stops that anybody understands, and who may change what."""

import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.ids import uuid7
from tests.web.conftest import Client, sign_in
from tests.web.people import patient_login, staff_login
from tests.world import World

FIELDS = {"local_hour": "14", "lasts_hours": "6", "priority": "2", "enabled": "1"}


@pytest.fixture
async def coordinator(client: Client, owner: Any, world: World) -> Client:
    login, _ = await staff_login(owner, world, "coordinator")
    await sign_in(client, login)
    return client


async def make_rule(owner: Any, world: World, kind: str = "screening", measure: str | None = "CMS125") -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        "INSERT INTO reminder_rule (id, organization_id, code, kind, measure, after_days, local_hour)"
        " VALUES ($1, $2, $3, $4, $5, 30, 11)",
        made, world.organization, made.hex, kind, measure,
    )  # fmt: skip
    return made


async def slot(
    owner: Any, world: World, rule: uuid.UUID, hour: int, status: str = "planned", reason: str | None = None,
    message: uuid.UUID | None = None, days_ago: int = 0,
) -> None:  # fmt: skip
    today = datetime.now(ZoneInfo("America/New_York")).date() - timedelta(days=days_ago)
    await owner.execute(
        """INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, status, reason, message_id,
               planned_at) VALUES ($1, $2, $3, $4, $5, now(), $6, $7, $8, now())""",
        uuid7(), world.organization, world.patient, rule, datetime.combine(today, time(hour)), status, reason, message,
    )  # fmt: skip


async def message(owner: Any, world: World, status: str, reason: str | None = None) -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, to_number, to_hash, wording,
               wording_version, language, body, status, reason, not_before, created_at)
           VALUES ($1, $2, 'reminder', $3, $4, '+12125550244', 'x', 'w', 1, 'en', 'hello', $5, $6, now(), now())""",
        made, world.organization, made.hex, world.patient, status, reason,
    )  # fmt: skip
    return made


async def actions(owner: Any) -> list[str]:
    rows = await owner.fetch(
        "SELECT action FROM audit WHERE action ~ '^(stop_switch|reminder|patient.(hours|region))' ORDER BY id"
    )
    return [row["action"] for row in rows]


def words(html: str) -> str:
    """What a reader sees, with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_a_quiet_day_says_so(nurse: Client) -> None:
    page = words((await nurse.get("/reminders")).text)
    assert "No reminders today." in page
    assert "No rule reminds anybody." in page
    assert "at most 4 reminders a day and 21 in seven days" in page


async def test_the_ledger_says_what_became_of_each_and_why(nurse: Client, owner: Any, world: World) -> None:
    rule = await make_rule(owner, world)
    bundle = await message(owner, world, "delivered")
    await slot(owner, world, rule, 8)
    await slot(owner, world, rule, 9, "planned", "quiet_hours")
    await slot(owner, world, rule, 10, "queued", None, bundle)
    await slot(owner, world, rule, 11, "queued", None, bundle)
    await slot(owner, world, rule, 12, "queued", None, await message(owner, world, "suppressed", "opted_out"))
    await slot(owner, world, rule, 13, "suppressed", "too_late after day_full")
    await slot(owner, world, rule, 14, "queued", None, await message(owner, world, "withheld", "shadow"))
    await slot(owner, world, rule, 8, "suppressed", "deceased", days_ago=8)
    page = (await nurse.get("/reminders")).text
    row = words(re.search(r"<tr><th scope=\"row\">Screening</th>.*?</tr>", page, re.DOTALL)[0])  # type: ignore[index]
    assert row == "Screening 1 2 1 2 – 1"  # planned, sent, put off, dropped, failed, shown only
    shown = words(page)
    assert "went out in 1 message:" in shown
    assert "Dropped: they asked us to stop (1), too late to help after waiting: enough for that day (1)." in shown
    assert "Put off: outside the hours for texts (1)." in shown
    assert "has died" not in shown
    assert "Screening" in words((await nurse.get("/reminders?span=week")).text)


async def test_stopping_and_letting_go_is_one_form_and_one_click_on_record(
    coordinator: Client, owner: Any, world: World
) -> None:
    rule = await make_rule(owner, world)
    stopped = await coordinator.post("/reminders/stop", data={"what": "measure:CMS125", "reason": " out  of stock "})
    assert stopped.status_code == 303
    await slot(owner, world, rule, 9, "planned", "stopped")
    await slot(owner, world, rule, 8, "suppressed", "too_late after stopped")
    for path in ("/reminders", "/outreach"):
        page = words((await coordinator.get(path)).text)
        assert "Breast cancer screening reminders: stopped. out of stock" in page
        assert "By Coordinator Test" in page
        assert "1 reminder waits, 1 has become too late and was dropped." in page
    again = await coordinator.post("/reminders/stop", data={"what": "measure:CMS125", "reason": "me too"})
    assert (again.status_code, "stopped already" in again.text, "me too" in again.text) == (409, True, True)
    switch = await owner.fetchval("SELECT id FROM stop_switch")
    assert (await coordinator.post("/reminders/start", data={"switch": str(switch)})).status_code == 303
    page = words((await coordinator.get("/reminders")).text)
    assert "stopped. out of stock" not in page
    assert "out of stock By Coordinator Test" in page  # among those of before
    assert (await coordinator.post("/reminders/start", data={"switch": str(switch)})).status_code == 404
    assert await actions(owner) == ["stop_switch.begin", "stop_switch.end", "stop_switch.end"]
    allowed = await owner.fetch("SELECT allowed FROM audit WHERE action = 'stop_switch.end' ORDER BY id")
    assert [row["allowed"] for row in allowed] == [True, False]


async def test_what_makes_no_stop_is_said(coordinator: Client, owner: Any, world: World) -> None:
    for fields in (
        {"what": ""},
        {"what": "kind:nothing"},
        {"reason": "  "},
        {"reason": "x" * 301},
        {"what": "all", "clinic": "x"},
    ):
        answer = await coordinator.post("/reminders/stop", data={"what": "all", "reason": "why", **fields})
        assert answer.status_code == (404 if "clinic" in fields else 422)
    assert await owner.fetchval("SELECT count(*) FROM stop_switch") == 0


async def test_a_nurse_sees_who_stopped_what_and_cannot_switch(nurse: Client, owner: Any, world: World) -> None:
    rule = await make_rule(owner, world)
    await owner.execute(
        """INSERT INTO stop_switch (id, organization_id, reason, stopped_at, stopped_by)
           VALUES ($1, $2, 'the clinic is flooded', now(), $3)""",
        uuid7(), world.organization, f"staff:{world.nurse}",
    )  # fmt: skip
    page = (await nurse.get("/reminders")).text
    assert "the clinic is flooded" in page
    assert '<form method="post" action="/reminders' not in page
    for path, data in (
        ("stop", {"what": "all", "reason": "x"}),
        ("start", {"switch": str(uuid.uuid4())}),
        ("caps", {"a_day": "1", "a_week": "2"}),
        ("rules", {"rule": str(rule), **FIELDS}),
    ):
        assert (await nurse.post(f"/reminders/{path}", data=data)).status_code == 403


async def test_caps_and_rules_are_changed_on_record(coordinator: Client, owner: Any, world: World) -> None:
    rule = await make_rule(owner, world)
    assert (await coordinator.post("/reminders/caps", data={"a_day": "2", "a_week": "6"})).status_code == 303
    assert (await coordinator.post("/reminders/rules", data={"rule": str(rule), **FIELDS})).status_code == 303
    row = await owner.fetchrow(
        "SELECT reminders_a_day, reminders_a_week FROM organization WHERE id = $1", world.organization
    )
    assert tuple(row) == (2, 6)
    row = await owner.fetchrow(
        "SELECT local_hour, lasts_hours, priority, enabled FROM reminder_rule WHERE id = $1", rule
    )
    assert tuple(row) == (14, 6, 2, True)
    page = words((await coordinator.get("/reminders")).text)
    assert "At 14:00, every 30 days. Makes sense for 6 hours. Priority 2." in page
    off = {name: value for name, value in FIELDS.items() if name != "enabled"}
    assert (await coordinator.post("/reminders/rules", data={"rule": str(rule), **off})).status_code == 303
    assert await owner.fetchval("SELECT enabled FROM reminder_rule WHERE id = $1", rule) is False
    assert await actions(owner) == ["reminder_caps.set", "reminder_rule.change", "reminder_rule.change"]
    was = await owner.fetchval(
        "SELECT detail->'was'->>'local_hour' FROM audit WHERE action = 'reminder_rule.change' ORDER BY id"
    )
    assert was == "11"


WRONG = [
    ("caps", {"a_day": "0", "a_week": "9"}, 422),
    ("caps", {"a_day": "9", "a_week": "8"}, 422),
    ("caps", {"a_day": "21", "a_week": "90"}, 422),
    ("caps", {"a_day": "²", "a_week": "9"}, 422),
    ("caps", {"a_day": "4", "a_week": "21"}, 409),
    ("rules", FIELDS | {"local_hour": "24"}, 422),
    ("rules", FIELDS | {"lasts_hours": "0"}, 422),
    ("rules", FIELDS | {"priority": "ten"}, 422),
    ("rules", {"enabled": "1"}, 422),
]


async def test_what_cannot_be_is_said_and_changes_nothing(coordinator: Client, owner: Any, world: World) -> None:
    rule = await make_rule(owner, world)
    for path, fields, status in WRONG:
        answer = await coordinator.post(f"/reminders/{path}", data={"rule": str(rule), **fields})
        assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), fields
    assert await owner.fetchval("SELECT local_hour FROM reminder_rule WHERE id = $1", rule) == 11
    assert await owner.fetchval("SELECT reminders_a_day FROM organization WHERE id = $1", world.organization) == 4


async def test_what_is_another_organizations_is_not_there(
    coordinator: Client, owner: Any, world: World, other_world: World
) -> None:
    rule = await make_rule(owner, other_world)
    theirs = uuid7()
    await owner.execute(
        "INSERT INTO stop_switch (id, organization_id, reason, stopped_at, stopped_by) VALUES ($1, $2, 'Birch', now(), 't')",
        theirs, other_world.organization,
    )  # fmt: skip
    await slot(owner, other_world, rule, 9)
    page = (await coordinator.get("/reminders")).text
    assert "Birch" not in page
    assert "No reminders today." in words(page)
    for path, data in (
        ("start", {"switch": str(theirs)}),
        ("rules", {"rule": str(rule), **FIELDS}),
        ("stop", {"what": "all", "reason": "x", "clinic": str(other_world.clinic)}),
        ("start", {"switch": "x"}),
    ):
        assert (await coordinator.post(f"/reminders/{path}", data=data)).status_code == 404
    assert await owner.fetchval("SELECT ended_at FROM stop_switch WHERE id = $1", theirs) is None
    assert await owner.fetchval("SELECT local_hour FROM reminder_rule WHERE id = $1", rule) == 11


# The patient's own hours --------------------------------------------------------------------------


async def test_a_nurse_records_the_hours_a_patient_asked_for(nurse: Client, owner: Any, world: World) -> None:
    path = f"/patients/{world.patient}/hours"
    assert "Nobody asked for other hours than 08:00–21:00." in words((await nurse.get(path)).text)
    fields = {"opens": "06:30", "closes": "19:00", "region": "FL"}
    assert (await nurse.post(path, data=fields)).status_code == 303
    page = words((await nurse.get(path)).text)
    assert "Care reminders today 06:30–19:00" in page
    assert "Screenings and vaccinations today 08:00–19:00" in page
    assert "Staff recorded 06:30–19:00" in page
    row = await owner.fetchrow("SELECT opens, closes, author FROM contact_preference")
    assert tuple(row) == (time(6, 30), time(19), f"staff:{world.nurse}")
    assert (await nurse.post(path, data=fields)).status_code == 409
    assert (await nurse.post(path, data=fields | {"region": ""})).status_code == 303
    assert await owner.fetchval("SELECT region FROM patient WHERE id = $1", world.patient) is None
    assert await actions(owner) == ["patient.hours", "patient.region", "patient.region"]


async def test_hours_that_cannot_be_are_said_and_change_nothing(nurse: Client, owner: Any, world: World) -> None:
    for wrong in ({"opens": "20:00"}, {"opens": "x"}, {"closes": ""}, {"region": "Florida"}, {"opens": "19:00"}):
        asked = {"opens": "08:00", "closes": "19:00", "region": "FL"} | wrong
        answer = await nurse.post(f"/patients/{world.patient}/hours", data=asked)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert await owner.fetchval("SELECT count(*) FROM contact_preference") == 0


async def test_a_patient_chooses_their_hours_in_the_portal(client: Client, owner: Any, world: World) -> None:
    await sign_in(client, await patient_login(owner, world))
    assert 'name="opens" value="08:00"' in (await client.get("/portal/settings")).text
    answer = await client.post("/portal/hours", data={"opens": "10:00", "closes": "18:00"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/settings?said=hours#hours")
    page = (await client.get("/portal/settings?said=hours")).text
    assert 'name="opens" value="10:00"' in page
    assert "The hours are saved." in page
    for wrong in ({"opens": "18:00", "closes": "10:00"}, {"opens": "x", "closes": "10:00"}):
        assert (await client.post("/portal/hours", data=wrong)).headers["location"].endswith("hours_wrong#hours")
    assert await owner.fetchval("SELECT author FROM contact_preference") == f"patient:{world.patient}"
    assert await actions(owner) == ["patient.hours"]


async def test_choosing_hours_keeps_what_else_a_patient_prefers(client: Client, owner: Any, world: World) -> None:
    await owner.execute(
        "INSERT INTO contact_preference (patient_id, organization_id, channels, author, changed_at)"
        " VALUES ($1, $2, '{voice}', 't', $3)",
        world.patient, world.organization, datetime.combine(date(2026, 1, 1), time(0), UTC),
    )  # fmt: skip
    await sign_in(client, await patient_login(owner, world))
    await client.post("/portal/hours", data={"opens": "10:00", "closes": "18:00"})
    assert tuple(await owner.fetchrow("SELECT channels, opens FROM contact_preference")) == (["voice"], time(10))
