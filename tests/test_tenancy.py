"""No principal of one organization learns anything of another: read from the catalogue, then tried as the real role."""

import uuid
from typing import Any

import asyncpg
import pytest

from server.db.pool import Database, Who
from tests.web.people import alarm, alert, patient_login, staff_login
from tests.world import World

# Not of any organization, or of all: each says why.
SHARED = {"migration", "heartbeat", "unfound_forgery"}  # the last counts what is about nobody here

TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
           EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id') AS owned,
           array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""
GRANTS = """
    SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
     WHERE table_schema = 'public' AND (grantee LIKE 'careloop\\_%' OR grantee = 'PUBLIC')
"""
ROLES = ("careloop_web", "careloop_bridge", "careloop_worker", "careloop_auditor", "careloop_backup")


async def test_every_table_of_an_organization_has_forced_row_policies(owner: Any) -> None:
    tables = [row for row in await owner.fetch(TABLES) if not row["relispartition"]]
    assert len(tables) > 30
    for row in tables:
        name = row["relname"]
        assert row["owned"] or name in SHARED | {"organization"}, f"{name} belongs to no organization: say why"
        if name in SHARED:
            continue
        assert row["relrowsecurity"], f"{name} has no row-level security"
        assert row["relforcerowsecurity"], f"{name}: row-level security is not forced"
        assert {"web_organization", "service", "owner"} <= set(row["policies"]), f"{name} lacks a policy"


async def test_every_table_that_names_a_patient_is_narrowed_for_patients(owner: Any) -> None:
    named = await owner.fetch(
        """SELECT c.relname, array(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)
               AS narrowed
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'patient_id'
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"""
    )
    assert len(named) > 15
    for row in named:
        assert {"web_patient", "web_staff_only"} & set(row["narrowed"]), f"{row['relname']} is open to every patient"


async def test_partitions_carry_no_grants(owner: Any) -> None:
    partitions = {row["relname"] for row in await owner.fetch(TABLES) if row["relispartition"]}
    assert len(partitions) > 20
    granted = {row["table_name"] for row in await owner.fetch(GRANTS) if row["grantee"] == "careloop_web"}
    assert not partitions & granted


async def test_nobody_may_delete_or_truncate_and_the_public_may_nothing(owner: Any) -> None:
    for row in await owner.fetch(GRANTS):
        assert row["privilege_type"] not in {"DELETE", "TRUNCATE"}, dict(row)
        assert row["grantee"] != "PUBLIC", dict(row)


async def test_the_audit_is_append_only(owner: Any) -> None:
    rows = await owner.fetch(GRANTS)
    changes = [dict(r) for r in rows if r["table_name"] in {"audit", "audit_seal"} and r["privilege_type"] == "UPDATE"]
    assert not changes


async def test_views_ask_with_the_askers_rights(owner: Any) -> None:
    views = await owner.fetch(
        "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
    )
    for row in views:
        assert "security_invoker=true" in (row["reloptions"] or []), f"{row['relname']} answers with its owner's rights"


async def test_doors_have_a_fixed_search_path_and_open_for_the_web_only(owner: Any) -> None:
    doors = await owner.fetch(
        """SELECT proname, proconfig, proacl::text AS acl FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND prosecdef"""
    )
    assert len(doors) >= 8
    for row in doors:
        assert row["proname"].startswith("door_"), row["proname"]
        assert any(setting.startswith("search_path=") for setting in row["proconfig"] or []), row["proname"]
        assert "careloop_web=X" in row["acl"], row["proname"]
        assert not row["acl"].startswith("{=X"), f"{row['proname']} is open to everybody"


async def test_no_role_of_ours_passes_by_the_policies_but_backup(owner: Any) -> None:
    rows = await owner.fetch(
        "SELECT rolname, rolbypassrls, rolsuper FROM pg_roles WHERE rolname = ANY($1)", list(ROLES)
    )
    assert {row["rolname"] for row in rows} == set(ROLES)
    assert not [row["rolname"] for row in rows if row["rolsuper"]]
    assert {row["rolname"] for row in rows if row["rolbypassrls"]} <= {"careloop_backup"}


