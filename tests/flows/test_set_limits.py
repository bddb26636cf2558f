"""A patient's own limits: what may be set by whom, for how long, seen before, judged afterwards, and taken back."""

import asyncio
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from server.errors import Conflict, Invalid, NotFound, Refused
from server.flows import enrol, set_limits
from server.flows.set_limits import Asked
from server.monitoring import limits, own_limits, rules
from server.monitoring.own_limits import Change, Key, Level
from server.monitoring.rules import Measured
from server.people import joining
from server.people.patients import Patient
from server.security.sessions import Person
from tests.flows.test_reading import count
from tests.people.desk import NOW, Desk, open_desk

DENVER = ZoneInfo("America/Denver")
DAY = timedelta(days=1)
SYSTOLIC: Key = ("systolic_mmhg", "at_or_above", "high")
LOW: Key = ("systolic_mmhg", "below", "medium")
OXYGEN: Key = ("spo2_pct", "below", "high")
DRY: Key = ("weight_kg", "above", "medium")


class Bedside(msgspec.Struct, frozen=True, kw_only=True):
    """A patient of the shipped programmes, and people of each role."""

    web: Database
    desk: Desk
    patient: Patient
    people: dict[str, Person]

    async def levels(self, now: datetime = NOW) -> list[Level]:
        async with self.web.transaction(self.desk.who) as db:
            return await own_limits.levels(db, self.patient.id, now)

    async def level(self, rule: str, key: Key, now: datetime = NOW) -> Level:
        return next(x for x in await self.levels(now) if (x.code, x.key) == (rule, key))

    async def value(self, rule: str, key: Key, now: datetime = NOW) -> Decimal | None:
        return (await self.level(rule, key, now)).value

    async def set(
        self, rule: str, key: Key, value: float, role: str = "clinician", now: datetime = NOW, **more: Any
    ) -> None:
        """As somebody who has just looked at the page."""
        level = await self.level(rule, key, now)
        asked = Asked(
            rule_id=level.rule_id, metric=key[0], side=key[1], severity=key[2], value=Decimal(str(value)),
            **{"reason": "Cardiology, letter of today", "seen": set_limits.seen(level), **more},
        )  # fmt: skip
        await set_limits.set_own(self.web, self.people[role], self.patient.id, asked, now)

    async def end(self, rule: str, key: Key, role: str = "clinician", now: datetime = NOW) -> None:
        level = await self.level(rule, key, now)
        seen = set_limits.seen(level)
        await set_limits.end(self.web, self.people[role], self.patient.id, level.rule_id, key, "No need", seen, now)

    async def history(self) -> list[Change]:
        async with self.web.transaction(self.desk.who) as db:
            return await own_limits.history(db, self.patient.id)

    async def undo(self, role: str = "clinician", now: datetime = NOW) -> None:
        newest = (await self.history())[0].id
        await set_limits.undo(self.web, self.people[role], self.patient.id, newest, now)

    async def judged(self, kind: str, now: datetime = NOW, **values: float) -> str | None:
        """What the bridge would make of such a reading."""
        async with self.web.transaction(self.desk.who) as db:
            applying = await limits.of_patients(db, [self.patient.id], now)
        measured = Measured(
            id=uuid7(), organization_id=self.desk.organization, patient_id=self.patient.id, kind=kind, age="live",
            out_of_range=None, values={name: Decimal(str(x)) for name, x in values.items()}, measured_at=now,
        )  # fmt: skip
        found = rules.judge([measured], applying)
        return found[0].severity if found else None


@pytest.fixture
async def bed(web_db: Database, owner: Any) -> Bedside:
    return await bedside(web_db, owner, programmes=("hypertension",))


