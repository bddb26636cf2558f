"""What must hold after any fault: each check asks PostgreSQL and returns what breaks it, so a test can break it too."""

import uuid
from collections.abc import Mapping
from typing import Any

Settled = Mapping[str, Mapping[int, str]]  # sender → number → the fate its receipt told

KEPT = "SELECT device_id, seq FROM arrival WHERE seq IS NOT NULL"
STORED = """
    SELECT a.device_id, a.seq, count(r.id) AS rows FROM arrival a LEFT JOIN reading r ON r.id = a.reading_id
     WHERE a.fate = 'stored' AND a.seq IS NOT NULL GROUP BY a.device_id, a.seq
"""


async def receipts_without_a_row(owner: Any, settled: Settled) -> list[tuple[str, int]]:
    """Receipts whose reading is nowhere: neither stored, held, nor quarantined."""
    kept = {tuple(row) for row in await owner.fetch(KEPT)}
    rows = {(row["device_id"], row["seq"]): row["rows"] for row in await owner.fetch(STORED)}
    told = [(sender, seq, fate) for sender, numbers in settled.items() for seq, fate in numbers.items()]
    return [(s, n) for s, n, fate in told if (s, n) not in kept or (fate == "stored" and rows.get((s, n), 0) == 0)]


TWICE = """
    SELECT device_id, measured_at, count(*) FROM reading GROUP BY device_id, measured_at, kind HAVING count(*) > 1
"""


async def stored_twice(owner: Any) -> list[Any]:
    """Readings that exist more than once; the senders of a campaign never measure twice at one moment."""
    return list(await owner.fetch(TWICE))


OWNERS = "SELECT DISTINCT device_id, patient_id FROM reading"


async def wrong_patient(owner: Any, patient_of: Mapping[str, uuid.UUID]) -> list[tuple[str, uuid.UUID]]:
    """Devices with readings under a patient who did not have them."""
    return [tuple(row) for row in await owner.fetch(OWNERS) if patient_of[row["device_id"]] != row["patient_id"]]


CROSSINGS = """
    SELECT r.id FROM reading r
     WHERE (r.systolic_mmhg >= 180 OR r.diastolic_mmhg >= 120)
       AND NOT EXISTS (SELECT FROM finding f JOIN alert a ON a.patient_id = f.patient_id AND a.id = f.alert_id
                        WHERE f.patient_id = r.patient_id AND f.anchor = r.id::text)
"""


async def crossings_without_a_finding(owner: Any) -> list[Any]:
    """Severe readings (at or above 180/120) that no finding with an alert speaks of."""
    return list(await owner.fetch(CROSSINGS))


COUNTS = """
    SELECT device_id FROM device_state
     WHERE received_count <> stored_count + duplicate_count + held_count + quarantined_count
"""


async def wrong_counts(owner: Any) -> list[Any]:
    """Senders whose received is not stored + duplicate + held + quarantined."""
    return list(await owner.fetch(COUNTS))
