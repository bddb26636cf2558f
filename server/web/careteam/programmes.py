"""A programme's page: its protocol, what its patients measure when, which rules judge them, how to change it."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from devices.units import KINDS
from server.db.pool import Db
from server.errors import CareloopError, Conflict, Invalid, NotFound, Refused
from server.flows import change_rule
from server.flows.change_rule import GONE
from server.monitoring import programme_book, rule_book, rule_drafts
from server.monitoring.programme_book import Programme
from server.monitoring.rule_content import ProgrammeContent
from server.security import audit
from server.security.guards import refuse, staff_only
from server.security.sessions import Person
from server.web.careteam import rule_form, rule_words
from server.web.careteam.rules import Asked, filled_from, history, problems_of
from server.web.forms import typed_in
from server.web.pages import page


@get("/rules/programmes/{programme_id:uuid}", guards=[staff_only], include_in_schema=False)
async def programme_page(
    request: Asked, person: NamedDependency[Person], programme_id: FromPath[uuid.UUID]
) -> Template:  # fmt: skip
    async with request.app.state.database.transaction(person.who) as db:
        programme = await _programme(db, person, programme_id)
        drafts = await rule_drafts.of_programme(db, programme_id)
        rules = await rule_book.rules(db)
    judging = [one for one in rules if one.content and programme_id in one.content.programmes]
    return page(
        "careteam/programme.html", person, programme=programme, rules=judging, drafts=drafts, words=rule_words,
        history=history(programme.versions, {}, ""), may_approve=person.role in change_rule.APPROVING,
    )  # fmt: skip


@get("/rules/programmes/{programme_id:uuid}/change", guards=[staff_only], include_in_schema=False)
async def change_page(
    request: Asked,
    person: NamedDependency[Person],
    programme_id: FromPath[uuid.UUID],
    like: FromQuery[uuid.UUID | None] = None,
) -> Template:
    """The form, filled from what is in force, or `like` another version or a draft."""
    return await _change_page(request, person, programme_id, like=like)


async def _change_page(
    request: Asked, person: Person, programme_id: uuid.UUID, *,
    like: uuid.UUID | None = None, error: CareloopError | None = None, typed: Mapping[str, str] | None = None,
) -> Template:  # fmt: skip
    """The form, filled from what is in force or an older version; after an error as it was typed."""
    async with request.app.state.database.transaction(person.who) as db:
        programme = await _programme(db, person, programme_id)
        drafts = await rule_drafts.of_programme(db, programme_id)
    filled = filled_from(programme.versions, drafts, like)
    content = filled if isinstance(filled, ProgrammeContent) else None
    current = programme.current
    return page(
        "careteam/programme_change.html", person, status=error.status if error else 200, programme=programme,
        content=content, problems=problems_of(error), typed=typed, words=rule_words, vitals=tuple(KINDS),
        expected=rule_form.typed_expected(typed) if typed is not None else rule_form.expected_rows(content),
        base=typed["base"] if typed else current.id if current else "",
    )  # fmt: skip


@post("/rules/programmes/{programme_id:uuid}/change", guards=[staff_only], include_in_schema=False)
async def change(
    request: Asked, person: NamedDependency[Person], programme_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    """Store it as a draft: nothing changes before a second person approves."""
    typed, database = await typed_in(request), request.app.state.database
    async with database.transaction(person.who) as db:
        await _programme(db, person, programme_id)
    try:
        proposal = rule_form.read_programme(typed)
        made = await change_rule.draft(database, person, "programme", programme_id, proposal, datetime.now(UTC))
    except (Invalid, Conflict) as error:
        return await _change_page(request, person, programme_id, error=error, typed={"base": "", **typed})
    return Redirect(f"/rules/drafts/{made}", status_code=303)


@post("/rules/programmes/{programme_id:uuid}/again", guards=[staff_only], include_in_schema=False)
async def again(
    request: Asked, person: NamedDependency[Person], programme_id: FromPath[uuid.UUID]
) -> Template | Redirect:  # fmt: skip
    """Undo: draft an older version's content."""
    typed, database = await typed_in(request), request.app.state.database
    async with database.transaction(person.who) as db:
        await _programme(db, person, programme_id)
    version = rule_form.uuid_of(typed, "version")
    try:
        made = await change_rule.again(database, person, "programme", programme_id, version, datetime.now(UTC))
    except Invalid as error:
        return await _change_page(request, person, programme_id, like=version, error=error)
    return Redirect(f"/rules/drafts/{made}", status_code=303)


@post("/rules/programmes/{programme_id:uuid}/sign-off", guards=[staff_only], include_in_schema=False)
async def sign_off(
    request: Asked, person: NamedDependency[Person], programme_id: FromPath[uuid.UUID]
) -> Redirect:  # fmt: skip
    """Approve what is in force as it stands."""
    typed, database = await typed_in(request), request.app.state.database
    async with database.transaction(person.who) as db:
        await _programme(db, person, programme_id)
    version, now = rule_form.uuid_of(typed, "version"), datetime.now(UTC)
    try:
        await change_rule.sign_off(database, person, "programme", programme_id, version, now)
    except Refused:
        await refuse(request, person, "programme.sign_off", f"programme:{programme_id}")
        raise
    return Redirect(f"/rules/programmes/{programme_id}", status_code=303)


async def _programme(db: Db, person: Person, programme_id: uuid.UUID) -> Programme:
    found = await programme_book.get(db, programme_id)
    if found is None:
        raise NotFound(GONE)
    now = datetime.now(UTC)
    await audit.note(db, person.who, person.organization, "programme.view", f"programme:{programme_id}", now)
    return found


handlers: list[Any] = [programme_page, change_page, change, again, sign_off]
