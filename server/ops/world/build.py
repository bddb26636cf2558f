"""Makes the demo's world: one clinic, its staff, forty patients with devices, and sixty days through the real code."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from devices.intake import Publish
from devices.simulator import Home
from devices.topics import topic
from server.db.pool import Who
from server.flows import acknowledge, escalate, lend, reading
from server.flows.evaluate import evaluate
from server.flows.page import Told, told_of
from server.ops.world import care, cast, clinic, history, hours, texts, weeks
from server.ops.world.cast import Character
from server.ops.world.history import Event
from server.security.sessions import Person
from server.settings import Settings

BRIDGE = Who(principal="service:bridge")
GAPS_OPENED = timedelta(days=12)
Say = Callable[[str], None]


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    login: str
    password: str


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered of it: kept beside the database, readable by its owner only."""

    organization: uuid.UUID
    sign_ins: list[SignIn]
    device: clinic.ReadyDevice
    homes: list[Home]


async def build(settings: Settings, password: str, now: datetime, say: Say) -> World:
    """Make it all in an empty, migrated database. Takes some seconds; `say` tells how far it is."""
    then = now - clinic.FOUNDED
    async with clinic.crew_of(settings) as nobody:
        organization = await clinic.begin(nobody, password, then)
        crew = msgspec.structs.replace(nobody, who=Who(principal=clinic.PRINCIPAL, organization=organization.id))
        say("a clinic and its staff")
        await clinic.take_on_staff(crew, password, then)
        await clinic.keep_shifts(crew.web, crew.who, now - timedelta(days=history.DAYS + 1), now)
        await texts.try_telephones(crew.worker, organization.id, _told(crew), then, now)
        nurse = await clinic.nurse(crew, organization, now)
        await hours.remind_at_once(crew.web, crew.who, now)
        people = cast.everybody(hours.silent_zone(now))
        patients = [await clinic.admit(crew, person, password, then) for person in people]
        say(f"{len(people)} patients")
        devices = [
            await clinic.lend(crew, person, patient, then) for person, patient in zip(people, patients, strict=True)
        ]
        ready = await clinic.ready_device(crew, patients[0], now)
        await care.record_screenings(crew.web, crew.who, people, patients, now)
        await evaluate(crew.worker, texts.WORKER, now - GAPS_OPENED)
        await _live_through(crew, nurse, people, patients, devices, now, say)
        await _escalate(crew, now)
        by_id = dict(zip(patients, people, strict=True))
        await texts.remember(crew.worker, organization.id, by_id, settings.field_key, now)
        say("screenings and messages")
    return World(
        organization=organization.id,
        sign_ins=_sign_ins(people, password),
        device=ready,
        homes=[_home(p, d) for p, d in zip(people, devices, strict=True) if p.part not in {cast.READY, cast.SILENT}],
    )


async def _live_through(
    crew: clinic.Crew,
    nurse: Person,
    people: Sequence[Character],
    patients: Sequence[uuid.UUID],
    devices: Sequence[lend.Registered],
    now: datetime,
    say: Say,
) -> None:
    """Day by day through the bridge's own flow; each crossing alone, at its moment, and answered as it was."""
    everything = history.events(people, now)
    looks = weeks.moments(everything[0].at, now)
    numbers = [0] * len(people)
    done = 0
    for batch in _batches(everything):
        while looks[0] <= batch[0].at:
            await weeks.look(crew, nurse, patients, looks.pop(0), now, _told(crew))
        publishes = [_publish(event, devices[event.who].device_id, numbers) for event in batch]
        at = min(batch[-1].at + timedelta(seconds=20), now)
        async with crew.bridge.transaction(BRIDGE) as db:
            outcome = await reading.handle(db, publishes, at, _told(crew))
            await care.received_when_measured(db, batch[0].at, at)
        for episode in outcome.episodes:
            await _answer(crew, nurse, batch[0], episode.patient_id, episode.id)
        done += len(batch)
        if done * 4 // len(everything) > (done - len(batch)) * 4 // len(everything):
            say(f"{done} of {len(everything)} readings")
    for at in looks:
        await weeks.look(crew, nurse, patients, at, now, _told(crew))


def _told(crew: clinic.Crew) -> Told:
    return told_of(crew.settings)


# Minutes ago. No unanswered alert of the cast is older, and what is said every five minutes was said a minute ago.
LAST_HOURS = (*range(151, 31, -5), *range(31, 0, -1))


async def _escalate(crew: clinic.Crew, now: datetime) -> None:
    """What still stands was told to everybody whose turn has passed, at its time, so nothing of it is due at once."""
    lasts = timedelta(minutes=crew.settings.acknowledged_minutes)
    for minutes in LAST_HOURS:
        await escalate.escalate(crew.worker, texts.WORKER, lasts, now - timedelta(minutes=minutes), _told(crew))


def _batches(everything: Sequence[Event]) -> list[list[Event]]:
    """A day's ordinary readings together, a crossing alone."""
    batches: list[list[Event]] = []
    for event in everything:
        fits = batches and not event.trouble and not batches[-1][-1].trouble
        if fits and batches[-1][0].at.date() == event.at.date():
            batches[-1].append(event)
        else:
            batches.append([event])
    return batches


def _publish(event: Event, device_id: str, numbers: list[int]) -> Publish:
    numbers[event.who] += 1
    payload = msgspec.json.encode({"seq": numbers[event.who], **event.fields})
    return Publish(sender=device_id, payload=payload, topic=topic(device_id, "readings"))


async def _answer(crew: clinic.Crew, nurse: Person, event: Event, patient: uuid.UUID, alert: uuid.UUID) -> None:
    trouble = event.trouble
    if trouble is None:
        raise RuntimeError("an ordinary reading of the demo crossed a limit")
    if trouble.minutes_to_answer is None:
        return
    heard = event.at + timedelta(minutes=trouble.minutes_to_answer)
    await acknowledge.acknowledge(crew.web, nurse, patient, alert, heard)
    if trouble.outcome:
        ended = heard + timedelta(minutes=11)
        await acknowledge.resolve(crew.web, nurse, patient, alert, trouble.outcome, trouble.note, ended)


def _sign_ins(people: Sequence[Character], password: str) -> list[SignIn]:
    staff_logins = [(worker.role, worker.login) for worker in (*cast.STAFF, cast.ADMIN)]
    logins = [*staff_logins, ("patient", "patient"), ("patient", "paciente")]
    return [SignIn(role=role, login=login, password=password) for role, login in logins]


def _home(person: Character, device: lend.Registered) -> Home:
    return Home(
        id=device.device_id,
        password=device.password,
        zone=person.zone,
        kinds=tuple(dict.fromkeys(person.kinds)),
        crossing=person.crossing,
        body=person.body,
    )
