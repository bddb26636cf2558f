"""An alarm is trouble of a device, the broker or ourselves: one open per kind and subject, on the same worklist."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import msgspec

from server.db.ids import uuid7
from server.db.pool import Db
from server.monitoring.findings import Severity

# What staff read first; a kind that is not here is shown as it is.
TITLES = {
    "unassigned": "Reading of a device nobody has",
    "unassigned_crisis": "Crisis from a device nobody has",
    "clock": "Device's clock is wrong",
    "future_time": "Device's clock is ahead",
    "implausible": "Reading in doubt",
    "sequence_reused": "Device used a number twice",
    "quarantined": "Messages in quarantine",
    "sequence_gap": "Numbers did not arrive",
    "device_silent": "Silent device",
    "device_battery": "Battery low",
    "new_scale": "New scale: ask to weigh again",
    "audit_mismatch": "The auditor found",
    "canary": "The path is broken",
    "rule_unproved": "A changed rule is not proved",
    "broker_drops": "The broker dropped messages",
    "roster": "Nobody on shift",
    "roster_gap": "Hours without anybody on shift",
    "roster_unpublished": "Roster not published",
    "no_stand_in": "No stand-in who can be paged",
    "page_test_failed": "A telephone does not get pages",
    "chain_exhausted": "Nobody answers: everybody was paged",
    "page_failed": "A page did not arrive",
    "texts_not_leaving": "Texts are not leaving",
    "text_unresolved": "Unknown whether a text arrived",
    "text_for_nobody": "A text to a number that is nobody's",
    "danger_for_nobody": "A text of danger, and it cannot be told to whom: read it now",
    "hook_forged": "Somebody claims to be the text provider",
    "back_from_pause": "Back from a pause",
    "device_to_return": "Device to take back",
    "patient_in_danger": "Patient wrote of danger: call now",
    "patient_unreached": "Patient not reached: call now",
    "patient_message": "Message from a patient",
    "texts_half_understood": "Texts of patients are half understood",
    "patient_wants_call": "Patient asks for a call",
    "wrong_number": "Wrong number",
}


# A team's id tells nobody anything; a device's id and a record number do.
UNNAMED = {
    "roster", "roster_gap", "roster_unpublished", "no_stand_in", "chain_exhausted", "page_failed", "text_unresolved",
}  # fmt: skip


def title(kind: str, subject: str) -> str:
    """ "Silent device · cuff-12"; without a subject its kind alone."""
    return TITLES.get(kind, kind) + (f" · {subject}" if subject and kind not in UNNAMED else "")


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` is the device id or the part of ourselves; `says` tells staff what to do, without health data."""

    organization_id: uuid.UUID
    kind: str
    subject: str
    severity: Severity
    says: str


RAISE = """
    INSERT INTO alarm AS a (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
    SELECT n.*, $7, $7
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n
    ON CONFLICT (organization_id, kind, subject) WHERE status <> 'resolved' DO UPDATE
       SET last_seen_at = excluded.last_seen_at, seen_count = a.seen_count + 1
    RETURNING (xmax = 0) AS opened
"""


async def raise_all(db: Db, alarms: Sequence[Alarm], now: datetime) -> int:
    """How many were not open already. The same trouble seen again only counts up."""
    unique = {(a.organization_id, a.kind, a.subject): a for a in alarms}
    if not unique:
        return 0
    rows = [(uuid7(), a.organization_id, a.kind, a.subject, a.severity, a.says) for _, a in sorted(unique.items())]
    records = await db.fetch(RAISE, *map(list, zip(*rows, strict=True)), now)
    return sum(record["opened"] for record in records)


KEEP = """
    INSERT INTO alarm AS a (id, organization_id, kind, subject, severity, says, opened_at, last_seen_at)
    SELECT n.*, $7, $7
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n
    ON CONFLICT (organization_id, kind, subject) WHERE status <> 'resolved' DO UPDATE
       SET says = excluded.says, last_seen_at = excluded.last_seen_at,
           severity = worse(a.severity, excluded.severity),
           status = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.status ELSE 'open' END,
           acknowledged_by = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.acknowledged_by END,
           acknowledged_at = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.acknowledged_at END,
           again_at = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.again_at ELSE $7 END,
           again_why = CASE WHEN worse(a.severity, excluded.severity) = a.severity THEN a.again_why ELSE 'worse' END
     WHERE a.says <> excluded.says OR worse(a.severity, excluded.severity) <> a.severity
    RETURNING organization_id
"""


