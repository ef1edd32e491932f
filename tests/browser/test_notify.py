"""A reply that arrives while nobody looks is told: once, and to those who asked for it."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.notices import (
    HIDE,
    INSECURE,
    WATCH,
    choose,
    listening,
    shown,
    told,
    until_looked,
    until_shown,
)
from tests.browser.stand import SeededRig, Watched, sign_in, signed_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: Nobody's in the seed.
ANN, ANN_SHOWN = "12025550196", "(202) 555-0196"
BOB, BOB_SHOWN = "12025550195", "(202) 555-0195"
OURS = "12125550100"
expect.set_options(timeout=20_000)

Desk = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viewer(rig: SeededRig, chromium: Browser) -> Any:
    """Who reads may be told."""
    return await signed_in(chromium, rig.url, "vera")


@pytest.fixture
def desk(rig: SeededRig, chromium: Browser, viewer: Any) -> Desk:
    """A browser in which somebody has signed in; `chosen` in it before: show, text, sound."""

    @asynccontextmanager
    async def opened(
        *chosen: str, allowed: bool = True, insecure: bool = False, state: Any = viewer
    ) -> AsyncIterator[Watched]:
        permissions = ["notifications"] if allowed else []
        more = {"storage_state": state} if state else {}
        async with visitor(chromium, rig.url, permissions=permissions, **more) as who:
            who.expected = ("AudioContext was not allowed to start",)
            await who.context.add_init_script(WATCH)
            if insecure:
                await who.context.add_init_script(INSECURE)
            if chosen:
                page = await who.page()
                await page.goto("/static/icon.svg")
                await choose(page, **dict.fromkeys(chosen, True))
                await page.close()
            yield who
            who.well()

    return opened


def writes(rig: SeededRig, text: str, sender: str = ANN) -> None:
    rig.simulator.reply(sender, OURS, text)


async def waiting(page: Page) -> int:
    found = re.match(r"\((\d+)\) ", await page.title())
    assert found is not None, await page.title()
    return int(found[1])


async def to_have_waiting(page: Page, count: int) -> None:
    await expect(page).to_have_title(re.compile(rf"^\({count}\) \D"))


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


# --- the choice -----------------------------------------------------------------------------------


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
