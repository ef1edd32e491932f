"""Hooks through the whole daemon: from the wire to the store, the log and /healthz."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.agi import Ran, head, run
from tests.integration.daemon_rig import CALLER, DID, PATIENCE, Rig, free_port, rig

UID = "1700000000.1"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def working(site: Rig) -> Rig:
    await site.start()
    await site.until_logged("agi_listening")
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    return site


async def hook(site: Rig, script: str, **changed: str) -> Ran:
    said = head(script, **{"callerid": CALLER, "dnid": DID, "uniqueid": UID, **changed})
    return await run(site.values["agi"], said)


async def health(site: Rig) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.url}/healthz") as response,
    ):
        told: dict[str, Any] = await response.json()
    return told


def opted_out(site: Rig) -> list[str]:
    with sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True) as db:
        found = [row[0] for row in db.execute("SELECT number FROM opt_outs ORDER BY number")]
    db.close()
    return found


async def test_missed_texts_at_once_and_why_says_who_said_so(site: Rig) -> None:
    await working(site)
    site.ring(UID)
    ran = await hook(site, "missed")
    assert ran.variables["TEXTBACK_RESULT"] == "OK"
    text = await site.text()
    assert text.to == CALLER

    site.hang_up(UID)
    await site.until_logged("call_ended")
    code, out, _ = await site.cli("why", UID)
    assert code == 0
    assert "this call is missed (agi)" in out
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.url}/metrics") as response,
    ):
        metrics = await response.text()
    assert 'textback_hooks_total{hook="missed",result="OK"} 1.0' in metrics
    assert 'textback_agi_total{what="requests"} 1.0' in metrics
    assert "textback_hook_seconds_count 1.0" in metrics


async def test_handled_keeps_the_caller_from_being_texted(site: Rig) -> None:
    await working(site)
    await hook(site, "handled")  # before the call is known: AGI overtook AMI
    site.ring(UID)
    site.hang_up(UID)
    verdict = await site.until_logged("verdict")

    assert (verdict["verdict"], verdict["reason"]) == ("skip", "handled")


async def test_opt_outs_taken_in_the_last_moment_are_on_the_disk(site: Rig) -> None:
    await working(site)
    callers = [f"+1212555012{number}" for number in range(8)]
    every = await asyncio.gather(
        *(
            hook(site, "optout", callerid=c, uniqueid=f"1700000000.{n}")
            for n, c in enumerate(callers)
        )
    )
    site.signal(signal.SIGTERM)

    assert await site.ended() == 0
    assert {ran.variables["TEXTBACK_RESULT"] for ran in every} == {"OK"}
    assert opted_out(site) == callers


async def test_a_taken_port_is_told_and_calls_are_texted_all_the_same(site: Rig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", site.values["agi"]))
        taken.listen()
        await site.start()
        told = await site.until_logged("agi_unavailable")
        assert told["level"] == "warning"
        assert str(site.values["agi"]) in told["listen"]
        await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
        site.ring(UID)
        assert (await site.text()).to == CALLER
        part = (await health(site))["parts"]["agi"]
        assert not part["ok"]

    code, out, _ = await site.cli("doctor", "--json")
    (found,) = (
        c for c in map(json.loads, out.splitlines()) if c["area"] == "agi" and c["level"] != "ok"
    )
    assert code == 2
    assert "in use" in found["found"]


async def test_a_reload_moves_the_port(site: Rig) -> None:
    await working(site)
    before, after = site.values["agi"], free_port()
    site.configure(agi=after)
    site.signal(signal.SIGHUP)
    await site.until_logged("agi_listening", listen=f"127.0.0.1:{after}")

    assert (await hook(site, "ping")).variables["TEXTBACK_RESULT"] == "OK"
    with pytest.raises(ConnectionRefusedError):
        await run(before, head("ping"))


async def test_the_doctor_finds_the_port_open(site: Rig) -> None:
    await working(site)
    _, out, _ = await site.cli("doctor", "--json")

    checks = [c for c in map(json.loads, out.splitlines()) if c["area"] == "agi"]
    assert [check["level"] for check in checks] == ["ok"]
    assert f"127.0.0.1:{site.values['agi']}" in checks[0]["found"]


async def test_a_flood_of_nonsense_harms_no_call(site: Rig) -> None:
    await working(site)

    async def nonsense(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.values["agi"])
        if number % 3:
            writer.write(b"GET / HTTP/1.0\r\n\r\n" if number % 2 else head()[:300])
        try:
            async with asyncio.timeout(PATIENCE):
                await reader.read()
        except ConnectionError:
            pass
        writer.close()

    await asyncio.gather(*(nonsense(number) for number in range(300)))
    site.ring(UID)
    assert (await hook(site, "missed")).variables["TEXTBACK_RESULT"] == "OK"
    assert (await site.text()).to == CALLER
    assert site.found("task_died") is None
