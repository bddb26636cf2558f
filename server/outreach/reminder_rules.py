"""The rules that plan reminders, as staff may change them: their hour, how long they make sense, on or off."""

import uuid

import msgspec

from server.db.pool import Db

BY_HOUR = frozenset({"measurement", "screening", "vaccination", "refill", "questionnaire", "education"})


class ReminderRule(msgspec.Struct, frozen=True, kw_only=True):
    """`local_hour` is on the patient's clock; medicines have hours of their own, appointments `hours_before`."""

    id: uuid.UUID
    code: str
    kind: str
    programme: str | None
    measure: str | None
    subject: str | None
    after_days: int
    local_hour: int
    hours_before: int | None
    lasts_hours: int
    priority: int
    enabled: bool

    @property
    def by_hour(self) -> bool:
        return self.kind in BY_HOUR


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed."""

    local_hour: int
    lasts_hours: int
    priority: int
    enabled: bool


EVERY = """
    SELECT u.id, u.code, u.kind, p.name AS programme, u.measure, u.subject, u.after_days, u.local_hour, u.hours_before,
           u.lasts_hours, u.priority, u.enabled
      FROM reminder_rule u LEFT JOIN programme p ON p.id = u.programme_id
     ORDER BY u.priority, u.kind, u.code
"""


async def every(db: Db) -> list[ReminderRule]:
    """The most important first."""
    return [ReminderRule(**dict(row)) for row in await db.fetch(EVERY)]


LOCK = """
    SELECT local_hour, lasts_hours, priority, enabled FROM reminder_rule WHERE id = $1 FOR UPDATE
"""


async def lock(db: Db, rule: uuid.UUID) -> Wanted | None:
    """As it is; nobody else changes it before this transaction ends. None: no such rule here."""
    row = await db.fetchrow(LOCK, rule)
    return Wanted(**dict(row)) if row else None


CHANGE = """
    UPDATE reminder_rule SET local_hour = $2, lasts_hours = $3, priority = $4, enabled = $5 WHERE id = $1
"""


async def change(db: Db, rule: uuid.UUID, wanted: Wanted) -> None:
    await db.execute(CHANGE, rule, wanted.local_hour, wanted.lasts_hours, wanted.priority, wanted.enabled)
