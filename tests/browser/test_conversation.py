"""The conversation in a real browser: on desk and phone, with script and without, and a new text appears by itself."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from notifications.inbox import Inbound
from server.db.ids import uuid7
from server.db.pool import Database, Who
from server.flows import reply
from tests.browser.test_journey import AXE, _check, _page, _sign_in
from tests.web.people import staff_login
from tests.web.serving import Serving
from tests.world import FIELD_KEY, NEVER_WAIT, World

pytestmark = pytest.mark.browser
TOLD = reply.Told(public_url="http://127.0.0.1:8000", field_key=FIELD_KEY, never_wait=NEVER_WAIT)
MINUTE = timedelta(minutes=1)


async def writes(web_db: Database, world: World, words: str, ago: timedelta = timedelta(0)) -> None:
    who = Who(principal="service:twilio", organization=world.organization)
    text = Inbound(sid=f"SM{uuid7()}", from_number=world.patient_phone, to_number=world.sender, body=words)
    await reply.handle(web_db, who, world.organization, text, datetime.now(UTC) - ago, TOLD)


async def talk(owner: Any, web_db: Database, world: World) -> None:
    """A lively conversation: values, a crisis, a worry, an answer that did not arrive."""
    for minutes, words in (
        (300, "bp 128/82"),
        (240, "weight 180"),
        (200, "what about my form?"),
        (60, "192/118"),
        (5, "1"),
    ):
        await writes(web_db, world, words, minutes * MINUTE)
    await owner.execute("UPDATE message SET status = 'delivered' WHERE patient_id IS NOT NULL")
    await owner.execute("UPDATE message SET status = 'failed', reason = '30003' WHERE wording = 'answer_time'")
    await owner.execute(
        "UPDATE message SET claimed_at = created_at + interval '2 seconds' WHERE claimed_at IS NULL AND patient_id IS NOT NULL"
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_it_has_no_serious_barriers_and_fits(
    browser: Browser, web: Serving, owner: Any, web_db: Database, world: World, width: int, height: int
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make setup fetches it")
    await talk(owner, web_db, world)
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web, width, height)
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}/conversation")
    await expect(page.get_by_text("192/118")).to_be_visible()
    await _check(page)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px too wide at {width} px"
    assert complaints == []


async def test_a_new_text_appears_by_itself_and_what_is_being_typed_stays(
    browser: Browser, web: Serving, owner: Any, web_db: Database, world: World
) -> None:
    login, _ = await staff_login(owner, world)
    page, complaints = await _page(browser, web)
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}/conversation")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.get_by_label("Text", exact=False).fill("We will call")
    await writes(web_db, world, "is somebody there")
    await expect(page.get_by_text("is somebody there")).to_be_visible()
    await expect(page.get_by_label("Text", exact=False)).to_have_value("We will call")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".said-staff .bubble")).to_have_text("Aspen Health: We will call")
    assert complaints == []


async def test_without_script_it_is_read_and_written(
    browser: Browser, web: Serving, owner: Any, web_db: Database, world: World
) -> None:
    await writes(web_db, world, "can you call my sister instead")
    login, _ = await staff_login(owner, world)
    context = await browser.new_context(base_url=web.base_url, java_script_enabled=False)
    page = await context.new_page()
    await _sign_in(page, login)
    await page.goto(f"/patients/{world.patient}/conversation")
    await expect(page.get_by_text("can you call my sister instead")).to_be_visible()
    await page.locator("#body").fill(f"Yes, which number? {uuid.uuid4().hex[:4]}")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".said-staff .bubble")).to_contain_text("Yes, which number?")
    await context.close()
