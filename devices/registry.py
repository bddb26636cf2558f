"""Who may speak, for which device, and whose reading it is: the loan at the time of measurement decides."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device as ingestion needs it."""

    id: str
    organization_id: uuid.UUID
    format: str
    hub_id: str | None
    disabled: bool


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """Which patient had the device from–to; `user_slot` narrows it to one button of a shared cuff."""

    device_id: str
    patient_id: uuid.UUID
    team_id: uuid.UUID
    zone: str
    user_slot: int | None
    lent_from: datetime | None
    lent_to: datetime | None

    def covers(self, at: datetime) -> bool:
        return (self.lent_from is None or self.lent_from <= at) and (self.lent_to is None or at < self.lent_to)


DEVICES = """
    SELECT d.id, d.organization_id, m.format, d.hub_id, d.disabled_at IS NOT NULL AS disabled
      FROM device d JOIN device_model m ON m.id = d.model_id
     WHERE d.id = ANY($1)
"""


async def devices(db: Any, ids: Sequence[str]) -> dict[str, Device]:
    """The registered ones among them."""
    return {record["id"]: Device(**record) for record in await db.fetch(DEVICES, sorted(set(ids)))}


LOANS = """
    SELECT l.device_id, l.patient_id, p.team_id, p.zone, l.user_slot,
           lower(l.lent) AS lent_from, upper(l.lent) AS lent_to
      FROM loan l JOIN patient p ON p.id = l.patient_id
     WHERE l.device_id = ANY($1)
     ORDER BY l.device_id, lower(l.lent)
"""


async def loans(db: Any, ids: Sequence[str]) -> dict[str, list[Loan]]:
    """All loans, past and present, of these devices."""
    found: dict[str, list[Loan]] = {}
    for record in await db.fetch(LOANS, sorted(set(ids))):
        found.setdefault(record["device_id"], []).append(Loan(**record))
    return found


def attribute(loans_of_device: Sequence[Loan], at: datetime, user_slot: int | None) -> Loan | None:
    """The loan a reading belongs to; None when nobody had the device, or its slot is somebody else's.

    A loan without a slot has the whole device. A loan with one takes readings of that slot only, and readings
    that name no slot when no other loan covers the moment.
    """
    covering = [loan for loan in loans_of_device if loan.covers(at)]
    fitting = [loan for loan in covering if user_slot is None or loan.user_slot in (None, user_slot)]
    return fitting[0] if len(fitting) == 1 else None


NEAR = timedelta(days=1)


def possible(loans_of_device: Sequence[Loan], at: datetime) -> list[Loan]:
    """Whose an unassigned reading could be: those who had the device then, else a day before or after."""
    then = [loan for loan in loans_of_device if loan.covers(at)]
    return then or [loan for loan in loans_of_device if loan.covers(at - NEAR) or loan.covers(at + NEAR)]
