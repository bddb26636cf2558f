"""The queues as staff see them: what waits, why, and the forms by which it is settled."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from server.db.ids import uuid7
from server.db.pool import Database
from tests.flows.test_reading import NOW, bp, publish, send
from tests.flows.test_resolve_held import another_patient, hold, no_loan
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

VALUES = {"value_systolic": "310", "unit_systolic": "mm[Hg]", "value_diastolic": "124", "unit_diastolic": "mm[Hg]"}


async def test_nothing_waiting_says_so(nurse: Client) -> None:
    for tab, says in (("held", "No reading is held."), ("quarantine", "Nothing is in quarantine.")):
        assert says in (await nurse.get(f"/queues?tab={tab}")).text
    assert (await nurse.get("/queues/count")).text.strip() == ""
    assert 'href="/queues"' in (await nurse.get("/worklist")).text


@pytest.mark.parametrize(
    ("role", "may"), [("admin", True), ("coordinator", True), ("clinician", False), ("quality", False)]
)
async def test_who_may_open_the_queues(client: Client, owner: Any, world: World, role: str, may: bool) -> None:
    await sign_in(client, (await staff_login(owner, world, role))[0])
    assert (await client.get("/queues")).status_code == (200 if may else 403)
    assert ('href="/queues"' in (await client.get("/worklist")).text) is may


async def test_a_held_reading_shows_why_what_and_both_times(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    await no_loan(owner, world)
    measured = NOW - timedelta(minutes=3)
    held = await hold(world, bridge_db, owner, bp(1, 131, 84, at=measured, pulse=71))
    listed = (await nurse.get("/queues")).text
    for words in (
        "Blood pressure: 131/84 mmHg, pulse 71 /min",
        "Nobody had this device on loan",
        world.device,
        "(1) Queues",
    ):
        assert words in listed
    assert ">1<span" in (await nurse.get("/queues/count")).text
    item = (await nurse.get(f"/queues/held/{held}")).text
    for words in (
        "Time told by the device",
        measured.isoformat().replace("+", "&#43;"),
        "Pat Aspen",
        "Aspen-1",
        "Somebody else",
    ):
        assert words in item or words.replace("&#43;", "+") in item
    actions = await owner.fetch(
        "SELECT action, patient_id, detail FROM audit WHERE action IN ('queues.view', 'held.view')"
    )
    assert {row["action"] for row in actions} == {"queues.view", "held.view"}
    assert any(str(world.patient) in row["detail"] for row in actions)


async def test_the_form_keeps_a_reading_without_script(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    await no_loan(owner, world)
    held = await hold(world, bridge_db, owner, bp(1, 131, 84))
    answer = await nurse.post(f"/queues/held/{held}/assign", data={"patient": "other", "mrn": "Aspen-1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queues?tab=held")
    assert await owner.fetchval("SELECT patient_id FROM reading") == world.patient
    again = await nurse.post(f"/queues/held/{held}/assign", data={"patient": str(world.patient)})
    assert again.status_code == 409
    assert "Nurse Aspen decided this already" in again.text
    assert "Keep this reading" not in again.text


async def test_a_value_in_another_unit_is_converted_and_needs_a_reason(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    held = await hold(
        world, bridge_db, owner, {"seq": 1, "kind": "glucose", "glucose": 5.5, "measured_at": NOW.isoformat()}
    )
    form = {"patient": str(world.patient), "value_glucose": "5.5", "unit_glucose": "mmol/L"}
    without = await nurse.post(f"/queues/held/{held}/assign", data=form)
    assert without.status_code == 422
    assert "Write why" in without.text
    assert '<option value="mmol/L" selected>' in without.text  # as it was typed
    done = await nurse.post(f"/queues/held/{held}/assign", data={**form, "note": "Meter shows mmol/L"})
    assert done.status_code == 303
    assert float(await owner.fetchval("SELECT glucose_mgdl FROM reading")) == pytest.approx(99.1)
    assert await owner.fetchval("SELECT resolution FROM held") == "corrected"


async def test_values_left_as_they_are_are_no_correction(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    form = {"patient": str(world.patient), **VALUES, "value_pulse": "", "unit_pulse": "/min", "note": ""}
    assert (await nurse.post(f"/queues/held/{held}/assign", data=form)).status_code == 303
    assert await owner.fetchval("SELECT resolution FROM held") == "assigned"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "Choose whose reading this is"),
        ({"patient": "other", "mrn": ""}, "Choose whose reading this is"),
        ({"patient": "other", "mrn": "nobody"}, "Nobody here has the record number"),
        ({"patient": "x"}, "Choose whose reading this is"),
        ({"patient": "ME", "value_systolic": "abc"}, "not a number"),
        ({"patient": "ME", "value_systolic": "NaN"}, "not a number"),
        ({"patient": "ME", "value_systolic": "130", "unit_systolic": "miles"}, "not a number"),
        ({"patient": "ME", "value_systolic": "900", "note": "x"}, "cannot be a person"),
    ],
)
async def test_what_cannot_be_right_is_said_and_nothing_changes(
    nurse: Client, owner: Any, world: World, bridge_db: Database, form: dict[str, str], says: str
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    data = {name: str(world.patient) if value == "ME" else value for name, value in form.items()}
    answer = await nurse.post(f"/queues/held/{held}/assign", data=data)
    assert answer.status_code == 422
    assert says in answer.text
    assert await owner.fetchval("SELECT resolved_at FROM held") is None


async def test_discarding_asks_for_a_reason_and_can_be_undone(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    assert (await nurse.post(f"/queues/held/{held}/discard", data={"note": " "})).status_code == 422
    assert (await nurse.post(f"/queues/held/{held}/discard", data={"note": "Cuff <b>test</b>"})).status_code == 303
    listed = (await nurse.get("/queues")).text
    assert "Discarded in the last 24 hours" in listed
    assert "Cuff &lt;b&gt;test&lt;/b&gt;" in listed
    assert (await nurse.post(f"/queues/held/{held}/undo")).status_code == 303
    assert "Keep this reading" in (await nurse.get(f"/queues/held/{held}")).text
    assert (await nurse.post(f"/queues/held/{held}/undo")).status_code == 409


async def test_quarantined_bytes_are_shown_as_text_or_hexadecimal_and_the_look_is_noted(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, b'{"kind": "mood", "x": "<script>"}'))
    await send(bridge_db, publish(world, bytes(range(200, 256)) * 60))
    ids = [row["id"] for row in await owner.fetch("SELECT id FROM quarantine ORDER BY length(payload)")]
    assert "<script>" not in (listed := (await nurse.get("/queues?tab=quarantine")).text)
    assert "mood" not in listed  # bytes only behind a click
    text, binary = [(await nurse.get(f"/queues/quarantine/{one}")).text for one in ids]
    assert "&#34;x&#34;: &#34;&lt;script&gt;&#34;" in text
    assert "0000  c8 c9" in binary
    assert "The first 2048 of 3360 bytes" in binary
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'quarantine.view'") == 2
    discard = f"/queues/quarantine/{ids[0]}/discard"
    assert (await nurse.post(discard, data={"note": "Known"})).status_code == 303
    assert (await nurse.post(discard, data={"note": "Known"})).status_code == 409
    assert (await nurse.post(f"/queues/quarantine/{ids[0]}/undo")).status_code == 303


async def test_another_organizations_items_are_not_there(
    client: Client, owner: Any, world: World, other_world: World, bridge_db: Database
) -> None:
    await send(bridge_db, publish(world, b"\xff"))
    held = await hold(world, bridge_db, owner, bp(1, 310, 124))
    poison = await owner.fetchval("SELECT id FROM quarantine")
    await sign_in(client, (await staff_login(owner, other_world))[0])
    for path in (f"/queues/held/{held}", f"/queues/quarantine/{poison}"):
        assert (await client.get(path)).status_code == 404
        for act in ("discard", "undo"):
            assert (await client.post(f"{path}/{act}", data={"note": "x"})).status_code == 404
    assert (await client.post(f"/queues/held/{held}/assign", data={"patient": str(world.patient)})).status_code == 404
    for tab in ("held", "quarantine"):
        assert world.device not in (await client.get(f"/queues?tab={tab}")).text


async def test_another_users_button_offers_everybody_who_has_the_device(
    nurse: Client, owner: Any, world: World, bridge_db: Database
) -> None:
    other = await another_patient(owner, world)
    await owner.execute("UPDATE loan SET user_slot = 1")
    await owner.execute(
        "INSERT INTO loan (id, organization_id, device_id, patient_id, user_slot, lent) VALUES ($1, $2, $3, $4, 2, $5)",
        uuid7(), world.organization, world.device, other, asyncpg.Range(NOW - timedelta(days=9), None),
    )  # fmt: skip
    held = await hold(world, bridge_db, owner, bp(1, 131, 84, user_slot=3))
    item = (await nurse.get(f"/queues/held/{held}")).text
    for words in ("slot 3", "slot 1 ·", "slot 2 ·", "Pat Aspen", "Pat Other"):
        assert words in item
    assert item.count("checked") == 0  # a person chooses
    await nurse.post(f"/queues/held/{held}/assign", data={"patient": str(other)})
    row = await owner.fetchrow("SELECT patient_id, user_slot FROM reading")
    assert tuple(row) == (other, 3)


async def test_a_long_queue_is_read_page_by_page(nurse: Client, owner: Any, world: World, bridge_db: Database) -> None:
    await no_loan(owner, world)
    await send(bridge_db, publish(world, *(bp(seq, 100 + seq) for seq in range(1, 61))))
    first = (await nurse.get("/queues")).text
    assert first.count('class="item"') == 50
    where = first.split('href="/queues?tab=held&amp;since=')[1].split('"')[0].replace("&amp;", "&")
    second = (await nurse.get(f"/queues?tab=held&since={where}")).text
    assert second.count('class="item"') == 10
