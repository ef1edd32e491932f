"""Reading, answering and working a case need no JavaScript; both languages; paper."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.crawl import pages
from tests.browser.judge import too_wide
from tests.browser.stand import DESKTOP, SeededRig, sign_in, signed_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def plain(rig: SeededRig, chromium: Browser) -> AsyncIterator[Page]:
    """Somebody whose browser runs no scripts at all, signed in as an agent."""
    async with visitor(chromium, rig.url, java_script_enabled=False) as who:
        who.expected = ("422",)  # the browser tells of it as of an error; the page says what it is
        page = await who.page()
        await sign_in(page, "dana")
        yield page
        who.well()


async def test_thread_is_read_and_answered_and_the_carrier_has_it(
    rig: SeededRig, plain: Page
) -> None:
    await plain.goto("/inbox?list=all")
    # Nobody opted out, and no doubt about it.
    name = plain.locator(".thread", has_not=plain.locator(".thread-mark, .badge")).first
    await name.click()
    assert re.search(r"/inbox/\d+", plain.url)
    assert await plain.locator(".bubble").count() >= 1
    handset = await plain.locator(".talk-head").inner_text()
    await plain.fill("textarea[name=text]", "We are here until six, come in.\nDana")
    await plain.click("#send")
    assert await plain.locator(".bubble-out").last.inner_text() == (
        "We are here until six, come in.\nDana"
    )
    number = "+1" + re.sub(r"\D", "", re.findall(r"\(\d{3}\) \d{3}-\d{4}", handset)[0])
    while (sent := await rig.text_to(number)) != "We are here until six, come in.\nDana":
        assert "Dana" not in sent, "another text of the seed's"
    await plain.reload()
    assert await plain.locator(".flash").count() == 0, "said once"


async def test_empty_answer_says_so_and_sends_nothing(plain: Page) -> None:
    await plain.goto("/inbox?list=all")
    await plain.locator(".thread", has_not=plain.locator(".thread-mark, .badge")).first.click()
    before = await plain.locator(".bubble").count()
    await plain.fill("textarea[name=text]", "   ")
    await plain.click("#send")
    assert await plain.locator(".notice, .field-error").first.is_visible()
    assert await plain.locator(".bubble").count() == before


async def test_case_is_taken_noted_and_dismissed(plain: Page) -> None:
    await plain.goto("/callbacks")
    await plain.locator(".case-link").first.click()
    await plain.click("#take")
    assert "yours" in await plain.locator(".case-card").inner_text()
    await plain.fill("#f-note", "wants the <b>blue</b> one")
    await plain.click("text=Save the note")
    assert "wants the <b>blue</b> one" in await plain.locator(".case-story").inner_text()
    await plain.fill("#f-reason", "Answered by text")
    await plain.click("button:has-text('Dismiss')")
    assert await plain.locator("button:has-text('Reopen')").count() == 1


async def test_search_finds_by_what_was_written(plain: Page) -> None:
    await plain.goto("/inbox")
    await plain.fill("#q", "invoice")
    await plain.press("#q", "Enter")
    assert "invoice" not in plain.url, "what is looked for stands in no address"
    assert await plain.locator(".thread").count() >= 1


async def test_every_page_shows_its_content(rig: SeededRig, chromium: Browser) -> None:
    state = await signed_in(chromium, rig.url, "root")
    async with visitor(chromium, rig.url, storage_state=state, java_script_enabled=False) as who:
        page = await who.page()
        for path in (await pages(who.context)).pages.values():
            await page.goto(path)
            assert await page.locator("main h1:visible, main h2:visible").count(), path
            said = await page.locator("main").inner_text()
            assert len(said) > 60, path
        who.well()


# --- languages ------------------------------------------------------------------------------------


async def test_browser_that_asks_for_german_is_answered_in_german(
    rig: SeededRig, chromium: Browser
) -> None:
    state = await signed_in(chromium, rig.url, "vera")
    async with visitor(chromium, rig.url, storage_state=state, locale="de-DE") as who:
        page = await who.page()
        await page.goto("/calls")
        assert await page.get_attribute("html", "lang") == "de"
        navigation = await page.locator("nav.nav").inner_text()
        assert "Anrufe" in navigation
        assert "Calls" not in navigation
        for path in (await pages(who.context)).pages.values():
            await page.goto(path)
            assert not await too_wide(page), path
        who.well()


async def test_no_page_has_a_text_left_that_is_not_translated(
    rig: SeededRig, chromium: Browser
) -> None:
    """What stands on a page in both languages is a name, a number or a word of both."""
    state = await signed_in(chromium, rig.url, "root")
    async with (
        visitor(chromium, rig.url, storage_state=state, locale="en-US") as english,
        visitor(chromium, rig.url, storage_state=state, locale="de-DE") as german,
    ):
        wrong: dict[str, list[str]] = {}
        one, other = await english.page(), await german.page()
        for path in (await pages(english.context)).pages.values():
            if path == "/api":
                continue  # for programmers: its words are those of the OpenAPI file
            await one.goto(path)
            await other.goto(path)
            same = set(await labels(one)) & set(await labels(other))
            if left := sorted(words for words in same if not _OF_BOTH.fullmatch(words)):
                wrong[path] = left
    assert not wrong


#: Names, figures, and words that are the same in both.
_OF_BOTH = re.compile(
    r"[\W\d_]*|.*(textback|API|JSON|SMS|STOP|START|PBX|AMI|OK|root|Name|Live|Text|Status|System"
    r"|Administrator|OpenAPI|GET|POST|GSM|UCS-2|Code|Version|Start|Route|Tags?|Test|Filter|Import"
    r"|Carrier|carrier|Riverside|Front desk|New patients|Orthodontics|Brooklyn|Emergencies).*"
)


async def labels(page: Page) -> list[str]:
    """Texts of what is a page's own: heads, buttons, labels, tabs."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll(
          "h1, h2, label, button, th, .tabs a, nav a .nav-label, .field-hint, summary")]
          .filter((one) => one.checkVisibility() && !one.querySelector("bdi"))
          .map((one) => one.innerText.trim()).filter((words) => words.length > 2)"""
    )
    return found


# --- paper, and who does not like things to move --------------------------------------------------


async def test_on_paper_there_is_the_content_and_no_navigation(
    rig: SeededRig, chromium: Browser
) -> None:
    state = await signed_in(chromium, rig.url, "root")
    async with visitor(chromium, rig.url, storage_state=state, viewport=DESKTOP) as who:
        page = await who.page()
        await page.emulate_media(media="print", color_scheme="dark")
        for path in ("/calls", "/callbacks", "/figures"):
            await page.goto(path)
            assert not await page.locator("header.side").is_visible(), path
            assert await page.locator("main h1").first.is_visible()
            ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert ground in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}, "ink is dear"
        who.well()


async def test_nothing_moves_for_who_asked_for_that(rig: SeededRig, chromium: Browser) -> None:
    state: Any = await signed_in(chromium, rig.url, "root")
    async with visitor(chromium, rig.url, storage_state=state, reduced_motion="reduce") as who:
        page = await who.page()
        rig.ring("1800000000.1")
        try:
            for path in ("/calls", "/inbox", "/health", "/figures"):
                await page.goto(path)
                moving = await page.evaluate(
                    "() => document.getAnimations().filter((one) => "
                    "one.effect.getComputedTiming().duration > 10).length"
                )
                assert moving == 0, path
            who.well()
        finally:
            rig.hang_up("1800000000.1")
