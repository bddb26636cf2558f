"""A device joins: registered here, let in at the broker, lent to a patient, taken back, shut out."""

import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from devices import credentials, enrol
from devices.units import KINDS
from server.db.ids import uuid7
from server.db.pool import Database, Db, Who
from server.errors import Conflict, Invalid, NotFound
from server.people import patients
from server.security import audit

DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is made when it is left out; `patient` gets the device on loan at once, from `since` on."""

    model: str
    maker: str = "unknown"
    kinds: Sequence[str]
    id: str | None = None
    patient: uuid.UUID | None = None
    since: datetime | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The password is told once. `commands` are for the broker's administrator, when we could not do it."""

    device_id: str
    password: str
    commands: list[str]
    why_not: str | None = None

    @property
    def granted(self) -> bool:
        return not self.commands


async def register(
    database: Database, who: Who, device: NewDevice, mqtt_admin_url: str | None, now: datetime
) -> Registered:
    """One transaction, then the broker: if that fails the device stands and the commands are handed out."""
    organization = _organization(who)
    device_id, (password, secret_hash) = _checked(device), enrol.new_secret()
    async with database.transaction(who) as db:
        model = await enrol.model(db, uuid7(), organization, device.model, device.maker, device.kinds)
        if not await enrol.register(db, device_id, organization, model, secret_hash, now):
            raise Conflict(f"There is a device {device_id} already. Choose another id, or leave it out.")
        await audit.note(db, who, organization, "device.register", device_id, now)
        if device.patient:
            await record(db, who, device_id, device.patient, device.since or now, now)
    return await _let_in(device_id, password, mqtt_admin_url)


async def _let_in(device_id: str, password: str, mqtt_admin_url: str | None) -> Registered:
    refusal = None
    if mqtt_admin_url:
        try:
            await credentials.DynamicSecurity(mqtt_admin_url).grant(device_id, password)
            return Registered(device_id=device_id, password=password, commands=[])
        except credentials.Refusal as error:
            refusal = error.reason
    commands = broker_commands(device_id)
    return Registered(device_id=device_id, password=password, commands=commands, why_not=refusal)


def broker_commands(device_id: str) -> list[str]:
    """What a broker's administrator types, where we may not do it; the password is asked for."""
    role, control = f"{credentials.ROLE_PREFIX}{device_id}", "mosquitto_ctrl -u <admin> dynsec"
    rights = [f"{control} addRoleACL {role} {acl.kind} {acl.topic} allow" for acl in credentials.device_acls(device_id)]
    return [
        f"{control} createRole {role}",
        *rights,
        f"{control} createClient {device_id}",
        f"{control} addClientRole {device_id} {role}",
    ]


async def lend(
    database: Database, who: Who, device_id: str, patient: uuid.UUID, since: datetime, now: datetime
) -> None:
    """From `since` on the device's readings are this patient's."""
    async with database.transaction(who) as db:
        await record(db, who, device_id, patient, since, now)


async def record(db: Db, who: Who, device_id: str, patient: uuid.UUID, since: datetime, now: datetime) -> None:
    """The same inside a transaction that is open already."""
    organization = _organization(who)
    if await patients.get(db, patient) is None:
        raise NotFound("There is no such patient. `careloop patient list` shows their ids.")
    if not await enrol.exists(db, device_id):
        raise NotFound("There is no such device. `careloop device list` shows their ids.")
    if not await enrol.lend(db, uuid7(), organization, device_id, patient, since):
        raise Conflict(f"Device {device_id} is lent to somebody at that time. Take it back first.")
    await audit.note(db, who, organization, "device.lend", device_id, now, patient=patient)


async def take_back(database: Database, who: Who, device_id: str, now: datetime) -> None:
    """The loan ends; what was measured before stays the patient's."""
    async with database.transaction(who) as db:
        if not await enrol.take_back(db, device_id, now):
            raise Conflict(f"Nobody has device {device_id} on loan.")
        await audit.note(db, who, _organization(who), "device.return", device_id, now)


async def disable(
    database: Database, who: Who, device_id: str, mqtt_admin_url: str | None, now: datetime
) -> str | None:
    """The device is refused from now on. What the broker's administrator must still do, if we could not."""
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound("There is no such device. `careloop device list` shows their ids.")
        if not await enrol.disable(db, device_id, now):
            raise Conflict(f"Device {device_id} was disabled already.")
        await audit.note(db, who, _organization(who), "device.disable", device_id, now)
    by_hand = f"mosquitto_ctrl -u <admin> dynsec disableClient {device_id}"
    if not mqtt_admin_url:
        return by_hand
    try:
        await credentials.DynamicSecurity(mqtt_admin_url).disable(device_id)
    except credentials.Refusal:
        return by_hand
    return None


def _checked(device: NewDevice) -> str:
    unknown = [kind for kind in device.kinds if kind not in KINDS]
    if unknown or not device.kinds:
        raise Invalid(f"What does it measure? Any of {', '.join(KINDS)}.")
    if device.id is not None and not DEVICE_ID.fullmatch(device.id):
        raise Invalid(f"{device.id!r} cannot be a device's id: 1 to 64 letters, digits, '-' or '_'.")
    return device.id or f"{device.kinds[0].replace('_', '-')}-{secrets.token_hex(4)}"


def _organization(who: Who) -> uuid.UUID:
    if who.organization is None:
        raise ValueError("a device belongs to an organization")
    return who.organization
