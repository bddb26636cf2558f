"""What a provider's error code leads to, whether it is said at once or by a report later, of a text or of a call."""

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from notifications import outbox
from notifications.gateways import Accepted, Found, Refused, Result, Text
from notifications.messages import Message
from notifications.reconcile import reconcile
from notifications.refusals import MEANINGS
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import receipt
from server.flows.receipt import Report
from server.outreach.tasks import open_task
from server.worker import raise_alarm
from tests.texting import NOON, WORKER, answer, message, put, send_all, status_of, transactions
from tests.world import World

PUBLISHED = Path(__file__).parents[3] / "shared/fixtures/twilio/keywords_and_errors.json"
TRANSIENT = {20429, 21611, 21617}  # answered with 429 before any meaning is asked; the third is our own bug


class Refusing:
    """A provider that says this code to everything; after `mended` it takes all."""

    name, default_sender = "twilio", ""

    def __init__(self, code: str) -> None:
        self.code, self.mended = code, False
        self.taken: list[Text] = []
        self.found: list[Found] = []

    async def send(self, text: Text) -> Result:
        if not self.mended:
            return Refused(self.code)
        self.taken.append(text)
        return Accepted(uuid.uuid4().hex)

    async def find(self, to_number: str, body: str, since: datetime, channel: str = "sms") -> list[Found] | None:
        return self.found


async def at_once(worker_db: Database, owner: Any, world: World, one: Message, code: str) -> None:
    await put(worker_db, one)
    await send_all(worker_db, Refusing(code))


async def reported(database: Database, owner: Any, world: World, one: Message, code: str) -> None:
    """The provider took it and reports later that it failed."""
    attempt = uuid7()
    async with database.transaction(Who(principal="service:test", organization=world.organization)) as db:
        await outbox.put(db, [one])
        await db.execute("UPDATE message SET status = 'sent' WHERE id = $1", one.id)
        await db.execute(
            "INSERT INTO attempt (id, organization_id, message_id, provider, started_at, outcome, provider_sid)"
            " VALUES ($1, $2, $3, 'twilio', $4, 'accepted', 'SM1')",
            attempt, world.organization, one.id, NOON,
        )  # fmt: skip
        said = Report(sid="SM1", status="undelivered", error_code=code, from_number=world.sender)
        assert await receipt.handle(db, attempt, said, NOON)


async def listed(database: Database, owner: Any, world: World, one: Message, code: str) -> None:
    """Nobody heard what became of it: the provider's list says that it failed, and why."""
    attempt = uuid7()
    async with database.transaction(WORKER) as db:
        await outbox.put(db, [one])
        await db.execute("UPDATE message SET status = 'unknown', reason = 'no_answer' WHERE id = $1", one.id)
        await db.execute(
            "INSERT INTO attempt (id, organization_id, message_id, provider, started_at, outcome)"
            " VALUES ($1, $2, $3, 'twilio', $4, 'unknown')",
            attempt, world.organization, one.id, NOON,
        )  # fmt: skip
    provider = Refusing(code)
    provider.found = [Found(sid=uuid.uuid4().hex, status="undelivered", error_code=code)]
    assert await reconcile(transactions(database), provider, raise_alarm, lambda: NOON, open_task) == 1


async def followed(owner: Any) -> dict[str, Any]:
    """What is known and asked of people now."""
    phone = await owner.fetchrow("SELECT line_type, cannot_text, cannot_call FROM telephone")
    return {
        "opt_outs": await owner.fetchval("SELECT count(*) FROM opt_out WHERE via = 'provider'"),
        "telephone": tuple(phone) if phone else None,
        "tasks": [row["kind"] for row in await owner.fetch("SELECT kind FROM task")],
        "alarms": [tuple(row) for row in await owner.fetch("SELECT kind, subject FROM alarm ORDER BY kind")],
    }


NOTHING: dict[str, Any] = {"opt_outs": 0, "telephone": None, "tasks": [], "alarms": []}
OPERATOR = ("20003", "21408", "21212", "21210", "21606", "21608", "21703", "30002", "30007", "30032", "30034")
ADDRESS = ("smtp_rcpt_550", "smtp_rcpt_551", "smtp_rcpt_553")


