"""The steps of telling change by versions: one person drafts, another approves, and what was before is kept."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Severity
from server.monitoring.steps import StepRow

State = Literal["draft", "in_effect", "past", "dropped"]


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Whose steps, and for which severity; without a team they are every team's that has none of its own."""

    organization_id: uuid.UUID
    team_id: uuid.UUID | None
    severity: Severity


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a chain. Shipped steps have no `drafted_by`."""

    version: int
    state: State
    author: str
    source: str
    drafted_by: uuid.UUID | None
    drafted_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None
    ended_by: str | None
    steps: list[StepRow]


VERSIONS = """
    SELECT organization_id, team_id, severity, position, after, business_day, who, again, channel, source, approved_at,
           version, author, drafted_by, drafted_at, approved_by, valid_from, valid_to, ended_by,
           CASE WHEN valid_to IS NOT NULL THEN CASE WHEN valid_from IS NULL THEN 'dropped' ELSE 'past' END
                WHEN valid_from IS NULL THEN 'draft' ELSE 'in_effect' END AS state
      FROM escalation_step
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3
     ORDER BY version DESC, position
"""


async def all_of(db: Db, chain: Chain) -> list[Version]:
    """Every version, the newest first."""
    found: dict[int, Version] = {}
    for row in await db.fetch(VERSIONS, chain.organization_id, chain.team_id, chain.severity):
        fields = dict(row)
        step = StepRow(**{name: fields[name] for name in StepRow.__struct_fields__})
        known = {name: fields[name] for name in Version.__struct_fields__ if name != "steps"}
        found.setdefault(fields["version"], Version(**known, steps=[])).steps.append(step)
    return list(found.values())


# Two who save at once would get the same number: the unique index lets one of them in.
DRAFT = """
    INSERT INTO escalation_step (id, organization_id, team_id, severity, position, after, business_day, channel, who,
                                 again, source, author, version, drafted_by, drafted_at, valid_from)
    SELECT n.id, $1, $2, $3, n.position, n.after, n.business_day, n.channel, string_to_array(n.who, ' '), n.again,
           $11, $12, v.next, $13, $14, NULL
      FROM unnest($4::uuid[], $5::int[], $6::interval[], $7::bool[], $8::text[], $9::text[], $10::interval[])
           AS n (id, position, after, business_day, channel, who, again),
           (SELECT coalesce(max(version), 0) + 1 AS next FROM escalation_step
             WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3) v
    ON CONFLICT DO NOTHING
    RETURNING version
"""


async def draft(
    db: Db, chain: Chain, steps: Sequence[StepRow], source: str, author: str, by: uuid.UUID, now: datetime
) -> int | None:
    """The number of the new draft. `None`: there is a draft, or somebody saved at the same moment."""
    rows = [(one.position, one.after, one.business_day, one.channel, " ".join(one.who), one.again) for one in steps]
    columns = [list(column) for column in zip(*rows, strict=True)]
    made = await db.fetch(
        DRAFT, chain.organization_id, chain.team_id, chain.severity, [uuid7() for _ in rows], *columns, source, author,
        by, now,
    )  # fmt: skip
    return made[0]["version"] if len(made) == len(rows) else None


DROP = """
    UPDATE escalation_step SET valid_to = $4, ended_by = $5
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3
       AND valid_from IS NULL AND valid_to IS NULL
    RETURNING version
"""


async def drop(db: Db, chain: Chain, by: str, now: datetime) -> int | None:
    """The draft that is a draft no more; `None` when there is none."""
    row = await db.fetchrow(DROP, chain.organization_id, chain.team_id, chain.severity, now, by)
    return row["version"] if row else None


# The lock makes a second one who approves wait, and then find no draft.
WAITING = """
    SELECT drafted_by FROM escalation_step
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3 AND version = $4
       AND valid_from IS NULL AND valid_to IS NULL
     ORDER BY position FOR UPDATE
"""
END = """
    UPDATE escalation_step SET valid_to = $4
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3
       AND valid_from IS NOT NULL AND valid_to IS NULL
"""
BEGIN = """
    UPDATE escalation_step SET valid_from = $5, approved_by = $6, approved_at = $5
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3 AND version = $4
       AND valid_from IS NULL AND valid_to IS NULL AND drafted_by <> $7
    RETURNING true
"""


async def drafter(db: Db, chain: Chain, version: int) -> uuid.UUID | None:
    """Who drafted it, held until the transaction ends; `None` when it is no draft any more."""
    row = await db.fetchrow(WAITING, chain.organization_id, chain.team_id, chain.severity, version)
    return row["drafted_by"] if row else None


async def approve(db: Db, chain: Chain, version: int, by: uuid.UUID, name: str, now: datetime) -> bool:
    """The draft comes into effect instead of what stood, after `drafter` was asked. False: never one's own."""
    key = (chain.organization_id, chain.team_id, chain.severity)
    await db.execute(END, *key, now)
    return await db.fetchval(BEGIN, *key, version, now, name, by) is True


SIGN = """
    UPDATE escalation_step SET approved_by = $4, approved_at = $5
     WHERE organization_id = $1 AND team_id IS NOT DISTINCT FROM $2 AND severity = $3
       AND valid_from IS NOT NULL AND valid_to IS NULL AND approved_at IS NULL AND drafted_by IS NULL
    RETURNING true
"""


async def sign(db: Db, chain: Chain, name: str, now: datetime) -> bool:
    """The shipped steps, signed off as they are; False when somebody did, or they are not in effect any more."""
    key = (chain.organization_id, chain.team_id, chain.severity)
    return await db.fetchval(SIGN, *key, name, now) is True
