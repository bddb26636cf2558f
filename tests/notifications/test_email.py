"""E-mails through a real SMTP conversation with a small server of our own: once, honestly, and left with one click."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest

from notifications import post
from notifications.gateways.email import EmailGateway
from notifications.messages import Message
from server.db.pool import Database, Who
from server.errors import BadSetting
from server.flows import post as rounds
from server.flows import remind
from server.outreach import tasks
from server.people import letters
from server.settings import load
from server.worker import raise_alarm
from tests.flows.test_remind import rule
from tests.outreach.reaching import agrees, cannot_text, hashed, opts_out, point
from tests.texting import NOON, WORKER, answer, free_port, measure, put, status_of, transactions
from tests.web.conftest import Client, app, client
from tests.web.people import patient_login
from tests.world import World

__all__ = ["app", "client"]
ADDRESS = "pat@example.org"


class MailServer:
    """Speaks SMTP (RFC 5321) as far as a client's one letter needs it; `mishap` is what it does instead, once."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, EmailMessage]] = []
        self.mishap: str | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = recipient = ""
        writer.write(b"220 mail.example ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if self.mishap == f"hang up at {verb}":
                return
            reply = self.mishap.partition(" at ")[0] + " no" if self.mishap and self.mishap.endswith(verb) else "250 ok"
            if verb == "MAIL":
                sender = line.partition(":")[2].split()[0].strip("<>")
            elif verb == "RCPT":
                recipient = line.partition(":")[2].strip("<> ")
            elif verb == "DATA" and reply == "250 ok":
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-5]
                letter = cast("EmailMessage", message_from_bytes(body, policy=policy.default))
                self.letters.append((sender, recipient, letter))
                if self.mishap == "hang up after the text":
                    return
            writer.write(f"{reply}\r\n".encode())


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[MailServer, EmailGateway]]:
    mail, port = MailServer(), free_port()
    server = await asyncio.start_server(mail.talk, "127.0.0.1", port)
    try:
        yield mail, EmailGateway(f"smtp://127.0.0.1:{port}", "Aspen <care@aspen.example>", "https://aspen.example", 3)
    finally:
        server.close()


async def send(worker_db: Database, gateway: EmailGateway, at: timedelta = timedelta(0)) -> int:
    def clock() -> Any:
        return NOON + at

    sender = rounds.sender_of(worker_db, WORKER, gateway, raise_alarm, clock)
    return await rounds.send_all(worker_db, WORKER, sender, clock, "")


def letter(world: World, **changes: Any) -> Message:
    fixed = {"channel": "email", "to_number": ADDRESS, "to_hash": hashed(ADDRESS), "body": "Aspen Health: a test."}
    return answer(world, **(fixed | changes))


async def test_a_letter_is_plain_names_only_the_clinic_and_can_be_left_with_one_click(
    worker_db: Database, world: World, owner: Any
) -> None:
    one = letter(world)
    await put(worker_db, one)
    async with mail_server() as (mail, gateway):
        assert await send(worker_db, gateway) == 1
        assert await send(worker_db, gateway) == 0
    [(sender, recipient, found)] = mail.letters
    attempt = await owner.fetchval("SELECT id FROM attempt")
    leave = f"https://aspen.example/unsubscribe/{attempt}"
    assert (sender, recipient, found["Subject"]) == ("care@aspen.example", ADDRESS, "Aspen Health")
    assert found.get_content_type() == "text/plain"
    assert found.get_content().splitlines() == ["Aspen Health: a test.", "-- ", leave]
    assert (found["List-Unsubscribe"], found["List-Unsubscribe-Post"]) == (f"<{leave}>", "List-Unsubscribe=One-Click")
    assert await status_of(owner, one) == ("sent", None)


MISHAPS: list[tuple[str, tuple[str, str], int]] = [
    ("550 5.7.1 at RCPT", ("failed", "smtp_550"), 0), ("550 at DATA", ("failed", "smtp_550"), 0),
    ("451 at MAIL", ("queued", "smtp_451"), 1), ("421 at DATA", ("queued", "smtp_421"), 1),
    ("hang up at EHLO", ("queued", "no_connection"), 1), ("hang up at RCPT", ("queued", "no_connection"), 1),
    ("hang up after the text", ("unknown", "SMTPServerDisconnected"), 0),
]  # fmt: skip


