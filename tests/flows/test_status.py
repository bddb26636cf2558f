"""Monitoring is paused, ended and begun again: what stops, what never stops, and what comes back by itself."""

import asyncio
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from notifications import outbox
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound
from server.flows import acknowledge, baseline, silence, status
from server.flows.status import Asked
from server.people import monitoring_status
from tests.flows import test_remind as reminding
from tests.flows.test_reading import NOW, bp, count, publish, send
from tests.flows.test_resolve_held import another_patient, person_of
from tests.texting import NEW_YORK, NOON, Phones, answer, measure, message, phones, put, send_all, status_of
from tests.world import World

__all__ = ["phones"]
WORKER = Who(principal="service:worker")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def newest(web_db: Database, world: World) -> uuid.UUID | None:
    async with web_db.transaction(person_of(world).who) as db:
        changes = await monitoring_status.history(db, world.patient)
    return changes[0].id if changes else None


async def choose(
    web_db: Database, world: World, to: str, reason: str | None = None, now: datetime = NOW, **more: Any
) -> None:
    """As somebody who has just looked at the page."""
    usual = {"paused": "hospital", "hospice": "hospice_care", "deceased": "in_the_record", "left": "moved_away"}
    asked = Asked(
        status=to, reason=reason or usual.get(to, "returned"), sure=True, seen=await newest(web_db, world), **more  # type: ignore[arg-type]
    )  # fmt: skip
    await status.change(web_db, person_of(world), world.patient, asked, now)


async def undo(web_db: Database, world: World, now: datetime = NOW) -> None:
    await status.undo(web_db, person_of(world), world.patient, await newest(web_db, world), now)


async def standing(owner: Any) -> tuple[str, datetime | None, datetime | None]:
    row = await owner.fetchrow("SELECT monitoring_status, monitoring_until, rebaseline_from FROM patient")
    return tuple(row)


def local_day(days: int) -> date:
    return (datetime.now(NEW_YORK) + days * DAY).date()


async def test_a_pause_is_kept_with_who_why_and_until_and_is_audited(
    web_db: Database, world: World, owner: Any
) -> None:
    await choose(web_db, world, "paused", back_on=local_day(5), note=" knee surgery ")
    until = datetime.combine(local_day(5), time(), NEW_YORK).astimezone(UTC)
    assert await standing(owner) == ("paused", until, None)
    row = await owner.fetchrow("SELECT status, reason, note, until, changed_by, changed_at FROM monitoring_change")
    assert tuple(row) == ("paused", "hospital", "knee surgery", until, f"staff:{world.nurse}", NOW)
    noted = await owner.fetchrow("SELECT action, patient_id, detail FROM audit")
    assert (noted["action"], noted["patient_id"]) == ("patient.status", world.patient)
    assert "knee" not in noted["detail"]


@pytest.mark.parametrize("days", [0, -1, 400])
async def test_a_pause_ends_after_today_and_within_a_year(web_db: Database, world: World, days: int) -> None:
    with pytest.raises(Invalid, match="after today"):
        await choose(web_db, world, "paused", back_on=local_day(days))


