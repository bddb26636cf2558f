"""Is Careloop itself well? Said in plain words to whoever has to answer for it at night."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Template

from server.auditing import condition, runs
from server.auditing.banner import banner
from server.auditing.condition import Heard
from server.auditing.runs import HOPS, Run
from server.security import audit
from server.security.guards import allow
from server.security.sessions import Person
from server.web.pages import page

MAY: Final = allow("nurse", "clinician", "coordinator", "admin")
HOUR: Final = timedelta(hours=1)
# What each hop is, in the order of the way.
STEPS: Final = {
    "broker": "The broker takes it", "receipt": "Its sender gets a receipt", "row": "It is stored",
    "finding": "It is judged", "alert": "It is on a list", "page": "A page is written", "sink": "The page is sent",
}  # fmt: skip
# What people call our loops; one that is not here is shown by its own name.
WORK: Final = {
    ("bridge", "ingest"): "Takes readings in", ("worker", "escalate"): "Tells the next in line",
    ("worker", "sender"): "Sends texts", ("worker", "reconcile"): "Finds out what became of texts",
    ("worker", "put_back"): "Puts back what its sender lost", ("worker", "left_over"): "Acts on texts left lying",
    ("worker", "sealer"): "Seals the audit", ("worker", "reminders"): "Reminds patients",
    ("worker", "sequences"): "Looks for readings that never came", ("worker", "silence"): "Looks for silent devices",
    ("worker", "batteries"): "Looks for low batteries", ("worker", "life"): "Ends pauses that are over",
    ("worker", "drafts"): "Compares drafts of rules", ("worker", "after_hours"): "Says when nobody is watching",
    ("worker", "unclear_texts"): "Gives unclear texts to a person", ("worker", "content"): "Ships what patients read",
    ("worker", "safety"): "Calls when a safety text does not arrive", ("worker", "post"): "Sends e-mail",
    ("worker", "try_phones"): "Tries the nurses' telephones",
    ("worker", "roster"): "Looks for hours without anybody", ("worker", "gaps"): "Evaluates measures",
    ("worker", "baselines"): "Learns what is usual", ("worker", "partitions"): "Makes room for coming months",
    ("worker", "quarantine"): "Forgets old quarantine", ("worker", "series"): "Judges readings over days",
    ("worker", "confirm"): "Asks patients after a crisis", ("worker", "snoozes"): "Wakes what was laid aside",
    ("auditor", "rounds"): "Checks that nothing fell through", ("auditor", "canary"): "Sends the test reading",
    ("auditor", "outside"): "Tells somebody outside", ("web", "answers"): "Serves these pages",
    ("provider", "answers"): "The provider of texts answers",
}  # fmt: skip
WIDTH, HEIGHT, BAR = 240.0, 32.0, 3.0


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One test reading in the picture; `missing`: it did not get that far."""

    x: float
    height: float
    missing: bool


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One hop over the last hour, in milliseconds."""

    says: str
    newest_ms: int | None
    middle_ms: int | None
    slowest_ms: int | None
    missed: int
    bars: list[Bar]


@get("/system", guards=[MAY], include_in_schema=False)
async def system(request: Request[Any, Any, State], person: NamedDependency[Person]) -> Template:
    return page("careteam/system.html", person, **await _seen(request, person, note=True))


@get("/system/now", guards=[MAY], include_in_schema=False)
async def now_only(request: Request[Any, Any, State], person: NamedDependency[Person]) -> Template:
    """The part that a live page fetches again."""
    return page("careteam/system_now.html", person, **await _seen(request, person, note=False))


async def _seen(request: Request[Any, Any, State], person: Person, *, note: bool) -> dict[str, Any]:
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        if note:
            await audit.note(db, person.who, person.organization, "system.view", "system", now)
        of_the_hour = await runs.since(db, now - HOUR)
        loops = await condition.heard(db)
        return {
            "banner": await banner(db, now), "well_since": await condition.well_since(db),
            "found": await condition.found(db), "ours": await condition.ours(db),
            "sealed": await condition.sealed(db), "latest": next(iter(await runs.latest(db, 1)), None),
            "loops": sorted(loops, key=_trouble_first(now)), "silent": [one for one in loops if one.late(now)],
            "work": WORK, "steps": steps(of_the_hour, now) if of_the_hour else [], "count": len(of_the_hour),
            "width": WIDTH, "height": HEIGHT,
        }  # fmt: skip


def _trouble_first(now: datetime) -> Any:
    def place(one: Heard) -> tuple[bool, int, str, str]:
        order = ("bridge", "worker", "auditor", "web", "provider")
        return not one.late(now), order.index(one.process) if one.process in order else 9, one.process, one.loop

    return place


def steps(of_the_hour: Sequence[Run], now: datetime) -> list[Step]:
    """Each hop as a picture of the hour; all on one scale, so that the slow one is seen."""
    most = max((ms for run in of_the_hour for _, ms in run.hops if ms is not None), default=1) or 1
    return [_step(hop, of_the_hour, now, most) for hop in HOPS]


def _step(hop: str, of_the_hour: Sequence[Run], now: datetime, most: int) -> Step:
    took = [(run, dict(run.hops)[hop]) for run in of_the_hour]
    known = sorted(ms for _, ms in took if ms is not None)
    return Step(
        says=STEPS[hop],
        newest_ms=took[-1][1],
        middle_ms=known[len(known) // 2] if known else None,
        slowest_ms=known[-1] if known else None,
        missed=len(took) - len(known),
        bars=[_bar(run, ms, now, most) for run, ms in took],
    )


def _bar(run: Run, ms: int | None, now: datetime, most: int) -> Bar:
    x = round((WIDTH - BAR) * max(0.0, 1 - (now - run.started_at) / HOUR), 1)
    height = HEIGHT if ms is None else round(max(1.5, (HEIGHT - 4) * ms / most), 1)
    return Bar(x=x, height=height, missing=ms is None)


handlers = [system, now_only]
