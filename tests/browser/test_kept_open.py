"""A page that is kept open for weeks: drafts stay, nothing is overtaken, nobody is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, Route, expect

from tests.browser.notices import HIDE, Desk, listening, shown, until_shown, writes
from tests.browser.stand import SeededRig, Watched, sign_in, signed_in, visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: Nobody's in the seed.
CALLER, SHOWN = "+12125550193", "(212) 555-0193"
WROTE = "12025550192"
expect.set_options(timeout=20_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(rig: SeededRig, chromium: Browser) -> Any:
    return await signed_in(chromium, rig.url, "dana")


@pytest_asyncio.fixture(loop_scope="module")
async def who(rig: SeededRig, chromium: Browser, agent: Any) -> AsyncIterator[Watched]:
    async with visitor(chromium, rig.url, storage_state=agent) as made:
        yield made
        made.well()


@pytest_asyncio.fixture(loop_scope="module")
async def inbox(rig: SeededRig, who: Watched) -> Page:
    page = await who.page()
    writes(rig, "Hello?", WROTE)
    await page.goto("/inbox?list=all")
    await page.locator("body.is-live").wait_for(state="attached")
    await expect(page.locator(".thread", has_text="555-0192")).to_have_count(1)
    return page


def is_talk(request: Request) -> bool:
    return request.headers.get("x-part") == "talk"


# --- what is written ------------------------------------------------------------------------------


async def test_a_draft_outlives_its_page_and_is_not_shown_to_another(
    inbox: Page, who: Watched
) -> None:
    await inbox.locator(".thread").nth(1).click()
    await inbox.wait_for_url("**/inbox/*")
    where = inbox.url
    await inbox.locator("#text").fill("Dear Ann, we")
    await inbox.locator("nav a[href='/calls']").first.click()
    await inbox.wait_for_url("**/calls")
    await inbox.goto(where)
    await expect(inbox.locator("#text")).to_have_value("Dear Ann, we")
    await inbox.locator("nav a[href='/calls']").first.click()
    await inbox.wait_for_url("**/calls")
    who.expected = ("401",)
    await who.context.clear_cookies()
    await sign_in(inbox, "root")
    await inbox.goto(where)
    await expect(inbox.locator("#text")).to_have_value("")


async def test_a_reason_that_is_half_written_stays_when_its_part_is_made_anew(
    rig: SeededRig, inbox: Page
) -> None:
    await inbox.locator(".thread", has_text="555-0192").click()
    await inbox.locator("#talk-menu > summary").click()
    await inbox.locator("#talk-optout > summary").click()
    reason = inbox.locator("#f-reason")
    await reason.fill("On the telepho")
    # No longer in the field: nothing holds the part back.
    await inbox.locator("#talk-menu > summary").focus()
    await inbox.locator(".talk-who h1").evaluate("(one) => { one.dataset.old = 1; }")
    writes(rig, "Please stop it", WROTE)
    await expect(inbox.locator(".talk-who h1[data-old]")).to_have_count(0)
    await expect(reason).to_have_value("On the telepho")
    await expect(reason).to_be_visible()
    await expect(inbox.locator("#talk-menu > summary")).to_be_focused()


async def test_what_was_not_sent_is_told_although_another_conversation_is_open(
    inbox: Page, who: Watched
) -> None:
    who.expected = ("ERR_",)
    gone = asyncio.Event()

    async def hold(route: Route) -> None:
        await gone.wait()
        await route.abort()

    await inbox.route("**/replies", hold)
    await inbox.locator(".thread").nth(0).click()
    name = await inbox.locator(".talk-who h1").inner_text()
    first = await inbox.locator("#compose").get_attribute("data-thread")
    await inbox.locator("#text").fill("On my way")
    await inbox.keyboard.press("Control+Enter")
    await inbox.locator(".thread").nth(1).click()
    await expect(inbox.locator(f"#compose:not([data-thread='{first}'])")).to_be_visible()
    gone.set()
    error = inbox.locator("#compose-error")
    await expect(error).to_have_text(f"{name}: It was not sent. Try again.")
    await inbox.locator(f".thread[data-thread='{first}']").click()
    await expect(inbox.locator("#text")).to_have_value("On my way")
    await inbox.locator("#text").fill("")


# --- what overtakes what --------------------------------------------------------------------------


async def test_of_two_conversations_the_one_chosen_last_is_opened(inbox: Page) -> None:
    held = asyncio.Event()
    slow, quick = inbox.locator(".thread").nth(0), inbox.locator(".thread").nth(1)
    late, wanted = [await one.get_attribute("data-thread") for one in (slow, quick)]

    async def hold(route: Route, request: Request) -> None:
        if is_talk(request):
            await held.wait()
        await route.fallback()

    await inbox.route(f"**/inbox/{late}*", hold)
    await slow.click()
    await quick.click()
    await expect(inbox.locator(f"#compose[data-thread='{wanted}']")).to_be_visible()
    async with inbox.expect_request_finished(is_talk):
        held.set()
    await inbox.evaluate("new Promise((go) => setTimeout(go))")
    assert await inbox.locator("#compose").get_attribute("data-thread") == wanted
    assert f"/inbox/{wanted}" in inbox.url


async def test_a_reply_that_comes_while_a_conversation_is_being_opened_is_in_it(
    inbox: Page, rig: SeededRig
) -> None:
    """What was read before it came is put on the page after the page was told of it."""
    told = asyncio.Event()

    async def hold(route: Route, request: Request) -> None:
        if not is_talk(request):
            await route.fallback()
            return
        read = await route.fetch()
        writes(rig, "One thing more", WROTE)
        await told.wait()
        await route.fulfill(response=read)

    mine = inbox.locator(".thread", has_text="555-0192")
    # Read already: else that it is read now would be heard, and all be asked for again.
    async with inbox.expect_response(lambda answer: answer.url.endswith("/read")):
        await mine.click()
    thread = await mine.get_attribute("data-thread")
    await inbox.locator(f".thread:not([data-thread='{thread}'])").first.click()
    await expect(inbox.locator(f"#compose:not([data-thread='{thread}'])")).to_be_visible()
    await inbox.route(f"**/inbox/{thread}*", hold)
    await mine.click()
    await expect(mine).to_contain_text("One thing more")
    told.set()
    await expect(inbox.locator(f"#compose[data-thread='{thread}']")).to_be_visible()
    await expect(inbox.locator(".bubble-in").last).to_have_text("One thing more")


async def test_the_link_to_the_content_leaves_the_conversation_as_it_is(inbox: Page) -> None:
    await inbox.locator(".thread").first.click()
    await expect(inbox.locator("#text")).to_be_focused()
    asked: list[str] = []
    inbox.on("request", lambda one: asked.append(one.url) if is_talk(one) else None)
    await inbox.locator(".skip").focus()
    await inbox.keyboard.press("Enter")
    await inbox.wait_for_url("**#main")
    await inbox.evaluate("fetch('/static/icon.svg').then((one) => one.text())")
    assert asked == []
    assert await inbox.evaluate("document.activeElement.id") == "main"


async def test_a_countdown_is_not_put_back_when_another_part_is_made_anew(
    rig: SeededRig, who: Watched
) -> None:
    page = await who.page()
    await page.goto("/calls")
    await page.locator("body.is-live").wait_for(state="attached")
    rig.ring("1700000021.1", CALLER)
    left = page.locator(".ringing-card", has_text=SHOWN).locator("[data-left]")
    first = int(await left.inner_text())
    await expect(left).to_have_text(str(first - 2))
    now = await left.evaluate(
        """(one) => {
          const nav = document.querySelector("[data-part=nav]");
          nav.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
          return Number(one.textContent);
        }"""
    )
    assert now <= first - 2
    rig.hang_up("1700000021.1", CALLER)
    await expect(page.locator(".ringing-card", has_text=SHOWN)).to_have_count(0)


async def test_a_part_that_failed_often_is_asked_for_by_one_and_not_by_many(who: Watched) -> None:
    who.expected = ("503", "ERR_")
    page = await who.page()
    await page.clock.install()
    await page.goto("/health")
    await page.locator("body.is-live").wait_for(state="attached")
    asked: list[str] = []

    async def fail(route: Route, request: Request) -> None:
        if request.headers.get("x-part") != "nav":
            await route.fallback()
            return
        asked.append(request.url)
        await route.fulfill(status=503, body="busy")

    await page.route("**/health", fail)
    ask = """async () => {
      const { refresh } = await import("/static/live.js");
      await refresh(document.querySelector("[data-part=nav]"));
    }"""
    for _ in range(12):
        await page.evaluate(ask)
    before = len(asked)
    for _ in range(60):
        await page.clock.run_for(1000)
    # Once in 11 seconds at the most often, now that it has failed so often.
    assert len(asked) - before <= 8


# --- several tabs ---------------------------------------------------------------------------------


async def test_tabs_of_who_was_here_before_are_loaded_anew_when_somebody_else_signs_in(
    who: Watched,
) -> None:
    idle, busy, other = await who.page(), await who.page(), await who.page()
    await idle.goto("/calls")
    await busy.goto("/inbox?list=all")
    await busy.locator("#q").fill("Ann")
    await who.context.clear_cookies()
    await sign_in(other, "root")
    name = idle.locator("meta[name=who]")
    await expect(name).to_have_attribute("content", "root")
    # What is written is not taken away.
    await expect(busy.locator("meta[name=who]")).to_have_attribute("content", "dana")
    await expect(busy.locator("#q")).to_have_value("Ann")


async def test_a_page_that_waits_for_a_password_keeps_nobody_from_being_told(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show") as who:
        page, door = await who.page(), await who.page()
        await listening(page, "/health")
        await page.evaluate(HIDE, True)
        signed = await who.context.cookies()
        await who.context.clear_cookies()
        await door.goto("/login")
        await who.context.add_cookies(signed)  # type: ignore[arg-type]
        writes(rig, "Is anybody there?")
        await until_shown(page)


async def test_who_is_looked_at_and_has_lost_its_connection_is_told_by_the_others(
    rig: SeededRig, desk: Desk
) -> None:
    async with desk("show") as who:
        who.expected += ("ERR_", "Failed to load")
        hidden, looked = await who.page(), await who.page()
        await listening(hidden, "/health")
        await looked.route("**/live", lambda route: route.abort())
        async with looked.expect_response(lambda answer: "/api/v1/replies" in answer.url):
            await looked.goto("/calls")
        await hidden.evaluate(HIDE, True)
        writes(rig, "Is anybody there?")
        await until_shown(looked)
        assert await shown(hidden) == []


async def test_a_sound_that_fails_takes_no_notification_with_it(rig: SeededRig, desk: Desk) -> None:
    async with desk("show", "sound") as who:
        broken = "window.AudioContext = class { constructor() { throw new Error('no device'); } };"
        await who.context.add_init_script(broken)
        page = await who.page()
        await listening(page, "/health")
        await page.evaluate(HIDE, True)
        writes(rig, "Is anybody there?")
        (one,) = await until_shown(page)
        assert not one["silent"], "the system's own sound says it"
