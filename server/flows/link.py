"""A hub or a vendor's account may speak for a device from now on, or no more."""

from datetime import datetime

from devices import links
from server.db.pool import Database, Who
from server.errors import NotFound
from server.flows import access
from server.security import audit


async def link(database: Database, who: Who, device: str, hub: str, now: datetime) -> None:
    """Readings that name the device are taken from this hub, and from no other than it before."""
    async with database.transaction(who) as db:
        if not await links.link(db, device, hub):
            raise NotFound("There is no such device and hub. `careloop device list` shows them.")
        await audit.note(db, who, access.organization_of(who), "device.link", device, now, detail={"hub": hub})


async def unlink(database: Database, who: Who, device: str, now: datetime) -> None:
    """Only the device itself speaks for it."""
    async with database.transaction(who) as db:
        if not await links.unlink(db, device):
            raise NotFound(f"No hub speaks for {device}. `careloop device list` shows the devices.")
        await audit.note(db, who, access.organization_of(who), "device.unlink", device, now)
