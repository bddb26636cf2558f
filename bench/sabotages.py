"""What is broken, each in its own way, and how it is mended again: in one organization, or for everybody."""

from collections.abc import Awaitable, Callable

import msgspec

from bench.living import Clinic, Living

Mend = Callable[[], Awaitable[object]]
Break = Callable[[Living, Clinic], Awaitable[Mend]]


class Sabotage(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` groups those that are the same in another place. `needs`: what must have happened in the clinic before.

    `finds`: what the auditor must name; without it any trouble counts. `by`: the one way of hearing that counts.
    `lasts`: readings were not judged meanwhile, and stay so until a person has looked at them.
    """

    name: str
    kind: str
    breaks: Break
    everybody: bool = False
    needs: str = "nothing"
    finds: str = ""
    by: str = ""
    lasts: bool = False


# Rows that vanish or change as on a damaged disk: no key is asked. $1 is the organization.


def lost(table: str, where: str = "true") -> Break:
    """The clinic's rows are gone; mended: they are back as they were."""

    async def breaks(living: Living, clinic: Clinic) -> Mend:
        aside = f"aside_{table}_{clinic.world.organization.hex}"
        one = clinic.world.organization
        await living.owner.execute(f"CREATE TABLE {aside} AS SELECT * FROM {table} LIMIT 0")
        await living.owner.execute(
            f"WITH gone AS (DELETE FROM {table} WHERE organization_id = $1 AND ({where}) RETURNING *)"
            f" INSERT INTO {aside} SELECT * FROM gone",
            one,
        )
        return lambda: living.owner.execute(f"INSERT INTO {table} SELECT * FROM {aside}; DROP TABLE {aside}")

    return breaks


def said(broken: str, mended: str) -> Break:
    """Two statements about the clinic, each with the organization as its only parameter."""

    async def breaks(living: Living, clinic: Clinic) -> Mend:
        await living.owner.execute(broken, clinic.world.organization)
        return lambda: living.owner.execute(mended, clinic.world.organization)

    return breaks


def sql(broken: str, mended: str) -> tuple[str, str]:
    """Two statements; `{of}` is the clinic, `{real}` its patients without the synthetic one."""
    of = "organization_id = $1"
    real = f"patient_id IN (SELECT id FROM patient WHERE {of} AND NOT synthetic)"
    return broken.format(of=of, real=real), mended.format(of=of, real=real)


ROUTE, WITHOUT_ROW, LATE = "teams with nobody to page", "arrivals without their reading", "steps overdue"
CLOSED, UNFOUND, STUCK = "alerts that nobody closed", "readings without their finding", "texts that do not leave"
HIGH = "{of} AND metric = 'systolic_mmhg' AND severity = 'high'"
PAGES = "{of} AND purpose = 'page' AND to_number <> 'sink'"
AWAY = """
    INSERT INTO time_off (id, organization_id, staff_id, starts_at, ends_at)
    SELECT gen_random_uuid(), $1, staff_id, now(), now() + interval '1 day' FROM shift WHERE {of}
"""
# The test readings that crossed nothing meanwhile are taken back too: they would rightly be missed for ever.
LEVELS_BACK = """
    WITH meanwhile AS (
        DELETE FROM reading WHERE {of} AND NOT {real} AND systolic_mmhg >= 299 RETURNING id),
    came AS (DELETE FROM arrival WHERE reading_id IN (SELECT id FROM meanwhile))
    UPDATE rule_limit SET value = value - 1000 WHERE {of} AND severity = 'high'
"""
LENT = """
    UPDATE loan SET lent = tstzrange(lower(lent), {}) FROM device d
     WHERE d.id = loan.device_id AND d.synthetic AND d.organization_id = $1
"""
GHOST = """
    INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,
                       finding_count)
    SELECT gen_random_uuid(), $1, p.id, r.id, 'high', 'live', now(), now(), 1
      FROM patient p, rule r
     WHERE p.organization_id = $1 AND NOT p.synthetic AND r.organization_id = $1 AND r.code = 'glucose_low'
"""
GHOST_GONE = (
    "DELETE FROM alert WHERE {of} AND {real} AND rule_id = (SELECT id FROM rule WHERE {of} AND code = 'glucose_low')"
)
SMUGGLED = """
    INSERT INTO reading (id, organization_id, patient_id, kind, measured_at, zone, local_date, clock_basis, received_at,
                         source, systolic_mmhg, diastolic_mmhg, judged_with)
    SELECT gen_random_uuid(), $1, id, 'blood_pressure', now(), 'UTC', current_date, 'device', now(), 'device', 199, 130,
           'smuggled' FROM patient WHERE {of} AND NOT synthetic
"""

# kind, name, what must have come before, what the auditor must name, the statement that breaks and the one that mends.
STATEMENTS = (
    ("route removed", "every shift taken back", "nothing", ROUTE,
     "UPDATE shift SET cancelled_at = now() WHERE {of}", "UPDATE shift SET cancelled_at = NULL WHERE {of}"),
    ("route removed", "the shift has ended", "nothing", ROUTE,
     "UPDATE shift SET ends_at = now() WHERE {of}", "UPDATE shift SET ends_at = now() + interval '30 days' WHERE {of}"),
    ("route removed", "the nurse is away and nobody stands in", "nothing", ROUTE,
     AWAY, "UPDATE time_off SET cancelled_at = now() WHERE {of}"),
    ("telephones removed", "nobody has a telephone", "nothing", ROUTE,
     "UPDATE staff SET name = name || '|' || phone, phone = NULL WHERE {of}",
     "UPDATE staff SET phone = split_part(name, '|', 2), name = split_part(name, '|', 1) WHERE {of}"),
    ("alert closed by nobody", "resolved", "crisis", CLOSED,
     "UPDATE alert SET status = 'resolved', resolved_at = now() WHERE {of} AND {real} AND status = 'open'",
     "UPDATE alert SET status = 'open', resolved_at = NULL WHERE {of} AND {real} AND resolved_by IS NULL"),
    ("alert closed by nobody", "taken", "crisis", CLOSED,
     "UPDATE alert SET status = 'acknowledged', acknowledged_at = now() WHERE {of} AND {real} AND status = 'open'",
     "UPDATE alert SET status = 'open', acknowledged_at = NULL WHERE {of} AND {real} AND status = 'acknowledged'"),
    ("escalation stopped", "its chain has ended", "crisis", LATE,
     "UPDATE escalation SET ended_at = now() WHERE {of}", "UPDATE escalation SET ended_at = NULL WHERE {of}"),
    ("escalation stopped", "its next step is in a year", "crisis", LATE,
     "UPDATE escalation SET due_at = due_at + interval '1 year' WHERE {of} AND {real}",
     "UPDATE escalation SET due_at = due_at - interval '1 year' WHERE {of} AND {real}"),
    ("outbox stuck", "in the hands of a sender of tomorrow", "crisis", STUCK,
     f"UPDATE message SET status = 'sending', claimed_at = now() + interval '1 day' WHERE {PAGES}",
     f"UPDATE message SET status = 'delivered' WHERE {PAGES}"),
    ("outbox stuck", "not before next year", "crisis", STUCK,
     f"UPDATE message SET status = 'queued', not_before = now() + interval '1 year' WHERE {PAGES}",
     f"UPDATE message SET status = 'delivered' WHERE {PAGES}"),
    ("rules emptied", "the levels have no value", "nothing", "canary",
     f"UPDATE rule_limit SET value = NULL WHERE {HIGH}", f"UPDATE rule_limit SET value = 180 WHERE {HIGH}"),
    ("rules emptied", "the levels are out of reach", "nothing", "canary",
     "UPDATE rule_limit SET value = value + 1000 WHERE {of} AND severity = 'high'", LEVELS_BACK),
    ("rules emptied", "no version is valid", "nothing", "canary",
     "UPDATE rule_version SET valid_to = now() WHERE {of}", "UPDATE rule_version SET valid_to = NULL WHERE {of}"),
    ("test reading switched off", "its device disabled", "nothing", "canary",
     "UPDATE device SET disabled_at = now() WHERE {of} AND synthetic",
     "UPDATE device SET disabled_at = NULL WHERE {of} AND synthetic"),
    ("test reading switched off", "its loan ended", "nothing", "canary", LENT.format("now()"), LENT.format("NULL")),
    ("finding tampered with", "another limit", "crisis", "findings without a crossing",
     "UPDATE finding SET limit_value = 500 WHERE {of} AND {real}",
     "UPDATE finding SET limit_value = 120 WHERE {of} AND {real}"),
    ("finding tampered with", "made harmless", "crisis", UNFOUND,
     "UPDATE finding SET severity = 'low' WHERE {of} AND {real}",
     "UPDATE finding SET severity = 'high' WHERE {of} AND {real}"),
    ("alert out of nothing", "without a finding", "nothing", "alerts without a finding", GHOST, GHOST_GONE),
    ("reading out of nothing", "without an arrival", "nothing", "readings that never arrived",
     SMUGGLED, "DELETE FROM reading WHERE {of} AND judged_with = 'smuggled'"),
)  # fmt: skip
REAL = "patient_id IN (SELECT id FROM patient WHERE organization_id = $1 AND NOT synthetic)"
ROWS = (
    ("the alert", "crisis", "findings without an alert", "alert", REAL),
    ("the finding", "crisis", UNFOUND, "finding", REAL),
    ("the reading", "crisis", WITHOUT_ROW, "reading", REAL),
    ("its arrival", "crisis", "readings that never arrived", "arrival", REAL),
    ("the page", "crisis", "high alerts that paged nobody", "message",
     "purpose = 'page' AND alert_id IS NOT NULL AND to_number <> 'sink'"),
    ("the held reading", "held", WITHOUT_ROW, "held", "true"),
    ("what was quarantined", "garbage", WITHOUT_ROW, "quarantine", "true"),
    ("the programme's rules", "nothing", "canary", "programme_rule", "true"),
)  # fmt: skip

IN_A_CLINIC = (
    *(
        Sabotage(kind=kind, name=name, needs=needs, finds=finds, breaks=said(*sql(broken, mended)))
        for kind, name, needs, finds, broken, mended in STATEMENTS
    ),
    *(
        Sabotage(kind="row deleted", name=name, needs=needs, finds=finds, breaks=lost(table, where))
        for name, needs, finds, table, where in ROWS
    ),
)
