"""Who has to be looked at for rules over a series: whoever something arrived of, and everybody each morning.

An arrival may commit after one that is newer. So the last seconds are looked at twice, the last minutes once a minute,
and the morning's look misses nothing. A mark says "due", and only the look itself takes that away: killed anywhere, the
next round goes on.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.pool import Db

CLOSE = timedelta(seconds=15)  # nearly every transaction has committed by then
OVERLAP = timedelta(minutes=2)  # and none takes longer: no statement may
SWEEP_EVERY = timedelta(minutes=1)
AWAY = timedelta(hours=1)  # whoever was away for longer looks at everybody instead of at all that came meanwhile
CHUNK = 50  # patients a transaction looks at

# Plans for all times would take the tables to be small: they are asked for seconds out of years.
CAREFULLY = "SET LOCAL plan_cache_mode = force_custom_plan"
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('careloop series'))"


async def alone(db: Db) -> bool:
    """False while another worker looks: one at a time is enough, and none writes against another."""
    await db.execute(CAREFULLY)
    return bool(await db.fetchval(ONE_AT_A_TIME))


BEGIN = """
    INSERT INTO series_mark (organization_id, looked_to, swept_to)
    SELECT id, $1, $1::timestamptz - interval '1 hour' FROM organization ON CONFLICT DO NOTHING
"""
MARKS = "SELECT min(looked_to) AS looked_to, min(swept_to) AS swept_to FROM series_mark"
ADVANCE = """
    UPDATE series_mark SET looked_to = greatest(looked_to, $1), swept_to = greatest(swept_to, $2::timestamptz)
"""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """How far arrivals were looked at, and how far a second time; None without an organization."""

    looked_to: datetime | None
    swept_to: datetime | None


# What arrived of somebody at once makes them due, whether they were seen before or not.
ARRIVED = """
    INSERT INTO series_look AS k (patient_id, organization_id, newest_at, due_at)
    SELECT r.patient_id, r.organization_id, max(r.received_at), $3
      FROM reading r
      JOIN patient p ON p.id = r.patient_id AND NOT p.synthetic
      LEFT JOIN series_look seen ON seen.patient_id = r.patient_id
     WHERE r.received_at > $1 AND r.received_at <= $2
       AND ($4 OR r.received_at > coalesce(seen.newest_at, '-infinity'))
     GROUP BY r.patient_id, r.organization_id
     ORDER BY r.patient_id
    ON CONFLICT (patient_id) DO UPDATE
       SET newest_at = greatest(k.newest_at, excluded.newest_at), due_at = least(k.due_at, excluded.due_at)
"""
# Whoever is in a programme is watched from then on.
ENROLLED = """
    INSERT INTO series_look (patient_id, organization_id, due_at)
    SELECT DISTINCT e.patient_id, e.organization_id, $1::timestamptz
      FROM enrolment e
      JOIN patient p ON p.id = e.patient_id AND NOT p.synthetic
     WHERE e.valid_to IS NULL AND NOT EXISTS (SELECT FROM series_look k WHERE k.patient_id = e.patient_id)
     ORDER BY e.patient_id
    ON CONFLICT DO NOTHING
"""


EVERYBODY = "UPDATE series_look SET due_at = $1 WHERE due_at > $1"


async def notice(db: Db, now: datetime) -> None:
    """Mark everybody who is due because of what arrived, or who is new."""
    await db.execute(BEGIN, now)
    marks = Marks(**await db.fetchrow(MARKS))
    if marks.looked_to is None or marks.swept_to is None:
        return
    sweep = marks.swept_to <= now - SWEEP_EVERY
    if now - marks.looked_to > AWAY:
        await db.execute(EVERYBODY, now)
    else:
        since = marks.looked_to - (SWEEP_EVERY + OVERLAP if sweep else CLOSE)
        await db.execute(ARRIVED, since, now, now, sweep)
    if sweep:
        await db.execute(ENROLLED, now)
    await db.execute(ADVANCE, now, now if sweep else None)


DUE = "SELECT patient_id FROM series_look WHERE due_at <= $1 ORDER BY due_at, patient_id LIMIT $2"


async def due(db: Db, now: datetime) -> list[uuid.UUID]:
    return [row["patient_id"] for row in await db.fetch(DUE, now, CHUNK)]


LOOKED = """
    UPDATE series_look k SET due_at = n.due_at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS n (patient_id, due_at) WHERE k.patient_id = n.patient_id
"""


async def looked(db: Db, due_again: Sequence[tuple[uuid.UUID, datetime]]) -> None:
    """They were looked at; when they are due again if nothing arrives."""
    rows = sorted(due_again)
    await db.execute(LOOKED, [patient for patient, _ in rows], [at for _, at in rows])
