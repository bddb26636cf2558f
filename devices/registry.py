"""Who may speak, for which device, and whose reading it is: the loan at the time of measurement decides."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device as ingestion needs it; `skew` is server minus its clock, where that is known."""

    id: str
    organization_id: uuid.UUID
    format: str
    hub_id: str | None
    disabled: bool
    skew: timedelta | None = None


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """Which patient had the device from–to; `user_slot` narrows it to one button of a shared cuff."""

    device_id: str
    patient_id: uuid.UUID
    zone: str
    user_slot: int | None
    lent_from: datetime | None
    lent_to: datetime | None

    def covers(self, at: datetime) -> bool:
        return (self.lent_from is None or self.lent_from <= at) and (self.lent_to is None or at < self.lent_to)


Usual: TypeAlias = Mapping[str, Decimal]  # a patient's medians, by column of `reading`


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """One device, its loans in the order they began, and what is usual for those who had it.

    `fingerprint`: of the rows this was read from. While it is the same, so is everything but `today`, which counts
    the entries the device brought on the day asked for.
    """

    device: Device
    loans: Sequence[Loan]
    baselines: Mapping[uuid.UUID, Usual]
    fingerprint: int
    today: int


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of everybody a batch may speak of, by device and by patient."""

    devices: Mapping[str, Device]
    loans: Mapping[str, Sequence[Loan]]
    baselines: Mapping[uuid.UUID, Usual]
    today: Mapping[str, int]

    @property
    def patients(self) -> set[uuid.UUID]:
        """Everybody whose reading may be among them."""
        return {loan.patient_id for of_device in self.loans.values() for loan in of_device}


USUAL_FROM = 5  # readings: one strange day moves no median of five
KNOWN = """
    SELECT about.*, hash_record_extended(about, 0), CASE WHEN s.day = $2 THEN s.day_count ELSE 0 END
      FROM about_senders($1, $3) AS about LEFT JOIN device_state s ON s.device_id = about.id
"""


async def known(db: Any, senders: Iterable[str], today: date) -> Known:
    """The registered ones among the senders, the devices they are the hub of, and all loans of both, also past ones."""
    return gathered(await registered(db, senders, today))


def gathered(found: Iterable[Registered]) -> Known:
    """The same by device and by patient."""
    devices, loans, today = dict[str, Device](), dict[str, Sequence[Loan]](), dict[str, int]()
    baselines: dict[uuid.UUID, Usual] = {}
    for one in found:
        name = one.device.id
        devices[name], today[name] = one.device, one.today
        if one.loans:
            loans[name] = one.loans
        if one.baselines:
            baselines.update(one.baselines)
    return Known(devices=devices, loans=loans, baselines=baselines, today=today)


async def registered(db: Any, senders: Iterable[str], today: date) -> list[Registered]:
    """One by one what `known` tells together."""
    rows: dict[str, list[Any]] = {}
    for row in await db.fetch(KNOWN, sorted(set(senders)), today, USUAL_FROM):
        rows.setdefault(row[0], []).append(row)
    return [_registered(of_device) for of_device in rows.values()]


def _registered(rows: Sequence[Any]) -> Registered:
    name, organization, form, hub, disabled, skew = rows[0][:6]
    loans, baselines, fingerprint = [], {}, 0
    for *_, metrics, medians, patient, zone, slot, since, until, of_row, _ in rows:
        fingerprint += of_row
        if patient is not None:
            loans.append(
                Loan(device_id=name, patient_id=patient, zone=zone, user_slot=slot, lent_from=since, lent_to=until)
            )
            if metrics is not None:
                baselines[patient] = dict(zip(metrics, medians, strict=True))
    loans.sort(key=lambda loan: (loan.lent_from is not None, loan.lent_from))
    device = Device(
        id=name, organization_id=organization, format=form, hub_id=hub, disabled=disabled,
        skew=None if skew is None else timedelta(seconds=skew),
    )  # fmt: skip
    return Registered(device=device, loans=loans, baselines=baselines, fingerprint=fingerprint, today=rows[0][-1])


def attribute(loans_of_device: Sequence[Loan], at: datetime, user_slot: int | None) -> Loan | None:
    """The loan a reading belongs to; None when nobody had the device, or its slot is somebody else's.

    A loan without a slot has the whole device. A loan with one takes readings of that slot only, and readings
    that name no slot when no other loan covers the moment.
    """
    if len(loans_of_device) == 1:
        (only,) = loans_of_device
        return only if only.covers(at) and (user_slot is None or only.user_slot in (None, user_slot)) else None
    covering = [loan for loan in loans_of_device if loan.covers(at)]
    fitting = [loan for loan in covering if user_slot is None or loan.user_slot in (None, user_slot)]
    return fitting[0] if len(fitting) == 1 else None


NEAR = timedelta(days=1)


def possible(loans_of_device: Sequence[Loan], at: datetime) -> list[Loan]:
    """Whose an unassigned reading could be: those who had the device then, else a day before or after, else last.

    A cuff that was taken back in the books and not from the table still measures who had it.
    """
    then = [loan for loan in loans_of_device if loan.covers(at)]
    near = [loan for loan in loans_of_device if loan.covers(at - NEAR) or loan.covers(at + NEAR)]
    ended = [loan for loan in loans_of_device if loan.lent_to is not None and loan.lent_to <= at]
    return then or near or [loan for loan in ended if loan.lent_to == max(one.lent_to for one in ended if one.lent_to)]
