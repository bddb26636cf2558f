"""The demo's clinic as it stood before the sixty days: its staff and shifts, its patients, their devices."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from server.db import pool
from server.db.ids import StaffId, uuid7
from server.db.pool import Database, Who
from server.flows import hire
from server.flows import lend as lending
from server.flows.admit import Admission
from server.flows.admit import admit as admit_patient
from server.flows.found import Founding, found
from server.ops.world import cast
from server.ops.world.cast import Character
from server.people import roster, shifts, staff, teams
from server.people.organizations import Organization
from server.security.sessions import Person
from server.settings import Settings

PRINCIPAL = "service:demo"
FOUNDED = timedelta(days=62)
LENT = timedelta(days=61)


class ReadyDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device that visitors and scripts send with; no simulated home uses it."""

    id: str
    username: str
    password: str
    patient_id: uuid.UUID


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """The databases as the processes see them, and who acts."""

    web: Database
    bridge: Database
    worker: Database
    settings: Settings
    who: Who


@asynccontextmanager
async def crew_of(settings: Settings) -> AsyncIterator[Crew]:
    web, bridge, worker = [
        await pool.connect(settings.url_for(role), name="demo", size=2) for role in ("web", "bridge", "worker")
    ]
    try:
        who = Who(principal=PRINCIPAL)
        yield Crew(web=web, bridge=bridge, worker=worker, settings=settings, who=who)
    finally:
        for database in (web, bridge, worker):
            await database.close()


async def begin(crew: Crew, password: str, then: datetime) -> Organization:
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


async def take_on_staff(crew: Crew, password: str, then: datetime) -> None:
    """And whom the team names: without a stand-in no week of its roster can be published."""
    for worker in cast.STAFF:
        await hire.hire(crew.web, crew.who, _hire(worker, password), then)
    async with crew.web.transaction(crew.who) as db:
        by_name = {one.name: one.id for one in await staff.list_all(db)}
        team = (await teams.list_all(db))[0].id
        named = shifts.Named(charge_nurse_id=by_name[cast.CHARGE_NURSE], fallback_id=by_name[cast.STAND_IN])
        await shifts.name(db, team, named)


async def nurse(crew: Crew, organization: Organization, now: datetime) -> Person:
    """Who is on shift, as the pages know them. They answer the alerts of the past, and what they took stays theirs."""
    async with crew.web.transaction(crew.who) as db:
        team = (await teams.list_all(db))[0].id
        [nurse] = (await roster.on_shift(db, [team], now))[team]
    return Person(
        organization=organization.id,
        organization_name=organization.name,
        state=organization.state,
        zone=organization.zone,
        demo=True,
        account_id=uuid7(),
        name=nurse.name,
        role="nurse",
        staff_id=StaffId(nurse.staff_id),
    )


async def keep_shifts(database: Database, who: Who, since: datetime, now: datetime) -> None:
    """Twelve hours each, day and night, so that somebody always answers: sixty days ahead from now on."""
    async with database.transaction(who) as db:
        nurses = [one.id for one in await staff.list_all(db) if one.role == "nurse"]
        team = (await teams.list_all(db))[0]
        begins = await teams.covered_until(db, team.id) or since.replace(hour=11, minute=0, second=0, microsecond=0)
        planned: list[teams.Shift] = []
        while begins < now + timedelta(days=60):
            ends = begins + timedelta(hours=12)
            nurse = nurses[len(planned) % len(nurses)]
            planned.append(_shift(team, nurse, begins, ends))
            begins = ends
        await teams.add_shifts(db, planned)


def _shift(team: teams.Team, nurse: uuid.UUID, starts_at: datetime, ends_at: datetime) -> teams.Shift:
    return teams.Shift(
        id=uuid7(),
        organization_id=team.organization_id,
        team_id=team.id,
        staff_id=nurse,
        starts_at=starts_at,
        ends_at=ends_at,
    )


async def admit(crew: Crew, person: Character, password: str, then: datetime) -> uuid.UUID:
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
    patient = await admit_patient(crew.web, crew.who, admission, crew.settings.field_key, then)
    return patient.id


async def lend(crew: Crew, person: Character, patient: uuid.UUID, then: datetime) -> lending.Registered:
    model, maker = cast.MODELS[person.programme]
    kinds = sorted(set(person.kinds))
    name = model if len(kinds) == len(cast.MEASURED[person.programme][0]) else f"{model} Plus"
    device = lending.NewDevice(
        id=f"home-{person.place + 1:02d}",
        model=name,
        maker=maker,
        kinds=kinds,
        patient=patient,
        since=then + (FOUNDED - LENT),
    )
    return await lending.register(crew.web, crew.who, device, None, then)


YOURS, A_YEAR_OF_HOURS = "Larch Cuff 3, yours to try", 8760


async def ready_device(crew: Crew, patient: uuid.UUID, now: datetime) -> ReadyDevice:
    device = lending.NewDevice(
        model=YOURS,
        maker="Wrenfield Instruments",
        kinds=["blood_pressure"],
        id="your-cuff",
        patient=patient,
        since=now - LENT,
    )
    made = await lending.register(crew.web, crew.who, device, None, now - LENT)
    await lending.set_silence(crew.web, crew.who, YOURS, A_YEAR_OF_HOURS, now)  # it waits for you, and is not missed
    return ReadyDevice(id=made.device_id, username=made.device_id, password=made.password, patient_id=patient)
