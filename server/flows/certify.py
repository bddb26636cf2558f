"""A device that proves itself by a certificate: registered with one, given the next one, refused when it is revoked."""

from datetime import datetime
from pathlib import Path

import msgspec

from devices import authority, certificates, enrol
from devices.authority import Authority, Issued
from server.db.pool import Database, Who
from server.errors import BadSetting, Conflict, NotFound
from server.flows import access, lend
from server.flows.access import NO_DEVICE, AtBroker
from server.flows.lend import NewDevice
from server.security import audit


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """The key is handed over once and kept nowhere."""

    device_id: str
    issued: Issued
    at_broker: AtBroker


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """The serials, new on the list or again; the broker reads the list on SIGHUP."""

    serials: list[str]


def open_authority(folder: Path, now: datetime) -> Authority:
    """The clinic's authority, made on first use."""
    try:
        return authority.open_authority(folder, now)
    except authority.Damaged as damaged:
        raise BadSetting(damaged.reason) from None
    except OSError as error:
        raise BadSetting(f"CARELOOP_AUTHORITY is {folder}, which cannot be used ({error.strerror}).") from None


async def register(
    database: Database, who: Who, device: NewDevice, ours: Authority, mqtt_admin_url: str | None, now: datetime
) -> Certified:
    """A new device without a password: its certificate is its only way in, and HTTP is closed to it."""
    device_id = lend.checked_id(device)
    issued = ours.issue(device_id, now)
    async with database.transaction(who) as db:
        await lend.enter(db, who, device_id, device, None, now)
        await certificates.insert(db, access.organization_of(who), device_id, issued, now)
        await audit.note(db, who, access.organization_of(who), "device.certify", device_id, now)
    told = await access.let_in(device_id, None, mqtt_admin_url)
    return Certified(device_id=device_id, issued=issued, at_broker=told)


async def renew(database: Database, who: Who, device_id: str, ours: Authority, now: datetime) -> Issued:
    """One more certificate, before the last one ends; the earlier ones stay good until they are revoked."""
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound(NO_DEVICE)
        issued = ours.issue(device_id, now)
        await certificates.insert(db, access.organization_of(who), device_id, issued, now)
        await audit.note(db, who, access.organization_of(who), "device.certify", device_id, now)
    return issued


async def revoke(
    database: Database, who: Who, device_id: str, ours: Authority, now: datetime, serial: str | None = None
) -> Revoked:
    """Every certificate of the device, or one. The list is written before the commit, and again when asked again."""
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound(NO_DEVICE)
        known = await certificates.of_device(db, device_id)
        chosen = [one.serial for one in known if serial is None or one.serial == serial.upper().lstrip("0")]
        if not chosen:
            raise Conflict(f"Device {device_id} has no such certificate.")
        if await certificates.revoke(db, device_id, chosen, now):
            detail = {"serials": chosen}
            await audit.note(db, who, access.organization_of(who), "device.revoke", device_id, now, detail=detail)
        ours.revoke(chosen, now)
    return Revoked(serials=chosen)
