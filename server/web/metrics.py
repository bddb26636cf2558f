"""How the path from devices to pages does, for machines: numbers of the asker's organization, no health data."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from server.auditing import condition, runs
from server.auditing.banner import banner
from server.auditing.condition import Heard, Standing
from server.auditing.runs import Run
from server.security.guards import admin_only
from server.security.sessions import Person

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@get("/metrics", guards=[admin_only], include_in_schema=False)
async def metrics(request: Request[Any, Any, State], person: NamedDependency[Person]) -> Response[str]:
    """Prometheus' text format; an administrator's session cookie is asked for."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        latest = await runs.latest(db, 1)
        said = await banner(db, now)
        loops, found = await condition.heard(db), await condition.found(db)
    lines = [*_path(said is None), *(_run(latest[0], now) if latest else []), *_loops(loops, now), *_found(found)]
    return Response("\n".join(lines) + "\n", media_type=TEXT)


def _path(well: bool) -> list[str]:
    return [
        "# HELP careloop_path_ok 1 while readings are known to get from devices to pages.",
        "# TYPE careloop_path_ok gauge",
        f"careloop_path_ok {int(well)}",
    ]


def _run(run: Run, now: datetime) -> list[str]:
    return [
        "# HELP careloop_canary_age_seconds Since the newest test reading was sent.",
        "# TYPE careloop_canary_age_seconds gauge",
        f"careloop_canary_age_seconds {(now - run.started_at).total_seconds():.1f}",
        "# HELP careloop_canary_hop_seconds From sending the newest test reading to each hop; a missing one is absent.",
        "# TYPE careloop_canary_hop_seconds gauge",
        *(f'careloop_canary_hop_seconds{{hop="{hop}"}} {ms / 1000:.3f}' for hop, ms in run.hops if ms is not None),
    ]


def _loops(loops: Sequence[Heard], now: datetime) -> list[str]:
    return [
        "# HELP careloop_loop_age_seconds Since any instance of a loop was heard.",
        "# TYPE careloop_loop_age_seconds gauge",
        *(
            f'careloop_loop_age_seconds{{process="{one.process}",loop="{one.loop}"}} '
            f"{max(0.0, (now - one.beat_at).total_seconds()):.1f}"
            for one in loops
        ),
    ]


def _found(found: Sequence[Standing]) -> list[str]:
    return [
        "# HELP careloop_found What the auditor found and nobody resolved.",
        "# TYPE careloop_found gauge",
        *(f'careloop_found{{subject="{one.subject}"}} 1' for one in found),
    ]


handlers = [metrics]
