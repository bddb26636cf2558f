"""A team with everybody a chain can reach, and the moves of its tests on a clock of their own."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import escalate
from server.flows.page import Told
from tests.world import FIELD_KEY, NEVER_WAIT, World

WORKER = Who(principal="service:worker")
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
LASTS = timedelta(minutes=60)
MINUTE = timedelta(minutes=1)


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """The world's nurse is on shift; these come after."""

    world: World
    backup: uuid.UUID
    charge: uuid.UUID
    clinician: uuid.UUID
    admin: uuid.UUID

    def names(self) -> dict[uuid.UUID, str]:
        one = self.world
        return {
            one.nurse: "nurse", self.backup: "backup", self.charge: "charge", self.clinician: "clinician",
            self.admin: "admin",
        }  # fmt: skip


async def make_clinic(owner: Any, world: World) -> Clinic:
    people = {}
    roles = {"backup": "nurse", "charge": "nurse", "clinician": "clinician", "admin": "admin"}
    ids = sorted(uuid7() for _ in roles)  # of one millisecond they come in no order, and the first stands in
    for number, (name, role) in enumerate(roles.items()):
        people[name] = ids[number]
        await owner.execute(
            "INSERT INTO staff (id, organization_id, name, role, phone, created_at) VALUES ($1, $2, $3, $4, $5, now())",
            people[name], world.organization, name.title(), role, f"+1212555050{number}",
        )  # fmt: skip
    for name in ("backup", "charge"):
        await owner.execute("INSERT INTO team_member VALUES ($1, $2, $3)", world.team, people[name], world.organization)
    await owner.execute("UPDATE team SET charge_nurse_id = $2 WHERE id = $1", world.team, people["charge"])
    return Clinic(world=world, **people)


async def open_alert(
    owner: Any, world: World, at: datetime, severity: str = "high", rule: str = "bp_high", age: str = "live"
) -> uuid.UUID:
    """An alert as the bridge leaves it, but without its page."""
    made = uuid7()
    await owner.execute(
        """INSERT INTO alert (id, organization_id, patient_id, rule_id, severity, age, opened_at, last_finding_at,
               finding_count) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)""",
        made, world.organization, world.patient, world.rules[rule], severity, age, at,
    )  # fmt: skip
    return made


async def acknowledge(owner: Any, alert: uuid.UUID, by: uuid.UUID, at: datetime) -> None:
    await owner.execute(
        "UPDATE alert SET status = 'acknowledged', acknowledged_by = $2, acknowledged_at = $3 WHERE id = $1 AND status = 'open'",
        alert, by, at,
    )  # fmt: skip


async def tick(worker_db: Database, now: datetime, lasts: timedelta = LASTS) -> int:
    return await escalate.escalate(worker_db, WORKER, lasts, now, TOLD)


async def paged(owner: Any, clinic: Clinic, since: datetime, channel: str = "sms") -> list[tuple[int, str]]:
    """(minutes since then, who) of each page by text, or by call, in order."""
    names = clinic.names()
    rows = await owner.fetch(
        "SELECT created_at, staff_id FROM message WHERE purpose = 'page' AND channel = $1 ORDER BY created_at, id",
        channel,
    )
    return sorted((round((row["created_at"] - since) / MINUTE), names[row["staff_id"]]) for row in rows)
