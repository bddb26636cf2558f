"""Devices: registered once anywhere, lent to one patient at a time, refused when disabled."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from server.errors import Conflict, Invalid, NotFound
from server.flows import lend
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
    await lend.lend(desk.web, desk.who, "cuff-1", ada.id, NOW, NOW)
    with pytest.raises(Conflict):
        await lend.lend(desk.web, desk.who, "cuff-1", bea.id, NOW, NOW)
    later = NOW + timedelta(days=3)
    await lend.take_back(desk.web, desk.who, "cuff-1", later)
    await lend.lend(desk.web, desk.who, "cuff-1", bea.id, later, later)
    rows = await owner.fetch("SELECT patient_id, lower(lent) AS since, upper(lent) AS till FROM loan ORDER BY 2")
    assert [tuple(row) for row in rows] == [(ada.id, NOW, later), (bea.id, later, None)]


async def test_nobody_lends_what_is_anothers(desk: Desk, other_desk: Desk) -> None:
    stranger = await other_desk.admit()
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    with pytest.raises(NotFound):
        await lend.lend(desk.web, desk.who, "cuff-1", stranger.id, NOW, NOW)
    with pytest.raises(NotFound):
        await lend.lend(desk.web, other_desk.who, "cuff-1", stranger.id, NOW, NOW)
    with pytest.raises(NotFound):
        await lend.disable(desk.web, other_desk.who, "cuff-1", None, NOW)


async def test_disabling_counts_once_and_says_what_is_left_to_do(desk: Desk) -> None:
    await lend.register(desk.web, desk.who, CUFF, None, NOW)
    by_hand = await lend.disable(desk.web, desk.who, "cuff-1", None, NOW)
    assert by_hand is not None
    assert "disableClient cuff-1" in by_hand
    with pytest.raises(Conflict):
        await lend.disable(desk.web, desk.who, "cuff-1", None, NOW)


@pytest.mark.parametrize("wrong", [{"id": "a b"}, {"id": "a/b"}, {"id": "+"}, {"kinds": ["mood"]}, {"kinds": []}])
async def test_what_cannot_be_a_device_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    device = NewDevice(**{"model": "Cuff", "kinds": ["glucose"], **wrong})
    with pytest.raises(Invalid):
        await lend.register(desk.web, desk.who, device, None, NOW)
