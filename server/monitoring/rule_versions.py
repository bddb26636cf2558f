"""Which version of a rule or programme is in force: the old one ends where the new one begins."""

import uuid
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import parameters
from server.monitoring.rule_content import ProgrammeContent, RuleContent


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """As the version names them: who wrote it, who approved it, when."""

    author: str
    approved_by: str
    at: datetime


CLOSE_RULE = """
    UPDATE rule_version SET valid_to = $3 WHERE id = $1 AND rule_id = $2 AND valid_to IS NULL RETURNING version
"""
CLOSE_PROGRAMME = """
    UPDATE programme_version SET valid_to = $3 WHERE id = $1 AND programme_id = $2 AND valid_to IS NULL
    RETURNING version
"""
NO_RULE_VERSION = "SELECT 0 WHERE NOT EXISTS (SELECT FROM rule_version WHERE rule_id = $1)"
NO_PROGRAMME_VERSION = "SELECT 0 WHERE NOT EXISTS (SELECT FROM programme_version WHERE programme_id = $1)"


async def close_rule(db: Db, rule: uuid.UUID, base: uuid.UUID | None, now: datetime) -> int | None:
    """The number of the version that ends now; None when another is in force meanwhile. 0: there was none yet."""
    asked = db.fetchval(CLOSE_RULE, base, rule, now) if base else db.fetchval(NO_RULE_VERSION, rule)
    number: int | None = await asked
    return number


async def close_programme(db: Db, programme: uuid.UUID, base: uuid.UUID | None, now: datetime) -> int | None:
    """The same of a programme."""
    asked = db.fetchval(CLOSE_PROGRAMME, base, programme, now) if base else db.fetchval(NO_PROGRAMME_VERSION, programme)
    number: int | None = await asked
    return number


OPEN_RULE = """
    INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, approved_by, approved_at,
                              valid_from, parameters)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10::text::jsonb)
    ON CONFLICT DO NOTHING RETURNING true
"""
LEVELS = """
    INSERT INTO rule_limit (rule_version_id, organization_id, metric, side, severity, value)
    SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::numeric[])
"""
PROGRAMME_LEVELS = """
    INSERT INTO programme_limit (rule_version_id, organization_id, programme_id, metric, side, severity, value)
    SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::numeric[])
"""
PROTOCOLS = """
    INSERT INTO rule_protocol (rule_version_id, organization_id, programme_id, explains, source)
    SELECT $1, $2, * FROM unnest($3::uuid[], $4::text[], $5::text[])
"""
LINK = """
    INSERT INTO programme_rule (programme_id, rule_id, organization_id)
    SELECT programme_id, $2, $1 FROM unnest($3::uuid[]) AS n (programme_id) ON CONFLICT DO NOTHING
"""


async def open_rule(
    db: Db, organization: uuid.UUID, rule: uuid.UUID, number: int, content: RuleContent, approval: Approval
) -> uuid.UUID | None:
    """The new version, in force from the approval on; None when somebody opened one first."""
    made = uuid7()
    opened = await db.fetchval(
        OPEN_RULE, made, organization, rule, number, content.explains, content.source, approval.author,
        approval.approved_by, approval.at, parameters.encode(content.parameters),
    )  # fmt: skip
    if not opened:
        return None
    await _put(db, organization, made, content)
    await db.execute(LINK, organization, rule, list(content.programmes))
    return made


async def _put(db: Db, organization: uuid.UUID, made: uuid.UUID, content: RuleContent) -> None:
    general = [(x.metric, x.side, x.severity, x.value) for x in content.levels if x.programme is None]
    own = [(x.programme, x.metric, x.side, x.severity, x.value) for x in content.levels if x.programme is not None]
    said = [(x.programme, x.explains, x.source) for x in content.protocols]
    if general:
        await db.execute(LEVELS, made, organization, *map(list, zip(*general, strict=True)))
    if own:
        await db.execute(PROGRAMME_LEVELS, made, organization, *map(list, zip(*own, strict=True)))
    if said:
        await db.execute(PROTOCOLS, made, organization, *map(list, zip(*said, strict=True)))


OPEN_PROGRAMME = """
    INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author, approved_by,
                                   approved_at, valid_from, around_the_clock, page_waits_minutes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)
    ON CONFLICT DO NOTHING RETURNING true
"""
EXPECTED = """
    INSERT INTO expected_measurement (programme_version_id, organization_id, vital, opens, closes, weekdays)
    VALUES ($1, $2, $3, $4::text::time, $5::text::time, $6)
"""


async def open_programme(
    db: Db, organization: uuid.UUID, programme: uuid.UUID, number: int, content: ProgrammeContent, approval: Approval
) -> uuid.UUID | None:
    """The same of a programme, with what it expects."""
    made = uuid7()
    opened = await db.fetchval(
        OPEN_PROGRAMME, made, organization, programme, number, content.explains, content.source, approval.author,
        approval.approved_by, approval.at, content.around_the_clock, content.page_waits_minutes,
    )  # fmt: skip
    if not opened:
        return None
    for one in content.expected:
        await db.execute(EXPECTED, made, organization, one.vital, one.opens, one.closes, list(one.weekdays))
    return made


SIGN_RULE = """
    UPDATE rule_version SET approved_by = $3, approved_at = $4
     WHERE id = $1 AND rule_id = $2 AND valid_to IS NULL AND approved_at IS NULL RETURNING true
"""
SIGN_PROGRAMME = """
    UPDATE programme_version SET approved_by = $3, approved_at = $4
     WHERE id = $1 AND programme_id = $2 AND valid_to IS NULL AND approved_at IS NULL RETURNING true
"""


async def sign_rule(db: Db, rule: uuid.UUID, version: uuid.UUID, by: str, now: datetime) -> bool:
    """Approve the version in force as it stands; False when somebody did, or it is not in force any more."""
    return await db.fetchval(SIGN_RULE, version, rule, by, now) is True


async def sign_programme(db: Db, programme: uuid.UUID, version: uuid.UUID, by: str, now: datetime) -> bool:
    """The same of a programme."""
    return await db.fetchval(SIGN_PROGRAMME, version, programme, by, now) is True
