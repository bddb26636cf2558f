"""How soon a nurse sees it: from a device's publish to the open page, and from an alert's commit to the live event."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
from playwright.async_api import Page, async_playwright

from bench import field, town
from bench.field import Field, Size
from bench.half_load import YARDSTICK, YARDSTICK_TABLE, probe
from bench.programs import Failed
from server.db import pool
from server.db.events import Event, tell
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.monitoring import alerts
from server.monitoring.findings import Finding
from tests.browser.conftest import chromium
from tests.web.people import PASSWORD, staff_login
from tests.web.serving import Serving, serving
from tests.world import World

WITHIN_S = 30.0
EVERY_S = 0.5  # between two crises
LOOK_EVERY_S = 0.02
CRISIS = 192
WARM_UP = 10  # events before any counts
BRIDGE = Who(principal="service:bridge")
SEEN = """
    window.seen = {};
    new MutationObserver(() => {
        for (const item of document.querySelectorAll("[data-item]"))
            window.seen[item.id] ??= performance.timeOrigin + performance.now();
    }).observe(document.body, {childList: true, subtree: true});
"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How much: the crowd's devices and readings a second, the crises seen on a page, and the events timed."""

    devices: int = 300
    rate: float = 1000.0
    crises: int = 150
    events: int = 200


QUICK = Asked(devices=30, rate=50.0, crises=5, events=20)

Milliseconds = list[float]
Say = Callable[[str], None]


async def measure(folder: Path, asked: Asked, seed: int, say: Say) -> dict[str, Any]:
    """{"event_over_bare_notify": …, "publish_to_page_p99_over_bare_commit": …}, each beside what it was made of."""
    size = Size(devices=asked.devices)
    async with (
        field.opened(folder, size, seed, say, probes=asked.crises) as here,
        serving(here.stage.settings) as web,
    ):
        say(f"crises at {asked.rate:,.0f} readings a second, until they are on an open worklist")
        async with _worklist(here, web) as (page, cookies):
            visible, commits = await _visible(here, asked, page)
        # The browser has gone: a page that looks at its whole list again for each event would be measured instead.
        say("from an alert's commit to its event at a client, beside a bare commit with a notification")
        ours, bare = await _events(here, asked, web, cookies)
    return {
        "event_over_bare_notify": {
            "value": round(median(ours) / median(bare), 3), "of": {"event_ms": ours, "bare_notify_ms": bare}
        },
        "publish_to_page_p99_ms": {
            "value": round(_p99(visible), 1), "of": {"publish_to_page_ms": visible, "bare_commit_ms": commits}
        },
    }  # fmt: skip


def _p99(times: Milliseconds) -> float:
    return quantiles(times, n=100, method="inclusive")[98]


@asynccontextmanager
async def _worklist(here: Field, web: Serving) -> AsyncIterator[tuple[Page, dict[str, str]]]:
    """An open, live worklist in a real browser, and the cookies of its nurse."""
    login = await _nurse(here.store.owner)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = await browser.new_context(base_url=web.base_url)
        page = await context.new_page()
        await page.goto("/sign-in")
        await page.get_by_label("Login").fill(login)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("#live[data-state=live]").wait_for(timeout=WITHIN_S * 1000)
        await page.evaluate(SEEN)
        yield page, {str(cookie["name"]): str(cookie["value"]) for cookie in await context.cookies()}
        await browser.close()


NURSE = "SELECT id, organization_id FROM staff WHERE role = 'nurse' LIMIT 1"


async def _nurse(owner: Any) -> str:
    staff, organization = await owner.fetchrow(NURSE)
    nothing = dict.fromkeys(World.__struct_fields__)
    world = World(**{**nothing, "organization": organization, "nurse": staff})
    return (await staff_login(owner, world))[0]


async def _visible(here: Field, asked: Asked, page: Page) -> tuple[Milliseconds, Milliseconds]:
    """Of each crisis: from its publish to its line on the page; and bare commits in between."""
    owner, seconds = here.store.owner, asked.crises * EVERY_S * 1.5 + 5
    await owner.execute(YARDSTICK_TABLE)
    async with here.bridge(here.store):
        here.crowd.tell(do="pace", rate=asked.rate, first=1, seconds=seconds, within_s=120.0, crossing=0.0)
        await asyncio.sleep(2)
        sent, commits = dict[str, float](), Milliseconds()
        for number, (device, password) in enumerate(here.stage.devices[-asked.crises :]):
            async with probe(here, device, password, listens=False) as crisis:
                sent[device] = time.time() * 1000
                crisis.send(1, CRISIS)
            started = time.perf_counter()
            await owner.execute(YARDSTICK, -1 - number)
            commits.append(round((time.perf_counter() - started) * 1000, 3))
            await asyncio.sleep(EVERY_S)
        seen = await _all_seen(owner, page, asked.crises)
        told = await here.crowd.answer(seconds + 240)
    if told["stored"] != told["sent"]:
        raise Failed(f"{told['stored']} of {told['sent']} readings have a receipt saying stored")
    return [round(seen[device] - at, 1) for device, at in sent.items()], commits


