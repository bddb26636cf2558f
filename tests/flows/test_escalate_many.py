"""Whoever dies whenever: each due page goes out in time, none after an answer, and no chain falls silent.

Sixty days a seed (`tests/flows/escalate_many.py`); fifty seeds in every run, `CARELOOP_ESCALATION_SEEDS=1000` is the
long form.
"""

import os
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from notifications import outbox
from notifications.escalation import Take
from server.db.pool import Db
from server.flows import escalate
from server.monitoring.chains import Chain, Moved
from server.settings import Settings
from tests.flows.escalate_many import OF, campaign, says

pytestmark = pytest.mark.slow
SEEDS = int(os.environ.get("CARELOOP_ESCALATION_SEEDS", "50"))
PARTS = 5  # so that several processes can share them


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_due_page_goes_out_until_somebody_answers_and_none_after(settings: Settings, part: int) -> None:
    seeds = range(part, SEEDS, PARTS)
    found = await campaign(settings, seeds)
    print(f"seeds {seeds}: {says(found)}")
    assert found["seeds"] == len(seeds)
    assert found["due_steps"] > 2 * len(seeds)
    assert found["kills"] > len(seeds)
    assert {name: found[name] for name in OF} == dict.fromkeys(OF, 0)


def _lose_pages(patch: pytest.MonkeyPatch) -> None:
    """The step is taken in one commit, and its page is lost with the process: intent and page must share one."""
    put, chance = outbox.put, random.Random(4)

    async def lost(db: Db, messages: Any) -> Any:
        return [] if chance.random() < 0.2 else await put(db, messages)

    patch.setattr(escalate.outbox, "put", lost)


def _forget_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks again whether the alert still stands."""
    due, advance = escalate.chains.DUE, escalate.chains.ADVANCE
    patch.setattr(escalate.chains, "DUE", due.replace("coalesce(a.status, b.status) = 'open'", "true"))
    patch.setattr(escalate.chains, "ADVANCE", advance.replace("status = 'open'", "status <> 'x'"))
    facts = __import__("notifications.facts").facts
    patch.setattr(facts, "FACTS", facts.FACTS.replace("a.status = 'open'", "true"))


def _claim_for_long(patch: pytest.MonkeyPatch) -> None:
    """A page that a dead sender claimed waits as long as any text."""
    patch.setattr(outbox, "URGENT_CLAIM_LASTS", timedelta(seconds=30))


def _never_again(patch: pytest.MonkeyPatch) -> None:
    """After its last step a chain is done."""
    patch.setattr(escalate, "_moved", _moved_for_good)


def _moved_for_good(chain: Chain, take: Take, now: datetime) -> Moved:
    due_at = now + timedelta(days=90) if take.repeating else take.due_at
    return Moved(chain=chain, stepped_at=now, due_at=due_at, repeating=take.repeating)


@pytest.mark.parametrize(
    ("break_it", "seen_as"),
    [
        (_lose_pages, ("late_or_missing",)), (_forget_the_answer, ("after_answer",)),
        (_claim_for_long, ("late_or_missing", "silent_ends")),  # whichever page it was that a dead sender held
        (_never_again, ("silent_ends",)),
    ],
)  # fmt: skip
async def test_the_campaign_sees_what_it_is_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, break_it: Any, seen_as: tuple[str, ...]
) -> None:
    break_it(monkeypatch)
    found = await campaign(settings, range(12))
    assert sum(found[name] for name in seen_as) > 0, says(found)
