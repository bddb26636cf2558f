"""The roster's page: shifts, time off, names and hours; a week with a gap cannot be published, and a new gap is loud."""

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.db.pool import Database, Who
from server.flows import uncovered
from tests.flows.clinic import Clinic, make_clinic, tick
from tests.flows.test_reading import count
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

WORKER = Who(principal="service:worker")
ZONE = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def next_monday() -> date:
    today = datetime.now(ZONE).date()
    return today + (7 - today.weekday()) * DAY


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    await owner.execute("DELETE FROM shift")
    made = await make_clinic(owner, world)
    await owner.execute("UPDATE team SET fallback_id = $1", made.charge)
    return made


@pytest.fixture
async def coordinator(client: Client, owner: Any, clinic: Clinic) -> Client:
    login, _ = await staff_login(owner, clinic.world, "coordinator")
    await sign_in(client, login)
    return client


async def post(client: Client, clinic: Clinic, what: str, **fields: Any) -> Any:
    place = {"team": str(clinic.world.team), "week": next_monday().isoformat()}
    return await client.post(f"/roster{what}", data=place | {name: str(value) for name, value in fields.items()})


async def fill(client: Client, clinic: Clinic, who: uuid.UUID | None = None) -> None:
    """Two shifts a day for the next week: 07:00 to 19:00 and the night after."""
    for n in range(-1, 7):
        day = next_monday() + n * DAY
        for begins, ends in (("07:00", "19:00"), ("19:00", "07:00")):
            made = await post(
                client, clinic, "/shifts", staff=who or clinic.world.nurse, day=day, **{"from": begins, "to": ends}
            )
            assert made.status_code == 303, made.text


async def look(client: Client) -> str:
    answer = await client.get(f"/roster?week={next_monday()}")
    assert answer.status_code == 200
    return str(answer.text)


