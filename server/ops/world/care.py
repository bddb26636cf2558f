"""What the demo's clinic knows besides readings: screenings that were done, and when each reading came in."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from server.db.pool import Database, Db, Who
from server.gaps import evidence
from server.gaps.evidence import NewEvidence
from server.ops.world.cast import READY, SEED, SPANISH, Character

# In the demo's past a reading came in seconds after it was measured; the batches it was made in came later.
RECEIVED = """
    UPDATE reading SET received_at = measured_at + interval '4 seconds'
     WHERE measured_at >= $1 AND received_at = $2 AND device_id LIKE 'home-%'
"""
ARRIVED = """
    UPDATE arrival SET received_at = measured_at + interval '4 seconds'
     WHERE received_at = $1 AND device_id LIKE 'home-%'
"""


async def received_when_measured(db: Db, since: datetime, batch_at: datetime) -> None:
    await db.execute(RECEIVED, since, batch_at)
    await db.execute(ARRIVED, batch_at)


async def record_screenings(
    database: Database, who: Who, people: Sequence[Character], patients: Sequence[uuid.UUID], now: datetime
) -> None:
    """About half are up to date; some were done too long ago, some never. The portal's two patients are due."""
    chance = random.Random(SEED)  # noqa: S311 - invented history
    async with database.transaction(who) as db:
        for person, patient in zip(people, patients, strict=True):
            for kind, done_on in _screenings(person, now.date(), chance):
                new = _evidence(who, patient, kind, done_on)
                entered = datetime.combine(done_on + timedelta(days=1), time(15), UTC)
                await evidence.insert(db, new, max(entered, now - timedelta(days=80)))


def _evidence(who: Who, patient: uuid.UUID, kind: str, done_on: date) -> NewEvidence:
    if who.organization is None:
        raise ValueError("evidence belongs to an organization")
    return NewEvidence(
        organization_id=who.organization,
        patient_id=patient,
        kind=kind,
        done_on=done_on,
        source="history",
        author="demo",
    )


def _screenings(person: Character, today: date, chance: random.Random) -> list[tuple[str, date]]:
    found = []
    due = person.part in {READY, SPANISH}
    if person.sex == "female":
        years = 3.4 if due else chance.choice([0.5, 1.1, 1.6, 2.9, 4.2, None])
        found.append(("mammogram", years))
    kind, years = (
        ("colonoscopy", None)
        if due
        else chance.choice(
            [
                ("colonoscopy", 2.5),
                ("colonoscopy", 6.0),
                ("fobt", 0.4),
                ("fobt", 1.9),
                ("colonoscopy", 12.0),
                ("fobt", None),
            ]
        )
    )
    found += [(kind, years), ("influenza_vaccination", 0.1 if due else chance.choice([0.1, 1.1, None]))]
    return [(kind, today - timedelta(days=round(years * 365.25))) for kind, years in found if years is not None]
