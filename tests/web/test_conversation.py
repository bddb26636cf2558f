"""The conversation page: both ways in one column, what came of it, and a text of one's own, sent once and not at night."""

import re
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reply, write_text
from server.flows.write_text import Draft
from server.people.phones import phone_hash
from server.security.sessions import Person
from tests.web.conftest import Client, sign_in
from tests.web.people import gap, patient_login, staff_login
from tests.world import FIELD_KEY, NEVER_WAIT, World

TOLD = reply.Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
NEW_YORK = ZoneInfo("America/New_York")


async def writes(web_db: Database, world: World, words: str, at: datetime | None = None) -> None:
    """The patient's text, as the webhook brings it."""
    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid=f"SM{uuid7()}", from_number=world.patient_phone, to_number=world.sender, body=words)
    await reply.handle(web_db, who, world.organization, text, at or datetime.now(UTC), TOLD)


async def shown(client: Client, world: World, query: str = "") -> str:
    answer = await client.get(f"/patients/{world.patient}/conversation{query}")
    assert answer.status_code == 200
    return str(answer.text)


async def send(client: Client, world: World, **fields: str) -> Any:
    return await client.post(f"/patients/{world.patient}/conversation", data={"do": "send", **fields})


@pytest.fixture
async def any_hour(owner: Any) -> None:
    """Hours of the patient that are always open: these tests run at night too."""
    await owner.execute(
        """INSERT INTO contact_preference (patient_id, organization_id, opens, closes, author, changed_at)
           SELECT id, organization_id, '00:00', '23:59:59.999999', 'staff:test', now() FROM patient"""
    )


async def test_an_empty_conversation_says_what_will_be_here(nurse: Client, world: World) -> None:
    assert "Nothing here yet" in await shown(nurse, world)


async def test_both_ways_are_shown_with_what_was_understood_and_done(
    nurse: Client, world: World, web_db: Database
) -> None:
    await writes(web_db, world, "192/118")
    page = await shown(nurse, world)
    assert "192/118" in page
    assert "Understood: a reading." in page
    assert "Filed as a reading" in page
    assert re.search(rf'href="/alerts/{world.patient}/[0-9a-f-]+">Alert', page)
    assert "Not sent yet" in page  # what went back waits for the sender
    assert "page_high_alert" not in page


async def test_what_was_not_delivered_says_why_in_words(
    nurse: Client, world: World, web_db: Database, owner: Any
) -> None:
    await writes(web_db, world, "HELP")
    await owner.execute("UPDATE message SET status = 'failed', reason = '21211'")
    assert "Not delivered: not a number that exists" in await shown(nurse, world)
    await owner.execute("UPDATE message SET status = 'suppressed', reason = 'opted_out'")
    assert "Not sent: they asked us to stop" in await shown(nurse, world)


async def test_a_filter_shows_one_side(nurse: Client, world: World, web_db: Database) -> None:
    await writes(web_db, world, "HELP")
    assert "emergency" not in await shown(nurse, world, "?show=from")
    assert "HELP</p>" not in await shown(nurse, world, "?show=reminders")
    assert (await nurse.get(f"/patients/{world.patient}/conversation?show=nothing")).status_code == 400


async def test_long_conversations_go_back_page_by_page(nurse: Client, world: World, owner: Any) -> None:
    at = datetime.now(UTC)
    for number in range(60):
        await owner.execute(
            """INSERT INTO reply (id, organization_id, provider_sid, from_hash, from_number, to_number, body, meaning, patient_id,
                   received_at, handled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'other', $8, $9, $9)""",
            uuid7(), world.organization, f"SM{number}", phone_hash(FIELD_KEY, world.patient_phone), world.patient_phone,
            world.sender, f"number {number}.", world.patient, at - timedelta(minutes=number),
        )  # fmt: skip
    newest = await shown(nurse, world)
    assert "number 49." in newest
    assert "number 50." not in newest
    earlier = re.search(r'href="(\?show=all&amp;before=[^"]+)">Earlier', newest)
    assert earlier is not None
    before = await shown(nurse, world, earlier[1].replace("&amp;", "&"))
    assert "number 50." in before
    assert "number 59." in before
    assert "number 49." not in before


async def test_a_persons_text_goes_once_however_often_it_is_pressed(
    nurse: Client, world: World, owner: Any, any_hour: None
) -> None:
    token = str(uuid.uuid4())
    for _ in range(3):
        assert (await send(nurse, world, body="Please call us.", token=token)).status_code == 303
    rows = await owner.fetch("SELECT body, purpose, status, to_number, written_by FROM message")
    assert [tuple(row) for row in rows] == [
        ("Aspen Health: Please call us.", "answer", "queued", world.patient_phone, world.nurse)
    ]
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'patient.text'") == 1
    assert "Nurse Aspen" in await shown(nurse, world, "?show=staff")


async def test_what_may_tell_of_health_is_asked_about_and_nothing_typed_is_lost(
    nurse: Client, world: World, owner: Any, any_hour: None
) -> None:
    asked = await send(nurse, world, body="Your sugar was fine")
    assert asked.status_code == 422
    assert "sugar" in asked.text
    assert "Your sugar was fine</textarea>" in asked.text
    assert await owner.fetchval("SELECT count(*) FROM message") == 0
    assert (await send(nurse, world, body="Your sugar was fine", sure="on")).status_code == 303


