"""A text of which nobody knows whether it left ends with a person; if it does not, the auditor says so."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from notifications.gateways.log import LogGateway
from notifications.reconcile import reconcile
from server.auditing import rounds
from server.auditor import pace_of
from server.db.ids import uuid7
from server.db.pool import Database
from server.outreach.tasks import open_task
from server.settings import Settings
from server.worker import raise_alarm
from tests.auditing.test_rounds import AUDITOR
from tests.texting import NOON, answer, put, transactions
from tests.world import World

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("outcome", ["rejected", "unknown"])
async def test_a_text_that_stays_unknown_is_noticed_until_a_person_has_it(
    worker_db: Database, auditor_db: Database, world: World, owner: Any, outcome: str
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await owner.execute("UPDATE message SET status = 'unknown', reason = 'no_answer', claimed_at = $1", NOON)
    await owner.execute(
        "INSERT INTO attempt (id, organization_id, message_id, provider, started_at, outcome)"
        " VALUES ($1, $2, $3, 'twilio', $4, $5)", uuid7(), world.organization, text.id, NOON, outcome,
    )  # fmt: skip
    assert await undecided(auditor_db, NOON + 19 * MINUTE) == 0
    assert await undecided(auditor_db, NOON + 21 * MINUTE) == 1
    await reconcile(transactions(worker_db), LogGateway(), raise_alarm, lambda: NOON + 21 * MINUTE, open_task)
    assert await owner.fetchval("SELECT subject FROM task WHERE kind = 'text_unresolved'") == str(text.id)
    assert await undecided(auditor_db, NOON + 22 * MINUTE) == 0


async def undecided(database: Database, now: datetime) -> int:
    async with database.transaction(AUDITOR) as db:
        troubles = (await rounds.look(db, now)).troubles
    return sum(one.kind == "undecided" for one in troubles)


@pytest.mark.parametrize(("seconds", "minutes"), [(900, 20), (3600, 65)])
def test_the_auditor_waits_as_long_as_the_worker_asks(settings: Settings, seconds: int, minutes: int) -> None:
    told = msgspec.structs.replace(settings, unresolved_seconds=seconds)
    assert pace_of(told).undecided == minutes * MINUTE
