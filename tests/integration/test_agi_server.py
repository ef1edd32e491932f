"""The FastAGI server over real sockets: good clients are answered, bad ones cost nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from agi.hooks import HOOKS, LOOKUP_VARIABLES
from agi.server import AgiServer
from agi.settings import AgiSettings
from tests.fakes.agi import CALLER, DID, head, run
from textback.model import Hint, HintKind, HookAnswer, HookResult, Presentation

OK = HookAnswer(result=HookResult.OK)
#: Seconds; a test that waits longer has failed.
PATIENCE = 20.0


@dataclass
class FakeDesk:
    """Takes every word; a lookup waits until it is `free`."""

    taken: list[Hint] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    answer: HookAnswer = OK
    free: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    cancelled: int = 0
    error: Exception | None = None

    def take(self, hint: Hint, peer: str) -> HookAnswer:
        if self.error is not None:
            raise self.error
        self.taken.append(hint)
        self.peers.append(peer)
        return self.answer

    async def look_up(self, hint: Hint, peer: str) -> HookAnswer:
        self.asked += 1
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return HookAnswer(result=HookResult.OK, variables=(("TEXTBACK_OPEN_CASE", "1"),))


@dataclass
class Site:
    server: AgiServer
    desk: FakeDesk
    told: list[tuple[str, HookResult]]

    @property
    def port(self) -> int:
        return self.server.port

    async def counted(self, name: str, least: int = 1) -> int:
        """Wait until the server has counted that much."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if self.server.counters[name] >= least:
                    return self.server.counters[name]
                await asyncio.sleep(0.005)

    async def empty(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                if not self.server.open_connections:
                    return
                await asyncio.sleep(0.005)


@asynccontextmanager
async def site(deadline: float = 5.0, max_connections: int = 256) -> AsyncIterator[Site]:
    desk = FakeDesk()
    told: list[tuple[str, HookResult]] = []
    server = AgiServer(
        AgiSettings(host="127.0.0.1", port=0, deadline=deadline, max_connections=max_connections),
        desk,
        on_answer=lambda hook, result, _seconds: told.append((hook, result)),
    )
    await server.open()
    try:
        async with asyncio.timeout(PATIENCE):
            yield Site(server, desk, told)
    finally:
        await server.close()
    assert server.open_connections == 0


# --- hooks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(HintKind))
async def test_each_hook_hands_over_what_asterisk_told(kind: HintKind) -> None:
    async with site() as here:
        ran = await run(here.port, head(f"{kind.value}?name=closed&pbx=main"))
        await here.counted("answered")

    (hint,) = here.desk.taken
    assert ran.variables == {"TEXTBACK_RESULT": "OK", "TEXTBACK_REASON": ""}
    assert (hint.kind, hint.pbx, hint.uniqueid) == (kind, "main", "1700000000.1")
    assert (hint.caller, hint.did, hint.source) == (CALLER, DID, "agi")
    assert hint.presentation is Presentation.ALLOWED
    named = kind in (HintKind.MISSED, HintKind.MESSAGE, HintKind.OFFER)
    assert hint.message == ("closed" if named else "")
    assert here.desk.peers == ["127.0.0.1"]
    assert here.told == [(kind.value, HookResult.OK)]


@pytest.mark.parametrize("hook", ["message", "offer"])
async def test_a_hook_without_its_name_says_how_to_write_it(hook: str) -> None:
    with capture_logs() as logs:
        async with site() as here:
            ran = await run(here.port, head(hook))

    assert ran.variables["TEXTBACK_RESULT"] == "ERROR"
    assert f"agi://.../{hook}?name=NAME" in ran.variables["TEXTBACK_REASON"]
    assert here.desk.taken == []
    assert [(e["event"], e["log_level"]) for e in logs] == [("hook_refused", "warning")]


async def test_an_unknown_hook_is_told_once_a_minute_with_those_there_are() -> None:
    with capture_logs() as logs:
        async with site() as here:
            for _ in range(5):
                ran = await run(here.port, head("mised"))

    assert ran.variables["TEXTBACK_RESULT"] == "ERROR"
    assert all(name in ran.variables["TEXTBACK_REASON"] for name in HOOKS)
    assert [e["event"] for e in logs if e["log_level"] == "warning"] == ["hook_refused"]
    assert here.told == [("unknown", HookResult.ERROR)] * 5


async def test_lookup_sets_all_its_variables_those_not_known_to_nothing() -> None:
    async with site() as here:
        here.desk.free.set()
        ran = await run(here.port, head("lookup"))

    assert ran.variables == {
        "TEXTBACK_RESULT": "OK",
        "TEXTBACK_REASON": "",
        **dict.fromkeys(LOOKUP_VARIABLES, ""),
        "TEXTBACK_OPEN_CASE": "1",
    }


async def test_a_hook_that_raises_is_told_and_the_call_goes_on() -> None:
    with capture_logs() as logs:
        async with site() as here:
            here.desk.error = RuntimeError("a bug")
            here.desk.free.set()
            first = await run(here.port, head("missed"))
            second = await run(here.port, head("lookup"))

    assert (first.variables["TEXTBACK_RESULT"], second.variables["TEXTBACK_RESULT"]) == (
        "ERROR",
        "ERROR",
    )
    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["hook_failed"] * 2
    assert here.server.counters["failed"] == 2


@pytest.mark.parametrize("reply", [b"511 Command Not Permitted on a dead channel\n", b"HANGUP\n"])
async def test_a_channel_that_is_gone_harms_nobody(reply: bytes) -> None:
    async with site() as here:
        ran = await run(here.port, head("missed"), reply=reply)
        await here.empty()

    assert set(ran.variables) == {"TEXTBACK_RESULT", "TEXTBACK_REASON"}
    assert here.desk.taken, "the word counts all the same"


# --- a store that is slow -------------------------------------------------------------------------


async def test_two_hundred_lookups_of_a_store_that_hangs_are_all_answered() -> None:
    async with site(deadline=1.0) as here:
        said = head("lookup")
        every = await asyncio.gather(*(run(here.port, said) for _ in range(200)))

    assert {ran.variables["TEXTBACK_RESULT"] for ran in every} == {"ERROR"}
    assert {ran.variables["TEXTBACK_OPEN_CASE"] for ran in every} == {""}
    assert here.server.counters["late"] == 200
    assert here.desk.cancelled == here.desk.asked == 200
    assert here.server.counters["cut"] == 0, "the answer came before the deadline"


async def test_two_hundred_other_hooks_never_wait_for_the_store() -> None:
    async with site() as here:
        hooks = [head(("missed", "handled", "optout")[i % 3]) for i in range(200)]
        every = await asyncio.gather(*(run(here.port, said) for said in hooks))
        await here.counted("answered", 200)

    assert {ran.variables["TEXTBACK_RESULT"] for ran in every} == {"OK"}
    assert len(here.desk.taken) == 200
    assert here.server.counters["late"] == here.server.counters["cut"] == 0


# --- clients that are none ------------------------------------------------------------------------


async def test_a_client_that_connects_and_leaves_is_forgotten() -> None:
    """Where panoramisk's server reads the end of file for ever, and answers nobody any more."""
    async with site() as here:
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.close()
            await writer.wait_closed()
        await here.counted("left", 50)
        ran = await run(here.port, head())

        assert ran.variables["TEXTBACK_RESULT"] == "OK"


@pytest.mark.parametrize("said", [b"", b"agi_network: yes\n", head()[:200]])
async def test_a_client_that_stops_speaking_is_cut_off(said: bytes) -> None:
    with capture_logs() as logs:
        async with site(deadline=0.05) as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(said)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    assert here.server.counters["cut"] == 1
    assert here.desk.taken == []
    # A port scan is nothing to be told of; half a head is.
    assert [e["event"] for e in logs] == ["agi_bad_request"] * bool(said)


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", head() + b"agi_x: 1\n", b"\n" * 100_000]
)
async def test_nonsense_is_refused_and_told(said: bytes) -> None:
    with capture_logs() as logs:
        async with site() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
            writer.write(said)
            try:
                told = await reader.read()
            except ConnectionError:  # reset, with our bytes unread
                told = b""
            writer.close()
            await here.counted("bad")
            await here.empty()

    assert b"200" not in told
    assert here.desk.taken == []
    assert [(e["event"], e["log_level"]) for e in logs] == [("agi_bad_request", "warning")]


