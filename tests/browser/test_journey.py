"""A nurse's night: an alert comes by itself, she answers it with three keys, and says what came of it."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.people import PASSWORD, alert, reading, staff_login
from tests.web.serving import Serving
from tests.world import World

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SERIOUS = {"serious", "critical"}


async def _page(browser: Browser, web: Serving, width: int = 1280, height: int = 800) -> tuple[Page, list[str]]:
    """A page that keeps what the browser complains of: scripts, styles, the content policy."""
    context = await browser.new_context(base_url=web.base_url, viewport={"width": width, "height": height})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def _sign_in(page: Page, login: str) -> None:
    await page.goto("/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def _measure(web: Serving, world: World) -> None:
    """The patient's own cuff sends 192/124 over HTTP; the answer comes after the commit."""
    reading = {"seq": 1, "kind": "blood_pressure", "measured_at": datetime.now(UTC).isoformat()}
    reading |= {"systolic": 192, "diastolic": 124, "pulse": 71, "unit": "mm[Hg]"}
    async with httpx.AsyncClient(base_url=web.base_url, auth=(world.device, world.device_secret)) as cuff:
        receipt = await cuff.post("/ingest/v1/readings", json=reading)
    assert (receipt.status_code, receipt.json()["stored"]) == (200, [1])


async def test_an_alert_comes_by_itself_and_is_answered_with_keys(
    browser: Browser, web: Serving, owner: Any, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await expect(page).to_have_url(f"{web.base_url}/worklist")
    await expect(page.get_by_text("Nothing waits.")).to_be_visible()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")

    started = time.monotonic()
    await _measure(web, world)
    line = page.locator("[data-item]")
    await expect(line).to_be_visible(timeout=5000)
    print(f"on the open page after {(time.monotonic() - started) * 1000:.0f} ms")
    for words in ("high", "Pat Aspen", "192/124 mmHg", "limit ≥180/120"):
        await expect(line).to_contain_text(words)
    made = await owner.fetchval("SELECT id FROM alert")
    await expect(page).to_have_title("(1) Worklist · Careloop")
    await expect(page.locator("#announce")).to_contain_text("high: Pat Aspen, bp_high")

    await page.keyboard.press("j")
    await expect(line).to_be_focused()
    await page.keyboard.press("a")
    await expect(line).to_contain_text("taken by Nurse Aspen")
    await expect(line).to_have_attribute("data-chosen", "")  # still marked, though the list was renewed
    await expect(page).to_have_title("Worklist · Careloop")
    assert await owner.fetchval("SELECT status FROM alert WHERE id = $1", made) == "acknowledged"

    await page.keyboard.press("r")
    await expect(page.get_by_role("dialog")).to_contain_text("192/124 mmHg")
    await page.keyboard.press("1")
    await page.get_by_role("dialog").get_by_label("Note").fill("Rested, 148/88.")
    await page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("Nothing waits.")).to_be_visible()
    row = await owner.fetchrow("SELECT status, outcome, note FROM alert WHERE id = $1", made)
    assert tuple(row) == ("resolved", "contacted_patient", "Rested, 148/88.")
    assert complaints == []


async def test_a_patients_page_is_live_too(browser: Browser, web: Serving, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    await reading(owner, world, 132, 84)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}")
    await expect(page.locator("#chart canvas")).to_be_visible()
    await expect(page.locator("#readings")).to_contain_text("132/84")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    made = await alert(owner, world)
    card = page.locator(f"#alert-{made}")
    await expect(card).to_contain_text("192/124 mmHg")
    await expect(card).to_contain_text("A test rule")
    await expect(page.locator("#readings")).to_contain_text("192/124")

    await card.get_by_role("button", name="Acknowledge").click()
    await expect(card).to_contain_text("taken by Nurse Aspen")
    await card.get_by_text("Resolve …").click()
    await card.get_by_label("Visit arranged").check()
    await card.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("Nothing stands open.")).to_be_visible()
    assert complaints == []


async def test_a_half_written_outcome_survives_news(browser: Browser, web: Serving, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    made = await alert(owner, world)
    page, _ = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.locator(f"#alert-{made}").get_by_text("Resolve …").click()
    await page.get_by_label("Note").fill("half a sent")
    other = await alert(owner, world, 85, 50, "medium", "bp_low")
    await expect(page.locator(f"#alert-{other}")).to_be_visible()
    await expect(page.locator(f"#outcome-{made}-note")).to_have_value("half a sent")
    await expect(page.locator(f"#outcome-{made}-note")).to_be_visible()


async def test_the_page_says_when_it_is_not_live(browser: Browser, web: Serving, owner: Any, world: World) -> None:
    login, _ = await staff_login(owner, world)
    page, _ = await _page(browser, web)
    await _sign_in(page, login)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await web.stop()
    await expect(page.locator("#live")).to_contain_text("reconnecting")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_pages_have_no_serious_barriers(
    browser: Browser, web: Serving, owner: Any, world: World, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    login, _ = await staff_login(owner, world, "admin")
    for systolic, severity, rule in ((192, "high", "bp_high"), (85, "medium", "bp_low")):
        await alert(owner, world, systolic, 70, severity, rule)
    page, _ = await _page(browser, web, width, height)
    await page.goto("/sign-in")
    await _check(page)
    await _sign_in(page, login)
    for path in ("/worklist", f"/patients/{world.patient}", "/patients", "/admin", "/nothing-here"):
        await page.goto(path)
        await _check(page)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide at {width} px"


async def _check(page: Page) -> None:
    # The content policy forbids inline script, so axe comes in by the debugger and not as a tag.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    worst = [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found["violations"]
        if v["impact"] in SERIOUS
        for node in v["nodes"]
    ]
    assert not worst, f"{page.url}\n" + "\n".join(worst)
