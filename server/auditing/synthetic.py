"""The synthetic patient of each organization: nobody, with a device that nobody has, and a limit it always crosses.

It is in the tables as everybody is, so that its readings go everybody's way; `patient.synthetic` keeps it out of every
list, count, reminder and measure, and a row policy keeps it out of every page.
"""

import uuid
from datetime import datetime
from decimal import Decimal

import msgspec

from server.db.pool import Db

ABOVE = 5  # mmHg over the highest limit that applies
HIGHEST = 299  # the most that is plausible


class Synthetic(msgspec.Struct, frozen=True, kw_only=True):
    """`limit_mmhg` is None while no programme of the organization has a high systolic limit: nothing would page."""

    organization_id: uuid.UUID
    patient_id: uuid.UUID
    device_id: str
    limit_mmhg: Decimal | None

    @property
    def systolic_mmhg(self) -> int | None:
        return min(int(self.limit_mmhg) + ABOVE, HIGHEST) if self.limit_mmhg is not None else None


def patient_of(organization: uuid.UUID) -> uuid.UUID:
    """Whoever works it out needs to ask nobody, and two auditors make one."""
    return uuid.uuid5(organization, "synthetic patient")


def device_of(organization: uuid.UUID) -> str:
    return f"canary-{organization.hex}"


ORGANIZATIONS = "SELECT id FROM organization ORDER BY id"
PATIENT = """
    INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
                         admitted_at, synthetic)
    SELECT n.id, o.id, c.id, t.id, 'synthetic ' || n.id, 'Synthetic', 'Patient', '2000-01-01', 'unknown', o.zone, $3,
           true
      FROM unnest($1::uuid[], $2::uuid[]) AS n (organization_id, id)
      JOIN organization o ON o.id = n.organization_id
     CROSS JOIN LATERAL (SELECT id FROM clinic WHERE organization_id = o.id ORDER BY id LIMIT 1) c
     CROSS JOIN LATERAL (SELECT id FROM team WHERE organization_id = o.id ORDER BY id LIMIT 1) t
    ON CONFLICT DO NOTHING
"""
MODEL = """
    INSERT INTO device_model (id, organization_id, name, maker, kinds, synthetic)
    SELECT p.id, p.organization_id, 'Synthetic ' || p.id, 'Careloop', '{blood_pressure}', true
      FROM patient p WHERE p.synthetic
    ON CONFLICT DO NOTHING
"""
DEVICE = """
    INSERT INTO device (id, organization_id, model_id, registered_at, synthetic)
    SELECT 'canary-' || replace(p.organization_id::text, '-', ''), p.organization_id, p.id, $1, true
      FROM patient p WHERE p.synthetic
    ON CONFLICT DO NOTHING
"""
LOAN = """
    INSERT INTO loan (id, organization_id, device_id, patient_id, lent)
    SELECT p.id, p.organization_id, 'canary-' || replace(p.organization_id::text, '-', ''), p.id,
           tstzrange($1::timestamptz - interval '1 day', NULL)
      FROM patient p WHERE p.synthetic
    ON CONFLICT DO NOTHING
"""
# One programme that pages for a high systolic pressure; another one is joined when that one no longer does.
ENROL = """
    INSERT INTO enrolment (id, organization_id, patient_id, programme_id, valid_from)
    SELECT DISTINCT ON (p.id) g.programme_id, p.organization_id, p.id, g.programme_id, $1
      FROM patient p
      JOIN programme_rule g ON g.organization_id = p.organization_id
      JOIN rule u ON u.id = g.rule_id AND u.kind = 'crossing'
      JOIN rule_version v ON v.rule_id = g.rule_id AND v.valid_to IS NULL
      JOIN rule_limit d ON d.rule_version_id = v.id
     WHERE p.synthetic AND d.metric = 'systolic_mmhg' AND d.severity = 'high' AND d.side IN ('above', 'at_or_above')
       AND d.value IS NOT NULL
       AND NOT EXISTS (SELECT FROM enrolment e JOIN programme_rule eg ON eg.programme_id = e.programme_id
                         JOIN rule eu ON eu.id = eg.rule_id AND eu.kind = 'crossing'
                         JOIN rule_version ev ON ev.rule_id = eg.rule_id AND ev.valid_to IS NULL
                         JOIN rule_limit ed ON ed.rule_version_id = ev.id
                        WHERE e.patient_id = p.id AND e.valid_to IS NULL AND ed.metric = 'systolic_mmhg'
                          AND ed.severity = 'high' AND ed.side IN ('above', 'at_or_above') AND ed.value IS NOT NULL)
     ORDER BY p.id, g.programme_id
    ON CONFLICT DO NOTHING
"""
THERE = """
    SELECT p.organization_id, p.id AS patient_id, v.id AS device_id,
           (SELECT max(d.value) FROM enrolment e
              JOIN programme_rule g ON g.programme_id = e.programme_id
              JOIN rule u ON u.id = g.rule_id AND u.kind = 'crossing'
              JOIN rule_version r ON r.rule_id = g.rule_id AND r.valid_to IS NULL
              JOIN rule_limit d ON d.rule_version_id = r.id
             WHERE e.patient_id = p.id AND e.valid_to IS NULL AND d.metric = 'systolic_mmhg' AND d.severity = 'high'
               AND d.side IN ('above', 'at_or_above')) AS limit_mmhg
      FROM patient p
      JOIN loan l ON l.patient_id = p.id AND l.lent @> $1::timestamptz
      JOIN device v ON v.id = l.device_id AND v.synthetic AND v.disabled_at IS NULL
     WHERE p.synthetic ORDER BY p.organization_id
"""


async def see_to(db: Db, now: datetime) -> dict[uuid.UUID, Synthetic | None]:
    """Every organization with its synthetic patient, made where there is none; None where it cannot be made."""
    organizations = [row["id"] for row in await db.fetch(ORGANIZATIONS)]
    await db.execute(PATIENT, organizations, [patient_of(one) for one in organizations], now)
    await db.execute(MODEL)
    await db.execute(DEVICE, now)
    await db.execute(LOAN, now)
    await db.execute(ENROL, now)
    there = {row["organization_id"]: Synthetic(**dict(row)) for row in await db.fetch(THERE, now)}
    return {one: there.get(one) for one in organizations}


# Of the synthetic patient only: a row policy says so too. Nobody is asked what came of it.
RESOLVE = """
    UPDATE alert a SET status = 'resolved', resolved_at = $2, outcome = 'technical', note = 'Synthetic.'
      FROM patient p
     WHERE a.patient_id = $1 AND a.status <> 'resolved' AND p.id = a.patient_id AND p.synthetic
"""


async def resolve(db: Db, patient: uuid.UUID, now: datetime) -> None:
    """Close what its reading opened, so that the next one opens anew."""
    await db.execute(RESOLVE, patient, now)
