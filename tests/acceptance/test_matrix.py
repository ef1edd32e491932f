"""Every row of the call matrix on a real Asterisk, through the real daemon, to SMSCs not ours.

All calls are placed side by side, once for each SMSC; what came of each is then looked at row by
row. The table is `tests/lab/matrix.py`. A class for each SMSC: `--dist loadscope` gives a class to
one process, so that its calls are placed once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import admin, stage
from tests.lab.matrix import ROWS
from tests.lab.row import Row, play
from tests.smscs.peers import ForeignSmsc, node_smsc, perl_smsc

pytestmark = [pytest.mark.asterisk, pytest.mark.smsc, pytest.mark.timeout(240)]
each_row = pytest.mark.parametrize("row", ROWS, ids=repr)

PEERS: dict[str, Callable[[], AbstractAsyncContextManager[ForeignSmsc]]] = {
    "node": node_smsc,
    "perl": perl_smsc,
}


EARLY = [row for row in ROWS if row.early]
AT_RING_TIMEOUT = [row for row in EARLY if not row.name.startswith("voicemail")]


def words(submit: dict[str, Any]) -> str:
    """The text of a submit, as the SMSC tells it: in words or in octets (GSM 03.38: no escapes)."""
    text: str = submit.get("text") or bytes.fromhex(submit["octets"]).decode("latin-1")
    return text.replace("\x11", "_")


@dataclass
class Played:
    """What came of all calls."""

    submits: list[tuple[float, dict[str, Any]]] = field(default_factory=list)  #: when, what
    ended: dict[str, float] = field(default_factory=dict)  #: row -> when its people were done
    stories: list[dict[str, Any]] = field(default_factory=list)
    unbinds: int = 0
    exit_code: int = -1
    complaints: list[dict[str, Any]] = field(default_factory=list)  #: of textback, in its log

    def story(self, row: Row) -> dict[str, Any]:
        found = [
            story
            for story in self.stories
            if (story["direction"], story["did"]) == (row.direction, row.dialled)
        ]
        assert len(found) == 1, f"{len(found)} calls for {row.dialled}"
        return found[0]

    def texts_to(self, number: str) -> list[tuple[float, dict[str, Any]]]:
        digits = number.removeprefix("+")
        return [(at, s) for at, s in self.submits if s["destination"].endswith(digits)]


@asynccontextmanager
async def listening(smsc: ForeignSmsc, played: Played) -> AsyncIterator[None]:
    """Note every submit with the time it came."""

    async def pump() -> None:
        while True:
            try:
                submit = await smsc.event("submit")
            except TimeoutError:
                continue  # none for a while: most of a call is ringing
            played.submits.append((asyncio.get_running_loop().time(), submit))

    task = asyncio.create_task(pump(), name="submits")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def play_all(peer: str, directory: Path) -> Played:
    """Place every call of the matrix at once, and gather what came of it."""
    played = Played()
    loop = asyncio.get_running_loop()
    async with PEERS[peer]() as smsc:
        account = {"host": "127.0.0.1", "port": smsc.port, "system_id": "acme", "password": "lab"}
        async with (
            stage(directory, ROWS, account) as lab,
            admin(lab.asterisk) as hand,
        ):
            await lab.service.start()

            async def one(row: Row) -> None:
                await play(row, lab.agent, hand)
                played.ended[row.name] = loop.time()

            async with listening(smsc, played), asyncio.TaskGroup() as group:
                for row in ROWS:
                    group.create_task(one(row), name=row.name)
                    # All at one instant would be a test of the kernel's UDP buffers.
                    await asyncio.sleep(0.03)
                await everything_told(lab.service.stories, played)
            played.exit_code = await lab.service.stop()
            played.complaints = [
                event
                for event in lab.service.events()
                if event.get("level") in ("warning", "error", "critical")
            ]
        await smsc.event("unbind")
        played.unbinds = sum(event["event"] == "unbind" for event in smsc.events)
    return played


async def everything_told(
    stories: Callable[..., Any], played: Played, *, within: float = 90.0
) -> None:
    """Wait until every call has ended with a verdict and every text has its receipt."""
    try:
        async with asyncio.timeout(within):
            while True:
                played.stories = await stories("calls", "--all", "-n", "1000")
                if len(played.ended) == len(ROWS) and not any(map(is_open, played.stories)):
                    return
                await asyncio.sleep(0.5)
    except TimeoutError:
        still = [f"{s['did']} {s['outcome']} {s['text']}" for s in played.stories if is_open(s)]
        playing = [row.name for row in ROWS if row.name not in played.ended]
        raise AssertionError(f"after {within} s: open {still}, playing {playing}") from None


def is_open(story: dict[str, Any]) -> bool:
    text = story["text"]
    return story["ended"] is None or (text is not None and text["state"] != "delivered")


@pytest.fixture(scope="class")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    peer: str = request.cls.peer
    return asyncio.run(play_all(peer, tmp_path_factory.mktemp(peer)))


class Matrix:
    """What must hold of every row, whatever the SMSC."""

    peer: str

    @each_row
    def test_call_ends_with_the_verdict_of_its_row(self, played: Played, row: Row) -> None:
        story = played.story(row)

        assert (story["outcome"], story["verdict"], story["reason"]) == (
            row.outcome,
            row.verdict,
            row.reason,
        )
        assert all(gate["passed"] for gate in story["gates"][:-1])
        assert story["gates"][-1]["passed"] == (row.verdict == "send")

    @each_row
    def test_caller_gets_one_text_or_none_from_the_number_dialled(
        self, played: Played, row: Row
    ) -> None:
        texts = [text for _, text in played.texts_to(row.number_outside)]

        assert len(texts) == row.texts
        for text in texts:
            assert text["source"].removeprefix("+") == row.did.removeprefix("+")
            assert row.name in words(text), "the label of the number is in the text"
            assert played.story(row)["text"]["state"] == "delivered"

    @pytest.mark.parametrize("row", EARLY, ids=repr)
    def test_text_leaves_while_the_caller_still_holds_the_phone(
        self, played: Played, row: Row
    ) -> None:
        ((submitted, _),) = played.texts_to(row.number_outside)
        story = played.story(row)

        assert submitted < played.ended[row.name]
        assert datetime.fromisoformat(story["decided"]) < datetime.fromisoformat(story["ended"])

    @pytest.mark.parametrize("row", AT_RING_TIMEOUT, ids=repr)
    def test_text_is_decided_at_the_fifteenth_second_of_ringing(
        self, played: Played, row: Row
    ) -> None:
        story = played.story(row)
        rung = datetime.fromisoformat(story["decided"]) - datetime.fromisoformat(story["ringing"])

        assert rung.total_seconds() >= 15.0
        assert any("15 s" in what for _, what in story["trail"])

    def test_nobody_else_is_texted(self, played: Played) -> None:
        assert len(played.submits) == sum(row.texts for row in ROWS)

    def test_service_unbinds_ends_well_and_complains_of_nothing(self, played: Played) -> None:
        assert (played.exit_code, played.unbinds) == (0, 1)
        assert [event for event in played.complaints if event["level"] != "warning"] == []


class TestMatrixWithNodeSmpp(Matrix):
    """npm's `smpp`: ids in hex, receipts with the same number in decimal."""

    peer = "node"


class TestMatrixWithPerlNetSmpp(Matrix):
    """Debian's Net::SMPP: receipts of text only."""

    peer = "perl"
