"""An open gap is texted about three times, so many days apart; then a person calls. All days are the patient's own."""

from datetime import datetime, timedelta

from server.db.events import Event, tell
from server.db.pool import Db

TEXTS_BEFORE_A_CALL = 3  # somebody who did not answer three texts will not answer a fourth

# A touch counts when its message was sent or may have been: what a trial withheld, the policy stopped or the provider
# refused reached nobody. Nobody is asked for what is booked, nor before the day they asked us to wait for; who is held
# out of an experiment is left alone, by telephone too. One call per gap, whatever came of
# it, unless it closed itself before anybody made it.
# The kinds of a call are those of `server/outreach/tasks.py`: its subject is the gap's id.
GAPS = """
    WITH sight AS MATERIALIZED (
        SELECT * FROM slots_in_sight('{screening,vaccination}', $1, $2, $3)),
    asked AS MATERIALIZED (
        SELECT s.rule_id, s.slot, s.due_at, s.organization_id, p.id AS patient_id, g.id AS gap_id, t.texts
          FROM sight s
          JOIN gap g ON g.organization_id = s.organization_id AND g.measure = s.measure AND g.status = 'open'
          JOIN patient p ON p.id = g.patient_id AND p.zone = s.zone
         CROSS JOIN LATERAL (
               SELECT count(*) AS texts, max((t.touched_at AT TIME ZONE s.zone)::date) AS last_on
                 FROM touch t LEFT JOIN message m ON m.id = t.message_id
                WHERE t.patient_id = g.patient_id AND t.gap_id = g.id
                  AND (m.id IS NULL OR m.status NOT IN ('withheld', 'suppressed', 'failed'))) AS t
         WHERE p.monitoring_status = 'active' AND NOT p.synthetic
           AND s.slot::date BETWEEN g.period_start AND g.period_end
           AND (g.opened_at AT TIME ZONE s.zone)::date <= s.slot::date
           AND (g.no_text_before IS NULL OR g.no_text_before <= s.slot::date)
           AND (t.last_on IS NULL OR t.last_on + s.after_days <= s.slot::date)
           AND (t.texts < $5 OR NOT EXISTS (
                SELECT FROM task k WHERE k.organization_id = g.organization_id AND k.kind = 'call_for_gap'
                                     AND k.subject = g.id::text
                                     AND coalesce(k.closed_by, '') NOT LIKE 'service:%'))
           AND NOT EXISTS (SELECT FROM appointment a WHERE a.patient_id = g.patient_id AND a.measure = g.measure
                              AND a.status = 'booked' AND a.starts_at > $1)
           AND NOT EXISTS (SELECT FROM experiment x
                            WHERE x.organization_id = g.organization_id AND x.measure = g.measure
                              AND x.stopped_at IS NULL AND s.slot::date >= x.starts_on AND s.slot::date < x.ends_on
                              AND held_out(x.id, p.id, x.hold_out_percent))
           AND NOT EXISTS (SELECT FROM reminder r
                            WHERE r.patient_id = p.id AND r.reminder_rule_id = s.rule_id
                              AND r.slot > s.slot - make_interval(days => s.after_days))
         ORDER BY p.id, s.rule_id, s.slot, g.period_start
         LIMIT $4),
    planned AS (
        INSERT INTO reminder (id, organization_id, patient_id, reminder_rule_id, slot, due_at, gap_id, planned_at)
        SELECT uuid7_at($1), organization_id, patient_id, rule_id, slot, due_at, gap_id, $1
          FROM asked WHERE texts < $5
        ON CONFLICT (patient_id, reminder_rule_id, slot) DO NOTHING
        RETURNING 1),
    called AS (
        INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on)
        SELECT uuid7_at($1), organization_id, patient_id, 'call_for_gap', gap_id::text,
               'Call them: ' || texts || ' texts about a check-up that is due were not answered.', $1, slot::date
          FROM asked WHERE texts >= $5
        ON CONFLICT (organization_id, kind, subject) WHERE closed_at IS NULL DO NOTHING
        RETURNING organization_id)
    SELECT (SELECT count(*) FROM planned)::int AS planned, ARRAY(SELECT DISTINCT organization_id FROM called) AS told
"""


async def plan(db: Db, now: datetime, catch_up: timedelta, look_ahead: timedelta, at_once: int) -> int:
    """How many texts are new; worklists hear of the calls."""
    row = await db.fetchrow(GAPS, now, catch_up, look_ahead, at_once, TEXTS_BEFORE_A_CALL)
    await tell(db, *(Event(topic="worklist", organization=organization) for organization in row["told"]))
    return int(row["planned"])
