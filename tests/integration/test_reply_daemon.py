"""`textback reply` beside a running service: through its queue to the carrier and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon_rig import CALLER, DID, Rig, rig
from tests.smscs.peers import ForeignSmsc, node_smsc

pytestmark = [pytest.mark.smsc, pytest.mark.timeout(120)]

ANSWER = "Grüße! We come at 5. 🔧"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def up(site: Rig, mode: str, carrier: ForeignSmsc) -> None:
    site.configure(mode=mode, smpp=carrier.port)
    await site.start()
    await carrier.event("bind")
    await site.until_told(f"STATUS={mode}; AMI pbx up; SMPP smsc bound")


async def says(carrier: ForeignSmsc, text: str) -> None:
    await carrier.do("reply", **{"from": CALLER[1:], "to": DID[1:], "text": text})
    assert (await carrier.event("reply_resp"))["status"] == 0


async def shown(site: Rig, *words: str) -> list[dict[str, Any]]:
    code, out, err = await site.cli(*words, "--json")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("mode", ["live", "shadow"])
async def test_an_answer_leaves_from_the_number_written_to_and_its_receipt_is_told(
    site: Rig, mode: str
) -> None:
    async with node_smsc() as carrier:
        await up(site, mode, carrier)
        await says(carrier, "The boiler leaks")
        (waiting,) = await shown(site, "inbox")
        assert (waiting["handset"], waiting["text"]) == (CALLER, "The boiler leaks")
        (told,) = await shown(site, "reply", CALLER, ANSWER, "--wait", "30")
        assert told["state"] in {"accepted", "delivered"}
        submit = await carrier.event("submit")
        assert (submit["source"], submit["destination"]) == (DID[1:], CALLER[1:])
        assert (await carrier.event("text"))["text"] == ANSWER
        await site.until_delivered(told["id"])
        assert await shown(site, "inbox") == [], "it is answered"
        (thread,) = await shown(site, "thread", CALLER)
        assert [line["text"] for line in thread["lines"]] == ["The boiler leaks", ANSWER]
        assert thread["lines"][-1]["state"] == "delivered"


async def test_after_a_stop_nobody_writes_and_what_was_written_does_not_leave(site: Rig) -> None:
    async with node_smsc() as carrier:
        await up(site, "live", carrier)
        await says(carrier, "STOP")
        assert "no more texts" in (await carrier.event("submit"))["text"]
        code, _, err = await site.cli("reply", CALLER, "But why?")
        assert code == 2
        assert "does not want to be texted" in err
        assert (await carrier.stats())["submits"] == 1


async def test_an_answer_given_while_the_carrier_is_away_leaves_when_it_is_back(site: Rig) -> None:
    async with node_smsc() as carrier:
        await up(site, "live", carrier)
        await says(carrier, "Hello?")
        port = carrier.port
    (told,) = await shown(site, "reply", CALLER, "Hi there", "--wait", "0")
    assert told["state"] == "queued"
    async with node_smsc(port=port) as carrier:
        submit = await carrier.event("submit")
        assert (submit["destination"], submit["text"]) == (CALLER[1:], "Hi there")
        await site.until_delivered(told["id"])
