"""Every alert explains itself, what is laid aside says so, and a lower severity is only ever proposed."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from server.db.ids import uuid7
from server.monitoring.parameters import Average, Count, Flagged, Missing, Span, Sustained, Trend
from server.monitoring.worklist import Crossing
from server.web import facts
from tests.web.conftest import Client, sign_in
from tests.web.people import alert, held, reading, staff_login
from tests.world import World

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def crossing(kind: str, parameters: Any, **more: Any) -> Crossing:
    values: dict[str, Any] = {
        "vital": "blood_pressure", "metric": "systolic_mmhg", "side": "at_or_above", "value": Decimal("138.321"),
        "limit_value": Decimal(130), "measured_at": NOW - HOUR, "systolic_mmhg": Decimal("138.3"),
        "diastolic_mmhg": Decimal("85.6"), "limit_systolic": Decimal(130), "limit_diastolic": Decimal(80),
        "out_of_range": None, "explains": "", "source": "", "rule_kind": kind, "parameters": parameters, "readings": 21,
    }  # fmt: skip
    return Crossing(**values | more)


WEIGHT = {"vital": "weight", "metric": "weight_kg", "systolic_mmhg": None, "diastolic_mmhg": None}
GAIN = Trend(spans=(Span(days=1, gain=Decimal("1.36")), Span(days=7, gain=Decimal("2.27"))))


@pytest.mark.parametrize(("one", "says", "limit"), [
    (crossing("crossing", None, systolic_mmhg=Decimal(192), diastolic_mmhg=Decimal(124), limit_value=Decimal(180),
              limit_systolic=Decimal(180), limit_diastolic=Decimal(120)), "192/124 mmHg", "limit ≥180/120"),
    (crossing("average", Average()), "7-day average 138/86 mmHg (21 readings)", "goal below 130/80"),
    (crossing("average", Average(), **WEIGHT, value=Decimal("82.44"), readings=1), "7-day average 82.4 kg (1 reading)",
     "goal below 130"),
    (crossing("sustained", Sustained(days=3), limit_value=Decimal(160), limit_diastolic=Decimal(100)),
     "3 measured days in a row at or over 160/100", ""),
    (crossing("count", Count(at_least=10, days=14), vital="glucose", metric="glucose_mgdl", side="above", readings=11,
              limit_value=Decimal(180)), "11 readings over 180 within 14 days", ""),
    (crossing("trend", GAIN, **WEIGHT, value=Decimal("1.9"), limit_value=Decimal("1.36")),
     "+1.9 kg in 1 day (same scale)", "limit +1.36 kg"),
    (crossing("trend", GAIN, **WEIGHT, value=Decimal("2.5"), limit_value=Decimal("2.27")),
     "+2.5 kg in 7 days (same scale)", "limit +2.27 kg"),
    (crossing("flag", Flagged(flag="irregular_pulse"), readings=3), "Irregular pulse flagged, 3 readings today", ""),
    (crossing("flag", Flagged(flag="irregular_pulse"), readings=1, measured_at=NOW - 30 * HOUR),
     "Irregular pulse flagged, 1 reading on Nov 19", ""),
    (crossing("missing", Missing(windows=3), value=Decimal(3), heard_at=NOW - 2 * HOUR),
     "No blood pressure for 3 expected measurements; the device was heard 2 h ago", ""),
    (crossing("missing", Missing(windows=3), value=None, heard_at=NOW - 50 * HOUR, device_silent=True),
     "No blood pressure for 3 expected measurements; the device itself is silent, last heard 2 days ago", ""),
    (crossing("missing", Missing(windows=4), value=Decimal(4)),
     "No blood pressure for 4 expected measurements; the device was never heard", ""),
])  # fmt: skip
def test_a_finding_of_each_kind_reads_in_one_line(one: Crossing, says: str, limit: str) -> None:
    assert facts.headline(one, "UTC", NOW) == says
    assert facts.against(one) == limit


async def page_of(nurse: Client, world: World, made: uuid.UUID) -> str:
    answer = await nurse.get(f"/alerts/{world.patient}/{made}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_it_says_what_was_measured_against_what_and_by_which_rule(
    nurse: Client, owner: Any, world: World
) -> None:
    for days in (1, 2, 3):
        await reading(owner, world, 130 + days, 80 + days, datetime.now(UTC) - timedelta(days=days))
    made = await alert(owner, world)
    page = await page_of(nurse, world, made)
    for words in (
        "192/124 mmHg", "limit ≥180/120", "time from the device", "132/82 mmHg, of 3 readings", "≥180 mmHg systolic",
        "the rule&#39;s general limit", "The rule: bp_high, version 1", "A test rule", "not yet signed off",
        "Opened as high", "Nobody yet.", "<svg", f"Model {world.device}",
    ):  # fmt: skip
        assert words in page, words
    assert f'href="/alerts/{world.patient}/{made}"' in (await nurse.get("/worklist")).text
    row = await owner.fetchrow("SELECT principal, patient_id FROM audit WHERE action = 'alert.view'")
    assert tuple(row) == (f"staff:{world.nurse}", world.patient)


async def test_below_three_readings_there_is_no_average(nurse: Client, owner: Any, world: World) -> None:
    await reading(owner, world, 131, 81, datetime.now(UTC) - timedelta(days=1))
    made = await alert(owner, world)
    assert "not enough readings (1 in those seven days)" in await page_of(nurse, world, made)


@pytest.mark.parametrize(("basis", "raw", "says"), [
    ("device", "{at}", "time from the device"),
    ("corrected", "{early}", "corrected by 12 min: the device&#39;s clock is slow"),
    ("corrected", "12/11", "corrected: the device&#39;s clock is known to be off"),
    ("received", "1970-01-01T00:00:00Z", "time of arrival: the device&#39;s own clock could not be used"),
])  # fmt: skip
async def test_how_the_time_is_known_is_said_in_words(
    nurse: Client, owner: Any, world: World, basis: str, raw: str, says: str
) -> None:
    made = await alert(owner, world)
    at = await owner.fetchval("SELECT measured_at FROM reading")
    raw = raw.format(at=at.isoformat(), early=(at - timedelta(minutes=12)).isoformat())
    await owner.execute("UPDATE reading SET clock_basis = $1, measured_at_raw = $2", basis, raw)
    assert says in await page_of(nurse, world, made)


async def test_both_times_of_a_late_reading_stand_on_the_list_and_on_the_page(
    nurse: Client, owner: Any, world: World
) -> None:
    made = await alert(owner, world)
    await owner.execute("UPDATE organization SET zone = 'UTC'")
    await owner.execute("UPDATE alert SET age = 'late'")
    at = await owner.fetchval(
        "UPDATE reading SET received_at = measured_at + interval '11 hours' RETURNING measured_at"
    )
    for page in ((await nurse.get("/worklist")).text, (await nurse.get(f"/patients/{world.patient}")).text):
        assert f"{at:%H:%M}" in page
        assert f"arrived {at + 11 * HOUR:%b} {(at + 11 * HOUR).day}, " in page or f"{at + 11 * HOUR:%H:%M}" in page
    assert "late reading" in await page_of(nurse, world, made)


async def pregnancy(owner: Any, world: World, systolic: int) -> None:
    """A second programme of the patient's, with a limit and a protocol of its own."""
    programme = uuid7()
    await owner.execute(
        "INSERT INTO programme VALUES ($1, $2, 'pregnancy', 'Pregnancy')", programme, world.organization
    )
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, now() - interval '9 days')",
        uuid7(), world.organization, world.patient, programme,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO programme_limit VALUES ($1, $2, $3, 'systolic_mmhg', 'at_or_above', 'high', $4)",
        world.versions["bp_high"], programme, world.organization, Decimal(systolic),
    )  # fmt: skip
    await owner.executemany(
        "INSERT INTO rule_protocol VALUES ($1, $2, $3, $4, 'ACOG')",
        [
            (world.versions["bp_high"], programme, world.organization, "Ask for headache and vision."),
            (world.versions["bp_high"], world.programme, world.organization, "Ask for missed tablets."),
        ],
    )


