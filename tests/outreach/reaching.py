"""What staff know of how a patient can be reached, written as plain SQL."""

import uuid
from datetime import timedelta
from typing import Any

from server.db.ids import uuid7
from server.people.phones import phone_hash
from tests.texting import NOON
from tests.world import FIELD_KEY, World

LONG_AGO = NOON - timedelta(days=300)


def hashed(address: str) -> bytes:
    return phone_hash(FIELD_KEY, address)


async def point(owner: Any, world: World, channel: str, address: str, **columns: Any) -> uuid.UUID:
    made = uuid7()
    values = {"proxy_id": None, "language": "en", "rank": 1, "topics": [], "patient": world.patient} | columns
    await owner.execute(
        """INSERT INTO contact_point (id, organization_id, patient_id, proxy_id, channel, address, address_hash, language,
               rank, topics, author, source, valid_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'test', 'test', $11)""",
        made, world.organization, values["patient"], values["proxy_id"], channel, address, hashed(address),
        values["language"], values["rank"], values["topics"], LONG_AGO,
    )  # fmt: skip
    return made


async def proxy(owner: Any, world: World, zone: str | None = None, region: str | None = None) -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        "INSERT INTO proxy (id, organization_id, patient_id, name, relation, valid_from, zone, region)"
        " VALUES ($1, $2, $3, 'Ana', 'daughter', $4, $5, $6)",
        made, world.organization, world.patient, LONG_AGO, zone, region,
    )  # fmt: skip
    return made


async def agrees(owner: Any, world: World, channel: str, topic: str = "monitoring") -> None:
    await owner.execute(
        "INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)"
        " VALUES ($1, $2, $3, $4, $5, 'test', 'test', $6)",
        uuid7(), world.organization, world.patient, channel, topic, LONG_AGO,
    )  # fmt: skip


async def cannot_text(owner: Any, world: World, number: str, why: str = "30006") -> None:
    await owner.execute(
        "INSERT INTO telephone (organization_id, phone_hash, line_type, cannot_text, changed_at) VALUES ($1, $2, 'landline', $3, $4)",
        world.organization, hashed(number), why, NOON,
    )  # fmt: skip


async def opts_out(owner: Any, world: World, address: str, sender: str | None = None) -> None:
    await owner.execute(
        "INSERT INTO opt_out VALUES ($1, $2, $3, $4, 'keyword')",
        sender or world.sender, hashed(address), world.organization, NOON - timedelta(days=1),
    )  # fmt: skip
