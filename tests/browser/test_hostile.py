"""What strangers send, as a text or as a caller's name, is shown as what it is and does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.crawl import pages
from tests.browser.stand import SeededRig, Watched, sign_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
HANDSET = "16465550198"
#: Each would leave a mark in `window` or in the page, where it was taken for anything but words.
PAYLOADS = (
    "<script>window.struck = 1</script>",
    "<img src=x onerror='window.struck = 2'>",
    '"><svg onload=window.struck=3>',
    "</textarea></title></style><script>window.struck=4</script>",
    "javascript:window.struck=5//",
    "{{ 7 * 7 }}${7*7}{% raw %}",
    "<style>body{display:none}</style><form action=https://evil.example><input name=password>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href=https://evil.example>",
    "<a href='https://evil.example' ping='https://evil.example/p'>free</a>\u202e\u0000\ufeff",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def who(rig: SeededRig, chromium: Browser) -> AsyncIterator[Watched]:
    """An administrator, to whom every one of them has written and whom one of that name called."""
    async with visitor(chromium, rig.url) as made:
        await sign_in(await made.page())
        for payload in PAYLOADS:
            rig.simulator.reply(HANDSET, "12125550100", payload)
        yield made


async def untouched(page: Page, path: str) -> None:
    assert await page.evaluate("window.struck") is None, path
    assert await page.locator("base, iframe, object, embed, main img, main script").count() == 0
    assert await page.locator("[onerror], [onload], [style]").count() == 0, path
    assert await page.locator("form[action^=http], a[href^=javascript]").count() == 0, path
    assert await page.locator("main").is_visible(), path


async def test_texts_are_shown_word_for_word(who: Watched) -> None:
    page = await who.page()
    await page.goto("/inbox?list=all")
    thread = page.locator(".thread", has_text="0198")
    await expect(thread.first).to_be_visible()
    await thread.first.click()
    for payload in PAYLOADS[:-1]:
        await expect(page.locator(".bubble-in", has_text=payload)).to_have_count(1)
    await untouched(page, "the thread")
    who.well()


async def test_every_page_shows_them_and_nothing_happens(who: Watched) -> None:
    page = await who.page()
    for path in (await pages(who.context)).pages.values():
        await page.goto(path)
        await untouched(page, path)
    who.well()


async def test_search_for_one_of_them_finds_it_and_nothing_happens(who: Watched) -> None:
    page = await who.page()
    await page.goto("/inbox")
    for payload in PAYLOADS[:4]:
        await page.fill("#q", payload)
        await page.press("#q", "Enter")
        await expect(page.locator(".inbox-found, .empty").first).to_be_visible()
        await untouched(page, payload)
    who.well()


async def test_note_and_answer_of_our_own_are_words_as_well(who: Watched) -> None:
    page = await who.page()
    await page.goto("/callbacks")
    await page.locator(".case-link").first.click()
    for payload in PAYLOADS[:4]:
        await page.fill("#f-note", payload)
        await page.get_by_role("button", name="Save the note").click()
        assert await page.input_value("#f-note") == payload
        await untouched(page, payload)
    who.well()


async def test_policy_runs_no_script_that_is_not_a_file_of_ours(who: Watched) -> None:
    """Were one of them ever to come through, the browser would refuse it all the same."""
    page = await who.page()
    response = await page.goto("/inbox")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    who.expected = ("Content Security Policy", "violates")
    refused = await page.evaluate(
        """async () => {
          let refused = 0;
          const both = new Promise((done) => document.addEventListener("securitypolicyviolation",
            () => { refused += 1; if (refused === 2) done(); }));
          const script = document.createElement("script");
          script.textContent = "window.struck = 9";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<p onclick='window.struck = 10'>x</p>");
          await both;
          return refused;
        }"""
    )
    assert refused == 2
    assert await page.evaluate("window.struck") is None