async def test_a_stricter_programme_is_named_and_both_protocols_are_read(
    nurse: Client, owner: Any, world: World
) -> None:
    await pregnancy(owner, world, 160)
    made = await alert(owner, world, 165, 100)
    page = await page_of(nurse, world, made)
    for words in (
        "the limit of the programme Pregnancy", "≥160 mmHg systolic",
        "The stricter counts; beside it: ≥180 mmHg systolic, the rule&#39;s general limit",
        "Ask for headache and vision.", "Ask for missed tablets.",
    ):  # fmt: skip
        assert words in page, words


async def test_the_limit_beside_the_value_is_the_strictest_of_their_programmes(
    nurse: Client, owner: Any, world: World
) -> None:
    """The finding crossed on the systolic side; the diastolic number beside it counts the programme's too."""
    await pregnancy(owner, world, 160)
    await owner.execute(
        "INSERT INTO programme_limit SELECT rule_version_id, programme_id, organization_id, 'diastolic_mmhg', side, severity,"
        " 110 FROM programme_limit"
    )
    await alert(owner, world)
    await owner.execute("UPDATE finding SET limit_value = 160")
    assert "limit ≥160/110" in (await nurse.get("/worklist")).text


async def test_a_patients_own_limit_is_told_with_author_reason_and_end(nurse: Client, owner: Any, world: World) -> None:
    await owner.execute(
        """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,
               reason, valid_from, valid_to, locked)
           VALUES ($1, $2, $3, $4, 'systolic_mmhg', 'at_or_above', 'high', 170, 'Dr Ford', 'after the stroke',
               now() - interval '3 days', now() + interval '300 days', true)""",
        uuid7(), world.organization, world.patient, world.rules["bp_high"],
    )  # fmt: skip
    page = await page_of(nurse, world, await alert(owner, world))
    for words in ("this patient&#39;s own limit, set by Dr Ford since", "locked: after the stroke", "instead of ≥180"):
        assert words in page, words


