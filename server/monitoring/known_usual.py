"""What is usual for a patient, as far as it is known: the medians that `baselines` keeps, by column."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from server.db.pool import Db

Medians = Mapping[str, Decimal]
Usual = Mapping[uuid.UUID, Medians]
KNOWN_FROM = 5  # readings, as for devices: one strange day moves no median of five

USUAL = "SELECT patient_id, metric, value FROM patient_baseline WHERE patient_id = ANY($1::uuid[]) AND readings >= $2"


async def of_patients(db: Db, patients: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    """By patient; empty for whom nothing is known."""
    found: dict[uuid.UUID, dict[str, Decimal]] = {patient: {} for patient in patients}
    for row in await db.fetch(USUAL, list(patients), KNOWN_FROM):
        found[row["patient_id"]][row["metric"]] = row["value"]
    return found
