"""The whole loop in a real browser: a text on the telephone, its link, "done", the letter that proves it, a closed gap."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Browser, Page, expect

from server.db.pool import Database
from server.flows import remind
from server.flows.evaluate import evaluate
from tests.browser.test_journey import _page, _sign_in
from tests.flows.test_remind import rule
from tests.texting import WORKER, Phones, phones, send_all
from tests.web.people import patient_login, staff_login
from tests.web.serving import Serving
from tests.world import World

__all__ = ["phones"]


async def _at_noon(owner: Any) -> datetime:
    """The patient moves to where it has just become noon: texts may go, and it is the day that the pages show."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await owner.execute("UPDATE patient SET zone = $1", f"Etc/GMT{now.hour - 12:+d}")  # these signs are reversed
    return now


async def _remind(database: Database, phones: Phones, web: Serving, now: datetime) -> None:
    """What the worker does: gaps open, and the text leaves with a link to our pages."""
    origin = remind.From(public_url=web.base_url, default_sender=phones.sender)
    await evaluate(database, WORKER, now)
    async with database.transaction(WORKER) as db:
        await remind.plan(db, now)
    async with database.transaction(WORKER) as db:
        await remind.queue_due(db, now, origin)
    await send_all(database, phones.gateway(), now)


async def test_a_text_leads_to_done_and_the_recorded_result_closes_the_gap(
    browser: Browser, web: Serving, owner: Any, world: World, worker_db: Database, phones: Phones
) -> None:
    await rule(owner, world, measure="CMS125")
    await _remind(worker_db, phones, web, await _at_noon(owner))

    telephone, complaints = await _page(browser, web)
    await telephone.goto(phones.url)
    text = telephone.get_by_role("article", name=world.patient_phone).get_by_role("listitem")
    await expect(text).to_contain_text("delivered")
    async with telephone.expect_popup() as opened:
        await text.get_by_role("link").click()
    portal = await opened.value
    await expect(portal).to_have_title("Sign in · Careloop")  # the link said nothing of anybody's health
    await _sign_in(portal, await patient_login(owner, world))
    await portal.get_by_role("button", name="I have done this: Breast").click()
    await expect(portal.get_by_role("status")).to_contain_text("Thank you.")
    assert await _standing(owner) == "awaiting_evidence"

    staff, said = await _page(browser, web)
    await _sign_in(staff, (await staff_login(owner, world))[0])
    await staff.goto(f"/patients/{world.patient}")
    await expect(staff.get_by_role("region", name="Care gaps")).to_contain_text("awaiting evidence")
    await _enter(staff, "mammogram")
    await expect(staff.get_by_role("row", name="Mammogram")).to_contain_text("closed: Breast cancer screening")
    assert await _standing(owner) == "closed"
    await portal.reload()
    await expect(portal.get_by_text("Breast cancer screening")).to_have_count(0)

    await staff.get_by_role("button", name=re.compile("Entered in error.*Mammogram")).click()
    await expect(staff.get_by_text("Entered in error (1)")).to_be_visible()
    assert await _standing(owner) == "open"
    assert complaints + said == []


async def _enter(staff: Page, kind: str) -> None:
    await staff.get_by_role("link", name="Enter a result").click()
    await staff.get_by_label("What was done").select_option(kind)
    await staff.get_by_label("Done on").fill(f"{datetime.now(UTC).date() - timedelta(days=1)}")
    await staff.get_by_label("Where you read it").fill("letter of the radiology")
    await staff.get_by_role("button", name="Enter", exact=True).click()


async def _standing(owner: Any) -> str:
    return str(await owner.fetchval("SELECT status FROM gap WHERE measure = 'CMS125'"))
