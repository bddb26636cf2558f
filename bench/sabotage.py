"""`python -m bench.sabotage`: part after part of a running Careloop is broken, and each time a person must hear of it.

Within one and a half probe intervals and fifteen seconds, by a page on a telephone, the banner over a nurse's
worklist, or the silence that somebody outside hears. Then it is mended, and the banner has to go.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec

from bench.living import Clinic, Living
from bench.needs import need
from bench.outages import FOR_EVERYBODY
from bench.sabotages import IN_A_CLINIC, Sabotage

OUT = Path(__file__).parent / "out" / "sabotage.json"
SEED = 20261122
CLEAR_WITHIN_S = 90.0
LOOK_EVERY_S = 0.2
LOOKED_AT_WITHIN_S = 15.0  # the auditor leaves the last five seconds to who is still writing, then makes its round
CLINICS = 6


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`channel`: page, banner or silence outside; None: nobody heard. Seconds from the break, and from the mending."""

    kind: str
    name: str
    channel: str | None
    after_s: float
    clear_s: float | None
    found: list[str]

    @property
    def good(self) -> bool:
        return self.channel is not None and self.clear_s is not None


def limit_s(living: Living) -> float:
    return 1.5 * living.interval + 15


async def campaign(living: Living, chosen: Sequence[Sabotage], chance: random.Random | None = None) -> list[Verdict]:
    """Those of a clinic side by side, each in its own; those for everybody one after the other.

    With `chance` each begins at some moment of an interval, else as soon as all is calm.
    """
    verdicts = []
    for batch in batches(chosen, len(living.clinics)):
        pairs = list(zip(batch, living.clinics, strict=False))
        # Whoever waits outside waits for all of us: for one clinic's trouble only its page and its banner count.
        made = await asyncio.gather(*(_tried(living, each, clinic, chance) for each, clinic in pairs))
        for verdict in made:
            verdicts.append(verdict)
            _say(verdict, len(verdicts), len(chosen))
    return verdicts


def batches(chosen: Sequence[Sabotage], size: int) -> list[list[Sabotage]]:
    """As many of a clinic together as there are clinics; of everybody's one at a time."""
    alone = [[each] for each in chosen if each.everybody]
    together = [each for each in chosen if not each.everybody]
    return [*(together[at : at + size] for at in range(0, len(together), size)), *alone]


async def _tried(living: Living, each: Sabotage, clinic: Clinic, chance: random.Random | None) -> Verdict:
    """One that cannot even be carried out counts as unheard, and the others go on."""
    try:
        return await one(living, each, clinic, chance)
    except (TimeoutError, OSError, asyncpg.PostgresError, httpx.HTTPError) as error:
        return Verdict(
            kind=each.kind, name=each.name, channel=None, after_s=0, clear_s=None,
            found=[f"{type(error).__name__}: {error}"],
        )  # fmt: skip


async def one(living: Living, each: Sabotage, clinic: Clinic, chance: random.Random | None) -> Verdict:
    """Calm first, so that what is heard is heard of this."""
    await _until_calm(living, each, clinic)
    await need(living, clinic, each.needs)
    if chance is not None:
        await asyncio.sleep(chance.uniform(0, living.interval))
    before = {text["sid"] for text in await living.texts()}
    broken = time.monotonic()
    mend = await each.breaks(living, clinic)
    channel, after = await heard(living, each, clinic, before, broken)
    found = await living.troubles(clinic)
    await mend()
    mended = time.monotonic()
    cleared = await _cleared(living, each, clinic, mended)
    await living.tidy(clinic)
    return Verdict(kind=each.kind, name=each.name, channel=channel, after_s=after, clear_s=cleared, found=found)


async def _until_calm(living: Living, each: Sabotage, clinic: Clinic) -> None:
    async with asyncio.timeout(CLEAR_WITHIN_S):
        while not await living.calm(clinic, outside=each.everybody):
            await asyncio.sleep(LOOK_EVERY_S)


async def heard(
    living: Living, each: Sabotage, clinic: Clinic, before: set[str], broken: float
) -> tuple[str | None, float]:
    """The first way in which a person hears of it, and after how many seconds."""
    while (after := time.monotonic() - broken) <= limit_s(living):
        if not each.finds or any(each.finds in one for one in await living.troubles(clinic)):
            way = await _way(living, each, clinic, before)
            if way is not None and each.by in {"", way}:
                return way, time.monotonic() - broken
        await asyncio.sleep(LOOK_EVERY_S)
    return None, after


