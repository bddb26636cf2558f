"""What the tests of planning share: a rule of each kind, a round of planning, and what stands in the ledger after it."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.db.ids import uuid7
from server.db.pool import Database
from server.outreach import planning
from tests.texting import WORKER
from tests.world import World

NEW_YORK = ZoneInfo("America/New_York")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


async def plan(database: Database, now: datetime) -> int:
    """One round of a worker."""
    async with database.transaction(WORKER) as db:
        return await planning.plan(db, now)


async def rule(owner: Any, world: World, kind: str, **columns: Any) -> uuid.UUID:
    """At ten o'clock, lasting a day, every three days, unless said otherwise; of the world's programme when it needs one."""
    of_programme = kind in {"measurement", "questionnaire", "education"}
    made = uuid7()
    await owner.execute(
        "INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, measure, after_days, local_hour,"
        " lasts_hours, hours_before, subject) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        made, world.organization, made.hex, kind, columns.get("programme", world.programme if of_programme else None),
        columns.get("measure"), columns.get("after", 3), columns.get("hour", 10), columns.get("lasts", 24),
        columns.get("before"), columns.get("subject"),
    )  # fmt: skip
    return made


async def enrolled_since(owner: Any, at: datetime) -> None:
    await owner.execute("UPDATE enrolment SET valid_from = $1", at)


async def ledger(owner: Any) -> list[tuple[datetime, datetime]]:
    """(slot on the patient's clock, moment) of every reminder."""
    rows = await owner.fetch("SELECT slot, due_at FROM reminder ORDER BY slot, id")
    return [(row["slot"], row["due_at"]) for row in rows]


async def slots(owner: Any) -> list[datetime]:
    return [slot for slot, _ in await ledger(owner)]


def local(day: date, hour: int, minute: int = 0, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


async def gap(owner: Any, world: World, opened: datetime, measure: str = "CMS125") -> uuid.UUID:
    """Open since then, of the calendar year and the one before."""
    made = uuid7()
    await owner.execute(
        "INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        made, world.organization, world.patient, measure, date(opened.year - 1, 1, 1), date(opened.year, 12, 31), opened,
    )  # fmt: skip
    return made


async def touched(owner: Any, world: World, of: uuid.UUID, *at: datetime) -> None:
    for moment in at:
        await owner.execute(
            "INSERT INTO touch (id, organization_id, patient_id, gap_id, touched_at) VALUES ($1, $2, $3, $4, $5)",
            uuid7(), world.organization, world.patient, of, moment,
        )  # fmt: skip


async def takes(owner: Any, world: World, **columns: Any) -> uuid.UUID:
    """A medicine of the patient, written down long ago."""
    made = uuid7()
    await owner.execute(
        "INSERT INTO medicine (id, organization_id, patient_id, name, at_times, every_hours, first_dose_at, starts_on,"
        " ends_on, source, author, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'staff', 'test', $10)",
        made, world.organization, world.patient, columns.get("name", made.hex), columns.get("at", []),
        columns.get("every"), columns.get("first"), columns.get("starts", LONG_AGO.date()), columns.get("ends"),
        columns.get("recorded", LONG_AGO),
    )  # fmt: skip
    return made


async def filled(owner: Any, world: World, medicine: uuid.UUID, on: date, days: int) -> None:
    await owner.execute(
        "INSERT INTO dispensing (id, organization_id, patient_id, medicine_id, filled_on, days_supply, source, author,"
        " recorded_at) VALUES ($1, $2, $3, $4, $5, $6, 'staff', 'test', $7)",
        uuid7(), world.organization, world.patient, medicine, on, days, LONG_AGO,
    )  # fmt: skip


async def books(owner: Any, world: World, starts: datetime, measure: str | None = None) -> uuid.UUID:
    made = uuid7()
    await owner.execute(
        "INSERT INTO appointment (id, organization_id, patient_id, starts_at, measure, author, source, recorded_at,"
        " changed_at) VALUES ($1, $2, $3, $4, $5, 'test', 'staff', $6, $6)",
        made, world.organization, world.patient, starts, measure, LONG_AGO,
    )  # fmt: skip
    return made
