"""Months of `reading`: made ahead of time, each in its own transaction, so no insert ever waits for one."""

from datetime import date

import asyncpg

MONTHS_BACK = 24
MONTHS_AHEAD = 3

EXISTING = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'reading'::regclass
"""


def month_after(month: date, count: int = 1) -> date:
    """The first day of the month `count` months later (or earlier, when negative)."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def months(today: date) -> list[date]:
    """The first days of the months that must exist on a given day, oldest first."""
    return [month_after(today, offset) for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1)]


async def make_ahead(owner: asyncpg.Connection, today: date) -> list[str]:
    """Make the months that are missing; returns their names. Needs the owner's connection."""
    existing = {row["relname"] for row in await owner.fetch(EXISTING)}
    wanted = months(today)
    made = []
    if "reading_older" not in existing:
        await _attach(owner, "reading_older", "MINVALUE", f"'{wanted[0]:%Y-%m-%d} 00:00:00+00'")
        made.append("reading_older")
    for month in wanted:
        name = f"reading_{month:%Y_%m}"
        if name not in existing:
            await _attach(
                owner, name, f"'{month:%Y-%m-%d} 00:00:00+00'", f"'{month_after(month):%Y-%m-%d} 00:00:00+00'"
            )
            made.append(name)
    return made


async def _attach(owner: asyncpg.Connection, name: str, start: str, end: str) -> None:
    # PARTITION OF would lock every month; a table made LIKE the parent and then attached does not.
    async with owner.transaction():
        await owner.execute(f"CREATE TABLE {name} (LIKE reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        await owner.execute(f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})")
