"""The back-test finds what the real path found, and says what a changed rule would have done."""

import asyncio
import random
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from devices import quality
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import NotFound
from server.flows import series
from server.monitoring import backtest, comparisons, episodes, replay, rule_book
from server.monitoring.backtest import Comparison, Proposed, ProposedLevel
from server.monitoring.episodes import Answering, Episode, Found
from server.monitoring.findings import Severity, older_readings
from server.monitoring.parameters import Average, Count, Flagged, Missing, Sustained
from tests.flows.measured import WORKER, bp, expect, give_rule, on, send, watch
from tests.world import World, lend_device

DAYS = 28
STAGE_2 = [("systolic_mmhg", "at_or_above", "medium", 160), ("diastolic_mmhg", "at_or_above", "medium", 100)]
GOAL = [("systolic_mmhg", "at_or_above", "low", 130), ("diastolic_mmhg", "at_or_above", "low", 80)]
NEVER = Answering(high=timedelta(days=9999), medium=timedelta(days=9999), low=timedelta(days=9999))
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


async def rules_of_the_world(owner: Any, world: World) -> None:
    await give_rule(owner, world, "bp_sustained", "blood_pressure", Sustained(days=3), STAGE_2)
    await give_rule(owner, world, "bp_average", "blood_pressure", Average(at_least_readings=4, every_weeks=2), GOAL)
    await give_rule(owner, world, "bp_often", "blood_pressure", Count(at_least=3, days=7), STAGE_2)
    await give_rule(owner, world, "irregular", "blood_pressure", Flagged(flag="irregular_pulse"))
    await give_rule(owner, world, "no_bp", "blood_pressure", Missing(windows=2))
    await expect(owner, world, "blood_pressure", (5, 22))


def weeks(seed: int) -> list[tuple[datetime, dict[str, Any]]]:
    """(When it arrives, the reading): calm weeks, high ones, silences, and a hub that keeps some for hours or days."""
    chance = random.Random(seed)
    found = []
    level = 150.0
    for day in range(DAYS):
        level += chance.uniform(-9, 9)
        if chance.random() < 0.3:
            continue
        for _ in range(chance.choice((1, 1, 2))):
            at = on(day, chance.randint(6, 20), chance.randint(0, 59))
            systolic = round(min(max(level + chance.gauss(0, 12), 80), 230))
            late = chance.choice((0, 0, 0, 0, 3, 20, 30, 70)) * HOUR + timedelta(seconds=chance.randint(2, 50))
            flags = {"flags": ["irregular_pulse"]} if chance.random() < 0.1 else {}
            found.append((at + late, bp(at, systolic, max(40, systolic - 60), **flags)))
    return sorted(found, key=lambda one: one[0])


async def play(world: World, seed: int, bridge_db: Database, worker_db: Database) -> None:
    """Every reading when it came, every look when it was due."""
    arriving = [(at, entry) for at, entry in weeks(seed) if at < on(DAYS)]
    looks: list[tuple[datetime, dict[str, Any]]] = [(on(day), {}) for day in range(1, DAYS + 1)]
    for seq, (at, entry) in enumerate(sorted([*arriving, *looks], key=lambda one: one[0])):
        if entry:
            await send(bridge_db, world, at, {"seq": seq + 1, **entry})
        await watch(worker_db, at + SECOND)


