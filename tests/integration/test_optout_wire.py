"""STOP over the wire: the whole service, a carrier that is not ours, and forty ways to say it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.daemon_rig import CALLER, DID, Rig, rig
from tests.smscs.peers import ForeignSmsc, node_smsc

pytestmark = [pytest.mark.smsc, pytest.mark.timeout(120)]

SPELLINGS = (
    *("STOP", "stop", "Stop.", "Stop!", "S T O P", "STOPALL", "stop all", "\u201cSTOP\u201d"),
    *("ＳＴＯＰ", "🛑 STOP 🛑", "stop please", "Please stop", "STOP STOP", "STOOOP", "stopp"),
    *("ST0P", "quit", "END", "cancel", "Revoke", "unsubscribe", "UNSUBSCIBE", "opt out", "Opt-out"),
    *("optout", "remove me", "no more texts", "Stop texting me", "please stop texting me!!!"),
    *("don\u2019t text me again", "take me off your list", "I want to opt out", "leave me alone"),
    *("can you please stop texting me", "ALTO", "No más", "Baja", "cancelar", "stop por favor"),
    *("STOP\nSent from my iPhone", "stop sending me these messages", "unsubscribe me please"),
)
HANDSETS = [f"1646555{n:04d}" for n in range(100, 100 + len(SPELLINGS))]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


def with_carrier(site: Rig, port: int, more: str = "", number: str = "") -> None:
    """Instead of the simulator, the foreign carrier; `number`: keys of the [[number]]."""
    text = site.path.read_text()
    keys = f"port = {port}\nrate = 0\n{more}"
    text = re.sub(r"(?s)(\[\[smsc\]\].*?)port = \d+", lambda m: m[1] + keys, text)
    site.path.write_text(text + number)


async def started(site: Rig, carrier: ForeignSmsc) -> None:
    await site.start()
    await carrier.event("bind")
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")


async def says(carrier: ForeignSmsc, handset: str, text: str) -> None:
    await carrier.do("reply", **{"from": handset.lstrip("+"), "to": DID[1:], "text": text})
    assert (await carrier.event("reply_resp"))["status"] == 0


async def out(site: Rig) -> dict[str, dict[str, Any]]:
    _, printed, _ = await site.cli("optout", "list", "--json")
    return {told["number"]: told for told in map(json.loads, printed.splitlines())}


async def test_forty_spellings_each_opt_out_and_get_exactly_one_confirmation(site: Rig) -> None:
    assert len(set(SPELLINGS)) >= 40
    async with node_smsc() as carrier:
        with_carrier(site, carrier.port)
        await started(site, carrier)
        for handset, words in zip(HANDSETS, SPELLINGS, strict=True):
            await says(carrier, handset, words)
        confirmed = await carrier.collect("submit", len(HANDSETS))
        assert Counter(s["destination"] for s in confirmed) == Counter(HANDSETS)
        assert {s["source"] for s in confirmed} == {DID[1:]}
        assert all("you get no more texts" in s["text"] for s in confirmed)
        assert set(await out(site)) == {f"+{handset}" for handset in HANDSETS}
        # Once more each, and one HELP at the end: what is answered after them all is that alone.
        for handset in HANDSETS:
            await says(carrier, handset, "STOP")
        await says(carrier, "16465550199", "HELP")
        last = await carrier.event("submit")
        assert (last["destination"], "(212) 555-0100" in last["text"]) == ("16465550199", True)
        assert (await carrier.stats())["submits"] == len(HANDSETS) + 1
        _, log, _ = await site.cli("optout", "log", f"+{HANDSETS[0]}", "--json")
        kinds = [json.loads(line)["event"] for line in log.splitlines()]
        assert sorted(kinds) == ["confirmed", "opt_out", "opt_out"]
        _, everything, _ = await site.cli("optout", "export", "--json")
        said = [json.loads(line)["words"] for line in everything.splitlines()]
        assert set(SPELLINGS) <= {word.replace("\r\n", "\n") for word in said}
        async with aiohttp.ClientSession() as session, session.get(site.url + "/metrics") as page:
            shown = await page.text()
        assert f'textback_opt_outs{{source="handset"}} {len(HANDSETS)}.0' in shown


async def test_a_stop_while_the_text_waits_behind_another_keeps_it_from_the_wire(
    site: Rig,
) -> None:
    first, second = "+16465550150", "+16465550151"
    async with node_smsc(respDelay=60_000) as carrier:
        with_carrier(site, carrier.port, more="window = 1\nresponse_timeout = '90s'")
        await started(site, carrier)
        site.ring("1700000000.1", first)
        assert (await carrier.event("submit"))["destination"] == first[1:]
        site.ring("1700000000.2", second)
        await site.until_logged("verdict", reason="send", row=2)
        await says(carrier, second, "stop")
        await site.until_logged("text_cancelled", row=2, reason="opted_out")
        # The answer to the first makes room: what comes next is the confirmation.
        await carrier.do("set", options={"respDelay": 0})
        await carrier.do("drop")
        submit = await carrier.event("submit")
        assert submit["destination"] == second[1:]
        assert "no more texts" in submit["text"]


async def test_a_refusal_of_the_carrier_is_learnt_and_start_lifts_it(site: Rig) -> None:
    async with node_smsc(refuse=[CALLER[1:]]) as carrier:
        with_carrier(site, carrier.port, more='optout_status = ["0x0b"]')
        await started(site, carrier)
        site.ring("1700000000.1", CALLER)
        await site.until_logged("text_submitted", result="refused")
        told = (await out(site))[CALLER]
        assert (told["source"], told["word"]) == (
            "carrier",
            "smsc: status 0x0000000b ESME_RINVDSTADR",
        )
        # The carrier lets it through again, or the confirmation would be refused and learnt from.
        await carrier.do("set", options={"refuse": []})
        await carrier.event("set")
        await says(carrier, CALLER, "START")
        assert "texts from us again" in (await carrier.collect("submit", 2))[-1]["text"]
        assert await out(site) == {}


async def test_a_doubtful_reply_holds_what_waits_until_a_person_decides(site: Rig) -> None:
    async with node_smsc() as carrier:
        with_carrier(site, carrier.port, number="delay = '2m'\n")
        await started(site, carrier)
        site.ring("1700000000.1", CALLER)
        await site.until_logged("verdict", reason="send", row=1)
        await says(carrier, CALLER, "can you stop")
        _, printed, _ = await site.cli("optout", "review", "--json")
        (doubt,) = map(json.loads, printed.splitlines())
        assert (doubt["number"], doubt["text"]) == (CALLER, "can you stop")
        _, printed, _ = await site.cli("queue", "--json")
        assert [json.loads(line)["state"] for line in printed.splitlines()] == ["held"]
        code, said, _ = await site.cli("optout", "review", str(doubt["reply"]), "keep")
        assert (code, "1 text released" in said) == (0, True)
        _, printed, _ = await site.cli("queue", "--json")
        assert [json.loads(line)["state"] for line in printed.splitlines()] == ["queued"]
        assert await out(site) == {}


async def test_stops_that_race_their_own_texts_leave_nothing_after_the_confirmation(
    site: Rig,
) -> None:
    """Thirty callers are missed, and write STOP while their texts go out: for each, whatever had
    left by then, nothing comes after the confirmation."""
    callers = [f"+1646555{n:04d}" for n in range(130, 160)]
    async with node_smsc(receipt=False) as carrier:
        with_carrier(site, carrier.port, number="[limits]\nadjacent = 0\nper_prefix = 0\n")
        await started(site, carrier)
        for n, caller in enumerate(callers):
            site.ring(f"1700000000.{n}", caller)
        submits = [await carrier.event("submit")]
        for caller in callers:
            await carrier.do("reply", **{"from": caller[1:], "to": DID[1:], "text": "stop"})
        await carrier.collect("reply_resp", len(callers))
        while sum("no more texts from" in each["text"] for each in submits) < len(callers):
            submits.append(await carrier.event("submit"))
        texts: dict[str, list[str]] = {caller[1:]: [] for caller in callers}
        for submit in submits:
            texts[submit["destination"]].append(submit["text"])
        for seen in texts.values():
            assert "no more texts from" in seen[-1]
            assert len(seen) <= 2
        assert set(await out(site)) == set(callers)
