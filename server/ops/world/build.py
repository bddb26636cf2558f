"""Makes the demo's world: one clinic, its staff, forty patients with devices, and sixty days through the real code."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from devices.intake import Publish
from devices.simulator import Home
from devices.topics import topic
from server.db import pool
from server.db.ids import StaffId, uuid7
from server.db.pool import Database, Who
from server.flows import acknowledge, hire, lend, reading
from server.flows.admit import Admission, admit
from server.flows.evaluate import evaluate
from server.flows.found import Founding, found
from server.flows.page import Told
from server.ops.world import care, cast, history, texts
from server.ops.world.cast import Character
from server.ops.world.history import Event
from server.people import staff, teams
from server.people.organizations import Organization
from server.security.sessions import Person
from server.settings import Settings

PRINCIPAL = "service:demo"
BRIDGE = Who(principal="service:bridge")
FOUNDED = timedelta(days=95)
LENT = timedelta(days=90)
GAPS_OPENED = timedelta(days=12)
Say = Callable[[str], None]


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    login: str
    password: str


class ReadyDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device that visitors and scripts send with; no simulated home uses it."""

    id: str
    username: str
    password: str
    patient_id: uuid.UUID


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered of it: kept beside the database, readable by its owner only."""

    organization: uuid.UUID
    sign_ins: list[SignIn]
    device: ReadyDevice
    homes: list[Home]


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """The databases as the processes see them, and who acts."""

    web: Database
    bridge: Database
    worker: Database
    settings: Settings
    who: Who


async def build(settings: Settings, password: str, now: datetime, say: Say) -> World:
    """Make it all in an empty, migrated database. About half a minute; `say` tells how far it is."""
    then = now - FOUNDED
    async with _crew(settings) as nobody:
        organization = await _found(nobody, password, then)
        crew = msgspec.structs.replace(nobody, who=Who(principal=PRINCIPAL, organization=organization.id))
        say("a clinic and its staff")
        await _staff(crew, password, then)
        nurse = await _nurse(crew, organization)
        await keep_shifts(crew.web, crew.who, now - timedelta(days=history.DAYS + 1), now)
        people = cast.everybody()
        patients = [await _admit(crew, person, password, then) for person in people]
        say(f"{len(people)} patients")
        devices = [await _lend(crew, person, patient, then) for person, patient in zip(people, patients, strict=True)]
        ready = await _ready_device(crew, patients[0], now)
        await care.record_screenings(crew.web, crew.who, people, patients, now)
        await evaluate(crew.worker, texts.WORKER, now - GAPS_OPENED)
        await _live_through(crew, nurse, people, devices, now, say)
        by_id = dict(zip(patients, people, strict=True))
        await texts.remember(crew.worker, organization.id, by_id, settings.field_key, now)
        say("screenings and messages")
    return World(
        organization=organization.id,
        sign_ins=_sign_ins(people, password),
        device=ready,
        homes=[_home(p, d) for p, d in zip(people, devices, strict=True) if p.part not in {cast.READY, cast.SILENT}],
    )


@asynccontextmanager
async def _crew(settings: Settings) -> AsyncIterator[Crew]:
    web, bridge, worker = [
        await pool.connect(settings.url_for(role), name="demo", size=2) for role in ("web", "bridge", "worker")
    ]
    try:
        who = Who(principal=PRINCIPAL)
        yield Crew(web=web, bridge=bridge, worker=worker, settings=settings, who=who)
    finally:
        for database in (web, bridge, worker):
            await database.close()


async def _found(crew: Crew, password: str, then: datetime) -> Organization:
    founding = Founding(
        name=cast.ORGANIZATION,
        zone=cast.ZONE,
        admin=_hire(cast.ADMIN, password),
        sender_number=cast.SENDER,
        clinic=cast.CLINIC,
        team=cast.TEAM,
        state="live",
        demo=True,
    )
    return await found(crew.web, PRINCIPAL, founding, then)


def _hire(worker: cast.Worker, password: str) -> hire.Hire:
    login = hire.NewLogin(login=worker.login, password=password)
    return hire.Hire(name=worker.name, role=worker.role, login=login, phone=worker.phone)  # type: ignore[arg-type]


async def _staff(crew: Crew, password: str, then: datetime) -> None:
    for worker in cast.STAFF:
        await hire.hire(crew.web, crew.who, _hire(worker, password), then)


async def _nurse(crew: Crew, organization: Organization) -> Person:
    """The first nurse, as the pages know her: she answers the alerts of the past."""
    async with crew.web.transaction(crew.who) as db:
        nurse = next(one for one in await staff.list_all(db) if one.role == "nurse")
    return Person(
        organization=organization.id,
        organization_name=organization.name,
        state=organization.state,
        zone=organization.zone,
        demo=True,
        account_id=uuid7(),
        name=nurse.name,
        role="nurse",
        staff_id=StaffId(nurse.id),
    )


async def keep_shifts(database: Database, who: Who, since: datetime, now: datetime) -> None:
    """Twelve hours each, day and night, so that somebody always answers: sixty days ahead from now on."""
    async with database.transaction(who) as db:
        nurses = [one.id for one in await staff.list_all(db) if one.role == "nurse"]
        team = (await teams.list_all(db))[0]
        begins = await teams.covered_until(db, team.id) or since.replace(hour=11, minute=0, second=0, microsecond=0)
        shifts: list[teams.Shift] = []
        while begins < now + timedelta(days=60):
            ends = begins + timedelta(hours=12)
            nurse = nurses[len(shifts) % len(nurses)]
            shifts.append(_shift(team, nurse, begins, ends))
            begins = ends
        await teams.add_shifts(db, shifts)


def _shift(team: teams.Team, nurse: uuid.UUID, starts_at: datetime, ends_at: datetime) -> teams.Shift:
    return teams.Shift(
        id=uuid7(),
        organization_id=team.organization_id,
        team_id=team.id,
        staff_id=nurse,
        starts_at=starts_at,
        ends_at=ends_at,
    )


async def _admit(crew: Crew, person: Character, password: str, then: datetime) -> uuid.UUID:
    login = {cast.READY: "patient", cast.SPANISH: "paciente"}.get(person.part)
    admission = Admission(
        given_name=person.given_name,
        family_name=person.family_name,
        birth_date=person.born,
        sex=person.sex,
        programmes=(person.programme, *person.also),
        mrn=person.mrn,
        zone=person.zone,
        language=person.language,
        phone=person.phone,
        spo2_target_pct=person.body.spo2_lowest if person.programme == "copd" else None,
        dry_weight_kg=person.body.dry_weight,
        consents=("monitoring", "outreach"),
        consent_source="demo",
        login=hire.NewLogin(login=login, password=password) if login else None,
    )
    patient = await admit(crew.web, crew.who, admission, crew.settings.field_key, then)
    return patient.id


async def _lend(crew: Crew, person: Character, patient: uuid.UUID, then: datetime) -> lend.Registered:
    model, maker = cast.MODELS[person.programme]
    kinds = sorted(set(person.kinds))
    name = model if len(kinds) == len(cast.MEASURED[person.programme][0]) else f"{model} Plus"
    device = lend.NewDevice(
        id=f"home-{person.place + 1:02d}",
        model=name,
        maker=maker,
        kinds=kinds,
        patient=patient,
        since=then + (FOUNDED - LENT),
    )
    return await lend.register(crew.web, crew.who, device, None, then)


async def _ready_device(crew: Crew, patient: uuid.UUID, now: datetime) -> ReadyDevice:
    device = lend.NewDevice(
        model="Larch Cuff 3",
        maker="Wrenfield Instruments",
        kinds=["blood_pressure"],
        id="your-cuff",
        patient=patient,
        since=now - LENT,
    )
    made = await lend.register(crew.web, crew.who, device, None, now - LENT)
    return ReadyDevice(id=made.device_id, username=made.device_id, password=made.password, patient_id=patient)


async def _live_through(
    crew: Crew,
    nurse: Person,
    people: Sequence[Character],
    devices: Sequence[lend.Registered],
    now: datetime,
    say: Say,
) -> None:
    """Day by day through the bridge's own flow; each crossing alone, at its moment, and answered as it was."""
    everything = history.events(people, now)
    numbers = [0] * len(people)
    done = 0
    for batch in _batches(everything):
        publishes = [_publish(event, devices[event.who].device_id, numbers) for event in batch]
        at = min(batch[-1].at + timedelta(seconds=20), now)
        told = Told(public_url=crew.settings.public_url, field_key=crew.settings.field_key)
        async with crew.bridge.transaction(BRIDGE) as db:
            outcome = await reading.handle(db, publishes, at, told)
            await care.received_when_measured(db, batch[0].at, at)
        for episode in outcome.episodes:
            await _answer(crew, nurse, batch[0], episode.patient_id, episode.id)
            await texts.deliver(crew.worker, nurse.organization, at)
        done += len(batch)
        if done * 4 // len(everything) > (done - len(batch)) * 4 // len(everything):
            say(f"{done} of {len(everything)} readings")


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


async def _answer(crew: Crew, nurse: Person, event: Event, patient: uuid.UUID, alert: uuid.UUID) -> None:
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
