"""Who may not speak is refused, it is written down, and nothing of it is stored: every case in one list.

`kept` is what a refusal leaves behind: nothing, or the bytes in quarantine with their reason. `logged` says where
it is written down; None means nowhere, which is a known hole.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from devices import authority
from devices.formats import VENDORS
from server.db.pool import Database
from server.flows import access
from server.settings import Settings
from tests.flows.test_resolve_held import person_of
from tests.proofs import scene as doors
from tests.proofs import street, vendors
from tests.proofs.scene import Scene, crisis, ended, readings, until
from tests.world import World

Step = Callable[[Scene], Awaitable[None]]
QUARANTINED = {"arrival": 1, "quarantine": 1}
DENIED = {"Not authorized", "Disconnected"}
BAD_LOGIN = {"Not authorized", "Bad user name or password"}
HTTP = "/ingest/v1/readings"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    attempt: Step
    logged: Literal["audit", "broker", "quarantine", "ledger", "log"] | None
    says: str = ""
    before: Step | None = None
    kept: dict[str, int] = {}


async def another_topic(scene: Scene, other_organization: bool = False) -> None:
    peer = await scene.signed_in(scene.world.device, scene.world.device_secret)
    whose = scene.other.device if other_organization else scene.neighbour.device
    assert await peer.publish(readings(whose), crisis()) in DENIED
    await until(lambda: ended(scene.broker_log(), scene.world.device))


async def wrong_password(scene: Scene) -> None:
    for login in ((scene.world.device, "guess"), ("nobody", scene.world.device_secret), ("", "")):
        assert await scene.room.peer(*login).sign_in() in BAD_LOGIN


async def disabled_at_once(scene: Scene) -> None:
    device, now = scene.world.device, datetime.now(UTC)
    peer = await scene.signed_in(device, scene.world.device_secret)
    await access.disable(scene.web_db, person_of(scene.world).who, device, scene.room.broker.url_admin, now)
    await until(lambda: peer.lost)
    assert await scene.room.peer(device, scene.world.device_secret).sign_in() in BAD_LOGIN


async def disabled_but_let_in(scene: Scene) -> None:
    """A broker of somebody else's that was not told: our own tables know."""
    await access.disable(scene.web_db, person_of(scene.world).who, scene.world.device, None, datetime.now(UTC))
    peer = await scene.signed_in(scene.world.device, scene.world.device_secret)
    assert await peer.publish(readings(scene.world.device), crisis()) == "Success"


async def revoked(scene: Scene) -> None:
    """A certificate that let the device in until just now."""
    await scene.room.security.grant(scene.world.device, None)
    issued, out = scene.authority.issue(scene.world.device, datetime.now(UTC)), scene.folder / "out"
    authority.write(out, issued, scene.world.device)
    first = scene.room.peer("", "")
    first.show(out, scene.world.device)
    assert await first.sign_in() == "Success"
    first.leave()
    scene.authority.revoke([issued.serial], datetime.now(UTC))
    await until(lambda: "Reloading config" in scene.broker_log())
    again = scene.room.peer("", "")
    again.show(out, scene.world.device)
    trying = asyncio.create_task(again.sign_in())
    await until(lambda: "certificate verify failed" in scene.broker_log())
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    assert again.connected is None


async def say(scene: Scene) -> None:
    peer = await scene.signed_in(scene.world.device, scene.world.device_secret)
    assert await peer.publish(readings(scene.world.device), REPLAYED) == "Success"
    peer.leave()


async def said(scene: Scene) -> None:
    await say(scene)
    await scene.stored(scene.world.device)


REPLAYED = crisis(systolic=193)


async def retained(scene: Scene) -> None:
    peer = await scene.signed_in(scene.world.device, scene.world.device_secret)
    assert await peer.publish(readings(scene.world.device), crisis(), retain=True) != "Success"
    await until(lambda: ended(scene.broker_log(), scene.world.device))


async def retained_will(scene: Scene) -> None:
    peer = scene.room.peer(scene.world.device, scene.world.device_secret)
    peer.will(readings(scene.world.device), crisis(), retain=True)
    assert await peer.sign_in() == "Retain not supported"


