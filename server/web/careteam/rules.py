"""Every rule with its levels, source, author and approval; one rule's history, and the form that drafts a change."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from server.db.pool import Db
from server.errors import CareloopError, Conflict, Invalid, NotFound, Refused
from server.flows import change_rule, shipped_rules
from server.flows.change_rule import FLAGS, GONE, Proposal
from server.monitoring import programme_book, rule_book, rule_drafts, yields
from server.monitoring.rule_book import Rule, Version
from server.monitoring.rule_checks import ManyWrong
from server.monitoring.rule_content import Content, RuleContent
from server.monitoring.rule_drafts import Draft
from server.security import audit
from server.security.guards import refuse, staff_only
from server.security.sessions import Person
from server.web.careteam import rule_form, rule_words
from server.web.forms import typed_in
from server.web.pages import page

Asked = Request[Any, Any, State]
MONTH: Final = timedelta(days=30)


@get("/rules", guards=[staff_only], include_in_schema=False)
async def rules_page(request: Asked, person: NamedDependency[Person]) -> Template:
    return await _rules_page(request, person)


async def _rules_page(request: Asked, person: Person, error: CareloopError | None = None) -> Template:
    """All rules and programmes, what waits for a second person, and what we ship that is not here."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        programmes = await programme_book.programmes(db)
        rules = await rule_book.rules(db)
        waiting = await rule_drafts.waiting(db)
        came = {one.rule_id: one for one in await yields.per_rule(db, now - MONTH, now)}
        shipped = await shipped_rules.differing(db, person.organization)
    return page(
        "careteam/rules.html", person, status=error.status if error else 200, problems=problems_of(error), rules=rules,
        programmes=programmes, names={one.id: one.name for one in programmes}, waiting=waiting, came=came,
        shipped=shipped, words=rule_words, may_approve=person.role in change_rule.APPROVING,
    )  # fmt: skip


@post("/rules/shipped", guards=[staff_only], include_in_schema=False)
async def draft_shipped(request: Asked, person: NamedDependency[Person]) -> Template | Redirect:
    """Drafts of what was ticked."""
    keys = (await request.form()).getall("key", [])
    try:
        await shipped_rules.bring(request.app.state.database, person, keys, datetime.now(UTC))
    except Invalid as error:
        return await _rules_page(request, person, error)
    return Redirect("/rules#waiting", status_code=303)


