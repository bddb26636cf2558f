"""Certificates of devices: given, renewed, revoked; nobody revokes another clinic's."""

from pathlib import Path
from typing import Any

import pytest

from server.errors import BadSetting, Conflict, NotFound
from server.flows import access, certify
from server.flows.lend import NewDevice
from tests.people.desk import NOW, Desk

METER = NewDevice(model="Meter", kinds=["glucose"], id="meter-1")


async def test_a_device_with_a_certificate_has_no_password_anywhere(desk: Desk, owner: Any, tmp_path: Path) -> None:
    ours = certify.open_authority(tmp_path, NOW)
    made = await certify.register(desk.web, desk.who, METER, ours, None, NOW)
    assert await owner.fetchval("SELECT secret_hash FROM device") is None
    assert await owner.fetchval("SELECT serial FROM device_certificate") == made.issued.serial
    assert any("leave the password blank" in command for command in made.at_broker.commands)
    with pytest.raises(Conflict, match="renew"):
        await access.rotate(desk.web, desk.who, "meter-1", None, NOW)


async def test_revoking_names_the_serials_and_may_be_repeated(desk: Desk, owner: Any, tmp_path: Path) -> None:
    ours = certify.open_authority(tmp_path, NOW)
    first = (await certify.register(desk.web, desk.who, METER, ours, None, NOW)).issued
    second = await certify.renew(desk.web, desk.who, "meter-1", ours, NOW)
    assert (await certify.revoke(desk.web, desk.who, "meter-1", ours, NOW, first.serial.lower())).serials == [
        first.serial
    ]
    assert ours.revoked() == {first.serial}
    (tmp_path / "crl.pem").write_bytes(
        certify.open_authority(tmp_path / "fresh", NOW).crl.read_bytes()
    )  # lost, restored
    for _ in range(2):
        revoked = await certify.revoke(desk.web, desk.who, "meter-1", ours, NOW)
        assert set(revoked.serials) == {first.serial, second.serial} == ours.revoked()
    assert await owner.fetchval("SELECT count(*) FROM device_certificate WHERE revoked_at IS NOT NULL") == 2
    with pytest.raises(Conflict):
        await certify.revoke(desk.web, desk.who, "meter-1", ours, NOW, "AB")


async def test_nobody_certifies_or_revokes_what_is_anothers(
    desk: Desk, other_desk: Desk, owner: Any, tmp_path: Path
) -> None:
    ours = certify.open_authority(tmp_path, NOW)
    await certify.register(desk.web, desk.who, METER, ours, None, NOW)
    for act in (certify.renew, certify.revoke):
        with pytest.raises(NotFound):
            await act(other_desk.web, other_desk.who, "meter-1", ours, NOW)
    assert ours.revoked() == set()
    with pytest.raises(Conflict):
        await certify.register(other_desk.web, other_desk.who, METER, ours, None, NOW)
    assert await owner.fetchval("SELECT count(*) FROM device_certificate") == 1


async def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadSetting, match="CARELOOP_AUTHORITY"):
        certify.open_authority(tmp_path / "file" / "authority", NOW)
