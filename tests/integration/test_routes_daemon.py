"""The whole service with two carriers that are not ours: one dies and comes back."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.fakes.certificates import Authority
from tests.integration.daemon_rig import CALLER, DID, Rig, rig
from tests.smscs.peers import ForeignSmsc, node_smsc, perl_smsc
from textback import control
from textback.store.store import Store

pytestmark = [pytest.mark.smsc, pytest.mark.timeout(120)]

CALLERS = [f"+1646555{n:04d}" for n in range(100, 120)]


def two(site: Rig, first: int, second: int, more: str = "", number: str = "") -> None:
    """Instead of the simulator, two carriers; the second is the backup of the first."""
    whole = site.path.read_text()
    head, _, rest = whole.partition("[[smsc]]")
    _, _, rest = rest.partition("[defaults]")
    route = """
[[smsc]]
name = "{name}"
host = "127.0.0.1"
port = {port}
system_id = "acme{name}"
password = "secret"
failover_after = "0.3s"
return_after = "0.3s"
{more}
"""
    site.path.write_text(
        head
        + route.format(name="main", port=first, more=more)
        + route.format(name="spare", port=second, more="backup = true")
        + "[defaults]"
        + rest
        + number
    )


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def missed(site: Rig, number: int) -> str:
    """A missed call of a caller of its own."""
    caller = CALLERS[number]
    site.ring(f"1700000000.{number}", caller)
    return caller[1:]


async def cli(site: Rig, *commands: tuple[str, ...]) -> list[list[dict[str, Any]]]:
    """What several commands say at the same time: each is a process, and takes a second."""
    said = await asyncio.gather(*(site.cli(*words, "--json") for words in commands))
    return [[json.loads(line) for line in out.splitlines()] for _, out, _ in said]


async def health(site: Rig, name: str) -> dict[str, Any]:
    """How a route stands."""
    told = json.loads(await page(site, "/healthz"))["parts"][f"smpp:{name}"]
    assert isinstance(told, dict)
    return told


async def page(site: Rig, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(site.url + path) as answer:
        return await answer.text()


async def text_at(carrier: ForeignSmsc, handset: str) -> dict[str, Any]:
    submit = await carrier.event("submit")
    assert submit["destination"] == handset
    return submit


async def test_a_carrier_that_dies_is_stood_in_for_and_taken_back(site: Rig) -> None:
    async with AsyncExitStack() as lives, node_smsc() as spare:
        main = await lives.enter_async_context(node_smsc())
        port = main.port
        two(site, port, spare.port)
        await site.start()
        await site.until_told("STATUS=live; AMI pbx up; SMPP main bound; SMPP spare bound")
        await text_at(main, await missed(site, 0))
        assert (await health(site, "main"))["standing"] == "carrying"

        await lives.aclose()  # the process is killed
        await site.until_logged("route_down", route="main")
        await text_at(spare, await missed(site, 1))
        shown = await page(site, "/metrics")
        assert 'textback_route_carrying{route="main"} 0.0' in shown
        assert 'textback_failovers_total{route="main"} 1.0' in shown
        assert any("SMPP main waiting (carried by spare)" in line for line in site.told)
        whole = json.loads(await page(site, "/healthz"))
        assert "alarms" in whole["failing"]
        assert "route_down" in whole["parts"]["alarms"]["standing"]
        main_is, spare_is = await health(site, "main"), await health(site, "spare")
        assert (main_is["standing"], main_is["carried_by"]) == ("down", ["spare"])
        assert (spare_is["standing"], spare_is["carried_by"]) == ("carrying", [])
        routes, why, checks = await cli(site, ("routes",), ("why", CALLERS[1]), ("doctor",))
        told = {one["route"]: one for one in routes}
        assert (told["main"]["standing"], told["main"]["carried_by"]) == ("down", ["spare"])
        assert told["spare"]["carries_for"] == ["main"]
        assert told["main"]["last_error"]
        events = [e["text"] for e in why[0]["events"]]
        assert any(
            e.startswith("textback: failover (by spare instead of main: ") for e in events
        ), events
        assert "may go by main (the first that may carry it), then spare (backup)" in events
        (found,) = [c for c in checks if c["area"] == "smpp main"]
        assert "spare carries its texts" in found["found"]

        async with node_smsc(port=port) as again:
            site.signal(signal.SIGHUP)  # or it would be tried again within a minute
            await site.until_logged("route_back", route="main")
            await text_at(again, await missed(site, 2))
            main_is = await health(site, "main")
            assert (main_is["standing"], main_is["carried_by"]) == ("carrying", [])
            stats = [await again.stats(), await spare.stats()]
            assert [s["submits"] for s in stats] == [1, 1]
        site.signal(signal.SIGTERM)
        assert await site.ended() == 0


async def test_a_text_waits_for_the_failover_and_not_longer(site: Rig) -> None:
    async with perl_smsc() as spare:
        async with node_smsc() as main:
            two(site, main.port, spare.port)
            await site.start()
            await site.until_told("STATUS=live; AMI pbx up; SMPP main bound; SMPP spare bound")
        handset = await missed(site, 0)  # main is gone, and not given up yet
        await site.until_logged("text_queued")
        await text_at(spare, handset)
        # A receipt of text only, before the answer or after it, finds what was the other's text.
        await spare.event("receipt_resp")
        await site.until_logged("text_submitted", route="spare")
        code, out, _ = await site.cli("why", CALLERS[0], "--json")
        assert code == 0
        told = json.loads(out)["text"]
        assert (told["route"], told["state"]) == ("spare", "delivered")


async def test_a_reload_while_failed_over_changes_nothing_of_it(site: Rig) -> None:
    async with node_smsc() as spare:
        async with node_smsc() as main:
            port = main.port
            two(site, port, spare.port)
            await site.start()
            await site.until_told("STATUS=live; AMI pbx up; SMPP main bound; SMPP spare bound")
        await site.until_logged("route_down", route="main")
        before = site.path.read_text()
        # The route itself is made anew, and is down all the same.
        site.path.write_text(before.replace('system_id = "acmemain"', 'system_id = "other"'))
        site.signal(signal.SIGHUP)
        await site.until_logged("reloaded", new_links=["main"])
        await text_at(spare, await missed(site, 0))
        assert (await health(site, "main"))["standing"] == "down"
        # What only says who may carry what leaves every bind alone.
        site.path.write_text(
            site.path.read_text().replace("backup = true", f'backup = true\nsenders = ["{DID}"]')
        )
        site.signal(signal.SIGHUP)
        await site.until_told("READY=1", 3)
        await text_at(spare, await missed(site, 1))
        async with node_smsc(port=port) as again:
            site.signal(signal.SIGHUP)  # or it would be tried again within a minute
            await site.until_logged("route_back", route="main")
            await text_at(again, await missed(site, 2))


async def test_a_reply_and_a_receipt_on_either_carrier_find_their_thread(site: Rig) -> None:
    async with node_smsc(receiptHold=True) as main, node_smsc(receiptHold=True) as spare:
        two(site, main.port, spare.port)
        await site.start()
        await site.until_told("STATUS=live; AMI pbx up; SMPP main bound; SMPP spare bound")
        # Both carriers give their first text the same id.
        site.ring("1700000000.1", CALLER)
        await text_at(main, CALLER[1:])
        await main.event("held")
        _, out, _ = await site.cli("send-test", CALLERS[0], "--route", "spare", "--json")
        assert json.loads(out)["route"] == "spare"
        await text_at(spare, CALLERS[0][1:])
        await spare.event("held")
        # Else the receipt might overtake the answer, and be told of by another name.
        await site.until_logged("text_submitted", route="spare")
        await spare.do("receipts")
        await site.until_logged("receipt", says="DELIVRD")
        for carrier, words in ((spare, "one"), (main, "two")):
            await carrier.do("reply", **{"from": CALLER[1:], "to": DID[1:], "text": words})
            await carrier.event("reply_resp")
        store = await Store.open(site.values["store"], migrate=False)
        try:
            rows = [await store.text(row) for row in (1, 2)]
            states = {row.to: row.state.value for row in rows}
            assert states == {CALLER: "accepted", CALLERS[0]: "delivered"}
            (thread,) = await store.threads_of(CALLER)
            assert (thread.ours, thread.unread, thread.route) == (DID, 2, "main")
            # The answer goes by the carrier the handset wrote on last.
            await spare.do("reply", **{"from": CALLER[1:], "to": DID[1:], "text": "three"})
            await spare.event("reply_resp")
            await store.reply(CALLER, DID, "Here we are.", by="test", now=datetime.now(UTC))
        finally:
            await store.close()
        assert control.kick(Path(site.values["store"]))
        assert (await text_at(spare, CALLER[1:]))["text"] == "Here we are."


async def test_both_carriers_speak_tls_each_with_its_own_authority(
    site: Rig, tmp_path: Path
) -> None:
    """The second one asks for a certificate of ours, and neither would take the other's."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, other = Authority.create(tmp_path / "one"), Authority.create(tmp_path / "two")
    cert, key = one.certificate("smsc.example.net")
    ours, our_key = other.certificate("client.example.org")
    texts: asyncio.Queue[SimulatedText] = asyncio.Queue()
    asking = SimulatorSettings(port=0, tls=other.server_context("spare.test", ask_client=True))
    async with (
        node_smsc(cert=str(cert), key=str(key)) as main,
        Simulator(asking, on_message=texts.put_nowait) as spare,
    ):
        tls = 'tls = true\ntls_ca = "{}"\ntls_hostname = "{}"\n'
        two(site, main.port, spare.port, tls.format(one.ca, "smsc.example.net"))
        ask = tls.format(other.ca, "spare.test")
        ask += f'tls_cert = "{ours}"\ntls_key = "{our_key}"\nbackup = true'
        site.path.write_text(site.path.read_text().replace("backup = true", ask))
        await site.start()
        await site.until_told("STATUS=live; AMI pbx up; SMPP main bound; SMPP spare bound")
        await text_at(main, await missed(site, 0))
        code, _, err = await site.cli("send-test", CALLERS[1], "--route", "spare")
        assert code == 0, err
        assert (await asyncio.wait_for(texts.get(), 20)).to.lstrip("+") == CALLERS[1][1:]
        # With the authorities exchanged neither is bound.
        swapped = (
            site.path.read_text().replace(str(one.ca), "X").replace(str(other.ca), str(one.ca))
        )
        site.path.write_text(swapped.replace('"X"', f'"{other.ca}"'))
        site.signal(signal.SIGHUP)
        await site.until_logged("route_down", route="main")
        await site.until_logged("route_down", route="spare")
