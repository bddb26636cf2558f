"""The steps of telling people as an organization set them; made from the shipped ones, for clinical sign-off."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Severity


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step; of those with `team_id` only that team's alerts make use."""

    organization_id: uuid.UUID
    team_id: uuid.UUID | None
    severity: Severity
    position: int
    after: timedelta
    business_day: bool
    who: list[str]
    again: timedelta | None
    channel: str = "sms"
    source: str = ""
    approved_at: datetime | None = None


WITHOUT = """
    SELECT o.id FROM organization o
     WHERE NOT EXISTS (SELECT FROM escalation_step s WHERE s.organization_id = o.id AND s.drafted_by IS NULL)
"""


async def without(db: Db) -> list[uuid.UUID]:
    """Organizations that have no steps yet."""
    return [row["id"] for row in await db.fetch(WITHOUT)]


# A list of lists cannot be unnested row by row, so `who` comes with its words separated by spaces.
MAKE = """
    INSERT INTO escalation_step (id, organization_id, severity, position, after, business_day, channel, who, again,
                                 source, author)
    SELECT n.id, n.organization_id, n.severity, n.position, n.after, n.business_day, n.channel,
           string_to_array(n.who, ' '), n.again, $10, $11
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::interval[], $6::bool[], $7::text[], $8::text[],
                  $9::interval[])
           AS n (id, organization_id, severity, position, after, business_day, channel, who, again)
    ON CONFLICT DO NOTHING
"""


async def make(db: Db, rows: Sequence[StepRow], source: str, author: str) -> None:
    """The organization's own, not yet approved. Steps somebody else made meanwhile stay."""
    fields = ("organization_id", "severity", "position", "after", "business_day", "channel")
    columns = [[getattr(row, field) for row in rows] for field in fields]
    who, again = [" ".join(row.who) for row in rows], [row.again for row in rows]
    await db.execute(MAKE, [uuid7() for _ in rows], *columns, who, again, source, author)


OF = """
    SELECT organization_id, team_id, severity, position, after, business_day, who, again, channel, source, approved_at
      FROM escalation_step WHERE organization_id = ANY($1) AND valid_from IS NOT NULL AND valid_to IS NULL
     ORDER BY organization_id, team_id, severity, position
"""


async def of(db: Db, organizations: Sequence[uuid.UUID]) -> list[StepRow]:
    """All steps of these organizations that are in effect, in order."""
    return [StepRow(**dict(row)) for row in await db.fetch(OF, sorted(set(organizations)))]


def for_chain(
    rows: Sequence[StepRow], organization: uuid.UUID, team: uuid.UUID, severity: Severity
) -> list[StepRow]:  # fmt: skip
    """A team's own steps for a severity, else the organization's."""
    fitting = [row for row in rows if row.organization_id == organization and row.severity == severity]
    return [row for row in fitting if row.team_id == team] or [row for row in fitting if row.team_id is None]
