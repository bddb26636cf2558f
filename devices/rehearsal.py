"""Plays a scenario over the broker and counts what became of each reading; it ends by itself."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from devices.scenarios import Delivery, Scenario
from devices.simulator import Broker, Call, Fate, Home

TOGETHER = 4  # homes at a time; each waits for its receipts in a thread


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery came to; `silent` readings have no receipt (yet)."""

    home: str
    epoch: int
    sent: int
    fates: dict[str, int]


Tell = Callable[[Played], None]


async def play(
    scenario: Scenario, homes: Mapping[str, Home], broker: Broker, tell: Tell, stop: asyncio.Event
) -> Played:
    """Send every delivery once, in order; the sum of all. A broker that is away makes them silent."""
    room = asyncio.Semaphore(TOGETHER if scenario.together else 1)

    async def one(delivery: Delivery) -> Played | None:
        async with room:
            if stop.is_set():
                return None
            played = await asyncio.to_thread(_deliver, delivery, homes[delivery.home], broker)
            tell(played)
            return played

    done = [played for played in await asyncio.gather(*map(one, scenario.deliveries)) if played]
    fates: Counter[str] = sum((Counter(played.fates) for played in done), Counter())
    return Played(home="all", epoch=0, sent=sum(played.sent for played in done), fates=dict(fates))


def _deliver(delivery: Delivery, home: Home, broker: Broker) -> Played:
    # A client id of its own: the same home may be sending ordinary readings at this moment.
    client_id = f"{home.id}-scenario-{delivery.epoch}-{delivery.readings[0]['seq']}"
    call = Call(home, delivery.epoch, delivery.readings, client_id=client_id)
    try:
        call.run(broker)
    except (OSError, ValueError):
        call.fates.clear()
    fates: list[Fate] = [call.fates.get(reading["seq"], "silent") for reading in delivery.readings]
    return Played(home=home.id, epoch=delivery.epoch, sent=len(fates), fates=dict(Counter(fates)))