async def _fill(owner: Any, world: World) -> None:
    """One row in as many tables as a living clinic has."""
    await staff_login(owner, world)
    await patient_login(owner, world)
    await alert(owner, world)
    await alarm(owner, world)


async def _visible(database: Database, who: Who, tables: list[str]) -> dict[str, set[uuid.UUID]]:
    """Which organizations' rows this principal sees, per table it may read at all."""
    seen: dict[str, set[uuid.UUID]] = {}
    for table in tables:
        column = "id" if table == "organization" else "organization_id"
        try:
            async with database.transaction(who) as db:
                rows = await db.fetch(f"SELECT DISTINCT {column} AS organization FROM {table}")
        except asyncpg.InsufficientPrivilegeError:
            continue
        seen[table] = {row["organization"] for row in rows}
    return seen


async def _owned(owner: Any) -> list[str]:
    rows = await owner.fetch(TABLES)
    return [r["relname"] for r in rows if (r["owned"] or r["relname"] == "organization") and not r["relispartition"]]


async def test_as_the_web_organization_a_sees_no_row_of_b_in_any_table(
    owner: Any, web_db: Database, world: World, other_world: World
) -> None:
    for each in (world, other_world):
        await _fill(owner, each)
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    seen = await _visible(web_db, who, await _owned(owner))
    leaked = {table: found for table, found in seen.items() if found - {world.organization}}
    filled = [table for table, found in seen.items() if world.organization in found]
    print(f"{len(leaked)} of {len(seen)} tables leaked; {len(filled)} had rows of our own to see")
    assert not leaked
    assert len(filled) >= 18


async def test_before_an_organization_is_known_nothing_is_seen(owner: Any, web_db: Database, world: World) -> None:
    await _fill(owner, world)
    seen = await _visible(web_db, Who(principal="service:web"), await _owned(owner))
    assert len(seen) > 30
    assert not {table: found for table, found in seen.items() if found}


async def test_a_row_cannot_be_written_into_another_organization(
    web_db: Database, world: World, other_world: World
) -> None:
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with web_db.transaction(who) as db:
            await db.execute(
                "INSERT INTO clinic (id, organization_id, name, zone) VALUES ($1, $2, 'x', 'UTC')",
                uuid.uuid4(), other_world.organization,
            )  # fmt: skip
    async with web_db.transaction(who) as db:
        assert await db.execute("UPDATE patient SET mrn = 'x' WHERE id = $1", other_world.patient) == "UPDATE 0"


async def test_a_patient_sees_their_own_rows_only(owner: Any, web_db: Database, world: World) -> None:
    other = uuid.uuid4()
    await owner.execute(
        """INSERT INTO patient SELECT $1, organization_id, clinic_id, team_id, 'other', given_name, family_name, birth_date,
               sex, zone, language, phone, phone_hash, monitoring_status, admitted_at FROM patient WHERE id = $2""",
        other, world.patient,
    )  # fmt: skip
    await _fill(owner, world)
    who = Who(principal=f"patient:{other}", organization=world.organization, patient=other)
    async with web_db.transaction(who) as db:
        assert [row["id"] for row in await db.fetch("SELECT id FROM patient")] == [other]
        for table in ("reading", "alert", "finding", "alarm", "staff", "account", "device", "message", "loan"):
            columns = "id" if table in {"account", "staff"} else "*"
            assert await db.fetch(f"SELECT {columns} FROM {table}") == [], table


async def test_a_pooled_connection_keeps_nothing_of_the_one_before(
    web_db: Database, world: World, other_world: World
) -> None:
    for each in (world, other_world) * 5:
        async with web_db.transaction(Who(principal="service:web", organization=each.organization)) as db:
            assert [row["id"] for row in await db.fetch("SELECT id FROM organization")] == [each.organization]
    async with web_db.transaction(Who(principal="service:web")) as db:
        assert await db.fetch("SELECT id FROM organization") == []
