"""The programmes of an organization with their versions: protocol, what is expected when, who approved it."""

import uuid
from collections import defaultdict
from typing import Any

import msgspec

from server.db.pool import Db
from server.monitoring import rule_content
from server.monitoring.rule_book import Version
from server.monitoring.rule_content import Expected, ProgrammeContent


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """`patients` are enrolled now; `versions` newest first, and without one nothing is said of it yet."""

    id: uuid.UUID
    code: str
    name: str
    patients: int
    versions: list[Version]

    @property
    def current(self) -> Version | None:
        return self.versions[0] if self.versions and self.versions[0].valid_to is None else None

    @property
    def content(self) -> ProgrammeContent | None:
        """What is in force."""
        found = self.current.content if self.current else None
        return found if isinstance(found, ProgrammeContent) else None


# The synthetic patient is enrolled too, and nobody's: the web does not see it among the patients.
PROGRAMMES = """
    SELECT g.id, g.code, g.name,
           (SELECT count(*) FROM enrolment e JOIN patient p ON p.id = e.patient_id
             WHERE e.programme_id = g.id AND e.valid_to IS NULL AND NOT p.synthetic) AS patients
      FROM programme g WHERE $1::uuid IS NULL OR g.id = $1 ORDER BY g.name
"""
VERSIONS = """
    SELECT id, programme_id AS of, version, author, approved_by, approved_at, valid_from, valid_to, explains, source,
           around_the_clock, page_waits_minutes
      FROM programme_version WHERE programme_id = ANY($1) ORDER BY version DESC
"""
EXPECTED = """
    SELECT programme_version_id, vital, left(opens::text, 5), left(closes::text, 5), weekdays
      FROM expected_measurement WHERE programme_version_id = ANY($1)
"""


async def programmes(db: Db, programme: uuid.UUID | None = None) -> list[Programme]:
    """The asker's organization's by name, or the one asked for; each with every version."""
    rows = await db.fetch(PROGRAMMES, programme)
    versions = await _versions(db, [row["id"] for row in rows])
    return [Programme(**dict(row), versions=versions[row["id"]]) for row in rows]


async def get(db: Db, programme: uuid.UUID) -> Programme | None:
    found = await programmes(db, programme)
    return found[0] if found else None


ADD = "INSERT INTO programme (id, organization_id, code, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


async def add(db: Db, organization: uuid.UUID, programme: uuid.UUID, code: str, name: str) -> None:
    """A programme that says nothing until its first draft is approved."""
    await db.execute(ADD, programme, organization, code, name)


async def _versions(db: Db, programmes: list[uuid.UUID]) -> dict[uuid.UUID, list[Version]]:
    rows = await db.fetch(VERSIONS, programmes)
    expected: dict[uuid.UUID, list[Expected]] = defaultdict(list)
    for version, vital, opens, closes, weekdays in await db.fetch(EXPECTED, [row["id"] for row in rows]):
        expected[version].append(Expected(vital=vital, opens=opens, closes=closes, weekdays=tuple(sorted(weekdays))))
    found: dict[uuid.UUID, list[Version]] = defaultdict(list)
    for row in rows:
        said = dict(row)
        content = _content(said, expected[row["id"]])
        found[row["of"]].append(Version(**said, proved_at=None, content=content))
    return found


def _content(said: dict[str, Any], expected: list[Expected]) -> ProgrammeContent:
    explains, source = said.pop("explains"), said.pop("source")
    around_the_clock, waits = said.pop("around_the_clock"), said.pop("page_waits_minutes")
    return rule_content.programme(
        explains, source, around_the_clock=around_the_clock, page_waits_minutes=waits, expected=expected
    )