async def others_will(scene: Scene) -> None:
    peer = scene.room.peer(scene.world.device, scene.world.device_secret)
    peer.will(readings(scene.neighbour.device), crisis())
    assert await peer.sign_in() == "Success"
    before = scene.broker_log().count("closed its connection")
    peer.vanish()
    await until(lambda: scene.broker_log().count("closed its connection") > before)


async def speaks_for_another(scene: Scene, other_organization: bool = False) -> None:
    peer = await scene.signed_in(scene.world.device, scene.world.device_secret)
    source = scene.other.device if other_organization else scene.neighbour.device
    assert await peer.publish(readings(scene.world.device), crisis(source=source)) == "Success"


AT_THE_BROKER = [
    Case(name="publishes on another's topic", attempt=another_topic, logged="broker"),
    Case(name="publishes on another organization's topic", attempt=partial(another_topic, other_organization=True), logged="broker"),
    Case(name="wrong password, no password, unknown login", attempt=wrong_password, logged="broker", says="not authorised"),
    Case(name="disabled: disconnected and refused at once", attempt=disabled_at_once, logged="broker", says="not authorised"),
    Case(name="disabled, at a broker that was not told", attempt=disabled_but_let_in, logged="quarantine", says="disabled_device", kept=QUARANTINED),
    Case(name="a revoked certificate", attempt=revoked, logged="broker", says="certificate verify failed"),
    Case(name="a replayed capture", before=said, attempt=say, logged="ledger"),
    Case(name="a retained reading", attempt=retained, logged="broker"),
    Case(name="a retained will on readings", attempt=retained_will, logged="broker", says="retain not supported"),
    Case(name="a will on another's readings", attempt=others_will, logged=None),
    Case(name="a hub speaks for a device that is not its own", attempt=speaks_for_another, logged="quarantine", says="unknown_source", kept=QUARANTINED),
    Case(name="a hub speaks for another organization's device", attempt=partial(speaks_for_another, other_organization=True), logged="quarantine", says="unknown_source", kept=QUARANTINED),
]  # fmt: skip


async def basic(scene: Scene, who: str) -> None:
    """Over HTTP under another's id, with a wrong password, of nobody, and when disabled."""
    password = scene.world.device_secret
    login = {
        "another": (scene.other.device, password),
        "wrong": (scene.world.device, "x"),
        "nobody": ("nobody", password),
    }
    if who == "disabled":
        await access.disable(scene.web_db, person_of(scene.world).who, scene.world.device, None, datetime.now(UTC))
    answer = await scene.client.post(HTTP, content=crisis(), auth=login.get(who, (scene.world.device, password)))
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("Send the device's id and password")


async def posted_source(scene: Scene, other_organization: bool) -> None:
    source = scene.other.device if other_organization else (await street.neighbour(scene.owner, scene.world)).device
    login = (scene.world.device, scene.world.device_secret)
    answer = await scene.client.post(HTTP, content=crisis(source=source), auth=login)
    assert answer.json()["refused"] == [{"seq": 1, "reason": "unknown_source"}]


async def posted(scene: Scene) -> None:
    login = (scene.world.device, scene.world.device_secret)
    answer = await scene.client.post(HTTP, content=REPLAYED, auth=login)
    assert answer.json()["stored"] == [1]


async def unproved(scene: Scene, vendor: str, how: str) -> None:
    await vendors.open_account(scene.owner, scene.world, vendor)
    post = vendors.wrong(vendor)[how]
    answer = await scene.client.post(post.path, content=post.content, headers=post.headers)
    assert answer.status_code == 401
    assert {"event": "vendor_refused", "vendor": vendor}.items() <= scene.log[-1].items()


async def proved(scene: Scene, vendor: str) -> None:
    post = vendors.right(vendor, vendors.a_reading(vendor))
    answer = await scene.client.post(post.path, content=post.content, headers=post.headers)
    assert answer.status_code == 200
    assert "stored" in {receipt.get("fate") for receipt in answer.json()}