async def bedside(web_db: Database, owner: Any, **given: Any) -> Bedside:
    desk = await open_desk(web_db, f"ward-{uuid7().hex[-6:]}")
    patient = await desk.admit(**given)
    people = {}
    for role in ("nurse", "clinician", "coordinator", "admin"):
        staff = uuid7()
        await owner.execute(
            "INSERT INTO staff (id, organization_id, name, role, created_at) VALUES ($1, $2, $3, $4, $5)",
            staff, desk.organization, role.title(), role, NOW,
        )  # fmt: skip
        people[role] = Person(
            organization=desk.organization, organization_name="Ward", state="live", zone="America/Denver", demo=False,
            account_id=uuid7(), name=role.title(), role=role, staff_id=staff,  # type: ignore[arg-type]
        )  # fmt: skip
    return Bedside(web=web_db, desk=desk, patient=patient, people=people)


async def test_an_own_limit_judges_at_once_and_says_whose_it_is_and_why(bed: Bedside, owner: Any) -> None:
    assert await bed.judged("blood_pressure", systolic_mmhg=165, diastolic_mmhg=80) is None
    await bed.set("bp_high", SYSTOLIC, 160, role="nurse")
    assert await bed.judged("blood_pressure", systolic_mmhg=160, diastolic_mmhg=80) == "high"
    assert await bed.judged("blood_pressure", systolic_mmhg=159, diastolic_mmhg=80) is None
    own = (await bed.level("bp_high", SYSTOLIC)).own
    assert own is not None
    assert (own.value, own.author_name, own.reason, own.locked) == (160, "Nurse", "Cardiology, letter of today", False)
    noted = await owner.fetchrow("SELECT principal, detail FROM audit WHERE action = 'patient.limit'")
    assert noted["principal"] == bed.people["nurse"].principal
    assert "160" not in noted["detail"]


async def test_it_ends_by_itself_at_the_end_of_its_last_day_on_the_patients_clock(bed: Bedside) -> None:
    last = NOW.astimezone(DENVER).date() + 2 * DAY
    await bed.set("bp_high", SYSTOLIC, 160, through=last)
    ends = datetime.combine(last + DAY, time(), DENVER).astimezone(UTC)
    for now, value in ((ends - timedelta(seconds=1), 160), (ends, 180)):
        assert await bed.value("bp_high", SYSTOLIC, now) == value
        expected = "high" if value == 160 else None
        assert await bed.judged("blood_pressure", now, systolic_mmhg=170, diastolic_mmhg=80) == expected


async def test_its_last_day_is_neither_past_nor_far_away(bed: Bedside) -> None:
    for days in (-1, 400):
        with pytest.raises(Invalid, match="within a year"):
            await bed.set("bp_high", SYSTOLIC, 160, through=NOW.astimezone(DENVER).date() + days * DAY)


WRONG: tuple[tuple[str, Key, float, str], ...] = (
    ("bp_high", SYSTOLIC, 301, "50 to 300"),
    ("bp_high", SYSTOLIC, 49, "50 to 300"),
    ("bp_high", SYSTOLIC, 90, "above every lower one (90"),
    ("bp_low", LOW, 180, "above every lower one (180"),
    ("glucose_low", ("glucose_mgdl", "below", "high"), 71, "at or below the less severe one (70"),
    ("glucose_high", ("glucose_mgdl", "at_or_above", "high"), 240, "at or above the less severe one (250"),
    ("weight_high", DRY, 1, "2 to 400"),
)


async def test_what_cannot_be_right_is_refused_with_its_reason(bed: Bedside, owner: Any) -> None:
    await join(bed, "heart_failure")
    for rule, key, value, says in WRONG:
        with pytest.raises(Invalid) as refused:
            await bed.set(rule, key, value)
        assert says in refused.value.says, (rule, value, refused.value.says)
    assert await count(owner, "patient_limit") == 0


async def test_the_ends_of_what_can_be_measured_are_allowed(bed: Bedside) -> None:
    await bed.set("bp_high", SYSTOLIC, 300)
    await bed.set("bp_low", LOW, 50)
    await bed.set("pulse_high", ("pulse_bpm", "above", "medium"), 250)


