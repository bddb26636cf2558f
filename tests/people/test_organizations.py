"""An organization begins once, in state trial, with defaults that may be seeded again without change."""

from typing import Any

import pytest

from server.db.pool import Database, Who
from server.errors import Conflict, Invalid
from server.flows import hire
from server.flows.found import change_state
from server.flows.hire import Hire, NewLogin
from server.monitoring import programmes
from server.monitoring.defaults import PROGRAMMES
from tests.people.desk import NOW, PASSWORD, Desk, begin

TABLES = (
    "programme", "programme_version", "expected_measurement", "rule", "rule_version", "rule_limit", "programme_limit",
    "rule_protocol", "programme_rule", "reminder_rule",
)  # fmt: skip


async def counts(owner: Any) -> dict[str, int]:
    return {table: await owner.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


async def test_it_begins_in_state_trial_with_defaults_nobody_has_approved(desk: Desk, owner: Any) -> None:
    assert await owner.fetchval("SELECT state FROM organization") == "trial"
    assert await owner.fetchval("SELECT count(*) FROM rule_version WHERE approved_by IS NOT NULL") == 0
    assert (await counts(owner))["programme"] == len(PROGRAMMES)


async def test_seeding_again_changes_nothing(desk: Desk, owner: Any) -> None:
    before = await counts(owner)
    await owner.execute("UPDATE rule_limit SET value = 175 WHERE metric = 'systolic_mmhg' AND severity = 'high'")
    async with desk.web.transaction(desk.who) as db:
        await programmes.seed(db, desk.organization, "again", NOW)
    assert await counts(owner) == before
    assert await owner.fetchval("SELECT count(*) FROM rule_limit WHERE value = 175") == 1


async def test_a_real_clinic_is_never_put_beside_the_demo(web_db: Database, owner: Any) -> None:
    await begin(web_db, "demo", demo=True)
    with pytest.raises(Conflict, match="invented"):
        await begin(web_db, "real")
    assert await owner.fetchval("SELECT count(*) FROM organization") == 1


async def test_a_state_changes_once_and_is_audited(desk: Desk, owner: Any) -> None:
    assert await change_state(desk.web, desk.who, "live", [], NOW)
    assert not await change_state(desk.web, desk.who, "live", [], NOW)
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'organization.state'") == 1


async def test_one_organization_cannot_change_anothers_state(desk: Desk, other_desk: Desk, owner: Any) -> None:
    stranger = Who(principal="cli:tests", organization=other_desk.organization)
    await change_state(desk.web, stranger, "live", [], NOW)
    states = {row["id"]: row["state"] for row in await owner.fetch("SELECT id, state FROM organization")}
    assert states == {desk.organization: "trial", other_desk.organization: "live"}


async def test_staff_join_with_login_team_and_audit(desk: Desk, owner: Any) -> None:
    new = Hire(name="Noor", role="nurse", login=NewLogin(login="Noor", password=PASSWORD), phone="212 555 0111")
    nurse = await hire.hire(desk.web, desk.who, new, NOW)
    assert await owner.fetchval("SELECT count(*) FROM team_member WHERE staff_id = $1", nurse.id) == 1
    assert await owner.fetchval("SELECT login FROM account WHERE staff_id = $1", nurse.id) == "noor"
    assert await owner.fetchval("SELECT phone FROM staff WHERE id = $1", nurse.id) == "+12125550111"
    with pytest.raises(Conflict):
        await hire.hire(desk.web, desk.who, new, NOW)
    assert await owner.fetchval("SELECT count(*) FROM staff WHERE name = 'Noor'") == 1


async def test_a_shift_ends_after_it_begins(desk: Desk) -> None:
    new = Hire(name="Noor", role="nurse", login=NewLogin(login="noor", password=PASSWORD))
    nurse = await hire.hire(desk.web, desk.who, new, NOW)
    with pytest.raises(Invalid):
        await hire.put_on_shift(desk.web, desk.who, nurse.id, NOW, NOW, NOW)