@pytest.mark.parametrize("seed", [1, 2])
async def test_it_finds_what_the_bridge_and_the_worker_found(
    seed: int, world: World, owner: Any, bridge_db: Database, worker_db: Database
) -> None:
    """The same findings, and each rule's alert opened in the same second."""
    await rules_of_the_world(owner, world)
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", on(0, 0))
    await play(world, seed, bridge_db, worker_db)
    wrong, of, with_findings = [], 0, 0
    async with worker_db.transaction(WORKER) as db:
        for rule in await rule_book.rules(db):
            current = backtest.as_it_is(rule)
            assert current is not None
            again = await backtest.replayed(db, world.organization, rule, [current], on(0, 0), on(DAYS) + SECOND)
            ours = {(f.anchor, f.severity) for f in again.found[0]}
            rows = await owner.fetch(STORED, rule.id)
            holds = {(row["anchor"], row["severity"]) for row in rows if row["superseded_at"] is None}
            ever = {(row["anchor"], row["severity"]) for row in rows}
            opened = await owner.fetchval("SELECT opened_at FROM alert WHERE rule_id = $1", rule.id)
            [episode] = episodes.grouped(again.found[0], NEVER) or [None]
            late = episode.opened_at - opened if episode else timedelta()
            of, with_findings = of + len(ever), with_findings + bool(ever)
            if not holds <= ours <= ever or (episode is None) != (opened is None) or abs(late) > SECOND:
                wrong.append((rule.code, holds - ours, ours - ever, late))
    print(f"seed {seed}: {len(wrong)} of {with_findings} rules with {of} findings differ")
    assert with_findings >= 5
    assert wrong == []


STORED = "SELECT anchor, severity, superseded_at FROM finding WHERE rule_id = $1 AND age <> 'historic'"


def test_the_ages_are_those_of_the_real_path() -> None:
    assert quality.LATE == replay.HISTORIC_AFTER
    assert series.LATE == replay.SERIES_HISTORIC_AFTER


# One open alert per patient and rule, until somebody answered ------------------------------------------------------

PATIENT, RULE, ORGANIZATION = uuid7(), uuid7(), uuid7()


def at(hours: float) -> datetime:
    return on(0) + timedelta(hours=hours)


def finding(hours: float, severity: Severity = "high", anchor: str = "", *, rule: uuid.UUID = RULE) -> Found:
    return Found(
        patient_id=PATIENT, rule_id=RULE, filed_under=rule, anchor=anchor or str(hours), severity=severity,
        measured_at=at(hours), at=at(hours),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "alerts"),
    [
        ([(0, "high"), (0.9, "high")], [("high", 0, 1, 2)]),
        ([(0, "high"), (1, "high")], [("high", 0, 1, 1), ("high", 1, 2, 1)]),
        ([(0, "medium"), (3.9, "medium")], [("medium", 0, 4, 2)]),
        ([(0, "low"), (23, "low"), (24, "low")], [("low", 0, 24, 2), ("low", 24, 48, 1)]),
        # What gets worse is answered anew; what was to be answered later still is.
        ([(0, "medium"), (3.5, "high"), (4.4, "low")], [("high", 0, 4.5, 3)]),
        ([(0, "medium"), (1, "high"), (3.9, "low")], [("high", 0, 4, 3)]),
        # A milder finding neither lowers nor prolongs.
        ([(0, "high"), (0.5, "medium"), (1.5, "medium")], [("high", 0, 1, 2), ("medium", 1.5, 5.5, 1)]),
    ],
)
def test_findings_become_alerts(
    found: list[tuple[float, Severity]], alerts: list[tuple[Severity, float, float, int]]
) -> None:
    made = [finding(hours, severity) for hours, severity in found]
    expected = [(severity, at(start), at(end), many) for severity, start, end, many in alerts]
    for order in (made, made[::-1], random.Random(7).sample(made, len(made))):
        grouped = episodes.grouped(order)
        assert [(e.severity, e.opened_at, e.resolved_at, len(e.findings)) for e in grouped] == expected


def test_older_readings_are_one_item_and_never_high() -> None:
    older = older_readings(ORGANIZATION)
    [item, alert] = episodes.grouped([finding(0, rule=older), finding(3, "medium", rule=older), finding(3.5)])
    assert (item.rule_id, item.severity, len(item.findings)) == (older, "medium", 2)
    assert (alert.rule_id, alert.severity) == (RULE, "high")


# Two versions side by side ----------------------------------------------------------------------------------------


def side_by_side(before: list[Found], after: list[Found], near: timedelta = timedelta()) -> Comparison:
    return comparisons.compared(
        episodes.grouped(before), episodes.grouped(after), near, since=at(0), now=at(24 * 14), patients=1, readings=9
    )


def opened(alerts: list[Episode]) -> list[datetime]:
    return [one.opened_at for one in alerts]