async def test_everything_wrong_is_said_at_once(bed: Bedside) -> None:
    with pytest.raises(Invalid) as refused:
        await bed.set("bp_high", SYSTOLIC, 40)
    assert "50 to 300" in refused.value.says
    assert "every lower one" in refused.value.says


async def test_what_lets_more_pass_than_the_programme_asks_for_a_clinician(bed: Bedside) -> None:
    average: Key = ("systolic_mmhg", "at_or_above", "low")
    for rule, key, laxer, as_strict in (
        ("bp_high", SYSTOLIC, 180.5, 180), ("bp_low", LOW, 89, 90), ("bp_average", average, 135, 130),
    ):  # fmt: skip
        for role in ("nurse", "admin"):
            with pytest.raises(Refused, match="clinician"):
                await bed.set(rule, key, laxer, role=role)
        await bed.set(rule, key, as_strict, role="nurse")
        await bed.set(rule, key, laxer, role="clinician")
        assert await bed.value(rule, key) == Decimal(str(laxer))


async def test_a_coordinator_sets_none_and_without_a_reason_nobody_does(bed: Bedside, owner: Any) -> None:
    with pytest.raises(Refused):
        await bed.set("bp_high", SYSTOLIC, 160, role="coordinator")
    with pytest.raises(Invalid, match="why"):
        await bed.set("bp_high", SYSTOLIC, 160, reason="  ")
    assert await count(owner, "patient_limit") == 0


async def test_a_locked_limit_is_changed_ended_and_undone_by_a_clinician_or_administrator_only(bed: Bedside) -> None:
    with pytest.raises(Refused, match="locks"):
        await bed.set("bp_high", SYSTOLIC, 160, role="nurse", locked=True)
    await bed.set("bp_high", SYSTOLIC, 160, locked=True)
    for attempt in (
        bed.set("bp_high", SYSTOLIC, 150, role="nurse"), bed.end("bp_high", SYSTOLIC, role="nurse"), bed.undo("nurse"),
    ):  # fmt: skip
        with pytest.raises(Refused, match="locked"):
            await attempt
    await bed.set("bp_high", SYSTOLIC, 155, role="admin")
    with pytest.raises(Refused, match="locked"):
        await bed.undo("nurse")  # it would bring the locked one back
    await bed.undo("admin")
    own = (await bed.level("bp_high", SYSTOLIC)).own
    assert own is not None
    assert (own.value, own.locked) == (160, True)


async def test_undo_brings_back_what_held_before_with_its_author_reason_and_end(bed: Bedside) -> None:
    last = NOW.astimezone(DENVER).date() + 5 * DAY
    await bed.set("bp_high", SYSTOLIC, 160, role="nurse", through=last, reason="After surgery")
    before = (await bed.level("bp_high", SYSTOLIC)).own
    await bed.set("bp_high", SYSTOLIC, 150, now=NOW + DAY)
    await bed.undo("nurse", NOW + DAY + timedelta(hours=1))
    after = (await bed.level("bp_high", SYSTOLIC, NOW + 2 * DAY)).own
    assert before is not None
    assert after is not None
    assert (after.value, after.author_name, after.reason, after.ends_at) == (
        160, before.author_name, "After surgery", before.ends_at,
    )  # fmt: skip
    assert [one.action for one in await bed.history()] == ["undo", "set", "set"]
    with pytest.raises(Conflict):
        await bed.undo()


async def test_undo_of_what_would_have_ended_meanwhile_is_the_general_limit(bed: Bedside) -> None:
    await bed.set("bp_high", SYSTOLIC, 160, through=NOW.astimezone(DENVER).date())
    await bed.set("bp_high", SYSTOLIC, 150, now=NOW + timedelta(minutes=1))
    await bed.undo(now=NOW + 3 * DAY)
    assert await bed.value("bp_high", SYSTOLIC, NOW + 3 * DAY) == 180