async def test_only_what_certainly_did_not_leave_is_tried_again(worker_db: Database, world: World, owner: Any) -> None:
    for mishap, status, again in MISHAPS:
        one = letter(world)
        await put(worker_db, one)
        async with mail_server() as (mail, gateway):
            mail.mishap = mishap
            await send(worker_db, gateway)
            assert (mishap, await status_of(owner, one)) == (mishap, status)
            mail.mishap = None
            before = len(mail.letters)
            await send(worker_db, gateway, timedelta(hours=1))
        assert (mishap, len(mail.letters) - before) == (mishap, again)
    one = letter(world)
    await put(worker_db, one)
    await send(worker_db, EmailGateway(f"smtp://127.0.0.1:{free_port()}", "a@b.example", "https://x.example", 3))
    assert await status_of(owner, one) == ("queued", "no_connection")  # nobody listens


async def test_doubt_about_a_letter_ends_as_a_persons_task(worker_db: Database, world: World, owner: Any) -> None:
    await put(worker_db, letter(world))
    async with mail_server() as (mail, gateway):
        mail.mishap = "hang up after the text"
        await send(worker_db, gateway)
    for minutes, found in ((14, 0), (16, 1), (30, 0)):
        later = NOON + timedelta(minutes=minutes)
        assert await post.give_up(transactions(worker_db), lambda at=later: at, tasks.open_task) == found
    assert await owner.fetchval("SELECT kind FROM task") == "text_unresolved"


async def test_a_reminder_goes_by_e_mail_where_no_text_can_and_never_after_leaving(
    worker_db: Database, world: World, owner: Any, client: Client
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "email")
    await point(owner, world, "email", ADDRESS)
    await rule(owner, world, after=1)
    await measure(owner, world, NOON - timedelta(days=10))
    async with mail_server() as (mail, gateway):
        await day(worker_db, gateway, timedelta(0))
        [(_, _, found)] = mail.letters
        assert "we have not received all your measurements" in found.get_content()
        assert "STOP" not in found.get_content()
        attempt = await owner.fetchval("SELECT id FROM attempt")
        assert "Stop these e-mails" in (await client.get(f"/unsubscribe/{attempt}")).text
        for _ in range(2):
            left = await client.post(f"/unsubscribe/{attempt}", data={"List-Unsubscribe": "One-Click"})
            assert left.status_code == 200
        assert [tuple(r) for r in await owner.fetch("SELECT sender_number, via FROM opt_out")] == [
            (f"email:{world.organization}", "email")
        ]
        await day(worker_db, gateway, timedelta(days=2))
        assert len(mail.letters) == 1
    assert await owner.fetchval("SELECT kind FROM task") == "unreachable"


async def test_a_dead_address_is_remembered_a_person_is_asked_and_the_next_way_is_taken(
    worker_db: Database, world: World, owner: Any
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "email")
    for address in (ADDRESS, "daughter@example.org"):
        await point(owner, world, "email", address)
    await rule(owner, world, after=1)
    await measure(owner, world, NOON - timedelta(days=10))
    async with mail_server() as (mail, gateway):
        mail.mishap = "550 5.1.1 at RCPT"
        await day(worker_db, gateway, timedelta(0))
        mail.mishap = None
        assert [row["reason"] for row in await owner.fetch("SELECT reason FROM message")] == ["smtp_rcpt_550"]
        task = await owner.fetchrow("SELECT kind, patient_id, says FROM task")
        assert (task["kind"], task["patient_id"]) == ("bad_number", world.patient)
        assert "no such mailbox" in task["says"]
        assert ADDRESS not in task["says"]
        still = letter(world)
        await put(worker_db, still)
        await day(worker_db, gateway, timedelta(days=2))
        assert [recipient for _, recipient, _ in mail.letters] == ["daughter@example.org"]
        assert await status_of(owner, still) == ("suppressed", "cannot_text")


