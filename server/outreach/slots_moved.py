"""A slot is an hour of the patient's clock: what is planned moves with the patient, and with the data of the zones."""

from server.db.pool import Db

# What waits for a reason keeps waiting; an appointment is a moment, wherever the patient is. What somebody else decides
# on just now is theirs.
MOVED = """
    WITH waiting AS MATERIALIZED (
        SELECT r.patient_id, r.id, r.slot, r.due_at, p.zone
          FROM reminder r
          JOIN patient p ON p.id = r.patient_id
          JOIN reminder_rule u ON u.id = r.reminder_rule_id
         WHERE r.status = 'planned' AND r.reason IS NULL AND u.kind <> 'appointment'),
    clock AS MATERIALIZED (
        SELECT zone, slot, valid_at(slot, zone) AS due_at FROM (SELECT DISTINCT zone, slot FROM waiting) AS each),
    moved AS (
        SELECT r.patient_id, r.id, c.due_at
          FROM waiting w
          JOIN clock c ON c.zone = w.zone AND c.slot = w.slot AND c.due_at <> w.due_at
          JOIN reminder r ON r.patient_id = w.patient_id AND r.id = w.id
         WHERE r.status = 'planned' AND r.reason IS NULL
           FOR UPDATE OF r SKIP LOCKED)
    UPDATE reminder r SET due_at = m.due_at
      FROM moved m
     WHERE r.patient_id = m.patient_id AND r.id = m.id
"""


async def follow(db: Db) -> str:
    """PostgreSQL's word for how many have another moment now."""
    said: str = await db.execute(MOVED)
    return said
