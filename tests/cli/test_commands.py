"""The commands a clinic's administrator and their scripts use, against a real database."""

import uuid
from typing import Any

import pytest

from server.db.pool import Database
from server.security import audit
from server.settings import Settings
from tests.cli.command import careloop, env_of
from tests.people.desk import Desk, open_desk
from tests.world import World

ADA = ["--given-name", "Ada", "--family-name", "Moss", "--birth-date", "1951-04-02", "--sex", "female"]


@pytest.fixture
async def desk(web_db: Database) -> Desk:
    return await open_desk(web_db, "maple")


async def test_a_patient_is_added_and_listed_as_json(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    added = await careloop("patient", "add", *ADA, "--programme", "diabetes", "--login", "ada", "--json", env=env)
    assert added.code == 0, added.err
    (made,) = added.objects
    assert set(made) == {"id", "mrn", "login", "password"}
    (listed,) = (await careloop("patient", "list", "mos", "--json", env=env)).objects
    assert (listed["id"], listed["mrn"], listed["programmes"]) == (made["id"], made["mrn"], ["Diabetes"])
    principal = await owner.fetchval("SELECT principal FROM audit WHERE action = 'patient.admit'")
    assert principal.startswith("cli:")


async def test_a_device_is_added_lent_listed_and_disabled(desk: Desk, settings: Settings) -> None:
    env, patient = env_of(settings), await desk.admit(mrn="LF-7")
    added = await careloop(
        "device", "add", "--model", "Cuff", "--kind", "blood_pressure", "--patient", "LF-7", "--json", env=env
    )
    assert added.code == 0, added.err
    (made,) = added.objects
    assert made["username"] == made["id"]
    assert len(made["password"]) >= 43
    assert made["granted_at_broker"] is False
    (listed,) = (await careloop("device", "list", "--json", env=env)).objects
    assert uuid.UUID(listed["patient_id"]) == patient.id
    assert (await careloop("device", "return", made["id"], env=env)).code == 0
    assert (await careloop("device", "lend", made["id"], str(patient.id), env=env)).code == 0
    assert (await careloop("device", "disable", made["id"], env=env)).code == 0
    again = await careloop("device", "disable", made["id"], env=env)
    assert again.code == 1
    assert "already" in again.err


async def test_staff_are_added_listed_and_put_on_shift(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    added = await careloop(
        "staff", "add", "--name", "Noor", "--role", "nurse", "--login", "noor", "--phone", "212 555 0111", env=env
    )
    assert added.code == 0, added.err
    assert "shown only now" in added.out
    listed = (await careloop("staff", "list", "--json", env=env)).objects
    assert {"noor", "admin-maple"} == {one["login"] for one in listed}
    assert (await careloop("staff", "shift", "noor", "--hours", "8", env=env)).code == 0
    assert await owner.fetchval("SELECT ends_at - starts_at = interval '8 hours' FROM shift")
    assert (await careloop("staff", "shift", "nobody", env=env)).code == 1


async def test_staff_leave_come_back_and_get_another_telephone(desk: Desk, settings: Settings, owner: Any) -> None:
    env, noor = env_of(settings), ["--name", "Noor Bell", "--role", "nurse", "--login", "noor"]
    assert (await careloop("staff", "add", *noor, "--phone", "212 555 0111", env=env)).code == 0
    await owner.execute("UPDATE team SET fallback_id = (SELECT id FROM staff WHERE name = 'Noor Bell')")
    assert (await careloop("staff", "shift", "noor", env=env)).code == 0
    ran = await careloop("staff", "leave", "Noor Bell", env=env)
    assert ran.code == 0, ran.err
    assert "Noor Bell has left" in ran.out
    assert "Care team: stand-in, 1 shift to come" in ran.out
    listed = {one["login"]: one for one in (await careloop("staff", "list", "--json", env=env)).objects}
    assert listed["noor"]["disabled_at"] is not None
    refused = await careloop("staff", "shift", "noor", env=env)
    assert (refused.code, "Nobody of the staff" in refused.err) == (1, True)
    back = await careloop("staff", "return", "noor", "--organization", "maple", env=env)
    assert (back.code, "To mend" in back.out) == (0, False)
    phone = await careloop("staff", "phone", "noor", "(212) 555-0199", env=env)
    assert "+12125550199" in phone.out
    gone = await careloop("staff", "phone", "noor", "--none", env=env)
    assert "cannot be paged" in gone.out
    assert "stand-in" in gone.out
    for wrong in (["phone", "noor"], ["phone", "noor", "x"], ["leave", "admin-maple"], ["return", "noor"]):
        ran = await careloop("staff", *wrong, env=env)
        assert (ran.code, bool(ran.err), "Traceback" in ran.err) == (1, True, False)
    assert {row["principal"][:4] for row in await owner.fetch("SELECT principal FROM audit")} == {"cli:"}


async def test_with_several_organizations_one_must_be_named(desk: Desk, web_db: Database, settings: Settings) -> None:
    await open_desk(web_db, "birch")
    env = env_of(settings)
    ran = await careloop("patient", "list", env=env)
    assert ran.code == 1
    assert "--organization" in ran.err
    await desk.admit()
    assert len((await careloop("patient", "list", "--organization", "maple", "--json", env=env)).objects) == 1
    assert (await careloop("patient", "list", "--organization", "birch", "--json", env=env)).objects == []


async def test_a_change_of_state_says_what_it_means_and_asks(desk: Desk, settings: Settings) -> None:
    env = env_of(settings)
    declined = await careloop("organization", "state", "live", env=env, typed="n\n")
    assert declined.code == 130
    assert "for real" in declined.out
    assert (await careloop("organization", "show", "--json", env=env)).objects[0]["state"] == "trial"
    accepted = await careloop("organization", "state", "live", env=env, typed="y\n")
    assert accepted.code == 0
    assert (await careloop("organization", "show", "--json", env=env)).objects[0]["state"] == "live"


async def test_where_texts_come_from_is_set_shown_and_audited(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings) | {
        "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_SENDER": "+12125550399",
    }  # fmt: skip
    assert "+12125550399 (of the installation)" in (await careloop("organization", "show", env=env)).out
    service = "MG" + "2" * 32
    assert (await careloop("organization", "sender", service, env=env)).out == f"maple texts from {service}.\n"
    assert service in (await careloop("organization", "show", env=env)).out
    assert (await careloop("organization", "sender", "MG2", env=env)).code == 1
    back = await careloop("organization", "sender", "default", env=env)
    assert back.out == "maple texts from +12125550399.\n"
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'organization.sender'") == 2


async def test_a_text_that_is_nobodys_is_seen_and_given(desk: Desk, settings: Settings, owner: Any) -> None:
    env = env_of(settings)
    assert "somebody's" in (await careloop("organization", "texts", env=env)).out
    await owner.execute(
        "INSERT INTO unclaimed_text (id, provider_sid, numbers, from_number, from_hash, body, received_at)"
        " VALUES (gen_random_uuid(), 'SM1', '{+12125550399}', '+12125550123', '', 'call me', now())"
    )
    (one,) = (await careloop("organization", "texts", "--json", env=env)).objects
    assert (one["id"], one["to"], "words" in one) == ("SM1", "+12125550399", False)
    assert "call me" in (await careloop("organization", "texts", "--words", env=env)).out
    assert (await careloop("organization", "give", "SM1", env=env)).code == 0
    assert (await careloop("organization", "give", "SM1", env=env)).code == 1
    assert await owner.fetchval("SELECT organization_id FROM unclaimed_text") == desk.organization
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'text.give'") == 1


async def test_another_organization_joins_and_learns_nothing(desk: Desk, settings: Settings) -> None:
    env = env_of(settings)
    await desk.admit()
    added = await careloop(
        "organization", "add", "--name", "Fern", "--zone", "America/Chicago", "--admin-login", "fern", "--json", env=env
    )
    assert added.code == 0, added.err
    assert added.objects[0]["state"] == "trial"
    assert (await careloop("patient", "list", "--organization", "Fern", "--json", env=env)).objects == []


async def test_a_changed_audit_row_is_found(desk: Desk, settings: Settings, worker_db: Database, owner: Any) -> None:
    from datetime import UTC, datetime

    from server.db.pool import Who

    env = env_of(settings)
    async with worker_db.transaction(Who(principal="service:worker")) as db:
        assert await audit.seal(db, datetime.now(UTC), settings.audit_head) > 0
    intact = await careloop("audit", "verify", "--json", env=env)
    assert (intact.code, intact.objects[0]["intact"]) == (0, True)
    await owner.execute("UPDATE audit SET principal = 'staff:somebody-else'")
    broken = await careloop("audit", "verify", "--json", env=env)
    assert (broken.code, broken.objects[0]["broken_at"]) == (1, 1)


async def test_invented_readings_are_refused_towards_a_working_clinic(
    world: World, settings: Settings, tmp_path: Any
) -> None:
    homes = tmp_path / "homes.json"
    homes.write_text('{"id":"h","password":"p","zone":"UTC","kinds":["pulse"],"crossing":"pulse","body":{}}\n')
    env = {**env_of(settings), "MQTT_URL": "mqtt://broker.example"}
    ran = await careloop("simulate", "--homes", str(homes), env=env)
    assert ran.code == 1
    assert "invented" in ran.err


async def test_migrating_again_is_no_work(settings: Settings) -> None:
    ran = await careloop("migrate", env=env_of(settings))
    assert ran.code == 0
    assert "up to date" in ran.out
