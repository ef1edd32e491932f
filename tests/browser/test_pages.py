"""Every page, light and dark, on a desktop and on a phone: sound, accessible, and of the right
width; and nobody but textback is ever asked for anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.crawl import Found, pages
from tests.browser.judge import accessible, too_small, too_wide
from tests.browser.stand import DESKTOP, PHONE, SeededRig, signed_in, visitor
from textback.console.app import PAGES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(rig: SeededRig, chromium: Browser) -> Any:
    return await signed_in(chromium, rig.url, "root")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crawled(rig: SeededRig, chromium: Browser, admin: Any) -> Found:
    async with visitor(chromium, rig.url, storage_state=admin) as who:
        return await pages(who.context)


@pytest.fixture
def found(crawled: Found) -> dict[str, str]:
    return crawled.pages


async def test_every_link_leads_somewhere(crawled: Found) -> None:
    assert not crawled.broken


async def test_every_page_can_be_reached_by_clicking(found: dict[str, str]) -> None:
    posted = {page.path for page in PAGES if page.method == "POST"}
    # What stands under the address of a form only leads back from it, when it is loaded again.
    wanted = {page.path for page in PAGES if page.method == "GET" and page.need} - posted
    reached = {name.partition("?")[0] for name in found}
    missing = {path for path in wanted if not any(_fits(path, name) for name in reached)}
    assert not missing - _BY_OTHER_WAYS


#: Files to be kept, and the page that follows a form.
_BY_OTHER_WAYS = {"/figures.csv", "/api/v1/openapi.json", "/numbers/tests/{row}"}


def _fits(pattern: str, name: str) -> bool:
    mine, theirs = re.sub(r"\{\w+\}", "N", pattern).split("/"), name.split("/")
    return len(mine) == len(theirs) and all(
        one == other or other == "N" for one, other in zip(mine, theirs, strict=True)
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_page_is_sound_accessible_and_fits(
    rig: SeededRig, chromium: Browser, admin: Any, found: dict[str, str], scheme: str, size: str
) -> None:
    phone = size == "phone"
    options: dict[str, Any] = {"viewport": PHONE if phone else DESKTOP, "color_scheme": scheme}
    if phone:
        options |= {"has_touch": True, "is_mobile": True}
    wrong: dict[str, list[str]] = {}
    async with visitor(chromium, rig.url, storage_state=admin, **options) as who:
        page = await who.page()
        for path in found.values():
            await page.goto(path)
            faults = await accessible(page) + await too_wide(page)
            if phone:
                faults += await too_small(page)
            if faults:
                wrong[path] = faults
        who.well()
    assert not wrong, "\n".join(f"{path}: " + "\n  ".join(said) for path, said in wrong.items())


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_door_is_sound_and_accessible_before_one_signs_in(
    rig: SeededRig, chromium: Browser, scheme: str
) -> None:
    async with visitor(chromium, rig.url, viewport=PHONE, color_scheme=scheme) as who:
        page = await who.page()
        await page.goto("/")
        assert "/login" in page.url
        assert not await accessible(page)
        assert not await too_wide(page) + await too_small(page)
        who.well()


async def test_page_that_is_not_there_says_so_in_the_same_clothes(
    rig: SeededRig, chromium: Browser, admin: Any
) -> None:
    async with visitor(chromium, rig.url, storage_state=admin) as who:
        who.expected = ("404",)
        page = await who.page()
        response = await page.goto("/inbox/999999999")
        assert response is not None
        assert response.status == 404
        assert await page.locator("nav").count() == 1
        assert not await accessible(page)
        who.well()


async def test_text_twice_as_large_needs_no_scrolling_sideways(
    rig: SeededRig, chromium: Browser, admin: Any, found: dict[str, str]
) -> None:
    """A window of 640 points is what 200 % zoom leaves of 1280."""
    wrong: dict[str, list[str]] = {}
    half = {"width": 640, "height": 400}
    async with visitor(
        chromium, rig.url, storage_state=admin, viewport=half, device_scale_factor=2
    ) as who:
        page = await who.page()
        for path in found.values():
            await page.goto(path)
            if faults := await too_wide(page):
                wrong[path] = faults
        who.well()
    assert not wrong
