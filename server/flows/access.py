"""Whether a device may speak: let in, shut out, let in again, with a new password; here first, then at the broker.

Our own tables decide for the bridge and for HTTP, so a broker that is away delays nothing but its own refusal.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from devices import by_hand, credentials, enrol
from server.db.pool import Database, Who
from server.errors import Conflict, NotFound
from server.security import audit

Ask = Callable[[credentials.DynamicSecurity], Awaitable[None]]

NO_DEVICE = "There is no such device. `careloop device list` shows their ids."


class AtBroker(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker's administrator must still do, and why we could not; nothing when it is done."""

    commands: list[str]
    why_not: str | None = None

    @property
    def done(self) -> bool:
        return not self.commands


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """The new password, told once."""

    device_id: str
    password: str
    at_broker: AtBroker


async def let_in(device_id: str, password: str | None, mqtt_admin_url: str | None) -> AtBroker:
    """Grant the device its topics; without a password its certificate is its only way in."""
    commands = by_hand.grant(device_id, password=password is not None)
    return await _tell(mqtt_admin_url, lambda broker: broker.grant(device_id, password), commands)


async def disable(database: Database, who: Who, device_id: str, mqtt_admin_url: str | None, now: datetime) -> AtBroker:
    """The device is refused from now on, and disconnected."""
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound(NO_DEVICE)
        if not await enrol.disable(db, device_id, now):
            raise Conflict(f"Device {device_id} was disabled already.")
        await audit.note(db, who, organization_of(who), "device.disable", device_id, now)
    return await _tell(mqtt_admin_url, lambda broker: broker.disable(device_id), by_hand.disable(device_id))


async def enable(database: Database, who: Who, device_id: str, mqtt_admin_url: str | None, now: datetime) -> AtBroker:
    """The device may speak again, with what it signed in with before."""
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound(NO_DEVICE)
        if not await enrol.enable(db, device_id):
            raise Conflict(f"Device {device_id} is not disabled.")
        await audit.note(db, who, organization_of(who), "device.enable", device_id, now)
    return await _tell(mqtt_admin_url, lambda broker: broker.enable(device_id), by_hand.enable(device_id))


async def rotate(database: Database, who: Who, device_id: str, mqtt_admin_url: str | None, now: datetime) -> Rotated:
    """From now on only the new password, over HTTP at once and at the broker as soon as it is told."""
    password, secret_hash = enrol.new_secret()
    async with database.transaction(who) as db:
        if not await enrol.exists(db, device_id):
            raise NotFound(NO_DEVICE)
        if not await enrol.set_secret(db, device_id, secret_hash):
            raise Conflict(f"Device {device_id} has no password, it shows a certificate. Use: careloop device renew")
        await audit.note(db, who, organization_of(who), "device.rotate", device_id, now)
    told = await _tell(mqtt_admin_url, lambda broker: broker.rotate(device_id, password), by_hand.rotate(device_id))
    return Rotated(device_id=device_id, password=password, at_broker=told)


async def _tell(mqtt_admin_url: str | None, ask: Ask, commands: list[str]) -> AtBroker:
    if not mqtt_admin_url:
        return AtBroker(commands=commands)
    try:
        await ask(credentials.DynamicSecurity(mqtt_admin_url))
    except credentials.Refusal as refusal:
        return AtBroker(commands=commands, why_not=refusal.reason)
    return AtBroker(commands=[])


def organization_of(who: Who) -> uuid.UUID:
    """Whose devices these are; commands and pages always say."""
    if who.organization is None:
        raise ValueError("a device belongs to an organization")
    return who.organization
