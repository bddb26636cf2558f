"""A draft is what somebody proposes a rule or programme to say next; nothing changes until another approves it."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from server.db.pool import Db
from server.monitoring import rule_content
from server.monitoring.rule_content import Content

State = Literal["draft", "approved", "rejected", "withdrawn", "superseded"]
FOLLOWED_AFTER = timedelta(minutes=2)  # a worker that has said nothing for so long is dead


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of one week, beginning on this Monday, by the rule as it is and as it is proposed."""

    monday: str
    before: int
    after: int


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """One patient's alerts that would not have been, would have been new, or less severe than they were."""

    patient: uuid.UUID
    alerts: int
    high: int
    last_at: datetime


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The rule as it is and as proposed, over stored readings. `since` is where they begin, `failed` that it broke."""

    since: datetime
    weeks: list[Week] = []
    before_per_week: float = 0.0
    after_per_week: float = 0.0
    missed: list[Touched] = []
    new: list[Touched] = []
    milder: list[Touched] = []
    patients: int = 0
    readings: int = 0
    failed: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """`of_rule` or else `of_programme`; `base` is the version it changes, None where there is none yet."""

    id: uuid.UUID
    of_rule: uuid.UUID | None
    of_programme: uuid.UUID | None
    name: str
    base: uuid.UUID | None
    content: Content
    reason: str
    author: str
    gives_up_high: bool
    drafted_by: uuid.UUID
    drafted_by_name: str
    drafted_at: datetime
    state: State
    decided_by_name: str | None
    decided_at: datetime | None
    decision: str | None
    version: uuid.UUID | None
    comparison: Comparison | None
    compared_at: datetime | None
    comparing_since: datetime | None
    compared_share: Decimal | None
    is_current_base: bool  # false: somebody changed the rule meanwhile


class NewDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote."""

    id: uuid.UUID
    organization: uuid.UUID
    rule: uuid.UUID | None
    programme: uuid.UUID | None
    base: uuid.UUID | None
    content: Content
    reason: str
    author: str
    gives_up_high: bool
    by: uuid.UUID


INSERT = """
    INSERT INTO rule_draft (id, organization_id, rule_id, programme_id, base_version_id, proposed, reason, author,
                            gives_up_high, drafted_by, drafted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def insert(db: Db, draft: NewDraft, now: datetime) -> None:
    await db.execute(INSERT, *(getattr(draft, field) for field in draft.__struct_fields__), now)


LIST = """
    SELECT d.id, d.rule_id AS of_rule, d.programme_id AS of_programme, coalesce(r.name, g.name) AS name,
           d.base_version_id AS base, d.proposed AS content, d.reason, d.author, d.gives_up_high, d.drafted_by,
           a.name AS drafted_by_name, d.drafted_at, d.state, b.name AS decided_by_name, d.decided_at, d.decision,
           d.version_id AS version, d.comparison, d.compared_at, d.comparing_since, d.compared_share,
           d.base_version_id IS NOT DISTINCT FROM coalesce(
               (SELECT v.id FROM rule_version v WHERE v.rule_id = d.rule_id AND v.valid_to IS NULL),
               (SELECT v.id FROM programme_version v WHERE v.programme_id = d.programme_id AND v.valid_to IS NULL)
           ) AS is_current_base
      FROM rule_draft d
      LEFT JOIN rule r ON r.id = d.rule_id
      LEFT JOIN programme g ON g.id = d.programme_id
      JOIN staff a ON a.id = d.drafted_by
      LEFT JOIN staff b ON b.id = d.decided_by
     WHERE ($1::uuid IS NULL OR d.id = $1) AND ($2::uuid IS NULL OR d.rule_id = $2)
       AND ($3::uuid IS NULL OR d.programme_id = $3) AND (NOT $4 OR d.state = 'draft')
     ORDER BY d.drafted_at DESC, d.id LIMIT 200
