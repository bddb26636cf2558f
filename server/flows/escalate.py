"""Nobody answered: the next ones are told, step by step, until somebody does; and what was taken and left returns."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from notifications import escalation, outbox, wording
from notifications.escalation import Severity, State, Step, Take
from notifications.messages import Channel, Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.flows import returned
from server.flows.page import NOBODY, UNREACHABLE, Told
from server.monitoring import alarms, chains, returns, steps, worsenings
from server.monitoring.alarms import Alarm
from server.monitoring.chains import Chain, Moved
from server.monitoring.steps import StepRow
from server.outreach import wordings
from server.outreach.wordings import Owns
from server.people import coverage, holidays, roster
from server.people.phones import phone_hash
from server.people.roster import OnShift, Reachable

AUTHOR = "Careloop defaults"
EXHAUSTED = "Everybody who should be told was paged and nobody answers. Somebody has to look at the worklist now."
ANSWERED = "Closed by itself: somebody answered."
ON_SHIFT_AGAIN = "Closed by itself: somebody is on shift again, or these are not the team's monitored hours."

Closed = Mapping[uuid.UUID, Mapping[date, bool]]
# Whom one round has told of what, and how: (chain, person, channel).
Already = set[tuple[uuid.UUID, uuid.UUID, Channel]]


async def escalate(database: Database, who: Who, lasts: timedelta, now: datetime, told: Told) -> int:
    """Bring back what was taken `lasts` ago without an outcome, begin what is new, take every step that is due.

    Each in a transaction of its own: killed anywhere, the next round goes on from what was committed. A chain that is
    late takes all its overdue steps at once, and nobody who belongs to several of them is told twice. Returns how many
    steps were taken.
    """
    await _prepare(database, who, now)
    await _give_back(database, who, lasts, now)
    taken, already = 0, Already()
    while True:
        async with database.transaction(who) as db:
            await returned.note(db, who, await worsenings.restart(db), now)
            moved = await _take_due(db, now, told, already)
        taken += moved
        if not moved:
            return taken


async def _prepare(database: Database, who: Who, now: datetime) -> None:
    async with database.transaction(who) as db:
        await _make_steps(db)
        await _settle_roster(db, now)
        new = await chains.beginnings(db, now)
        of = await steps.of(db, [one.organization_id for one in new])
        closed = await holidays.of_teams(db, [one.team_id for one in new], now.date())
        starts = [(one, _first_due(one, of, closed)) for one in new]
        await chains.begin(db, starts)
        await chains.end(db, now)
        await alarms.settle(db, "chain_exhausted", await chains.answered(db), ANSWERED, now)


def _first_due(one: chains.Beginning, of: Sequence[StepRow], closed: Closed) -> datetime:
    return escalation.first_due(_steps(of, one), one.started_at, one.zone, closed[one.team_id].keys())


async def _settle_roster(db: Db, now: datetime) -> None:
    """ "Nobody on shift" ends when somebody is, and where nobody has to be while the stand-in can be told."""
    standing = [(org, uuid.UUID(team)) for org, team in await alarms.standing_subjects(db, "roster")]
    if not standing:
        return
    on_shift = await roster.on_shift(db, [team for _, team in standing], now)
    over = [(org, str(team)) for org, team in standing if on_shift[team] or await _nobody_has_to_be(db, team, now)]
    await alarms.settle(db, "roster", over, ON_SHIFT_AGAIN, now)
    await tell(db, *(Event(topic="worklist", organization=org) for org in {org for org, _ in over}))


async def _nobody_has_to_be(db: Db, team: uuid.UUID, now: datetime) -> bool:
    return not await coverage.monitored(db, team, now) and team in await roster.fallback(db, [team], now)


async def _make_steps(db: Db) -> None:
    """An organization without steps gets the shipped ones, to be approved."""
    rows = [
        StepRow(
            organization_id=organization, team_id=None, severity=severity, position=position, after=step.after,
            business_day=step.business_day, who=list(step.who), again=step.again, channel=step.channel,
        )
        for organization in await steps.without(db)
        for severity, shipped in escalation.DEFAULTS.items()
        for position, step in enumerate(shipped)
    ]  # fmt: skip
    if rows:
        await steps.make(db, rows, escalation.SOURCE, AUTHOR)


async def _give_back(database: Database, who: Who, lasts: timedelta, now: datetime) -> None:
    async with database.transaction(who) as db:
        alerts = await returns.give_back(db, now, lasts)
        await _begin_again(db, [one.id for one in alerts], now)
        await returned.note(db, who, [*alerts, *await returns.give_back_alarms(db, now, lasts)], now)


async def _begin_again(db: Db, ids: Sequence[uuid.UUID], now: datetime) -> None:
    """What is high is said at once; the rest when its first page would have been due, so not at night."""
    again = await chains.less_than_high(db, ids)
    of = await steps.of(db, [one.organization_id for one in again])
    closed = await holidays.of_teams(db, [one.team_id for one in again], now.date())
    await chains.put_off(db, [(one.id, _first_due(one, of, closed)) for one in again])


async def _take_due(db: Db, now: datetime, told: Told, already: Already) -> int:
    """One batch: the steps, the pages of those that were ours to take, and the alarms, in one commit."""
    due = await chains.due(db, now)
    if not due:
        return 0
    of = await steps.of(db, [chain.organization_id for chain in due])
    closed = await holidays.of_teams(db, [chain.team_id for chain in due], now.date())
    people = await roster.reachable(db, [chain.team_id for chain in due], now)
    left = {chain.id: _untried(chain, people[chain.team_id]) for chain in due}
    taken = [
        (chain, take)
        for chain in due
        if (take := _next(chain, _steps(of, chain), closed, others=bool(left[chain.id]), now=now)) is not None
    ]
    ours = await chains.advance(db, [_moved(chain, take, now) for chain, take in taken])
    kept = [(chain, take) for chain, take in taken if chain.id in ours]
    own = await wordings.of_each(db, {chain.organization_id for chain, _ in kept})
    pages = [
        page
        for chain, take in kept
        for page in _pages(chain, take, left[chain.id] if take.instead else people[chain.team_id], now, told, own)
    ]
    await outbox.put(db, [page for page in pages if _whom(page) not in already])
    already.update(map(_whom, pages))
    trouble = [alarm for chain, take in kept for alarm in _trouble(chain, take, people[chain.team_id])]
    trouble += [_exhausted(chain) for chain in due if chain.failed and not left[chain.id]]
    await alarms.keep(db, trouble, now)
    changed = {chain.organization_id for chain, _ in kept}
    await tell(db, Event(topic="outbox"), *(Event(topic="worklist", organization=one) for one in changed))
    return len(kept)


def _whom(page: Message) -> tuple[uuid.UUID, uuid.UUID, Channel]:
    about = page.alert_id or page.alarm_id
    assert about and page.staff_id
    return about, page.staff_id, page.channel


def _untried(chain: Chain, people: Sequence[Reachable]) -> list[Reachable]:
    """Who may still be reached when those who were told cannot be."""
    return [person for person in people if person.staff_id not in chain.tried and not person.away]


def _next(chain: Chain, its: Sequence[Step], closed: Closed, *, others: bool, now: datetime) -> Take | None:
    state = State(
        standing=True, position=chain.position, started_at=chain.started_at, due_at=chain.due_at, zone=chain.zone,
        failed=chain.failed, others=others, closed=frozenset(closed[chain.team_id]),
    )  # fmt: skip
    step = escalation.next_step(state, its, now)
    return step if isinstance(step, Take) else None


def _moved(chain: Chain, take: Take, now: datetime) -> Moved:
    """The page that was written with the alert, or its worsening, is the first step's: so is its time."""
    stepped = chain.started_at if chain.position == 0 and chain.told else now
    return Moved(chain=chain, stepped_at=stepped, due_at=take.due_at, repeating=take.repeating)