async def _way(living: Living, each: Sabotage, clinic: Clinic, before: set[str]) -> str | None:
    """A page on a telephone of the clinic, its banner, or, for what concerns everybody, the silence outside."""
    if each.by != "page":
        if each.everybody and living.outside_silent():
            return "silence outside"
        if await clinic.banner():
            return "banner"
    texts = [text for text in await living.texts() if text["sid"] not in before and text["to"] in clinic.phones]
    return "page" if any(text["status"] == "delivered" for text in texts) else None


async def _cleared(living: Living, each: Sabotage, clinic: Clinic, mended: float) -> float | None:
    """Seconds until the worklist has no banner and, for everybody's, the outside hears from us again.

    After what `lasts` somebody sees to the readings until the auditor has had time to look at the last of them.
    """
    calm_since: float | None = None
    while (now := time.monotonic()) - mended < CLEAR_WITHIN_S:
        if each.lasts:
            await asyncio.gather(*map(living.seen_to, living.clinics))
        if not await living.calm(clinic, outside=each.everybody):
            calm_since = None
        else:
            calm_since = calm_since or now
            if not each.lasts or now - calm_since >= LOOKED_AT_WITHIN_S:
                return calm_since - mended
        await asyncio.sleep(LOOK_EVERY_S)
    return None


def _say(verdict: Verdict, number: int, of: int) -> None:
    by = f"{verdict.channel} after {verdict.after_s:.1f} s" if verdict.channel else "NOBODY HEARD"
    clear = f"clear {verdict.clear_s:.1f} s after mending" if verdict.clear_s is not None else "NEVER CLEAR"
    print(f"{number:3} of {of}  {verdict.kind}: {verdict.name}: {by}; {clear}  {verdict.found}", flush=True)


def choose(count: int, chance: random.Random, only: str = "") -> list[Sabotage]:
    """So many of the catalogue: one of every kind first, then by chance."""
    known = [each for each in (*IN_A_CLINIC, *FOR_EVERYBODY) if only in f"{each.kind}: {each.name}"]
    chance.shuffle(known)
    kinds: set[str] = set()
    first = [each for each in known if not (each.kind in kinds or kinds.add(each.kind))]  # type: ignore[func-returns-value]
    rest = [each for each in known if each not in first]
    return [*first, *rest][:count] if count else known


def summary(verdicts: Sequence[Verdict], seed: int, interval: int) -> dict[str, Any]:
    """For the record: how many of how many, by which way, and the slowest."""
    good = [one for one in verdicts if one.channel is not None]
    ways = sorted({one.channel for one in good if one.channel})
    return {
        "seed": seed, "interval_s": interval, "limit_s": 1.5 * interval + 15, "of": len(verdicts), "heard": len(good),
        "cleared": sum(one.clear_s is not None for one in verdicts), "kinds": len({one.kind for one in verdicts}),
        "slowest_s": max((one.after_s for one in good), default=0.0),
        "by": {way: sum(one.channel == way for one in good) for way in ways},
        "each": msgspec.to_builtins(list(verdicts)),
    }  # fmt: skip


async def run(count: int, seed: int, interval: int, only: str = "", clinics: int = CLINICS) -> dict[str, Any]:
    """Start everything, break it, and say what came of it."""
    chance = random.Random(seed)
    chosen = choose(count, chance, only)
    with tempfile.TemporaryDirectory(prefix="careloop-sabotage-") as folder:
        async with Living.open(Path(folder), clinics, interval) as living:
            print(
                f"seed {seed}: {len(chosen)} sabotages, interval {interval} s, limit {limit_s(living):.1f} s",
                flush=True,
            )
            verdicts = await campaign(living, chosen, chance)
    return summary(verdicts, seed, interval)


def main() -> int:
    """0 when every one was heard of in time and every all-clear was seen."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=50, help="0: the whole catalogue")
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--interval", type=int, default=5, help="seconds between two test readings")
    asked.add_argument("--only", default="", help="those whose kind or name has this in it")
    wishes = asked.parse_args()
    result = asyncio.run(run(wishes.count, wishes.seed, wishes.interval, wishes.only))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    print(
        f"{result['heard']} of {result['of']} reached a person within {result['limit_s']} s "
        f"(slowest {result['slowest_s']:.1f} s; {result['by']}); {result['cleared']} of {result['of']} cleared"
    )
    return int(not result["heard"] == result["cleared"] == result["of"])


if __name__ == "__main__":
    sys.exit(main())
