"""A street: patients of one organization who each have devices at home, made with plain SQL; and the bridge's process."""

import asyncio
import hashlib
import secrets
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from devices.credentials import DynamicSecurity
from server.db.ids import uuid7
from server.ops.embedded.mosquitto import RunningMosquitto
from server.settings import Settings
from tests.test_bridge import Killed, until_listening
from tests.world import World, lend_device


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A patient in all the world's programmes, with one device on loan since 90 days."""

    patient: uuid.UUID
    device: str
    password: str


PATIENT = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         admitted_at)
    SELECT $1::uuid, organization_id, clinic_id, team_id, $1::uuid::text, 'Neighbour', right($1::uuid::text, 8), birth_date, sex, zone,
           admitted_at FROM patient WHERE id = $2
"""
ENROL = "INSERT INTO enrolment VALUES (gen_random_uuid(), $1, $2, $3, $4, NULL)"
LEND = """
    INSERT INTO loan (id, organization_id, device_id, patient_id, user_slot, lent)
    VALUES (gen_random_uuid(), $1, $2, $3, $4, tstzrange($5, $6))
"""


async def move_in(owner: Any, world: World) -> uuid.UUID:
    """One more patient of the world's team."""
    patient = uuid7()
    await owner.execute(PATIENT, patient, world.patient)
    since = datetime.now(UTC) - timedelta(days=400)
    await owner.execute(ENROL, world.organization, patient, world.programme, since)
    return patient


async def neighbour(owner: Any, world: World) -> Neighbour:
    patient = await move_in(owner, world)
    since = datetime.now(UTC) - timedelta(days=90)
    device, password = await lend_device(owner, world.organization, patient, since)
    return Neighbour(patient=patient, device=device, password=password)


async def lend(
    owner: Any, world: World, device: str, patient: uuid.UUID, since: datetime, until: datetime | None = None,
    slot: int | None = None,
) -> None:  # fmt: skip
    """A loan more; `slot` is one button of a shared device."""
    await owner.execute(LEND, world.organization, device, patient, slot, since, until)


DEVICE = "INSERT INTO device (id, organization_id, model_id, secret_hash, registered_at) VALUES ($1, $2, $3, $4, $5)"
MODEL = (
    "INSERT INTO device_model (id, organization_id, name, maker, format, kinds) VALUES ($1, $2, $3, 'Test', $4, '{}')"
)


async def register(
    owner: Any, world: World, device: str, *, lent_to: uuid.UUID | None = None, hub: str | None = None,
    format_name: str = "native",
) -> str:  # fmt: skip
    """The password of a device under an id of one's own, lent since long ago, spoken for by a hub."""
    password, model, since = secrets.token_urlsafe(32), uuid7(), datetime(2025, 1, 1, tzinfo=UTC)
    await owner.execute(MODEL, model, world.organization, f"Model {device}", format_name)
    digest = hashlib.sha256(password.encode()).digest()
    await owner.execute(DEVICE, device, world.organization, model, digest, since)
    if lent_to is not None:
        await lend(owner, world, device, lent_to, since)
    if hub is not None:
        await link(owner, hub, device)
    return password


async def take_back(owner: Any, *devices: str) -> None:
    """As if these had never been lent."""
    await owner.execute("DELETE FROM loan WHERE device_id = ANY($1)", list(devices))


async def link(owner: Any, hub: str, *devices: str) -> None:
    """From now on the hub may speak for these."""
    await owner.execute("UPDATE device SET hub_id = $1 WHERE id = ANY($2)", hub, list(devices))


async def let_in(broker: RunningMosquitto, logins: Iterable[tuple[str, str]]) -> None:
    """The broker knows these (device, password) now."""
    security, turns = DynamicSecurity(broker.url_admin), asyncio.Semaphore(8)

    async def grant(device: str, password: str) -> None:
        async with turns:
            await security.grant(device, password)

    await asyncio.gather(*(grant(*login) for login in logins))


@asynccontextmanager
async def bridge_process(settings: Settings, owner: Any) -> AsyncIterator[None]:
    """The bridge as it really runs, listening; ended at the end. What it says is shown when it dies by itself."""
    since = datetime.now(UTC)
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", Killed.CODE, env=Killed(settings).env, stdout=said, stderr=said
        )
        try:
            await until_listening(owner, since)
            yield
        finally:
            alive = process.returncode is None
            if alive:
                process.kill()
                await process.wait()
            said.seek(0)
            assert alive, f"the bridge died: {said.read()[-2000:].decode()}"
