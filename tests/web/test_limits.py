"""The page of a patient's limits: whose each is, what another would change, and the way back."""

import re
from typing import Any

from tests.flows.test_reading import count
from tests.web.conftest import Client, sign_in
from tests.web.people import reading, staff_login
from tests.world import World

HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


async def form(client: Client, world: World, metric: str = "systolic_mmhg", **of: str) -> dict[str, str]:
    """The hidden fields of the form for one level."""
    rule = of.get("rule", str(world.rules["bp_high"]))
    where = {
        "rule": rule,
        "metric": metric,
        "side": of.get("side", "at_or_above"),
        "severity": of.get("severity", "high"),
    }
    page = await client.get(f"/patients/{world.patient}/limits", params=where)
    assert page.status_code == 200
    return dict(HIDDEN.findall(page.text[: page.text.index('id="limits-title"')]))


async def post(client: Client, world: World, do: str, fields: dict[str, str], **more: str) -> Any:
    return await client.post(f"/patients/{world.patient}/limits", data={**fields, "do": do, **more})


def problem(answer: Any) -> str:
    found = re.search(r'role="alert">([^<]*)', answer.text)
    return found[1] if found else ""


async def test_the_patients_page_says_every_limit_and_whose_it_is(nurse: Client, world: World, owner: Any) -> None:
    text = (await nurse.get(f"/patients/{world.patient}")).text
    section = text[text.index('id="limits-title"') :]
    for words in ("Systolic ≥", "180", "Diastolic ≥", "Glucose &lt;", "general"):
        assert words in section
    fields = await form(nurse, world)
    assert (await post(nurse, world, "save", fields, value="165", reason="After a stroke")).status_code == 303
    text = (await nurse.get(f"/patients/{world.patient}")).text
    for words in ("The patient’s own", "165", "Nurse Aspen: After a stroke", "otherwise 180"):
        assert words in text


async def test_it_is_seen_on_stored_readings_before_and_nothing_is_saved(
    nurse: Client, world: World, owner: Any
) -> None:
    for systolic in (150, 170, 185):
        await reading(owner, world, systolic, 80)
    answer = await post(nurse, world, "preview", await form(nurse, world), value="160", reason="x", through="")
    assert answer.status_code == 200
    assert "of 3 readings" in answer.text
    assert re.search(r'<td class="num">1</td><td class="num"><strong>2</strong></td>', answer.text)
    assert 'value="160"' in answer.text
    assert await count(owner, "limit_change") == 0


WRONG: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"value": "high"}, 422, "as a number"),
    ({"value": "160.123"}, 422, "two decimals"),
    ({"value": "NaN"}, 422, "number"),
    ({"value": "1e9"}, 422, "50 to 300"),
    ({"value": "999"}, 422, "50 to 300"),
    ({"value": "85"}, 422, "every lower one"),
    ({"value": "160", "reason": " "}, 422, "Say why"),
    ({"value": "160", "through": "soon"}, 422, "calendar"),
    ({"value": "160", "through": "2020-01-01"}, 422, "within a year"),
    ({"value": "190"}, 403, "clinician"),
    ({"value": "160", "locked": "1"}, 403, "locks"),
    ({"value": "160", "seen": "2020"}, 409, "meanwhile"),
    ({"value": "160", "metric": "mood"}, 404, ""),
    ({"value": "160", "rule": "x"}, 404, ""),
)


async def test_what_cannot_be_is_said_and_nothing_is_saved(nurse: Client, world: World, owner: Any) -> None:
    fields = await form(nurse, world)
    for more, status, says in WRONG:
        answer = await post(nurse, world, "save", fields, **({"reason": "x"} | more))
        assert (answer.status_code, says in problem(answer)) == (status, True), (more, problem(answer))
    assert await count(owner, "limit_change") + await count(owner, "patient_limit") == 0
    assert await count(owner, "audit", "NOT allowed AND action = 'patient.limit'") >= 2


async def test_going_back_and_undo_are_one_button_each(nurse: Client, world: World, owner: Any) -> None:
    await post(nurse, world, "save", await form(nurse, world), value="165,5", reason="x")
    assert str(await owner.fetchval("SELECT value FROM patient_limit")) == "165.5"
    text = (await nurse.get(f"/patients/{world.patient}/limits")).text
    change = re.search(r'name="change" value="([^"]+)"', text)
    assert change
    assert (await post(nurse, world, "end", await form(nurse, world), reason="better")).status_code == 303
    assert await count(owner, "patient_limit", "valid_to IS NULL") == 0
    text = (await nurse.get(f"/patients/{world.patient}/limits")).text
    newest = re.findall(r'name="change" value="([^"]+)"', text)
    assert len(newest) == 1
    undone = await nurse.post(f"/patients/{world.patient}/limits/undo", data={"change": newest[0]})
    assert undone.status_code == 303
    assert await count(owner, "patient_limit", "valid_to IS NULL AND value = 165.5") == 1


async def test_programmes_are_joined_and_left_on_the_same_page(nurse: Client, world: World, owner: Any) -> None:
    await owner.execute("INSERT INTO programme VALUES (gen_random_uuid(), $1, 'copd', 'Lungs')", world.organization)
    where = f"/patients/{world.patient}/programmes"
    refused = await nurse.post(f"{where}/join", data={"programme": "copd"})
    assert refused.status_code == 422
    assert "oxygen target" in problem(refused)
    left = await nurse.post(f"{where}/leave", data={"programme": str(world.programme)})
    assert left.status_code == 303
    page = (await nurse.get(f"/patients/{world.patient}/limits")).text
    assert "Hypertension, left" in page
    assert "No limits." in page
    assert (await nurse.post(f"{where}/join", data={"programme": "hypertension"})).status_code == 303
    assert "since" in (await nurse.get(f"/patients/{world.patient}/limits")).text
    assert (await nurse.post(f"{where}/leave", data={"programme": "x"})).status_code == 404


async def test_who_only_looks_sees_no_way_to_change(client: Client, world: World, owner: Any) -> None:
    await sign_in(client, (await staff_login(owner, world, "quality"))[0])
    page = await client.get(
        f"/patients/{world.patient}/limits?rule={world.rules['bp_high']}&metric=systolic_mmhg&side=at_or_above&severity=high"
    )
    assert page.status_code == 200
    assert '<form method="post" action="/patients' not in page.text
    assert (await client.post(f"/patients/{world.patient}/limits", data={"do": "save"})).status_code == 403


async def test_a_rule_that_needs_a_limit_of_their_own_and_has_none_says_that_it_judges_nothing(
    nurse: Client, world: World, owner: Any
) -> None:
    says = "judges nothing yet:</strong> no dry weight is entered"
    page = f"/patients/{world.patient}"
    assert says not in (await nurse.get(page)).text
    await owner.execute("DELETE FROM rule_limit WHERE rule_version_id = $1", world.versions["bp_low"])
    await owner.execute(
        "INSERT INTO rule_limit VALUES ($1, $2, 'weight_kg', 'above', 'medium', NULL)",
        world.versions["bp_low"], world.organization,
    )  # fmt: skip
    await owner.execute("UPDATE rule SET vital = 'weight' WHERE code = 'bp_low'")
    for where in (page, f"{page}/limits"):
        assert says in (await nurse.get(where)).text
    level = {"metric": "weight_kg", "rule": str(world.rules["bp_low"]), "side": "above", "severity": "medium"}
    answer = await post(nurse, world, "save", await form(nurse, world, **level), value="81", reason="Dry weight")
    assert answer.status_code == 303
    assert says not in (await nurse.get(page)).text
