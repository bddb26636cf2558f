"""Results of screenings and vaccinations: entered by staff or from a table, and taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.db.pool import Database, Who
from server.errors import Invalid
from server.flows import record_evidence
from server.flows.evaluate import evaluate
from server.web.careteam.results import KINDS
from tests.texting import WORKER
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

LATELY = (datetime.now(UTC) - timedelta(days=1)).date()


async def post(nurse: Client, world: World, what: str = "", **fields: str) -> Any:
    return await nurse.post(f"/patients/{world.patient}/results{what}", data=fields)


async def page(nurse: Client, world: World) -> str:
    answer = await nurse.get(f"/patients/{world.patient}/results")
    assert answer.status_code == 200
    return str(answer.text)


def test_every_kind_has_words() -> None:
    assert set(KINDS) == set(record_evidence.KINDS)


async def test_entered_it_closes_its_gap_and_taken_back_opens_it(
    nurse: Client, world: World, owner: Any, worker_db: Database
) -> None:
    await evaluate(worker_db, WORKER, datetime.now(UTC))
    assert "No results are known" in await page(nurse, world)
    assert (await post(nurse, world, kind="fobt", done_on=f"{LATELY}", source="laboratory")).status_code == 303
    assert "closed: Colorectal cancer screening" in await page(nurse, world)
    result = await owner.fetchval("SELECT id FROM evidence")
    assert (await post(nurse, world, "/withdraw", result=f"{result}")).status_code == 303
    assert "Entered in error (1)" in await page(nurse, world)
    assert await owner.fetchval("SELECT status FROM gap WHERE measure = 'CMS130'") == "open"
    audited = await owner.fetch("SELECT action FROM audit WHERE action LIKE 'evidence.%' ORDER BY at, id")
    assert [row["action"] for row in audited] == ["evidence.record", "evidence.withdraw"]
    again = await post(nurse, world, "/withdraw", result=f"{result}")
    assert (again.status_code, "does not stand" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "x-ray"}, "from the list"), ({"done_on": "yesterday"}, "from the calendar"),
        ({"done_on": "2999-01-01"}, "in the future"), ({"source": " "}, "Say where it was read"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_what_was_typed_stays(
    nurse: Client, world: World, owner: Any, wrong: dict[str, str], says: str
) -> None:
    answer = await post(nurse, world, **({"kind": "fobt", "done_on": f"{LATELY}", "source": "letter"} | wrong))
    assert answer.status_code == 422
    assert says in answer.text
    assert "source" in wrong or 'value="letter"' in answer.text
    assert await owner.fetchval("SELECT count(*) FROM evidence") == 0


async def test_the_same_result_twice_is_told(nurse: Client, world: World, owner: Any) -> None:
    fields = {"kind": "fobt", "done_on": f"{LATELY}", "source": "letter"}
    await post(nurse, world, **fields)
    again = await post(nurse, world, **fields)
    assert (again.status_code, "known already" in again.text) == (409, True)
    assert await owner.fetchval("SELECT count(*) FROM evidence") == 1


async def test_who_answers_no_alerts_reads_and_enters_nothing(client: Client, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world, "quality")
    await sign_in(client, login)
    assert "Enter a result" not in await page(client, world)
    answer = await post(client, world, kind="fobt", done_on=f"{LATELY}", source="letter")
    assert answer.status_code == 403


async def test_a_table_is_taken_in_whole_or_not_at_all_and_may_come_again(
    web_db: Database, worker_db: Database, world: World, owner: Any
) -> None:
    now, who = datetime.now(UTC), Who(principal="staff:test", organization=world.organization)
    await evaluate(worker_db, WORKER, now)
    mrn = await owner.fetchval("SELECT mrn FROM patient")
    good = f"mrn,kind,done_on,source\n{mrn},fobt,{LATELY},laboratory\n{mrn},mammogram,{LATELY},letter\n"
    wrong = good + f"NOBODY,fobt,{LATELY},letter\n"
    for text, says in (
        (wrong, "line 4: there is no patient NOBODY"), (good + f"{mrn},x,{LATELY},a\n", "line 4: 'x' is no evidence"),
        (good + f"{mrn},fobt,soon,a\n", "not written like"), ("mrn,kind\n", "Missing: done_on, source"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=says):
            await record_evidence.import_table(web_db, who, text, now)
    assert await owner.fetchval("SELECT count(*) FROM evidence") == 0
    first = await record_evidence.import_table(web_db, who, good, now)
    assert (first.lines, first.new, first.closed) == (2, 2, 2)
    second = await record_evidence.import_table(web_db, who, good, now)
    assert (second.lines, second.new, second.closed) == (2, 0, 0)
