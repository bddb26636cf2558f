"""The patient's pages: today, history and messages. Each look is written to the audit."""

from datetime import timedelta
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Template

from server.gaps import reports
from server.monitoring import answers, series, targets
from server.monitoring.series import VITALS, Reading
from server.people import enrolments, letters
from server.security.guards import patient_only
from server.security.sessions import Person
from server.web.portal.cards import TREND_DAYS, card
from server.web.portal.check import check
from server.web.portal.history import RANGES, Range, sections, start_of
from server.web.portal.letters import MOST, shown
from server.web.portal.reading_list import planned
from server.web.portal.supply import supplies
from server.web.portal.todos import DOUBT_LASTS, expected, todos
from server.web.portal.visit import Asked, Visit, show, visiting

LATEST_WITHIN = timedelta(days=366)

Said = Annotated[str | None, QueryParameter(name="said", max_length=20)]


@get("/portal", guards=[patient_only], include_in_schema=False)
async def today(request: Asked, person: NamedDependency[Person], said: Said = None) -> Template:
    """Today's numbers in words, and what there is to do."""
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "today")
        aims = await _aims(visit)
        readings = await _recent(visit)
        gaps = await reports.of(visit.db, visit.patient.id, visit.today)
        doubts = await series.doubted(visit.db, visit.patient.id, visit.now - DOUBT_LASTS)
        plan = await planned(visit)
        supply = await supplies(visit)
        asked = check(await answers.own(visit.db, visit.patient.id, visit.now), visit.words, aims.rest_minutes)
    vitals = [v for v in VITALS if v in expected(aims) or any(r.tells(v) for r in readings)]
    cards = [card(vital, readings, aims, visit.words, visit.now) for vital in vitals]
    cards.sort(key=lambda card: card.tone != "urgent")  # what cannot wait comes first
    do = todos(visit, readings, doubts, gaps, aims, plan)
    return show(
        "today", visit, said, cards=cards, todos=do, check=asked, day=visit.today, to_read=bool(plan.parts),
        supplies=supply,
    )  # fmt: skip


@get("/portal/history", guards=[patient_only], include_in_schema=False)
async def history(
    request: Asked,
    person: NamedDependency[Person],
    span: Annotated[str, QueryParameter(name="range", max_length=10)] = "week",
) -> Template:
    """Every reading of a week, a month or three months."""
    chosen: Range = next((known for known in RANGES if known == span), "week")
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "history", {"range": chosen})
        aims = await _aims(visit)
        start = start_of(chosen, visit.now)
        readings = await series.since(visit.db, visit.patient.id, start, visit.now)
    found = sections(visit, readings, aims, chosen)
    return show("history", visit, sections=found, ranges=RANGES, chosen=chosen)


@get("/portal/messages", guards=[patient_only], include_in_schema=False)
async def messages(request: Asked, person: NamedDependency[Person]) -> Template:
    """The texts we sent, newest first, and what became of each."""
    async with visiting(request, person) as visit:
        await visit.note("portal.view", "messages")
        sent = await letters.newest(visit.db, visit.patient.id, MOST)
        await letters.see(visit.db, visit.patient.id, visit.now)
    return show("messages", visit, letters=[shown(letter, visit) for letter in sent], most=MOST)


async def _aims(visit: Visit) -> targets.Targets:
    joined = await enrolments.of(visit.db, visit.patient.id, visit.now)
    return await targets.of(visit.db, visit.patient.id, [x.code for x in joined], visit.now)


async def _recent(visit: Visit) -> list[Reading]:
    """All of the last two weeks and a day, and the newest of each kind of the last year."""
    start = visit.now - timedelta(days=TREND_DAYS + 1)
    recent = await series.since(visit.db, visit.patient.id, start, visit.now)
    newest = await series.latest(visit.db, visit.patient.id, visit.now - LATEST_WITHIN, visit.now)
    return list({r.id: r for r in [*newest, *recent]}.values())
