"""What reminders are about, in a real browser: questions answered, parts read, appointments booked, without script."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from server.db.pool import Database, Who
from server.flows import ship_content
from tests.browser.test_portal import AXE, DESKTOP, FINE_PRINT, PHONE, SMALL, WIDER, _serious
from tests.portal.home import Home
from tests.web.serving import Serving
from tests.world import World

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("CARELOOP_PICTURES")  # a folder: pictures of every page are left there
WORKER = Who(principal="service:worker")


@pytest.fixture
async def home(owner: Any, world: World, worker_db: Database) -> Home:
    """A patient whose programme began three days ago, with everything it asks and sends."""
    await owner.execute("UPDATE programme SET code = 'heart_failure', name = 'Heart failure'")
    await owner.execute("UPDATE enrolment SET valid_from = $1", datetime.now(UTC) - timedelta(days=3))
    await ship_content.ship(worker_db, WORKER, datetime.now(UTC))
    return Home(owner, world)


async def page_of(
    browser: Browser, web: Serving, cookie: dict[str, str], **options: Any
) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(**{"viewport": PHONE, "java_script_enabled": False, **options})
    await context.add_cookies([{"name": k, "value": v, "url": web.base_url} for k, v in cookie.items()])
    return context, await context.new_page()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def test_a_patient_answers_reads_and_sees_what_is_booked_without_script(
    web: Serving, browser: Browser, home: Home, world: World, owner: Any
) -> None:
    await owner.execute(
        """INSERT INTO appointment (id, organization_id, patient_id, starts_at, author, source, recorded_at, changed_at)
           VALUES (gen_random_uuid(), $1, $2, $3, 't', 'staff', $4, $4)""",
        world.organization, world.patient, datetime.now(UTC) + timedelta(days=5), datetime.now(UTC),
    )  # fmt: skip
    _, page = await page_of(browser, web, await home.cookie())
    await page.goto(web.base_url + "/portal")
    await expect(page.get_by_role("heading", name=re.compile("^Appointment: "))).to_be_visible()
    await picture(page, "portal-today")
    await page.get_by_role("link", name="Answer now: Your weekly check-in").click()
    await picture(page, "portal-questions")
    for answer in ("A little worse", "Well, or as usual", "Yes, more than before", "I missed some"):
        await page.get_by_label(answer, exact=True).check()
    await page.get_by_label(re.compile("anything you want us to know")).fill("My scale is new")
    await page.get_by_role("button", name="Send my answers").click()
    await expect(page.get_by_role("status")).to_contain_text("We have your answers.")
    await expect(page.get_by_text("Your care team will read this on a working day.")).to_be_visible()
    await picture(page, "portal-thanks")
    await page.goto(web.base_url + "/portal")
    await expect(page.get_by_role("link", name="Answer now: Your weekly check-in")).to_have_count(0)
    await page.get_by_role("link", name="Read: To read: 2 short parts").click()
    await picture(page, "portal-reading")
    await page.get_by_role("button", name="I have read this: Why your weight matters").click()
    await expect(page.get_by_text("You read this on")).to_be_visible()
    await picture(page, "portal-reading-read")
    await page.get_by_role("button", name="Mark as not read: Why your weight matters").click()
    await expect(page.get_by_text("You read this on")).to_have_count(0)
    assert await owner.fetchval("SELECT count(*) FROM task WHERE kind = 'questionnaire_answers'") == 1


async def test_the_new_pages_are_large_and_fit_and_axe_finds_nothing(
    web: Serving, browser: Browser, home: Home, owner: Any
) -> None:
    cookie = await home.cookie()
    # 320 is a phone at 200 % zoom of a desktop's 640, or a small old phone.
    for language, viewport in (("en", PHONE), ("es", {"width": 320, "height": 640}), ("en", DESKTOP)):
        await owner.execute("UPDATE patient SET language = $1", language)
        context, page = await page_of(
            browser, web, cookie, viewport=viewport, java_script_enabled=True, bypass_csp=True
        )
        for path in ("/portal/questions", "/portal/reading"):
            await page.goto(web.base_url + path)
            await picture(page, f"{language}{path.replace('/', '-')}-{viewport['width']}")
            assert await page.evaluate(SMALL) == [], path
            assert await page.evaluate(FINE_PRINT) == [], path
            assert await page.evaluate(WIDER) == 0, path
            if AXE.exists() and viewport == PHONE:
                assert await _serious(page) == [], path
        await context.close()


async def test_staff_book_and_take_back_and_read_what_the_patient_told(
    web: Serving, browser: Browser, home: Home, world: World, owner: Any
) -> None:
    _, page = await page_of(browser, web, await home.cookie(staff=world.nurse), viewport=DESKTOP)
    here = f"{web.base_url}/patients/{world.patient}"
    await page.goto(here)
    await page.get_by_role("link", name="Book and see appointments").click()
    await expect(page.get_by_text("Nothing is booked.")).to_be_visible()
    day = (datetime.now(UTC) + timedelta(days=7)).date()
    await page.get_by_label("Day", exact=True).fill(f"{day}")
    await page.get_by_label("Time").fill("10:30")
    await page.get_by_role("button", name="Book", exact=True).click()
    await expect(page.get_by_text(f"{day:%Y}, 10:30").first).to_be_visible()
    await picture(page, "staff-appointments")
    await page.get_by_role("button", name=re.compile("^Cancel")).click()
    await page.get_by_role("button", name=re.compile("^Undo: book again")).click()
    assert await owner.fetchval("SELECT status FROM appointment") == "booked"
    await page.goto(f"{here}/answers")
    await expect(page.get_by_text("No answers yet.")).to_be_visible()
    await page.goto(f"{web.base_url}/rules/reading")
    await page.get_by_text("1. Why your weight matters").click()
    await expect(page.get_by_text("Cuando el corazón está débil")).to_be_visible()
    await picture(page, "staff-reading")
    await _furnish(world, owner)
    await _fits(web, browser, page, world)


async def _furnish(world: World, owner: Any) -> None:
    """Last week's answers, and an appointment of yesterday of which nothing was said yet."""
    await owner.execute(
        """INSERT INTO questionnaire_response (id, organization_id, patient_id, code, version, answers, answered_at)
           VALUES (gen_random_uuid(), $1, $2, 'weekly_check_in', 1, $3::text::jsonb, $4)""",
        world.organization, world.patient,
        '{"feeling": "much_worse", "sleep": "well", "swelling": "more", "medicines": "all", "anything": "I have chest pain"}',
        datetime.now(UTC) - timedelta(days=8),
    )  # fmt: skip
    await owner.execute(
        "UPDATE appointment SET starts_at = $1, measure = 'CMS125'", datetime.now(UTC) - timedelta(days=1)
    )


async def _fits(web: Serving, browser: Browser, page: Page, world: World) -> None:
    """On a telephone nothing is cut off, and axe finds nothing serious."""
    cookies = {one["name"]: one["value"] for one in await page.context.cookies()}
    _, phone = await page_of(browser, web, cookies, java_script_enabled=True, bypass_csp=True)
    for path in (f"/patients/{world.patient}/appointments", f"/patients/{world.patient}/answers", "/rules/reading"):
        await phone.goto(web.base_url + path)
        await picture(phone, f"staff-{path.rpartition('/')[2]}-390")
        assert await phone.evaluate(WIDER) == 0, path
        if AXE.exists():
            assert await _serious(phone) == [], path
