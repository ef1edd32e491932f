"""The real service, changed from its console: the next caller gets the new text, then the old."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.daemon_rig import DID, Rig, rig

CALLERS = tuple(f"+1646555{n:04d}" for n in range(120, 130))
NEW = 'Sorry, "{{business.name}}" \\ missed you.\nAnswer here. Reply STOP \U0001f9b7'
SENT = 'Sorry, "Acme Dental" \\ missed you.\nAnswer here. Reply STOP \U0001f9b7'


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    (tmp_path / "conf.d").mkdir()
    async with rig(tmp_path) as made:
        yield made


async def missed(site: Rig, number: int) -> str:
    """What the carrier gets for a missed call of a caller of its own."""
    site.ring(f"1700000000.{number}0", CALLERS[number])
    found = await site.text()
    assert found.to.lstrip("+") == CALLERS[number][1:]
    site.hang_up(f"1700000000.{number}0", CALLERS[number])
    return found.text


class Program:
    """Somebody who brings a CRM: asks the API with a token."""

    def __init__(self, site: Rig, session: aiohttp.ClientSession, token: str) -> None:
        self._url = f"{site.url}/api/v1"
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(
            method, self._url + path, json=body, headers=self._headers
        ) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def program(site: Rig) -> AsyncIterator[Program]:
    await site.start()
    await site.until_logged("ami_up")
    await site.until_logged("smpp_state", state="bound")
    code, token, error = await site.cli("token", "add", "crm", "--role", "admin")
    assert code == 0, error
    async with aiohttp.ClientSession() as session:
        yield Program(site, session, token.strip())


async def test_a_text_changed_by_http_is_the_next_callers_and_an_undo_brings_the_old_one_back(
    site: Rig, program: Program
) -> None:
    assert await missed(site, 0) == "Sorry we missed you."
    status, made = await program.ask("PATCH", "/numbers/1", {"message": NEW})
    assert (status, made) == (200, {"change": 1})
    assert await missed(site, 1) == SENT
    status, told = await program.ask("GET", "/numbers/1")
    assert (status, told["number"]["texts"][0]["rendered"]) == (200, SENT)

    # A signal reloads what is on the disk: the same.
    site.signal(signal.SIGHUP)
    await site.until_told("READY=1", 2)
    assert await missed(site, 2) == SENT

    # So does a service that was killed.
    await site.kill()
    site.told.clear()
    site.logged.clear()
    await site.start()
    await site.until_logged("ami_up")
    await site.until_logged("smpp_state", state="bound")
    assert await missed(site, 3) == SENT

    status, _ = await program.ask("POST", "/changes/1/undo")
    assert status == 200
    assert await missed(site, 4) == "Sorry we missed you."
    assert not (site.folder / "conf.d" / "console.toml").exists()
    status, told = await program.ask("GET", "/changes")
    assert [(c["change"], c["undoes"], c["state"]) for c in told["changes"]] == [
        (2, 1, "done"),
        (1, None, "done"),
    ]


async def test_what_is_refused_leaves_service_and_file_as_they_were(
    site: Rig, program: Program
) -> None:
    status, told = await program.ask("PATCH", "/numbers/1", {"message": "{{nobody}}"})
    assert (status, list(told["fields"])) == (422, ["message"])
    (site.folder / "conf.d" / "hand.toml").write_text("[limits]\nper_day = -1\n")
    status, told = await program.ask("PATCH", "/numbers/1", {"message": NEW})
    assert status == 422
    assert "hand.toml:2: limits.per_day" in told["detail"]
    assert not (site.folder / "conf.d" / "console.toml").exists()
    assert await missed(site, 0) == "Sorry we missed you."
    assert site.found("reload_refused") is None


async def test_shadow_from_the_console_sends_nothing_and_live_again_does(
    site: Rig, program: Program
) -> None:
    assert (await program.ask("POST", "/mode", {"mode": "shadow"}))[0] == 200
    site.ring("1700000000.10", CALLERS[1])
    await site.until_logged("text_queued", state="shadow")
    assert (await program.ask("POST", "/mode", {"mode": "live"}))[0] == 200
    # Nobody else's text came in between.
    assert await missed(site, 2) == "Sorry we missed you."


async def test_a_test_text_arrives_and_says_so(site: Rig, program: Program) -> None:
    status, told = await program.ask("POST", "/numbers/1/test", {"to": CALLERS[5]})
    assert (status, told["sender"]) == (201, DID)
    assert (await site.text()).to.lstrip("+") == CALLERS[5][1:]
    await site.until_delivered(told["row"])
    status, told = await program.ask("GET", f"/test-texts/{told['row']}")
    assert (status, told["state"], told["over"]) == (200, "delivered", True)
