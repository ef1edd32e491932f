"""The daemon killed in the middle of a call, and the world absent when it starts."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.daemon_rig import CALLER, DID, Rig, rig


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


def texts(site: Rig) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True)) as db:
        return db.execute("SELECT recipient, state FROM outbox ORDER BY id").fetchall()


async def again(site: Rig) -> None:
    """Killed without warning, and started by systemd."""
    await site.kill()
    site.told.clear()
    site.logged.clear()
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")


async def test_a_kill_while_it_rings_makes_no_text_on_a_guess_and_the_next_call_is_texted(
    site: Rig,
) -> None:
    body = site.path.read_text().replace('timeout = "1s"', 'timeout = "5s"')
    site.path.write_text(body.replace("[[pbx]]", '[[pbx]]\nunknown_presentation = "send"'))
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    site.ring("1700000000.1")
    await site.until_logged("call_started", call="pbx:1700000000.1")
    await again(site)
    site.hang_up("1700000000.1")
    site.ring("1700000000.2", "+12125550124")
    site.hang_up("1700000000.2", "+12125550124")
    await site.until_logged("verdict", call="pbx:1700000000.2")
    assert [to for to, _ in texts(site)] == ["+12125550124"]
    # The half-seen call is told as such, if it is told at all.
    told = site.found("verdict", call="pbx:1700000000.1")
    assert told is None or told["reason"] == "unknown_call"


@pytest.mark.parametrize("moment", ["text_queued", "text_claimed", "text_submitted"])
async def test_a_kill_at_any_step_of_a_text_sends_at_most_one(site: Rig, moment: str) -> None:
    object.__setattr__(site.simulator.settings, "answer_delay", 0.05)
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    site.ring("1700000000.1")
    await site.until_logged(moment, call="pbx:1700000000.1")
    await again(site)
    site.hang_up("1700000000.1")
    # The same caller again: the cooldown knows of the text, whatever became of it.
    site.ring("1700000000.2")
    site.hang_up("1700000000.2")
    await site.until_logged("verdict", call="pbx:1700000000.2")
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    found = texts(site)
    assert [to for to, _ in found] == [CALLER]
    assert found[0][1] in ("accepted", "delivered", "uncertain")
    assert site.texts.qsize() <= 1
    if found[0][1] != "uncertain":
        assert site.texts.qsize() == 1


async def test_a_pbx_and_a_carrier_that_come_up_last_are_found(tmp_path: Path) -> None:
    """The order in which a machine boots is nobody's business."""
    async with rig(tmp_path) as site:
        await site.asterisk.stop()
        await site.simulator.stop()
        await site.start()
        await site.until_told("STATUS=live; AMI pbx waiting; SMPP smsc waiting")
        await site.simulator.start()
        await site.asterisk.start()
        await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
        site.ring("1700000000.1")
        text = await site.text()
        assert (text.to.lstrip("+"), text.sender.lstrip("+")) == (CALLER[1:], DID[1:])
        assert not [e for e in site.logged if e["level"] in ("error", "critical")]


async def test_a_carrier_that_is_away_gets_the_text_when_it_comes_back(site: Rig) -> None:
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    await site.simulator.stop()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc waiting")
    site.ring("1700000000.1")
    await site.until_logged("text_queued")
    assert [state for _, state in texts(site)] == ["queued"]
    await site.simulator.start()
    assert (await site.text()).to.lstrip("+") == CALLER[1:]


async def test_a_pbx_that_comes_and_goes_costs_only_the_calls_it_hid(site: Rig) -> None:
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    site.ring("1700000000.1")
    await site.until_logged("call_started", call="pbx:1700000000.1")
    await site.asterisk.drop()
    # It hung up while nobody listened: nobody knows whether a person answered first.
    site.asterisk.channels.clear()
    await site.asterisk.wait_for("CoreShowChannels", 2)
    told = await site.until_logged("verdict", call="pbx:1700000000.1")
    assert told["reason"] == "unknown_call"
    site.ring("1700000000.2", "+12125550124")
    async with asyncio.timeout(30):
        assert (await site.text()).to.lstrip("+") == "12125550124"
    assert [to for to, _ in texts(site)] == ["+12125550124"]
