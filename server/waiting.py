"""Waiting for the first of several events, or for a time: every loop pauses with this, so every loop hears `stop`."""

import asyncio


async def wait(seconds: float | None, *events: asyncio.Event | None) -> None:
    """Until one of the events is set, or the seconds are over; without seconds until one is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events if event is not None]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
