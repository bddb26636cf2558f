"""Which certificates a device was given, and which were revoked; the keys themselves are never kept."""

import uuid
from datetime import datetime
from typing import Any

import msgspec

from devices.authority import Issued


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate; `serial` is hexadecimal."""

    serial: str
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


INSERT = """
    INSERT INTO device_certificate (serial, organization_id, device_id, issued_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
"""


async def insert(db: Any, organization: uuid.UUID, device: str, issued: Issued, now: datetime) -> None:
    """Remember that it was handed out."""
    await db.execute(INSERT, issued.serial, organization, device, now, issued.expires_at)


OF_DEVICE = """
    SELECT serial, issued_at, expires_at, revoked_at FROM device_certificate WHERE device_id = $1 ORDER BY issued_at
"""


async def of_device(db: Any, device: str) -> list[Certificate]:
    """All of a device of the asker's organization, oldest first."""
    return [Certificate(**dict(row)) for row in await db.fetch(OF_DEVICE, device)]


REVOKE = """
    UPDATE device_certificate SET revoked_at = $3
     WHERE device_id = $1 AND serial = ANY($2) AND revoked_at IS NULL
    RETURNING serial
"""


async def revoke(db: Any, device: str, serials: list[str], now: datetime) -> list[str]:
    """Those that were good until now."""
    return [row["serial"] for row in await db.fetch(REVOKE, device, serials, now)]
