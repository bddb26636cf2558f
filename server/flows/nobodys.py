"""A device that nobody ever had on loan sends a crisis: whoever measured it is in danger all the same."""

from collections.abc import Sequence
from datetime import datetime

from devices import quality
from devices.intake import Candidate
from devices.meanings import meanings
from server.db.pool import Db
from server.monitoring import limits, rules
from server.monitoring.alarms import Alarm
from server.monitoring.defaults import EVERYBODY
from server.monitoring.rules import Measured

KIND = "unassigned_crisis"
SAYS = (
    "A device that nobody has on loan sent a reading beyond a high limit. Find out now who measured it, and call. "
    "Then enter the loan: the reading waits in the held queue."
)


async def crises(db: Db, new: Sequence[Candidate], now: datetime) -> list[Alarm]:
    """A high alarm for each such device, under any meaning its reading can have; escalated like any other.

    There is no patient, so there can be no alert; the general limits judge.
    """
    orphans = [c for c in new if c.reason == "unassigned" and not c.possible and c.organization_id]
    if not orphans:
        return []
    general = await limits.of_programme(
        db, EVERYBODY, sorted({c.organization_id for c in orphans if c.organization_id})
    )
    found = rules.judge([one for c in orphans for one in _measured(c, now)], general)
    high = {finding.anchor for finding in found if finding.severity == "high" and finding.age != "historic"}
    return [
        Alarm(organization_id=c.organization_id, kind=KIND, subject=c.about, severity="high", says=SAYS)
        for c in orphans
        if c.reading_id in high and c.organization_id
    ]


def _measured(c: Candidate, now: datetime) -> list[Measured]:
    """As if the organization were the patient: its limits are the general ones."""
    if c.decoded is None or c.clock is None or c.organization_id is None:
        return []
    age = quality.age(c.decoded.kind, c.clock, now, c.decoded.backlog)
    return [
        Measured(
            id=c.reading_id, organization_id=c.organization_id, patient_id=c.organization_id, kind=c.decoded.kind,
            values=values, out_of_range=c.decoded.out_of_range, measured_at=c.clock.measured_at, age=age,
            unconfirmed=True,
        )
        for values in meanings(c.decoded, None)
    ]  # fmt: skip
