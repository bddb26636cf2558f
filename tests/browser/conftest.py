"""A real Chromium against a real web process; skipped with a message where there is no browser, never in CI."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from server.settings import Settings
from tests.web.serving import Serving, serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def chromium() -> str:
    """The system's browser; in CI its lack is a failure."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.path.exists(MAC):
        found = MAC
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have a Chromium: .ci/run installs it")
    if found is None:
        pytest.skip("no Chromium on this machine: install it (apt-get install chromium) to run the browser journey")
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def web(settings: Settings, owner: Any) -> AsyncIterator[Serving]:
    async with serving(settings) as server:
        yield server
