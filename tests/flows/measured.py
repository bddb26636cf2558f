"""A patient whose weeks are played: rules over a series made for the world, readings sent on the patient's own clock."""

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from devices.intake import Publish
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reading, series
from server.flows.page import Told
from server.monitoring import parameters, windows
from server.monitoring.parameters import Parameters
from tests.flows.test_reading import publish
from tests.world import FIELD_KEY, NEVER_WAIT, World

BRIDGE, WORKER = Who(principal="service:bridge"), Who(principal="service:worker")
TOLD = Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
ZONE = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
MONDAY = windows.block(datetime.now(UTC).date() - 42 * DAY)  # a block begins; all that is played is over by now

Levels = Sequence[tuple[str, str, str, float]]


def on(day: int, hour: int = 8, minute: int = 0) -> datetime:
    """The moment of a wall clock at the patient's, days counted from the Monday."""
    return datetime.combine(date_of(day), time(hour, minute), tzinfo=ZONE).astimezone(UTC)


def date_of(day: int) -> date:
    return MONDAY + day * DAY


def bp(at: datetime, systolic: float, diastolic: float = 70, **more: Any) -> dict[str, Any]:
    return {
        "kind": "blood_pressure", "measured_at": at.isoformat(), "systolic": systolic, "diastolic": diastolic, **more,
    }  # fmt: skip


def weight(at: datetime, kg: float) -> dict[str, Any]:
    return {"kind": "weight", "measured_at": at.isoformat(), "weight": kg, "unit": "kg"}


def sugar(at: datetime, mgdl: float) -> dict[str, Any]:
    return {"kind": "glucose", "measured_at": at.isoformat(), "glucose": mgdl, "unit": "mg/dL"}


async def send(bridge_db: Database, world: World, now: datetime, *entries: Any, sender: str | None = None) -> None:
    async with bridge_db.transaction(BRIDGE) as db:
        await reading.handle(db, [message(world, *entries, sender=sender)], now, TOLD)


def message(world: World, *entries: Any, sender: str | None = None) -> Publish:
    return publish(world, *entries, sender=sender)


async def watch(worker_db: Database, now: datetime) -> int:
    return await series.watch(worker_db, WORKER, now, TOLD)


async def give_rule(
    owner: Any, world: World, code: str, vital: str, what: Parameters, levels: Levels = (), since: datetime | None = None
) -> uuid.UUID:  # fmt: skip
    """A rule of the world's programme; its version."""
    made, version = uuid7(), uuid7()
    kind = str(what.__struct_config__.tag)
    await owner.execute(
        "INSERT INTO rule (id, organization_id, code, name, vital, kind) VALUES ($1, $2, $3, $3, $4, $5)",
        made, world.organization, code, vital, kind,
    )  # fmt: skip
    await owner.execute(
        """INSERT INTO rule_version (id, organization_id, rule_id, version, explains, source, author, valid_from, parameters)
           VALUES ($1, $2, $3, 1, 'A test rule', 'tests', 'tests', $4, $5)""",
        version, world.organization, made, since or on(-300), parameters.encode(what),
    )  # fmt: skip
    await owner.executemany(
        "INSERT INTO rule_limit VALUES ($1, $2, $3, $4, $5, $6)",
        [(version, world.organization, *level) for level in levels],
    )
    await owner.execute("INSERT INTO programme_rule VALUES ($1, $2, $3)", world.programme, made, world.organization)
    return version


async def expect(owner: Any, world: World, vital: str, *spans: tuple[int, int], since: datetime | None = None) -> None:
    """The world's programme expects a measurement in each of these hours, daily."""
    version = await owner.fetchval("SELECT id FROM programme_version WHERE programme_id = $1", world.programme)
    if version is None:
        version = uuid7()
        await owner.execute(
            """INSERT INTO programme_version (id, organization_id, programme_id, version, explains, source, author,
                   valid_from) VALUES ($1, $2, $3, 1, 'A test programme', 'tests', 'tests', $4)""",
            version, world.organization, world.programme, since or on(-300),
        )  # fmt: skip
    for opens, closes in spans:
        await owner.execute(
            "INSERT INTO expected_measurement (programme_version_id, organization_id, vital, opens, closes)"
            " VALUES ($1, $2, $3, $4::text::time, $5::text::time)",
            version, world.organization, vital, f"{opens}:00", f"{closes}:00",
        )  # fmt: skip


FOUND = """
    SELECT u.code, f.anchor, f.severity, f.metric, f.value, f.limit_value, f.age, f.why, f.measured_at,
           f.superseded_at IS NOT NULL AS over, f.alert_id,
           (SELECT count(*) FROM finding_evidence e WHERE e.finding_id = f.id AND e.superseded_at IS NULL) AS rests
      FROM finding f JOIN rule u ON u.id = f.rule_id WHERE u.kind <> 'crossing' ORDER BY f.measured_at, u.code
"""


async def found(owner: Any) -> list[Any]:
    """Findings of rules over a series that hold."""
    return [row for row in await owner.fetch(FOUND) if not row["over"]]


async def alert(owner: Any, code: str) -> Any:
    """The newest alert of a rule."""
    return await owner.fetchrow(
        "SELECT a.* FROM alert a JOIN rule u ON u.id = a.rule_id WHERE u.code = $1 ORDER BY a.opened_at DESC, a.id DESC",
        code,
    )
