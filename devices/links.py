"""Which hub, or vendor's account, may speak for a device: the device's `hub_id`."""

from typing import Any

LINK = """
    UPDATE device d SET hub_id = $2
     WHERE d.id = $1 AND d.id <> $2 AND EXISTS (SELECT 1 FROM device h WHERE h.id = $2)
"""


async def link(db: Any, device: str, hub: str) -> bool:
    """False when the asker's organization does not have both, or they are one."""
    return bool(await db.execute(LINK, device, hub) != "UPDATE 0")


UNLINK = "UPDATE device SET hub_id = NULL WHERE id = $1 AND hub_id IS NOT NULL"


async def unlink(db: Any, device: str) -> bool:
    """False when no hub spoke for it, or it is not the asker's."""
    return bool(await db.execute(UNLINK, device) != "UPDATE 0")
