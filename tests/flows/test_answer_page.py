"""A nurse answers a page from her telephone: her newest page is taken in her name, once; nobody else's text changes it."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications import pages
from server.people.phones import phone_hash
from tests.flows.clinic import Clinic, make_clinic, open_alert, tick
from tests.flows.test_reading import count
from tests.texting import NOON, Phones, phones, send_all
from tests.world import FIELD_KEY, World

__all__ = ["phones"]


@pytest.fixture
async def clinic(owner: Any, world: World) -> Clinic:
    return await make_clinic(owner, world)


@pytest.fixture
async def paged(clinic: Clinic, owner: Any, worker_db: Any, phones: Phones) -> Clinic:
    """The nurse has just been paged about the patient's pressure."""
    await owner.execute("UPDATE shift SET ends_at = $1", NOON.replace(year=NOON.year + 1))
    now = await owner.fetchval("SELECT now()")
    await open_alert(owner, clinic.world, now)
    await tick(worker_db, now)
    await send_all(worker_db, phones.gateway(), now)
    assert "Reply 1" in phones.texts(clinic.world.nurse_phone)[0].body
    return clinic


@pytest.mark.parametrize("words", ["1", "OK", "ok.", " Got it! ", "vale"])
async def test_a_short_answer_takes_the_alert_in_her_name_and_is_confirmed(
    paged: Clinic, owner: Any, worker_db: Any, phones: Phones, words: str
) -> None:
    assert await phones.write(paged.world.nurse_phone, words) == 200
    row = await owner.fetchrow("SELECT status, acknowledged_by FROM alert")
    assert tuple(row) == ("acknowledged", paged.world.nurse)
    note = await owner.fetchrow("SELECT principal, patient_id FROM audit WHERE action = 'alert.acknowledge'")
    assert tuple(note) == (f"staff:{paged.world.nurse}", paged.world.patient)
    assert await owner.fetchval("SELECT wording FROM message ORDER BY created_at DESC, id DESC LIMIT 1") == "page_taken"
    assert await count(owner, "alarm") == 0


async def test_answering_twice_changes_nothing_and_is_not_answered_again(
    paged: Clinic, owner: Any, phones: Phones
) -> None:
    await asyncio.gather(*(phones.write(paged.world.nurse_phone, "1") for _ in range(3)))
    assert await count(owner, "message", "purpose = 'answer'") == 1
    assert await count(owner, "audit", "action = 'alert.acknowledge'") == 1
    assert await count(owner, "alarm") == 0


async def test_who_comes_second_is_told_that_somebody_was_first(paged: Clinic, owner: Any, phones: Phones) -> None:
    await owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $1", paged.backup)
    await phones.write(paged.world.nurse_phone, "1")
    assert await owner.fetchval("SELECT acknowledged_by FROM alert") == paged.backup
    assert await owner.fetchval("SELECT wording FROM message WHERE purpose = 'answer'") == "page_taken_by_other"


async def test_a_number_that_was_not_paged_changes_nothing(paged: Clinic, owner: Any, phones: Phones) -> None:
    await phones.write("+12125559999", "1")
    await phones.write(paged.world.patient_phone, "1")
    await phones.write("+12125550500", "1")  # the backup's: nobody has paged her yet
    assert await owner.fetchval("SELECT status FROM alert") == "open"


async def test_a_number_that_is_no_longer_hers_takes_nothing(paged: Clinic, owner: Any, phones: Phones) -> None:
    await owner.execute("UPDATE staff SET phone = '+12125558888' WHERE id = $1", paged.world.nurse)
    await phones.write(paged.world.nurse_phone, "1")
    assert await owner.fetchval("SELECT status FROM alert") == "open"


async def test_only_the_newest_page_is_taken(paged: Clinic, owner: Any, worker_db: Any, phones: Phones) -> None:
    now = await owner.fetchval("SELECT now()")
    newer = await open_alert(owner, paged.world, now, rule="glucose_low")
    await tick(worker_db, now)
    await send_all(worker_db, phones.gateway(), now)
    await phones.write(paged.world.nurse_phone, "1")
    taken = await owner.fetch("SELECT id FROM alert WHERE status = 'acknowledged'")
    assert [row["id"] for row in taken] == [newer]


async def test_one_takes_the_newest_page_that_nobody_has_and_the_answer_says_which(
    paged: Clinic, owner: Any, worker_db: Any, phones: Phones
) -> None:
    first = await owner.fetchval("SELECT id FROM alert")
    await owner.execute("UPDATE message SET created_at = created_at - interval '7 minutes'")
    now = await owner.fetchval("SELECT now()")
    newer = [await open_alert(owner, paged.world, now, rule=rule) for rule in ("glucose_low", "bp_low")]
    await tick(worker_db, now)
    await send_all(worker_db, phones.gateway(), now)
    await owner.execute("UPDATE alert SET status = 'acknowledged', acknowledged_by = $2 WHERE id = $1", newer[0], paged.backup)  # fmt: skip
    zone = ZoneInfo(await owner.fetchval("SELECT zone FROM organization WHERE id = $1", paged.world.organization))
    pages = [row["created_at"] for row in await owner.fetch("SELECT created_at FROM message WHERE purpose = 'page'")]
    taken, answered = [], []
    for at in (max(pages), min(pages)):
        await phones.write(paged.world.nurse_phone, "1")
        who = "acknowledged_by = $1 AND id <> ALL($2)"
        taken.append(await owner.fetchval(f"SELECT id FROM alert WHERE {who}", paged.world.nurse, taken))
        answered.append(
            (await owner.fetch("SELECT body FROM message WHERE purpose = 'answer' ORDER BY id"))[-1]["body"]
        )
        assert f"the page of {at.astimezone(zone):%H:%M}" in answered[-1]
    assert taken == [newer[1], first]
    assert ["Still waiting: 1." in body for body in answered] == [True, False]


async def test_a_patient_in_danger_is_taken_the_same_way_and_the_nurse_is_paged_once(
    paged: Clinic, owner: Any, worker_db: Any, phones: Phones
) -> None:
    await phones.write(paged.world.patient_phone, "chest pain")
    now = await owner.fetchval("SELECT now()")
    await tick(worker_db, now)
    await send_all(worker_db, phones.gateway(), now)
    assert await count(owner, "message", "purpose = 'page' AND alarm_id IS NOT NULL") == 1
    await phones.write(paged.world.nurse_phone, "1")
    row = await owner.fetchrow("SELECT status, acknowledged_by FROM alarm WHERE kind = 'patient_in_danger'")
    assert tuple(row) == ("acknowledged", paged.world.nurse)


async def test_a_staff_stop_moves_to_the_next_step_at_once(
    paged: Clinic, owner: Any, worker_db: Any, phones: Phones
) -> None:
    await phones.write(paged.world.nurse_phone, "STOP")
    await tick(worker_db, await owner.fetchval("SELECT now()"))
    told = await owner.fetch("SELECT staff_id FROM message WHERE purpose = 'page' AND alert_id IS NOT NULL")
    assert {row["staff_id"] for row in told} == {paged.world.nurse, paged.backup}
    hashed = phone_hash(FIELD_KEY, paged.world.nurse_phone)
    assert await owner.fetchval("SELECT count(*) FROM opt_out WHERE phone_hash = $1", hashed) == 1


@pytest.mark.parametrize(
    ("words", "takes"),
    [("1", True), ("OK!", True), ("12", False), ("no", False), ("1 2", False), ("not ok", False), ("", False)],
)
def test_only_an_answer_that_can_mean_nothing_else_counts(words: str, takes: bool) -> None:
    assert pages.takes(words) is takes
