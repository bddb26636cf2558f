"""Rules and programmes that Careloop ships and this clinic does not have, or has otherwise: one click drafts them."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from server.db.pool import Database, Db
from server.errors import Invalid
from server.flows import change_rule
from server.flows.change_rule import Kind, Proposal
from server.monitoring import defaults, programme_book, rule_book, rule_content, rule_drafts
from server.monitoring.defaults import Code
from server.monitoring.programme_book import Programme
from server.monitoring.rule_book import Rule
from server.monitoring.rule_content import Content, Expected, Level, Protocol
from server.security import audit
from server.security.sessions import Person

AUTHOR = "Careloop"
WHY = {
    "missing": "Careloop ships it and this clinic does not have it yet.",
    "newer": "Careloop ships newer content.",
    "yours": "Back to what Careloop ships.",
}


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """*missing*: not here yet; *newer*: still as an older release had it; *yours*: the clinic changed it itself."""

    kind: Kind
    code: str
    name: str
    vital: str
    of: uuid.UUID
    state: Literal["missing", "newer", "yours"]
    content: Content
    current: Content | None

    @property
    def key(self) -> str:
        """As the form names it."""
        return f"{self.kind}:{self.code}"


async def differing(db: Db, organization: uuid.UUID) -> list[Shipped]:
    """What differs and is neither drafted already nor was rejected as it is shipped; programmes first."""
    programmes = {one.code: one for one in await programme_book.programmes(db)}
    rules = {one.code: one for one in await rule_book.rules(db)}
    ids = {code: programmes[code].id if code in programmes else _id(organization, code) for code in defaults.PROGRAMMES}
    known = await rule_drafts.shipped(db, AUTHOR)
    found = [
        *(_programme(organization, code, programmes.get(code)) for code in defaults.PROGRAMMES),
        *(_rule(organization, one, rules.get(one.code), ids) for one in defaults.RULES),
    ]
    by_hand = await rule_drafts.written_by_staff(db, AUTHOR)
    ours: list[Programme | Rule] = [*programmes.values(), *rules.values()]
    versions = {one.id: one.current.id for one in ours if one.current}
    return [
        msgspec.structs.replace(one, state="yours") if versions.get(one.of) in by_hand else one
        for one in found
        if one.content != one.current and (one.of, one.content) not in known
    ]


def _programme(organization: uuid.UUID, code: Code, ours: Programme | None) -> Shipped:
    shipped = defaults.PROGRAMMES[code]
    expected = [
        Expected(vital=one.vital, opens=f"{one.opens:%H:%M}", closes=f"{one.closes:%H:%M}", weekdays=one.weekdays)
        for one in shipped.expects
    ]
    content = rule_content.programme(
        shipped.explains, shipped.source, around_the_clock=shipped.around_the_clock,
        page_waits_minutes=shipped.page_waits_minutes, expected=expected,
    )  # fmt: skip
    current = ours.content if ours else None
    return Shipped(
        kind="programme", code=code, name=shipped.name, vital="", of=ours.id if ours else _id(organization, code),
        state="newer" if current else "missing", content=content, current=current,
    )  # fmt: skip


def _rule(organization: uuid.UUID, shipped: Any, ours: Rule | None, ids: dict[Code, uuid.UUID]) -> Shipped:
    stricter = [_level(one, ids[code]) for code, levels in shipped.stricter.items() for one in levels]
    current = ours.content if ours else None
    linked = current.programmes if current else ()
    content = rule_content.rule(
        shipped.explains, shipped.source, [*(_level(one, None) for one in shipped.levels), *stricter],
        shipped.parameters,
        [Protocol(programme=ids[code], explains=x.explains, source=x.source) for code, x in shipped.protocols.items()],
        [*(ids[code] for code in shipped.programmes), *linked],
    )  # fmt: skip
    return Shipped(
        kind="rule", code=shipped.code, name=shipped.name, vital=shipped.vital,
        of=ours.id if ours else _id(organization, shipped.code), state="newer" if current else "missing",
        content=content, current=current,
    )  # fmt: skip


def _level(one: defaults.Level, programme: uuid.UUID | None) -> Level:
    value = Decimal(str(one.value)) if one.value is not None else None
    return Level(metric=one.metric, side=one.side, severity=one.severity, value=value, programme=programme)


def _id(organization: uuid.UUID, code: str) -> uuid.UUID:
    """Of a shipped thing that is not here yet: whoever works it out makes the same one."""
    return uuid.uuid5(organization, f"shipped {code}")


async def bring(database: Database, person: Person, keys: Collection[str], now: datetime) -> int:
    """How many drafts were made. Each waits, as any other, for a second person."""
    if not keys:
        raise Invalid("Choose at least one to draft.")
    async with database.transaction(person.who) as db:
        chosen = [one for one in await differing(db, person.organization) if one.key in keys]
        await _make(db, person, chosen, now)
        for one in chosen:
            target = await change_rule.target_of(db, one.kind, one.of)
            proposal = Proposal(content=one.content, reason=WHY[one.state], base=None)
            await change_rule.put(db, person, target, proposal, AUTHOR, change_rule.staff_of(person), now)
    return len(chosen)


async def _make(db: Db, person: Person, chosen: Sequence[Shipped], now: datetime) -> None:
    """The names without a version, so that a draft has something to be of; also programmes that a rule names."""
    names = {_id(person.organization, code): (code, shipped.name) for code, shipped in defaults.PROGRAMMES.items()}
    named = {programme for one in chosen for programme in getattr(one.content, "programmes", ())}
    for programme in sorted((named | {one.of for one in chosen if one.kind == "programme"}) & set(names)):
        await programme_book.add(db, person.organization, programme, *names[programme])
    for one in chosen:
        if one.kind == "rule" and one.state == "missing":
            judged = next(rule.kind for rule in defaults.RULES if rule.code == one.code)
            rule = Rule(id=one.of, code=one.code, name=one.name, vital=one.vital, kind=judged, versions=[])
            await rule_book.add(db, person.organization, rule)
        await audit.note(db, person.who, person.organization, "shipped.draft", f"{one.kind}:{one.of}", now)
