"""By which ways a patient wants to hear from us, in which order, and whether their telephone opens links."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from server.db.pool import Db

Channel = Literal["sms", "voice", "email", "portal"]
USUAL: tuple[Channel, ...] = ("sms", "voice", "email", "portal")


class ChannelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Ways that are left out are not used."""

    channels: Sequence[Channel] = USUAL
    with_links: bool = True


OF = "SELECT channels, with_links FROM contact_preference WHERE patient_id = $1"


async def of(db: Db, patient: uuid.UUID) -> ChannelOrder:
    row: Any = await db.fetchrow(OF, patient)
    return ChannelOrder(**dict(row)) if row else ChannelOrder()


CHOOSE = """
    INSERT INTO contact_preference AS f (patient_id, organization_id, channels, with_links, author, changed_at)
    SELECT p.id, p.organization_id, $2, $3, $4, $5 FROM patient p WHERE p.id = $1
    ON CONFLICT (patient_id) DO UPDATE SET channels = $2, with_links = $3, author = $4, changed_at = $5
     WHERE (f.channels, f.with_links) IS DISTINCT FROM ($2, $3)
    RETURNING true
"""


async def choose(db: Db, patient: uuid.UUID, order: ChannelOrder, author: str, now: datetime) -> bool:
    """False when it was so."""
    return await db.fetchval(CHOOSE, patient, list(order.channels), order.with_links, author, now) is True
