"""What a browser tells people of is chosen by them: under their name, or at the inbox's offer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.notices import (
    ANN_SHOWN,
    Desk,
    listening,
    shown,
    to_have_waiting,
    until_shown,
    waiting,
    writes,
)
from tests.browser.stand import SeededRig, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
expect.set_options(timeout=20_000)


async def test_the_card_asks_the_browser_at_the_click_and_shows_how_it_looks(desk: Desk) -> None:
    async with desk() as who:
        page = await who.page()
        await page.goto("/account")
        card = page.locator("#this-computer")
        await expect(card).to_be_visible()
        assert await page.evaluate("asked") == 0
        await expect(page.locator("#notify-text-row")).to_be_hidden()
        await page.locator("#notify-show").check()
        (one,) = await until_shown(page)
        assert one["title"] == "This is how it looks"
        await page.locator("#notify-text").check()
        await page.locator("#notify-sound").check()
        await page.wait_for_function("() => tones === 2")
        await page.locator("#notify-try-sound").click()
        await page.wait_for_function("() => tones === 4")
        await page.reload()
        for name in ("show", "text", "sound"):
            await expect(page.locator(f"#notify-{name}")).to_be_checked()
        await page.locator("#notify-show").uncheck()
        await expect(page.locator("#notify-text-row")).to_be_hidden()


async def test_a_browser_that_blocks_them_is_told_of(desk: Desk) -> None:
    async with desk(allowed=False) as who:
        page = await who.page()
        await page.goto("/account")
        await page.locator("#notify-show").click()
        await expect(page.locator("[data-why=blocked]")).to_be_visible()
        await expect(page.locator("#notify-show")).not_to_be_checked()
        assert await shown(page) == []
        await page.goto("/inbox")
        await expect(page.locator("#notify-offer")).to_be_hidden()


async def test_the_offer_is_made_until_it_is_declined(desk: Desk) -> None:
    async with desk() as who:
        page = await who.page()
        await page.goto("/inbox")
        offer = page.locator("#notify-offer")
        await expect(offer).to_be_visible()
        await page.reload()
        await expect(offer).to_be_visible()
        await page.locator("#notify-no").click()
        await expect(offer).to_be_hidden()
        await page.reload()
        await expect(page.locator("body.is-live")).to_have_count(1)
        await expect(offer).to_be_hidden()


async def test_the_offer_is_taken_by_a_click(rig: SeededRig, desk: Desk) -> None:
    async with desk() as who:
        page = await who.page()
        await page.goto("/inbox")
        async with page.expect_response(lambda answer: "/api/v1/replies" in answer.url):
            await page.locator("#notify-yes").click()
        (one,) = await until_shown(page)
        assert one["title"] == "New replies are told on the desktop."
        await expect(page.locator("#notify-said")).to_be_focused()
        writes(rig, "Hello")
        assert (await until_shown(page, 2))[1]["title"] == ANN_SHOWN
        await page.reload()
        await expect(page.locator("body.is-live")).to_have_count(1)
        await expect(page.locator("#notify-offer")).to_be_hidden()


async def test_what_came_while_it_was_switched_off_is_not_told_afterwards(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show") as who:
        page = await who.page()
        await listening(page, "/account")
        before = await waiting(page)
        await page.locator("#notify-show").uncheck()
        writes(rig, "Unheard", f"1202555{4000 + before}")
        await to_have_waiting(page, before + 1)
        async with page.expect_response(lambda answer: "/api/v1/replies" in answer.url):
            await page.locator("#notify-show").check()
        writes(rig, "Heard")
        titles = [one["title"] for one in await until_shown(page, 2)]
        assert titles == ["This is how it looks", ANN_SHOWN]


async def test_without_scripts_there_is_neither_card_nor_offer(
    rig: SeededRig, chromium: Browser, viewer: Any
) -> None:
    async with visitor(chromium, rig.url, storage_state=viewer, java_script_enabled=False) as who:
        page = await who.page()
        await page.goto("/account")
        await expect(page.locator("#this-computer")).to_be_hidden()
        await page.goto("/inbox")
        await expect(page.locator("#notify-offer")).to_be_hidden()
