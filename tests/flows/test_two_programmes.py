"""Two programmes on one vital: the stricter limit, one alert, one page, one text, both protocols."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.intake import Publish
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reading
from tests.flows.test_reading import TOLD, bp, count
from tests.people.desk import open_desk
from tests.world import lend_device

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
BRIDGE = Who(principal="service:bridge")

PROTOCOLS = """
    SELECT p.code, x.explains FROM finding f
      JOIN rule_protocol x ON x.rule_version_id = f.rule_version_id
      JOIN enrolment e ON e.programme_id = x.programme_id AND e.patient_id = f.patient_id AND e.valid_to IS NULL
      JOIN programme p ON p.id = e.programme_id
     ORDER BY p.code
"""


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [
        (165, 100, ("high", "systolic_mmhg", 160)),
        (150, 110, ("high", "diastolic_mmhg", 110)),
        (159, 95, ("medium", "systolic_mmhg", 140)),
        (139, 89, None),
    ],
)
async def test_hypertension_and_pregnancy_are_judged_by_the_stricter_and_told_once(
    web_db: Database,
    bridge_db: Database,
    owner: Any,
    systolic: int,
    diastolic: int,
    expected: tuple[str, str, int] | None,
) -> None:
    device = await patient_in(web_db, owner, ("hypertension", "pregnancy"))
    for n in range(3):
        outcome = await send(bridge_db, device, bp(n + 1, systolic, diastolic, at=NOW - n * timedelta(minutes=1)))
        assert outcome.counts["stored"] == 1
    if expected is None:
        assert await count(owner, "alert") + await count(owner, "finding") == 0
        return
    severity, metric, limit = expected
    alert = await owner.fetchrow("SELECT severity, finding_count FROM alert")
    assert (await count(owner, "alert"), alert["severity"], alert["finding_count"]) == (1, severity, 3)
    finding = await owner.fetchrow("SELECT metric, limit_value FROM finding LIMIT 1")
    assert (finding["metric"], finding["limit_value"]) == (metric, limit)
    assert await count(owner, "message", "purpose = 'page'") == (1 if severity == "high" else 0)
    assert await count(owner, "message", "purpose <> 'page'") == (1 if severity == "high" else 0)
    version = await owner.fetchrow(
        "SELECT v.explains FROM finding f JOIN rule_version v ON v.id = f.rule_version_id LIMIT 1"
    )
    assert "911" in version["explains"]  # the rule's own protocol, which the hypertension programme has too …
    rows = await owner.fetch(PROTOCOLS)
    assert {row["code"] for row in rows} == {"pregnancy"}  # … and the one that pregnancy adds to it
    assert "six weeks of birth" in rows[0]["explains"]


async def test_in_hypertension_alone_the_same_reading_alerts_nobody(
    web_db: Database, bridge_db: Database, owner: Any
) -> None:
    device = await patient_in(web_db, owner, ("hypertension",))
    await send(bridge_db, device, bp(1, 165, 100))
    assert await count(owner, "alert") == 0


async def patient_in(web_db: Database, owner: Any, programmes: tuple[str, ...]) -> str:
    """The device of a patient who has a telephone and agreed to texts; a nurse is on shift."""
    desk = await open_desk(web_db, f"both-{uuid7().hex[-6:]}")
    patient = await desk.admit(programmes=programmes, phone="(212) 555-0123", consents=("monitoring",))
    nurse = uuid7()
    await owner.execute("UPDATE organization SET state = 'live', sender_number = '+12125550399'")
    await owner.execute(
        "INSERT INTO staff (id, organization_id, name, role, phone, created_at) VALUES ($1, $2, 'N', 'nurse', $3, $4)",
        nurse, desk.organization, "+12125550111", NOW,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO shift (id, organization_id, team_id, staff_id, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6)",
        uuid7(), desk.organization, patient.team_id, nurse, NOW - DAY, NOW + DAY,
    )  # fmt: skip
    device, _ = await lend_device(owner, desk.organization, patient.id, NOW - 9 * DAY)
    return device


async def send(bridge_db: Database, device: str, entry: dict[str, Any]) -> reading.Outcome:
    payload = json.dumps(entry).encode()
    async with bridge_db.transaction(BRIDGE) as db:
        one = Publish(sender=device, topic=f"careloop/v1/{device}/readings", payload=payload)
        return await reading.handle(db, [one], NOW, TOLD)
