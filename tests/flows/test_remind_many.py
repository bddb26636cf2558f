"""Nothing lost, nothing twice, never at night, never after STOP: four hundred days a seed, with two schedulers that die.

Fifty seeds in every run, side by side on one clock (`tests/flows/remind_many.py`); `make soak` runs a thousand.
"""

import random
from typing import Any

import pytest

from notifications import facts, outbox, policy
from server.db.pool import Db
from server.flows import remind
from server.outreach import ledger, ways
from server.settings import Settings
from tests.flows import remind_many
from tests.flows.remind_many import OF, campaign, says

pytestmark = pytest.mark.slow
SEEDS = 50


async def test_every_slot_is_sent_once_at_an_allowed_hour_or_says_why_not(settings: Settings) -> None:
    seeds = range(SEEDS)
    found = await campaign(settings, seeds)
    print(f"seeds {seeds}: {says(found)}")
    assert found["slots"] > 50 * len(seeds)
    assert found["sent"] > 30 * len(seeds)
    assert found["kills"] > 10 * len(seeds)
    assert {name: found[name] for name in OF} == dict.fromkeys(OF, 0)


def _forget_slots(patch: pytest.MonkeyPatch) -> None:
    """A planned slot is taken out of the ledger and its text is lost with the process: both must share one commit."""
    put, chance = outbox.put, random.Random(4)

    async def lost(db: Db, messages: Any) -> Any:
        return [] if chance.random() < 0.2 else await put(db, messages)

    patch.setattr(remind.outbox, "put", lost)


def _send_again(patch: pytest.MonkeyPatch) -> None:
    """What nobody knows of is sent again, as a page would be."""
    patch.setattr(outbox.Claimed, "at_least_once", property(lambda _: True))


def _no_night(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "_quiet", lambda *_: None)


def _forget_opt_outs(patch: pytest.MonkeyPatch) -> None:
    for module, name in ((ledger, "DUE"), (facts, "FACTS"), (ways, "WAYS")):
        asks = getattr(module, name)
        forgets = asks.replace("FROM door_opt_out(", "FROM (SELECT WHERE false) AS nobody, LATERAL door_opt_out(")
        assert forgets != asks
        patch.setattr(module, name, forgets)


async def _nobody(*_: Any) -> int:
    return 0


def _nobody_puts_back(patch: pytest.MonkeyPatch) -> None:
    """What a sender had claimed when it died stays claimed."""
    patch.setattr(remind_many, "put_back", _nobody)


def _nobody_asks(patch: pytest.MonkeyPatch) -> None:
    """What nobody knows the fate of is never asked about."""
    patch.setattr(remind_many, "reconcile", _nobody)


@pytest.mark.parametrize(
    ("break_it", "seen_as", "days"),
    [
        (_forget_slots, "without_fate", 20), (_send_again, "sent_twice", 30), (_no_night, "in_quiet_hours", 10),
        (_forget_opt_outs, "after_opt_out", 30), (_nobody_asks, "stuck", 12), (_nobody_puts_back, "stuck", 12),
    ],
)  # fmt: skip
async def test_the_campaign_sees_what_it_is_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, break_it: Any, seen_as: str, days: int
) -> None:
    break_it(monkeypatch)
    found = await campaign(settings, range(20), days=days)
    assert found[seen_as] > 0, says(found)
