"""The figures of outreach: planning for everybody at once, and handing texts to the provider."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from bench import outreach_plan, outreach_send
from bench.figures import OUTREACH
from bench.ingest import why

Say = Callable[[str], None]
Part = Callable[[Path, bool, Say], Awaitable[dict[str, Any]]]


async def _plan(folder: Path, quick: bool, say: Say) -> dict[str, Any]:
    asked = outreach_plan.QUICK if quick else outreach_plan.Asked()
    return await outreach_plan.measure(folder, asked, say)


async def _send(folder: Path, quick: bool, say: Say) -> dict[str, Any]:
    return await outreach_send.measure(folder, quick=quick, say=say)


PARTS: dict[str, Part] = {"plan_100k_over_bare_insert": _plan, "sdk_dispatch_over_bare_http": _send}


async def measure(
    folder: Path, names: Sequence[str], failed: dict[str, str], *, quick: bool, say: Say
) -> dict[str, Any]:
    """Each figure that was asked for; one that fails says why in `failed`, and the others still count."""
    found: dict[str, Any] = {}
    for name in names:
        try:
            found |= await PARTS[name](folder / name, quick, say)
        except Exception as error:
            failed[name] = why(error)
            found[name] = {"value": None, "of": {}}
    return found


def names_of(only: set[str]) -> list[str]:
    return [name for name in OUTREACH if not only or name in only]
