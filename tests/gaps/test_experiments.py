"""Hold-out groups are chosen by a rule, not by anybody, and their difference has an honest interval."""

import hashlib
import random
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.gaps import experiments
from server.gaps.experiments import Group, difference, wilson
from tests.world import World

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEED = 20261122


def test_the_interval_is_newcombes() -> None:
    """His own example (a): 56/70 against 48/80 gives 0.2000, 0.0524 to 0.3339."""
    found = difference(Group(patients=70, closed=56), Group(patients=80, closed=48))
    assert found is not None
    assert [round(one, 4) for one in found] == [0.2, 0.0524, 0.3339]


@pytest.mark.parametrize(("patients", "closed"), [(1, 0), (1, 1), (10, 0), (10, 10), (1000, 3)])
def test_a_share_stays_within_its_interval_and_that_within_nought_and_one(patients: int, closed: int) -> None:
    group = Group(patients=patients, closed=closed)
    low, high = wilson(group)
    assert 0 <= low <= group.share + 1e-12
    assert group.share - 1e-12 <= high <= 1


def test_an_empty_group_has_no_difference() -> None:
    assert difference(Group(patients=0, closed=0), Group(patients=5, closed=1)) is None


def test_the_interval_holds_what_is_true_nineteen_times_of_twenty() -> None:
    chance = random.Random(SEED)
    missed = 0
    for _ in range(1000):
        texted, alone = (sum(chance.random() < share for _ in range(80)) for share in (0.45, 0.3))
        found = difference(Group(patients=80, closed=texted), Group(patients=80, closed=alone))
        assert found is not None
        missed += not found[1] <= 0.15 <= found[2]
    print(f"seed {SEED}: the truth is outside {missed} of 1000 intervals")
    assert missed <= 75


async def test_who_is_left_alone_is_the_same_for_whoever_asks_and_as_many_as_wanted(owner: Any) -> None:
    experiment, patients = uuid.uuid4(), [uuid.uuid4() for _ in range(4000)]
    rows = await owner.fetch("SELECT p, held_out($1, p, 20) AS out FROM unnest($2::uuid[]) AS p", experiment, patients)
    for row in rows[:200]:
        digest = hashlib.sha256(f"{experiment}:{row['p']}".encode()).hexdigest()
        assert row["out"] == (int(digest[:8], 16) % 100 < 20)
    assert 0.17 < sum(row["out"] for row in rows) / 4000 < 0.23


async def test_one_experiment_of_a_measure_at_a_time_and_its_groups_are_counted(
    world: World, owner: Any, web_db: Database
) -> None:
    who = Who(principal="test", organization=world.organization)
    start = NOW.date() - timedelta(days=30)
    asked = (world.organization, "CMS125", 50, start, start + timedelta(days=90), "quality")
    async with web_db.transaction(who) as db:
        made = await experiments.begin(db, *asked, NOW)
        assert made
        assert await experiments.begin(db, *asked, NOW) is None
    for number in range(40):
        await _patient_with_gap(owner, world, closed=number % 4 == 0)
    async with web_db.transaction(who) as db:
        texted, alone = await experiments.groups(db, made, NOW)
        assert texted.patients + alone.patients == 40
        assert texted.closed + alone.closed == 10
        assert await experiments.stop(db, made, NOW)
        assert not await experiments.stop(db, made, NOW)
        assert (await experiments.every(db))[0].stopped_at == NOW


async def _patient_with_gap(owner: Any, world: World, *, closed: bool) -> None:
    patient = uuid7()
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
               admitted_at) VALUES ($1, $2, $3, $4, $5, 'Pat', 'Test', '1960-05-04', 'female', 'America/New_York', $6)""",
        patient, world.organization, world.clinic, world.team, f"x-{patient}", NOW,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, status, opened_at, closed_at)
           VALUES ($1, $2, $3, 'CMS125', $4, $5, $6, $7, $8)""",
        uuid7(), world.organization, patient, date(2026, 1, 1), date(2026, 12, 31), "closed" if closed else "open",
        NOW - timedelta(days=20), NOW - timedelta(days=2) if closed else None,
    )  # fmt: skip