@pytest.mark.parametrize(
    ("to", "reason", "more", "says"),
    [
        ("paused", "moved_away", {}, "why"),
        ("paused", "other", {}, "note"),
        ("left", "other", {"note": "  "}, "note"),
        ("active", "mistake", {}, "why"),
    ],
)
async def test_a_reason_belongs_to_its_status_and_another_one_needs_words(
    web_db: Database, world: World, owner: Any, to: str, reason: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        await choose(web_db, world, to, reason, **more)
    assert await count(owner, "monitoring_change") == 0


async def test_nobody_dies_by_a_slip_of_the_hand(web_db: Database, world: World, owner: Any) -> None:
    asked = Asked(status="deceased", reason="in_the_record")
    with pytest.raises(Invalid, match="made sure"):
        await status.change(web_db, person_of(world), world.patient, asked, NOW)
    assert (await standing(owner))[0] == "active"


async def test_of_two_who_decide_at_once_one_is_told_to_look_again(web_db: Database, world: World, owner: Any) -> None:
    choices = [Asked(status="paused", reason="travel"), Asked(status="left", reason="declined")] * 3
    ended = await asyncio.gather(
        *(status.change(web_db, person_of(world), world.patient, one, NOW) for one in choices), return_exceptions=True
    )
    assert sum(one is None for one in ended) == 1
    assert all(isinstance(one, Conflict) for one in ended if one is not None)
    assert await count(owner, "monitoring_change") == 1


async def test_another_organizations_patient_is_not_there(
    web_db: Database, world: World, other_world: World, owner: Any
) -> None:
    asked = Asked(status="paused", reason="travel")
    with pytest.raises(NotFound):
        await status.change(web_db, person_of(world), other_world.patient, asked, NOW)
    assert await count(owner, "audit", "NOT allowed AND action = 'patient.status'") == 1


# Judging never stops --------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["paused", "hospice", "deceased", "left"])
async def test_whatever_the_status_a_crisis_alerts_and_pages(
    web_db: Database, bridge_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones, to: str
) -> None:
    await choose(web_db, world, to)
    await send(bridge_db, publish(world, bp(1, 192, 124)))
    assert await count(owner, "alert", "severity = 'high' AND status = 'open'") == 1
    await send_all(worker_db, phones.gateway(), NOW + timedelta(seconds=1))
    assert len(phones.texts(world.nurse_phone)) == 1
    if to == "deceased":
        assert phones.texts(world.patient_phone) == []


@pytest.mark.parametrize("to", ["paused", "hospice", "deceased", "left"])
async def test_no_reminder_and_no_alarm_of_silence(
    web_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones, to: str
) -> None:
    await reminding.rule(owner, world)
    await choose(web_db, world, to, now=NOON - 10 * DAY)
    await reminding.live(worker_db, phones, NOON - HOUR, NOON + HOUR)
    assert await reminding.reminders(owner) == []
    assert await silence.watch(worker_db, WORKER, 48, NOON) == 0


# Death ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", ["reminder", "answer", "safety", "test"])
async def test_after_a_death_nothing_that_is_queued_reaches_the_patients_number_and_none_of_it_later(
    web_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones, purpose: str
) -> None:
    waiting = answer(world, purpose=purpose)
    page = message(world, patient_id=world.patient)
    await put(worker_db, waiting, page)
    await choose(web_db, world, "deceased")
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, waiting) == ("suppressed", "deceased")
    assert [text.to_number for text in phones.texts()] == [world.nurse_phone]
    await undo(web_db, world)
    assert (await standing(owner))[0] == "active"
    await send_all(worker_db, phones.gateway(), NOON + HOUR)
    assert len(phones.texts()) == 1
    after = answer(world)
    await put(worker_db, after)
    await send_all(worker_db, phones.gateway(), NOON + HOUR)
    assert len(phones.texts(world.patient_phone)) == 1


async def test_a_text_to_the_family_about_the_patient_is_not_sent_either(
    web_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    family = answer(world, to_number="+12125559999", to_hash=b"family", purpose="safety")
    await put(worker_db, family)
    await choose(web_db, world, "deceased")
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, family) == ("suppressed", "deceased")
    assert phones.texts() == []


