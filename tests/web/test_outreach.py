"""The page of what outreach achieved: stages that are each of what was due, and experiments anybody can read."""

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World


@pytest.fixture
async def quality(client: Client, owner: Any, world: World) -> Client:
    login, _ = await staff_login(owner, world, "quality")
    await sign_in(client, login)
    return client


async def stages(client: Client) -> dict[str, int]:
    answer = await client.get("/outreach")
    assert answer.status_code == 200
    found = re.findall(r'<th scope="row">([^<]+)</th><td class="num">(\d+)</td>', answer.text)
    return {name: int(count) for name, count in found}


async def touched_gap(owner: Any, world: World, message: str | None, meaning: str | None, *, closed: bool) -> uuid.UUID:
    """One more patient, this year's gap, and how far it came."""
    now, patient, gap = datetime.now(UTC), uuid7(), uuid7()
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
               admitted_at) VALUES ($1, $2, $3, $4, $5, 'Pat', 'Test', '1960-05-04', 'female', 'America/New_York', $6)""",
        patient, world.organization, world.clinic, world.team, f"x-{patient}", now,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, status, opened_at, closed_at)
           VALUES ($1, $2, $3, 'CMS125', $4, $5, $6, $7, $8)""",
        gap, world.organization, patient, now.date().replace(month=1, day=1), now.date().replace(month=12, day=31),
        "closed" if closed else "open", now - timedelta(hours=5), now if closed else None,
    )  # fmt: skip
    if message:
        sent = uuid7()
        await owner.execute(
            """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, gap_id, to_number, to_hash, wording,
                   wording_version, language, body, status, not_before, created_at)
               VALUES ($1, $2, 'reminder', $3, $4, $5, '+12125550244', 'x', 'w', 1, 'en', 'hello', $6, $7, $7)""",
            sent, world.organization, f"t:{sent}", patient, gap, message, now - timedelta(hours=4),
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO touch VALUES ($1, $2, $3, $4, $5, $6)",
            uuid7(), world.organization, patient, gap, sent, now - timedelta(hours=4),
        )  # fmt: skip
    if meaning:
        await owner.execute(
            """INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, patient_id,
                   gap_id, received_at, handled_at) VALUES ($1, $2, $3, 'x', '+1', '+2', 'b', $4, $5, $6, $7, $7)""",
            uuid7(), world.organization, uuid7().hex, meaning, patient, gap, now - timedelta(hours=3),
        )  # fmt: skip
    return patient


async def test_a_year_without_gaps_says_so(quality: Client) -> None:
    assert "No care gaps in" in (await quality.get("/outreach")).text


async def test_each_stage_counts_what_came_that_far(quality: Client, owner: Any, world: World) -> None:
    await touched_gap(owner, world, None, None, closed=False)
    await touched_gap(owner, world, None, None, closed=True)  # closed without us
    await touched_gap(owner, world, "failed", None, closed=False)
    await touched_gap(owner, world, "delivered", None, closed=False)
    await touched_gap(owner, world, "delivered", "opt_out", closed=False)  # no answer to what was asked
    await touched_gap(owner, world, "delivered", "help", closed=False)
    await touched_gap(owner, world, "delivered", "done", closed=False)
    await touched_gap(owner, world, "delivered", "booked", closed=True)
    assert await stages(quality) == {
        "Due": 8, "Texted": 5, "Reached": 5, "Answered": 3, "Said done": 1, "Booked": 1,
        "Closed by evidence after a text": 1,
    }  # fmt: skip
    said = (await quality.get("/outreach")).text
    assert "1 more was closed without any text" in said
    assert "6 text segments were sent, 6.0 for each gap closed" in said


async def test_an_appointment_that_staff_entered_is_booked_and_one_that_was_cancelled_is_not(
    quality: Client, owner: Any, world: World
) -> None:
    for status in ("booked", "fulfilled", "cancelled"):
        patient = await touched_gap(owner, world, "sent", None, closed=False)
        await owner.execute(
            "INSERT INTO appointment VALUES ($1, $2, $3, now(), 'CMS125', $4, 'test', 'csv', now(), now())",
            uuid7(), world.organization, patient, status,
        )  # fmt: skip
    called = await touched_gap(owner, world, "sent", None, closed=False)
    await owner.execute(
        """INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on, closed_at, outcome)
           SELECT gen_random_uuid(), organization_id, patient_id, 'call_for_gap', id, 'x', now(), current_date, now(),
                  'booked' FROM gap WHERE patient_id = $1""",
        called,
    )
    found = await stages(quality)
    assert (found["Texted"], found["Answered"], found["Booked"]) == (4, 0, 3)


REACHED = (
    # (channel, what the patient did, reached, answered)
    ("voice", None, 0, 0),  # it rang, and perhaps a machine took it
    ("voice", "heard_at", 1, 1),
    ("portal", None, 0, 0),
    ("portal", "seen_at", 1, 0),
)


@pytest.mark.parametrize(("channel", "did", "reached", "answered"), REACHED)
async def test_a_call_reaches_who_pressed_a_key_and_the_portal_who_looked(
    quality: Client, owner: Any, world: World, channel: str, did: str | None, reached: int, answered: int
) -> None:
    await touched_gap(owner, world, "delivered", None, closed=False)
    await owner.execute("UPDATE message SET channel = $1", channel)
    if did:
        await owner.execute(f"UPDATE message SET {did} = now()")
    found = await stages(quality)
    assert (found["Reached"], found["Answered"]) == (reached, answered)


