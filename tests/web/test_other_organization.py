"""A nurse of organization A asks for everything of organization B, on every address that has an id."""

import re
import uuid
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.web.conftest import Client, sign_in
from tests.web.people import (
    alarm,
    alert,
    experiment,
    gap,
    held,
    patient_login,
    poison,
    question,
    rule_draft,
    staff_login,
    task,
    text_of_a_stranger,
    wording_draft,
)
from tests.world import World

PROVES_ITSELF = ("/hooks", "/ingest", "/static", "/schema")  # no cookie opens these
ALIKE_FOR_ALL = ("/l/", "/unsubscribe/")  # tests/web/test_links.py: one answer for every token that is not one's own


def _addresses(app: Litestar, theirs: dict[str, str]) -> list[tuple[str, str]]:
    """(method, path) of every route that names a thing by its id, filled with B's ids."""
    found = []
    for route in app.routes:
        if (
            not isinstance(route, HTTPRoute)
            or "{" not in route.path
            or route.path.startswith((*PROVES_ITSELF, *ALIKE_FOR_ALL))
        ):
            continue
        names = re.findall(r"{(\w+)(?::\w+)?}", route.path_format.replace(":uuid", ""))
        unknown = [name for name in names if name not in theirs]
        assert not unknown, f"{route.path}: this test does not know how to fill {unknown}"
        path = re.sub(r"{(\w+)(?::\w+)?}", lambda match: theirs[match[1]], route.path_format)
        found += [(method, path) for method in sorted(route.methods - {"OPTIONS", "HEAD"})]
    return found


FORM = {"outcome": "technical", "note": "x", "answer": "some", "phone": ""}


async def _ask(client: Client, method: str, path: str) -> Any:
    headers = {"accept": "text/html, application/json"}
    if method == "GET":
        return await client.get(path, headers=headers)
    if path.startswith("/api/"):
        return await client.request(method, path, json=FORM, headers=headers)
    return await client.request(method, path, data=FORM, headers=headers)


async def _as_it_is(owner: Any) -> Any:
    statuses = await owner.fetch("SELECT status FROM alert UNION ALL SELECT status FROM alarm")
    return statuses, await owner.fetch("SELECT id, phone, disabled_at FROM staff WHERE role = 'nurse' ORDER BY id")


async def test_pages_and_api_answer_404_for_what_belongs_to_another_organization(
    app: Litestar, client: Client, owner: Any, world: World, other_world: World
) -> None:
    theirs = {
        "patient_id": str(other_world.patient),
        "alert_id": str(await alert(owner, other_world)),
        "alarm_id": str(await alarm(owner, other_world)),
        "gap": str(await gap(owner, other_world)),
        "question": str(await question(owner, other_world)),
        "held_id": str(await held(owner, other_world)),
        "poison_id": str(await poison(owner, other_world)),
        "rule_id": str(other_world.rules["bp_high"]),
        "programme_id": str(other_world.programme),
        "draft_id": str(await rule_draft(owner, other_world)),
        "experiment_id": str(await experiment(owner, other_world)),
        "task_id": str(await task(owner, other_world)),
        "wording_id": str(await wording_draft(owner, other_world)),
        "text_id": str(await text_of_a_stranger(owner, other_world)),
        "staff_id": str(other_world.nurse),
    }
    before = await _as_it_is(owner)
    addresses = [(m, p) for m, p in _addresses(app, theirs) if not p.startswith("/portal")]
    assert len(addresses) >= 10
    answers = {}
    for role, of_admin in (("nurse", False), ("admin", True)):  # administration is closed to a nurse, whosever it is
        login, _ = await staff_login(owner, world, role)
        await sign_in(client, login)
        for method, path in addresses:
            if path.startswith("/admin/") == of_admin:
                answers[method, path] = await _ask(client, method, path)
    assert len(answers) == len(addresses)
    leaked = {where: answer.status_code for where, answer in answers.items() if answer.status_code != 404}
    telling = [where for where, answer in answers.items() if "Birch" in answer.text or "192" in answer.text]
    print(f"{len(leaked)} of {len(addresses)} leaked")
    assert not leaked
    assert not telling
    assert await _as_it_is(owner) == before


async def test_the_portal_answers_for_another_patients_gap_as_for_one_that_does_not_exist(
    app: Litestar, client: Client, owner: Any, world: World, other_world: World
) -> None:
    theirs = {"gap": str(await gap(owner, other_world)), "question": str(await question(owner, other_world))}
    nobodys = {"gap": str(uuid.uuid4()), "question": str(uuid.uuid4())}
    names = dict.fromkeys(
        (
            "patient_id",
            "alert_id",
            "alarm_id",
            "held_id",
            "poison_id",
            "rule_id",
            "programme_id",
            "draft_id",
            "experiment_id",
            "task_id",
            "wording_id",
            "text_id",
            "staff_id",
        ),
        "",
    )
    await sign_in(client, await patient_login(owner, world))
    pairs = zip(_addresses(app, theirs | names), _addresses(app, nobodys | names), strict=True)
    for (method, path), (_, absent) in [pair for pair in pairs if pair[0][1].startswith("/portal")]:
        found, missed = await _ask(client, method, path), await _ask(client, method, absent)
        same = (missed.status_code, missed.headers.get("location"), missed.text)
        assert (found.status_code, found.headers.get("location"), found.text) == same
    assert await owner.fetchval("SELECT status FROM gap") == "open"
    assert await owner.fetchval("SELECT state FROM confirmation") == "asked"


async def test_another_organizations_and_nobodys_patient_look_the_same(
    nurse: Client, owner: Any, world: World, other_world: World
) -> None:
    theirs = await nurse.get(f"/patients/{other_world.patient}")
    nobodys = await nurse.get(f"/patients/{uuid.uuid4()}")
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)


async def test_the_refusal_is_in_the_audit_though_the_request_was_undone(
    nurse: Client, owner: Any, world: World, other_world: World
) -> None:
    await nurse.get(f"/patients/{other_world.patient}")
    made = await alert(owner, other_world)
    await nurse.post(f"/alerts/{other_world.patient}/{made}/acknowledge")
    rows = await owner.fetch("SELECT organization_id, action, subject FROM audit WHERE NOT allowed ORDER BY txid, id")
    assert [tuple(row) for row in rows] == [
        (world.organization, "patient.view", f"patient:{other_world.patient}"),
        (world.organization, "alert.acknowledge", f"alert:{made}"),
    ]


async def test_the_worklist_and_the_search_show_our_own_only(
    nurse: Client, owner: Any, world: World, other_world: World
) -> None:
    await alert(owner, world)
    await alert(owner, other_world)
    await alarm(owner, other_world)
    for path in ("/worklist", "/worklist/list", "/api/v1/worklist", "/patients"):
        assert str(other_world.patient) not in (await nurse.get(path)).text
    for asked in ("Birch-1", "Birch", "Pat"):
        found = await nurse.post("/patients/search", data={"q": asked})
        assert found.status_code == 200
        assert str(other_world.patient) not in found.text
    assert len((await nurse.get("/api/v1/worklist")).json()["items"]) == 1
