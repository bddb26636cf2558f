"""Who leaves is out at once and everywhere, and it is said what they leave behind; it can be undone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.errors import Conflict, Invalid, NotFound, NotSignedIn
from server.flows import hire, sign_in, staff_changes
from server.people.staff import Staff
from server.security import sessions
from tests.people.desk import NOW, PASSWORD, Desk

HOUR = timedelta(hours=1)


async def nurse(desk: Desk, name: str = "Noor Bell", role: Any = "nurse") -> Staff:
    login = hire.NewLogin(login=name.split(maxsplit=1)[0].lower(), password=PASSWORD)
    new = hire.Hire(name=name, role=role, login=login, phone="+1 212 555 0111")
    return await hire.hire(desk.web, desk.who, new, NOW)


async def opens(database: Database, token: str) -> bool:
    async with database.transaction(sessions.NOBODY_YET) as db:
        return await sessions.find(db, token, NOW + HOUR) is not None


async def test_who_leaves_is_out_on_every_machine_and_stays_so_after_coming_back(desk: Desk, owner: Any) -> None:
    noor = await nurse(desk)
    tokens = [(await sign_in.sign_in(desk.web, "noor", PASSWORD, NOW))[0] for _ in range(2)]
    assert [await opens(desk.web, token) for token in tokens] == [True, True]
    await staff_changes.leave(desk.web, desk.who, noor.id, NOW)
    assert [await opens(desk.web, token) for token in tokens] == [False, False]
    with pytest.raises(NotSignedIn):
        await sign_in.sign_in(desk.web, "noor", PASSWORD, NOW)
    with pytest.raises(Conflict, match="left already"):
        await staff_changes.leave(desk.web, desk.who, noor.id, NOW)
    back = await staff_changes.come_back(desk.web, desk.who, noor.id, NOW)
    assert (back.person.disabled_at, back.to_mend) == (None, [])
    assert [await opens(desk.web, token) for token in tokens] == [False, False]
    assert await opens(desk.web, (await sign_in.sign_in(desk.web, "noor", PASSWORD, NOW))[0])
    with pytest.raises(Conflict, match="works here"):
        await staff_changes.come_back(desk.web, desk.who, noor.id, NOW)
    rows = await owner.fetch("SELECT action, subject FROM audit WHERE action IN ('staff.leave', 'staff.return')")
    assert [tuple(row) for row in rows] == [("staff.leave", f"staff:{noor.id}"), ("staff.return", f"staff:{noor.id}")]


async def test_it_is_said_what_teams_counted_on_them_for(desk: Desk, owner: Any) -> None:
    noor = await nurse(desk)
    await owner.execute("UPDATE team SET charge_nurse_id = $1, fallback_id = $1", noor.id)
    for hours in (-20, -4, 20):  # over, on now, to come
        span = (NOW + hours * HOUR, NOW + (hours + 8) * HOUR)
        await hire.put_on_shift(desk.web, desk.who, noor.id, *span, NOW)
    left = await staff_changes.leave(desk.web, desk.who, noor.id, NOW)
    assert left.to_mend == ["Care team: charge nurse, stand-in, 2 shifts to come"]
    await owner.execute("UPDATE team SET charge_nurse_id = NULL, fallback_id = NULL")
    await owner.execute("UPDATE shift SET cancelled_at = now()")
    await staff_changes.come_back(desk.web, desk.who, noor.id, NOW)
    assert (await staff_changes.leave(desk.web, desk.who, noor.id, NOW)).to_mend == []


async def test_the_last_administrator_who_can_sign_in_stays(desk: Desk, other_desk: Desk, owner: Any) -> None:
    first = await owner.fetchval("SELECT id FROM staff WHERE organization_id = $1", desk.organization)
    with pytest.raises(Conflict, match="last administrator"):
        await staff_changes.leave(desk.web, desk.who, first, NOW)
    second = await nurse(desk, "Ola Second", "admin")
    await staff_changes.leave(desk.web, desk.who, second.id, NOW)
    with pytest.raises(Conflict, match="last administrator"):
        await staff_changes.leave(desk.web, desk.who, first, NOW)
    await staff_changes.come_back(desk.web, desk.who, second.id, NOW)
    await staff_changes.leave(desk.web, desk.who, first, NOW)


async def test_two_administrators_who_end_each_others_access_at_once_do_not_both(desk: Desk, owner: Any) -> None:
    first = await owner.fetchval("SELECT id FROM staff")
    second = (await nurse(desk, "Ola Second", "admin")).id
    tries = [staff_changes.leave(desk.web, desk.who, one, NOW) for one in (first, second)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Changed", "Conflict"]
    assert await owner.fetchval("SELECT count(*) FROM staff WHERE disabled_at IS NULL") == 1


async def test_nobody_ends_their_own_access(desk: Desk, owner: Any) -> None:
    second = await nurse(desk, "Ola Second", "admin")
    herself = Who(principal=f"staff:{second.id}", organization=desk.organization)
    with pytest.raises(Invalid, match="your own"):
        await staff_changes.leave(desk.web, herself, second.id, NOW)


async def test_a_telephone_is_changed_checked_and_taken_away(desk: Desk, owner: Any) -> None:
    noor = await nurse(desk)
    changed = await staff_changes.change_phone(desk.web, desk.who, noor.id, "(212) 555-0199", NOW)
    assert changed.person.phone == "+12125550199"
    with pytest.raises(Invalid, match="not a telephone number"):
        await staff_changes.change_phone(desk.web, desk.who, noor.id, "ring me", NOW)
    await owner.execute("UPDATE team SET fallback_id = $1", noor.id)
    gone = await staff_changes.change_phone(desk.web, desk.who, noor.id, None, NOW)
    assert (gone.person.phone, gone.to_mend) == (None, ["Care team: stand-in"])
    details = [row["detail"] for row in await owner.fetch("SELECT detail FROM audit WHERE action = 'staff.phone'")]
    assert not [one for one in details if "555" in str(one)]


async def test_another_organizations_people_are_nobody_here(desk: Desk, other_desk: Desk, owner: Any) -> None:
    noor = await nurse(desk)
    for change in (staff_changes.leave, staff_changes.come_back):
        with pytest.raises(NotFound):
            await change(desk.web, other_desk.who, noor.id, NOW)
    with pytest.raises(NotFound):
        await staff_changes.change_phone(desk.web, other_desk.who, noor.id, None, NOW)
    with pytest.raises(NotFound):
        await staff_changes.find(desk.web, other_desk.who, "noor")
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE NOT allowed") == 3


async def test_somebody_is_found_by_login_name_or_id_unless_several_are_called_so(desk: Desk) -> None:
    noor = await nurse(desk)
    await staff_changes.leave(desk.web, desk.who, noor.id, NOW)
    for named in ("NOOR", "noor bell", str(noor.id)):
        assert (await staff_changes.find(desk.web, desk.who, named)).id == noor.id
    login = hire.NewLogin(login=f"n{uuid7().hex[-6:]}", password=PASSWORD)
    await hire.hire(desk.web, desk.who, hire.Hire(name="Noor Bell", role="nurse", login=login), NOW)
    with pytest.raises(Invalid, match="2 people"):
        await staff_changes.find(desk.web, desk.who, "Noor Bell")
