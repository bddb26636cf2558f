"""Devices: registered once anywhere, lent to one patient at a time, refused when disabled."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from devices.enrol import Loan, Model
from server.errors import Conflict, Invalid, NotFound
from server.flows import access, lend
from server.flows.lend import NewDevice
from tests.people.desk import NOW, Desk

CUFF = NewDevice(model="Cuff", kinds=["blood_pressure"], id="cuff-1")


async def test_the_database_keeps_only_the_hash_of_the_password(desk: Desk, owner: Any) -> None:
    made = await lend.register(desk.web, desk.who, CUFF, None, NOW)
    kept = await owner.fetchval("SELECT secret_hash FROM device WHERE id = 'cuff-1'")
    assert kept == hashlib.sha256(made.password.encode()).digest()
    assert len(made.password) >= 43
    assert not made.granted
    assert any("createClient cuff-1" in command for command in made.commands)
    assert all(made.password not in command for command in made.commands)


async def test_a_broker_that_is_away_leaves_the_device_and_hands_out_the_commands(desk: Desk, owner: Any) -> None:
    made = await lend.register(desk.web, desk.who, CUFF, "mqtt://a:b@127.0.0.1:1", NOW)
    assert made.commands
    assert made.why_not
    assert await owner.fetchval("SELECT count(*) FROM device") == 1


async def test_an_id_is_taken_for_everybody(desk: Desk, other_desk: Desk) -> None:
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    with pytest.raises(Conflict):
        await lend.register(desk.web, other_desk.who, CUFF, None, NOW)


async def test_only_one_patient_has_a_device_at_a_time(desk: Desk, owner: Any) -> None:
    ada, bea = await desk.admit(), await desk.admit(given_name="Bea")
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    await lend.lend(desk.web, desk.who, "cuff-1", Loan(patient=ada.id, since=NOW), NOW)
    with pytest.raises(Conflict):
        await lend.lend(desk.web, desk.who, "cuff-1", Loan(patient=bea.id, since=NOW), NOW)
    later = NOW + timedelta(days=3)
    await lend.take_back(desk.web, desk.who, "cuff-1", later, later)
    await lend.lend(desk.web, desk.who, "cuff-1", Loan(patient=bea.id, since=later), later)
    rows = await owner.fetch("SELECT patient_id, lower(lent) AS since, upper(lent) AS till FROM loan ORDER BY 2")
    assert [tuple(row) for row in rows] == [(ada.id, NOW, later), (bea.id, later, None)]


async def test_nobody_lends_what_is_anothers(desk: Desk, other_desk: Desk) -> None:
    stranger = await other_desk.admit()
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    with pytest.raises(NotFound):
        await lend.lend(desk.web, desk.who, "cuff-1", Loan(patient=stranger.id, since=NOW), NOW)
    with pytest.raises(NotFound):
        await lend.lend(desk.web, other_desk.who, "cuff-1", Loan(patient=stranger.id, since=NOW), NOW)
    with pytest.raises(NotFound):
        await access.disable(desk.web, other_desk.who, "cuff-1", None, NOW)


async def test_disabling_counts_once_and_says_what_is_left_to_do(desk: Desk) -> None:
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    told = await access.disable(desk.web, desk.who, "cuff-1", None, NOW)
    assert not told.done
    assert any("disableClient cuff-1" in command for command in told.commands)
    with pytest.raises(Conflict):
        await access.disable(desk.web, desk.who, "cuff-1", None, NOW)
    assert (await access.enable(desk.web, desk.who, "cuff-1", None, NOW)).commands
    with pytest.raises(Conflict):
        await access.enable(desk.web, desk.who, "cuff-1", None, NOW)


async def test_a_new_password_replaces_the_hash_and_is_anothers_business_never(
    desk: Desk, other_desk: Desk, owner: Any
) -> None:
    first = await lend.register(desk.web, desk.who, CUFF, None, NOW)
    made = await access.rotate(desk.web, desk.who, "cuff-1", None, NOW)
    assert made.password != first.password
    kept = await owner.fetchval("SELECT secret_hash FROM device WHERE id = 'cuff-1'")
    assert kept == hashlib.sha256(made.password.encode()).digest()
    assert all(made.password not in command for command in made.at_broker.commands)
    with pytest.raises(NotFound):
        await access.rotate(desk.web, other_desk.who, "cuff-1", None, NOW)
    assert await owner.fetchval("SELECT secret_hash FROM device WHERE id = 'cuff-1'") == kept


async def test_a_loan_has_an_end_and_a_slot_and_a_whole_device_excludes_its_slots(desk: Desk, owner: Any) -> None:
    ada, bea = await desk.admit(), await desk.admit(given_name="Bea")
    model = Model(name="Family cuff", maker="Acme", kinds=["blood_pressure"], slots=2, battery="4 x AA")
    await lend.add_model(desk.web, desk.who, model, NOW)
    with pytest.raises(Conflict):
        await lend.add_model(desk.web, desk.who, model, NOW)
    await lend.register(desk.web, desk.who, NewDevice(model="Family cuff", id="cuff-2"), None, NOW)

    async def lent(patient: Any, start: int, end: int | None, slot: int | None) -> None:
        since, until = NOW + timedelta(days=start), None if end is None else NOW + timedelta(days=end)
        loan = Loan(patient=patient.id, since=since, until=until, user_slot=slot)
        await lend.lend(desk.web, desk.who, "cuff-2", loan, NOW)

    await lent(ada, 0, 10, 1)
    await lent(bea, 0, None, 2)
    for wrong, error in (
        ((ada, 5, 6, 1), Conflict), ((ada, 5, 6, None), Conflict), ((ada, 20, 21, 3), Invalid), ((ada, 20, 19, 1), Invalid),
    ):  # fmt: skip
        with pytest.raises(error):
            await lent(*wrong)
    await lent(ada, 10, None, 1)  # again, from the moment the first loan ended
    with pytest.raises(Conflict):
        await lend.take_back(desk.web, desk.who, "cuff-2", NOW - timedelta(days=1), NOW)
    await lend.take_back(desk.web, desk.who, "cuff-2", NOW + timedelta(days=12), NOW, 1)
    rows = await owner.fetch("SELECT user_slot, upper(lent) AS till FROM loan ORDER BY user_slot, lower(lent)")
    assert [(r["user_slot"], r["till"]) for r in rows] == [
        (1, NOW + timedelta(days=10)), (1, NOW + timedelta(days=12)), (2, None),
    ]  # fmt: skip


async def test_a_model_must_be_one_we_can_read(desk: Desk) -> None:
    for wrong in ({"format": "morse"}, {"kinds": ["mood"]}, {"kinds": []}, {"slots": 0}):
        with pytest.raises(Invalid):
            model = Model(**{"name": "X", "maker": "x", "kinds": ["glucose"], **wrong})  # type: ignore[arg-type]
            await lend.add_model(desk.web, desk.who, model, NOW)


@pytest.mark.parametrize("wrong", [{"id": "a b"}, {"id": "a/b"}, {"id": "+"}, {"kinds": ["mood"]}, {"kinds": []}])
async def test_what_cannot_be_a_device_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    device = NewDevice(**{"model": "Cuff", "kinds": ["glucose"], **wrong})
    with pytest.raises(Invalid):
        await lend.register(desk.web, desk.who, device, None, NOW)
