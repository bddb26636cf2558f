"""A draft's page: what it would change, what it would have done to stored readings, and a second person's decision."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec
from litestar import MediaType, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.db.pool import Database, Db
from server.errors import CareloopError, Conflict, Invalid, NotFound, Refused
from server.flows import change_rule
from server.flows.change_rule import GONE
from server.monitoring import programme_book, rule_book, rule_drafts
from server.monitoring.rule_content import Content
from server.monitoring.rule_drafts import Comparison, Draft, Touched
from server.people import enrolments
from server.security import audit
from server.security.guards import refuse, staff_only
from server.security.sessions import Person
from server.web.careteam import rule_words
from server.web.careteam.rules import Asked, problems_of
from server.web.forms import typed_in
from server.web.pages import page

SHOWN: Final = 25  # patients of each list
TALL: Final = 60
Act = Callable[[Database, Person, uuid.UUID, datetime], Awaitable[object]]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One week in the picture: heights up to 60."""

    monday: date
    before: int
    after: int
    tall_before: int
    tall_after: int


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Some patients of a list, and how many there are in all."""

    shown: list[tuple[Touched, str | None]]
    patients: int
    alerts: int


@get("/rules/drafts/{draft_id:uuid}", guards=[staff_only], include_in_schema=False)
async def draft_page(request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]) -> Template:
    return await _page(request, person, draft_id)


@get(
    "/rules/drafts/{draft_id:uuid}/comparison", guards=[staff_only], include_in_schema=False, media_type=MediaType.HTML
)  # fmt: skip
async def comparison(request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]) -> Template:
    """The part of the page that changes while a worker compares; the page asks for it again."""
    return await _page(request, person, draft_id, name="careteam/rule_draft_part.html")


async def _page(
    request: Asked, person: Person, draft_id: uuid.UUID, *, error: CareloopError | None = None,
    name: str = "careteam/rule_draft.html",
) -> Template:  # fmt: skip
    """A look is noted with the patients it showed."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        draft = await rule_drafts.get(db, draft_id)
        if draft is None:
            raise NotFound(GONE)
        names = {one.id: one.name for one in await programme_book.programmes(db)}
        base, vital = await _base(db, draft)
        lists = await _lists(db, draft.comparison)
        in_it = await enrolments.count_in(db, draft.of_programme, now) if draft.of_programme else 0
        seen = sorted({str(one.patient) for people in lists.values() for one, _ in people.shown})
        await audit.note(
            db, person.who, person.organization, "rule_draft.view", f"rule_draft:{draft_id}", now,
            detail={"patients": seen},
        )  # fmt: skip
    return page(
        name, person, status=error.status if error else 200, draft=draft, problems=problems_of(error), lists=lists,
        changes=rule_words.changes(base, draft.content, names, vital), bars=bars(draft.comparison), words=rule_words,
        back=f"/rules/{draft.of_rule}" if draft.of_rule else f"/rules/programmes/{draft.of_programme}",
        mine=draft.drafted_by == person.staff_id, may_approve=person.role in change_rule.APPROVING,
        in_it=in_it, comparing=draft.state == "draft" and draft.of_rule is not None and draft.compared_at is None,
    )  # fmt: skip


async def _base(db: Db, draft: Draft) -> tuple[Content | None, str]:
    """What it is a change of: the version it began from, also when that is in force no more. And the rule's vital."""
    if draft.of_rule:
        rule = await rule_book.get(db, draft.of_rule)
        versions, vital = (rule.versions, rule.vital) if rule else ([], "")
    else:
        programme = await programme_book.get(db, draft.of_programme) if draft.of_programme else None
        versions, vital = (programme.versions, "") if programme else ([], "")
    return next((one.content for one in versions if one.id == draft.base), None), vital


async def _lists(db: Db, compared: Comparison | None) -> dict[str, People]:
    """Missed, new and milder, each with the first patients' names."""
    found = {}
    for which in ("missed", "new", "milder"):
        own: list[Touched] = getattr(compared, which) if compared else []
        named = await rule_drafts.names(db, own[:SHOWN])
        found[which] = People(
            shown=[(one, named.get(one.patient)) for one in own[:SHOWN]], patients=len(own),
            alerts=sum(one.alerts for one in own),
        )  # fmt: skip
    return found


def bars(compared: Comparison | None) -> list[Bar]:
    """Week by week; one alert is seen."""
    weeks = compared.weeks if compared else []
    most = max((max(one.before, one.after) for one in weeks), default=0) or 1
    return [
        Bar(
            monday=date.fromisoformat(one.monday), before=one.before, after=one.after,
            tall_before=-(-one.before * TALL // most), tall_after=-(-one.after * TALL // most),
        )
        for one in weeks
    ]  # fmt: skip


@post("/rules/drafts/{draft_id:uuid}/approve", guards=[staff_only], include_in_schema=False)
async def approve(
    request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    return await _decided(request, person, draft_id, "approve", change_rule.approve)


@post("/rules/drafts/{draft_id:uuid}/reject", guards=[staff_only], include_in_schema=False)
async def reject(
    request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    why = (await typed_in(request)).get("why", "")
    return await _decided(
        request, person, draft_id, "reject",
        lambda database, who, draft, now: change_rule.reject(database, who, draft, why, now),
    )  # fmt: skip


@post("/rules/drafts/{draft_id:uuid}/withdraw", guards=[staff_only], include_in_schema=False)
async def withdraw(
    request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    return await _decided(request, person, draft_id, "withdraw", change_rule.withdraw)


@post("/rules/drafts/{draft_id:uuid}/rebase", guards=[staff_only], include_in_schema=False)
async def rebase(
    request: Asked, person: NamedDependency[Person], draft_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    return await _decided(request, person, draft_id, "rebase", change_rule.rebase)


async def _decided(
    request: Asked, person: Person, draft_id: uuid.UUID, action: str, act: Act
) -> Template | Redirect:  # fmt: skip
    """To the draft, or to the one that was made of it; what could not be done is said on its page."""
    try:
        made = await act(request.app.state.database, person, draft_id, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _page(request, person, draft_id, error=error)
    except Refused:
        await refuse(request, person, f"rule_draft.{action}", f"rule_draft:{draft_id}")
        raise
    return Redirect(f"/rules/drafts/{made if isinstance(made, uuid.UUID) else draft_id}", status_code=303)


handlers: list[Any] = [draft_page, comparison, approve, reject, withdraw, rebase]
