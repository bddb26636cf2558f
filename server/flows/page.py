"""Who is told of an alert at once: the nurse on shift, by a message in the same commit as the alert."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from devices import quality, readings
from notifications import outbox, wording
from notifications.messages import Message
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows import sink
from server.monitoring import alarms
from server.monitoring.alarms import Alarm
from server.monitoring.alerts import Episode
from server.monitoring.findings import Finding
from server.people import roster
from server.people.phones import phone_hash
from server.people.roster import OnShift

NOBODY = "Nobody is on shift for this team: pages go to the first person with a telephone. Fill the roster."
UNREACHABLE = "A page could not be written: nobody in this organization has a telephone. Enter one now."


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to know of this installation."""

    public_url: str
    field_key: str


async def page(
    db: Db, episodes: Sequence[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime,
    told: Told,
) -> list[uuid.UUID]:  # fmt: skip
    """Page for each high alert, once per alert; returns the messages that are new.

    A live high pages at once. A late one pages unless a newer reading of that vital came without being high.
    A historic one is on the worklist only (promise 5).
    """
    urgent = await _urgent(db, episodes, found, kinds, now)
    if not urgent:
        return []
    nobody = await sink.synthetic(db, [e.patient_id for e in urgent])
    messages = [sink.message(e, told.public_url, now) for e in urgent if e.patient_id in nobody]
    urgent = [e for e in urgent if e.patient_id not in nobody]
    messages += await _to_staff(db, urgent, now, told)
    new = await outbox.put(db, messages)
    if new:
        await tell(db, Event(topic="outbox"))
    return new


async def _to_staff(db: Db, urgent: Sequence[Episode], now: datetime, told: Told) -> list[Message]:
    """A page for each to whoever is on shift, else to the stand-in; who is missing is an alarm."""
    teams = await roster.teams_of(db, [e.patient_id for e in urgent])
    on_shift = await roster.on_shift(db, sorted(set(teams.values())), now)
    empty = sorted(team for team, people in on_shift.items() if not people)
    stand_in = await roster.fallback(db, empty) if empty else {}
    await alarms.raise_all(db, _roster_trouble(urgent, teams, on_shift, stand_in), now)
    messages = []
    for episode in urgent:
        team = teams[episode.patient_id]
        person = on_shift[team][0] if on_shift[team] else stand_in.get(team)
        if person is not None:
            messages.append(_message(episode, person, now, told))
    return messages


async def _urgent(
    db: Db, episodes: Sequence[Episode], found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime
) -> list[Episode]:
    highs = [f for f in found if f.severity == "high" and f.age != "historic"]
    late = sorted({(f.patient_id, kinds[f.anchor]) for f in highs if f.age == "late"})
    newest = await readings.newest(db, late, now - quality.LATE) if late else {}
    newest_high: dict[tuple[uuid.UUID, str], datetime] = {}
    for f in highs:
        where = (f.patient_id, kinds[f.anchor])
        newest_high[where] = max(f.measured_at, newest_high.get(where, f.measured_at))
    standing = {
        (f.patient_id, f.rule_id)
        for f in highs
        if f.age == "live" or newest.get((w := (f.patient_id, kinds[f.anchor])), f.measured_at) <= newest_high[w]
    }
    return [e for e in episodes if (e.patient_id, e.rule_id) in standing]


def _message(episode: Episode, person: OnShift, now: datetime, told: Told) -> Message:
    text = wording.render("page_high_alert", "en", url=f"{told.public_url}/worklist")
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
