"""What happens is seen as it happens, and takes nothing out of anybody's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.judge import FOCUS
from tests.browser.stand import SeededRig, served, sign_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: Nobody's in the seed.
CALLER, SHOWN = "+12125550199", "(212) 555-0199"
expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SeededRig]:
    """As everywhere, but a text comes sooner."""
    async with served(tmp_path_factory.mktemp("console"), ring_timeout="6s") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def page(rig: SeededRig, chromium: Browser) -> AsyncIterator[Page]:
    async with visitor(chromium, rig.url) as who:
        made = await who.page()
        await sign_in(made, "dana")
        yield made
        who.well()


async def test_call_rings_counts_down_and_gets_its_verdict(rig: SeededRig, page: Page) -> None:
    await page.goto("/calls")
    rig.ring("1700000001.1", CALLER)
    card = page.locator(".ringing-card", has_text=SHOWN)
    await expect(card).to_be_visible()
    first = int(await card.locator("[data-left]").inner_text())
    assert 0 < first <= 6
    # Counted in the browser: nothing of the server's says each second.
    await expect(card.locator("[data-left]")).to_have_text(str(first - 2))
    await expect(card).to_contain_text("Texted")
    assert "Sorry we missed your call" in await rig.text_to(CALLER)
    rig.hang_up("1700000001.1", CALLER)
    await expect(card).to_have_count(0)
    row = page.locator("main a", has_text=SHOWN).first
    await expect(row).to_contain_text("Delivered")


async def test_draft_and_focus_stay_while_a_reply_comes_in(rig: SeededRig, page: Page) -> None:
    await page.goto("/inbox?list=all")
    await page.locator(".thread", has_text=SHOWN).first.click()
    text = page.locator("#text")
    await text.click()
    await page.keyboard.type("Dear Ann, what I wan")
    rig.simulator.reply(CALLER.lstrip("+"), "12125550100", "Is anybody there?")
    await expect(page.locator(".bubble-in").last).to_have_text("Is anybody there?")
    await page.keyboard.type("ted to say")
    assert await text.input_value() == "Dear Ann, what I wanted to say"
    assert (await page.evaluate(FOCUS))["id"] == "text"
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".bubble-out").last).to_have_text("Dear Ann, what I wanted to say")
    while (sent := await rig.text_to(CALLER)) != "Dear Ann, what I wanted to say":
        assert "Sorry we missed your call" in sent, "by itself, of the test before"
    await expect(page.locator(".line-out").last).to_contain_text("Delivered")
    assert await text.input_value() == "", "sent once"


async def test_number_in_the_navigation_grows(rig: SeededRig, page: Page) -> None:
    await page.goto("/health")
    badge = page.locator("nav a[href='/inbox'] .nav-count > span").first
    before = int(await badge.inner_text())
    rig.simulator.reply("19175550199", "12125550100", "Is this the dentist?")
    await expect(badge).to_have_text(str(before + 1))


async def test_scroll_and_open_details_stay_when_a_list_is_made_anew(
    rig: SeededRig, page: Page
) -> None:
    await page.goto("/inbox?list=all")
    listed = page.locator("#threads")
    await listed.evaluate("(one) => { one.scrollTop = 300; }")
    rig.simulator.reply("19175550199", "12125550100", "Hello again")
    await expect(listed).to_contain_text("Hello again")
    assert await listed.evaluate("(one) => one.scrollTop") > 200


async def test_who_was_signed_out_is_led_to_the_door(rig: SeededRig, chromium: Browser) -> None:
    async with visitor(chromium, rig.url) as who:
        who.expected = ("401", "Unauthorized")
        page = await who.page()
        await sign_in(page, "vera")
        await page.goto("/calls")
        code, out, err = await rig.cli("user", "disable", "vera")
        assert code == 0, out + err
        rig.ring("1700000002.1", "+12125550198")
        await page.wait_for_url(lambda url: "/login" in url)
        rig.hang_up("1700000002.1", "+12125550198")
        who.well()
