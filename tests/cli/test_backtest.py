"""`careloop backtest` compares without changing anything, and says in one line what it cannot do."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from server.cli import cohort as published
from server.cli import proposal
from server.cli.backtest import backtest
from server.db.pool import Database
from server.errors import Invalid
from server.monitoring.backtest import Proposed, ProposedLevel
from server.monitoring.parameters import Missing, Span, Trend
from server.ops.cohort import making, trial
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.flows.measured import bp, send
from tests.world import World

ASK = ("backtest", "--rule", "bp_high", "--days", "30")


@pytest.fixture
async def stored(world: World, bridge_db: Database) -> World:
    """A high reading and two crises of the last weeks."""
    now = datetime.now(UTC)
    for seq, (days_ago, systolic) in enumerate(((20, 172), (13, 185), (6, 191)), 1):
        at = now - timedelta(days=days_ago)
        await send(bridge_db, world, at, {"seq": seq, **bp(at, systolic)})
    return world


async def test_a_lower_limit_is_compared_with_the_rule_in_force(stored: World, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    before = await owner.fetchval("SELECT (SELECT count(*) FROM finding) + (SELECT count(*) FROM rule_version)")
    ran = await careloop(*ASK, "--set", "systolic_mmhg>=170:high", "--json", env=env)
    assert (ran.code, ran.err) == (0, "")
    (found,) = ran.objects
    assert (found["patients"], found["readings"]) == (1, 3)
    assert [one["patient_id"] for one in found["new"]] == [str(stored.patient)]
    assert (sum(one["before"] for one in found["weeks"]), sum(one["after"] for one in found["weeks"])) == (2, 3)
    after = await owner.fetchval("SELECT (SELECT count(*) FROM finding) + (SELECT count(*) FROM rule_version)")
    assert after == before, "nothing is written but the audit"
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'rule.backtest'") == 1


async def test_a_person_reads_the_weeks_and_who_would_be_missed(stored: World, settings: Settings) -> None:
    ran = await careloop(*ASK, "--set", "systolic_mmhg>=188:high", env=env_of(settings))
    assert ran.code == 0, ran.err
    assert "1 alerts of 1 patients would be missed, 1 of them high." in ran.out
    assert f"patient {stored.patient}" in ran.out
    assert "Nothing was changed." in ran.out


async def test_what_the_clinic_does_not_have_is_said_in_one_line(world: World, settings: Settings) -> None:
    wrong = await careloop("backtest", "--rule", "bp_hihg", "--set", "systolic_mmhg>=170:high", env=env_of(settings))
    assert (wrong.code, wrong.out) == (1, "")
    assert "Known: bp_high, bp_low, glucose_high" in wrong.err
    assert wrong.err.count("\n") == 1


CURRENT = Proposed(
    levels=(ProposedLevel(metric="systolic_mmhg", side="at_or_above", severity="high", value=Decimal(180)),)
)


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        (["systolic_mmhg>=170:high"], [("at_or_above", "high", 170, None)]),
        (["systolic_mmhg>=160.5:medium"], [("at_or_above", "high", 180, None), ("at_or_above", "medium", 160.5, None)]),
        (
            ["systolic_mmhg >= 160:high@pregnancy"],
            [("at_or_above", "high", 180, None), ("at_or_above", "high", 160, 7)],
        ),
        (["systolic_mmhg<90:high", "systolic_mmhg>=off:high"], [("below", "high", 90, None)]),
    ],
)
def test_a_level_replaces_its_like_and_the_others_stay(typed: list[str], values: list[Any]) -> None:
    changed = proposal.changed(CURRENT, [proposal.level(one) for one in typed], {"pregnancy": uuid.UUID(int=7)})
    assert [(x.side, x.severity, x.value, x.programme_id and x.programme_id.int) for x in changed] == values


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("systolic_mmhg>=170:high@pregnant", "no programme 'pregnant'"),
        ("systolic_mmhg>off:high", "no level of systolic_mmhg, above, high"),
    ],
)
def test_a_level_that_cannot_be_is_explained(typed: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        proposal.changed(CURRENT, [proposal.level(typed)], {"pregnancy": uuid.UUID(int=7)})
    assert says in refused.value.says


def test_parameters_are_changed_by_name() -> None:
    assert proposal.with_parameters(Missing(windows=4), ["windows=7", "severity=medium"]) == Missing(
        windows=7, severity="medium"
    )
    gained = proposal.with_parameters(Trend(spans=()), ['spans=[{"days": 1, "gain": "1.5"}]'])
    assert gained == Trend(spans=(Span(days=1, gain=Decimal("1.5")),))
    assert proposal.with_parameters(Missing(windows=4), []) == Missing(windows=4)
    for parameters, change, says in (
        (None, "windows=7", "has no parameters"),
        (Missing(windows=4), "window=7", "severity, windows"),
        (Missing(windows=4), "kind=count", "write NAME=VALUE"),
        (Missing(windows=4), "windows=many", "Expected `int`"),
    ):
        with pytest.raises(Invalid) as refused:
            proposal.with_parameters(parameters, [change])
        assert says in refused.value.says


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--rule CODE with what would change, or --cohort"),
        (["--rule", "bp_high", "--cohort"], "either"),
        (["--rule", "bp_high"], "Say what would change"),
        (["--rule", "bp_high", "--set", "systolic"], "is no level"),
        (["--rule", "bp_high", "--set", "mood>=3:high"], "mood is not measured"),
        (["--rule", "bp_high", "--set", "systolic_mmhg>=170:severe"], "is no level"),
        (["--rule", "bp_high", "--seed", "3", "--set", "systolic_mmhg>=170:high"], "about --cohort"),
        (["--cohort", "--set", "systolic_mmhg>=170:high"], "shipped rules"),
    ],
)
def test_what_does_not_fit_together_is_wrong_usage(arguments: list[str], says: str) -> None:
    ran = CliRunner().invoke(backtest, arguments)
    assert ran.exit_code == 2
    assert says in " ".join(ran.output.replace("│", "").split())


def test_the_cohort_needs_no_database(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With few people, who break the promise about how many readings there are: exit code 1, and it says which."""
    few = making.cohort(3, patients=20, readings=3_000)
    monkeypatch.setattr(published.making, "cohort", lambda _: few)
    assert published.replay(3, (4,), as_json=False) == 1
    told = capsys.readouterr().out
    assert "Not kept: 3000 readings instead of 30184." in told
    assert "High readings lost: 0 of" in told
    assert published.replay(3, (), as_json=True) == 1
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["result"]["readings"] == 3_000
    assert trial.LEFT_TO_STAFF_PUBLISHED == 3_646


def test_how_long_something_took_is_told_in_fitting_words() -> None:
    assert [published.lasting(x) for x in (None, 0.5, 2.66, 47.0, 146.4)] == [
        "never",
        "30 min",
        "2.7 h",
        "47.0 h",
        "6.1 days",
    ]