async def test_undo_of_a_first_limit_and_of_an_end(bed: Bedside) -> None:
    await bed.set("bp_high", SYSTOLIC, 160)
    await bed.undo()
    assert await bed.value("bp_high", SYSTOLIC) == 180
    await bed.set("bp_high", SYSTOLIC, 160)
    await bed.end("bp_high", SYSTOLIC)
    assert await bed.value("bp_high", SYSTOLIC) == 180
    await bed.undo("nurse")
    assert await bed.value("bp_high", SYSTOLIC) == 160


async def test_undo_that_lets_more_pass_asks_for_a_clinician_too(bed: Bedside) -> None:
    await bed.set("bp_high", SYSTOLIC, 190)
    await bed.set("bp_high", SYSTOLIC, 170, role="nurse")
    with pytest.raises(Refused, match="clinician"):
        await bed.undo("nurse")
    await bed.undo("clinician")
    assert await bed.value("bp_high", SYSTOLIC) == 190


async def test_only_the_newest_change_of_a_rule_is_taken_back(bed: Bedside) -> None:
    await bed.set("bp_high", SYSTOLIC, 170)
    await bed.set("bp_high", SYSTOLIC, 160, now=NOW + DAY)
    older = (await bed.history())[1].id
    with pytest.raises(Conflict):
        await set_limits.undo(bed.web, bed.people["clinician"], bed.patient.id, older, NOW + DAY)
    with pytest.raises(NotFound):
        await set_limits.undo(bed.web, bed.people["clinician"], bed.patient.id, uuid.uuid4(), NOW + DAY)


async def test_of_two_who_change_it_at_once_one_is_told_to_look_again(bed: Bedside, owner: Any) -> None:
    level = await bed.level("bp_high", SYSTOLIC)
    asked = [
        Asked(rule_id=level.rule_id, metric=SYSTOLIC[0], side=SYSTOLIC[1], severity=SYSTOLIC[2], value=Decimal(value),
              reason="x")
        for value in (150, 155, 160, 165)
    ]  # fmt: skip
    ended = await asyncio.gather(
        *(set_limits.set_own(bed.web, bed.people["nurse"], bed.patient.id, one, NOW) for one in asked),
        return_exceptions=True,
    )
    assert sum(one is None for one in ended) == 1
    assert all(isinstance(one, Conflict) for one in ended if one is not None)
    assert await count(owner, "patient_limit") == 1


async def test_the_database_itself_refuses_two_versions_at_once(bed: Bedside, owner: Any) -> None:
    await bed.set("bp_high", SYSTOLIC, 160, through=NOW.astimezone(DENVER).date() + 9 * DAY)
    with pytest.raises(asyncpg.ExclusionViolationError):
        await owner.execute(
            """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,
                   reason, valid_from)
               SELECT gen_random_uuid(), organization_id, patient_id, rule_id, metric, side, severity, 200, 'x', 'x',
                      valid_from + interval '1 day' FROM patient_limit"""
        )


async def test_limits_that_nobody_may_touch_are_not_there(bed: Bedside, owner: Any) -> None:
    other = await bedside(bed.web, owner)
    rule = (await bed.level("bp_high", SYSTOLIC)).rule_id
    for desk, which in ((other, rule), (bed, uuid.uuid4())):
        with pytest.raises(NotFound):
            await set_limits.end(desk.web, desk.people["clinician"], bed.patient.id, which, SYSTOLIC, "x", "", NOW)


# Preview --------------------------------------------------------------------------------------------


