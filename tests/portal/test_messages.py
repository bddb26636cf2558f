"""The portal's messages say by which way each went; one in the portal is there at once and known to be read."""

from typing import Any

from tests.outreach.reaching import point, proxy
from tests.portal.home import Home
from tests.world import World


async def test_each_message_says_by_which_way_it_went_and_a_code_is_not_shown(
    portal: Any, home: Home, owner: Any, world: World
) -> None:
    daughter = await point(owner, world, "sms", "+12125557009", proxy_id=await proxy(owner, world))
    for body, channel in (
        ("One.", "portal"),
        ("Two.", "voice"),
        ("Three.", "email"),
        ("Four.", "sms"),
        ("Six.", "sms"),
    ):
        await home.text(body)
        await owner.execute("UPDATE message SET channel = $1 WHERE body = $2", channel, body)
    await owner.execute("UPDATE message SET contact_point_id = $1 WHERE body = 'Four.'", daughter)
    await owner.execute("UPDATE message SET wording = 'verify_code' WHERE body = 'Six.'")
    shown = (await portal.get("/portal/messages")).text
    for words in (
        "Here, for you to read", "It is here", "By a call to your phone ending in 0244", "To your e-mail address",
        "To somebody who hears for you",
    ):  # fmt: skip
        assert words in shown, words
    assert "Six." not in shown
    assert "7009" not in shown
    seen = await owner.fetch("SELECT body FROM message WHERE seen_at IS NOT NULL")
    assert [row["body"] for row in seen] == ["One."]


async def test_looking_marks_nobody_elses_messages(portal: Any, home: Home, owner: Any, world: World) -> None:
    await home.text("Theirs.", patient=await home.neighbour())
    await owner.execute("UPDATE message SET channel = 'portal'")
    await portal.get("/portal/messages")
    assert await owner.fetchval("SELECT count(*) FROM message WHERE seen_at IS NOT NULL") == 0
