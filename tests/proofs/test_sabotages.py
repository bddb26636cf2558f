"""The short form of the sabotages in `make soak`: ten kinds, and each time a person hears of it in time."""

from pathlib import Path

import pytest

from bench.living import Living
from bench.outages import FOR_EVERYBODY
from bench.sabotage import CLEAR_WITHIN_S, batches, campaign, choose, limit_s, summary
from bench.sabotages import IN_A_CLINIC

INTERVAL, CLINICS = 5, 6
TEN = (
    "route removed: every shift taken back",
    "row deleted: the alert",
    "alert closed by nobody: resolved",
    "escalation stopped: its chain has ended",
    "rules emptied: no version is valid",
    "outbox stuck: not before next year",
    "wedged: worker",
    "broker's rules: the bridge may not hear",
    "clock wrong: bridge an hour ahead",
    "cut off from the database: auditor",
)
KNOWN = {f"{each.kind}: {each.name}": each for each in (*IN_A_CLINIC, *FOR_EVERYBODY)}


@pytest.mark.slow
async def test_ten_sabotages_reach_a_person_and_the_all_clear_is_seen(tmp_path: Path) -> None:
    async with Living.open(tmp_path, CLINICS, INTERVAL) as living:
        limit = limit_s(living)
        verdicts = await campaign(living, [KNOWN[name] for name in TEN])
    result = summary(verdicts, 0, INTERVAL)
    print(f"{result['heard']} of {result['of']} heard within {limit} s, the slowest after {result['slowest_s']:.1f} s")
    assert [one for one in verdicts if one.channel is None] == []
    assert [one for one in verdicts if one.clear_s is None or one.clear_s > CLEAR_WITHIN_S] == []
    assert result["kinds"] == result["of"] == 10


def test_the_catalogue_has_fifty_and_more_of_many_kinds() -> None:
    kinds = {each.kind for each in KNOWN.values()}
    print(f"{len(KNOWN)} sabotages of {len(kinds)} kinds")
    assert len(KNOWN) == len(IN_A_CLINIC) + len(FOR_EVERYBODY) >= 50
    assert len(kinds) >= 15


def test_fifty_are_chosen_the_same_for_a_seed_and_have_every_kind() -> None:
    import random

    one, same, other = (choose(50, random.Random(seed)) for seed in (1, 1, 2))
    assert [each.name for each in one] == [each.name for each in same] != [each.name for each in other]
    assert {each.kind for each in one} == {each.kind for each in KNOWN.values()}
    assert len({id(each) for each in one}) == 50


def test_those_for_everybody_are_never_beside_another() -> None:
    for batch in batches(list(KNOWN.values()), CLINICS):
        assert len(batch) == 1 or not any(each.everybody for each in batch)
