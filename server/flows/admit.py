"""A patient is admitted: the person, their programmes and own limits, consent, and perhaps a portal account."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeVar

import asyncpg
import msgspec

from devices.enrol import Loan
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid
from server.flows import hire, lend
from server.monitoring import defaults, programmes
from server.people import accounts, clinics, consent, enrolments, patients, phones, teams, zones
from server.security import audit

SPO2_TARGETS = (70, 100)
DRY_WEIGHTS_KG = (2, 400)
OLDEST = date(1900, 1, 1)
UNKNOWN_ZONE = "The database does not know the zone {zone}. Choose another of the same hours."

Place = TypeVar("Place", clinics.Clinic, teams.Team)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at the door. A zone left out is the clinic's; a clinic or team may be left out if there is one."""

    given_name: str
    family_name: str
    birth_date: date
    sex: patients.Sex
    programmes: Sequence[str]
    mrn: str | None = None
    zone: str | None = None
    language: patients.Language = "en"
    phone: str | None = None
    clinic: str | None = None
    team: str | None = None
    spo2_target_pct: float | None = None
    dry_weight_kg: float | None = None
    consents: Sequence[consent.Topic] = ()
    consent_source: str = "told to staff"
    login: hire.NewLogin | None = None
    device_id: str | None = None


async def admit(database: Database, who: Who, admission: Admission, field_key: str, now: datetime) -> patients.Patient:
    """One transaction; `Invalid` or `Conflict` says what to change, and then nothing is written."""
    _check(admission, now.date())
    password_hash = await hire.hashed(admission.login)
    async with database.transaction(who) as db:
        patient = await _person(db, who, admission, field_key, now)
        try:
            new = await patients.insert(db, patient)
        except asyncpg.InvalidParameterValueError:  # the schema's own check, migration 0032
            raise Invalid(UNKNOWN_ZONE.format(zone=patient.zone)) from None
        if not new:
            raise Conflict(f"There is a patient with record number {patient.mrn} already.")
        await _programmes(db, who, patient, admission, now)
        await _consent(db, who, patient, admission, now)
        if admission.login and password_hash:
            await _account(db, patient, admission.login, password_hash, now)
        await audit.note(db, who, patient.organization_id, "patient.admit", str(patient.id), now, patient=patient.id)
        if admission.device_id:
            await lend.record(db, who, admission.device_id, Loan(patient=patient.id, since=now), now)
    return patient


def _check(admission: Admission, today: date) -> None:
    unknown = [code for code in admission.programmes if code not in defaults.PROGRAMMES]
    if unknown:
        raise Invalid(f"There is no programme {unknown[0]!r}. Known: {', '.join(defaults.PROGRAMMES)}.")
    if "copd" in admission.programmes and admission.spo2_target_pct is None:
        raise Invalid("The COPD programme needs the patient's own oxygen target, for example 88 (%).")
    if not OLDEST < admission.birth_date <= today:
        raise Invalid("The birth date must be after 1900 and not in the future.")
    if not (admission.given_name.strip() and admission.family_name.strip()):
        raise Invalid("A patient has a given name and a family name.")
    _within("The oxygen target", admission.spo2_target_pct, SPO2_TARGETS, "%")
    _within("The dry weight", admission.dry_weight_kg, DRY_WEIGHTS_KG, "kg")


def _within(what: str, value: float | None, bounds: tuple[int, int], unit: str) -> None:
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise Invalid(f"{what} must be from {bounds[0]} to {bounds[1]} {unit}.")


async def _person(db: Db, who: Who, admission: Admission, field_key: str, now: datetime) -> patients.Patient:
    clinic = _choose("clinic", await clinics.list_all(db), admission.clinic)
    team = _choose("team", await teams.list_all(db), admission.team)
    phone = phones.normalise(admission.phone) if admission.phone else None
    new = uuid7()
    return patients.Patient(
        id=new,
        organization_id=clinic.organization_id,
        clinic_id=clinic.id,
        team_id=team.id,
        mrn=admission.mrn or f"CL-{new.hex[-8:].upper()}",
        given_name=admission.given_name.strip(),
        family_name=admission.family_name.strip(),
        birth_date=admission.birth_date,
        sex=admission.sex,
        zone=zones.known(admission.zone) if admission.zone else clinic.zone,
        language=admission.language,
        phone=phone,
        phone_hash=phones.phone_hash(field_key, phone) if phone else None,
        monitoring_status="active",
        admitted_at=now,
    )


def _choose(what: str, known: Sequence[Place], name: str | None) -> Place:
    """The one of that name, or the only one."""
    fitting = [one for one in known if name is None or one.name == name]
    if len(fitting) == 1:
        return fitting[0]
    if not known:
        raise Invalid(f"There is no {what} yet. Run: careloop init")
    raise Invalid(f"Which {what}? Give one of: {', '.join(one.name for one in known)}.")


async def _programmes(db: Db, who: Who, patient: patients.Patient, admission: Admission, now: datetime) -> None:
    codes = sorted({defaults.EVERYBODY, *admission.programmes})
    await enrolments.enrol(db, patient.organization_id, patient.id, codes, now)
    for rule, levels in own_limits(admission):
        await programmes.set_own_limits(
            db,
            patient.organization_id,
            patient.id,
            rule,
            levels,
            author=who.principal,
            reason="set at admission",
            now=now,
        )


def own_limits(admission: Admission) -> list[tuple[str, tuple[defaults.Level, ...]]]:
    """(rule, levels) that are this patient's alone."""
    own = []
    if admission.spo2_target_pct is not None:
        own.append(("spo2_low", defaults.spo2_target(admission.spo2_target_pct)))
    if admission.dry_weight_kg is not None:
        own.append(("weight_high", defaults.dry_weight(admission.dry_weight_kg)))
    return own


async def _consent(db: Db, who: Who, patient: patients.Patient, admission: Admission, now: datetime) -> None:
    for topic in admission.consents:
        given = consent.Consent(
            channel="sms", topic=topic, author=who.principal, source=admission.consent_source, valid_from=now
        )
        await consent.give(db, patient.organization_id, patient.id, given)


async def _account(db: Db, patient: patients.Patient, login: hire.NewLogin, password_hash: str, now: datetime) -> None:
    account = accounts.NewAccount(
        id=uuid7(),
        organization_id=patient.organization_id,
        login=login.login,
        password_hash=password_hash,
        patient_id=patient.id,
        created_at=now,
    )
    if not await accounts.insert(db, account):
        raise Conflict("This login name is taken. Choose another one.")