async def proved_before(scene: Scene, vendor: str) -> None:
    await vendors.open_account(scene.owner, scene.world, vendor)
    await proved(scene, vendor)


AT_THE_WEB = [
    *(Case(name=f"HTTP: {who}", attempt=partial(basic, who=who), logged="log", says="sender_refused") for who in ("another", "wrong", "nobody", "disabled")),
    Case(name="HTTP: a device that is not its own", attempt=partial(posted_source, other_organization=False), logged="quarantine", says="unknown_source", kept=QUARANTINED),
    Case(name="HTTP: another organization's device", attempt=partial(posted_source, other_organization=True), logged="quarantine", says="unknown_source", kept=QUARANTINED),
    Case(name="HTTP: a replayed capture", before=posted, attempt=posted, logged="ledger"),
    *(Case(name=f"{v}: {how} secret", attempt=partial(unproved, vendor=v, how=how), logged="audit", says=f"vendor:{v}") for v in VENDORS for how in vendors.wrong(v)),
    *(Case(name=f"{v}: a replayed capture", before=partial(proved_before, vendor=v), attempt=partial(proved, vendor=v), logged="ledger") for v in VENDORS),
]  # fmt: skip


async def refused(scene: Scene, case: Case, after: Callable[[], Awaitable[Any]]) -> None:
    """Nothing but `kept` is new, and the place named in `logged` has heard of it."""
    if case.before:
        await case.before(scene)
    before, duplicates = await scene.counts(), await scene.owner.fetchval(doors.DUPLICATES)
    await case.attempt(scene)
    heard = await after()
    now = await scene.counts()
    assert {t: now[t] - before[t] for t in now} == {t: case.kept.get(t, 0) + heard.get(t, 0) for t in now}
    if case.logged == "log":
        assert case.says in [line["event"] for line in scene.log]
    elif case.logged == "audit":
        assert [row["subject"] for row in await scene.owner.fetch(doors.REFUSALS)] == [case.says]
    elif case.logged == "quarantine":
        rows = [tuple(row) for row in await scene.owner.fetch(doors.POISON)]
        assert rows == [(scene.world.organization, scene.world.device, case.says)]
        assert await scene.owner.fetchval(doors.ALARM) == "quarantined"
    elif case.logged == "ledger":
        assert await scene.owner.fetchval(doors.DUPLICATES) > duplicates
    elif case.logged == "broker":
        assert case.says in scene.broker_log()


@pytest.mark.parametrize("case", AT_THE_BROKER, ids=lambda case: case.name)
async def test_the_broker_and_the_bridge_refuse(
    case: Case, settings: Settings, world: World, other_world: World, owner: Any, web_db: Database, tmp_path: Path
) -> None:
    async def heard() -> dict[str, int]:
        await scene.all_heard()
        return {"arrival": 1, "reading": 1}

    web = doors.at_the_web(settings, world, other_world, owner, web_db)
    async with web as scene, doors.at_the_broker(scene, settings, tmp_path):
        await refused(scene, case, heard)


@pytest.mark.parametrize("case", AT_THE_WEB, ids=lambda case: case.name)
async def test_the_web_refuses(
    case: Case, settings: Settings, world: World, other_world: World, owner: Any, web_db: Database
) -> None:
    async def nothing() -> dict[str, int]:
        return {}

    async with doors.at_the_web(settings, world, other_world, owner, web_db) as scene:
        await refused(scene, case, nothing)


async def test_the_list_sees_what_gets_through(
    settings: Settings, world: World, other_world: World, owner: Any, web_db: Database
) -> None:
    async def nothing() -> dict[str, int]:
        return {}

    async with doors.at_the_web(settings, world, other_world, owner, web_db) as scene:
        let_in = Case(name="nothing is wrong with it", attempt=posted, logged=None)
        with pytest.raises(AssertionError, match="'reading': 1"):
            await refused(scene, let_in, nothing)
        unheard = Case(name="nobody writes it down", attempt=posted, logged="audit")
        with pytest.raises(AssertionError):
            await refused(scene, unheard, nothing)
