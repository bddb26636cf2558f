"""`make bench`: measure, print a table with the goals, write bench/out/latest.json."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import about, alerts, ingest, outreach
from bench.field import QUICK, Size
from bench.figures import ALERTS, EVERYTHING, FIGURES, ONLY_WHEN_ASKED, table
from bench.programs import Failed
from server.errors import CareloopError

OUT = Path(__file__).parent / "out" / "latest.json"
SEED = 20261121


def wishes(argv: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--rounds", type=int, help="of every part, interleaved; the median counts (3)")
    asked.add_argument("--rows", type=int, help="readings stored beforehand for rate_10m_rows_over_empty (10 million)")
    asked.add_argument(
        "--half-load", type=float, metavar="SECONDS", help="how long latency and memory are watched (300)"
    )
    asked.add_argument("--only", default="", metavar="NAME[,NAME]", help=f"of {', '.join(EVERYTHING)}")
    asked.add_argument(
        "--quick", action="store_true", help="a minute, few devices: does it run? The figures say little"
    )
    asked.add_argument("--node-red", action="store_true", help="Node-RED too, which npm fetches")
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--out", type=Path, default=OUT)
    wanted = asked.parse_args(argv)
    if unknown := set(filter(None, wanted.only.split(","))) - set(EVERYTHING):
        asked.error(f"no such figure: {', '.join(sorted(unknown))}")
    return wanted


def size_of(wanted: argparse.Namespace) -> Size:
    size = QUICK if wanted.quick else Size()
    changes = {"rounds": wanted.rounds, "rows": wanted.rows, "half_load_s": wanted.half_load}
    changed = msgspec.structs.replace(size, **{name: value for name, value in changes.items() if value})
    return msgspec.structs.replace(changed, warm_up_s=min(changed.warm_up_s, changed.half_load_s / 3))


def alerts_of(wanted: argparse.Namespace) -> bool:
    only = set(filter(None, wanted.only.split(",")))
    return not only or bool(only & set(ALERTS))


def names_of(wanted: argparse.Namespace) -> list[str]:
    only = set(filter(None, wanted.only.split(",")))
    shown = [name for name in FIGURES if name in only or (not only and name not in ONLY_WHEN_ASKED)]
    return shown + [name for name in ONLY_WHEN_ASKED if wanted.node_red and name not in shown]


async def main(argv: Sequence[str]) -> int:
    """0 when every part could be measured, whatever the figures are."""
    wanted, started, load = wishes(argv), time.monotonic(), os.getloadavg()[0]
    if load > 0.5:
        _say(f"This machine is busy (load {load:.1f}): the figures will be lower and less even than they could be")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _end, asyncio.current_task())
    with tempfile.TemporaryDirectory(prefix="careloop-bench-") as folder:
        try:
            found = await _measure(Path(folder), wanted)
        except (Failed, CareloopError) as error:
            _say(f"The bench could not begin: {error}")
            return 1
    took = {"seconds": round(time.monotonic() - started), "load_before": round(load, 2)}
    head = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "seed": wanted.seed, "versions": about.versions()}
    wanted.out.parent.mkdir(exist_ok=True)
    wanted.out.write_text(json.dumps({**head, **took, **found}, indent=1) + "\n")
    shown = {**found["ingest"], **found["alerts"], **found["outreach"]}
    _say("\n".join(["", *table(shown), *(f"{name}: {why}" for name, why in found["failed"].items())]))
    _say(f"\nWritten to {wanted.out}")
    return 1 if found["failed"] else 0


async def _measure(folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"ingest": {}, "alerts": {}, "outreach": {}, "failed": {}}
    if names := names_of(wanted):
        found |= await ingest.measure(folder / "ingest", size_of(wanted), names, wanted.seed, _say)
    if alerts_of(wanted):
        asked = alerts.QUICK if wanted.quick else alerts.Asked()
        try:
            found["alerts"] = await alerts.measure(folder / "alerts", asked, wanted.seed, _say)
        except Exception as error:  # the others still count
            found["failed"]["alerts"] = ingest.why(error)
            found["alerts"] = {name: {"value": None, "of": {}} for name in ALERTS}
    asked_for = outreach.names_of(set(filter(None, wanted.only.split(","))))
    found["outreach"] = await outreach.measure(
        folder / "outreach", asked_for, found["failed"], quick=wanted.quick, say=_say
    )
    return found


def _end(task: asyncio.Task[object] | None) -> None:
    if task:
        task.cancel()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(asyncio.run(main(sys.argv[1:])))
    sys.exit(130)