async def test_a_week_with_a_gap_is_not_published_and_says_which_hours(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    await fill(coordinator, clinic)
    sunday = next_monday() + 6 * DAY
    await owner.execute(
        "UPDATE shift SET cancelled_at = now() WHERE starts_at = $1", datetime(*sunday.timetuple()[:3], 7, tzinfo=ZONE)
    )
    refused = await post(coordinator, clinic, "/publish")
    assert refused.status_code == 422
    says = f"nobody is on shift {sunday:%a %b} {sunday.day}, 07:00 to {sunday:%a %b} {sunday.day}, 19:00"
    assert says in refused.text
    assert await count(owner, "roster_week") == 0
    filled = await post(
        coordinator, clinic, "/shifts", staff=clinic.backup, day=sunday, **{"from": "06:30", "to": "20:00"}
    )
    assert filled.status_code == 303
    assert "Nobody is on shift" not in await look(coordinator)
    assert (await post(coordinator, clinic, "/publish")).status_code == 303
    assert "Published by Coordinator Test" in await look(coordinator)
    assert await count(owner, "audit", "action = 'roster.publish'") == 1


@pytest.mark.parametrize("how", ["no telephone", "away", "left"])
async def test_a_shift_of_somebody_who_cannot_be_paged_covers_nothing(
    coordinator: Client, clinic: Clinic, owner: Any, how: str
) -> None:
    await fill(coordinator, clinic)
    if how == "no telephone":
        await owner.execute("UPDATE staff SET phone = NULL WHERE id = $1", clinic.world.nurse)
    if how == "left":
        await owner.execute("UPDATE staff SET disabled_at = now() WHERE id = $1", clinic.world.nurse)
    if how == "away":
        tuesday = next_monday() + DAY
        away = {"first": tuesday, "last": tuesday, "away_from": "10:00", "away_to": "12:00"}
        assert (await post(coordinator, clinic, "/time-off", away_staff=clinic.world.nurse, **away)).status_code == 303
        assert f"{tuesday:%a %b} {tuesday.day}, 10:00 to {tuesday:%a %b} {tuesday.day}, 12:00" in await look(
            coordinator
        )
    assert (await post(coordinator, clinic, "/publish")).status_code == 422


async def test_only_monitored_hours_have_to_be_covered(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    hours: dict[str, str] = {
        f"{end}_{n}": at for n in range(7) for end, at in (("opens", "08:00"), ("closes", "17:00"))
    }
    hours["watched_0"] = "1"
    assert (await post(coordinator, clinic, "/hours", **hours)).status_code == 303
    monday = next_monday()
    assert (await post(coordinator, clinic, "/publish")).status_code == 422
    await post(coordinator, clinic, "/shifts", staff=clinic.backup, day=monday, **{"from": "08:00", "to": "17:00"})
    assert (await post(coordinator, clinic, "/publish")).status_code == 303
    wrong = await post(coordinator, clinic, "/hours", **(hours | {"opens_0": "18:00"}))
    assert wrong.status_code == 422
    assert "Monday: monitored hours end after they begin" in wrong.text


async def test_a_shift_is_removed_and_put_back(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    made = {"staff": clinic.world.nurse, "day": next_monday(), "from": "22:00", "to": "06:00"}
    assert (await post(coordinator, clinic, "/shifts", **made)).status_code == 303
    again = await post(coordinator, clinic, "/shifts", **made)
    assert again.status_code == 409
    assert "in some of that time already" in again.text
    row = await owner.fetchrow("SELECT id, ends_at - starts_at AS lasts FROM shift")
    assert row["lasts"] == timedelta(hours=8)
    assert (await post(coordinator, clinic, "/shifts/remove", shift=row["id"])).status_code == 303
    assert "Put back" in await look(coordinator)
    assert (await post(coordinator, clinic, "/shifts/remove", shift=row["id"])).status_code == 404
    assert (await post(coordinator, clinic, "/shifts/restore", shift=row["id"])).status_code == 303
    assert await count(owner, "shift", "cancelled_at IS NULL") == 1


async def test_what_cannot_be_right_is_said_and_changes_nothing(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    day, nurse = next_monday(), clinic.world.nurse
    await owner.execute("UPDATE staff SET phone = NULL WHERE id = $1", clinic.backup)
    for fields, says in (
        ({"staff": nurse, "day": "soon", "from": "07:00", "to": "19:00"}, "Choose a day"),
        ({"staff": nurse, "day": day, "from": "7", "to": "19:00"}, "hours and minutes"),
        ({"staff": clinic.backup, "day": day, "from": "07:00", "to": "19:00"}, "cannot be paged"),
    ):
        answer = await post(coordinator, clinic, "/shifts", **fields)
        assert answer.status_code == 422
        assert says in answer.text
    away = {"first": day, "last": day, "away_from": "12:00", "away_to": "10:00"}
    assert (await post(coordinator, clinic, "/time-off", away_staff=nurse, **away)).status_code == 422
    assert await count(owner, "shift") + await count(owner, "time_off") == 0


async def test_whom_a_team_names_is_kept(coordinator: Client, clinic: Clinic, owner: Any) -> None:
    named = await post(coordinator, clinic, "/names", charge_nurse=clinic.backup, fallback="")
    assert named.status_code == 303
    row = await owner.fetchrow("SELECT charge_nurse_id, fallback_id FROM team")
    assert tuple(row) == (clinic.backup, None)


async def test_the_steps_are_shown_as_they_are_with_their_sign_off(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await tick(worker_db, datetime.now(UTC))
    await owner.execute("UPDATE escalation_step SET after = '7 minutes' WHERE severity = 'high' AND position = 1")
    text = await look(coordinator)
    for line in (
        "at once: nurse on shift, by text",
        "after 7 minutes: backup, by text",
        "after 15 minutes: clinician and administrator, by text and by call; then every 5 minutes",
    ):
        assert line in text
    assert "await clinical sign-off" in text
    await owner.execute("UPDATE escalation_step SET approved_by = 'x', approved_at = now()")
    assert "await clinical sign-off" not in await look(coordinator)


async def test_a_gap_that_arises_in_a_published_week_raises_an_alarm_until_it_is_covered(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    monday = datetime(*next_monday().timetuple()[:3], 1, tzinfo=ZONE).astimezone(UTC)
    assert await uncovered.watch(worker_db, WORKER, monday) == 0
    sick = {"first": next_monday(), "last": next_monday(), "away_from": "07:00", "away_to": "19:00"}
    await post(coordinator, clinic, "/time-off", away_staff=clinic.world.nurse, **sick)
    assert await uncovered.watch(worker_db, WORKER, monday) == 1
    assert await uncovered.watch(worker_db, WORKER, monday) == 1
    row = await owner.fetchrow("SELECT kind, severity, says, seen_count FROM alarm")
    assert (row["kind"], row["severity"], row["seen_count"]) == ("roster_gap", "medium", 1)
    assert re.search(r"nobody is on shift Mon \w{3} \d+, 07:00 to Mon \w{3} \d+, 19:00", row["says"])
    cover = {"staff": clinic.backup, "day": next_monday(), "from": "07:00", "to": "19:00"}
    await post(coordinator, clinic, "/shifts", **cover)
    assert await uncovered.watch(worker_db, WORKER, monday) == 0
    assert tuple(await owner.fetchrow("SELECT status, note FROM alarm")) == ("resolved", uncovered.COVERED)


@pytest.mark.parametrize(("hours_before", "severity"), [(3, "medium"), (2, "high"), (-1, "high")])
async def test_a_gap_that_is_near_is_high_and_pages(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database, hours_before: int, severity: str
) -> None:
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    seven = datetime(*next_monday().timetuple()[:3], 7, tzinfo=ZONE).astimezone(UTC)
    sick = {"first": next_monday(), "last": next_monday(), "away_from": "07:00", "away_to": "19:00"}
    await post(coordinator, clinic, "/time-off", away_staff=clinic.world.nurse, **sick)
    now = seven - timedelta(hours=hours_before)
    assert await uncovered.watch(worker_db, WORKER, now) == 1
    assert await owner.fetchval("SELECT severity FROM alarm WHERE kind = 'roster_gap'") == severity
    await tick(worker_db, now)
    alarm = await owner.fetchval("SELECT id FROM alarm WHERE kind = 'roster_gap'")
    pages = await owner.fetchval("SELECT count(*) FROM message WHERE purpose = 'page' AND alarm_id = $1", alarm)
    assert pages == (1 if severity == "high" else 0)


async def test_a_gap_that_was_taken_hours_before_is_open_again_when_it_is_near(
    coordinator: Client, clinic: Clinic, owner: Any, worker_db: Database
) -> None:
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    seven = datetime(*next_monday().timetuple()[:3], 7, tzinfo=ZONE).astimezone(UTC)
    sick = {"first": next_monday(), "last": next_monday(), "away_from": "07:00", "away_to": "19:00"}
    await post(coordinator, clinic, "/time-off", away_staff=clinic.world.nurse, **sick)
    await uncovered.watch(worker_db, WORKER, seven - timedelta(hours=6))
    await owner.execute(
        "UPDATE alarm SET status = 'acknowledged', acknowledged_by = $1, acknowledged_at = $2",
        clinic.admin, seven - timedelta(hours=5),
    )  # fmt: skip
    await uncovered.watch(worker_db, WORKER, seven - timedelta(hours=3))
    assert await owner.fetchval("SELECT status FROM alarm") == "acknowledged"
    near = seven - timedelta(hours=2)
    await uncovered.watch(worker_db, WORKER, near)
    row = await owner.fetchrow("SELECT status, severity, acknowledged_by, again_at, again_why FROM alarm")
    assert tuple(row) == ("open", "high", None, near, "worse")
    await tick(worker_db, near)
    assert await count(owner, "message", "purpose = 'page'") == 1  # its pages begin now, not six hours ago


async def test_a_week_that_nobody_published_is_said_three_days_before(
    coordinator: Client, clinic: Clinic, worker_db: Database, owner: Any
) -> None:
    await owner.execute(
        "INSERT INTO roster_week SELECT id, $2, organization_id, now(), $3 FROM team WHERE id = $1",
        clinic.world.team, next_monday() - 7 * DAY, clinic.admin,
    )  # fmt: skip
    begins = datetime(*next_monday().timetuple()[:3], tzinfo=ZONE).astimezone(UTC)
    unpublished = "SELECT severity, status, says FROM alarm WHERE kind = 'roster_unpublished'"
    await uncovered.watch(worker_db, WORKER, begins - 4 * DAY)
    assert await owner.fetchrow(unpublished) is None
    await owner.execute("UPDATE patient SET monitoring_status = 'left'")
    await uncovered.watch(worker_db, WORKER, begins - 2 * DAY)
    assert await owner.fetchrow(unpublished) is None
    await owner.execute("UPDATE patient SET monitoring_status = 'active'")
    for _ in range(2):
        await uncovered.watch(worker_db, WORKER, begins - 2 * DAY)
    row = await owner.fetchrow(unpublished)
    assert (row["severity"], row["status"]) == ("medium", "open")
    assert f"week of {next_monday():%b} {next_monday().day} is not published" in row["says"]
    assert await count(owner, "alarm", "kind = 'roster_unpublished' AND seen_count = 1") == 1
    await fill(coordinator, clinic)
    assert (await post(coordinator, clinic, "/publish")).status_code == 303
    await uncovered.watch(worker_db, WORKER, begins - 2 * DAY)
    assert (await owner.fetchrow(unpublished))["status"] == "resolved"


@pytest.mark.parametrize("how", ["nobody named", "no telephone", "left"])
async def test_no_week_is_published_without_a_stand_in_who_can_be_paged(
    coordinator: Client, clinic: Clinic, owner: Any, how: str
) -> None:
    await fill(coordinator, clinic)
    await owner.execute({
        "nobody named": "UPDATE team SET fallback_id = NULL",
        "no telephone": "UPDATE staff SET phone = NULL WHERE id = (SELECT fallback_id FROM team)",
        "left": "UPDATE staff SET disabled_at = now() WHERE id = (SELECT fallback_id FROM team)",
    }[how])  # fmt: skip
    refused = await post(coordinator, clinic, "/publish")
    assert refused.status_code == 422
    assert "name a stand-in who has a telephone first" in refused.text
    assert await count(owner, "roster_week") == 0
    assert (await post(coordinator, clinic, "/names", charge_nurse="", fallback=clinic.backup)).status_code == 303
    assert (await post(coordinator, clinic, "/publish")).status_code == 303


async def test_a_stand_in_is_not_taken_away_while_a_week_is_published(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    refused = await post(coordinator, clinic, "/names", charge_nurse="", fallback="")
    assert refused.status_code == 422
    assert "the team needs a stand-in" in refused.text
    assert (await post(coordinator, clinic, "/names", charge_nurse="", fallback=clinic.backup)).status_code == 303
    await owner.execute("UPDATE roster_week SET monday = monday - 21")
    assert (await post(coordinator, clinic, "/names", charge_nurse="", fallback="")).status_code == 303


async def test_a_published_week_whose_stand_in_left_is_shown_as_not_covered(
    coordinator: Client, clinic: Clinic, owner: Any
) -> None:
    await fill(coordinator, clinic)
    await post(coordinator, clinic, "/publish")
    assert "does not count as covered" not in await look(coordinator)
    await owner.execute("UPDATE staff SET disabled_at = now() WHERE id = $1", clinic.charge)
    assert "does not count as covered" in await look(coordinator)
    assert (await post(coordinator, clinic, "/names", charge_nurse="", fallback=clinic.backup)).status_code == 303
    assert "does not count as covered" not in await look(coordinator)


@pytest.mark.parametrize(
    ("role", "may"), [("admin", True), ("coordinator", True), ("nurse", False), ("quality", False)]
)
async def test_who_may(client: Client, owner: Any, clinic: Clinic, role: str, may: bool) -> None:
    login, _ = await staff_login(owner, clinic.world, role)
    await sign_in(client, login)
    assert (await client.get("/roster")).status_code == (200 if may else 403)
    assert (await post(client, clinic, "/publish")).status_code == (422 if may else 403)


async def test_another_organizations_roster_is_not_there(
    coordinator: Client, clinic: Clinic, owner: Any, other_world: World
) -> None:
    theirs = await owner.fetchval("SELECT id FROM shift WHERE team_id = $1", other_world.team)
    assert (await coordinator.get(f"/roster?team={other_world.team}")).status_code == 404
    assert (await post(coordinator, clinic, "/shifts/remove", shift=theirs)).status_code == 404
    added = {"day": next_monday(), "from": "07:00", "to": "19:00"}
    assert (await post(coordinator, clinic, "/shifts", staff=other_world.nurse, **added)).status_code == 404
    away = {"first": next_monday(), "last": next_monday(), "away_from": "07:00", "away_to": "19:00"}
    assert (await post(coordinator, clinic, "/time-off", away_staff=other_world.nurse, **away)).status_code == 404
    their_holiday = uuid.uuid4()
    await owner.execute(
        "INSERT INTO holiday (id, organization_id, day, name) VALUES ($1, $2, '2030-01-01', 'Theirs')",
        their_holiday, other_world.organization,
    )  # fmt: skip
    assert "Theirs" not in await look(coordinator)
    assert (await post(coordinator, clinic, "/holidays/remove", holiday=their_holiday)).status_code == 404
    made = {"holiday_day": next_monday(), "holiday_name": "Ours", "clinic": other_world.clinic}
    place = {"team": str(clinic.world.team), "week": next_monday().isoformat()}
    made_there = {name: str(value) for name, value in made.items()}
    assert (await coordinator.post("/roster/holidays", data=place | made_there)).status_code == 404
    for what in ("/shifts", "/names", "/hours", "/publish", "/test-pages"):
        fields = {"staff": clinic.backup, "charge_nurse": "", **added, "team": other_world.team}
        assert (await post(coordinator, clinic, what, **fields)).status_code == 404
    assert await owner.fetchval("SELECT cancelled_at FROM shift WHERE id = $1", theirs) is None
    assert (
        await count(owner, "roster_week") + await count(owner, "time_off") + await count(owner, "monitored_hours") == 0
    )
