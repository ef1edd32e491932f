"""Everything can be done without a mouse, and one sees where one is."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.crawl import pages
from tests.browser.judge import FOCUS
from tests.browser.stand import PASSWORD, SeededRig, signed_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Stops of the tabulator on one page at most; lists are longer.
_MOST = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(rig: SeededRig, chromium: Browser) -> Any:
    return await signed_in(chromium, rig.url, "root")


async def stops(page: Page) -> list[dict[str, Any]]:
    """What the tabulator comes to, in its order, until it has been everywhere."""
    found: list[dict[str, Any]] = []
    for _ in range(_MOST):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUS)
        if stop is None:
            break
        found.append(stop)
    return found


async def test_one_signs_in_by_keys_alone(rig: SeededRig, chromium: Browser) -> None:
    async with visitor(chromium, rig.url) as who:
        page = await who.page()
        await page.goto("/login")
        await page.keyboard.type("dana")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "/login" not in url)
        who.well()


async def test_focus_is_seen_wherever_the_tabulator_comes(
    rig: SeededRig, chromium: Browser, admin: Any
) -> None:
    wrong: list[str] = []
    async with visitor(chromium, rig.url, storage_state=admin) as who:
        found, _ = await pages(who.context)
        page = await who.page()
        for path in found.values():
            await page.goto(path)
            visited = await stops(page)
            assert len(visited) > 5, f"{path}: the tabulator comes nowhere"
            wrong += [f"{path}: {s}" for s in visited if not (s["seen"] and s["onScreen"])]
        who.well()
    assert not wrong, "\n".join(wrong)


async def test_first_stop_skips_to_the_content(
    rig: SeededRig, chromium: Browser, admin: Any
) -> None:
    async with visitor(chromium, rig.url, storage_state=admin) as who:
        page = await who.page()
        await page.goto("/health")
        await page.keyboard.press("Tab")
        first = await page.evaluate(FOCUS)
        assert first["href"] == "#main"
        assert first["seen"]
        assert first["onScreen"]
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        inside = "() => document.getElementById('main').contains(document.activeElement)"
        assert await page.evaluate(inside), "the next stop is behind the navigation"
        who.well()


async def test_order_of_the_tabulator_is_that_of_reading(
    rig: SeededRig, chromium: Browser, admin: Any
) -> None:
    """No stop is taken out of its place by a tabindex of its own."""
    async with visitor(chromium, rig.url, storage_state=admin) as who:
        page = await who.page()
        for path in (await pages(who.context)).pages.values():
            await page.goto(path)
            forced = await page.locator("[tabindex]:not([tabindex='0'], [tabindex='-1'])").count()
            assert forced == 0, path
        who.well()