ALERTS = """
    SELECT h.device_id, a.id::text FROM alert a JOIN bench_home h USING (patient_id)
"""


async def _all_seen(owner: Any, page: Page, count: int) -> dict[str, float]:
    """When each device's alert came to the page, in milliseconds of the wall clock both share."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        alert_of = {row["id"]: row["device_id"] for row in await owner.fetch(ALERTS)}
        seen: dict[str, float] = await page.evaluate("window.seen")
        found = {alert_of[name]: at for item, at in seen.items() for name in alert_of if item.endswith(name)}
        if len(found) >= count:
            return found
        await asyncio.sleep(0.2)
    raise Failed(f"{len(found)} of {count} crises came to the page")


async def _events(
    here: Field, asked: Asked, web: Serving, cookies: dict[str, str]
) -> tuple[Milliseconds, Milliseconds]:
    """(an alert recorded, committed and heard by a browser's stream; a bare row and notification, heard by a listener).

    One after the other, so that a busy machine slows both alike.
    """
    homes = await town.homes(here.store.owner, asked.devices)
    rule, version = await here.store.owner.fetchrow("SELECT rule_id, id FROM rule_version LIMIT 1")
    database = await pool.connect(here.stage.settings.url_for("bridge"), name="bench", size=1)
    url = here.stage.settings.url_for("web")
    ours, bare = Milliseconds(), Milliseconds()
    async with _stream(web, cookies) as heard, _listener(url) as notified, _bare(here) as plain:
        for number in range(asked.events + WARM_UP):
            patient, _, organization = homes[number % len(homes)]
            alert = _crisis(patient, organization, rule, version)
            ours.append(await _timed(heard, _commit_alert(database, alert)))
            bare.append(await _timed(notified, _commit_bare(plain, number)))
            await asyncio.sleep(LOOK_EVERY_S)
    database.terminate()
    return ours[WARM_UP:], bare[WARM_UP:]


async def _timed(heard: asyncio.Event, commit: Any) -> float:
    heard.clear()
    started = time.perf_counter()
    await commit
    await asyncio.wait_for(heard.wait(), WITHIN_S)
    return round((time.perf_counter() - started) * 1000, 3)


async def _commit_alert(database: Database, finding: Finding) -> None:
    async with database.transaction(BRIDGE) as db:
        await alerts.record(db, [finding], finding.measured_at)
        await tell(db, Event(topic="worklist", organization=finding.organization_id))


def _crisis(patient: uuid.UUID, organization: uuid.UUID, rule: uuid.UUID, version: uuid.UUID) -> Finding:
    now = datetime.now(UTC)
    return Finding(
        id=uuid7(), organization_id=organization, patient_id=patient, rule_id=rule, rule_version_id=version,
        anchor=uuid7(), severity="high", metric="systolic_mmhg", side="at_or_above", value=None,
        limit_value=Decimal(180), age="live", measured_at=now,
    )  # fmt: skip


NOTIFY = "SELECT pg_notify($1, $2)"
BARE = "bench_bare"


async def _commit_bare(plain: Any, number: int) -> None:
    async with plain.transaction():
        await plain.execute(YARDSTICK, 1_000_000 + number)
        await plain.execute(NOTIFY, BARE, str(number))


@asynccontextmanager
async def _bare(here: Field) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(here.stage.settings.database_url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _listener(url: str) -> AsyncIterator[asyncio.Event]:
    """Set when the bare notification is heard."""
    heard, connection = asyncio.Event(), await asyncpg.connect(url)
    await connection.add_listener(BARE, lambda *_: heard.set())
    try:
        yield heard
    finally:
        await connection.close()


@asynccontextmanager
async def _stream(web: Serving, cookies: dict[str, str]) -> AsyncIterator[asyncio.Event]:
    """Set when a client's stream hears of the worklist; a bare client, so that our way is measured and not its."""
    heard = asyncio.Event()
    where = urlsplit(web.base_url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    writer.write(f"GET /events HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())

    async def read() -> None:
        while said := await reader.read(65536):
            if b"event: worklist" in said:
                heard.set()

    reading = asyncio.create_task(read())
    try:
        await asyncio.wait_for(heard.wait(), WITHIN_S)
        yield heard
    finally:
        reading.cancel()
        writer.close()
