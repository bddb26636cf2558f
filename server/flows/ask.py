"""Beside the page the patient is asked: for symptoms and a second reading, by text and in the portal, in one commit."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from notifications import policy, quiet_hours, wording
from notifications.law import law
from notifications.messages import Message
from notifications.policy import Facts, Suppress
from notifications.quiet_hours import Whose
from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import confirmations, targets, waits
from server.monitoring.alerts import Episode
from server.monitoring.confirmations import ANSWER_WITHIN, OWN_READING, SUGAR_WITHIN, Asks, Question
from server.monitoring.findings import Finding
from server.monitoring.limits import UPPER
from server.monitoring.waits import Reach
from server.outreach.wordings import Owns

Untold = Literal["no_number", "opted_out", "no_consent", "patient_inactive", "quiet_hours"]
TEXTS: Mapping[Asks, str] = {
    "blood_pressure": "ask_rest", "glucose_low": "ask_low", "glucose_high": "ask_high", "spo2": "ask_breath",
    "temperature": "ask_fever",
}  # fmt: skip
FIRST: tuple[Asks, ...] = ("glucose_low", "blood_pressure", "spo2", "glucose_high", "temperature")


class Crisis(msgspec.Struct, frozen=True, kw_only=True):
    """A high reading of the patient's own that they are asked about. `alone`: the batch has no other of its alert."""

    episode: Episode
    finding: Finding
    vital: str
    asks: Asks
    alone: bool


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The texts to be written in this commit, and the alerts whose pages wait for the answer."""

    texts: list[Message]
    waiting: set[uuid.UUID]


NOBODY = Asked(texts=[], waiting=set())


async def ask(
    db: Db, episodes: Iterable[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime,
    never: tuple[int, int], own: Mapping[uuid.UUID, Owns],
) -> Asked:  # fmt: skip
    """Ask each of these patients once, about what is worst; a page that may wait for the answer is held back here."""
    crises = _crises(episodes, found, kinds, now)
    codes = await waits.crossing(db, [c.finding.rule_id for c in crises]) if crises else {}
    crises = await _new(db, [c for c in crises if c.finding.rule_id in codes], now)
    if not crises:
        return NOBODY
    reach = await waits.reach(db, [c.finding.patient_id for c in crises], now)
    fitting = [c for c in crises if codes[c.finding.rule_id] == waits.RULE]
    may = await _minutes(db, fitting, reach, never, now)
    questions = [_question(c, reach[c.finding.patient_id], may.get(c.episode.id, 0), now) for c in crises]
    await confirmations.expire(db, list(reach), now)
    asked = await confirmations.open_all(db, questions)
    kept = [q for q in questions if q.id in asked]
    waiting = await waits.hold(db, [(q.patient_id, q.alert_id, q.deadline) for q in kept if q.page_waited])
    told = [q for q in kept if q.untold is None]
    texts = [_text(q, reach[q.patient_id], now, own[q.organization_id]) for q in told]
    return Asked(texts=texts, waiting=waiting)


def _crises(
    episodes: Iterable[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime
) -> list[Crisis]:
    """By alert its newest reading that is live and certain; of two alerts the first in `FIRST`."""
    by_alert: dict[tuple[uuid.UUID, uuid.UUID], list[Finding]] = {}
    for f in found:
        if f.severity == "high":
            by_alert.setdefault((f.patient_id, f.filed_under), []).append(f)
    crises = []
    for episode in episodes:
        highs = by_alert.get((episode.patient_id, episode.rule_id), [])
        own = [f for f in highs if f.age == "live" and not f.unconfirmed]
        if own and not episode.unconfirmed:
            newest = max(own, key=lambda f: (f.measured_at, f.anchor))
            asks = _asks(vital := kinds[newest.anchor], newest)
            if asks is not None:
                crises.append(Crisis(episode=episode, finding=newest, vital=vital, asks=asks, alone=len(highs) == 1))
    return sorted(crises, key=lambda c: FIRST.index(c.asks))


def _fresh(finding: Finding, now: datetime) -> bool:
    """Measured by them just now: a text about it is an answer, and comes at any hour."""
    return abs(now - finding.measured_at) <= OWN_READING


def _may_text(finding: Finding, reach: Reach, now: datetime) -> bool:
    """About a reading that is not fresh any more only in the hours of the law; the portal asks at any hour."""
    return _fresh(finding, now) or quiet_hours.is_open(now, Whose(zone=reach.zone), law().hours)


def _asks(vital: str, finding: Finding) -> Asks | None:
    if vital == "glucose":
        return "glucose_high" if finding.side in UPPER else "glucose_low"
    if vital == "temperature":
        return "temperature" if finding.side in UPPER else None  # of the cold there is nothing to ask by text
    return "blood_pressure" if vital == "blood_pressure" else "spo2" if vital == "spo2" else None


async def _new(db: Db, crises: Sequence[Crisis], now: datetime) -> list[Crisis]:
    """Those whose alert was not asked about yet, or is worse now and the old question over; one of each patient.

    What to do about low sugar is told beside another question: it is first aid.
    """
    before = await confirmations.latest(db, [c.episode.id for c in crises if not c.episode.opened])
    chosen: dict[tuple[uuid.UUID, bool], Crisis] = {}
    for c in crises:
        earlier = before.get(c.episode.id)
        if earlier is None or earlier.asks_again(c.finding.metric, c.finding.value, now):
            chosen.setdefault((c.finding.patient_id, c.asks == "glucose_low"), c)
    return list(chosen.values())


async def _minutes(
    db: Db, crises: Sequence[Crisis], reach: Mapping[uuid.UUID, Reach], never: tuple[int, int], now: datetime
) -> dict[uuid.UUID, int]:
    """By alert, how many minutes its page may wait; those that may not are left out."""
    fitting = [c for c in crises if _may_wait(c, reach[c.finding.patient_id], now)]
    numbers = await waits.pressures(
        db, [(c.finding.patient_id, c.finding.measured_at, c.finding.anchor) for c in fitting]
    )
    return {
        c.episode.id: waits.minutes(reach[c.finding.patient_id], numbers.get(c.finding.anchor), never) for c in fitting
    }


def _may_wait(crisis: Crisis, reach: Reach, now: datetime) -> bool:
    """Only the first reading of a new alert, a fresh one, and only when its text will really go."""
    new = crisis.episode.opened and crisis.alone and crisis.asks == "blood_pressure" and _fresh(crisis.finding, now)
    return new and reach.waits_minutes > 0 and _untold(reach) is None and _decision(reach, now) is None


def _untold(reach: Reach) -> Untold | None:
    """Why there can be no text. Staff know at once: their page does not wait, and the alert says so."""
    if not reach.followed:
        return "patient_inactive"
    if not reach.phone or reach.phone_hash is None:
        return "no_number"
    if reach.opted_out:
        return "opted_out"
    return None if reach.consent else "no_consent"


def _decision(reach: Reach, now: datetime) -> Suppress | None:
    """What the sender's own policy would say to the text now; it is asked again when the text is sent."""
    facts = Facts(
        purpose="safety", zone=reach.zone, to_number=reach.phone or "", organization_state=reach.organization_state,  # type: ignore[arg-type]
        trial_numbers=frozenset(reach.trial_numbers), consent=reach.consent, opted_out=reach.opted_out,
    )  # fmt: skip
    said = policy.decide(facts, now)
    return said if isinstance(said, Suppress) else None