async def test_somebody_who_shares_the_telephone_still_gets_their_own_texts(
    web_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    spouse = await another_patient(owner, world)
    await choose(web_db, world, "deceased")
    await put(worker_db, answer(world, patient_id=spouse))
    await send_all(worker_db, phones.gateway())
    assert len(phones.texts(world.patient_phone)) == 1


async def test_a_death_between_the_claim_and_the_call_still_stops_the_text(
    web_db: Database, worker_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    """The sender has taken it; the policy is asked again before anybody is called."""
    waiting = answer(world, purpose="safety")
    await put(worker_db, waiting)
    async with worker_db.transaction(WORKER) as db:
        assert len(await outbox.claim(db, NOON, 5)) == 1
    await choose(web_db, world, "deceased")
    await owner.execute("UPDATE message SET status = 'queued'")
    await send_all(worker_db, phones.gateway())
    assert await status_of(owner, waiting) == ("suppressed", "deceased")


async def test_a_planned_reminder_of_somebody_who_died_names_the_reason(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await reminding.rule(owner, world)
    await reminding.tick(worker_db, NOON - timedelta(minutes=90))
    await choose(web_db, world, "deceased")
    await reminding.tick(worker_db, NOON)
    assert await reminding.reminders(owner) == [("suppressed", "deceased")]


# Undo -----------------------------------------------------------------------------------------------


async def test_undo_is_as_if_it_had_not_been_and_only_for_a_day(web_db: Database, world: World, owner: Any) -> None:
    await choose(web_db, world, "paused", back_on=local_day(5))
    before = await standing(owner)
    await choose(web_db, world, "left")
    await undo(web_db, world, NOW + 23 * HOUR)
    assert await standing(owner) == before
    with pytest.raises(Conflict):
        await undo(web_db, world, NOW + 23 * HOUR)
    await choose(web_db, world, "left", now=NOW + DAY)
    with pytest.raises(Conflict):
        await undo(web_db, world, NOW + 2 * DAY + HOUR)
    assert await count(owner, "monitoring_change") == 4


async def test_undoing_the_first_change_is_active_without_a_new_baseline(
    web_db: Database, world: World, owner: Any
) -> None:
    await choose(web_db, world, "paused")
    await undo(web_db, world)
    assert await standing(owner) == ("active", None, None)


# Coming back ----------------------------------------------------------------------------------------


async def test_a_pause_that_is_over_ends_by_itself_once_and_asks_for_a_weighing(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    await choose(web_db, world, "paused", back_on=local_day(3))
    until = datetime.combine(local_day(3), time(), NEW_YORK).astimezone(UTC)
    assert await status.watch(worker_db, WORKER, until - timedelta(seconds=1)) == 0
    came = await asyncio.gather(*(status.watch(worker_db, WORKER, until + 5 * HOUR) for _ in range(4)))
    assert sum(came) == 1
    assert await standing(owner) == ("active", None, until)
    row = await owner.fetchrow("SELECT kind, subject, severity, says FROM alarm")
    assert (row["kind"], row["subject"], row["severity"]) == ("back_from_pause", "Aspen-1", "low")
    assert "weigh" in row["says"]
    changed = await owner.fetchrow("SELECT reason, changed_by FROM monitoring_change ORDER BY changed_at DESC LIMIT 1")
    assert tuple(changed) == ("pause_over", "service:worker")
    assert await count(owner, "audit", "principal = 'service:worker' AND action = 'patient.status'") == 1


async def test_an_open_pause_never_ends_by_itself(web_db: Database, worker_db: Database, world: World) -> None:
    await choose(web_db, world, "paused")
    assert await status.watch(worker_db, WORKER, NOW + 900 * DAY) == 0


async def test_who_comes_back_has_nothing_usual_until_new_readings_say_so(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    for n in range(6):
        await measure(owner, world, NOW - (n + 1) * HOUR)
    await owner.execute("UPDATE device_state SET last_seen_at = $1", NOW)
    await baseline.renew(worker_db, WORKER, NOW)
    assert await owner.fetchval("SELECT min(readings) FROM patient_baseline") == 6
    await choose(web_db, world, "paused", now=NOW)
    await choose(web_db, world, "active", now=NOW + DAY)
    assert await owner.fetchval("SELECT max(readings) FROM patient_baseline") == 0
    await measure(owner, world, NOW + DAY + HOUR)
    await owner.execute("UPDATE device_state SET last_seen_at = $1", NOW + DAY + HOUR)
    await baseline.renew(worker_db, WORKER, NOW + DAY + 2 * HOUR)
    assert await owner.fetchval("SELECT max(readings) FROM patient_baseline") == 1


async def test_silence_and_reminders_count_from_the_return(
    web_db: Database, worker_db: Database, bridge_db: Database, world: World, owner: Any, phones: Phones
) -> None:
    await reminding.rule(owner, world)
    await send(bridge_db, publish(world, bp(1, 120, at=NOON - 30 * DAY)), now=NOON - 30 * DAY)
    await choose(web_db, world, "paused", now=NOON - 20 * DAY)
    back = NOON - 2 * DAY
    await choose(web_db, world, "active", now=back)
    assert await silence.watch(worker_db, WORKER, 48, back + 47 * HOUR) == 0
    await reminding.live(worker_db, phones, back, back + 2 * DAY, HOUR)
    assert phones.texts() == []
    assert await silence.watch(worker_db, WORKER, 48, back + 49 * HOUR) == 1
    assert "since its patient is monitored again" in await owner.fetchval("SELECT says FROM alarm")
    await reminding.live(worker_db, phones, back + 3 * DAY, back + 3 * DAY + HOUR)
    assert len(phones.texts(world.patient_phone)) == 1


# Devices of those who are gone ----------------------------------------------------------------------


@pytest.mark.parametrize(("to", "says"), [("left", "has left"), ("deceased", "gently, with the family")])
async def test_a_device_of_somebody_gone_is_asked_back_until_its_loan_ends(
    web_db: Database, worker_db: Database, world: World, owner: Any, to: str, says: str
) -> None:
    await choose(web_db, world, to)
    for _ in range(2):
        await status.watch(worker_db, WORKER, NOW + HOUR)
    row = await owner.fetchrow("SELECT kind, subject, severity, says, seen_count FROM alarm")
    assert (row["kind"], row["subject"], row["severity"], row["seen_count"]) == (
        "device_to_return",
        "Aspen-1",
        "low",
        1,
    )
    assert says in row["says"]
    assert world.device in row["says"]
    made = await owner.fetchval("SELECT id FROM alarm")
    await acknowledge.resolve_alarm(web_db, person_of(world), made, "Courier on Monday", NOW + 2 * HOUR)
    await status.watch(worker_db, WORKER, NOW + 6 * DAY)
    assert await count(owner, "alarm", "status <> 'resolved'") == 0
    await status.watch(worker_db, WORKER, NOW + 8 * DAY)
    assert await count(owner, "alarm", "status <> 'resolved'") == 1
    await owner.execute("UPDATE loan SET lent = tstzrange(lower(lent), $1)", NOW + 8 * DAY)
    await status.watch(worker_db, WORKER, NOW + 8 * DAY + HOUR)
    assert await count(owner, "alarm", "status <> 'resolved'") == 0


def test_every_reason_has_words() -> None:
    from server.web.careteam.status import MEANS, NAMES, WHY

    codes = {reason for reasons in monitoring_status.REASONS.values() for reason in reasons}
    assert codes | {monitoring_status.BY_ITSELF, monitoring_status.UNDONE} == set(WHY)
    assert set(NAMES) == set(MEANS) == set(monitoring_status.REASONS)