async def test_a_measurement_in_doubt_is_told_as_that(nurse: Client, owner: Any, world: World) -> None:
    made, doubtful = await alert(owner, world), await held(owner, world)
    await owner.execute("UPDATE finding_evidence SET reading_id = $1", doubtful)
    page = await page_of(nurse, world, made)
    assert "In doubt" in page
    assert "implausible" in page


async def snoozed(nurse: Client, world: World, made: uuid.UUID, back: str = "worklist", **more: str) -> Any:
    form = {"hours": "24", "reason": "call_arranged", "back": back}
    return await nurse.post(f"/alerts/{world.patient}/{made}/snooze", data=form | more)


async def test_a_snooze_leaves_the_list_for_a_section_of_its_own_and_can_be_undone(
    nurse: Client, owner: Any, world: World
) -> None:
    made = await alert(owner, world, 85, 50, "medium", "bp_low")
    assert "(1) Worklist" in (await nurse.get("/worklist")).text
    answer = await snoozed(nurse, world, made, note=" rings at five ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist")
    page = (await nurse.get("/worklist")).text
    for words in (
        "Nothing waits.",
        "Snoozed (1)",
        "Snoozed by Nurse Aspen until",
        "A call or visit is arranged. rings at",
    ):
        assert words in page, words
    assert "(1) Worklist" not in page
    listed = (await nurse.get("/snoozes")).text
    assert "Wake now" in listed
    assert "rings at five" in listed
    assert "Snoozed by Nurse Aspen until" in await page_of(nurse, world, made)
    answer = await nurse.post(f"/alerts/{world.patient}/{made}/wake", data={"back": "snoozes"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/snoozes")
    assert "Nothing is snoozed." in (await nurse.get("/snoozes")).text
    assert "(1) Worklist" in (await nurse.get("/worklist")).text
    assert "woken by Nurse Aspen" in (await nurse.get("/snoozes")).text


async def test_a_high_alert_offers_no_snooze_and_refuses_one(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    assert "Snooze…" not in (await nurse.get("/worklist")).text
    answer = await snoozed(nurse, world, made)
    assert answer.status_code == 403
    assert "A high alert cannot be snoozed." in answer.text
    scripted = await nurse.post(
        f"/alerts/{world.patient}/{made}/snooze", data={"hours": "4", "reason": "other"}, headers={"hx-request": "true"}
    )
    assert scripted.status_code == 200
    assert "Say in a few words why it can wait." in scripted.text
    assert (await snoozed(nurse, world, made, hours="100")).status_code == 400


async def test_a_page_that_a_high_alert_holds_says_so(nurse: Client, owner: Any, world: World) -> None:
    await alert(owner, world, 85, 50, "medium", "bp_low")
    other = await alert(owner, world, 170, 90, "medium", "bp_high")
    assert "Page held" not in (await nurse.get("/worklist")).text
    await owner.execute("UPDATE alert SET severity = 'high' WHERE id = $1", other)
    assert (await nurse.get("/worklist")).text.count("Page held: a high alert on the same vital stands.") == 1


async def test_lowering_is_proposed_pressed_and_taken_back_on_the_page(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world, opened=datetime.now(UTC) - HOUR)
    await reading(owner, world, 132, 84)
    where = f"/alerts/{world.patient}/{made}"
    for page in ((await nurse.get("/worklist")).text, await page_of(nurse, world, made)):
        assert "A later reading (132/84 at " in page
        assert "is within limits. Lower to medium?" in page
    answer = await nurse.post(f"{where}/lower", data={"back": "alert"})
    assert (answer.status_code, answer.headers["location"]) == (303, where)
    page = await page_of(nurse, world, made)
    assert "Lowered to medium by Nurse Aspen" in page
    assert "Undo: high again" in page
    assert await owner.fetchval("SELECT severity || status FROM alert") == "mediumopen"
    assert (await nurse.post(f"{where}/lower", data={"back": "alert"})).status_code == 409
    await nurse.post(f"{where}/raise", data={"back": "alert"})
    assert "Raised to high again by Nurse Aspen" in await page_of(nurse, world, made)
    assert await owner.fetchval("SELECT severity FROM alert") == "high"


async def test_the_history_of_an_alert_is_whole(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world, 85, 50, "medium", "bp_low")
    where = f"/alerts/{world.patient}/{made}"
    await nurse.post(f"{where}/acknowledge", data={"back": "alert"})
    await snoozed(nurse, world, made)
    await nurse.post(f"{where}/resolve", data={"outcome": "contacted_patient", "back": "alert"})
    page = await page_of(nurse, world, made)
    told = [page.index(words) for words in (
        "Opened as medium", "Taken by Nurse Aspen", "Snoozed by Nurse Aspen until",
        "Resolved by Nurse Aspen: Contacted the patient",
    )]  # fmt: skip
    assert told == sorted(told)
    assert "Acknowledge<" not in page


async def test_who_does_not_answer_alerts_reads_and_changes_nothing(client: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world, 85, 50, "medium", "bp_low")
    login, _ = await staff_login(owner, world, "quality")
    await sign_in(client, login)
    page = await page_of(client, world, made)
    assert "Snooze…" not in page
    for deed in ("snooze", "wake", "lower", "raise"):
        assert (await client.post(f"/alerts/{world.patient}/{made}/{deed}")).status_code == 403
    assert await owner.fetchval("SELECT count(*) FROM snooze") == 0


@pytest.mark.parametrize(("deed", "form"), [
    ("", None), ("/snooze", {"hours": "4", "reason": "device"}), ("/snooze", {}), ("/wake", {}), ("/lower", {}),
    ("/raise", {}),
])  # fmt: skip
async def test_of_another_organizations_alert_not_even_existence_is_told(
    nurse: Client, owner: Any, world: World, other_world: World, deed: str, form: dict[str, str] | None
) -> None:
    theirs = await alert(owner, other_world, 85, 50, "medium", "bp_low")
    answers = []
    for patient, made in ((other_world.patient, theirs), (uuid.uuid4(), uuid.uuid4())):
        where = f"/alerts/{patient}/{made}{deed}"
        answers.append(await (nurse.get(where) if form is None else nurse.post(where, data=form)))
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    refused = await owner.fetch("SELECT organization_id FROM audit WHERE NOT allowed AND action LIKE 'alert.%'")
    assert [row["organization_id"] for row in refused] == [world.organization] * 2
    assert await owner.fetchval("SELECT count(*) FROM snooze") == 0


async def over_a_week(owner: Any, world: World, kind: str, parameters: str, **finding: Any) -> uuid.UUID:
    """An alert of a rule over a series that rests on 14 readings of the week before yesterday."""
    made, found, rule, version, now = uuid7(), uuid7(), uuid7(), uuid7(), datetime.now(UTC)
    await owner.execute(
        "INSERT INTO rule (id, organization_id, code, name, vital, kind) VALUES ($1, $2, $3, $3, 'blood_pressure', $4)",
        rule, world.organization, f"bp_{kind}", kind,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from, parameters)"
        " VALUES ($1, $2, $3, 3, 'Bring it to the clinician', 'AHA', 'x', now() - interval '9 days', $4::text::jsonb)",
        version, world.organization, rule, parameters,
    )  # fmt: skip
    for metric, value in (("systolic_mmhg", 130), ("diastolic_mmhg", 80)):
        await owner.execute(
            "INSERT INTO rule_limit VALUES ($1, $2, $3, 'at_or_above', 'low', $4)",
            version, world.organization, metric, Decimal(value),
        )  # fmt: skip
    await owner.execute(
        """INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,
               finding_count) VALUES ($1, $2, $3, $4, 'low', 'live', $5, $5, 1)""",
        made, world.organization, world.patient, rule, now,
    )  # fmt: skip
    values = {"metric": "systolic_mmhg", "value": Decimal(138), "limit_value": Decimal(130), "anchor": "average:x"}
    values |= finding
    await owner.execute(
        """INSERT INTO finding (id, organization_id, patient_id, rule_id, rule_version_id, anchor, alert_id, severity,
               metric, side, value, limit_value, age, measured_at, found_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'low', $8, 'at_or_above', $9, $10, 'live', $11, $11)""",
        found, world.organization, world.patient, rule, version, values["anchor"], made, values["metric"],
        values["value"], values["limit_value"], now,
    )  # fmt: skip
    for n in range(14 if kind != "missing" else 0):
        read, at = await reading(owner, world, 132 + n % 14, 82 + n % 7, now - timedelta(days=1, hours=12 * n))
        await owner.execute(
            "INSERT INTO finding_evidence VALUES ($1, $2, $3, $4, $5)",
            world.patient, found, read, at, world.organization,
        )  # fmt: skip
    return made


async def test_an_average_reads_as_one_on_the_list_and_the_page(nurse: Client, owner: Any, world: World) -> None:
    made = await over_a_week(owner, world, "average", '{"kind": "average"}')
    page = await page_of(nurse, world, made)
    for shown in ((await nurse.get("/worklist")).text, (await nurse.get(f"/patients/{world.patient}")).text, page):
        assert "7-day average 138/85 mmHg (14 readings)" in shown
        assert "goal below 130/80" in shown
    for words in ("version 3", "Bring it to the clinician", "<svg"):
        assert words in page
    assert page.count("time from the device") == 14
    items = (await nurse.get("/api/v1/worklist")).json()["items"]
    assert items[0]["crossing"]["readings"] == 14


async def test_missing_measurements_tell_the_silent_patient_from_the_silent_device(
    nurse: Client, owner: Any, world: World
) -> None:
    await owner.execute("UPDATE device_state SET last_seen_at = now() - interval '2 hours 5 minutes'")
    more = {"anchor": "missed:x", "metric": "blood_pressure", "value": Decimal(4), "limit_value": Decimal(4)}
    made = await over_a_week(owner, world, "missing", '{"kind": "missing", "windows": 4}', **more)
    says = "No blood pressure for 4 expected measurements; the device was heard 2 h ago"
    assert says in (await nurse.get("/worklist")).text
    page = await page_of(nurse, world, made)
    assert says in page
    assert "No readings: it is about measurements that did not come." in page
    await owner.execute("UPDATE finding SET why = 'silent_device'")
    assert "the device itself is silent, last heard 2 h ago" in (await nurse.get("/worklist")).text


async def test_an_alert_of_which_nothing_holds_any_more_says_so(nurse: Client, owner: Any, world: World) -> None:
    made = await alert(owner, world)
    await owner.execute("UPDATE finding SET superseded_at = now()")
    page = await page_of(nurse, world, made)
    assert "Nothing of it holds any more." in page
    assert "No reading stands behind it any more." in page


@pytest.mark.parametrize(("kind", "metric"), [
    ("average", "systolic_mmhg"), ("sustained", "systolic_mmhg"), ("count", "systolic_mmhg"),
    ("flag", "irregular_pulse"), ("missing", "missed"),
])  # fmt: skip
async def test_every_kind_of_alert_with_a_vital_shows_the_patients_own_average(
    nurse: Client, owner: Any, world: World, kind: str, metric: str
) -> None:
    for days in (1, 2, 3):
        await reading(owner, world, 130 + days, 80 + days, datetime.now(UTC) - timedelta(days=days))
    made = await alert(owner, world)
    await owner.execute("UPDATE rule SET kind = $1 WHERE id = $2", kind, world.rules["bp_high"])
    await owner.execute("UPDATE finding SET metric = $1", metric)
    assert "132/82 mmHg, of 3 readings" in await page_of(nurse, world, made)
