"""The parts of `ingest`, one after the other in each round, so that a busy machine slows all of them alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import about, field, half_load, node_red, ours, yardsticks
from bench.field import Field, Size, Store
from bench.figures import FIGURES, HALF_LOAD, ratio
from bench.programs import Failed

Say = Callable[[str], None]
Part = Callable[[], Awaitable[float]]
PART_WITHIN_S = 900.0
NOT_MEASURED = float("nan")


class Results:
    """The rates of every round by part, and why a part failed."""

    def __init__(self) -> None:
        self.rates: dict[str, list[float]] = {}
        self.failed: dict[str, str] = {}
        self.worked: dict[str, list[dict[str, float]]] = {}

    def figures(self, names: Collection[str]) -> dict[str, Any]:
        return {name: ratio(FIGURES[name], self.rates) for name in names if name not in HALF_LOAD}


async def measure(folder: Path, size: Size, names: Collection[str], seed: int, say: Say) -> dict[str, Any]:
    """{"ingest": figures by name, "failed": reasons by part, "processor_us_a_message": …, "set_up": …}."""
    results = Results()
    async with AsyncExitStack() as until_the_end:
        here = await until_the_end.enter_async_context(field.opened(folder, size, seed, say))
        past = await _past(here, names, results, until_the_end)
        parts = _parts(here, past, names)
        for number in range(1, size.rounds + 1):
            say(f"round {number} of {size.rounds}")
            for name, part in parts.items():
                here.worked = {}
                results.rates.setdefault(name, []).append(await measured(name, part, results, say))
                if here.worked:
                    results.worked.setdefault(name, []).append(here.worked)
        found = results.figures(names)
        if set(names) & set(HALF_LOAD):
            found |= await _half_load(here, results, say)
        set_up = await about.set_up(here)
    return {
        "ingest": {name: found[name] for name in names}, "failed": results.failed,
        "processor_us_a_message": results.worked, "set_up": set_up,
    }  # fmt: skip


def _parts(here: Field, past: Store | None, names: Collection[str]) -> dict[str, Part]:
    """Those that the asked figures are made of."""
    all_of_them: dict[str, Part] = {
        "ours_drain": partial(ours.drain, here, here.store),
        "paho_noop": partial(yardsticks.paho_noop, here),
        "ours_drain_without_receipts": partial(ours.drain, here, here.store, receipts=False),
        "database_only": partial(yardsticks.database_only, here),
        "ours_live": partial(ours.live, here, here.store),
        "c_subscriber": partial(yardsticks.c_subscriber, here),
        "ours_live_without_receipts": partial(ours.live, here, here.store, receipts=False),
        "mqttjs_pg": partial(yardsticks.mqttjs_pg, here),
        "paho_psycopg": partial(yardsticks.paho_psycopg, here),
        "node_red": partial(node_red.drain, here),
    }
    if past is not None:
        all_of_them["ours_drain_10m_rows"] = partial(ours.drain, here, past)
    wanted = {part for name in names for part in (FIGURES[name].ours, FIGURES[name].yardstick)}
    if set(names) & set(HALF_LOAD):
        wanted.add("ours_live")  # half of which is the load
    return {name: part for name, part in all_of_them.items() if name in wanted}


async def _past(here: Field, names: Collection[str], results: Results, until_the_end: AsyncExitStack) -> Store | None:
    if "rate_10m_rows_over_empty" not in names:
        return None
    here.say(f"a database with {here.size.people:,} patients and {here.size.rows:,} stored readings")
    try:
        return await until_the_end.enter_async_context(field.with_past(here))
    except Exception as error:
        results.failed["ours_drain_10m_rows"] = why(error)
        here.say(f"  failed: {why(error)}")
        return None


def why(error: Exception) -> str:
    return str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"


async def measured(name: str, part: Part, results: Results, say: Say) -> float:
    started = time.monotonic()
    try:
        async with asyncio.timeout(PART_WITHIN_S):
            rate = await part()
    except Exception as error:  # whatever it was: the others still count
        results.failed[name] = why(error)
        say(f"  {name:30} failed: {results.failed[name]}")
        return NOT_MEASURED
    say(f"  {name:30} {rate:10,.0f} a second   ({time.monotonic() - started:.0f} s)")
    return rate


async def _half_load(here: Field, results: Results, say: Say) -> dict[str, Any]:
    rates = sorted(rate for rate in results.rates["ours_live"] if rate == rate)
    nothing: dict[str, Any] = {name: {"value": None, "of": {}} for name in HALF_LOAD}
    if not rates:
        results.failed["half_load"] = "the live rate is not known"
        return nothing
    live = rates[len(rates) // 2]
    say(f"half load: {live / 2:,.0f} readings a second for {here.size.half_load_s:.0f} s")
    try:
        found = await half_load.measure(here, live)
    except Exception as error:
        results.failed["half_load"] = why(error)
        say(f"  failed: {results.failed['half_load']}")
        return nothing
    times = {name: getattr(found, name) for name in ("commit_ms", "receipt_ms", "bare_commit_ms")}
    growth = {"value": round(found.growth_mb, 1), "of": {"rss_mb": found.rss_mb, "readings_a_second": [found.rate]}}
    return {**{name: ratio(FIGURES[name], times) for name in HALF_LOAD[:2]}, "rss_growth_mb": growth}
