"""What only weeks show in the demo's past: averages, runs and gains were found and answered; the newest still stand."""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from server.db.pool import Who
from server.flows import acknowledge, series
from server.flows.page import Told
from server.monitoring.alerts import Episode, Outcome
from server.ops.world.cast import SEED
from server.ops.world.clinic import Crew
from server.security.sessions import Person

WORKER = Who(principal="service:worker")
EVERY = timedelta(days=7)
NEWEST = timedelta(days=3)  # these days are looked at one by one, and what they bring still stands
ANSWERED_AFTER = timedelta(hours=26)

ANSWERS: tuple[tuple[Outcome, str], ...] = (
    ("contacted_patient", "Talked about salt and taking the tablets at the same hour. Measures on."),
    ("medication_changed", "Average brought to the clinician, who raised the dose. Follow-up in four weeks."),
    ("visit_arranged", "Visit arranged for next week."),
    ("no_action_needed", "Known to the clinician, plan unchanged."),
)


def moments(begins: datetime, now: datetime) -> list[datetime]:
    """When somebody looked: once a week, then day by day."""
    weekly = [begins + EVERY * n for n in range(1, int((now - NEWEST - begins) / EVERY) + 1)]
    return [*weekly, *(now - timedelta(days=back) for back in range(int(NEWEST.days), -1, -1))]


async def look(
    crew: Crew, nurse: Person, patients: Sequence[uuid.UUID], at: datetime, now: datetime, told: Told
) -> None:
    """As the worker would have; a day later somebody answered, unless that day has not come yet.

    Nothing of the first patient stands: hers is the ready file's device, and her next alert is the visitor's.
    """
    async with crew.worker.transaction(WORKER) as db:
        episodes = await series.look(db, patients, at, told)
    for episode in episodes:
        answered = at + ANSWERED_AFTER
        if episode.opened and (answered < now - NEWEST or episode.patient_id == patients[0]):
            await _answer(crew, nurse, episode, min(answered, now), now)


async def _answer(crew: Crew, nurse: Person, episode: Episode, at: datetime, now: datetime) -> None:
    chance = random.Random(f"{SEED}:{episode.patient_id}:{at:%j}")  # noqa: S311 - invented answers
    outcome, note = chance.choice(ANSWERS)
    await acknowledge.acknowledge(crew.web, nurse, episode.patient_id, episode.id, at)
    ended = min(at + timedelta(seconds=chance.randint(200, 1800)), now)
    await acknowledge.resolve(crew.web, nurse, episode.patient_id, episode.id, outcome, note, ended)
