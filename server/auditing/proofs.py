"""A changed rule's way to a page is proved once a synthetic reading went it after the rule came into force.

That reading is a high blood pressure; a rule it cannot cross is tried by one of its own vital (`trials`). Whether one
crossed the rule itself is kept beside: a rule none can cross (a trend, a patient's own limit) was not tried, and its
page says so.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from server.auditing import synthetic
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm

KIND = "rule_unproved"
SUBJECT = "changed rules"
SHOWN = 3
RUNS = 3  # finished runs without a proof, then a person is told
PROVED = "Closed by itself: a synthetic reading went the whole way since."

# A run on the grid before the version began says nothing of it. Where the reading crosses the rule itself (a high
# systolic level of a programme the synthetic patient is in), it must have been judged by this very version.
PROVE = """
    UPDATE rule_version v
       SET proved_at = coalesce(v.proved_at, $3),
           tried = v.tried OR EXISTS (SELECT FROM finding f
                                       WHERE f.patient_id = $4 AND f.rule_version_id = v.id AND f.measured_at >= $2)
      FROM rule u
     WHERE v.organization_id = $1 AND u.id = v.rule_id AND v.valid_to IS NULL AND v.valid_from <= $2
       AND v.id <> ALL($5::uuid[])
       AND (NOT v.tried AND EXISTS (SELECT FROM finding f
                                     WHERE f.patient_id = $4 AND f.rule_version_id = v.id AND f.measured_at >= $2)
            OR v.proved_at IS NULL AND NOT (u.kind = 'crossing' AND EXISTS (
                SELECT FROM enrolment e
                  JOIN programme_rule g ON g.programme_id = e.programme_id AND g.rule_id = u.id
                  JOIN rule_limit d ON d.rule_version_id = v.id
                 WHERE e.patient_id = $4 AND e.valid_to IS NULL AND d.metric = 'systolic_mmhg' AND d.severity = 'high'
                   AND d.side IN ('above', 'at_or_above') AND d.value IS NOT NULL)))
"""
# Only what was changed by an approval: what a clinic began with is the canary's own business.
UNPROVED = """
    SELECT u.name FROM rule_version v JOIN rule u ON u.id = v.rule_id
     WHERE v.organization_id = $1 AND v.valid_to IS NULL AND v.proved_at IS NULL AND v.approved_at = v.valid_from
       AND (SELECT count(*) FROM canary_run c
             WHERE c.organization_id = v.organization_id AND c.started_at >= v.valid_from
               AND c.finished_at IS NOT NULL) >= $2
     ORDER BY u.name
"""
STANDING = "SELECT EXISTS (SELECT FROM alarm WHERE organization_id = $1 AND kind = $2 AND status <> 'resolved')"


async def see_to(
    db: Db, organization: uuid.UUID, slot: datetime, *, arrived: bool, failed: Sequence[uuid.UUID] = (), now: datetime
) -> bool:
    """After a run begun at `slot`: prove what it proves, tell of what stays unproved. True when an alarm changed.

    `failed`: versions whose own reading did not reach the end. The route alone does not prove those.
    """
    if arrived:
        await db.execute(PROVE, organization, slot, now, synthetic.patient_of(organization), list(failed))
    late = [row["name"] for row in await db.fetch(UNPROVED, organization, RUNS)]
    if late:
        says = _says(late)
        alarm = Alarm(organization_id=organization, kind=KIND, subject=SUBJECT, severity="high", says=says)
        return bool(await alarms.keep(db, [alarm], now))
    stood = bool(await db.fetchval(STANDING, organization, KIND))
    if stood:
        await alarms.settle(db, KIND, [(organization, SUBJECT)], PROVED, now)
    return stood


def _says(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"Changed, and no test reading has proved it in {RUNS} tries: {', '.join(names[:SHOWN])}{more}. Perhaps nobody "
        "is paged by it. Look at readings yourself; on the rule's page the version before is one click away."
    )