async def test_the_preview_is_what_judging_the_stored_readings_gives(bed: Bedside, owner: Any) -> None:
    for n, systolic in enumerate((150, 165, 172, 181, 185, 120)):
        await owner.execute(
            """INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis,
                   received_at, source, systolic_mmhg, diastolic_mmhg, judged_with)
               VALUES ($1, $2, $3, 'blood_pressure', $4, 'UTC', $5, 'device', $4, 'device', $6, 80, 'test')""",
            uuid7(), bed.desk.organization, bed.patient.id, NOW - (n * 6 + 1) * DAY, (NOW - n * DAY).date(), systolic,
        )  # fmt: skip
    async with bed.web.transaction(bed.desk.who) as db:
        level = await bed.level("bp_high", SYSTOLIC)
        seen = await set_limits.preview(db, await bed.levels(), bed.patient.id, level, Decimal(160), NOW)
        assert seen is not None
        assert (seen.readings, seen.before, seen.after) == (5, {"high": 2}, {"high": 4})
        average = await bed.level("bp_average", ("systolic_mmhg", "at_or_above", "low"))
        assert await set_limits.preview(db, await bed.levels(), bed.patient.id, average, Decimal(125), NOW) is None
        with pytest.raises(Invalid):
            await set_limits.preview(db, await bed.levels(), bed.patient.id, level, Decimal(999), NOW)
    assert await count(owner, "patient_limit") == 0


# Oxygen targets, dry weight, programmes -------------------------------------------------------------


async def join(bed: Bedside, code: str, role: str = "clinician", now: datetime = NOW, **more: Any) -> None:
    numbers = {name: Decimal(str(value)) for name, value in more.items()}
    await enrol.join(bed.web, bed.people[role], bed.patient.id, enrol.Asked(code=code, **numbers), now)


async def test_copd_needs_an_own_oxygen_target_which_then_judges_alone(bed: Bedside, owner: Any) -> None:
    with pytest.raises(Invalid, match="oxygen target"):
        await join(bed, "copd")
    with pytest.raises(Refused, match="clinician"):
        await join(bed, "copd", role="nurse", spo2_target_pct=88)
    assert await count(owner, "enrolment", "valid_to IS NULL") == 2
    await join(bed, "copd", spo2_target_pct=88)
    for spo2, expected in ((87.5, "high"), (88, None), (91, None), (94, None)):
        assert await bed.judged("spo2", spo2_pct=spo2) == expected
    with pytest.raises(Invalid, match="COPD"):
        await bed.end("spo2_low", OXYGEN)
    await bed.set("spo2_low", OXYGEN, 90, now=NOW + DAY)
    for spo2, expected in ((89.5, "high"), (90, None)):
        assert await bed.judged("spo2", NOW + DAY, spo2_pct=spo2) == expected
    with pytest.raises(Invalid, match="no end"):
        await bed.set("spo2_low", OXYGEN, 91, now=NOW + DAY, through=date(2026, 12, 1))
    await bed.undo(now=NOW + 2 * DAY)
    assert await bed.judged("spo2", NOW + 2 * DAY, spo2_pct=89) is None


async def test_after_copd_is_left_the_target_may_go_and_the_general_limits_are_back(bed: Bedside) -> None:
    await join(bed, "copd", spo2_target_pct=88)
    copd = next(x.programme_id for x in await programmes(bed) if x.code == "copd")
    await enrol.leave(bed.web, bed.people["nurse"], bed.patient.id, copd, NOW + DAY)
    assert await bed.judged("spo2", NOW + DAY, spo2_pct=90) is None
    await bed.end("spo2_low", OXYGEN, now=NOW + DAY)
    assert await bed.judged("spo2", NOW + DAY, spo2_pct=92) == "high"
    assert await bed.judged("spo2", NOW + DAY, spo2_pct=94) == "medium"


async def test_heart_failure_is_joined_with_or_without_a_dry_weight(bed: Bedside) -> None:
    await join(bed, "heart_failure", role="nurse", dry_weight_kg=81.5)
    assert await bed.judged("weight", weight_kg=81.5) is None
    assert await bed.judged("weight", weight_kg=81.6) == "medium"
    other = msgspec.structs.replace(bed, patient=await bed.desk.admit(given_name="Bea"))
    await join(other, "heart_failure", role="coordinator")
    assert await other.judged("weight", weight_kg=200) is None


