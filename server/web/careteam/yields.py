"""What came of the alerts: per rule, per nurse and hour, and which patients' limits somebody should look at."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template

from server.monitoring import yields
from server.monitoring.yields import Load
from server.security import audit
from server.security.guards import staff_only
from server.security.sessions import Person
from server.web.careteam import rule_words
from server.web.careteam.rules import Asked
from server.web.pages import page

SPANS: Final = (7, 30, 90)
SHADES: Final = 4


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """`shade` 0 to 4, by the busiest cell of the table."""

    count: int
    shade: int


@get("/rules/yield", guards=[staff_only], include_in_schema=False)
async def yield_page(
    request: Asked, person: NamedDependency[Person], days: FromQuery[Literal[7, 30, 90]] = 30
) -> Template:  # fmt: skip
    """Over 7, 30 or 90 days; whom it showed is noted."""
    now = datetime.now(UTC)
    since = now - timedelta(days=days)
    async with request.app.state.database.transaction(person.who) as db:
        rules = await yields.per_rule(db, since, now)
        loads = await yields.loads(db, since, now, person.zone)
        reviews = await yields.reviews(db, now)
        seen = {"patients": sorted({str(one.patient_id) for one in reviews})}
        await audit.note(db, person.who, person.organization, "yield.view", "yield", now, detail=seen)
    return page(
        "careteam/yield.html", person, days=days, spans=SPANS, rules=rules, loads=shaded(loads), reviews=reviews,
        hours=[f"{hour:02d}" for hour in range(24)], words=rule_words,
        enough=yields.ENOUGH, total=sum(one.alerts for one in rules),
    )  # fmt: skip


def shaded(loads: list[Load]) -> list[tuple[Load, list[Cell]]]:
    """Each person's row; the number stands in every cell, the shade only helps."""
    most = max((count for one in loads for count in one.hours), default=0) or 1
    return [
        (one, [Cell(count=count, shade=-(-count * SHADES // most)) for count in one.hours]) for one in loads
    ]  # fmt: skip


handlers: list[Any] = [yield_page]