async def test_what_is_empty_or_too_long_is_refused_and_the_length_can_be_checked(
    nurse: Client, world: World, owner: Any, any_hour: None
) -> None:
    assert (await send(nurse, world, body="  ")).status_code == 422
    long = await send(nurse, world, body="á" * 300)
    assert (long.status_code, "5 text messages long" in long.text) == (422, True)
    checked = await nurse.post(f"/patients/{world.patient}/conversation", data={"do": "check", "body": "Hello"})
    assert "1 text message" in checked.text
    assert await owner.fetchval("SELECT count(*) FROM message") == 0


async def test_after_stop_no_text_is_written_and_the_page_says_that_the_number_is_blocked(
    nurse: Client, world: World, web_db: Database, owner: Any, any_hour: None
) -> None:
    await owner.execute(
        """INSERT INTO patient SELECT gen_random_uuid(), organization_id, clinic_id, team_id, 'Aspen-2', given_name, family_name,
               birth_date, sex, zone, language, phone, phone_hash, monitoring_status, admitted_at FROM patient"""
    )
    await writes(web_db, world, "STOP")
    page = await shown(nurse, world)
    assert "Cannot be texted" in page
    assert "everybody who shares it" in page
    assert "Aspen-2" in page
    refused = await send(nurse, world, body="Please call us.")
    assert (refused.status_code, "Call instead" in refused.text) == (409, True)
    assert await owner.fetchval("SELECT count(*) FROM message WHERE wording = 'staff_text'") == 0
    other = await owner.fetchval("SELECT id FROM patient WHERE mrn = 'Aspen-2'")
    answer = await nurse.get(f"/patients/{other}/conversation")
    assert "Cannot be texted" in answer.text
    assert "From a shared telephone" in answer.text


def nurse_of(world: World) -> Person:
    return Person(
        organization=world.organization, organization_name="Aspen Health", state="live", zone="America/New_York", demo=False,
        account_id=uuid7(), name="Nurse", role="nurse", staff_id=world.nurse,  # type: ignore[arg-type]
    )  # fmt: skip


NIGHT = datetime.combine(datetime.now(NEW_YORK).date() - timedelta(days=1), time(23), NEW_YORK).astimezone(UTC)


async def test_at_night_a_text_waits_for_the_morning(web_db: Database, world: World, owner: Any) -> None:
    draft = Draft(body="Please call us.", token=uuid7())
    goes = await write_text.write(web_db, nurse_of(world), world.patient, draft, NIGHT, world.sender)
    assert goes.astimezone(NEW_YORK).time() == time(8)
    assert await owner.fetchval("SELECT not_before FROM message") == goes


async def test_at_night_it_goes_now_only_to_who_wrote_within_a_day(web_db: Database, world: World, owner: Any) -> None:
    draft = Draft(body="Please call us.", token=uuid7(), at_night=True)
    with pytest.raises(write_text.Conflict, match="did not write within a day"):
        await write_text.write(web_db, nurse_of(world), world.patient, draft, NIGHT, world.sender)
    assert await owner.fetchval("SELECT count(*) FROM message") == 0
    await writes(web_db, world, "can somebody help me with the form", NIGHT - timedelta(hours=2))
    assert await write_text.write(web_db, nurse_of(world), world.patient, draft, NIGHT, world.sender) == NIGHT
    assert await owner.fetchval("SELECT not_before FROM message WHERE wording = 'staff_text'") == NIGHT


async def test_who_may_not_answer_reads_and_does_not_write(client: Client, world: World, owner: Any) -> None:
    login, _ = await staff_login(owner, world, "quality")
    await sign_in(client, login)
    assert "Write to" not in await shown(client, world)
    assert (await send(client, world, body="Hello")).status_code == 403


async def test_staff_undo_what_the_patient_did_not_want_to_hear_of(nurse: Client, world: World, owner: Any) -> None:
    made = await gap(owner, world)
    await owner.execute("UPDATE gap SET no_text_before = period_end + 1")
    assert "Breast cancer screening</strong>: no text about it before Jan 01" in await shown(nurse, world)
    again = await nurse.post(f"/patients/{world.patient}/gaps/{made}/texts")
    assert again.status_code == 303
    assert await owner.fetchval("SELECT no_text_before FROM gap") is None
    assert "did not want to hear" not in await shown(nurse, world)
    assert (await nurse.post(f"/patients/{world.patient}/gaps/{made}/texts")).status_code == 404


async def test_a_patient_does_not_open_it(client: Client, world: World, owner: Any) -> None:
    await sign_in(client, await patient_login(owner, world))
    assert (await client.get(f"/patients/{world.patient}/conversation")).status_code == 403


async def test_a_worklist_item_about_a_text_leads_to_the_conversation(
    nurse: Client, world: World, web_db: Database
) -> None:
    await writes(web_db, world, "what about my form")
    assert f'href="/patients/{world.patient}/conversation#newest"' in (await nurse.get("/worklist")).text
    assert (
        f'href="/patients/{world.patient}/conversation#newest"' in (await nurse.get(f"/patients/{world.patient}")).text
    )


async def test_nobody_is_told_to_call_a_wrong_number(nurse: Client, world: World, web_db: Database) -> None:
    await writes(web_db, world, "wrong number, I do not know this clinic")
    page = await shown(nurse, world)
    assert "Cannot be texted" in page
    assert "find the right number" in page
    assert f"tel:{world.patient_phone}" not in page
