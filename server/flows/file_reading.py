"""A reading that no device sent is filed and judged like any other; one in doubt is judged as all it could be."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from devices import quality, readings
from devices.decoded import OutOfRange
from devices.readings import Reading
from devices.typed import Meant
from notifications.texted import Typed
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Db
from server.flows.page import Told, page
from server.monitoring import alerts, findings, limits, rules, verdicts
from server.monitoring.alerts import Episode
from server.monitoring.findings import Finding
from server.monitoring.rules import Measured
from server.people import patients
from server.people.unclear_texts import Unclear

BY_HAND = "manual_entry"  # typed by a person: kept, shown and judged, and no day with data for a bill or a measure


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A value as it was meant, canonical by column."""

    kind: str
    values: dict[str, Decimal]
    out_of_range: OutOfRange | None
    context: str | None
    flags: tuple[str, ...]

    @classmethod
    def of(cls, typed: Typed, meaning: Meant) -> "New":
        flags = (
            BY_HAND,
            *(("time_approximate",) if typed.earlier else ()),
            *(("outlier",) if meaning.outlier else ()),
        )
        return cls(
            kind=typed.kind, values=meaning.values, out_of_range=meaning.out_of_range, context=typed.context,
            flags=flags,
        )  # fmt: skip


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    readings: list[uuid.UUID]
    episodes: list[Episode]


async def file(
    db: Db, patient_id: uuid.UUID, new: Sequence[New], measured_at: datetime, now: datetime, told: Told
) -> Filed:
    """Stored, judged by the patient's limits and paged for, in the caller's transaction."""
    patient = await patients.get(db, patient_id)
    if patient is None or not new:
        return Filed(readings=[], episodes=[])
    of_patient = await limits.of_patients(db, [patient.id], now)
    judged_with = rules.judged_with(of_patient[patient.id])
    zone = ZoneInfo(patient.zone)
    made = [
        Reading(
            id=uuid7(), organization_id=patient.organization_id, patient_id=patient.id, kind=one.kind,
            measured_at=measured_at, measured_at_raw=None, utc_offset_minutes=None, zone=patient.zone,
            local_date=measured_at.astimezone(zone).date(), clock_basis="received", received_at=now, device_id=None,
            user_slot=None, source="texted", flags=one.flags, context=one.context, out_of_range=one.out_of_range,
            values=one.values, judged_with=judged_with,
        )
        for one in new
    ]  # fmt: skip
    await readings.insert(db, made)
    found = rules.judge([_measured(one, now) for one in made], of_patient)
    episodes = await _found(db, found, {one.id: one.kind for one in made}, now, told)
    await tell(db, Event(topic="patient", organization=patient.organization_id, patient=patient.id))
    return Filed(readings=[one.id for one in made], episodes=episodes)


async def suspect(
    db: Db, unclear: Unclear, possible: Mapping[uuid.UUID, Meant], now: datetime, told: Told
) -> list[Episode]:
    """Judged for each of these patients as each of its meanings; what is found is unconfirmed until it is filed."""
    of_patients = await limits.of_patients(db, sorted(possible), now)
    age = quality.age_at(unclear.kind, unclear.measured_at, now)
    judged = [
        Measured(
            id=unclear.id, organization_id=unclear.organization_id, patient_id=patient, kind=unclear.kind,
            values=values, out_of_range=meaning.out_of_range, measured_at=unclear.measured_at, age=age,
            unconfirmed=True,
        )
        for patient, meaning in possible.items()
        for values in (meaning.possible or ({},))
    ]  # fmt: skip
    found = rules.worst(rules.judge(judged, of_patients))
    return await _found(db, found, {unclear.id: unclear.kind}, now, told)


async def unsuspect(db: Db, unclear: Sequence[Unclear], now: datetime) -> None:
    """What was found in them in doubt holds no longer; an open alert stays for a nurse, or for what is filed now."""
    for one in unclear:
        await verdicts.supersede(db, one.people, one.id, now)


async def _found(
    db: Db, found: Sequence[Finding], kinds: Mapping[uuid.UUID, str], now: datetime, told: Told
) -> list[Episode]:
    if not found:
        return []
    episodes = await alerts.record(db, found, now)
    await findings.insert(db, found, now, {(e.patient_id, e.rule_id): e.id for e in episodes})
    await page(db, episodes, found, kinds, now, told)
    await tell(db, *(Event(topic="worklist", organization=e.organization_id) for e in episodes))
    return episodes


def _measured(reading: Reading, now: datetime) -> Measured:
    return Measured(
        id=reading.id, organization_id=reading.organization_id, patient_id=reading.patient_id, kind=reading.kind,
        values=reading.values, out_of_range=reading.out_of_range,  # type: ignore[arg-type]
        measured_at=reading.measured_at, age=quality.age_at(reading.kind, reading.measured_at, now),
    )  # fmt: skip
