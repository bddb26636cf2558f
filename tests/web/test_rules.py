"""The rules' pages: what is in force, a change drafted in a form, compared, approved by another person, proved."""

import html
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from server.app import create
from server.db.pool import Database, Who
from server.flows import compare_rule
from server.settings import Settings
from tests.flows.test_reading import count
from tests.web.conftest import Client, sign_in
from tests.web.people import alert, reading, staff_login
from tests.world import World

WORKER = Who(principal="service:worker")


@pytest.fixture
async def clinician(settings: Settings, owner: Any, world: World) -> AsyncIterator[Client]:
    """A second person, at another machine."""
    login, _ = await staff_login(owner, world, "clinician", name="Cleo Clark")
    async with AsyncTestClient(create(settings)) as other:
        other.follow_redirects = False
        await sign_in(other, login)
        yield other


async def form(client: Client, path: str) -> dict[str, str]:
    """The fields of the page's main form as a browser would send them unchanged."""
    text = (await client.get(path)).text
    text = text[text.index('<form method="post" action="' + path.partition("?")[0]) :]
    text = text[: text.index("</form>")]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", text):
        said = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', tag))
        if "name" in said and (said.get("type") != "checkbox" or ("checked" in tag and "disabled" not in tag)):
            found[said["name"]] = said.get("value", "")
    for name, inner in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"( selected)?', inner)
        found[name] = next((value for value, chosen in options if chosen), options[0][0] if options else "")
    for name, inner in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', text, re.DOTALL):
        found[name] = inner
    return {name: html.unescape(said) for name, said in found.items()}


def level_of(fields: dict[str, str], metric: str) -> str:
    return next(name.removesuffix("metric") + "value" for name, said in fields.items() if said == metric)


async def draft(client: Client, world: World, value: str = "170", **more: str) -> Any:
    path = f"/rules/{world.rules['bp_high']}/change"
    fields = await form(client, path)
    return await client.post(
        path, data=fields | {level_of(fields, "systolic_mmhg"): value, "reason": "Too late."} | more
    )


async def compared(worker_db: Database) -> None:
    await compare_rule.compare_waiting(worker_db, WORKER, lambda: datetime.now(UTC))


async def test_the_list_says_what_is_in_force_and_that_nobody_signed_it_off(
    nurse: Client, owner: Any, world: World
) -> None:
    await alert(owner, world)
    text = (await nurse.get("/rules")).text
    for said in ("systolic ≥ 180 mmHg", "shipped default, not yet signed off", "Hypertension", "too few to say"):
        assert said in text, said
    assert 'href="/rules"' in text
    assert "retrospective" not in text


async def test_a_draft_is_compared_with_what_was_measured_and_approved_by_another(
    nurse: Client, clinician: Client, owner: Any, world: World, worker_db: Database
) -> None:
    now = datetime.now(UTC)
    for days, systolic in ((3, 190), (4, 172), (20, 174), (21, 168)):
        await reading(owner, world, systolic, 95, now - timedelta(days=days))
    made = await draft(nurse, world)
    assert made.status_code == 303, made.text
    address = made.headers["location"]
    page = (await nurse.get(address)).text
    assert "systolic ≥ 180 mmHg" in page and "systolic ≥ 170 mmHg" in page
    assert "Computing" in page
    assert "a second person approves it" in page
    early = await clinician.post(f"{address}/approve")
    assert early.status_code == 409
    assert "still being compared" in early.text
    await compared(worker_db)
    part = (await clinician.get(f"{address}/comparison")).text
    assert "<html" not in part
    page = (await clinician.get(address)).text
    for said in ("4 readings", "Who would be new: 1 patient, 2 alerts", "Pat Aspen", "Nobody would have been missed"):
        assert said in page, said
    assert page.count('<rect class="then"') == page.count('<rect class="was"') >= 12
    seen = await owner.fetchval(
        "SELECT detail->'patients'->>0 FROM audit WHERE action = 'rule_draft.view' ORDER BY at DESC"
    )
    assert seen == str(world.patient)
    own = await nurse.post(f"{address}/approve")
    assert own.status_code == 403
    assert await count(owner, "audit", "action = 'rule_draft.approve' AND NOT allowed") == 1
    assert (await clinician.post(f"{address}/approve")).status_code == 303
    rule = (await nurse.get(f"/rules/{world.rules['bp_high']}")).text
    assert "approved by Cleo Clark, clinician" in rule
    assert "Version 2" in rule and "Draft this again" in rule
    assert "Route not yet proved" in rule
    await owner.execute("UPDATE rule_version SET proved_at = '2026-11-20 13:12:30Z' WHERE valid_to IS NULL")
    page = (await nurse.get(f"/rules/{world.rules['bp_high']}")).text
    assert "Route proved at 08:12:30" in page
    assert "This rule itself was not tried" in page
    await owner.execute("UPDATE rule_version SET tried = true WHERE valid_to IS NULL")
    page = (await nurse.get(f"/rules/{world.rules['bp_high']}")).text
    assert "Rule and route proved at 08:12:30" in page
    assert "not tried" not in page


