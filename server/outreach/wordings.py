"""A clinic's own words for our texts: drafted by one person, approved by another, in use until a newer or withdrawn."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db

Language = Literal["en", "es"]
Status = Literal["draft", "approved", "rejected", "withdrawn"]


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent instead of ours."""

    version: int
    text: str


Owns = Mapping[tuple[str, str], Own]  # (name, language) -> the words in use

IN_USE = """
    SELECT DISTINCT ON (organization_id, name, language) organization_id, name, language, version, body
      FROM wording_version
     WHERE organization_id = ANY($1::uuid[]) AND status = 'approved'
     ORDER BY organization_id, name, language, version DESC
"""


async def of_each(db: Db, organizations: Collection[uuid.UUID]) -> dict[uuid.UUID, Owns]:
    """For each of these organizations what it says in words of its own; asked once per batch of texts."""
    found: dict[uuid.UUID, dict[tuple[str, str], Own]] = {one: {} for one in organizations}
    if found:
        for row in await db.fetch(IN_USE, list(found)):
            own = Own(version=row["version"], text=row["body"])
            found[row["organization_id"]][row["name"], row["language"]] = own
    return dict(found)


async def of(db: Db, organization: uuid.UUID) -> Owns:
    return (await of_each(db, [organization]))[organization]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a clinic's own words; `number` counts the clinic's from 1, `version` is what messages carry."""

    id: uuid.UUID
    name: str
    language: Language
    version: int
    body: str
    shipped_version: int
    reason: str
    status: Status
    drafted_by: uuid.UUID
    author: str
    drafted_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    withdrawn_by: str | None
    withdrawn_at: datetime | None

    @property
    def number(self) -> int:
        return self.version - FIRST + 1


FIRST = 1001  # own numbers begin here: `message.wording_version` says by itself whose words they were

ALL = """
    SELECT id, name, language, version, body, shipped_version, reason, status, drafted_by, author, drafted_at,
           decided_by, decided_at, withdrawn_by, withdrawn_at
      FROM wording_version
     WHERE $1::text IS NULL OR name = $1
     ORDER BY name, language, version DESC
"""


async def every(db: Db, name: str | None = None) -> list[Version]:
    """The newest first within a text and language; of all texts, or of one."""
    return [Version(**dict(row)) for row in await db.fetch(ALL, name)]


GET = """
    SELECT id, name, language, version, body, shipped_version, reason, status, drafted_by, author, drafted_at,
           decided_by, decided_at, withdrawn_by, withdrawn_at
      FROM wording_version WHERE id = $1
"""


async def get(db: Db, version: uuid.UUID) -> Version | None:
    """None also when it is another organization's."""
    row = await db.fetchrow(GET, version)
    return Version(**dict(row)) if row else None


def in_use(versions: Collection[Version], language: str) -> Version | None:
    """Of one text's versions the one that is sent in that language; None when ours is."""
    approved = [one for one in versions if one.language == language and one.status == "approved"]
    return max(approved, key=lambda one: one.version, default=None)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to say instead, and why."""

    organization: uuid.UUID
    name: str
    language: Language
    body: str
    shipped_version: int
    reason: str
    drafted_by: uuid.UUID
    author: str


WRITE = """
    INSERT INTO wording_version (id, organization_id, name, language, version, body, shipped_version, reason,
                                 drafted_by, author, drafted_at)
    SELECT $1, $2, $3, $4, greatest(max(version), 1000) + 1, $5, $6, $7, $8, $9, $10
      FROM wording_version WHERE organization_id = $2 AND name = $3 AND language = $4
    ON CONFLICT DO NOTHING
    RETURNING id
"""


async def write(db: Db, draft: Draft, now: datetime) -> uuid.UUID | None:
    """The draft's id; None when one waits already (or was written in this very moment)."""
    made: uuid.UUID | None = await db.fetchval(
        WRITE, uuid7(), draft.organization, draft.name, draft.language, draft.body, draft.shipped_version, draft.reason,
        draft.drafted_by, draft.author, now,
    )  # fmt: skip
    return made


DECIDE = """
    UPDATE wording_version SET status = $2, decided_by = $3, decided_at = $4
     WHERE id = $1 AND status = 'draft'
    RETURNING id
"""


async def decide(
    db: Db, version: uuid.UUID, status: Literal["approved", "rejected", "withdrawn"], by: str, now: datetime
) -> bool:
    """A draft's end: approved or rejected by another, or withdrawn by its author. False when it was decided before."""
    return await db.fetchval(DECIDE, version, status, by, now) is not None


WITHDRAW = """
    UPDATE wording_version SET status = 'withdrawn', withdrawn_by = $2, withdrawn_at = $3
     WHERE id = $1 AND status = 'approved'
    RETURNING id
"""


async def withdraw(db: Db, version: uuid.UUID, by: str, now: datetime) -> bool:
    """Out of use: the version before it, else ours, is sent again. False when it is not in use."""
    return await db.fetchval(WITHDRAW, version, by, now) is not None


BRING_BACK = """
    UPDATE wording_version SET status = 'approved', withdrawn_by = NULL, withdrawn_at = NULL
     WHERE id = $1 AND status = 'withdrawn' AND decided_at < withdrawn_at
    RETURNING id
"""


async def bring_back(db: Db, version: uuid.UUID) -> bool:
    """The undo of a withdrawal: it was approved once. False for what never was."""
    return await db.fetchval(BRING_BACK, version) is not None