async def keep(db: Db, alarms: Sequence[Alarm], now: datetime) -> list[uuid.UUID]:
    """For trouble that lasts and is looked at again and again: raise it, or bring its words up to date.

    The organization of each alarm that is new or says something new; one that says the same is left as it is. Severity
    only rises, and a rise opens again what was taken as less, as with alerts: its pages begin then.
    """
    unique = {(a.organization_id, a.kind, a.subject): a for a in alarms}
    if not unique:
        return []
    rows = [(uuid7(), a.organization_id, a.kind, a.subject, a.severity, a.says) for _, a in sorted(unique.items())]
    return [row["organization_id"] for row in await db.fetch(KEEP, *map(list, zip(*rows, strict=True)), now)]


# What was resolved as less than it is now is news.
RESTING = """
    SELECT n.organization_id, n.kind, n.subject
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
           AS n (organization_id, kind, subject, severity, says)
     WHERE EXISTS (SELECT FROM alarm a
                    WHERE a.organization_id = n.organization_id AND a.kind = n.kind AND a.subject = n.subject
                      AND a.says = n.says AND worse(a.severity, n.severity) = a.severity
                      AND a.resolved_by IS NOT NULL AND a.resolved_at > $6)
"""


async def awake(db: Db, alarms: Sequence[Alarm], since: datetime) -> list[Alarm]:
    """Without those that staff resolved since then although they say the same still."""
    rows = [(a.organization_id, a.kind, a.subject, a.severity, a.says) for a in alarms]
    columns = map(list, zip(*rows, strict=True)) if rows else [[]] * 5
    resting = {tuple(row) for row in await db.fetch(RESTING, *columns, since)}
    return [one for one in alarms if (one.organization_id, one.kind, one.subject) not in resting]


async def raise_alarm(
    db: Db, organization: uuid.UUID, kind: str, subject: str, severity: Severity, says: str, now: datetime
) -> bool:
    """True when this trouble was not open already."""
    alarm = Alarm(organization_id=organization, kind=kind, subject=subject, severity=severity, says=says)
    return await raise_all(db, [alarm], now) > 0


ACKNOWLEDGE = """
    UPDATE alarm SET status = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3
     WHERE id = $1 AND status = 'open'
    RETURNING id
"""


async def acknowledge_alarm(db: Db, alarm: uuid.UUID, by: uuid.UUID, now: datetime) -> bool:
    """True for the one caller whose acknowledgement counted."""
    return await db.fetchval(ACKNOWLEDGE, alarm, by, now) is not None


RESOLVE = """
    UPDATE alarm SET status = 'resolved', resolved_by = $2, resolved_at = $3, note = $4
     WHERE id = $1 AND status <> 'resolved'
    RETURNING id
"""


async def resolve_alarm(db: Db, alarm: uuid.UUID, by: uuid.UUID, note: str, now: datetime) -> bool:
    """True for the one caller who closed it; the same trouble afterwards is a new alarm."""
    return await db.fetchval(RESOLVE, alarm, by, now, note) is not None


SETTLE = """
    UPDATE alarm a SET status = 'resolved', resolved_at = $4, note = $3
      FROM unnest($1::uuid[], $2::text[]) AS n (organization_id, subject)
     WHERE a.organization_id = n.organization_id AND a.kind = $5 AND a.subject = n.subject AND a.status <> 'resolved'
"""


async def settle(db: Db, kind: str, subjects: Sequence[tuple[uuid.UUID, str]], note: str, now: datetime) -> None:
    """The trouble ended by itself: close its alarms, keyed by organization and subject, with a note saying so."""
    if subjects:
        organizations, names = zip(*subjects, strict=True)
        await db.execute(SETTLE, list(organizations), list(names), note, now, kind)


STANDING = "SELECT id FROM alarm WHERE organization_id = $1 AND kind = $2 AND subject = $3 AND status = 'open'"


async def standing(db: Db, organization: uuid.UUID, kind: str, subject: str) -> uuid.UUID | None:
    """The alarm of this kind and subject that nobody has answered."""
    found: uuid.UUID | None = await db.fetchval(STANDING, organization, kind, subject)
    return found


STANDING_SUBJECTS = """
    SELECT organization_id, subject FROM alarm WHERE kind = $1 AND status <> 'resolved'
     ORDER BY organization_id, subject
"""


async def standing_subjects(db: Db, kind: str) -> list[tuple[uuid.UUID, str]]:
    """(organization, subject) of each alarm of this kind that is not resolved."""
    return [(row["organization_id"], row["subject"]) for row in await db.fetch(STANDING_SUBJECTS, kind)]
