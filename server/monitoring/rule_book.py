"""The rules of an organization with their versions: who wrote each, its source, who approved it, is it proved."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from server.db.pool import Db
from server.monitoring import parameters, rule_content
from server.monitoring.retrospective import CODE as OLDER_READINGS
from server.monitoring.rule_content import Content, Level, Protocol, RuleContent


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The current one has no `valid_to`; `proved_at` is when a synthetic reading went the whole way after it began.

    `tried`: that reading crossed this version itself.
    """

    id: uuid.UUID
    of: uuid.UUID
    version: int
    author: str
    approved_by: str | None
    approved_at: datetime | None
    valid_from: datetime
    valid_to: datetime | None
    proved_at: datetime | None
    tried: bool = False
    content: Content


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One clinical concern; `versions` newest first. Without a version it judges nobody."""

    id: uuid.UUID
    code: str
    name: str
    vital: str
    kind: str
    versions: list[Version]

    @property
    def current(self) -> Version | None:
        return self.versions[0] if self.versions and self.versions[0].valid_to is None else None

    @property
    def content(self) -> RuleContent | None:
        """What is in force."""
        found = self.current.content if self.current else None
        return found if isinstance(found, RuleContent) else None


RULES = """
    SELECT id, code, name, vital, kind FROM rule
     WHERE code <> $2 AND ($1::uuid IS NULL OR id = $1) ORDER BY vital, name
"""
VERSIONS = """
    SELECT id, rule_id AS of, version, author, approved_by, approved_at, valid_from, valid_to, proved_at, tried,
           explains, source, parameters #>> '{}' AS parameters
      FROM rule_version WHERE rule_id = ANY($1) AND ($2 OR valid_to IS NULL) ORDER BY version DESC
"""
ADD = """
    INSERT INTO rule (id, organization_id, code, name, vital, kind) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
"""


async def add(db: Db, organization: uuid.UUID, rule: Rule) -> None:
    """A rule without a version: it judges nobody until its first draft is approved."""
    await db.execute(ADD, rule.id, organization, rule.code, rule.name, rule.vital, rule.kind)


LEVELS = """
    SELECT rule_version_id, NULL::uuid AS programme, metric, side, severity, value
      FROM rule_limit WHERE rule_version_id = ANY($1)
     UNION ALL
    SELECT rule_version_id, programme_id, metric, side, severity, value
      FROM programme_limit WHERE rule_version_id = ANY($1)
"""
PROTOCOLS = """
    SELECT rule_version_id, programme_id AS programme, explains, source
      FROM rule_protocol WHERE rule_version_id = ANY($1)
"""
LINKS = "SELECT rule_id, programme_id FROM programme_rule WHERE rule_id = ANY($1)"


async def rules(db: Db) -> list[Rule]:
    """The asker's organization's, by vital and name, each with its current version."""
    return await _with_versions(db, await db.fetch(RULES, None, OLDER_READINGS), every=False)


async def get(db: Db, rule: uuid.UUID) -> Rule | None:
    """With every version, newest first."""
    found = await _with_versions(db, await db.fetch(RULES, rule, OLDER_READINGS), every=True)
    return found[0] if found else None


async def _with_versions(db: Db, rows: Sequence[Any], *, every: bool) -> list[Rule]:
    versions = await _versions(db, [row["id"] for row in rows], every=every)
    return [Rule(**dict(row), versions=versions[row["id"]]) for row in rows]


async def _versions(db: Db, rules: list[uuid.UUID], *, every: bool) -> dict[uuid.UUID, list[Version]]:
    rows = await db.fetch(VERSIONS, rules, every)
    ids = [row["id"] for row in rows]
    levels, protocols = await _levels(db, ids), await _protocols(db, ids)
    links: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for row in await db.fetch(LINKS, rules):
        links[row["rule_id"]].append(row["programme_id"])
    found: dict[uuid.UUID, list[Version]] = defaultdict(list)
    for row in rows:
        said = dict(row)
        explains, source, raw = (said.pop(name) for name in ("explains", "source", "parameters"))
        content = rule_content.rule(
            explains, source, levels[row["id"]], parameters.decode(raw), protocols[row["id"]], links[row["of"]]
        )
        found[row["of"]].append(Version(**said, content=content))
    return found


async def _levels(db: Db, versions: list[uuid.UUID]) -> dict[uuid.UUID, list[Level]]:
    found: dict[uuid.UUID, list[Level]] = defaultdict(list)
    for row in await db.fetch(LEVELS, versions):
        version, *said = row
        names = ("programme", "metric", "side", "severity", "value")
        found[version].append(Level(**dict(zip(names, said, strict=True))))
    return found


async def _protocols(db: Db, versions: list[uuid.UUID]) -> dict[uuid.UUID, list[Protocol]]:
    found: dict[uuid.UUID, list[Protocol]] = defaultdict(list)
    for row in await db.fetch(PROTOCOLS, versions):
        version, programme, explains, source = row
        found[version].append(Protocol(programme=programme, explains=explains, source=source))
    return found
