"""How to reach: what staff see of a number, what they change with a reason, and that each change can be undone."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from server.db.ids import uuid7
from tests.outreach.reaching import hashed, opts_out
from tests.web.conftest import Client, sign_in
from tests.web.people import staff_login
from tests.world import World

HOUSE, MOBILE = "+12125557001", "+12125557002"


async def page(nurse: Client, world: World) -> str:
    answer = await nurse.get(f"/patients/{world.patient}/contact")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


async def do(nurse: Client, world: World, what: str, **fields: str) -> Any:
    return await nurse.post(f"/patients/{world.patient}/contact", data={"do": what, **fields})


async def done(nurse: Client, world: World, what: str, **fields: str) -> str:
    answer = await do(nurse, world, what, **fields)
    assert (answer.status_code, answer.headers.get("location")) == (
        303, f"/patients/{world.patient}/contact?said={what}",
    ), answer.text  # fmt: skip
    return await page(nurse, world)


async def audited(owner: Any) -> list[str]:
    rows = await owner.fetch(
        "SELECT action FROM audit WHERE action NOT LIKE '%.view' AND action NOT LIKE 'sign%' ORDER BY at, id"
    )
    return [row["action"] for row in rows if row["action"].split(".")[0] in {"contact", "proxy", "consent", "letter"}]


async def test_the_page_says_by_which_way_the_next_message_goes(nurse: Client, world: World) -> None:
    shown = await page(nurse, world)
    assert f"About their care:</strong> text to {world.patient_phone}" in shown
    assert (await nurse.get(f"/patients/{world.patient}")).text.count(f"/patients/{world.patient}/contact") == 1


async def test_a_landline_is_noted_called_after_agreement_and_taken_back(
    nurse: Client, world: World, owner: Any
) -> None:
    shown = await done(nurse, world, "line", point="own", line="landline")
    assert "Cannot be texted:</strong> it is a landline" in shown
    assert "<strong>nothing</strong>" in shown
    shown = await done(nurse, world, "consent", channel="voice", topic="monitoring", wanted="yes")
    assert f"About their care:</strong> call to {world.patient_phone}" in shown
    await done(nurse, world, "consent", channel="voice", topic="monitoring", wanted="no")
    shown = await done(nurse, world, "line", point="own", line="mobile")
    assert "Cannot be texted:" not in shown
    assert f"About their care:</strong> text to {world.patient_phone}" in shown
    await done(nurse, world, "cannot_text", point="own")
    assert "staff said so" in await page(nurse, world)
    await done(nurse, world, "can_text", point="own")
    assert await owner.fetchval("SELECT cannot_text FROM telephone") is None


async def test_an_opt_out_told_by_telephone_needs_a_reason_and_can_be_taken_back(
    nurse: Client, world: World, owner: Any
) -> None:
    refused = await do(nurse, world, "opt_out", point="own")
    assert (refused.status_code, "Say how they told you" in refused.text) == (422, True)
    shown = await done(nurse, world, "opt_out", point="own", why="by_phone")
    assert "Opted out:</strong> they told staff" in shown
    row = await owner.fetchrow("SELECT sender_number, phone_hash, via FROM opt_out")
    assert tuple(row) == (world.sender, hashed(world.patient_phone), "staff")
    detail = await owner.fetchval("SELECT detail FROM audit WHERE action = 'contact.opt_out'")
    assert '"why": "by_phone"' in detail or '"why":"by_phone"' in detail
    again = await do(nurse, world, "opt_out", point="own", why="by_phone")
    assert again.status_code == 409
    shown = await done(nurse, world, "opt_in", point="own", why="in_person")
    assert "Opted out:" not in shown


async def test_what_the_carrier_blocks_only_the_telephone_itself_ends(nurse: Client, world: World, owner: Any) -> None:
    await opts_out(owner, world, world.patient_phone)
    shown = await page(nurse, world)
    assert "they texted STOP" in shown
    assert "They want messages again" not in shown
    refused = await do(nurse, world, "opt_in", point="own", why="by_phone")
    assert (refused.status_code, "START" in refused.text) == (409, True)
    assert await owner.fetchval("SELECT ended_at FROM opt_out") is None


async def test_what_another_organization_on_our_number_was_told_by_the_telephone_only_the_telephone_ends(
    nurse: Client, world: World, other_world: World, owner: Any
) -> None:
    await owner.execute(
        "INSERT INTO opt_out VALUES ($1, $2, $3, now(), 'wording')",
        world.sender, hashed(world.patient_phone), other_world.organization,
    )  # fmt: skip
    shown = await page(nurse, world)
    assert "They told another organization that texts from the same number" in shown
    assert "They want messages again" not in shown
    refused = await do(nurse, world, "opt_in", point="own", why="by_phone")
    assert (refused.status_code, "another organization" in refused.text) == (409, True)
    assert await owner.fetchval("SELECT ended_at FROM opt_out") is None


async def test_numbers_are_added_ended_and_used_again_and_a_new_own_number_keeps_the_old(
    nurse: Client, world: World, owner: Any
) -> None:
    shown = await done(nurse, world, "add", channel="sms", address="(212) 555-7001", language="es")
    assert HOUSE in shown
    twice = await do(nurse, world, "add", channel="sms", address=HOUSE, language="es")
    assert (twice.status_code, "in use already" in twice.text) == (409, True)
    point = str(await owner.fetchval("SELECT id FROM contact_point"))
    shown = await done(nurse, world, "end", point=point)
    assert "Used before" in shown
    await done(nurse, world, "again", point=point)
    assert await owner.fetchval("SELECT count(*) FROM contact_point WHERE valid_to IS NULL") == 1
    await done(nurse, world, "line", point="own", line="landline")
    shown = await done(nurse, world, "number", address=MOBILE)
    assert "it is a landline" not in shown
    assert world.patient_phone in shown.partition("Used before")[2]
    shown = await done(nurse, world, "number", address=world.patient_phone)  # the undo
    assert "it is a landline" in shown  # what is known of a number stays with the number
    row = await owner.fetchrow("SELECT phone, phone_hash FROM patient")
    assert tuple(row) == (world.patient_phone, hashed(world.patient_phone))


async def test_a_shared_number_shows_with_whom(nurse: Client, world: World, owner: Any) -> None:
    await owner.execute(
        """INSERT INTO patient (id, organization_id, clinic_id, team_id, mrn, given_name, family_name, birth_date, sex, zone,
               phone, phone_hash, admitted_at)
           SELECT $1, organization_id, clinic_id, team_id, 'Aspen-2', 'Jo', 'X', birth_date, sex, zone, phone, phone_hash,
                  admitted_at FROM patient""",
        uuid7(),
    )
    assert "Shared with record number Aspen-2" in await page(nurse, world)


async def test_a_proxy_hears_what_they_agreed_to_ends_and_comes_back(nurse: Client, world: World, owner: Any) -> None:
    fields = {"name": "Ana Lopez", "relation": "daughter", "channel": "sms", "address": MOBILE, "language": "es"}
    refused = await do(nurse, world, "proxy_add", **fields)
    assert (refused.status_code, 'value="Ana Lopez"' in refused.text) == (422, True)
    assert await owner.fetchval("SELECT count(*) FROM proxy") == 0
    shown = await done(nurse, world, "proxy_add", topic_monitoring="1", **fields)
    assert "Ana Lopez" in shown
    proxy = str(await owner.fetchval("SELECT id FROM proxy"))
    await done(nurse, world, "proxy_end", proxy=proxy)
    assert await owner.fetchval("SELECT count(*) FROM contact_point WHERE valid_to IS NULL") == 0
    await done(nurse, world, "proxy_again", proxy=proxy)
    row = await owner.fetchrow("SELECT proxy_id, topics FROM contact_point WHERE valid_to IS NULL")
    assert (str(row["proxy_id"]), row["topics"]) == (proxy, ["monitoring"])
    first, second, *later = await audited(owner)  # the first two are of one moment
    assert {first, second} == {"contact.add", "proxy.add"}
    assert later == ["proxy.end", "proxy.again"]


async def test_a_proxy_lives_where_the_patient_does_unless_staff_say_where(
    nurse: Client, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE patient SET region = 'NY'")
    shown = await page(nurse, world)
    assert 'name="zone" maxlength="64" required value="America/New_York"' in shown
    fields = {"name": "Ana Lopez", "relation": "daughter", "channel": "sms", "language": "es", "topic_monitoring": "1"}
    for wrong in ({"zone": "Moon"}, {"region": "new york"}):
        refused = await do(nurse, world, "proxy_add", address=MOBILE, **fields, **wrong)
        assert (refused.status_code, 'value="Ana Lopez"' in refused.text) == (422, True)
    lives = {"zone": "America/New_York", "region": "NY"}
    await done(nurse, world, "proxy_add", address=MOBILE, **fields, **lives)
    shown = await done(nurse, world, "proxy_add", address=HOUSE, **fields, zone="america/los angeles", region="CA")
    assert "lives in California, on the clock of America/Los_Angeles" in shown
    rows = await owner.fetch("SELECT zone, region FROM proxy ORDER BY zone NULLS FIRST")
    assert [tuple(row) for row in rows] == [(None, None), ("America/Los_Angeles", "CA")]


async def test_the_order_and_texts_without_links(nurse: Client, world: World, owner: Any) -> None:
    shown = await done(nurse, world, "prefer", way1="voice", way2="sms", way3="", way4="voice", plain="1")
    assert "call, then text; texts without links" in shown
    row = await owner.fetchrow("SELECT channels, with_links, opens FROM contact_preference")
    assert (row["channels"], row["with_links"]) == (["voice", "sms"], False)
    assert (await do(nurse, world, "prefer")).status_code == 422


async def code_of(owner: Any) -> str:
    return str(await owner.fetchval("SELECT code FROM contact_code ORDER BY made_at DESC LIMIT 1"))


async def test_a_code_that_is_read_back_verifies_the_number(nurse: Client, world: World, owner: Any) -> None:
    assert "The code they read to you" in await done(nurse, world, "send_code", point="own")
    message = await owner.fetchrow("SELECT to_number, channel, body FROM message")
    code = await code_of(owner)
    assert (message["to_number"], message["channel"], code in message["body"]) == (world.patient_phone, "sms", True)
    for page in ("", "/conversation"):
        seen = (await nurse.get(f"/patients/{world.patient}{page}")).text
        assert ("your code is ••••••" in seen, code in seen) == (True, False), page
    assert (await do(nurse, world, "send_code", point="own")).status_code == 409  # not twice in a minute
    wrong = await do(nurse, world, "check_code", point="own", code="12")
    assert (wrong.status_code, "not the code" in wrong.text) == (422, True)
    shown = await done(nurse, world, "check_code", point="own", code=f" {code[:3]} {code[3:]}")
    assert "Not verified" not in shown
    assert await owner.fetchval("SELECT verified_at IS NOT NULL FROM telephone")


async def test_a_code_is_not_guessed_and_grows_old(nurse: Client, world: World, owner: Any) -> None:
    await done(nurse, world, "send_code", point="own")
    for _ in range(5):
        await do(nurse, world, "check_code", point="own", code="x")
    late = await do(nurse, world, "check_code", point="own", code=await code_of(owner))
    assert (late.status_code, "Send a new one" in late.text) == (422, True)
    await owner.execute("UPDATE contact_code SET tries = 0, made_at = $1, expires_at = $2", *old())
    late = await do(nurse, world, "check_code", point="own", code=await code_of(owner))
    assert late.status_code == 422
    assert await owner.fetchval("SELECT count(*) FROM telephone") == 0


def old() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - timedelta(minutes=16), now - timedelta(minutes=1)


async def test_a_landlines_code_is_spoken_digit_by_digit(nurse: Client, world: World, owner: Any) -> None:
    await done(nurse, world, "line", point="own", line="landline")
    await done(nurse, world, "send_code", point="own")
    message = await owner.fetchrow("SELECT channel, body FROM message")
    assert (message["channel"], " ".join(await code_of(owner)) in message["body"]) == ("voice", True)


async def test_the_letter_is_in_their_language_without_a_word_of_health_and_closes_its_task(
    nurse: Client, world: World, owner: Any
) -> None:
    await owner.execute("UPDATE patient SET language = 'es'")
    await owner.execute(
        "INSERT INTO task (id, organization_id, patient_id, kind, subject, says, opened_at, due_on)"
        " VALUES ($1, $2, $3, 'unreachable', $4, 'x', now(), now())",
        uuid7(), world.organization, world.patient, f"patient:{world.patient}",
    )  # fmt: skip
    shown = (await nurse.get(f"/patients/{world.patient}/letter")).text
    letter = shown[shown.index("<article") : shown.index("</article>")]
    assert "Por favor llámenos al" in letter
    assert not re.search(r"presi|glucos|hipert|medic|alert", letter.lower())
    for _ in range(2):
        assert (await nurse.post(f"/patients/{world.patient}/letter")).status_code == 303
    rows = await owner.fetch("SELECT outcome, closed_by FROM task WHERE closed_at IS NOT NULL")
    assert {tuple(row) for row in rows} == {("letter_sent", f"staff:{world.nurse}")}
    assert "A letter was sent" in (await nurse.get(f"/patients/{world.patient}/letter")).text


IMPOSSIBLE: list[dict[str, str]] = [
    {"do": "nothing"}, {}, {"do": "end", "point": "own"}, {"do": "end", "point": "x"},
    {"do": "line", "point": "own", "line": "moon"}, {"do": "proxy_end", "proxy": "x"}, {"do": "number", "address": "12"},
    {"do": "add", "channel": "email", "address": "a b@c", "language": "en"},
]  # fmt: skip


async def test_what_cannot_be_done_is_said_and_changes_nothing(nurse: Client, world: World, owner: Any) -> None:
    for fields in IMPOSSIBLE:
        answer = await nurse.post(f"/patients/{world.patient}/contact", data=fields)
        assert answer.status_code in {404, 422}
        assert "How to reach" in answer.text
    assert await audited(owner) == []


async def test_who_only_looks_changes_nothing(client: Client, world: World, owner: Any) -> None:
    login, _ = await staff_login(owner, world, role="quality")
    await sign_in(client, login)
    shown = await client.get(f"/patients/{world.patient}/contact")
    assert (shown.status_code, "send a code" in shown.text) == (200, False)
    assert (await client.post(f"/patients/{world.patient}/contact", data={"do": "number"})).status_code == 403
    assert (await client.get(f"/patients/{uuid.uuid4()}/contact")).status_code == 404
