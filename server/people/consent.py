"""Consent: what a patient agreed to hear about, on which channel, since when and who wrote it down."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

Channel = Literal["sms", "voice", "email"]
Topic = Literal["monitoring", "outreach"]


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """*monitoring*: about their readings; *outreach*: about screenings that are due."""

    channel: Channel
    topic: Topic
    author: str
    source: str
    valid_from: datetime


GIVE = """
    INSERT INTO consent (id, organization_id, patient_id, channel, topic, author, source, valid_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (patient_id, channel, topic) WHERE valid_to IS NULL DO NOTHING
    RETURNING id
"""


async def give(db: Db, organization_id: uuid.UUID, patient_id: uuid.UUID, consent: Consent) -> bool:
    """False when it stood already."""
    values = (consent.channel, consent.topic, consent.author, consent.source, consent.valid_from)
    return await db.fetchval(GIVE, uuid7(), organization_id, patient_id, *values) is not None


WITHDRAW = """
    UPDATE consent SET valid_to = $4
     WHERE patient_id = $1 AND channel = $2 AND topic = $3 AND valid_to IS NULL
    RETURNING id
"""


async def withdraw(db: Db, patient_id: uuid.UUID, channel: Channel, topic: Topic, now: datetime) -> bool:
    """False when there was none to withdraw."""
    return await db.fetchval(WITHDRAW, patient_id, channel, topic, now) is not None


CURRENT = """
    SELECT channel, topic, author, source, valid_from FROM consent
     WHERE patient_id = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)
     ORDER BY channel, topic
"""


async def current(db: Db, patient_id: uuid.UUID, now: datetime) -> list[Consent]:
    """What stands at this moment."""
    return [Consent(**dict(row)) for row in await db.fetch(CURRENT, patient_id, now)]