async def test_the_second_person_on_a_shared_number_answers_too(quality: Client, owner: Any, world: World) -> None:
    for meaning in ("call_me", None):
        await touched_gap(owner, world, "delivered", meaning, closed=False)
    await owner.execute("UPDATE reply SET gap_id = NULL")
    assert (await stages(quality))["Answered"] == 2
    await owner.execute("UPDATE reply SET received_at = now() + interval '4 days'")
    assert (await stages(quality))["Answered"] == 0


async def test_a_season_counts_in_the_year_it_begins_with_all_its_texts(
    quality: Client, owner: Any, world: World
) -> None:
    await touched_gap(owner, world, "delivered", None, closed=True)
    year = datetime.now(UTC).year
    await owner.execute(
        "UPDATE gap SET measure = 'influenza', period_start = $1, period_end = $2",
        date(year - 1, 7, 1), date(year, 6, 30),
    )  # fmt: skip
    assert f"No care gaps in {year}" in (await quality.get("/outreach")).text
    last = (await quality.get(f"/outreach?year={year - 1}")).text
    assert "1 text segments were sent, 1.0 for each gap closed" in last


async def test_a_text_for_two_gaps_is_shared_between_their_measures(quality: Client, owner: Any, world: World) -> None:
    patient = await touched_gap(owner, world, "delivered", None, closed=True)
    other = uuid7()
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)
           SELECT $1, organization_id, patient_id, 'CMS130', period_start, period_end, opened_at FROM gap
            WHERE patient_id = $2""",
        other, patient,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO touch SELECT gen_random_uuid(), organization_id, patient_id, $1, message_id, touched_at FROM touch",
        other,
    )
    said = (await quality.get("/outreach")).text
    assert said.count("0.5 text segments were sent") == 2
    assert "0.5 for each gap closed" in said


async def test_an_experiment_is_begun_once_shown_and_ended(quality: Client, owner: Any, world: World) -> None:
    begun = await quality.post("/outreach/experiments", data={"measure": "CMS125", "percent": "20", "days": "90"})
    assert begun.status_code == 303
    again = await quality.post("/outreach/experiments", data={"measure": "CMS125", "percent": "20", "days": "90"})
    assert (again.status_code, "runs already" in again.text) == (409, True)
    assert "nothing to compare yet" in (await quality.get("/outreach")).text
    made = await owner.fetchval("SELECT id FROM experiment")
    assert (await quality.post(f"/outreach/experiments/{made}/stop")).status_code == 303
    assert "ended early" in (await quality.get("/outreach")).text
    actions = [
        row["action"]
        for row in await owner.fetch("SELECT action FROM audit WHERE action LIKE 'experiment%' ORDER BY id")
    ]
    assert actions == ["experiment.begin", "experiment.stop"]


@pytest.mark.parametrize("fields", [{"measure": "X"}, {"percent": "60"}, {"days": "3"}])
async def test_what_makes_no_experiment_is_said(quality: Client, owner: Any, fields: dict[str, str]) -> None:
    asked = {"measure": "CMS125", "percent": "20", "days": "90"} | fields
    assert (await quality.post("/outreach/experiments", data=asked)).status_code == 422
    assert await owner.fetchval("SELECT count(*) FROM experiment") == 0


async def test_a_nurse_may_look_and_not_experiment(nurse: Client) -> None:
    assert (await nurse.get("/outreach")).status_code == 200
    refused = await nurse.post("/outreach/experiments", data={"measure": "CMS125", "percent": "20", "days": "90"})
    assert refused.status_code == 403


async def test_money_is_shown_only_once_somebody_said_what_a_segment_costs(
    quality: Client, owner: Any, world: World
) -> None:
    for _ in range(3):
        await touched_gap(owner, world, "delivered", None, closed=False)
    await touched_gap(owner, world, "delivered", "done", closed=True)
    assert "$" not in (await quality.get("/outreach")).text.partition("experiments")[0]
    assert (await quality.post("/outreach/price", data={"dollars": "$0.0083"})).status_code == 303
    assert "<strong>$0.03</strong> of texts at $0.0083 a segment" in (await quality.get("/outreach")).text
    for wrong in ("cheap", "-1", "0", "5", "NaN", "Infinity"):
        assert (await quality.post("/outreach/price", data={"dollars": wrong})).status_code == 422
    await quality.post("/outreach/price", data={"dollars": ""})
    assert "of texts at" not in (await quality.get("/outreach")).text
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'outreach.price'") == 2


async def test_calls_are_told_beside_the_cost_and_are_no_segments(quality: Client, owner: Any, world: World) -> None:
    await touched_gap(owner, world, "delivered", None, closed=True)
    await owner.execute("UPDATE message SET channel = 'voice'")
    await owner.execute(
        """INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on, closed_at, outcome)
           SELECT gen_random_uuid(), organization_id, patient_id, 'call_for_gap', id, 'x', now(), current_date,
                  now() - interval '1 minute', 'booked' FROM gap"""
    )
    said = (await quality.get("/outreach")).text
    assert "0 text segments were sent" in said
    assert "1 automated calls and 1 by your staff" in said