@get("/rules/{rule_id:uuid}", guards=[staff_only], include_in_schema=False)
async def rule_page(request: Asked, person: NamedDependency[Person], rule_id: FromPath[uuid.UUID]) -> Template:
    """What is in force, every version with what it changed, and every draft there ever was."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        rule = await _rule(db, person, rule_id, now)
        drafts = await rule_drafts.of_rule(db, rule_id)
        came = next((one for one in await yields.per_rule(db, now - MONTH, now) if one.rule_id == rule_id), None)
        programmes = await programme_book.programmes(db)
    names = {one.id: one.name for one in programmes}
    return page(
        "careteam/rule.html", person, rule=rule, names=names, drafts=drafts, came=came, words=rule_words,
        history=history(rule.versions, names, rule.vital), may_approve=person.role in change_rule.APPROVING,
        late=_late(rule.current, now),
    )  # fmt: skip


def history(
    versions: list[Version], names: Mapping[uuid.UUID, str], vital: str
) -> list[tuple[Version, list[rule_words.Change]]]:
    """Each version, newest first, with what it changed of the one before."""
    pairs = zip(versions, [*versions[1:], None], strict=False)  # the first one changed nothing
    return [
        (new, rule_words.changes(old.content if old else None, new.content, names, vital)) for new, old in pairs
    ]  # fmt: skip


def _late(current: Version | None, now: datetime) -> bool:
    """Not proved though some test readings should have gone the way since."""
    return current is not None and current.proved_at is None and now - current.valid_from > timedelta(minutes=4)


@get("/rules/{rule_id:uuid}/change", guards=[staff_only], include_in_schema=False)
async def change_page(
    request: Asked,
    person: NamedDependency[Person],
    rule_id: FromPath[uuid.UUID],
    like: FromQuery[uuid.UUID | None] = None,
) -> Template:
    """The form, filled from what is in force, or `like` another version or a draft."""
    return await _change_page(request, person, rule_id, like=like)


async def _change_page(
    request: Asked, person: Person, rule_id: uuid.UUID, *,
    like: uuid.UUID | None = None, error: CareloopError | None = None, typed: Mapping[str, str] | None = None,
) -> Template:  # fmt: skip
    """After an error as it was typed."""
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        rule = await _rule(db, person, rule_id, now)
        programmes = await programme_book.programmes(db)
        drafts = await rule_drafts.of_rule(db, rule_id)
    filled = filled_from(rule.versions, drafts, like)
    content = filled if isinstance(filled, RuleContent) else None
    return page(
        "careteam/rule_change.html", person, status=error.status if error else 200, rule=rule, content=content,
        programmes=programmes, problems=problems_of(error), typed=typed, words=rule_words, flags=FLAGS,
        levels=rule_form.typed_levels(typed) if typed is not None else rule_form.level_rows(content),
        columns=rule_form.columns(rule.vital), base=typed["base"] if typed else rule.current.id if rule.current else "",
    )  # fmt: skip


def filled_from(versions: list[Version], drafts: list[Draft], like: uuid.UUID | None) -> Content | None:
    """What the form begins with: the version or draft asked for, else what is in force."""
    there = {one.id: one.content for one in versions} | {one.id: one.content for one in drafts}
    current = next((one.content for one in versions if one.valid_to is None), None)
    return there.get(like, current) if like else current


@post("/rules/{rule_id:uuid}/change", guards=[staff_only], include_in_schema=False)
async def change(
    request: Asked, person: NamedDependency[Person], rule_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    """Store it as a draft: nothing changes before a second person approves."""
    typed = await typed_in(request)
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        rule = await _rule(db, person, rule_id, now)
        ids = [one.id for one in await programme_book.programmes(db)]
    proposal: Proposal = rule_form.read_rule(typed, rule, ids)
    try:
        made = await change_rule.draft(request.app.state.database, person, "rule", rule_id, proposal, now)
    except (Invalid, Conflict) as error:
        return await _change_page(request, person, rule_id, error=error, typed={"base": "", **typed})
    return Redirect(f"/rules/drafts/{made}", status_code=303)


@post("/rules/{rule_id:uuid}/again", guards=[staff_only], include_in_schema=False)
async def again(request: Asked, person: NamedDependency[Person], rule_id: FromPath[uuid.UUID]) -> Template | Redirect:
    """Undo: draft an older version's content; when something stands against it, the form says what."""
    typed = await typed_in(request)
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        await _rule(db, person, rule_id, now)
    version = rule_form.uuid_of(typed, "version")
    try:
        made = await change_rule.again(request.app.state.database, person, "rule", rule_id, version, now)
    except Invalid as error:
        return await _change_page(request, person, rule_id, like=version, error=error)
    return Redirect(f"/rules/drafts/{made}", status_code=303)


@post("/rules/{rule_id:uuid}/sign-off", guards=[staff_only], include_in_schema=False)
async def sign_off(request: Asked, person: NamedDependency[Person], rule_id: FromPath[uuid.UUID]) -> Redirect:
    """Approve what is in force as it stands."""
    typed = await typed_in(request)
    now = datetime.now(UTC)
    async with request.app.state.database.transaction(person.who) as db:
        await _rule(db, person, rule_id, now)
    version = rule_form.uuid_of(typed, "version")
    try:
        await change_rule.sign_off(request.app.state.database, person, "rule", rule_id, version, now)
    except Refused:
        await refuse(request, person, "rule.sign_off", f"rule:{rule_id}")
        raise
    return Redirect(f"/rules/{rule_id}", status_code=303)


async def _rule(db: Db, person: Person, rule_id: uuid.UUID, now: datetime) -> Rule:
    rule = await rule_book.get(db, rule_id)
    if rule is None:
        raise NotFound(GONE)
    await audit.note(db, person.who, person.organization, "rule.view", f"rule:{rule_id}", now)
    return rule


def problems_of(error: CareloopError | None) -> list[str]:
    """Everything that is wrong, each on its own line."""
    if error is None:
        return []
    return error.problems if isinstance(error, ManyWrong) else [error.says]


handlers = [rules_page, draft_shipped, rule_page, change_page, change, again, sign_off]