async def test_nonsense_behind_a_good_head_does_not_undo_what_was_said() -> None:
    async with site() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(head("handled"))
        assert await reader.readline()
        writer.write(b"agi_uniqueid: 1\n")
        await here.counted("bad")
        await here.empty()
        writer.close()

    assert [hint.kind for hint in here.desk.taken] == [HintKind.HANDLED]


async def test_a_client_that_never_reads_costs_one_place_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agi.client.LINGER", 0.05)
    async with site() as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(head())
        await here.counted("cut")
        await here.empty()
        writer.close()

    assert here.desk.taken


async def test_a_client_that_resets_while_the_store_is_asked_stops_the_asking() -> None:
    async with site() as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(head("lookup"))
        await here.counted("requests")
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await here.counted("left")
        await here.empty()

    assert here.desk.cancelled == 1


async def test_more_connections_than_are_allowed_are_closed_as_they_come() -> None:
    with capture_logs() as logs:
        async with site(max_connections=3) as here:
            waiting = [asyncio.create_task(run(here.port, head("lookup"))) for _ in range(3)]
            await here.counted("requests", 3)
            for _ in range(4):
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
                writer.close()
            here.desk.free.set()
            every = await asyncio.gather(*waiting)

    assert [ran.variables["TEXTBACK_RESULT"] for ran in every] == ["OK"] * 3
    assert here.server.counters["too_many"] == 4
    assert [e["event"] for e in logs if e["log_level"] == "warning"] == ["agi_too_many"]


# --- who may connect ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.10", True),
        ("::ffff:192.0.2.10", True),
        ("2001:db8::7", True),
        ("fe80::1%eth0", False),
        ("192.0.2.11", False),
        ("198.51.100.1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_this_host_and_those_named_may_connect(peer: str, allowed: bool) -> None:
    named = [ipaddress.ip_network(text) for text in ("192.0.2.10", "2001:db8::/64")]

    assert AgiSettings(host="::", port=1, networks=tuple(named)).allows(peer) is allowed


async def test_a_stranger_is_refused_before_it_has_said_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AgiSettings, "allows", lambda self, address: False)
    with capture_logs() as logs:
        async with site() as here:
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
                writer.close()
            await here.counted("refused", 3)

    assert [e["event"] for e in logs] == ["agi_peer_refused"]
    assert here.server.counters["requests"] == 0


@pytest.mark.parametrize(
    "wrong", [{"port": 70_000}, {"host": ""}, {"deadline": 0.0}, {"max_connections": 0}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, int]) -> None:
    right = {"host": "127.0.0.1", "port": 4574}
    with pytest.raises(ValueError, match=r"needed|above"):
        AgiSettings(**{**right, **wrong})  # type: ignore[arg-type]


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with site() as here:
        other = AgiServer(AgiSettings(host="127.0.0.1", port=here.port), FakeDesk())
        with pytest.raises(OSError, match="in use"):
            await other.open()
        await other.close()
