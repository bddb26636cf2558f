"""Damaged payloads of every format, all the way into the database: no failure, exact accounts, a receipt for each.

The decoders alone meet a hundred thousand of them in `tests/devices/test_formats.py`; here every table is real.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices import campaign
from devices.decoded import DecodedReading
from devices.formats import VENDORS
from devices.intake import Publish
from devices.topics import topic
from server.app import create
from server.db.pool import Database
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.devices.samples import payloads
from tests.flows.test_reading import send
from tests.homes import at_home
from tests.proofs import accounts, street, vendors
from tests.proofs.accounts import Ledger, Sender
from tests.test_bridge import running_bridge
from tests.world import World

SEED, OVER_HTTP, IN_BATCHES, BATCH = 20261122, 1100, 4400, 40
BIGGEST = 1_000_000  # the web refuses more at the door


def damaged(senders: Sequence[Sender], count: int, seed: int) -> Iterator[tuple[Sender, bytes]]:
    """In turn of each format; of every third only one digit is another, and some come again."""
    chance, sent = random.Random(seed), list[tuple[Sender, bytes]]()
    for number in range(count):
        sender = senders[number % len(senders)]
        samples = payloads(sender.format)
        payload = campaign.mutate(chance, samples) if number % 3 else other_digit(chance, chance.choice(samples))
        again = chance.random() < 0.05 and sent
        sent.append(chance.choice(sent) if again else (sender, payload))
        yield sent[-1]


def other_digit(chance: random.Random, payload: bytes) -> bytes:
    """Damage that nobody can see: most of these are readings still."""
    at = chance.choice([i for i, byte in enumerate(payload) if 48 <= byte <= 57] or [len(payload)])
    return payload[:at] + b"%d" % chance.randrange(10) + payload[at + 1 :]


FATES = "SELECT fate, count(*) FROM arrival GROUP BY fate"


async def judged(owner: Any, ledger: Ledger, way: str) -> None:
    wrong = await accounts.wrong(owner, ledger.sent)
    fates = dict(await owner.fetch(FATES))
    print(f"{way}, seed {SEED}: {len(wrong)} of {len(ledger.sent)} senders' accounts wrong {wrong}")
    print(f"{len(ledger.unnamed)} of {ledger.messages} messages without a receipt for each entry;", end=" ")
    print(f"{sum(ledger.sent.values())} entries: {fates}; {ledger.refused_whole} refused by the database")
    assert (wrong, ledger.unnamed) == ({}, [])
    assert min(fates.get(fate, 0) for fate in ("stored", "held", "quarantined")) > 0


@pytest.mark.slow
async def test_over_http_a_thousand_damaged_payloads_are_all_answered_and_accounted_for(
    world: World, owner: Any, settings: Settings
) -> None:
    senders, ledger, statuses = await accounts.senders(owner, world), Ledger(), Counter[int]()
    app = create(msgspec.structs.replace(settings, vendor_secrets=vendors.SECRETS))
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        for sender, payload in damaged(senders, OVER_HTTP, SEED):
            if sender.format in VENDORS:
                post = vendors.right(sender.format, payload)
                answer = await client.post(post.path, content=post.content, headers=post.headers)
            else:
                headers = {"content-type": sender.content_type or "application/json"}
                login = (sender.id, sender.password)
                answer = await client.post("/ingest/v1/readings", content=payload, headers=headers, auth=login)
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                told = answer.json()
                ledger.note(sender, payload, told if isinstance(told, list) else [told])
            else:
                assert (len(payload) > BIGGEST, answer.status_code) == (True, 422)
    print(f"{sum(n for status, n in statuses.items() if status >= 500)} of {OVER_HTTP} answered 5xx: {dict(statuses)}")
    await judged(owner, ledger, "HTTP")


@pytest.mark.slow
async def test_in_batches_thousands_of_damaged_payloads_break_nobody_elses(
    world: World, owner: Any, bridge_db: Database
) -> None:
    senders, ledger, batch = await accounts.senders(owner, world), Ledger(), list[tuple[Sender, bytes]]()
    for message in damaged(senders, IN_BATCHES, SEED + 1):
        batch.append(message)
        if len(batch) == BATCH:
            await deliver(bridge_db, batch, ledger)
            batch = []
    await deliver(bridge_db, batch, ledger)
    await judged(owner, ledger, "batches")


async def deliver(bridge_db: Database, batch: Sequence[tuple[Sender, bytes]], ledger: Ledger) -> None:
    if batch:
        outcome = await send(bridge_db, *(publish(*message) for message in batch), now=datetime.now(UTC))
        told = {sender: json.loads(msgspec.json.encode(receipts)) for sender, receipts in outcome.receipts.items()}
        for sender, payload in batch:
            ledger.note(sender, payload, told[sender.id])


def publish(sender: Sender, payload: bytes) -> Publish:
    where = topic(sender.id, "readings")
    return Publish(sender=sender.id, payload=payload, topic=where, content_type=sender.content_type)


async def test_the_accounts_see_a_lost_entry_and_a_doubled_one(world: World, owner: Any, bridge_db: Database) -> None:
    native = next(sender for sender in await accounts.senders(owner, world) if sender.format == "native")
    ledger = Ledger()
    await deliver(bridge_db, [(native, payload) for payload in payloads("native")], ledger)
    assert await accounts.wrong(owner, ledger.sent) == {}
    for change in (-1, 1):
        assert list(await accounts.wrong(owner, Counter({native.id: ledger.sent[native.id] + change}))) == [native.id]
    await owner.execute("DELETE FROM reading")
    assert list(await accounts.wrong(owner, ledger.sent)) == [native.id]
    ledger.note(native, payloads("native")[0], [])
    assert ledger.unnamed


KINDS = "SELECT device_id, array_agg(kind ORDER BY kind) FROM reading GROUP BY device_id"


async def test_over_the_broker_a_content_type_names_the_format_of_a_native_devices_message(
    world: World, owner: Any, on_broker: Settings, broker: RunningMosquitto
) -> None:
    typed = [sender for sender in await accounts.senders(owner, world) if sender.content_type]
    await street.let_in(broker, {(sender.id, sender.password) for sender in typed})
    expected: dict[str, list[str]] = {}
    async with running_bridge(on_broker, owner):
        for sender in typed:
            payload = vendors.a_reading(sender.format)
            entries = [entry.decoded for entry in vendors.decoded(sender.format, payload)]
            for decoded in (one for one in entries if isinstance(one, DecodedReading)):
                expected.setdefault(decoded.source or sender.id, []).append(decoded.kind)
            named = Properties(PacketTypes.PUBLISH)
            named.ContentType = sender.content_type
            async with at_home(broker.host, broker.port, sender.id, sender.password) as home:
                home.client.publish(topic(sender.id, "readings"), payload, qos=1, properties=named)
                await home.until(lambda: home.receipts)
    assert len(typed) == len(accounts.TYPE_OF)
    assert dict(await owner.fetch(KINDS)) == {device: sorted(kinds) for device, kinds in expected.items()}
