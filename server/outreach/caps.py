"""How many reminders one patient gets at most, on a day and in seven, whatever asks for them."""

import uuid

import msgspec

from server.db.pool import Db

A_DAY = range(1, 21)
A_WEEK = range(1, 101)


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Counted in messages, on the patient's own calendar: several reminders in one message are one."""

    a_day: int
    a_week: int


OF = "SELECT reminders_a_day AS a_day, reminders_a_week AS a_week FROM organization WHERE id = $1"


async def of(db: Db, organization: uuid.UUID) -> Caps:
    return Caps(**dict(await db.fetchrow(OF, organization)))


SET = """
    UPDATE organization SET reminders_a_day = $2, reminders_a_week = $3
     WHERE id = $1 AND (reminders_a_day, reminders_a_week) <> ($2, $3)
    RETURNING id
"""


async def put(db: Db, organization: uuid.UUID, caps: Caps) -> bool:
    """False when it was so already."""
    return await db.fetchval(SET, organization, caps.a_day, caps.a_week) is not None
