"""Who may speak, for which device, and whose reading it is: the loan at the time of measurement decides."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device as ingestion needs it.

    `today` counts the entries it brought on the day asked for; `skew` is server minus its clock, where that is known.
    """

    id: str
    organization_id: uuid.UUID
    format: str
    hub_id: str | None
    disabled: bool
    today: int = 0
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


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of everybody a batch may speak of; loans in the order they began.

    `baselines`: what is usual for a patient, by column of `reading`.
    """

    devices: Mapping[str, Device]
    loans: Mapping[str, Sequence[Loan]]
    baselines: Mapping[uuid.UUID, Mapping[str, Decimal]]

    @property
    def patients(self) -> set[uuid.UUID]:
        """Everybody whose reading may be among them."""
        return {loan.patient_id for of_device in self.loans.values() for loan in of_device}


USUAL_FROM = 5  # readings: one strange day moves no median of five
KNOWN = """
    SELECT d.id, d.organization_id, m.format, d.hub_id, d.disabled_at IS NOT NULL AS disabled,
           CASE WHEN s.day = $2 THEN s.day_count ELSE 0 END AS today, c.skew_seconds, usual.metrics, usual.medians,
           l.patient_id, p.zone, l.user_slot, lower(l.lent) AS lent_from, upper(l.lent) AS lent_to
      FROM (SELECT unnest($1::text[]) UNION SELECT id FROM device WHERE hub_id = ANY($1)) AS asked (id)
      JOIN device d ON d.id = asked.id
      JOIN device_model m ON m.id = d.model_id
      LEFT JOIN device_state s ON s.device_id = d.id
      LEFT JOIN device_clock c ON c.device_id = d.id
      LEFT JOIN loan l ON l.device_id = d.id COLLATE "C"
      LEFT JOIN patient p ON p.id = l.patient_id
      LEFT JOIN LATERAL (
            SELECT array_agg(b.metric) AS metrics, array_agg(b.value) AS medians
              FROM patient_baseline b WHERE b.patient_id = l.patient_id AND b.readings >= $3) AS usual ON true
"""


async def known(db: Any, senders: Iterable[str], today: date) -> Known:
    """The registered ones among the senders, the devices they are the hub of, and all loans of both, also past ones."""
    devices: dict[str, Device] = {}
    loans: dict[str, list[Loan]] = {}
    baselines: dict[uuid.UUID, dict[str, Decimal]] = {}
    for row in await db.fetch(KNOWN, sorted(set(senders)), today, USUAL_FROM):
        (
            name,
            organization,
            form,
            hub,
            disabled,
            count,
            skew,
            metrics,
            medians,
            patient,
            zone,
            slot,
            lent_from,
            lent_to,
        ) = row
        if name not in devices:
            devices[name] = Device(
                id=name, organization_id=organization, format=form, hub_id=hub, disabled=disabled, today=count,
                skew=None if skew is None else timedelta(seconds=skew),
            )  # fmt: skip
        if patient is not None:
            loan = Loan(
                device_id=name, patient_id=patient, zone=zone, user_slot=slot, lent_from=lent_from, lent_to=lent_to
            )
            loans.setdefault(name, []).append(loan)
            if metrics is not None:
                baselines[patient] = dict(zip(metrics, medians, strict=True))
    for of_device in loans.values():
        if len(of_device) > 1:
            of_device.sort(key=lambda loan: (loan.lent_from is not None, loan.lent_from))
    return Known(devices=devices, loans=loans, baselines=baselines)


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