def test_an_alert_is_missed_new_or_milder() -> None:
    """Its own reading still crosses: answered. None of its readings does, and nothing stood then: missed."""
    found = side_by_side(
        [finding(0), finding(30), finding(200)], [finding(0), finding(28, "medium"), finding(30, "medium"), finding(90)]
    )
    assert (opened(found.missed), opened(found.new), opened(found.milder)) == ([at(200)], [at(90)], [at(30)])
    assert (found.before_per_week, found.after_per_week) == (1.5, 1.5)


def test_a_run_told_days_earlier_is_the_same_run() -> None:
    before, after = [finding(100, "medium", "sustained:3")], [finding(60, "medium", "sustained:2")]
    assert side_by_side(before, after, timedelta(days=7)).missed == []
    assert opened(side_by_side(before, after).missed) == [at(100)]


def test_every_week_is_shown_also_an_empty_one() -> None:
    found = side_by_side([finding(0), finding(24 * 10)], [])
    assert [(one.before, one.after) for one in found.weeks] == [(1, 0), (1, 0), (0, 0)]
    assert all(one.monday.weekday() == 0 for one in found.weeks)


# Over what is stored ----------------------------------------------------------------------------------------------


async def stored(world: World, bridge_db: Database, owner: Any) -> tuple[uuid.UUID, str]:
    """Pat measures 172, 185, 160, 190 on four days; a second patient, with a limit of their own at 200, 172 and 205."""
    other = uuid7()
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex,
               zone, admitted_at) VALUES ($1, $2, $3, $4, 'own', 'Ola', 'Own', '1950-01-01', 'male', 'UTC', $5)""",
        other, world.organization, world.clinic, world.team, on(-9),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5)", uuid7(), world.organization, other, world.programme, on(-9)
    )
    await owner.execute(
        """INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value, author,
               reason, valid_from)
           VALUES ($1, $2, $3, $4, 'systolic_mmhg', 'at_or_above', 'high', 200, 'test', 'test', $5)""",
        uuid7(), world.organization, other, world.rules["bp_high"], on(-9),
    )  # fmt: skip
    device, _ = await lend_device(owner, world.organization, other, on(-9))
    for seq, systolic in enumerate((172, 185, 160, 190), 1):
        await send(bridge_db, world, on(seq), {"seq": seq, **bp(on(seq), systolic)})
    for seq, systolic in enumerate((172, 205), 1):
        await send(bridge_db, world, on(seq), {"seq": seq, **bp(on(seq), systolic)}, sender=device)
    return other, device


def high_at(systolic: float, programme: uuid.UUID | None = None) -> ProposedLevel:
    return ProposedLevel(
        metric="systolic_mmhg", side="at_or_above", severity="high", value=Decimal(systolic), programme_id=programme
    )


async def asked(database: Database, world: World, *levels: ProposedLevel, code: str = "bp_high") -> Comparison:
    """As the web asks: it sees one organization, and may write what a nurse may."""
    async with database.transaction(Who(principal="test", organization=world.organization)) as db:
        return await backtest.compare(
            db, world.organization, world.rules[code], Proposed(levels=levels), on(0), on(7)
        )  # fmt: skip


async def test_what_a_lower_limit_adds_and_a_higher_one_drops(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    other, _ = await stored(world, bridge_db, owner)
    before = await counted(owner)
    lower = await asked(web_db, world, high_at(170))
    assert [(e.patient_id, e.opened_at) for e in lower.new] == [(world.patient, on(1))], "their own limit stays"
    assert (lower.missed, lower.patients, lower.readings) == ([], 2, 6)
    assert (lower.before_per_week, lower.after_per_week) == (3, 4)
    higher = await asked(web_db, world, high_at(188))
    assert [(e.patient_id, e.opened_at) for e in higher.missed] == [(world.patient, on(2))]
    assert [one.before for one in higher.weeks] == [3, 0]
    milder = await asked(web_db, world, medium(high_at(180)))
    assert ({e.patient_id for e in milder.milder}, milder.missed) == ({world.patient, other}, [])
    assert await counted(owner) == before, "nothing is written"


async def counted(owner: Any) -> list[int]:
    return [await owner.fetchval(f"SELECT count(*) FROM {name}") for name in ("finding", "alert", "message", "audit")]


def medium(level: ProposedLevel) -> ProposedLevel:
    return ProposedLevel(metric=level.metric, side=level.side, severity="medium", value=level.value)


async def test_a_level_of_one_programme_is_that_programmes(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    await stored(world, bridge_db, owner)
    elsewhere = uuid7()
    await owner.execute("INSERT INTO programme VALUES ($1, $2, 'other', 'Other')", elsewhere, world.organization)
    assert (await asked(web_db, world, high_at(180), high_at(150, elsewhere))).new == []
    stricter = await asked(web_db, world, high_at(180), high_at(150, world.programme))
    assert [e.opened_at for e in stricter.new] == [on(1), on(3)]


async def test_patients_are_judged_some_at_a_time_and_it_says_how_far_it_is(
    world: World, owner: Any, bridge_db: Database, web_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(world, bridge_db, owner)
    whole = await asked(web_db, world, high_at(170))
    monkeypatch.setattr(backtest, "CHUNK", 1)
    heard: list[tuple[int, int]] = []
    async with web_db.transaction(Who(principal="test", organization=world.organization)) as db:
        rule, proposed = world.rules["bp_high"], Proposed(levels=(high_at(170),))
        parts = await backtest.compare(
            db, world.organization, rule, proposed, on(0), on(7), lambda done, of: heard.append((done, of))
        )  # fmt: skip
    assert heard == [(1, 2), (2, 2)]
    assert parts == whole


async def test_other_work_of_the_process_goes_on_meanwhile(
    world: World, owner: Any, bridge_db: Database, web_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(world, bridge_db, owner)
    judged: list[int] = []
    turns = [0]

    def counting(*_: object) -> list[Found]:
        judged.append(turns[0])
        return []

    async def elsewhere() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(replay, "found", counting)
    other = asyncio.create_task(elsewhere())
    await asked(web_db, world, high_at(170))
    other.cancel()
    assert len(judged) == 4, "two patients, two versions"
    assert judged[2] > judged[1], "between two patients of one chunk"


async def test_another_organizations_rule_is_not_there(
    world: World, other_world: World, owner: Any, bridge_db: Database, web_db: Database, worker_db: Database
) -> None:
    await stored(world, bridge_db, owner)
    async with web_db.transaction(Who(principal="test", organization=other_world.organization)) as db:
        with pytest.raises(NotFound):
            await backtest.compare(
                db, other_world.organization, world.rules["bp_high"], Proposed(levels=()), on(0), on(7)
            )  # fmt: skip
    async with worker_db.transaction(WORKER) as db:
        found = await backtest.compare(
            db, other_world.organization, world.rules["bp_high"], Proposed(levels=(high_at(100),)), on(0), on(7)
        )  # fmt: skip
    assert (found.patients, found.readings) == (0, 0)


async def test_a_silence_of_three_days_is_no_alert_when_four_are_waited_for(
    world: World, owner: Any, bridge_db: Database, web_db: Database
) -> None:
    """As the web's login, which sees one organization: schedules, loans and what is held, too."""
    await give_rule(owner, world, "no_bp", "blood_pressure", Missing(windows=3))
    await expect(owner, world, "blood_pressure", (5, 22))
    await owner.execute("UPDATE loan SET lent = tstzrange($1, NULL)", on(0, 0))
    for seq, day in enumerate((0, *range(4, 14), 18, 19), 1):
        await send(bridge_db, world, on(day), {"seq": seq, **bp(on(day), 130)})
    rule = await owner.fetchval("SELECT id FROM rule WHERE code = 'no_bp'")
    async with web_db.transaction(Who(principal="test", organization=world.organization)) as db:
        proposed = Proposed(levels=(), parameters=Missing(windows=4))
        found = await backtest.compare(db, world.organization, rule, proposed, on(0), on(20))
    # The second silence lasts four days, and is told a day later.
    assert [one.opened_at for one in found.missed] == [on(4)]
    assert (found.new, [(one.before, one.after) for one in found.weeks]) == ([], [(1, 0), (0, 0), (1, 1)])
