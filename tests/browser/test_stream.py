"""A connection that is lost is told of and comes back by itself; of hidden tabs one keeps one."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.notices import HIDE
from tests.browser.stand import SeededRig, sign_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLER, SHOWN = "+12125550197", "(212) 555-0197"
expect.set_options(timeout=20_000)


@pytest_asyncio.fixture(loop_scope="module")
async def page(rig: SeededRig, chromium: Browser) -> AsyncIterator[Page]:
    async with visitor(chromium, rig.url) as who:
        who.expected = ("ERR_", "Failed to load")
        made = await who.page()
        await sign_in(made, "vera")
        await made.goto("/calls")
        await expect(made.locator("body.is-live")).to_have_count(1)
        yield made


async def test_hidden_tab_beside_another_stops_listening_and_catches_up_when_it_is_shown(
    rig: SeededRig, page: Page
) -> None:
    first, page = page, await page.context.new_page()
    await page.goto("/calls")
    await expect(page.locator("body.is-live")).to_have_count(1)
    await page.evaluate(HIDE, True)
    await expect(page.locator("body.is-live")).to_have_count(0)
    await expect(first.locator("body.is-live")).to_have_count(1)
    rig.ring("1700000011.1", CALLER)
    await rig.until_logged("call_started", call="pbx:1700000011.1")
    await expect(page.locator("#lost")).to_be_hidden()
    await page.evaluate(HIDE, False)
    await expect(page.locator(".ringing-card, .talking li", has_text=SHOWN)).to_be_visible()
    rig.hang_up("1700000011.1", CALLER)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_have_count(0)


async def test_the_tab_that_listens_for_all_asks_for_what_it_shows_when_it_is_shown(
    rig: SeededRig, page: Page
) -> None:
    await page.evaluate(HIDE, True)
    rig.ring("1700000015.1", CALLER)
    await rig.until_logged("call_started", call="pbx:1700000015.1")
    # Said after the call was.
    before = await page.title()
    rig.simulator.reply("12025550194", "12125550100", "Hello?")
    await expect(page).not_to_have_title(before)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_have_count(0)
    await page.evaluate(HIDE, False)
    await expect(page.locator(".ringing-card, .talking li", has_text=SHOWN)).to_be_visible()
    rig.hang_up("1700000015.1", CALLER)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_have_count(0)


async def test_what_is_being_marked_is_not_taken_away(rig: SeededRig, page: Page) -> None:
    name = page.locator(".call .person-name").first
    marked = await name.evaluate(
        "(one) => { getSelection().selectAllChildren(one); return String(getSelection()); }"
    )
    rig.ring("1700000012.1", CALLER)
    # The other part follows, this one waits.
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_be_visible()
    rig.hang_up("1700000012.1", CALLER)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_have_count(0)
    assert await page.evaluate("String(getSelection())") == marked
    await page.evaluate("getSelection().removeAllRanges()")
    await expect(page.locator(".call", has_text=SHOWN).first).to_be_visible()


async def test_keyboard_stays_on_its_line_when_the_list_is_made_anew(
    rig: SeededRig, page: Page
) -> None:
    line = page.locator(".call").nth(3)
    await line.focus()
    where = await line.get_attribute("href")
    rig.ring("1700000013.1", "+12125550196")
    rig.hang_up("1700000013.1", "+12125550196")
    await expect(page.locator(".call", has_text="(212) 555-0196")).to_be_visible()
    assert await page.evaluate("document.activeElement.getAttribute('href')") == where


async def test_lost_connection_is_told_and_comes_back_by_itself(rig: SeededRig, page: Page) -> None:
    rig.signal(signal.SIGTERM)
    assert await rig.ended() == 0
    await expect(page.locator("#lost")).to_be_visible()
    rig.told.clear()
    await rig.start()
    await expect(page.locator("#lost")).to_be_hidden()
    await expect(page.locator("body.is-live")).to_have_count(1)
    rig.ring("1700000014.1", CALLER)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_be_visible()
    rig.hang_up("1700000014.1", CALLER)
