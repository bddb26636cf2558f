"""A series of short parts that a programme's patients read one after the other, and which of them they have read."""

import uuid
from datetime import date, datetime

import msgspec

from server.db.pool import Db
from server.outreach import content
from server.outreach.content import Texts


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """As an organization has it; whoever signed it off is named."""

    code: str
    title: Texts
    programme: str
    source: str
    author: str
    recorded_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    parts: list["Text"]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """One part: `day` counts from the day of enrolment, on the patient's calendar."""

    id: uuid.UUID
    position: int
    day: int
    title: Texts
    body: Texts


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part that has come for one patient; `came_on` is a day of their own calendar."""

    id: uuid.UUID
    series: str
    series_title: Texts
    position: int
    of: int
    title: Texts
    body: Texts
    came_on: date
    read_at: datetime | None


PUT_SERIES = """
    INSERT INTO education_series (organization_id, code, programme_id, title, source, author, recorded_at)
    SELECT p.organization_id, n.code, p.id, n.title::jsonb, n.source, $5, $6
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS n (code, programme, title, source)
      JOIN programme p ON p.code = n.programme
     WHERE NOT EXISTS (SELECT FROM education_series s WHERE s.organization_id = p.organization_id AND s.code = n.code)
     ORDER BY p.organization_id, n.code
    ON CONFLICT (organization_id, code) DO NOTHING
"""
PUT_PARTS = """
    INSERT INTO education_part (id, organization_id, series, position, day, title, body)
    SELECT uuid7_at($6), s.organization_id, n.series, n.position, n.day, n.title::jsonb, n.body::jsonb
      FROM unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[])
        AS n (series, position, day, title, body)
      JOIN education_series s ON s.code = n.series
     WHERE NOT EXISTS (SELECT FROM education_part t
                        WHERE t.organization_id = s.organization_id AND t.series = n.series
                          AND (t.position = n.position OR t.day = n.day))
     ORDER BY s.organization_id, n.series, n.position
    ON CONFLICT DO NOTHING
"""


async def seed(db: Db, author: str, now: datetime) -> None:
    """Give every organization the shipped series it does not have; nobody has approved them. What it has stays."""
    shipped = content.series()
    rows = [(one.code, one.programme, _json(one.title), one.source) for one in shipped]
    await db.execute(PUT_SERIES, *map(list, zip(*rows, strict=True)), author, now)
    parts = [
        (one.code, part.position, part.day, _json(part.title), _json(part.body))
        for one in shipped
        for part in one.parts
    ]
    await db.execute(PUT_PARTS, *map(list, zip(*parts, strict=True)), now)


LIST = """
    SELECT s.code, s.title, p.name AS programme, s.source, s.author, s.recorded_at, f.name AS approved_by, s.approved_at
      FROM education_series s
      JOIN programme p ON p.id = s.programme_id
      LEFT JOIN staff f ON s.approved_by = 'staff:' || f.id
     ORDER BY s.code
"""
TEXTS = "SELECT series, id, position, day, title, body FROM education_part ORDER BY series, position"


async def list_all(db: Db) -> list[Series]:
    """What the asker's organization has, for sign-off."""
    parts: dict[str, list[Text]] = {}
    for row in await db.fetch(TEXTS):
        rest = {key: value for key, value in row.items() if key != "series"}
        parts.setdefault(row["series"], []).append(Text(**rest))
    return [Series(**dict(row), parts=parts.get(row["code"], [])) for row in await db.fetch(LIST)]


APPROVE = """
    UPDATE education_series SET approved_by = $2, approved_at = $3 WHERE code = $1 AND approved_at IS NULL
    RETURNING code
"""


async def approve(db: Db, code: str, by: str, now: datetime) -> bool:
    """True for the one who signed it off."""
    return await db.fetchval(APPROVE, code, by, now) is not None


OF_PATIENT = """
    SELECT t.id, t.series, s.title AS series_title, t.position, n.of, t.title, t.body, e.began_on + t.day AS came_on,
           d.read_at
      FROM patient p
      CROSS JOIN LATERAL (
           SELECT programme_id, (min(valid_from) AT TIME ZONE p.zone)::date AS began_on FROM enrolment
            WHERE patient_id = p.id AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)
            GROUP BY programme_id) AS e
      JOIN education_series s ON s.organization_id = p.organization_id AND s.programme_id = e.programme_id
      JOIN education_part t ON t.organization_id = s.organization_id AND t.series = s.code
      CROSS JOIN LATERAL (
           SELECT count(*)::int AS of FROM education_part a
            WHERE a.organization_id = t.organization_id AND a.series = t.series) AS n
      LEFT JOIN education_read d ON d.patient_id = p.id AND d.part_id = t.id
     WHERE p.id = $1 AND e.began_on + t.day <= ($2 AT TIME ZONE p.zone)::date
     ORDER BY t.series, t.position
"""


async def of_patient(db: Db, patient: uuid.UUID, now: datetime) -> list[Part]:
    """The parts that have come for them, of the programmes they are in now."""
    return [Part(**dict(row)) for row in await db.fetch(OF_PATIENT, patient, now)]


READ = """
    INSERT INTO education_read AS d (patient_id, organization_id, part_id, read_at, changed_at)
    SELECT p.id, p.organization_id, t.id, $3, $3
      FROM patient p JOIN education_part t ON t.organization_id = p.organization_id
     WHERE p.id = $1 AND t.id = $2
    ON CONFLICT (patient_id, part_id) DO UPDATE SET read_at = excluded.read_at, changed_at = excluded.changed_at
     WHERE d.read_at IS NULL
    RETURNING part_id
"""


async def read(db: Db, patient: uuid.UUID, part: uuid.UUID, now: datetime) -> bool:
    """The patient says they have read it. False when they had, or there is no such part."""
    return await db.fetchval(READ, patient, part, now) is not None


UNREAD = """
    UPDATE education_read SET read_at = NULL, changed_at = $3
     WHERE patient_id = $1 AND part_id = $2 AND read_at IS NOT NULL
    RETURNING part_id
"""


async def unread(db: Db, patient: uuid.UUID, part: uuid.UUID, now: datetime) -> bool:
    """The undo of it."""
    return await db.fetchval(UNREAD, patient, part, now) is not None


def _json(texts: Texts) -> str:
    return msgspec.json.encode(texts).decode()
