"""The audit chain: sealed in an order that cannot change, and every kind of tampering shows."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.security import audit
from tests.world import World

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
WORKER = Who(principal="service:worker")


@pytest.fixture
def head(tmp_path: Path) -> Path:
    return tmp_path / "outside" / "heads.jsonl"


async def _note(web_db: Database, world: World, count: int = 1) -> None:
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    for n in range(count):
        async with web_db.transaction(who) as db:
            subject = f"patient:{world.patient}"
            await audit.note(
                db,
                who,
                world.organization,
                "patient.view",
                subject,
                NOW,
                patient=world.patient,
                detail={"n": n, "é": 1.5},
            )


def _text(path: Path) -> str:
    return path.read_text()


async def _seal(worker_db: Database, head: Path) -> int:
    async with worker_db.transaction(WORKER) as db:
        return await audit.seal(db, NOW, head)


async def _seal_until(worker_db: Database, head: Path, count: int) -> None:
    """Transactions are counted over the whole server: another test's open one makes the sealer wait too."""
    sealed = 0
    async with asyncio.timeout(60):
        while sealed < count:
            sealed += await _seal(worker_db, head)
            await asyncio.sleep(0.02)
    assert sealed == count


async def _verify(worker_db: Database, world: World, head: Path | None = None) -> int | None:
    async with worker_db.transaction(WORKER) as db:
        return await audit.verify(db, world.organization, head)


async def _sealed(web_db: Database, worker_db: Database, world: World, head: Path, count: int = 6) -> None:
    await _note(web_db, world, count)
    await _seal_until(worker_db, head, count)
    assert await _verify(worker_db, world, head) is None


