"""The synthetic patient's reading goes the whole way; the first hop that it does not reach is an alarm and a banner."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from server.auditing import proofs, synthetic
from server.auditing.runs import HOPS, Hop, finish
from server.db.events import Event, tell
from server.db.pool import Db
from server.monitoring import alarms
from server.monitoring.alarms import Alarm

KIND = "canary"
SUBJECT = "from devices to pages"
ARRIVES = "Closed by itself: the synthetic reading arrives again."

SAYS: dict[Hop, str] = {
    "setup": "The synthetic patient cannot be made or crosses no limit: a programme needs a high systolic limit.",
    "broker": "The broker did not take it: readings may not get in at all. See whether the broker runs.",
    "receipt": "No receipt came: the bridge does not answer. See whether the bridge runs.",
    "row": "Its receipt came but it is not stored. Call whoever runs this server.",
    "finding": "It is stored but was not judged. Look at readings yourself until this is mended.",
    "alert": "It was judged but is on nobody's list. Look at readings yourself until this is mended.",
    "page": "An alert stands but nobody would be paged. Watch this list until this is mended.",
    "sink": "A page waits and is not sent. Watch this list until the worker sends again.",
}


def first_missing(took: Sequence[str]) -> Hop | None:
    """In the order of the way; a receipt that got lost after everything else arrived is missing too."""
    return next((hop for hop in HOPS if hop not in took), None)


async def conclude(
    db: Db, organization: uuid.UUID, slot: datetime, took: dict[str, int], missing: Hop | None, now: datetime,
    failed: Sequence[uuid.UUID] = (),
) -> None:  # fmt: skip
    """Write the run down, raise or close the alarm, and close what the reading opened."""
    await finish(db, organization, slot, took, missing, now)
    await synthetic.resolve(db, synthetic.patient_of(organization), now)
    if missing is None:
        changed = await _over(db, organization, now)
    else:
        says = f"A test reading did not arrive. {SAYS[missing]}"
        alarm = Alarm(organization_id=organization, kind=KIND, subject=SUBJECT, severity="high", says=says)
        changed = bool(await alarms.keep(db, [alarm], now))
    changed = await proofs.see_to(db, organization, slot, arrived=missing is None, failed=failed, now=now) or changed
    if changed:
        await tell(db, Event(topic="worklist", organization=organization))


STANDING = "SELECT EXISTS (SELECT FROM alarm WHERE organization_id = $1 AND kind = 'canary' AND status <> 'resolved')"


async def _over(db: Db, organization: uuid.UUID, now: datetime) -> bool:
    stood = bool(await db.fetchval(STANDING, organization))
    if stood:
        await alarms.settle(db, KIND, [(organization, SUBJECT)], ARRIVES, now)
    return stood