def _steps(rows: Sequence[StepRow], one: Chain | chains.Beginning) -> list[Step]:
    own = steps.for_chain(rows, one.organization_id, one.team_id, one.severity)
    shipped = escalation.DEFAULTS[one.severity]
    return [msgspec.convert(row, Step, from_attributes=True) for row in own] or list(shipped)


def _pages(
    chain: Chain, take: Take, people: Sequence[Reachable], now: datetime, told: Told, own: Mapping[uuid.UUID, Owns]
) -> list[Message]:
    """One for each person and way. The page written with the alert was the nurse's on shift first text."""
    chosen: dict[uuid.UUID, tuple[str, OnShift]] = {}
    for who in take.who:
        if (person := roster.choose(people, who)) is not None:
            chosen.setdefault(person.staff_id, (who, person))
    return [
        _message(chain, who, person, channel, now, told, own[chain.organization_id])
        for _, (who, person) in sorted(chosen.items())
        for channel in WAYS[take.channel]
        if not (chain.told and _is_opening(chain, who, channel))
    ]


def _is_opening(chain: Chain, who: str, channel: Channel) -> bool:
    """Is it the page that whoever opens an alert, makes it worse, or hears a new cry, writes with it?"""
    return chain.position == 0 and who == "on_shift" and channel == "sms"


