"""Decoding quarantine again, as staff do it: what would become of it is said before, what became of it after."""

import re
from datetime import timedelta
from typing import Any

import pytest

from server.db.pool import Database
from tests.flows.test_decode_again import broken, lost
from tests.flows.test_reading import NOW, bp, publish, send
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

__all__ = ["broken"]


async def test_one_item_says_before_and_after_what_becomes_of_it(
    nurse: Client, owner: Any, world: World, bridge_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, bp(1, 131, 84, at=NOW - timedelta(minutes=4))))
    item = await lost(owner)
    path = f"/queues/quarantine/{item}"
    before = (await nurse.get(path)).text
    assert "it cannot be read" in before
    assert "/decode" not in before
    broken()
    before = (await nurse.get(path)).text
    for words in (
        "Blood pressure: 131/84 mmHg",
        "A reading of",
        "Pat Aspen",
        "cannot be undone",
        "Decode again</button>",
    ):
        assert words in before
    assert await owner.fetchval("SELECT count(*) FROM reading") == 0
    answer = await nurse.post(f"{path}/decode")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    after = (await nurse.get(path)).text
    assert "Nurse Aspen had it decoded again" in after
    assert "1 reading kept" in after
    assert "Undo" not in after
    assert "Discard it" not in after
    assert (await nurse.post(f"{path}/decode")).status_code == 404
    assert (await nurse.post(f"{path}/undo")).status_code == 409
    assert await owner.fetchval("SELECT count(*) FROM reading") == 1
    assert "decoded again" in (await nurse.get(f"/patients/{world.patient}")).text
    seen = await owner.fetch("SELECT detail FROM audit WHERE action = 'quarantine.view'")
    assert any(str(world.patient) in row["detail"] for row in seen)


async def test_what_could_not_be_read_shows_todays_reason_beside_the_first(
    nurse: Client, owner: Any, world: World, bridge_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(world, b'{"kind": "mood", "seq": 7}'))
    item = await lost(owner)
    broken()
    assert (await nurse.post(f"/queues/quarantine/{item}/decode")).status_code == 303
    page = (await nurse.get(f"/queues/quarantine/{item}")).text
    assert "Tried again" in page
    assert "decoder failed" in page
    assert "Discard it" in page
    assert "tried again" in (await nurse.get("/queues?tab=quarantine")).text


async def test_many_at_once_are_counted_before_and_after(
    nurse: Client, owner: Any, world: World, bridge_db: Database, broken: Any
) -> None:
    for n in range(1, 4):
        await send(bridge_db, publish(world, bp(n, 120, at=NOW - timedelta(days=n))))
    await send(bridge_db, publish(world, b'{"kind": "mood"}'))
    broken()
    listed = (await nurse.get("/queues?tab=quarantine")).text
    link = re.search(r'href="(/queues/quarantine/again[^"]+)"', listed)
    assert link is not None
    page = (await nurse.get(link[1].replace("&amp;", "&"))).text
    assert "Decode 3 messages" in page
    assert "3 readings kept" in page
    form = {"device": world.device, "reason": "decoder_failed"}
    answer = await nurse.post("/queues/quarantine/again", data=form)
    assert answer.status_code == 303
    page = (await nurse.get(answer.headers["location"])).text
    assert "3 messages were decoded. 1 still cannot be read" in " ".join(page.split())
    assert "None of them can be read as things are" in page
    assert await owner.fetchval("SELECT count(*) FROM reading") == 3
    nothing = (await nurse.get(f"/queues/quarantine/again?device={world.device}&reason=x")).text
    assert "Nothing of this device waits for this reason." in nothing


@pytest.mark.parametrize(("role", "status"), [("admin", 303), ("coordinator", 303), ("clinician", 403)])
async def test_who_may(
    client: Client, owner: Any, world: World, bridge_db: Database, broken: Any, role: str, status: int
) -> None:
    await send(bridge_db, publish(world, bp(1, 120)))
    broken()
    await sign_in(client, (await staff_login(owner, world, role))[0])
    assert (await client.post(f"/queues/quarantine/{await lost(owner)}/decode")).status_code == status


async def test_another_organization_sees_nothing_of_it(
    nurse: Client, other_world: World, owner: Any, bridge_db: Database, broken: Any
) -> None:
    await send(bridge_db, publish(other_world, bp(1, 120)), publish(other_world, bp(2, 120)))
    item = await owner.fetchval("SELECT id FROM quarantine LIMIT 1")
    broken()
    assert (await nurse.get(f"/queues/quarantine/{item}")).status_code == 404
    assert (await nurse.post(f"/queues/quarantine/{item}/decode")).status_code == 404
    there = f"/queues/quarantine/again?device={other_world.device}&reason=decoder_failed"
    assert "Nothing of this device waits" in (await nurse.get(there)).text
    form = {"device": other_world.device, "reason": "decoder_failed"}
    assert (await nurse.post("/queues/quarantine/again", data=form)).status_code == 303
    assert await owner.fetchval("SELECT count(*) FROM reading") == 0
