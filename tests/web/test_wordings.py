"""The wording's pages: both languages side by side, a preview that counts, a second person, and what is older said."""

from typing import Any

import pytest

from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

TEXT = "/wordings/text?name=reminder_measurement"
BODY = "{clinic}: please measure today, at rest. For a call reply C. Reply STOP to end, HELP for help."
FORM = {"name": "reminder_measurement", "language": "en", "body": BODY, "reason": "shorter", "act": "save"}


@pytest.fixture
async def coordinator(client: Client, owner: Any, world: World) -> Client:
    await become(client, owner, world, "coordinator")
    return client


async def become(client: Client, owner: Any, world: World, role: str) -> None:
    login, _ = await staff_login(owner, world, role, f"{role.capitalize()} Test")
    await sign_in(client, login)


async def test_every_changeable_text_is_shown_in_both_languages_as_it_arrives(coordinator: Client) -> None:
    said = (await coordinator.get("/wordings")).text
    assert said.count('class="card wording"') > 25
    assert "Aspen Health: please rest 5 minutes" in said
    assert "Aspen Health: descanse 5 minutos" in said
    assert "{clinic}" not in said
    assert "draft waits" not in said


async def test_a_preview_stores_nothing_and_says_what_is_wrong_and_what_is_costly(
    coordinator: Client, owner: Any
) -> None:
    typed = FORM | {"act": "preview", "body": "{clinic}: ¡está bien! <b>Reply YES</b>"}
    answer = await coordinator.post("/wordings/draft", data=typed)
    assert answer.status_code == 200
    assert "Aspen Health: ¡está bien! &lt;b&gt;" in answer.text
    assert "STOP must stay" in answer.text
    assert "“YES” is a word" in answer.text
    assert "<kbd>á</kbd>" in answer.text
    assert await owner.fetchval("SELECT count(*) FROM wording_version") == 0
    refused = await coordinator.post("/wordings/draft", data=typed | {"act": "save"})
    assert (refused.status_code, "STOP must stay" in refused.text) == (422, True)


async def test_a_draft_is_approved_by_another_used_marked_and_withdrawn(
    coordinator: Client, owner: Any, world: World
) -> None:
    saved = await coordinator.post("/wordings/draft", data=FORM)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{TEXT}#en")
    made = await owner.fetchval("SELECT id FROM wording_version")
    said = (await coordinator.get(TEXT)).text
    assert ("Take my draft back" in said, "Approve" in said) == (True, False)
    assert (await coordinator.post(f"/wordings/{made}/approve")).status_code == 403
    await become(coordinator, owner, world, "clinician")
    assert "Waiting for a second person" in (await coordinator.get("/wordings")).text
    assert (await coordinator.post(f"/wordings/{made}/approve")).status_code == 303
    said = (await coordinator.get(TEXT)).text
    assert "your version 1" in said
    assert said.count("The other language was changed since") == 1
    assert "older than the other language" in (await coordinator.get("/wordings")).text
    again = await coordinator.post(f"/wordings/{made}/approve")
    assert (again.status_code, "Somebody decided" in again.text) == (409, True)
    assert (await coordinator.post(f"/wordings/{made}/withdraw")).status_code == 303
    assert "your version 1" not in (await coordinator.get(TEXT)).text
    assert (await coordinator.post(f"/wordings/{made}/bring-back")).status_code == 303
    assert "your version 1" in (await coordinator.get(TEXT)).text


async def test_what_is_no_text_of_ours_is_not_found(coordinator: Client) -> None:
    for name in ("nothing", "call_over"):
        assert (await coordinator.get(f"/wordings/text?name={name}")).status_code == 404
