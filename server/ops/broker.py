"""Is there a broker at the address? Asked once at a start, so that a wrong address is told at once."""

import asyncio

from server.errors import Unavailable
from server.settings import mqtt_parts

WITHIN_S = 5.0


async def require_broker(mqtt_url: str) -> None:
    """`Unavailable` when nobody listens there; a broker that goes away later is survived."""
    host, port, *_ = mqtt_parts(mqtt_url)
    try:
        async with asyncio.timeout(WITHIN_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        raise Unavailable(f"No broker answers at {host}:{port}. Is it running, and is MQTT_URL right?") from None
    writer.close()
