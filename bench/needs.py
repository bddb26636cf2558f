"""What must have happened in a clinic before it is hurt: through the broker, as from a home, and told to its nurse."""

import asyncio
import json
from datetime import UTC, datetime

from bench.living import Clinic, Living
from devices.probe import Probe

WITHIN_S = 30.0


async def need(living: Living, clinic: Clinic, what: str) -> None:
    """Done, and everybody who has to be told is told."""
    if what == "nothing":
        return
    systolic, diastolic = (402, 301) if what == "held" else (192, 124)
    await send(living, clinic, systolic, diastolic, readable=what != "garbage")
    await until_quiet(living, clinic)


async def send(living: Living, clinic: Clinic, systolic: int, diastolic: int, *, readable: bool = True) -> None:
    """One reading of the clinic's cuff, with its receipt."""
    entry = {
        "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat(), "systolic": systolic,
        "diastolic": diastolic, "unit": "mm[Hg]",
    }  # fmt: skip
    payload = json.dumps(entry).encode() if readable else b"192/124 at " + entry["measured_at"].encode()
    world = clinic.world
    probe = Probe(world.device, world.device_secret, payload)
    host, port = living.broker.host, living.broker.port
    await asyncio.to_thread(probe.run, host, port, 5.0, lambda: False)


# Something of a real patient or device is there, every text has arrived, and every high chain has told its first.
QUIET = """
    SELECT EXISTS (SELECT FROM arrival a JOIN device d ON d.id = a.device_id AND NOT d.synthetic
                    WHERE a.organization_id = $1)
       AND NOT EXISTS (SELECT FROM message m WHERE m.organization_id = $1 AND m.to_number <> 'sink'
                          AND m.status IN ('queued', 'sending', 'sent'))
       AND NOT EXISTS (SELECT FROM alarm b LEFT JOIN escalation e ON e.id = b.id
                        WHERE b.organization_id = $1 AND b.status = 'open' AND b.severity = 'high'
                          AND coalesce(e.position, 0) = 0)
       AND NOT EXISTS (SELECT FROM alert a JOIN patient p ON p.id = a.patient_id AND NOT p.synthetic
                         LEFT JOIN escalation e ON e.id = a.id
                        WHERE a.organization_id = $1 AND a.status = 'open' AND a.severity = 'high'
                          AND coalesce(e.position, 0) = 0)
"""


async def until_quiet(living: Living, clinic: Clinic) -> None:
    """Nobody waits for anything any more."""
    async with asyncio.timeout(WITHIN_S):
        while not await living.owner.fetchval(QUIET, clinic.world.organization):
            await asyncio.sleep(0.1)
