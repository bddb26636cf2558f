"""What Careloop is measured against: floors that do nothing with a message, and what a clinic could run instead."""

import hashlib
import random
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg

from bench import npm, town
from bench.crowd import CROSSES, CROSSING, NORMAL
from bench.field import Field, steady
from bench.programs import Failed, both, python, running
from devices import topics
from server.db.ids import uuid7

BATCH = 2000


async def c_subscriber(field: Field) -> float:
    """`mosquitto_sub` live under the same crowd, at QoS 1 with a durable session, its output thrown away."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        raise Failed("there is no mosquitto_sub here (Debian's mosquitto-clients)")
    count, client_id = field.size.live, "bench-c-subscriber"
    await field.clean(field.store)
    await field.hold_session(client_id)
    argv = [
        program, "-V", "mqttv5", "-h", field.host, "-p", str(field.port), "-u", field.username or "", "-P",
        field.password or "", "-i", client_id, "-c", "-x", "3600", "-q", "1", "-t", topics.READINGS, "-C", str(count),
    ]  # fmt: skip
    async with running("mosquitto_sub", argv, field.folder, quiet=True) as subscriber:
        await field.until_connected(client_id, subscriber)
        told, ended = await both(field.publish(None, count), subscriber.ended(field.within(count)))
        return count / (ended - float(told["started"]))


async def paho_noop(field: Field) -> float:
    """Stock paho from a full broker: it acknowledges and does nothing; it says itself how far it is."""
    count, client_id = field.size.drain, "bench-paho-noop"
    await field.clean(field.store)
    await field.hold_session(client_id)
    await field.publish(None, count)
    argv = python("bench.rivals.paho_noop", field.stage.broker.url_bridge, client_id, str(count))
    async with running("paho noop", argv, field.folder, talks=True) as program:
        told = await program.answer(field.within(count))
    return steady([(at, reached) for at, reached in told["series"]], count)


TABLE = """
    CREATE TABLE IF NOT EXISTS bench_reading (
        device_id text NOT NULL, seq bigint NOT NULL, kind text NOT NULL, measured_at timestamptz NOT NULL,
        systolic integer, diastolic integer, pulse integer, received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (device_id, seq))
"""
NONE_YET = "TRUNCATE bench_reading"
ROWS = "SELECT count(*) FROM bench_reading"


async def paho_psycopg(field: Field) -> float:
    """Stock paho and psycopg from a full broker: one INSERT and COMMIT a message, then the acknowledgement."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise Failed("psycopg is not installed (make setup-tests)") from None
    return await per_row(field, "paho psycopg", lambda *arguments: python("bench.rivals.paho_psycopg", *arguments))


async def mqttjs_pg(field: Field) -> float:
    """mqtt.js and pg from a full broker, as their READMEs say: INSERT in handleMessage, then its callback."""
    node = await npm.installed(npm.FOLDER, field.folder)
    return await per_row(field, "mqttjs pg", lambda *arguments: [node, str(npm.FOLDER / "mqttjs_pg.mjs"), *arguments])


async def per_row(field: Field, name: str, command: Callable[..., Sequence[str]]) -> float:
    """Rows a second of a program told the broker's address, its client id and the database's address."""
    count, client_id, owner = field.size.per_row, f"bench-{name.replace(' ', '-')}", field.store.owner
    await field.clean(field.store)
    await owner.execute(TABLE)
    await owner.execute(NONE_YET)
    await field.hold_session(client_id)
    await field.publish(None, count)
    argv = command(field.stage.broker.url_bridge, client_id, field.stage.settings.database_url)
    async with running(name, argv, field.folder) as program:
        return steady(await field.watch(owner, ROWS, 0, count, program), count)


STAGE = """
    CREATE TEMP TABLE incoming (
        device_id text, seq bigint, hash bytea, organization_id uuid, reading_id uuid, patient_id uuid,
        measured_at timestamptz, raw text, systolic numeric, diastolic numeric, pulse numeric)
    ON COMMIT DELETE ROWS
"""
NAMES = (
    "device_id", "seq", "hash", "organization_id", "reading_id", "patient_id", "measured_at", "raw", "systolic",
    "diastolic", "pulse",
)  # fmt: skip
STORE = """
    WITH fresh AS (
        INSERT INTO arrival (device_id, epoch, key, seq, hash, fate, organization_id, reading_id, patient_id,
                             measured_at, received_at)
        SELECT device_id, 0, seq::text, seq, hash, 'stored', organization_id, reading_id, patient_id, measured_at, now()
          FROM incoming ORDER BY device_id, incoming.seq
        ON CONFLICT DO NOTHING RETURNING reading_id)
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes, zone,
                         local_date, clock_basis, received_at, device_id, source, systolic_mmhg, diastolic_mmhg,
                         pulse_bpm, judged_with)
    SELECT reading_id, organization_id, patient_id, 'blood_pressure', measured_at, raw, 0, 'America/New_York',
           measured_at::date, 'device', now(), device_id, 'device', systolic, diastolic, pulse, 'bp_high v1, bp_low v1'
      FROM incoming JOIN fresh USING (reading_id) ORDER BY patient_id, incoming.measured_at
"""


async def database_only(field: Field) -> float:
    """The same rows as fast as they go in: COPY, arrival without doubles, reading; nothing decoded or judged.

    On two connections, as the bridge has two lanes: the floor is the database, not one client waiting for it.
    """
    await field.clean(field.store)
    count, came = field.size.drain, 0
    batches = iter(await _batches(field, count))
    series: list[tuple[float, int]] = []

    async def lane() -> None:
        nonlocal came
        connection = await asyncpg.connect(field.stage.settings.url_for("bridge"))
        try:
            await connection.execute(STAGE)
            for batch in batches:  # whichever lane is free takes the next
                async with connection.transaction():
                    await connection.copy_records_to_table("incoming", records=batch, columns=NAMES)
                    await connection.execute(STORE)
                came += len(batch)
                series.append((time.monotonic(), came))
        finally:
            await connection.close()

    await both(lane(), lane())
    return steady(series, count)


async def _batches(field: Field, count: int) -> list[list[tuple[object, ...]]]:
    """In the crowd's order: one reading of each device, and again."""
    homes, chance = await town.homes(field.store.owner, field.size.devices), random.Random(0)
    rows: list[tuple[object, ...]] = []
    for number in range(count):
        patient, device, organization = homes[number % len(homes)]
        at, seq = datetime.now(UTC), number // len(homes) + 1
        systolic = CROSSES if chance.random() < CROSSING else chance.randint(*NORMAL)
        content = hashlib.sha256(f"{device}{seq}".encode()).digest()
        rows.append((device, seq, content, organization, uuid7(), patient, at, at.isoformat(), systolic, 80, 71))
    size = min(BATCH, count // 20)  # a quick run has several batches too
    return [rows[first : first + size] for first in range(0, count, size)]
