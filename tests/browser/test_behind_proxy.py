"""The story behind nginx, by TLS and HTTP/2: signed in, told what happens, answered, signed out."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.stand import SeededRig, browser, served, sign_in, visitor
from tests.proxies.servers import NAME, Proxy, proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: Nobody's in the seed.
CALLER, SHOWN = "+12125550199", "(212) 555-0199"
expect.set_options(timeout=20_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SeededRig]:
    folder = tmp_path_factory.mktemp("console")
    (folder / "conf.d").mkdir()
    told = folder / "conf.d" / "proxy.toml"
    told.write_text(f'[console]\nhosts = ["{NAME}"]\nproxies = ["127.0.0.1"]\n')
    told.chmod(0o640)
    async with served(folder, ring_timeout="2s") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nginx(rig: SeededRig) -> AsyncIterator[Proxy]:
    async with proxy("nginx", int(rig.values["console"])) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    rules = f"MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    async with browser(f"--host-resolver-rules={rules}") as started:
        yield started


async def test_a_day_at_the_desk_goes_through_the_proxy(
    rig: SeededRig, nginx: Proxy, chromium: Browser
) -> None:
    async with visitor(chromium, nginx.url, ignore_https_errors=True) as who:
        page = await who.page()
        await sign_in(page, "dana")
        cookies = {one["name"]: one for one in await who.context.cookies()}
        session = cookies[f"__Host-textback-{rig.values['console']}"]
        assert session["secure"]
        assert session["httpOnly"]
        assert session["sameSite"] == "Lax"

        # A call is seen as it rings, and its text as it is delivered.
        await page.goto("/calls")
        await expect(page.locator("body.is-live")).to_have_count(1)
        protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
        assert await page.evaluate(protocol) == "h2"
        rig.ring("1700000021.1", CALLER)
        card = page.locator(".ringing-card", has_text=SHOWN)
        await expect(card).to_be_visible()
        assert "Sorry we missed your call" in await rig.text_to(CALLER)
        rig.hang_up("1700000021.1", CALLER)
        await expect(card).to_have_count(0)
        await expect(page.locator("main a", has_text=SHOWN).first).to_contain_text("Delivered")

        # What the caller writes is seen at once, and answered.
        await page.goto("/inbox?list=all")
        await page.locator(".thread", has_text=SHOWN).first.click()
        rig.simulator.reply(CALLER.lstrip("+"), "12125550100", "Is anybody there?")
        await expect(page.locator(".bubble-in").last).to_have_text("Is anybody there?")
        await page.locator("#text").click()
        await page.keyboard.type("We are. How can we help?")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".bubble-out").last).to_have_text("We are. How can we help?")
        while (sent := await rig.text_to(CALLER)) != "We are. How can we help?":
            assert "Sorry we missed your call" in sent
        await expect(page.locator(".line-out").last).to_contain_text("Delivered")
        who.well()

        # textback is restarted: the proxy says 502, the page says so and comes back by itself.
        who.expected = ("502", "ERR_", "Failed to load")
        rig.signal(signal.SIGTERM)
        assert await rig.ended() == 0
        async with page.expect_response(lambda answer: answer.status == 502):
            pass
        await expect(page.locator("#lost")).to_be_visible()
        rig.told.clear()
        await rig.start()
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator("body.is-live")).to_have_count(1)
        rig.simulator.reply(CALLER.lstrip("+"), "12125550100", "Thank you!")
        await expect(page.locator(".bubble-in").last).to_have_text("Thank you!")

        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(lambda url: url.endswith("/login"))
        assert session["name"] not in {one["name"] for one in await who.context.cookies()}
        await page.goto("/calls")
        assert "/login" in page.url
        who.well()
