"""A reply that arrives while nobody looks is told: once, and to those who asked for it."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.async_api import Page, expect

from tests.browser.notices import (
    ANN_SHOWN,
    HIDE,
    Desk,
    listening,
    shown,
    to_have_waiting,
    told,
    until_looked,
    until_shown,
    waiting,
    writes,
)
from tests.browser.stand import SeededRig, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: Nobody's in the seed.
BOB, BOB_SHOWN = "12025550195", "(202) 555-0195"
expect.set_options(timeout=20_000)

# --- the number in the title ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/inbox", "/health", "/account", "/figures"])
async def test_every_page_says_in_its_title_and_icon_how_many_wait(
    rig: SeededRig, desk: Desk, path: str
) -> None:
    async with desk() as who:
        page = await who.page()
        await page.goto(path)
        await page.locator("body.is-live").wait_for(state="attached")
        before = await waiting(page)
        needs_you = await page.locator("nav a[href='/inbox'] .nav-count > span").first.inner_text()
        assert needs_you == str(before)
        icon = page.locator("link#favicon")
        await expect(icon).to_have_attribute("href", re.compile("icon-waiting.svg"))
        writes(rig, "Hello?", f"1202555{1000 + before}")
        await to_have_waiting(page, before + 1)


async def test_a_title_keeps_its_number_when_a_conversation_is_opened(desk: Desk) -> None:
    async with desk() as who:
        page = await who.page()
        await page.goto("/inbox")
        count = await waiting(page)
        await page.locator(".thread").first.click()
        name = await page.locator(".talk-who h1").inner_text()
        await expect(page).to_have_title(re.compile(rf"^\({count}\) {re.escape(name)} · Inbox · "))


async def test_of_hidden_tabs_one_listens_and_the_others_show_its_number(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk() as who:
        first, second = await who.page(), await who.page()
        for page in (first, second):
            await page.goto("/health")
            await page.locator("body.is-live").wait_for(state="attached")
            await page.evaluate(HIDE, True)
        await expect(second.locator("body.is-live")).to_have_count(0)
        await expect(first.locator("body.is-live")).to_have_count(1)
        before = await waiting(second)
        writes(rig, "Hello?", f"1202555{2000 + before}")
        await to_have_waiting(second, before + 1)
        # The next one takes over.
        await first.close()
        await expect(second.locator("body.is-live")).to_have_count(1)
        writes(rig, "Hello?", f"1202555{3000 + before}")
        await to_have_waiting(second, before + 2)


# --- what is told, and by whom --------------------------------------------------------------------


async def test_a_reply_is_told_while_the_tab_is_hidden_and_a_click_opens_it(
    rig: SeededRig, desk: Desk
) -> None:
    writes(rig, "This was there before")
    async with desk("show") as who:
        page = await who.page()
        await listening(page, "/health")
        await page.evaluate(HIDE, True)
        writes(rig, "Can I come on Monday?")
        (one,) = await until_shown(page)
        assert one["title"] == ANN_SHOWN
        assert one["body"] == "New reply", "what was written is nobody's business"
        assert one["silent"], "no sound was asked for"
        await page.evaluate("shown[0].dispatchEvent(new Event('click'))")
        await page.wait_for_url(re.compile(r"/inbox/\d+$"))
        await expect(page.locator(".bubble-in").last).to_have_text("Can I come on Monday?")


async def test_the_first_words_are_shown_to_those_who_want_them(rig: SeededRig, desk: Desk) -> None:
    async with desk("show", "text") as who:
        page = await who.page()
        await listening(page, "/calls")
        writes(rig, "Line one\n\u202eline two <b>")
        (one,) = await until_shown(page)
        assert one["body"] == "New reply\nLine one line two <b>"


async def test_a_doubtful_reply_says_that_somebody_has_to_decide(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show") as who:
        page = await who.page()
        await listening(page, "/calls")
        writes(rig, "please stop calling me all the time", BOB)
        (one,) = await until_shown(page)
        assert (one["title"], one["body"]) == (BOB_SHOWN, "Was it a STOP? Somebody has to decide.")


async def test_a_word_that_wants_no_answer_is_not_told(rig: SeededRig, desk: Desk) -> None:
    async with desk("show") as who:
        page = await who.page()
        await listening(page, "/calls")
        before = await told(page)
        writes(rig, "HELP", BOB)
        await until_looked(page, before)
        assert await shown(page) == []


async def test_of_two_tabs_the_one_that_is_looked_at_tells_and_only_once(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show", "sound") as who:
        hidden, looked = await who.page(), await who.page()
        await listening(hidden, "/health")
        await listening(looked, "/calls")
        await hidden.evaluate(HIDE, True)
        before = await told(looked)
        writes(rig, "Once")
        await until_shown(looked)
        # Whoever heard it has had its turn when the lock is free.
        for page in (hidden, looked):
            await page.evaluate("navigator.locks.request('textback-tell', () => {})")
        assert len(await shown(looked)) == 1
        assert await shown(hidden) == []
        assert await told(looked) > before


async def test_both_hidden_one_of_them_tells(rig: SeededRig, desk: Desk) -> None:
    async with desk("show") as who:
        pages = [await who.page(), await who.page()]
        for page in pages:
            await listening(page, "/health")
        for page in pages:
            await page.evaluate(HIDE, True)
        writes(rig, "Once")  # within the five seconds in which both still listen
        await _tells(pages[0], 0)
        assert sum([len(await shown(page)) for page in pages]) == 1


async def _tells(page: Page, before: int) -> None:
    """Waits until one of the tabs has told, and every one has had its turn."""
    await until_looked(page, before)
    await page.evaluate("navigator.locks.request('textback-tell', () => {})")


async def test_the_conversation_on_the_screen_is_not_told_in_any_tab(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show") as who:
        hidden, talk = await who.page(), await who.page()
        await listening(hidden, "/health")
        await hidden.evaluate(HIDE, True)
        writes(rig, "First")
        (one,) = await until_shown(hidden)
        # Looked at: what was told of it goes.
        await listening(talk, "/inbox/" + one["tag"].removeprefix("textback-"))
        await hidden.wait_for_function("() => !shown[0].open")
        before = await told(talk)
        writes(rig, "Second")
        await expect(talk.locator(".bubble-in").last).to_have_text("Second")
        await until_looked(talk, before)
        assert await shown(talk) == []
        # No longer before anybody's eyes, it is told again.
        await talk.evaluate(HIDE, True)
        writes(rig, "Third")
        await _tells(talk, await told(talk))
        assert len(await shown(hidden)) + len(await shown(talk)) == 2


async def test_many_that_came_while_the_computer_slept_are_one(rig: SeededRig, desk: Desk) -> None:
    async with desk("show", "sound") as who:
        who.expected += ("ERR_", "Failed to load")
        page = await who.page()
        await listening(page, "/health")
        await page.evaluate(HIDE, True)
        await who.context.route("**/live", lambda route: route.abort())
        rig.signal(signal.SIGTERM)
        assert await rig.ended() == 0
        await expect(page.locator("body.is-live")).to_have_count(0)
        rig.told.clear()
        await rig.start()
        for index in range(5):
            writes(rig, f"Hello? {index}", f"1202555018{index}")
            await rig.until_logged("reply", sender=f"+1202***018{index}")
        await who.context.unroute("**/live")
        await page.evaluate("dispatchEvent(new Event('focus'))")
        (one,) = await until_shown(page)
        assert one["title"] == "5 new replies"
        assert one["body"].endswith("…")
        before = await told(page)
        # Much within a short time is told in two notifications: the first, and the rest.
        for index in range(4):
            writes(rig, "And again", f"1202555018{index}")
        await until_looked(page, before)
        (_one, two) = await until_shown(page, 2)
        assert two["title"] == "4 new replies"
        assert two["tag"] == one["tag"], "it takes the place of the one before"


async def test_a_connection_that_nobody_closed_is_noticed(desk: Desk) -> None:
    async with desk("show") as who:
        page = await who.page()
        await page.clock.install()
        await listening(page, "/health")
        await page.evaluate(HIDE, True)
        async with page.expect_request("**/live"):
            await page.clock.fast_forward(60_000)
        await expect(page.locator("body.is-live")).to_have_count(1)


async def test_somebody_signs_out_and_every_tab_is_silent(rig: SeededRig, desk: Desk) -> None:
    async with desk("show", "sound", state=None) as who:
        who.expected += ("401", "Unauthorized")
        hidden, other = await who.page(), await who.page()
        await sign_in(hidden, "vera")
        await listening(hidden, "/health")
        await listening(other, "/account")
        await hidden.evaluate(HIDE, True)
        before = await told(hidden)
        await other.locator("main form[action='/logout'] button").click()
        await other.wait_for_url(lambda url: "/login" in url)
        await hidden.wait_for_url(lambda url: "/login" in url)
        writes(rig, "Nobody is there")
        await rig.until_logged("reply", length=len("Nobody is there"))
        for page in (hidden, other):
            assert await shown(page) == []
            assert await told(page) == before
            await expect(page).to_have_title(re.compile("^Sign in"))


# --- the sound ------------------------------------------------------------------------------------


async def test_a_sound_is_made_where_somebody_has_clicked(rig: SeededRig, desk: Desk) -> None:
    async with desk("sound", allowed=False) as who:
        page = await who.page()
        await listening(page, "/calls")
        await page.locator("h1").click()
        await page.evaluate(HIDE, True)
        writes(rig, "Hello")
        await page.wait_for_function("() => tones === 2")
        assert await shown(page) == []


async def test_without_https_one_tab_sounds_and_nothing_is_shown(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show", "sound", insecure=True) as who:
        first, second = await who.page(), await who.page()
        for page in (first, second):
            await listening(page, "/health")
            await page.locator("h1").click()
            await page.evaluate(HIDE, True)
        await expect(second.locator("body.is-live")).to_have_count(0)
        before = await told(first)
        writes(rig, "Hello")
        await until_looked(first, before)
        await first.wait_for_function("() => tones === 2")
        assert await second.evaluate("tones") == 0
        assert await shown(first) == []
        page = await who.page()
        await page.goto("/account")
        await expect(page.locator("[data-why=insecure]")).to_be_visible()
        await expect(page.locator("#notify-show")).to_be_disabled()
        await expect(page.locator("#notify-sound")).to_be_checked()