WAYS: Mapping[str, tuple[Channel, ...]] = {"sms": ("sms",), "voice": ("voice",), "both": ("sms", "voice")}
TEXTS: Mapping[tuple[str, bool], str] = {
    ("alert", True): "page_high_alert", ("alert", False): "page_alert",
    ("alarm", True): "page_alarm", ("alarm", False): "page_alarm",
}  # fmt: skip


def _message(
    chain: Chain, who: str, person: OnShift, channel: Channel, now: datetime, told: Told, own: Owns
) -> Message:  # fmt: skip
    name = SPOKEN if channel == "voice" else TEXTS
    text = wording.render(name[chain.kind, chain.severity == "high"], "en", own, url=f"{told.public_url}/worklist")
    return Message(
        id=uuid7(), organization_id=chain.organization_id, purpose="page", channel=channel,
        unique_for=_once(chain, who, person.staff_id, channel), staff_id=person.staff_id,
        alert_id=chain.id if chain.kind == "alert" else None,
        alarm_id=chain.id if chain.kind == "alarm" else None, to_number=person.phone,
        to_hash=phone_hash(told.field_key, person.phone), wording=text.name, wording_version=text.version,
        language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip


SPOKEN: Mapping[tuple[str, bool], str] = {
    ("alert", True): "call_high_alert", ("alert", False): "call_alert",
    ("alarm", True): "call_alarm", ("alarm", False): "call_alarm",
}  # fmt: skip


def _once(chain: Chain, who: str, staff: uuid.UUID, channel: Channel) -> str:
    """The opening page has the name that whoever opens an alert gives it, so it is written once."""
    name = f"page:{chain.id}:{chain.severity}"
    if chain.round == 0 and _is_opening(chain, who, channel):
        return name
    return f"{name}:{chain.round}.{chain.position}:{staff}" + (":voice" if channel == "voice" else "")


def _trouble(chain: Chain, take: Take, people: Sequence[Reachable]) -> list[Alarm]:
    found = []
    if not people:
        found.append(_alarm(chain, "roster", str(chain.team_id), UNREACHABLE))
    elif "on_shift" in take.who and not take.instead and not any(person.on_since for person in people):
        found.append(_alarm(chain, "roster", str(chain.team_id), NOBODY))
    if take.exhausted:
        found.append(_exhausted(chain))
    return found


def _exhausted(chain: Chain) -> Alarm:
    """Nobody answered, or nobody can be reached: of a medium or low alert it does not outrank a high one."""
    severity: Severity = "high" if chain.severity == "high" else "medium"
    return _alarm(chain, "chain_exhausted", str(chain.id), EXHAUSTED, severity)


def _alarm(chain: Chain, kind: str, subject: str, says: str, severity: Severity = "high") -> Alarm:
    return Alarm(organization_id=chain.organization_id, kind=kind, subject=subject, severity=severity, says=says)
