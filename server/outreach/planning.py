"""Planning writes down, for everybody at once, each slot that comes in sight and is not in the ledger yet."""

from datetime import datetime, timedelta

from server.db.pool import Db
from server.outreach import (
    slots_appointment,
    slots_education,
    slots_gap,
    slots_measurement,
    slots_medicine,
    slots_moved,
    slots_questionnaire,
    slots_refill,
)

LOOK_AHEAD = timedelta(hours=2)  # far enough to survive a restart, near enough that few slots are in sight
# A worker that was away still keeps today's slot of what comes again tomorrow; what comes once has a longer memory.
CATCH_UP = timedelta(hours=1)
AT_ONCE = 100_000  # rows of one kind; a clinic with more has the rest planned by the next round, hours before it is due


async def plan(db: Db, now: datetime) -> int:
    """How many slots are new: a statement for each kind, all in the transaction of `db`.

    Killed midway it leaves nothing, and the next round finds the same slots in sight and plans them; killed after the
    commit, it finds them in the ledger. Two at once, in any order, make each row once: every kind comes in one order
    and by patient, so they wait for each other and never in a circle.
    """
    await slots_moved.follow(db)
    hourly = (now, CATCH_UP, LOOK_AHEAD, AT_ONCE)
    once = (now, LOOK_AHEAD, AT_ONCE)
    said = [
        await slots_measurement.plan(db, *hourly),
        await slots_medicine.plan(db, *once),
        await slots_refill.plan(db, *hourly),
        await slots_appointment.plan(db, *once),
        await slots_questionnaire.plan(db, *hourly),
        await slots_education.plan(db, *once),
    ]
    return sum(int(one.rpartition(" ")[2]) for one in said) + await slots_gap.plan(db, *hourly)
