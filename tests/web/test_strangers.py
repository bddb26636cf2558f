"""A text from a number that no patient has: staff can read it, see what was answered, and find out whose it is."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reply
from server.people.phones import phone_hash
from tests.web.conftest import Client, sign_in
from tests.web.people import patient_login, staff_login
from tests.world import FIELD_KEY, NEVER_WAIT, World

TOLD = reply.Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
NUMBER = "+12125550177"


async def writes(web_db: Database, owner: Any, world: World, words: str, number: str = NUMBER) -> uuid.UUID:
    sid = f"SM{uuid7()}"
    text = Inbound(sid=sid, from_number=number, to_number=world.sender, body=words)
    who = Who(principal="service:twilio", organization=world.organization)
    await reply.handle(web_db, who, world.organization, text, datetime.now(UTC), TOLD)
    found: uuid.UUID = await owner.fetchval("SELECT id FROM reply WHERE provider_sid = $1", sid)
    return found


async def test_the_worklist_leads_to_what_was_written_and_answered(
    nurse: Client, owner: Any, world: World, web_db: Database
) -> None:
    await writes(web_db, owner, world, "Is this the heart clinic? My sister gave me the number")
    worklist = (await nurse.get("/worklist")).text
    [link] = set(re.findall(r"/texts/[0-9a-f-]{36}", worklist))
    await writes(web_db, owner, world, "my chest hurts so much")
    page = (await nurse.get(link)).text
    assert "My sister gave me the number" in page
    assert "my chest hurts so much" in page
    assert "Understood: danger." in page
    assert f"tel:{NUMBER}" in page
    assert page.index("My sister") < page.index("my chest hurts") < page.index("911")
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'stranger.view'") == 1


async def test_once_the_number_is_a_patients_the_link_leads_to_their_conversation(
    nurse: Client, owner: Any, world: World, web_db: Database
) -> None:
    text = await writes(web_db, owner, world, "I changed my telephone, please note")
    await owner.execute(
        "UPDATE patient SET phone = $2, phone_hash = $3 WHERE id = $1", world.patient, NUMBER,
        phone_hash(FIELD_KEY, NUMBER),
    )  # fmt: skip
    answer = await nurse.get(f"/texts/{text}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/patients/{world.patient}/conversation")
    assert "I changed my telephone" in (await nurse.get(f"/patients/{world.patient}/conversation")).text


async def test_nothing_that_went_to_a_patient_by_that_number_is_shown(
    nurse: Client, owner: Any, world: World, web_db: Database
) -> None:
    text = await writes(web_db, owner, world, "who is this")
    await owner.execute(
        """INSERT INTO message (id, organization_id, purpose, unique_for, patient_id, to_number, to_hash, wording,
               wording_version, language, body, not_before, created_at)
           VALUES ($1, $2, 'safety', 'x', $3, $4, $5, 'emergency', 1, 'en', 'for somebody else', now(), now())""",
        uuid7(), world.organization, world.patient, NUMBER, phone_hash(FIELD_KEY, NUMBER),
    )  # fmt: skip
    page = (await nurse.get(f"/texts/{text}")).text
    assert "who is this" in page
    assert "for somebody else" not in page


async def test_no_such_text_says_what_to_do(nurse: Client) -> None:
    answer = await nurse.get(f"/texts/{uuid.uuid4()}", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "open the worklist again" in answer.text


@pytest.mark.parametrize(("role", "status"), [("clinician", 200), ("coordinator", 200), ("admin", 200)])
async def test_who_may_read_it(
    client: Client, owner: Any, world: World, web_db: Database, role: str, status: int
) -> None:
    text = await writes(web_db, owner, world, "hello?")
    await sign_in(client, (await staff_login(owner, world, role))[0])
    assert (await client.get(f"/texts/{text}")).status_code == status


async def test_a_patient_may_not(client: Client, owner: Any, world: World, web_db: Database) -> None:
    text = await writes(web_db, owner, world, "hello?")
    await sign_in(client, await patient_login(owner, world))
    assert (await client.get(f"/texts/{text}")).status_code == 403