async def day(worker_db: Database, gateway: EmailGateway, after: timedelta) -> None:
    origin = remind.From(public_url="https://aspen.example", default_sender="", by_email=True)
    async with worker_db.transaction(WORKER) as db:
        await remind.plan(db, NOON + after)
    async with worker_db.transaction(WORKER) as db:
        await remind.queue_due(db, NOON + after, origin)
    await send(worker_db, gateway, after)


async def test_an_address_of_nobodys_letter_says_the_same(client: Client, owner: Any) -> None:
    nobodys = await client.post("/unsubscribe/01a20000-0000-7000-8000-000000000000")
    assert (nobodys.status_code, "no more e-mails" in nobodys.text) == (200, True)
    assert await owner.fetchval("SELECT count(*) FROM opt_out") == 0


async def test_without_a_mail_server_no_reminder_chooses_e_mail(worker_db: Database, world: World, owner: Any) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await agrees(owner, world, "email")
    await point(owner, world, "email", ADDRESS)
    await rule(owner, world)
    await measure(owner, world, NOON - timedelta(days=10))
    async with worker_db.transaction(WORKER) as db:
        await remind.plan(db, NOON)
        await remind.queue_due(db, NOON, remind.From(public_url="", default_sender=""))
    assert await owner.fetchval("SELECT count(*) FROM message") == 0


async def test_a_message_in_the_portal_is_delivered_by_being_there(
    worker_db: Database, world: World, owner: Any
) -> None:
    await opts_out(owner, world, world.patient_phone)
    await patient_login(owner, world)
    await rule(owner, world)
    await measure(owner, world, NOON - timedelta(days=10))
    async with mail_server() as (mail, gateway):
        await day(worker_db, gateway, timedelta(0))
    row = await owner.fetchrow("SELECT channel, status, body FROM message")
    assert (row["channel"], row["status"], "STOP" in row["body"]) == ("portal", "delivered", False)
    assert mail.letters == []


@pytest.mark.parametrize(("looked", "tasks_open"), [(False, ["unreachable"]), (True, [])])
async def test_who_can_only_be_reached_in_the_portal_and_does_not_look_is_a_persons_task(
    worker_db: Database, web_db: Database, world: World, owner: Any, looked: bool, tasks_open: list[str]
) -> None:
    await cannot_text(owner, world, world.patient_phone)
    await patient_login(owner, world)
    await rule(owner, world, after=1)
    await measure(owner, world, NOON - timedelta(days=10))
    async with mail_server() as (_, gateway):
        await day(worker_db, gateway, timedelta(0))
        assert await owner.fetchval("SELECT channel || ' ' || status FROM message") == "portal delivered"
        if looked:
            async with web_db.transaction(Who(principal="patient:x", organization=world.organization)) as db:
                assert await letters.see(db, world.patient, NOON + timedelta(days=1)) == 1
        await day(worker_db, gateway, timedelta(days=6))
        assert await owner.fetchval("SELECT count(*) FROM task") == 0
        await day(worker_db, gateway, timedelta(days=8))
    assert [row["kind"] for row in await owner.fetch("SELECT kind FROM task")] == tasks_open


def test_the_mail_server_and_the_address_letters_come_from_are_set_together() -> None:
    env = {"DATABASE_URL": "postgresql://a@b/c", "MQTT_URL": "mqtt://b", "CARELOOP_SECRET_KEY": "x" * 32,
           "CARELOOP_FIELD_KEY": "y" * 32}  # fmt: skip
    assert load(env).smtp is None
    both = load({**env, "SMTP_URL": "smtps://u:p@mail.example", "SMTP_FROM": "Aspen <care@aspen.example>"}).smtp
    assert both is not None
    assert both.sender == "Aspen <care@aspen.example>"
    for wrong in ({}, {"SMTP_FROM": "nobody"}, {"SMTP_FROM": "a@b\nBcc: c@d"}):
        with pytest.raises(BadSetting, match="SMTP_FROM"):
            load({**env, "SMTP_URL": "smtp://mail.example", **wrong})