"""


async def get(db: Db, draft: uuid.UUID) -> Draft | None:
    found = await db.fetchrow(LIST, draft, None, None, False)
    return _draft(found) if found else None


async def waiting(db: Db) -> list[Draft]:
    """Those nobody has decided about, newest first."""
    return [_draft(row) for row in await db.fetch(LIST, None, None, None, True)]


async def of_rule(db: Db, rule: uuid.UUID) -> list[Draft]:
    """All there ever were, newest first."""
    return [_draft(row) for row in await db.fetch(LIST, None, rule, None, False)]


async def of_programme(db: Db, programme: uuid.UUID) -> list[Draft]:
    """The same of a programme."""
    return [_draft(row) for row in await db.fetch(LIST, None, None, programme, False)]


def _draft(row: Any) -> Draft:
    said = dict(row)
    content, compared = rule_content.decode(said.pop("content")), said.pop("comparison")
    comparison = msgspec.convert(compared, Comparison) if compared is not None else None
    return Draft(**said, content=content, comparison=comparison)


NAMES = "SELECT id, given_name || ' ' || family_name FROM patient WHERE id = ANY($1)"


async def names(db: Db, touched: Sequence[Touched]) -> dict[uuid.UUID, str]:
    """Of the patients a comparison tells of, as far as the asker may see them."""
    return dict(await db.fetch(NAMES, [one.patient for one in touched]))


SHIPPED = """
    SELECT rule_id, programme_id, proposed FROM rule_draft
     WHERE author = $1 AND state IN ('draft', 'rejected')
"""


async def shipped(db: Db, author: str) -> list[tuple[uuid.UUID, Content]]:
    """What of this author waits or was rejected: (rule or programme, content)."""
    rows = await db.fetch(SHIPPED, author)
    return [(row["rule_id"] or row["programme_id"], rule_content.decode(row["proposed"])) for row in rows]


BY_STAFF = "SELECT version_id FROM rule_draft WHERE state = 'approved' AND author <> $1"


async def written_by_staff(db: Db, but: str) -> set[uuid.UUID]:
    """Versions that somebody other than this author wrote."""
    return {row["version_id"] for row in await db.fetch(BY_STAFF, but)}


DECIDE = """
    UPDATE rule_draft SET state = $2, decided_by = $3, decided_at = $4, decision = $5, version_id = $6
     WHERE id = $1 AND state = 'draft' RETURNING true
"""


async def decide(
    db: Db, draft: uuid.UUID, state: State, by: uuid.UUID, now: datetime,
    *, decision: str | None = None, version: uuid.UUID | None = None,
) -> bool:  # fmt: skip
    """True for the one caller whose decision counted."""
    return await db.fetchval(DECIDE, draft, state, by, now, decision, version) is True


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of a rule that a worker compares."""

    id: uuid.UUID
    organization_id: uuid.UUID
    rule_id: uuid.UUID
    proposed: Any


CLAIM = """
    UPDATE rule_draft SET comparing_since = $1, compared_share = 0
     WHERE id = (SELECT id FROM rule_draft
                  WHERE state = 'draft' AND compared_at IS NULL AND rule_id IS NOT NULL
                    AND (comparing_since IS NULL OR comparing_since < $1::timestamptz - $2::interval)
                  ORDER BY drafted_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, organization_id, rule_id, proposed
"""


async def claim(db: Db, now: datetime) -> Claim | None:
    """The next draft to compare, for the one worker that got it."""
    row = await db.fetchrow(CLAIM, now, FOLLOWED_AFTER)
    return Claim(**dict(row)) if row else None


TO_COMPARE = """
    SELECT EXISTS (SELECT FROM rule_draft
                    WHERE state = 'draft' AND compared_at IS NULL AND rule_id IS NOT NULL
                      AND (comparing_since IS NULL OR comparing_since < $1::timestamptz - $2::interval))
"""


async def any_to_compare(db: Db, now: datetime) -> bool:
    """Is there one that a claim would get?"""
    return bool(await db.fetchval(TO_COMPARE, now, FOLLOWED_AFTER))


PROGRESS = "UPDATE rule_draft SET comparing_since = $2, compared_share = $3 WHERE id = $1 AND compared_at IS NULL"


async def progress(db: Db, draft: uuid.UUID, share: float, now: datetime) -> None:
    """How far the comparison is, 0 to 1; says too that the worker lives."""
    await db.execute(PROGRESS, draft, now, Decimal(str(round(share, 3))))


COMPARED = "UPDATE rule_draft SET comparison = $2, compared_at = $3 WHERE id = $1 AND compared_at IS NULL"


async def compared(db: Db, draft: uuid.UUID, comparison: Comparison, now: datetime) -> None:
    await db.execute(COMPARED, draft, comparison, now)