async def test_an_untouched_chain_is_whole_and_the_head_is_outside(
    web_db: Database, worker_db: Database, world: World, other_world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    await _note(web_db, world)
    await _note(web_db, other_world)
    await _seal_until(worker_db, head, 2)
    assert await _seal(worker_db, head) == 0
    lines = [json.loads(line) for line in _text(head).splitlines()]
    ours = [line["position"] for line in lines if line["organization"] == str(world.organization)]
    assert ours[-2:] == [6, 7]
    for each in (world, other_world):
        assert await _verify(worker_db, each, head) is None


TAMPERINGS = {
    "an edited row": "UPDATE audit SET principal = 'staff:somebody-else' WHERE id = $1",
    "an edited detail": "UPDATE audit SET detail = '{}' WHERE id = $1",
    "a moved time": "UPDATE audit SET at = at + interval '1 microsecond' WHERE id = $1",
    "a hidden refusal": "UPDATE audit SET allowed = NOT allowed WHERE id = $1",
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_tampering_with_a_row_shows_at_its_place(
    what: str, owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    victim = await owner.fetchval("SELECT audit_id FROM audit_seal WHERE position = 4")
    await owner.execute(TAMPERINGS[what], victim)
    assert await _verify(worker_db, world) == 4


async def test_a_deleted_row_shows(owner: Any, web_db: Database, worker_db: Database, world: World, head: Path) -> None:
    await _sealed(web_db, worker_db, world, head)
    victim = await owner.fetchval("DELETE FROM audit_seal WHERE position = 3 RETURNING audit_id")
    await owner.execute("DELETE FROM audit WHERE id = $1", victim)
    assert await _verify(worker_db, world) == 3


async def test_closing_the_hole_of_a_deleted_row_shows(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    await owner.execute("DELETE FROM audit_seal WHERE position = 3")
    for position in (4, 5, 6):
        await owner.execute("UPDATE audit_seal SET position = $1 - 1 WHERE position = $1", position)
    assert await _verify(worker_db, world) == 3


async def test_reordered_rows_show(owner: Any, web_db: Database, worker_db: Database, world: World, head: Path) -> None:
    await _sealed(web_db, worker_db, world, head)
    await owner.execute("UPDATE audit_seal SET position = 99 WHERE position = 2")
    await owner.execute("UPDATE audit_seal SET position = 2 WHERE position = 5")
    await owner.execute("UPDATE audit_seal SET position = 5 WHERE position = 99")
    assert await _verify(worker_db, world) == 2


async def test_rows_chained_anew_in_another_order_show_even_without_the_head(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head, 3)
    async with worker_db.transaction(WORKER) as db:
        rows = await db.fetch(audit.CHAIN, world.organization, 0, 10)
    made = audit.first_link(world.organization)
    await owner.execute("UPDATE audit_seal SET position = position + 100")
    for position, row in enumerate(reversed(rows), 1):
        made = audit.link(made, audit.Entry(**{name: row[name] for name in audit.Entry.__struct_fields__}))
        change = "UPDATE audit_seal SET position = $1, hash = $2 WHERE audit_id = $3"
        await owner.execute(change, position, made, row["id"])
    assert await _verify(worker_db, world) == 2


async def test_a_cut_tail_shows_against_the_head_outside(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    await owner.execute("WITH cut AS (DELETE FROM audit_seal WHERE position > 4 RETURNING audit_id) SELECT 1")
    await owner.execute("DELETE FROM audit WHERE id NOT IN (SELECT audit_id FROM audit_seal)")
    assert await _verify(worker_db, world) is None  # inside the database nothing is missing
    assert await _verify(worker_db, world, head) == 5


def _keep_the_newest(head: Path) -> None:
    head.write_text(_text(head).splitlines()[-1] + "\n")


async def test_a_chain_made_anew_shows_against_the_head_outside(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path, tmp_path: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    await owner.execute("DELETE FROM audit_seal")
    await owner.execute("UPDATE audit SET principal = 'staff:somebody-else'")
    await _seal_until(worker_db, tmp_path / "forged.jsonl", 6)
    assert await _verify(worker_db, world) is None
    _keep_the_newest(head)  # on a busy server they were sealed in parts, each with a head
    assert await _verify(worker_db, world, head) == 6


async def test_a_row_slipped_in_below_the_head_shows(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    await _sealed(web_db, worker_db, world, head)
    await owner.execute(
        """INSERT INTO audit (id, organization_id, txid, at, principal, action, subject)
           SELECT $1, organization_id, txid, at, 'staff:x', 'patient.view', 'x' FROM audit ORDER BY txid LIMIT 1""",
        uuid.UUID(int=1),
    )
    assert await _verify(worker_db, world) == 7


async def test_rows_of_a_transaction_still_running_wait(
    owner: Any, web_db: Database, worker_db: Database, world: World, head: Path
) -> None:
    """A later transaction that commits first must not be sealed before an earlier one that is still open."""
    who = Who(principal=f"staff:{world.nurse}", organization=world.organization)
    async with web_db.transaction(who) as slow:
        await audit.note(slow, who, world.organization, "slow", "x", NOW)
        await _note(web_db, world)
        assert await _seal(worker_db, head) == 0
    await _seal_until(worker_db, head, 2)
    order = await owner.fetch("SELECT a.action FROM audit_seal s JOIN audit a ON a.id = s.audit_id ORDER BY position")
    assert [row["action"] for row in order] == ["slow", "patient.view"]
    assert await _verify(worker_db, world, head) is None


async def test_many_sealers_at_once_make_one_chain(
    owner: Any, web_db: Database, worker_db: Database, world: World, other_world: World, head: Path
) -> None:
    async def keep_noting(each: World) -> None:
        await _note(web_db, each, 20)

    async def keep_sealing() -> int:
        return sum([await _seal(worker_db, head) for _ in range(15)])

    async with asyncio.TaskGroup() as group:
        for each in (world, other_world):
            group.create_task(keep_noting(each))
        sealers = [group.create_task(keep_sealing()) for _ in range(4)]
    await _seal_until(worker_db, head, 40 - sum(sealer.result() for sealer in sealers))
    for each in (world, other_world):
        assert await _verify(worker_db, each, head) is None
    assert await owner.fetchval("SELECT count(*) FROM audit_seal") == 40


async def test_a_patients_own_request_can_add_and_not_read(web_db: Database, world: World) -> None:
    who = Who(principal=f"patient:{world.patient}", organization=world.organization, patient=world.patient)
    async with web_db.transaction(who) as db:
        await audit.note(db, who, world.organization, "portal.view", "today", NOW, patient=world.patient)
        assert await db.fetchval("SELECT count(*) FROM audit") == 0