async def test_everything_that_cannot_be_right_is_said_and_what_was_typed_stays(
    nurse: Client, owner: Any, world: World
) -> None:
    refused = await draft(nurse, world, "18o", reason=" ", source="", explains="<b>my words</b>")
    assert refused.status_code == 422
    for said in (
        "“18o” is not a number",
        "Say why",
        "The source is empty",
        "things to mend",
    ):
        assert said in refused.text, said
    assert 'value="18o"' in refused.text
    assert "&lt;b&gt;my words&lt;/b&gt;" in refused.text
    assert await count(owner, "rule_draft") == 0


async def test_a_form_filled_before_somebody_changed_the_rule_is_not_taken(
    nurse: Client, clinician: Client, owner: Any, world: World, worker_db: Database
) -> None:
    path = f"/rules/{world.rules['bp_high']}/change"
    stale = await form(nurse, path)
    made = await draft(nurse, world)
    await compared(worker_db)
    assert (await clinician.post(f"{made.headers['location']}/approve")).status_code == 303
    late = await nurse.post(path, data=stale | {level_of(stale, "systolic_mmhg"): "165", "reason": "x"})
    assert late.status_code == 409
    assert "Somebody changed it while you wrote" in late.text


async def test_a_rejected_draft_says_why_and_a_draft_of_an_older_version_is_taken_over(
    nurse: Client, clinician: Client, owner: Any, world: World, worker_db: Database
) -> None:
    first, second, third = [(await draft(nurse, world, value)).headers["location"] for value in ("170", "171", "172")]
    assert (await clinician.post(f"{first}/reject", data={"why": ""})).status_code == 422
    assert (await clinician.post(f"{first}/reject", data={"why": "Too strict."})).status_code == 303
    assert "Too strict." in (await nurse.get(first)).text
    await compared(worker_db)
    assert (await clinician.post(f"{second}/approve")).status_code == 303
    assert "Somebody changed it meanwhile" in (await clinician.get(third)).text
    assert (await clinician.post(f"{third}/approve")).status_code == 409
    over = await clinician.post(f"{third}/rebase")
    assert over.status_code == 303
    assert "systolic ≥ 171 mmHg" in (await clinician.get(over.headers["location"])).text
    await compared(worker_db)
    assert (await clinician.post(f"{over.headers['location']}/approve")).status_code == 303
    version = await owner.fetchval(
        "SELECT id FROM rule_version WHERE version = 1 AND rule_id = $1", world.rules["bp_high"]
    )
    undo = await nurse.post(f"/rules/{world.rules['bp_high']}/again", data={"version": str(version)})
    assert undo.status_code == 303
    assert "Back to version 1." in (await nurse.get(undo.headers["location"])).text


async def test_a_default_is_signed_off_as_it_stands(nurse: Client, clinician: Client, owner: Any, world: World) -> None:
    address = f"/rules/{world.rules['glucose_low']}"
    version = {"version": str(world.versions["glucose_low"])}
    assert (await nurse.post(f"{address}/sign-off", data=version)).status_code == 403
    assert (await clinician.post(f"{address}/sign-off", data=version)).status_code == 303
    assert "approved by Cleo Clark, clinician" in (await nurse.get(address)).text
    assert (await clinician.post(f"{address}/sign-off", data=version)).status_code == 409


async def test_what_careloop_ships_is_drafted_with_one_click_and_each_kind_of_rule_has_its_form(
    nurse: Client, clinician: Client, owner: Any, world: World, worker_db: Database
) -> None:
    text = (await nurse.get("/rules")).text
    keys = re.findall(r'name="key" value="([^"]+)" checked', text)
    assert len(keys) > 15
    assert (await nurse.post("/rules/shipped", data={"key": keys})).status_code == 303
    fever = await owner.fetchrow(
        "SELECT d.rule_id, d.id FROM rule_draft d JOIN rule r ON r.id = d.rule_id WHERE r.code = 'temperature_high'"
    )
    assert 'value="39"' in (await nurse.get(f"/rules/{fever['rule_id']}/change?like={fever['id']}")).text
    assert await count(owner, "rule_draft", "state = 'draft'") == len(keys)
    await compared(worker_db)
    assert await count(owner, "rule_draft", "comparison @> '{\"failed\": true}'") == 0
    for row in await owner.fetch("SELECT id FROM rule_draft ORDER BY rule_id IS NOT NULL"):
        done = await clinician.post(f"/rules/drafts/{row['id']}/approve")
        assert done.status_code == 303, done.text
    rules = await owner.fetch("SELECT id, kind FROM rule ORDER BY code")
    assert {row["kind"] for row in rules} == {"crossing", "average", "count", "sustained", "trend", "flag", "missing"}
    for row in rules:
        path = f"/rules/{row['id']}/change"
        assert (await nurse.get(f"/rules/{row['id']}")).status_code == 200
        fields = await form(nurse, path)
        same = await nurse.post(path, data=fields | {"reason": "x"})
        assert same.status_code == 422, (row["kind"], same.text)
        assert "Nothing is different from what is in force" in same.text, row["kind"]
        other = await nurse.post(path, data=fields | {"reason": "x", "source": "Our own numbers"})
        assert other.status_code == 303, (row["kind"], other.text)
    assert "Careloop ships these otherwise" not in (await nurse.get("/rules")).text


