"""How fast Careloop takes readings in: from a full broker, and live, with receipts and without."""

from typing import Any

from bench.field import Field, Store, steady
from bench.programs import Failed, Usage, both

RECEIVED = "SELECT sum(received_count) FROM device_state"
MADE = """
    SELECT (SELECT count(*) FROM arrival WHERE fate = 'stored'), (SELECT count(*) FROM reading),
           (SELECT count(*) FROM finding)
"""


async def drain(field: Field, store: Store, *, receipts: bool = True) -> float:
    """Rows a second while the bridge works off what the broker kept for it; the devices receive their receipts."""
    count = field.size.drain
    await field.clean(store)
    async with field.bridge(store):
        pass  # so that the broker keeps what comes next
    told, before = await field.publish(store, count), await _received(store)
    if receipts:
        field.crowd.tell(do="listen", count=count, within_s=field.within(count))
    async with field.bridge(store, receipts=receipts, subscribed=False) as bridge:
        usage = field.usage(bridge)
        series = await field.watch(store.owner, RECEIVED, before, count, bridge)
        _say_usage(field, usage, count)
        if receipts:
            heard = await field.crowd.answer(2 * field.within(count))
            _require_receipts(heard, count)
            field.say(f"    the last receipt came {heard['ended'] - series[-1][0]:+.2f} s after the last row")
        else:
            await _require_no_receipts(field)
    await require_rows(store, count, told["crossing"])
    return steady(series, count)


async def live(field: Field, store: Store, *, receipts: bool = True) -> float:
    """Readings a second from the first publish to the last receipt (to the last row, without receipts)."""
    count = field.size.live
    await field.clean(store)
    before = await _received(store)
    async with field.bridge(store, receipts=receipts) as bridge:
        usage = field.usage(bridge)
        told, series = await both(
            field.publish(store, count, settle=receipts), field.watch(store.owner, RECEIVED, before, count, bridge)
        )
        _say_usage(field, usage, count)
    if receipts:
        _require_receipts(told, count)
    else:
        await _require_no_receipts(field)
    await require_rows(store, count, told["crossing"])
    return count / float((told["ended"] if receipts else series[-1][0]) - told["started"])


async def _received(store: Store) -> int:
    return int(await store.owner.fetchval(RECEIVED))


def _say_usage(field: Field, usage: Usage, count: int) -> None:
    field.worked = usage.microseconds(count)
    field.say("    µs of processor a message: " + ", ".join(f"{name} {took}" for name, took in field.worked.items()))


def _require_receipts(heard: dict[str, Any], count: int) -> None:
    if heard["stored"] != count:
        raise Failed(f"{heard['stored']} of {count} readings have a receipt saying stored ({heard['other']} others)")


async def _require_no_receipts(field: Field) -> None:
    field.crowd.tell(do="heard")
    heard = await field.crowd.answer(60)
    if heard["stored"] or heard["other"]:
        raise Failed(f"{heard['stored']} readings have a receipt, and receipts were to be off")


async def require_rows(store: Store, count: int, crossing: int) -> None:
    """Fast and wrong does not count: each reading is stored once, and each crossing has its finding."""
    if store.keeps:  # counting millions would be the run's longest part; the other runs have counted
        return
    made = tuple(await store.owner.fetchrow(MADE))
    if made != (count, count, crossing):
        raise Failed(f"{count} readings with {crossing} crossings made (arrivals, readings, findings) {made}")
