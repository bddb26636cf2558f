"""What patients write, over a signed webhook, and what comes of it: once each."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from notifications import replies
from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reply
from server.people.phones import phone_hash
from tests.texting import NOON, WORKER, Phones, answer, message, phones, put, send_all
from tests.world import FIELD_KEY, NEVER_WAIT, World

__all__ = ["phones"]
TOLD = reply.Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)


async def queued(owner: Any) -> list[str]:
    rows = await owner.fetch("SELECT wording FROM message WHERE purpose <> 'reminder' ORDER BY created_at, id")
    return [row["wording"] for row in rows]


async def alarms(owner: Any) -> list[tuple[str, str]]:
    rows = await owner.fetch("SELECT kind, severity FROM alarm ORDER BY kind")
    return [(row["kind"], row["severity"]) for row in rows]


async def opted_out(owner: Any) -> bool:
    return bool(await owner.fetchval("SELECT count(*) FROM opt_out WHERE ended_at IS NULL"))


async def open_gap(owner: Any, world: World, *, touched: bool = True, measure: str = "CMS125") -> Any:
    gap = uuid7()
    await owner.execute(
        "INSERT INTO gap (id, organization_id, patient_id, measure, period_start, period_end, opened_at)"
        " VALUES ($1, $2, $3, $4, '2026-01-01', '2026-12-31', $5)",
        gap, world.organization, world.patient, measure, NOON,
    )  # fmt: skip
    if touched:
        text = uuid7()
        await owner.execute(
            """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, to_number, to_hash, wording,
                   wording_version, language, body, status, not_before, created_at, claimed_at)
               VALUES ($1, $2, 'reminder', gen_random_uuid()::text, $3, $4, $5, 'reminder_screening', 1, 'en', 'x', 'sent', $6, $6, $6)""",
            text, world.organization, world.patient, world.patient_phone, phone_hash(FIELD_KEY, world.patient_phone),
            NOON,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO touch VALUES ($1, $2, $3, $4, $5, $6)",
            uuid7(), world.organization, world.patient, gap, text, NOON,
        )  # fmt: skip
    return gap


async def gap_status(owner: Any, gap: Any) -> str:
    return str(await owner.fetchval("SELECT status FROM gap WHERE id = $1", gap))


async def test_stop_ends_every_text_and_is_confirmed_by_the_carrier_alone(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    assert await phones.write(world.patient_phone, "Stop") == 200
    assert await opted_out(owner)
    await put(worker_db, answer(world), answer(world, purpose="safety"))
    await send_all(worker_db, phones.gateway())
    assert phones.texts(world.patient_phone) == []
    rows = await owner.fetch("SELECT status, reason FROM message")
    assert {(row["status"], row["reason"]) for row in rows} == {("suppressed", "opted_out")}


@pytest.mark.parametrize("words", ["STOP PLEASE", "PARAR", "please stop texting me", "no me manden mensajes"])
async def test_an_opt_out_in_own_words_is_confirmed_once_and_then_nothing_more(
    worker_db: Database, phones: Phones, world: World, owner: Any, words: str
) -> None:
    for _ in range(3):
        await phones.write(world.patient_phone, words)
    await send_all(worker_db, phones.gateway(), await now_of(owner))
    await put(worker_db, answer(world))
    await send_all(worker_db, phones.gateway())
    assert len(phones.texts(world.patient_phone)) == 1
    assert await queued(owner) == ["opt_out_confirmed", "test"] or await queued(owner) == ["test", "opt_out_confirmed"]


async def now_of(owner: Any) -> Any:
    return await owner.fetchval("SELECT now() + interval '1 second'")


async def test_an_opt_out_that_could_not_be_confirmed_in_five_minutes_is_not_confirmed_at_night(
    web_db: Database, worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid="SM1", from_number=world.patient_phone, to_number=world.sender, body="please stop texting me")
    await reply.handle(web_db, who, world.organization, text, NOON, TOLD)
    await owner.execute("UPDATE message SET not_before = $1", NOON + timedelta(minutes=5))
    await send_all(worker_db, phones.gateway(), NOON + timedelta(minutes=5))
    assert phones.texts(world.patient_phone) == []
    assert tuple(await owner.fetchrow("SELECT status, reason FROM message")) == ("suppressed", "too_late")


@pytest.mark.parametrize(("late", "texts"), [(timedelta(minutes=4), 1), (timedelta(minutes=5), 0)])
async def test_the_five_minutes_count_from_the_text_though_a_crash_came_between(
    worker_db: Database, phones: Phones, world: World, owner: Any, late: timedelta, texts: int
) -> None:
    await owner.execute(
        "INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, received_at)"
        " VALUES ($1, $2, 'SM8', $3, $4, $5, 'stop texting me', 'other', $6)",
        uuid7(), world.organization, phone_hash(FIELD_KEY, world.patient_phone), world.patient_phone, world.sender, NOON,
    )  # fmt: skip
    assert await reply.act(worker_db, WORKER, "SM8", NOON + late, TOLD)
    await send_all(worker_db, phones.gateway(), NOON + late)
    assert len(phones.texts(world.patient_phone)) == texts


async def test_start_lets_texts_through_again(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await phones.write(world.patient_phone, "STOP")
    await phones.write(world.patient_phone, "START")
    assert not await opted_out(owner)
    assert await queued(owner) == []  # the carrier confirms both
    await put(worker_db, answer(world))
    await send_all(worker_db, phones.gateway())
    assert len(phones.texts(world.patient_phone)) == 1


async def test_staff_who_stop_are_paged_no_more_and_that_is_loud(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write(world.nurse_phone, "STOP")
    await put(worker_db, message(world))
    await send_all(worker_db, phones.gateway())
    assert phones.texts(world.nurse_phone) == []
    assert ("page_failed", "high") in await alarms(owner)


async def test_help_is_answered(worker_db: Database, phones: Phones, world: World, owner: Any) -> None:
    await phones.write(world.patient_phone, "HELP")
    await send_all(worker_db, phones.gateway(), await now_of(owner))
    [text] = phones.texts(world.patient_phone)
    assert "911" in text.body
    assert "STOP" in text.body


async def test_an_answer_comes_in_the_patients_language(phones: Phones, world: World, owner: Any) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    await phones.write(world.patient_phone, "ayuda")
    assert "recordatorios" in await owner.fetchval("SELECT body FROM message")


async def test_done_puts_the_gap_last_texted_about_to_awaiting_evidence(
    phones: Phones, world: World, owner: Any
) -> None:
    never = await open_gap(owner, world, touched=False, measure="CMS130")
    gap = await open_gap(owner, world)
    await phones.write(world.patient_phone, "Done!")
    assert await gap_status(owner, gap) == "awaiting_evidence"
    assert await owner.fetchval("SELECT reported_at IS NOT NULL FROM gap WHERE id = $1", gap)
    assert await gap_status(owner, never) == "open"
    assert await queued(owner) == ["after_done"]
    assert await owner.fetchval("SELECT gap_id FROM reply") == gap


async def test_done_with_nothing_asked_goes_to_a_person(phones: Phones, world: World, owner: Any) -> None:
    await phones.write(world.patient_phone, "DONE")
    assert await queued(owner) == ["answer_time"]
    assert await alarms(owner) == [("patient_message", "low")]


async def test_not_done_yet_leaves_the_gap_open(phones: Phones, world: World, owner: Any) -> None:
    gap = await open_gap(owner, world)
    await phones.write(world.patient_phone, "I have not done it yet")
    assert await gap_status(owner, gap) == "open"


async def test_danger_tells_the_patient_the_worklist_and_the_nurse_at_once(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write(world.patient_phone, "I have chest pain")
    assert await alarms(owner) == [("patient_in_danger", "high")]
    await send_all(worker_db, phones.gateway(), await now_of(owner))
    assert "911" in phones.texts(world.patient_phone)[0].body
    [page] = phones.texts(world.nurse_phone)
    assert "chest" not in page.body


async def test_danger_and_an_opt_out_in_one_text_are_both_acted_on(
    worker_db: Database, phones: Phones, world: World, owner: Any
) -> None:
    await phones.write(world.patient_phone, "I can't breathe. Stop texting me")
    assert await opted_out(owner)
    assert await alarms(owner) == [("patient_in_danger", "high")]
    await send_all(worker_db, phones.gateway(), await now_of(owner))
    [text] = phones.texts(world.patient_phone)
    assert "911" in text.body
    assert "no more texts" in text.body
    assert len(phones.texts(world.nurse_phone)) == 1


@pytest.mark.parametrize(
    ("words", "kind"), [("C", "patient_wants_call"), ("wrong number", "wrong_number"), ("hm?", "patient_message")]
)
async def test_what_needs_a_person_reaches_one(phones: Phones, world: World, owner: Any, words: str, kind: str) -> None:
    await phones.write(world.patient_phone, words)
    assert await alarms(owner) == [(kind, "low")]


async def test_a_number_nobody_knows_can_still_stop(phones: Phones, world: World, owner: Any) -> None:
    assert await phones.write("+12125559999", "STOP") == 200
    assert await opted_out(owner)
    assert await owner.fetchval("SELECT patient_id FROM reply") is None


async def test_the_same_text_delivered_many_times_at_once_is_acted_on_once(
    web_db: Database, world: World, owner: Any
) -> None:
    gap = await open_gap(owner, world)
    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid="SM7", from_number=world.patient_phone, to_number=world.sender, body="DONE")
    acted = await asyncio.gather(*(reply.handle(web_db, who, world.organization, text, NOON, TOLD) for _ in range(6)))
    assert sorted(acted) == [False] * 5 + [True]
    assert await gap_status(owner, gap) == "awaiting_evidence"
    assert await queued(owner) == ["after_done"]
    assert await owner.fetchval("SELECT count(*) FROM reply") == 1


async def test_a_text_that_was_stored_before_a_crash_is_acted_on_afterwards(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await owner.execute(
        "INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, received_at)"
        " VALUES ($1, $2, 'SM8', $3, $4, $5, 'stop texting me', 'opt_out', $6)",
        uuid7(), world.organization, phone_hash(FIELD_KEY, world.patient_phone), world.patient_phone, world.sender, NOON,
    )  # fmt: skip
    assert await reply.act(worker_db, WORKER, "SM8", NOON, TOLD)
    assert not await reply.act(worker_db, WORKER, "SM8", NOON, TOLD)
    assert await opted_out(owner)


async def test_a_text_is_kept_and_read_by_a_person_when_the_classifier_is_damaged(
    phones: Phones, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(_: str) -> frozenset[str]:
        raise ValueError("The weights of the classifier are damaged.")

    monkeypatch.setattr(replies, "heard", damaged)
    assert await phones.write(world.patient_phone, "my chest hurts") == 200
    assert await phones.write(world.patient_phone, "STOP") == 200
    assert await alarms(owner) == [
        ("patient_in_danger", "high"), ("patient_message", "low"), ("texts_half_understood", "high")
    ]  # fmt: skip
    assert await opted_out(owner)
    assert await owner.fetchval("SELECT count(*) FROM reply WHERE handled_at IS NOT NULL") == 2


async def test_a_text_is_stored_before_anybody_tries_to_understand_it(
    web_db: Database, world: World, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid="SM9", from_number=world.patient_phone, to_number=world.sender, body="help")
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr(replies, "classify", fails)
        await reply.handle(web_db, who, world.organization, text, NOON, TOLD)
    assert await reply.act(web_db, who, "SM9", NOON, TOLD)
    assert await owner.fetchval("SELECT meaning FROM reply") == "help"


async def test_the_audit_says_that_a_reply_was_acted_on_without_its_words(
    phones: Phones, world: World, owner: Any
) -> None:
    await phones.write(world.patient_phone, "hello there")
    row = await owner.fetchrow("SELECT action, principal, patient_id, detail::text FROM audit")
    assert (row["action"], row["principal"], row["patient_id"]) == ("reply.other", "service:twilio", world.patient)
    assert "hello" not in row["detail"]


async def test_a_patient_of_another_organization_with_the_same_phone_is_not_touched(
    phones: Phones, world: World, other_world: World, owner: Any
) -> None:
    await owner.execute(
        "UPDATE patient SET phone = $1, phone_hash = $2 WHERE id = $3",
        world.patient_phone, phone_hash(FIELD_KEY, world.patient_phone), other_world.patient,
    )  # fmt: skip
    await phones.write(world.patient_phone, "hm")
    rows = await owner.fetch("SELECT organization_id, patient_id FROM reply")
    assert [(row["organization_id"], row["patient_id"]) for row in rows] == [(world.organization, world.patient)]
    assert await owner.fetchval("SELECT count(*) FROM alarm WHERE organization_id = $1", other_world.organization) == 0