async def test_what_a_rule_over_a_series_asks_for_is_changed_in_its_form(
    nurse: Client, owner: Any, world: World
) -> None:
    await nurse.post("/rules/shipped", data={"key": ["rule:weight_gain", "rule:bp_average"]})
    for code, change, says in (
        ("weight_gain", {"span-0-gain": "2,0", "span-0-days": "1"}, "A gain of 2 kg within 1 day or more"),
        ("bp_average", {"p-every_weeks": "2", "p-at_least_days": "3", "p-at_least_readings": "12"}, "once in 2 weeks"),
    ):
        rule = await owner.fetchval("SELECT id FROM rule WHERE code = $1", code)
        path = f"/rules/{rule}/change"
        fields = await form(nurse, path)
        whole = {
            "explains": "Fluid?",
            "source": "AHA",
            "reason": "x",
            "p-severity": "medium",
            f"programme-{world.programme}": "1",
        }
        if code == "bp_average":
            whole |= {"level-0-value": "135", "level-0-severity": "low"}
        made = await nurse.post(path, data=fields | whole | change)
        assert made.status_code == 303, made.text
        assert says in (await nurse.get(made.headers["location"])).text


async def test_a_programme_is_drafted_and_approved_on_its_own_page(
    nurse: Client, clinician: Client, owner: Any, world: World
) -> None:
    address = f"/rules/programmes/{world.programme}"
    assert "Says nothing yet" in (await nurse.get(address)).text
    fields = await form(nurse, f"{address}/change")
    typed = {
        "explains": "Sit, rest, measure.", "source": "AHA", "reason": "New.", "page_waits_minutes": "5",
        "expected-0-vital": "blood_pressure", "expected-0-opens": "05:00", "expected-0-closes": "12:00",
    }  # fmt: skip
    wrong = await nurse.post(f"{address}/change", data=fields | typed | {"expected-0-closes": "25:00"})
    assert wrong.status_code == 422
    assert "“25:00” is not a time" in wrong.text and 'value="25:00"' in wrong.text
    made = await nurse.post(f"{address}/change", data=fields | typed)
    assert made.status_code == 303, made.text
    page = (await clinician.get(made.headers["location"])).text
    assert "This cannot be compared with what was measured" in page and "hold for 1 patient at once" in page
    assert "Approve without a comparison" in page
    assert (await clinician.post(f"{made.headers['location']}/approve")).status_code == 303
    text = (await nurse.get(address)).text
    assert "Blood pressure, 05:00 to 12:00 every day" in text
    assert "waits up to 5 min" in text
    assert "approved by Cleo Clark" in text


async def test_the_yield_page_says_too_few_and_proposes_limits_to_look_at(
    nurse: Client, owner: Any, world: World
) -> None:
    assert "No alert in 30 days" in (await nurse.get("/rules/yield")).text
    for n in range(6):
        made = await alert(owner, world, rule="bp_low", severity="medium")
        await owner.execute(
            "UPDATE alert SET status = 'resolved', resolved_at = now(), outcome = $2, acknowledged_at = opened_at,"
            " acknowledged_by = $3 WHERE id = $1", made, "technical" if n else "contacted_patient", world.nurse,
        )  # fmt: skip
    text = (await nurse.get("/rules/yield?days=7")).text
    assert "too few to say (1 of 6)" in text
    assert f'href="/patients/{world.patient}/limits"' in text
    assert "5 without action, 1 with" in text
    assert "Nurse Aspen" in text
    assert await count(owner, "patient_limit") == 0


async def test_a_patient_and_nobody_see_no_rules(client: Client, owner: Any, world: World) -> None:
    from tests.web.people import patient_login

    assert (await client.get("/rules")).status_code == 303
    await sign_in(client, await patient_login(owner, world))
    for path in ("/rules", "/rules/yield", f"/rules/{world.rules['bp_high']}", f"/rules/drafts/{uuid.uuid4()}"):
        assert (await client.get(path)).status_code == 403
