"""A programme: what its patients are watched for. New organizations are given the defaults, once."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring import defaults, parameters


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    id: uuid.UUID
    code: str
    name: str


LIST = "SELECT id, code, name FROM programme WHERE organization_id = $1 ORDER BY name"


async def list_all(db: Db, organization: uuid.UUID) -> list[Programme]:
    return [Programme(**dict(row)) for row in await db.fetch(LIST, organization)]


async def seed(db: Db, organization: uuid.UUID, author: str, now: datetime) -> None:
    """Give an organization the default programmes, rules and reminders; what it has stays as it is."""
    await _programmes(db, organization)
    await _programme_versions(db, organization, author, now)
    fresh = await _rules(db, organization)
    await _versions(db, organization, fresh, author, now)
    await _links(db, organization, fresh)
    await _reminders(db, organization)


PUT_PROGRAMMES = """
    INSERT INTO programme (id, organization_id, code, name)
    SELECT id, $1, code, name FROM unnest($2::uuid[], $3::text[], $4::text[]) AS x (id, code, name)
    ON CONFLICT (organization_id, code) DO NOTHING
"""


async def _programmes(db: Db, organization: uuid.UUID) -> None:
    codes, names = list(defaults.PROGRAMMES), [shipped.name for shipped in defaults.PROGRAMMES.values()]
    await db.execute(PUT_PROGRAMMES, organization, [uuid7() for _ in codes], codes, names)


PUT_PROGRAMME_VERSION = """
    INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author,
                                   around_the_clock, page_waits_minutes, valid_from)
    SELECT $1, $2, p.id, 1, $4, $5, $6, $7, $8, $9 FROM programme p
     WHERE p.organization_id = $2 AND p.code = $3
       AND NOT EXISTS (SELECT FROM programme_version v WHERE v.programme_id = p.id)
    RETURNING id
"""
PUT_EXPECTED = """
    INSERT INTO expected_measurement (programme_version_id, organization_id, vital, opens, closes, weekdays)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


async def _programme_versions(db: Db, organization: uuid.UUID, author: str, now: datetime) -> None:
    """The first version of each programme that has none, with what it expects; nobody has approved it yet."""
    for code, shipped in defaults.PROGRAMMES.items():
        what = (shipped.explains, shipped.source, author, shipped.around_the_clock, shipped.page_waits_minutes, now)
        version = await db.fetchval(PUT_PROGRAMME_VERSION, uuid7(), organization, code, *what)
        for one in shipped.expects if version else ():
            await db.execute(PUT_EXPECTED, version, organization, one.vital, one.opens, one.closes, list(one.weekdays))


PUT_RULES = """
    INSERT INTO rule (id, organization_id, code, name, vital, kind)
    SELECT id, $1, code, name, vital, kind
      FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS x (id, code, name, vital, kind)
    ON CONFLICT (organization_id, code) DO NOTHING
    RETURNING id, code
"""


async def _rules(db: Db, organization: uuid.UUID) -> dict[str, uuid.UUID]:
    """The ids, by code, of those that are new here."""
    rows = [(uuid7(), rule.code, rule.name, rule.vital, rule.kind) for rule in defaults.RULES]
    columns = zip(*rows, strict=True)
    return {row["code"]: row["id"] for row in await db.fetch(PUT_RULES, organization, *map(list, columns))}


PUT_VERSION = """
    INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from, parameters)
    VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8::text::jsonb)
"""
PUT_LEVELS = """
    INSERT INTO rule_limit (rule_version_id, organization_id, metric, side, severity, value)
    SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::numeric[])
"""
PUT_STRICTER = """
    INSERT INTO programme_limit (rule_version_id, organization_id, programme_id, metric, side, severity, value)
    SELECT $1, $2, p.id, x.* FROM unnest($4::text[], $5::text[], $6::text[], $7::numeric[]) AS x
      JOIN programme p ON p.organization_id = $2 AND p.code = $3
"""
PUT_PROTOCOL = """
    INSERT INTO rule_protocol (rule_version_id, organization_id, programme_id, explains, source)
    SELECT $1, $2, p.id, $4, $5 FROM programme p WHERE p.organization_id = $2 AND p.code = $3
"""


async def _versions(db: Db, organization: uuid.UUID, fresh: dict[str, uuid.UUID], author: str, now: datetime) -> None:
    """The first version of each new rule; nobody has approved it yet."""
    for rule in defaults.RULES:
        if rule.code not in fresh:
            continue
        version = uuid7()
        what = (rule.explains, rule.source, author, now, parameters.encode(rule.parameters))
        await db.execute(PUT_VERSION, version, organization, fresh[rule.code], *what)
        await db.execute(PUT_LEVELS, version, organization, *_columns(rule.levels))
        for code, levels in rule.stricter.items():
            await db.execute(PUT_STRICTER, version, organization, code, *_columns(levels))
        for code, protocol in rule.protocols.items():
            await db.execute(PUT_PROTOCOL, version, organization, code, protocol.explains, protocol.source)


PUT_LINKS = """
    INSERT INTO programme_rule (programme_id, rule_id, organization_id)
    SELECT p.id, x.rule_id, $1 FROM unnest($2::text[], $3::uuid[]) AS x (code, rule_id)
      JOIN programme p ON p.organization_id = $1 AND p.code = x.code
    ON CONFLICT DO NOTHING
"""


async def _links(db: Db, organization: uuid.UUID, fresh: dict[str, uuid.UUID]) -> None:
    pairs = [(code, fresh[r.code]) for r in defaults.RULES if r.code in fresh for code in r.programmes]
    await db.execute(PUT_LINKS, organization, [code for code, _ in pairs], [rule for _, rule in pairs])


PUT_REMINDER = """
    INSERT INTO reminder_rule (id, organization_id, code, kind, programme_id, measure, after_days, local_hour, priority,
                               lasts_hours, hours_before, subject)
    VALUES ($1, $2, $3, $4, (SELECT id FROM programme WHERE organization_id = $2 AND code = $5), $6, $7, $8, $9, $10,
            $11, $12)
    ON CONFLICT (organization_id, code) DO NOTHING
"""


async def _reminders(db: Db, organization: uuid.UUID) -> None:
    for one in defaults.REMINDERS:
        what = (one.code, one.kind, one.programme, one.measure, one.after_days, one.local_hour)
        how = (one.priority, one.lasts_hours, one.hours_before, one.subject)
        await db.execute(PUT_REMINDER, uuid7(), organization, *what, *how)


PUT_OWN = """
    INSERT INTO patient_limit (id, organization_id, patient_id, rule_id, metric, side, severity, value,
        author, reason, valid_from)
    SELECT x.id, $1, $2, r.id, x.metric, x.side, x.severity, x.value, $9, $10, $11
      FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::numeric[])
           AS x (id, metric, side, severity, value)
      JOIN rule r ON r.organization_id = $1 AND r.code = $3
"""


async def set_own_limits(
    db: Db,
    organization: uuid.UUID,
    patient: uuid.UUID,
    rule_code: str,
    levels: Sequence[defaults.Level],
    *,
    author: str,
    reason: str,
    now: datetime,
) -> None:
    """Give a patient, who has none yet for this rule, limits of their own."""
    ids = [uuid7() for _ in levels]
    await db.execute(PUT_OWN, organization, patient, rule_code, ids, *_columns(levels), author, reason, now)


def _columns(levels: Sequence[defaults.Level]) -> tuple[list[str], list[str], list[str], list[float | None]]:
    return (
        [level.metric for level in levels],
        [level.side for level in levels],
        [level.severity for level in levels],
        [level.value for level in levels],
    )