def _question(crisis: Crisis, reach: Reach, minutes: int, now: datetime) -> Question:
    f = crisis.finding
    untold = _untold(reach) or (None if _may_text(f, reach, now) else "quiet_hours")
    within = SUGAR_WITHIN if crisis.asks == "glucose_low" else ANSWER_WITHIN
    return Question(
        id=uuid7(), organization_id=f.organization_id, patient_id=f.patient_id, alert_id=crisis.episode.id,
        vital=crisis.vital, asks=crisis.asks, pregnancy=reach.pregnancy, reading_id=f.anchor,
        measured_at=f.measured_at, metric=f.metric, side=f.side, value=f.value, asked_at=now,
        deadline=now + (timedelta(minutes=minutes) if minutes else within), page_waited=minutes > 0,
        message_id=None if untold else uuid7(), untold=untold,
    )  # fmt: skip


def name_of(asks: str, *, pregnancy: bool) -> str:
    """The wording that puts this question."""
    return "ask_rest_pregnancy" if asks == "blood_pressure" and pregnancy else TEXTS[asks]  # type: ignore[index]


def _text(question: Question, reach: Reach, now: datetime, own: Owns) -> Message:
    assert question.message_id and reach.phone and reach.phone_hash
    name = name_of(question.asks, pregnancy=question.pregnancy)
    rest = str(targets.defaults().rest_minutes)
    text = wording.render(name, reach.language, own, clinic=reach.clinic, rest=rest)
    return Message(
        id=question.message_id, organization_id=question.organization_id, purpose=text.purpose,
        unique_for=f"ask:{question.id}", patient_id=question.patient_id, to_number=reach.phone,
        to_hash=reach.phone_hash, wording=text.name, wording_version=text.version, language=text.language,
        body=text.body, not_before=now, created_at=now,
    )  # fmt: skip
