"""Who is told of an alert at once: the nurse on shift, by a message in the same commit as the alert."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from devices import quality
from notifications import outbox, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows import ask, sink
from server.monitoring import alarms, alerts, contradictions, waits, worsenings
from server.monitoring.alarms import Alarm
from server.monitoring.alerts import Episode
from server.monitoring.findings import Finding
from server.monitoring.worsenings import Worse
from server.outreach import wordings
from server.outreach.wordings import Owns
from server.people import roster
from server.people.phones import phone_hash
from server.people.roster import OnShift, Whose
from server.settings import Settings

NOBODY = "Nobody is on shift for this team: pages go to the first person with a telephone. Fill the roster."
UNREACHABLE = "A page could not be written: nobody in this organization has a telephone. Enter one now."


NOTHING_MORE: Mapping[str, str] = {}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to know of this installation. `never_wait`: from this pressure on no page waits.

    It has no default: a door that forgot the setting would let a page wait that must not.
    """

    public_url: str
    field_key: str
    never_wait: tuple[int, int]


def told_of(settings: Settings) -> Told:
    return Told(public_url=settings.public_url, field_key=settings.field_key, never_wait=settings.never_wait)


class Urgent(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that calls for a page now. `late`: when its newest reading was measured, and none of it is live."""

    episode: Episode
    late: datetime | None = None


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for the patients of some alerts, and the organizations' own words: asked once for all their pages."""

    whose: Mapping[uuid.UUID, Whose]
    own: Mapping[uuid.UUID, Owns]


async def page(
    db: Db, episodes: Sequence[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime,
    told: Told,
) -> list[uuid.UUID]:  # fmt: skip
    """Page for each high alert, once per alert and worsening, and ask the patient; returns the messages that are new.

    A live high pages at once, unless it may wait for the patient's answer. Late ones that come together page once per
    patient, unless a newer reading of that vital is within limits. A historic one is on the worklist only (promise 5).
    """
    urgent = await _urgent(db, episodes, found, kinds, now)
    if not urgent:
        return []
    desk = await _desk(db, [u.episode for u in urgent])
    nobody = {patient for patient, one in desk.whose.items() if one.synthetic}
    messages = [sink.message(u.episode, told.public_url, now) for u in urgent if u.episode.patient_id in nobody]
    people = [u for u in urgent if u.episode.patient_id not in nobody]
    # Whatever else is high, nothing of this patient waits any longer; then perhaps what is new and alone.
    freed = [e for e in await waits.let_go(db, [u.episode.patient_id for u in people]) if e.status == "open"]
    live = {u.episode.id: u.episode for u in people if u.late is None}
    asked = await ask.ask(db, live.values(), found, kinds, now, told.never_wait, desk.own)
    at_once = {e.id: e for e in freed} | {i: e for i, e in live.items() if i not in asked.waiting}
    messages += asked.texts + await to_staff(db, list(at_once.values()), now, told, desk=desk)
    late = [u for u in people if u.late is not None and u.episode.id not in at_once]
    messages += await _late(db, late, now, told, desk)
    new = await write(db, messages)
    await _told_with(db, late, now)
    paged = {message.alert_id for message in messages if message.id in new}
    stood = [e for e in live.values() if not e.opened and e.id not in paged and e.id not in asked.waiting]
    return new + await _worse(db, stood, found, now, told, desk)


async def _worse(
    db: Db, stood: Sequence[Episode], found: Sequence[Finding], now: datetime, told: Told, desk: Desk
) -> list[uuid.UUID]:
    """An alert that was paged before is paged again when it is clearly worse, and open again if somebody had it."""
    of = {(e.patient_id, e.rule_id): e for e in stood}
    live = [f for f in found if f.severity == "high" and f.age == "live" and (f.patient_id, f.rule_id) in of]
    if not live:
        return []
    patients = [e.patient_id for e in stood]
    before = await worsenings.before(db, patients, [e.id for e in stood], [f.id for f in found])
    pressures = await waits.pressures(db, [(f.patient_id, f.measured_at, f.anchor) for f in live])
    worse: dict[uuid.UUID, Worse] = {}
    for f in live:
        alert = of[f.patient_id, f.rule_id].id
        if alert in before:
            step = worsenings.worse(alert, f, pressures.get(f.anchor), before[alert], told.never_wait)
            if step and (alert not in worse or step.steps > worse[alert].steps):
                worse[alert] = step
    pages = await to_staff(db, [e for e in stood if e.id in worse], now, told, desk=desk)
    named = [msgspec.structs.replace(p, unique_for=worse[p.alert_id].name) for p in pages if p.alert_id]
    new = await write(db, named)
    await worsenings.open_again(db, patients, [p.alert_id for p in named if p.id in new and p.alert_id])
    return new


async def write(db: Db, messages: Sequence[Message]) -> list[uuid.UUID]:
    """Put them into the outbox and wake the sender; the ids of those that are new."""
    new = await outbox.put(db, messages)
    if new:
        await tell(db, Event(topic="outbox"))
    return new


async def to_staff(
    db: Db, urgent: Sequence[Episode], now: datetime, told: Told, text: str = "page_high_alert",
    desk: Desk | None = None,
) -> list[Message]:  # fmt: skip
    """A page for each to whoever is on shift, else to the stand-in; who is missing is an alarm."""
    if not urgent:
        return []
    desk = desk or await _desk(db, urgent)
    people = await _whom(db, urgent, now, desk)
    return [_message(one, people[one.id], now, told, desk.own, text) for one in urgent if one.id in people]


async def _desk(db: Db, episodes: Sequence[Episode]) -> Desk:
    return Desk(
        whose=await roster.whose(db, [e.patient_id for e in episodes]),
        own=await wordings.of_each(db, {e.organization_id for e in episodes}),
    )


async def _whom(db: Db, urgent: Sequence[Episode], now: datetime, desk: Desk) -> dict[uuid.UUID, OnShift]:
    """By alert; one that nobody can be told of is left out, and an alarm."""
    if not urgent:
        return {}
    teams = {e.patient_id: desk.whose[e.patient_id].team_id for e in urgent}
    on_shift = await roster.on_shift(db, sorted(set(teams.values())), now)
    empty = sorted(team for team, people in on_shift.items() if not people)
    stand_in = await roster.fallback(db, empty, now) if empty else {}
    await alarms.raise_all(db, _roster_trouble(urgent, teams, on_shift, stand_in), now)
    chosen = {}
    for episode in urgent:
        team = teams[episode.patient_id]
        person = on_shift[team][0] if on_shift[team] else stand_in.get(team)
        if person is not None:
            chosen[episode.id] = person
    return chosen


async def _urgent(
    db: Db, episodes: Sequence[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime
) -> list[Urgent]:
    highs = [f for f in found if f.severity == "high" and f.age != "historic"]
    late = sorted({(f.patient_id, kinds[f.anchor]) for f in highs if f.age == "late"})
    within = await contradictions.newest(db, late, now - quality.LATE) if late else {}
    live = {(f.patient_id, f.rule_id) for f in highs if f.age == "live"}
    standing: dict[tuple[uuid.UUID, uuid.UUID], datetime] = {}
    for f in highs:
        if within.get((f.patient_id, kinds[f.anchor]), f.measured_at) <= f.measured_at:
            alert = (f.patient_id, f.rule_id)
            standing[alert] = max(f.measured_at, standing.get(alert, f.measured_at))
    return [
        Urgent(episode=e, late=None if alert in live else standing[alert])
        for e in episodes
        if (alert := (e.patient_id, e.rule_id)) in live or alert in standing
    ]


ZONES = "SELECT p.id, k.zone FROM patient p JOIN team_clock k ON k.team_id = p.team_id WHERE p.id = ANY($1)"
# Further readings of an alert that was paged are evidence, late ones above all.
PAGED = """
    SELECT DISTINCT alert_id FROM message
     WHERE alert_id = ANY($1) AND purpose = 'page'
       AND (unique_for = 'page:' || alert_id || ':high' OR unique_for LIKE 'page:late:%')
"""
# A hub empties its store in many messages: what comes in a quarter of an hour is one piece of news. Once somebody has
# taken that alert they have seen the list, and what comes then is news again.
TOGETHER = timedelta(minutes=15)
KNOWN = """
    SELECT DISTINCT ON (a.patient_id) a.patient_id, m.id AS message_id
      FROM alert a JOIN message m ON m.alert_id = a.id AND m.purpose = 'page' AND m.unique_for LIKE 'page:late:%'
     WHERE a.patient_id = ANY($1) AND a.status = 'open' AND m.created_at > $2
     ORDER BY a.patient_id, m.created_at DESC, m.id
"""


async def _late(db: Db, urgent: Sequence[Urgent], now: datetime, told: Told, desk: Desk) -> list[Message]:
    """One page per patient for what comes together, about the newest reading, with both times: measured and arrived."""
    if not urgent:
        return []
    paged = {row["alert_id"] for row in await db.fetch(PAGED, [u.episode.id for u in urgent])}
    known = await db.fetch(KNOWN, [u.episode.patient_id for u in urgent], now - TOGETHER)
    told_of = {row["patient_id"] for row in known}
    newest: dict[uuid.UUID, Urgent] = {}
    for one in sorted(urgent, key=lambda u: (u.late, u.episode.id)):
        if one.episode.id not in paged and one.episode.patient_id not in told_of:
            newest[one.episode.patient_id] = one
    zones = {row["id"]: ZoneInfo(row["zone"]) for row in await db.fetch(ZONES, list(newest))}
    people = await _whom(db, [one.episode for one in newest.values()], now, desk)
    messages = []
    for patient, one in newest.items():
        if one.episode.id in people and one.late is not None:
            measured, arrived = one.late.astimezone(zones[patient]), now.astimezone(zones[patient])
            times = {"measured": f"{measured:%H:%M}", "arrived": f"{arrived:%H:%M}"}
            if measured.date() != arrived.date():
                times["measured"] = f"{measured:%H:%M (%b %-d)}"
            message = _message(one.episode, people[one.episode.id], now, told, desk.own, "page_late_alert", times)
            messages.append(msgspec.structs.replace(message, unique_for=f"page:late:{one.episode.id}"))
    return messages


async def _told_with(db: Db, urgent: Sequence[Urgent], now: datetime) -> None:
    """What has no page of its own was told of by that of its patient, and climbs like a high from there."""
    if not urgent:
        return
    known = await db.fetch(KNOWN, [u.episode.patient_id for u in urgent], now - TOGETHER)
    page_of = {row["patient_id"]: row["message_id"] for row in known}
    paged = {row["alert_id"] for row in await db.fetch(PAGED, [u.episode.id for u in urgent])}
    episodes = [u.episode for u in urgent if u.episode.id not in paged and u.episode.patient_id in page_of]
    await alerts.told_with(db, [(e.patient_id, e.id, page_of[e.patient_id]) for e in episodes])


def _message(
    episode: Episode, person: OnShift, now: datetime, told: Told, own: Mapping[uuid.UUID, Owns], name: str,
    fields: Mapping[str, str] = NOTHING_MORE,
) -> Message:  # fmt: skip
    text = wording.render(name, "en", own[episode.organization_id], url=f"{told.public_url}/worklist", **fields)
    return Message(
        id=uuid7(), organization_id=episode.organization_id, purpose="page",
        unique_for=f"page:{episode.id}:{episode.severity}", staff_id=person.staff_id, alert_id=episode.id,
        to_number=person.phone, to_hash=phone_hash(told.field_key, person.phone), wording=text.name,
        wording_version=text.version, language=text.language, body=text.body, not_before=now, created_at=now,
    )  # fmt: skip


def _roster_trouble(
    urgent: Sequence[Episode],
    teams: Mapping[uuid.UUID, uuid.UUID],
    on_shift: Mapping[uuid.UUID, Sequence[OnShift]],
    stand_in: Mapping[uuid.UUID, OnShift],
) -> list[Alarm]:
    return [
        Alarm(
            organization_id=e.organization_id, kind="roster", subject=str(team), severity="high",
            says=NOBODY if team in stand_in else UNREACHABLE,
        )
        for e in urgent
        if not on_shift[team := teams[e.patient_id]]
    ]  # fmt: skip