def expected(code: str) -> dict[str, Any]:
    if code == "21610":
        return NOTHING | {"opt_outs": 1}
    if code in {"21614", "21635", "30006"}:
        return NOTHING | {"telephone": ("landline", code, None), "tasks": ["bad_number"]}
    if code in {"21211", "21217", "13224", "21214", "21612", "30004", "30005", *ADDRESS}:
        return NOTHING | {"telephone": ("unknown", code, None), "tasks": ["bad_number"]}
    if code in OPERATOR:
        return NOTHING | {"alarms": [("texts_not_leaving", code)]}
    return NOTHING


async def forget(owner: Any) -> None:
    for table in ("telephone", "task", "alarm", "opt_out", "receipt", "attempt", "message"):
        await owner.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("way", [at_once, reported, listed], ids=["at once", "reported", "listed"])
async def test_each_code_is_drawn_its_consequence_from(
    worker_db: Database, web_db: Database, owner: Any, world: World, way: Any
) -> None:
    for code in [*MEANINGS, "99999"]:
        text = answer(world)
        await way(web_db if way is reported else worker_db, owner, world, text, code)
        assert (code, await followed(owner)) == (code, expected(code))
        kept = way is at_once and code in OPERATOR
        assert await status_of(owner, text) == ("queued" if kept else "failed", code)
        await forget(owner)


async def test_a_call_that_cannot_be_marks_calls_and_not_texts(worker_db: Database, owner: Any, world: World) -> None:
    await at_once(worker_db, owner, world, answer(world, channel="voice"), "21217")
    found = await followed(owner)
    assert (found["telephone"], found["tasks"]) == (("unknown", None, "21217"), ["bad_number"])


@pytest.mark.parametrize("code", ["21211", "21614", "30003", "30006"])
async def test_a_page_marks_no_number_for_the_next_must_be_tried(
    worker_db: Database, owner: Any, world: World, code: str
) -> None:
    page = message(world, patient_id=world.patient)
    await at_once(worker_db, owner, world, page, code)
    found = await followed(owner)
    assert (found["telephone"], found["tasks"], found["alarms"]) == (None, [], [("page_failed", str(page.id))])


async def test_a_telephone_that_was_off_three_times_in_a_row_is_a_task(
    web_db: Database, owner: Any, world: World
) -> None:
    for n, code in enumerate(["30003", "30003", "30008", "30003", "30003"]):
        text = answer(world, created_at=NOON + timedelta(minutes=n))
        await reported(web_db, owner, world, text, code)
        assert await followed(owner) == NOTHING
    last = answer(world, created_at=NOON + timedelta(minutes=9))
    await reported(web_db, owner, world, last, "30003")
    assert await followed(owner) == NOTHING | {"telephone": ("unknown", "30003", None), "tasks": ["bad_number"]}


async def test_what_we_set_wrongly_keeps_the_text_and_says_what_to_do(
    worker_db: Database, owner: Any, world: World
) -> None:
    text, provider = answer(world), Refusing("21606")
    await put(worker_db, text)
    await send_all(worker_db, provider)
    says = await owner.fetchval("SELECT says FROM alarm WHERE kind = 'texts_not_leaving'")
    assert "sender number" in says
    provider.mended = True
    await send_all(worker_db, provider, NOON + timedelta(seconds=11))
    assert len(provider.taken) == 1
    assert await status_of(owner, text) == ("sent", None)


async def test_who_shares_the_number_is_not_texted_either(worker_db: Database, owner: Any, world: World) -> None:
    await at_once(worker_db, owner, world, answer(world), "21614")
    other = answer(world)
    await put(worker_db, msgspec.structs.replace(other, patient_id=None))
    provider = Refusing("21614")
    provider.mended = True
    await send_all(worker_db, provider)
    assert provider.taken == []
    assert await status_of(owner, other) == ("suppressed", "cannot_text")


async def test_no_word_to_people_has_a_number_or_a_name(worker_db: Database, owner: Any, world: World) -> None:
    for code in ("30034", "21211"):
        await at_once(worker_db, owner, world, answer(world), code)
    says = [row["says"] for row in await owner.fetch("SELECT says FROM task UNION ALL SELECT says FROM alarm")]
    assert len(says) == 2
    assert not any(world.patient_phone[1:] in one or "Aspen" in one for one in says)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the shared Twilio fixtures are not on this machine")
def test_every_published_error_of_a_text_has_a_meaning_here() -> None:
    listed = {error["code"] for error in json.loads(PUBLISHED.read_text())["errors"]}
    assert listed - TRANSIENT <= {int(code) for code in MEANINGS if code.isdigit()}
