"""The people and devices of a measurement: thousands of patients in a programme with limits, each with a device."""

import base64
import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from devices import credentials
from server.db.ids import uuid7
from tests.world import make_world

ROUNDS = 1  # of PBKDF2: the passwords are random, and thousands of sign-ins are not what is measured
EACH = 500  # patients whose past is made by one statement
PAST_DAYS = 690  # the months of `reading` go 24 back


def device_name(number: int) -> str:
    return f"bench-{number:06d}"


def write_logins(folder: Path, devices: int) -> Path:
    """Devices the broker will know from its start, as its plugin keeps them; returns the file of their passwords."""
    passwords = [(device_name(n), secrets.token_urlsafe(12)) for n in range(devices)]
    security = folder / "mosquitto" / "dynamic-security.json"
    security.parent.mkdir(mode=0o700, parents=True)
    document = {"clients": [_client(*login) for login in passwords], "roles": [_role(name) for name, _ in passwords]}
    security.write_text(json.dumps(document))
    logins = folder / "logins.json"
    logins.write_text(json.dumps(passwords))
    return logins


def _client(device: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, 64)
    return {
        "username": device, "password": base64.b64encode(hashed).decode(), "salt": base64.b64encode(salt).decode(),
        "iterations": ROUNDS, "roles": [{"rolename": credentials.role_of(device)}],
    }  # fmt: skip


def _role(device: str) -> dict[str, Any]:
    return {
        "rolename": credentials.role_of(device), "acls": msgspec.to_builtins(credentials.device_acls(device)),
    }  # fmt: skip


MODEL = """
    INSERT INTO device_model (id, organization_id, name, maker, kinds)
    VALUES ($1, $2, 'Bench cuff', 'Bench', ARRAY['blood_pressure'])
"""
HOMES = "CREATE TABLE bench_home (n integer PRIMARY KEY, patient_id uuid, device_id text, organization_id uuid)"
NUMBERED = """
    INSERT INTO bench_home
    SELECT n - 1, patient_id, device_id, $3
      FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS u (patient_id, device_id, n)
"""
PATIENTS = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         admitted_at)
    SELECT patient_id, organization_id, $1, $2, 'bench-' || n, 'Pat', 'Bench', '1960-05-04', 'female',
           'America/New_York', $3
      FROM bench_home
"""
ENROLMENTS = """
    INSERT INTO enrolment (id, organization_id, patient_id, programme_id, valid_from)
    SELECT gen_random_uuid(), organization_id, patient_id, $1, $2 FROM bench_home
"""
DEVICES = """
    INSERT INTO device (id, organization_id, model_id, registered_at)
    SELECT device_id, organization_id, $1, $2 FROM bench_home
"""
STATES = "INSERT INTO device_state (device_id, organization_id) SELECT device_id, organization_id FROM bench_home"
LOANS = """
    INSERT INTO loan (id, organization_id, device_id, patient_id, lent)
    SELECT gen_random_uuid(), organization_id, device_id, patient_id, tstzrange($1, NULL) FROM bench_home
"""


async def settle(owner: Any, people: int, now: datetime) -> None:
    """Make so many patients, each in the programme and with a device on loan for two years."""
    world, since = await make_world(owner, "Bench"), now - timedelta(days=750)
    model = uuid7()
    await owner.execute(MODEL, model, world.organization)
    await owner.execute(HOMES)
    names = [device_name(n) for n in range(people)]
    await owner.execute(NUMBERED, [uuid7() for _ in names], names, world.organization)
    await owner.execute(PATIENTS, world.clinic, world.team, since)
    await owner.execute(ENROLMENTS, world.programme, since)
    await owner.execute(DEVICES, model, since)
    await owner.execute(STATES)
    await owner.execute(LOANS, since)
    await owner.execute("ANALYZE")


HOME = "SELECT patient_id, device_id, organization_id FROM bench_home ORDER BY n LIMIT $1"


async def homes(owner: Any, count: int) -> Sequence[tuple[uuid.UUID, str, uuid.UUID]]:
    """(patient, device, organization) of the first homes."""
    return [tuple(row) for row in await owner.fetch(HOME, count)]


# An id of version 7 made from the time, as ours are: what comes later sorts later.
PAST = """
    WITH made AS MATERIALIZED (
        SELECT h.patient_id, h.device_id, h.organization_id, seq, at,
               (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3)
                || '8' || substr(random, 4, 15))::uuid AS id, 105 + (seq * 7 + h.n) % 50 AS systolic
          FROM bench_home h, generate_series(1, $3::bigint) AS seq,
               LATERAL (SELECT $4::timestamptz - make_interval(secs => ($3 - seq + 1) * $5::float8) AS at,
                               md5(h.device_id || seq) AS random) AS of
         WHERE h.n >= $1 AND h.n < $2
         ORDER BY h.n, seq),
    stored AS (
        INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, measured_at_raw, utc_offset_minutes,
                             zone, local_date, clock_basis, received_at, device_id, source, systolic_mmhg,
                             diastolic_mmhg, pulse_bpm, judged_with)
        SELECT id, organization_id, patient_id, 'blood_pressure', at, at::text, 0, 'America/New_York',
               (at AT TIME ZONE 'America/New_York')::date, 'device', at, device_id, 'device', systolic, 80, 71,
               'bp_high v1, bp_low v1'
          FROM made)
    INSERT INTO arrival (device_id, epoch, key, seq, hash, fate, organization_id, reading_id, patient_id, measured_at,
                         received_at)
    SELECT device_id, 0, seq::text, seq, sha256((device_id || seq)::bytea), 'stored', organization_id, id,
           patient_id, at, at
      FROM made
"""
THROUGH = """
    INSERT INTO sequence_state (device_id, epoch, organization_id, through, examined, highest, came_first, came_last)
    SELECT device_id, 0, organization_id, $1, $1, $1, 1, $1 FROM bench_home
"""
COUNTED = "UPDATE device_state SET received_count = $1, stored_count = $1, last_measured_at = $2"
BYTES = "SELECT pg_database_size(current_database())"


async def remember(owner: Any, people: int, rows: int, now: datetime, say: Callable[[str], None]) -> int:
    """Give the town a past of so many readings, with their arrivals; returns how many each device has sent."""
    each = rows // people
    await owner.execute("SET session_replication_role = replica")  # the checks of foreign keys would take minutes
    apart, done = PAST_DAYS * 86400 / each, 0
    while done < people:
        first, done = done, min(done + EACH, people)
        await owner.execute(PAST, first, done, each, now, apart, timeout=600)
        if done % (EACH * 4) == 0 or done == people:
            say(f"  {done * each:,} of {people * each:,} stored readings made")
    await owner.execute("RESET session_replication_role")
    await owner.execute(THROUGH, each)
    await owner.execute(COUNTED, each, now)
    say("  vacuum and analyze")
    await owner.execute("VACUUM (ANALYZE)", timeout=1200)
    await owner.execute("CHECKPOINT", timeout=600)
    say(f"  they take {await owner.fetchval(BYTES) / 1e9:.1f} GB")
    return each
