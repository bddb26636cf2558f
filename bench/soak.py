"""`make soak`: the long fault campaigns one after the other; each says "0 of N" of what it must not find."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bench import chaos, kills, sabotage
from bench.stage import Stage
from tests.flows import escalate_many, remind_many
from tests.own_database import in_memory, own_database

OUT = Path(__file__).parent / "out" / "soak.json"
SEEDS_TOGETHER = {"escalations": 100, "reminders": 500}  # the latter share a clock, so that it ticks for many at once
SIDE_BY_SIDE = 2  # each waits for the database half of its time
OWN_CLOCK = {"escalations", "reminders"}  # here no PostgreSQL is killed, and a disk would only be slow


async def main(asked: argparse.Namespace) -> int:
    """0 when nothing is broken."""
    wanted = list(filter(None, asked.only.split(","))) or list(PARTS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    result: dict[str, Any] = {"seed": asked.seed}
    for name in wanted:
        print(f"{name}, seed {asked.seed}", flush=True)
        room = in_memory() if name in OWN_CLOCK else None
        with tempfile.TemporaryDirectory(prefix="careloop-soak-", dir=room) as folder:
            result[name] = await PARTS[name](Path(folder), asked)
        for line, figure in result[name]["checks"].items():
            print(f"  {figure['broken']} of {figure['of']} {line}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    return int(any(figure["broken"] for name in wanted for figure in result[name]["checks"].values()))


async def sabotages(_: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Part after part of a running Careloop is broken; a person has to hear of each in time."""
    found = await sabotage.run(count=asked.sabotages, seed=asked.seed, interval=5)
    unheard = {"broken": found["of"] - found["heard"], "of": found["of"]}
    unclear = {"broken": found["of"] - found["cleared"], "of": found["of"]}
    checks = {"sabotages nobody heard of in time": unheard, "of which the all-clear never came": unclear}
    return {**found, "checks": checks}


async def escalations(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Sixty days a seed on a clock of their own; workers die at random, and no due page may be missed."""
    return await _in_lots(folder, "escalations", asked.escalations, escalate_many)


async def reminders(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Four hundred days a seed on a clock of their own: no slot lost, none sent twice, at night, or after STOP."""
    return await _in_lots(folder, "reminders", asked.reminders, remind_many)


async def _in_lots(folder: Path, name: str, count: int, simulation: Any) -> dict[str, Any]:
    """All the seeds of a simulation, each lot in a database of its own."""
    total: Counter[str] = Counter()
    room, together = asyncio.Semaphore(SIDE_BY_SIDE), SEEDS_TOGETHER[name]

    async def some(first: int) -> None:
        seeds = range(first, min(first + together, count))
        async with room, own_database(stage.settings, datetime.now(UTC)) as settings:
            total.update(await simulation.campaign(settings, seeds))
        print(f"  {simulation.says(total)}", flush=True)

    async with Stage.open(folder) as stage, asyncio.TaskGroup() as all_of_them:
        for first in range(0, count, together):
            all_of_them.create_task(some(first))
    checks = {line.replace("_", " "): {"broken": total[line], "of": total[of]} for line, of in simulation.OF.items()}
    return {**total, "checks": checks}


PARTS = {
    "kills": kills.soak,
    "backlog": kills.old_store,
    "sabotages": sabotages,
    "escalations": escalations,
    "reminders": reminders,
    "chaos": chaos.soak,
}


if __name__ == "__main__":
    wishes = argparse.ArgumentParser(description=__doc__)
    wishes.add_argument("--kills", type=int, default=100)
    wishes.add_argument("--sabotages", type=int, default=50)
    wishes.add_argument("--escalations", type=int, default=1000, help="seeds of sixty days")
    wishes.add_argument("--reminders", type=int, default=1000, help="seeds of four hundred days")
    wishes.add_argument("--only", default="", metavar="NAME[,NAME]", help=f"of {', '.join(PARTS)}")
    wishes.add_argument("--seed", type=int, default=20261121)
    sys.exit(asyncio.run(main(wishes.parse_args())))
