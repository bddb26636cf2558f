"""A provider's answer that we write down late, when the text is called unknown already, still counts when it is certain."""

from datetime import timedelta
from typing import Any

import pytest

from notifications import outbox
from notifications.gateways import NotSent, Refused, Result, Text, Unknown, Withheld
from notifications.gateways.log import LogGateway
from notifications.reconcile import put_back, reconcile
from server.db.pool import Database
from server.outreach.tasks import open_task
from server.worker import raise_alarm
from tests.texting import NOON, WORKER, answer, message, put, send_all, sender, status_of, transactions
from tests.world import World

MINUTE = timedelta(minutes=1)


class AnswersLate(LogGateway):
    """Meanwhile somebody else takes the attempt for lost."""

    def __init__(self, database: Database, result: Result, lost_after: timedelta = timedelta(seconds=21)) -> None:
        self._database, self._result, self._lost_after = database, result, lost_after

    async def send(self, text: Text) -> Result:
        work, later = transactions(self._database), NOON + self._lost_after
        await put_back(work, lambda: later)
        await reconcile(work, LogGateway(), raise_alarm, lambda: later, open_task)
        return self._result


@pytest.mark.parametrize(
    ("result", "becomes"),
    [
        (Refused("30008"), ("failed", "30008")),
        (NotSent("too_many_requests", retry_after_s=5), ("queued", "too_many_requests")),
        (NotSent("no_connection"), ("queued", "no_connection")),
        (Refused("30007"), ("queued", "30007")),
        (Withheld("no_gateway"), ("withheld", "no_gateway")),
        (Unknown("TimeoutError"), ("unknown", "no_answer")),
    ],
)
async def test_a_certain_answer_settles_what_was_called_unknown(
    worker_db: Database, world: World, owner: Any, result: Result, becomes: tuple[str, str]
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await send_all(worker_db, AnswersLate(worker_db, result))
    assert await status_of(owner, text) == becomes
    doubtful = await doubted(worker_db)
    assert (text.id in doubtful) == (becomes[0] == "unknown"), "what is unknown is asked about, and nothing else is"


async def doubted(database: Database) -> set[Any]:
    async with database.transaction(WORKER) as db:
        return {one.id for one in await outbox.in_doubt(db, "")}


@pytest.mark.parametrize("result", [NotSent("no_connection"), Refused("30007")])
async def test_what_a_person_was_told_of_is_not_sent_again(
    worker_db: Database, world: World, owner: Any, result: Result
) -> None:
    text = answer(world)
    await put(worker_db, text)
    await send_all(worker_db, AnswersLate(worker_db, result, 16 * MINUTE))
    assert await owner.fetchval("SELECT count(*) FROM task WHERE kind = 'text_unresolved'") == 1
    assert await status_of(owner, text) == ("failed", getattr(result, "code", None) or "no_connection")


async def test_a_page_that_was_put_back_meanwhile_does_not_wait_for_the_late_answer(
    worker_db: Database, world: World, owner: Any
) -> None:
    page = message(world)
    await put(worker_db, page)
    await sender(worker_db, AnswersLate(worker_db, NotSent("no_connection"))).send_due()
    assert await owner.fetchval("SELECT outcome FROM attempt") == "rejected"
    assert await status_of(owner, page) == ("queued", "no_answer")
