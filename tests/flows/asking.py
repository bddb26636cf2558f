"""A patient in crisis on a clock of the test's own: readings, answers, the confirm loop, and what came of it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import confirm, reply
from server.flows.page import Told
from server.monitoring import confirmations
from tests.flows.test_reading import publish, send
from tests.world import FIELD_KEY, NEVER_WAIT, World

WORKER = Who(principal="service:worker")
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
MINUTE = timedelta(minutes=1)


class Scene(msgspec.Struct, kw_only=True):
    """One patient of the world; `now` is moved by the test."""

    world: World
    owner: Any
    bridge_db: Database
    worker_db: Database
    now: datetime
    seq: int = 0

    async def measures(self, systolic: int, diastolic: int = 80, *, ago: timedelta = timedelta(0), **more: Any) -> None:
        await self.sends(self.pressure(systolic, diastolic, ago=ago, **more))

    def pressure(
        self, systolic: int, diastolic: int = 80, *, ago: timedelta = timedelta(0), **more: Any
    ) -> dict[str, Any]:
        return self.entry(kind="blood_pressure", systolic=systolic, diastolic=diastolic, ago=ago, **more)

    def entry(self, *, ago: timedelta = timedelta(0), **values: Any) -> dict[str, Any]:
        self.seq += 1
        return {"seq": self.seq, "measured_at": (self.now - ago).isoformat(), **values}

    async def sends(self, *entries: dict[str, Any]) -> None:
        await send(self.bridge_db, publish(self.world, *entries), now=self.now)

    async def writes(self, words: str, sid: str | None = None) -> bool:
        text = Inbound(
            sid=sid or f"SM{uuid7()}", from_number=self.world.patient_phone, to_number=self.world.sender, body=words
        )
        return await reply.handle(self.worker_db, WORKER, self.world.organization, text, self.now, TOLD)

    async def looks(self, after: timedelta = timedelta(0)) -> int:
        """The worker's loop, so much later."""
        self.now += after
        return await confirm.watch(self.worker_db, WORKER, self.now, TOLD)

    async def may_wait(self, minutes: int = 5, *, programme: uuid.UUID | None = None, approved: bool = True) -> None:
        """A version of the programme lets the page wait."""
        await self.owner.execute(
            """INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author,
                   page_waits_minutes, approved_by, approved_at, valid_from)
               VALUES ($1, $2, $3, 1, 'test', 'test', 'test', $4, $5, $6, $7)""",
            uuid7(), self.world.organization, programme or self.world.programme, minutes,
            "Dr" if approved else None, self.now - timedelta(days=1) if approved else None,
            self.now - timedelta(days=2),
        )  # fmt: skip

    async def enrol(self, code: str, *, left: datetime | None = None) -> uuid.UUID:
        made = uuid7()
        await self.owner.execute("INSERT INTO programme VALUES ($1, $2, $3, $3)", made, self.world.organization, code)
        await self.owner.execute(
            "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, $6)",
            uuid7(), self.world.organization, self.world.patient, made, self.now - timedelta(days=90), left,
        )  # fmt: skip
        return made

    async def text_is(self, status: str, reason: str | None = None) -> None:
        await self.owner.execute(
            "UPDATE message SET status = $1, reason = $2 WHERE wording LIKE 'ask\\_%'", status, reason
        )

    async def pages(self) -> list[str]:
        rows = await self.owner.fetch("SELECT wording FROM message WHERE purpose = 'page' ORDER BY created_at, id")
        return [row["wording"] for row in rows]

    async def texts(self) -> list[str]:
        rows = await self.owner.fetch(
            "SELECT wording FROM message WHERE purpose <> 'page' AND patient_id IS NOT NULL ORDER BY created_at, id"
        )
        return [row["wording"] for row in rows]

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.owner.fetch("SELECT state FROM confirmation ORDER BY asked_at, id")]

    async def waits(self) -> bool:
        return bool(await self.owner.fetchval("SELECT count(*) FROM alert WHERE page_not_before IS NOT NULL"))

    async def alert(self) -> tuple[str, str]:
        row = await self.owner.fetchrow("SELECT severity, status FROM alert ORDER BY opened_at LIMIT 1")
        return row["severity"], row["status"]


async def judges_temperature(scene: Scene) -> None:
    """`bp_low` of the world becomes the rule of high and low temperatures."""
    version = scene.world.versions["bp_low"]
    await scene.owner.execute("UPDATE rule SET code = 'temperature', vital = 'temperature' WHERE code = 'bp_low'")
    await scene.owner.execute("DELETE FROM rule_limit WHERE rule_version_id = $1", version)
    await scene.owner.executemany(
        "INSERT INTO rule_limit VALUES ($1, $2, 'temperature_c', $3, 'high', $4)",
        [(version, scene.world.organization, side, value) for side, value in (("above", 39), ("below", 35))],
    )


async def said(scene: Scene) -> list[str]:
    """What the worklist says of the first alert's asking, without the times."""
    alert = await scene.owner.fetchval("SELECT id FROM alert ORDER BY opened_at LIMIT 1")
    async with scene.worker_db.transaction(WORKER) as db:
        lines = (await confirmations.told(db, [alert])).get(alert, [])
    return [line.kind for line in lines]