async def test_joining_pregnancy_ends_what_was_loosened_before(bed: Bedside) -> None:
    """Own limits stand in the place of a programme's: one loosened for another reason must not hide 160."""
    await bed.set("bp_high", SYSTOLIC, 190)
    await bed.set("bp_high", ("diastolic_mmhg", "at_or_above", "high"), 105)
    await join(bed, "pregnancy", role="nurse", now=NOW + DAY)
    assert await bed.value("bp_high", SYSTOLIC, NOW + DAY) == 160
    assert await bed.value("bp_high", ("diastolic_mmhg", "at_or_above", "high"), NOW + DAY) == 105
    assert await bed.judged("blood_pressure", NOW + DAY, systolic_mmhg=165, diastolic_mmhg=80) == "high"
    assert (await bed.history())[0].reason.startswith("Ended on joining")
    await bed.undo(now=NOW + DAY)
    assert await bed.value("bp_high", SYSTOLIC, NOW + DAY) == 190


async def test_a_locked_loose_limit_is_not_ended_by_a_nurse_who_enrols(bed: Bedside, owner: Any) -> None:
    await bed.set("bp_high", SYSTOLIC, 190, locked=True)
    with pytest.raises(Refused, match="locked"):
        await join(bed, "pregnancy", role="nurse")
    assert await count(owner, "enrolment", "valid_to IS NULL") == 2
    await join(bed, "pregnancy", role="clinician")
    assert await bed.value("bp_high", SYSTOLIC) == 160


async def test_a_programme_is_joined_once_left_once_and_general_monitoring_never(bed: Bedside, owner: Any) -> None:
    await join(bed, "diabetes", role="coordinator")
    with pytest.raises(Conflict):
        await join(bed, "diabetes")
    with pytest.raises(NotFound):
        await join(bed, "gout")
    known = {x.code: x for x in await programmes(bed)}
    clinician, patient = bed.people["clinician"], bed.patient.id
    with pytest.raises(Invalid, match="Everybody"):
        await enrol.leave(bed.web, clinician, patient, known["general"].programme_id, NOW)
    later = NOW + DAY
    await enrol.leave(bed.web, clinician, patient, known["diabetes"].programme_id, later)
    with pytest.raises(Conflict):
        await enrol.leave(bed.web, clinician, patient, known["diabetes"].programme_id, later)
    left = next(x for x in await programmes(bed, later) if x.code == "diabetes")
    assert (left.since, left.left_at) == (None, later)
    await join(bed, "diabetes", now=later + DAY)
    assert await count(owner, "audit", "allowed AND action IN ('patient.enrol', 'patient.leave')") == 3


async def programmes(bed: Bedside, now: datetime = NOW) -> list[Any]:
    async with bed.web.transaction(bed.desk.who) as db:
        return await joining.choices(db, bed.patient.id, now)


async def test_limits_of_admission_are_in_the_history_and_can_be_changed(web_db: Database, owner: Any) -> None:
    bed = await bedside(web_db, owner, programmes=("copd",), spo2_target_pct=88)
    [admitted] = await bed.history()
    assert (admitted.rule, admitted.reason, admitted.author_name) == (
        "Low oxygen saturation",
        "set at admission",
        "tests",
    )
    await bed.set("spo2_low", OXYGEN, 86, now=NOW + DAY)
    assert await bed.judged("spo2", NOW + DAY, spo2_pct=86) is None
    await bed.undo(now=NOW + 2 * DAY)
    assert await bed.judged("spo2", NOW + 2 * DAY, spo2_pct=87) == "high"


async def test_of_two_programmes_the_strictest_is_shown_with_its_name(bed: Bedside) -> None:
    await join(bed, "pregnancy")
    level = await bed.level("bp_high", SYSTOLIC)
    assert (level.general, level.own) == (160, None)
    assert "regnan" in level.whose
    for shown in await bed.levels():
        if shown.kind == "crossing" and shown.value is not None:
            async with bed.web.transaction(bed.desk.who) as db:
                judged = (await limits.of_patients(db, [bed.patient.id], NOW))[bed.patient.id]
            assert [
                x.value for x in judged if (x.rule_id, x.metric, x.side, x.severity) == (shown.rule_id, *shown.key)
            ] == [shown.value]
