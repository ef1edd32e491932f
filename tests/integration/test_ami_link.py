"""The AMI link against a scripted Asterisk on loopback: every way a connection begins and ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from ami_listener.actions import ActionRefused, ActionTimeout, NotConnected
from ami_listener.link import LinkState, PbxLink, PbxSettings
from ami_listener.tracker import Inbound
from tests.fakes.asterisk import FakeAsterisk, channel, event, message
from textback.model import Call, Moment, Outcome, Phase, Presentation

#: Longer than any test: a wait of this length never ends by itself.
NEVER = 3600.0


def settings_for(asterisk: FakeAsterisk, **changes: Any) -> PbxSettings:
    values: dict[str, Any] = {
        "name": "pbx",
        "host": asterisk.host,
        "port": asterisk.port,
        "username": "textback",
        "secret": "secret",
        "inbound": Inbound(contexts=frozenset({"from-trunk"})),
        "backoff_first": 0.001,
        "backoff_max": 0.002,
        **changes,
    }
    return PbxSettings(**values)


class Watcher:
    """A running link; what it reported, and ways to wait for it."""

    def __init__(self, settings: PbxSettings, ring_timeout: float | None = 15.0) -> None:
        self.ahead = 0.0  # seconds our clock is ahead of the real one
        self.calls: list[Call] = []
        self.states: list[tuple[LinkState, str]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.link = PbxLink(
            settings,
            watch=lambda did: ring_timeout,
            on_call=self._call,
            on_state=self._state,
            clock=lambda: Moment.now().plus(self.ahead),
        )

    def _call(self, call: Call) -> None:
        self.calls.append(call)
        self._tell()

    def _state(self, state: LinkState, detail: str) -> None:
        self.states.append((state, detail))
        self._tell()

    def _tell(self) -> None:
        task = asyncio.get_running_loop().create_task(self._notify(), name="watcher")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def state(self, state: LinkState, count: int = 1) -> str:
        """The detail of the `count`-th time the link came into this state."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.details(state)) >= count)
        return self.details(state)[count - 1]

    def details(self, state: LinkState) -> list[str]:
        return [detail for s, detail in self.states if s is state]

    async def call(self, phase: Phase, uniqueid: str = "1.1") -> Call:
        def found() -> list[Call]:
            return [c for c in self.calls if c.phase is phase and c.key.uniqueid == uniqueid]

        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(found)
        return found()[0]


@asynccontextmanager
async def linked(settings: PbxSettings) -> AsyncIterator[Watcher]:
    watcher = Watcher(settings)
    task = asyncio.create_task(watcher.link.run(), name="link under test")
    try:
        yield watcher
        assert not task.done(), "run() ended by itself"
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert watcher.link.state is LinkState.STOPPED


# --- a good connection --------------------------------------------------------------------------


async def test_it_comes_up_in_order_and_knows_who_it_talks_to() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        detail = await watcher.state(LinkState.UP)
        assert detail == "up; Asterisk 22.10.0"
        assert [state for state, _ in watcher.states] == [
            LinkState.CONNECTING,
            LinkState.LOGGING_IN,
            LinkState.BOOTING,
            LinkState.SYNCING,
            LinkState.UP,
        ]
        assert watcher.link.boot == "2026-11-23T12:00:00"
        assert watcher.link.asterisk_version == "22.10.0"
        names = [fields["Action"] for fields in asterisk.received]
        # No call event may come before it is known which start of Asterisk it belongs to.
        assert names.index("CoreStatus") < names.index("Events") < names.index("CoreShowChannels")
        assert asterisk.actions("Login")[0]["Events"] == "system"


async def test_a_call_is_reported_with_the_presentation_asterisk_was_asked_for() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.variables["PJSIP/trunk-00000001", "CALLERID(num-pres)"] = "prohib_passed_screen"
        asterisk.event("Newchannel", channel("1.1", caller_name="Zoë"))
        asked = await asterisk.wait_for("Getvar", 2)  # the first asks for its own permissions
        assert asked["ActionID"] == "textback-pres-1.1"
        asterisk.event("Hangup", channel("1.1"), Cause="16")
        ended = await watcher.call(Phase.ENDED)
        assert (ended.caller, ended.caller_name) == ("+12125550123", "Zoë")
        assert ended.presentation is Presentation.WITHHELD
        assert ended.outcome is Outcome.IVR_ABANDONED
        assert not ended.gap
        assert watcher.link.counters["presentation_asked"] == 1
        assert watcher.link.contexts_seen == {"from-trunk": 1}


@pytest.mark.parametrize("chunk", [1, 7, 1460])
async def test_chunks_of_any_size_make_the_same_call(chunk: int) -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.chunk = chunk
        async with linked(settings_for(asterisk)) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.event("Newchannel", channel("1.1", caller_name="Zoë Ölçü"))
            started = await watcher.call(Phase.STARTED)
            assert started.caller_name == "Zoë Ölçü"


async def test_an_action_gives_rows_and_errors_by_kind() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.channels = {u: channel(u) for u in ("1.1", "1.2")}
        asterisk.denied = {"Originate"}
        asterisk.answers["Mute"] = lambda session, fields: None
        settings = settings_for(asterisk, action_timeout=0.05)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            rows = await watcher.link.action("CoreShowChannels")
            assert [row["uniqueid"] for row in rows] == ["1.1", "1.2"]
            with pytest.raises(ActionRefused, match="Permission denied") as caught:
                await watcher.link.action("Originate", Channel="Local/1@x")
            assert caught.value.denied
            with pytest.raises(ActionTimeout, match="no answer to Mute"):
                await watcher.link.action("Mute")
            with pytest.raises(ValueError, match="line break"):
                await watcher.link.action("Getvar", Variable="x\r\nAction: Command")
            assert asterisk.actions("Command") == []


async def test_an_action_while_the_link_is_down_fails_at_once() -> None:
    """panoramisk 1.4: AttributeError before the first connection, a dead future after."""
    async with FakeAsterisk() as asterisk:
        watcher = Watcher(settings_for(asterisk))
        with pytest.raises(NotConnected):
            await watcher.link.action("Ping")
        async with linked(settings_for(asterisk, backoff_first=NEVER, backoff_max=NEVER)) as up:
            await up.state(LinkState.UP)
            asterisk.answers["Mute"] = lambda session, fields: None
            waiting = asyncio.create_task(up.link.action("Mute"), name="waiting")
            await asterisk.wait_for("Mute")
            await asterisk.drop()
            with pytest.raises(NotConnected, match=r"closed the connection|went down"):
                await waiting
            await up.state(LinkState.WAITING)
            with pytest.raises(NotConnected, match="is down: Asterisk closed the connection"):
                await up.link.action("Ping")


async def test_stopping_logs_off_and_leaves_nothing_behind() -> None:
    async with FakeAsterisk() as asterisk:
        async with linked(settings_for(asterisk)) as watcher:
            await watcher.state(LinkState.UP)
        await asterisk.wait_closed()
        assert len(asterisk.actions("Logoff")) == 1
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not {name for name in names if name.startswith("ami-")}


# --- refused, silent, gone ----------------------------------------------------------------------


async def test_a_refused_login_is_its_own_state_with_its_own_long_wait() -> None:
    """panoramisk 1.4 said nothing and tried again every two seconds: bait for fail2ban."""
    async with FakeAsterisk() as asterisk:
        asterisk.users = {}
        settings = settings_for(asterisk, refused_delay=NEVER)
        with structlog.testing.capture_logs() as logs:
            async with linked(settings) as watcher:
                detail = await watcher.state(LinkState.REFUSED)
                assert "refused the login of manager user 'textback'" in detail
                assert "Authentication failed" in detail
                assert "manager.conf" in detail
                assert "secret=" not in detail
                assert watcher.details(LinkState.WAITING) == []
                asterisk.users = {"textback": "secret"}
                watcher.link.retry_now()  # the operator has put it right
                await watcher.state(LinkState.UP)
        assert asterisk.connections == 2
        refused = [entry for entry in logs if entry["event"] == "ami_refused"]
        assert [entry["log_level"] for entry in refused] == ["error"]
        assert "'secret'" not in str(logs)


async def test_a_silent_peer_is_left_when_the_pong_is_overdue() -> None:
    """panoramisk 1.4 never looked for the pong: a half-open connection went unnoticed."""
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, ping_interval=0.01, ping_timeout=0.05)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.silent = True
            assert "no answer to Ping" in await watcher.state(LinkState.WAITING)
            asterisk.silent = False
            await watcher.state(LinkState.UP, 2)


async def test_a_late_pong_is_borne_while_events_keep_coming() -> None:
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, ping_interval=0.01, ping_timeout=0.2)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            held: list[tuple[Any, dict[str, str]]] = []
            asterisk.answers["Ping"] = lambda session, fields: held.append((session, fields))
            pings = len(asterisk.actions("Ping"))
            await asterisk.wait_for("Ping", pings + 1)
            for number in range(6):  # 0.3 s, half again the deadline
                await asyncio.sleep(0.05)
                asterisk.event("RTCPSent", Number=str(number))
            assert watcher.link.state is LinkState.UP
            del asterisk.answers["Ping"]
            held[0][0].reply(held[0][1], "Ping: Pong")
            seen = len(asterisk.actions("Ping"))
            await asterisk.wait_for("Ping", seen + 1)
            assert watcher.details(LinkState.WAITING) == []


@pytest.mark.parametrize(
    ("banner", "complaint"),
    [
        ("", "no AMI banner came"),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "does not speak AMI"),
        ("Asterisk Call Manager/1.3\r\n", "too old"),
        ("Asterisk Call Manager/\r\n", "too old"),
    ],
)
async def test_a_peer_that_is_no_fit_asterisk_never_sees_the_secret(
    banner: str, complaint: str
) -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.banner = banner
        async with linked(settings_for(asterisk, connect_timeout=0.05)) as watcher:
            assert complaint in await watcher.state(LinkState.WAITING)
            assert asterisk.received == []


async def test_a_login_without_an_answer_is_given_up_at_its_deadline() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.silent = True
        async with linked(settings_for(asterisk, login_timeout=0.05)) as watcher:
            assert "no answer to the login" in await watcher.state(LinkState.WAITING)


async def test_a_connection_that_is_not_accepted_is_given_up_at_its_deadline() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]  # the backlog is full: SYNs are dropped
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        asterisk = FakeAsterisk()
        asterisk.port = port
        try:
            async with linked(settings_for(asterisk, connect_timeout=0.05)) as watcher:
                detail = await watcher.state(LinkState.WAITING)
                assert "within 0.05 s" in detail or "no AMI banner" in detail
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize("host", ["no such host.invalid", "a" * 64 + ".invalid", ".."])
async def test_a_host_name_that_cannot_be_is_tried_again_for_ever(host: str) -> None:
    """panoramisk 1.4 stopped for good at the first error that was no OSError."""
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk, host=host)) as watcher:
        await watcher.state(LinkState.WAITING, 3)


async def test_it_never_gives_up_and_comes_back_when_asterisk_does() -> None:
    asterisk = FakeAsterisk()
    await asterisk.start()
    async with linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        await asterisk.stop()
        assert "Connection refused" in await watcher.state(LinkState.WAITING, 5)
        await asterisk.start()
        await watcher.state(LinkState.UP, 2)
        await asterisk.stop()


async def test_stopping_during_the_wait_makes_no_further_connection() -> None:
    """panoramisk 1.4 connected again after close()."""
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, backoff_first=NEVER, backoff_max=NEVER)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            await asterisk.drop()
            await watcher.state(LinkState.WAITING)
        assert asterisk.connections == 1


async def test_a_lost_connection_waits_its_time_before_the_next() -> None:
    """The end of the old connection must not cut the wait for the next one short."""
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, backoff_first=NEVER, backoff_max=NEVER)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            await asterisk.drop()
            await watcher.state(LinkState.WAITING)
            for _ in range(20):
                watcher.link.request_resync()
                await asyncio.sleep(0)
            assert watcher.link.state is LinkState.WAITING


async def test_no_fully_booted_is_waited_for_then_told_and_borne() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.booted = False
        async with linked(settings_for(asterisk, boot_timeout=0.05)) as watcher:
            await watcher.state(LinkState.UP)
            assert "read = system" in watcher.link.warnings["fully_booted"]


async def test_it_waits_for_an_asterisk_that_is_still_loading() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.booted = False
        async with linked(settings_for(asterisk, boot_timeout=NEVER)) as watcher:
            await watcher.state(LinkState.BOOTING)
            await asterisk.wait_for("Login")
            assert asterisk.actions("CoreStatus") == []
            asterisk.sessions[0].write(asterisk.fully_booted())
            await watcher.state(LinkState.UP)
            assert watcher.link.warnings == {}


async def test_missing_permissions_are_told_once_and_calls_are_still_seen() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.denied = {"CoreStatus", "CoreSettings", "CoreShowChannels", "Getvar"}
        with structlog.testing.capture_logs() as logs:
            async with linked(settings_for(asterisk)) as watcher:
                await watcher.state(LinkState.UP)
                assert "write = reporting" in watcher.link.warnings["write_reporting"]
                assert watcher.link.boot  # by FullyBooted's Uptime
                asterisk.event("Newchannel", channel("1.1"))
                started = await watcher.call(Phase.STARTED)
                assert started.presentation is Presentation.UNKNOWN
                asterisk.event("Hangup", channel("1.1"), Cause="16")
                ended = await watcher.call(Phase.ENDED)
                assert not ended.gap
                assert watcher.link.counters["presentation_refused"] == 1
        degraded = [entry for entry in logs if entry["event"] == "ami_degraded"]
        assert len({entry["what"] for entry in degraded}) == len(degraded) == 1


# --- in step -------------------------------------------------------------------------------------


async def test_a_call_that_was_up_before_the_link_is_never_guessed_about() -> None:
    async with FakeAsterisk() as asterisk:
        asterisk.channels = {"1.1": channel("1.1")}
        async with linked(settings_for(asterisk)) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.event("Hangup", channel("1.1"), Cause="16")
            asterisk.event("Newchannel", channel("1.2", "PJSIP/trunk-00000002"))
            asterisk.event("Hangup", channel("1.2", "PJSIP/trunk-00000002"), Cause="16")
            await watcher.call(Phase.ENDED, "1.2")
            ended = [c for c in watcher.calls if c.phase is Phase.ENDED and c.key.uniqueid == "1.1"]
            assert all(c.outcome is Outcome.UNKNOWN for c in ended)


async def test_a_call_that_ended_unseen_is_unknown_after_the_resync() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.event("Newchannel", channel("1.1"))
        await watcher.call(Phase.STARTED)
        await asterisk.drop()
        ended = await watcher.call(Phase.ENDED)
        assert ended.outcome is Outcome.UNKNOWN
        assert ended.gap


async def test_a_call_born_while_the_list_is_sent_is_not_missing_from_it() -> None:
    """Live events come between the rows, in the same chunk."""
    async with FakeAsterisk() as asterisk:

        def listing(session: Any, fields: dict[str, str]) -> list[str]:
            head = ["Response: Success", f"ActionID: {fields['ActionID']}", "EventList: start"]
            tail = [f"ActionID: {fields['ActionID']}", "EventList: Complete", "ListItems: 0"]
            return [
                message(*head) + event("Newchannel", channel("1.1")),
                message("Event: CoreShowChannelsComplete", *tail),
            ]

        asterisk.answers["CoreShowChannels"] = listing
        async with linked(settings_for(asterisk)) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.event("Hangup", channel("1.1"), Cause="16")
            ended = await watcher.call(Phase.ENDED)
            assert ended.outcome is Outcome.IVR_ABANDONED
            assert not ended.gap


async def test_a_hangup_asterisk_held_back_behind_the_list_still_counts() -> None:
    """The channel is gone from the list, its Hangup comes after it and before the pong."""
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, ping_interval=0.01, resync_interval=0.02)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.event("Newchannel", channel("1.1"))
            await watcher.call(Phase.STARTED)
            asterisk.channels = {"1.1": channel("1.1")}
            lists = len(asterisk.actions("CoreShowChannels"))

            def pong(session: Any, fields: dict[str, str]) -> list[str]:
                held = ""
                if fields["ActionID"].startswith("textback-sync-") and not asterisk.channels:
                    held = event("Hangup", channel("1.1"), Cause="16")
                return [held + message("Response: Success", f"ActionID: {fields['ActionID']}")]

            asterisk.answers["Ping"] = pong
            await asterisk.wait_for("CoreShowChannels", lists + 1)
            asterisk.channels = {}
            ended = await watcher.call(Phase.ENDED)
            assert ended.outcome is Outcome.IVR_ABANDONED


async def test_a_restart_of_asterisk_voids_open_calls_and_changes_the_key() -> None:
    asterisk = FakeAsterisk()
    await asterisk.start()
    async with linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.event("Newchannel", channel("1.1"))
        await watcher.call(Phase.STARTED)
        await asterisk.stop()
        asterisk.started = ("2026-11-23", "13:00:00")
        asterisk.channels = {"1.1": channel("1.1")}  # the same Uniqueid, another call
        await asterisk.start()
        ended = await watcher.call(Phase.ENDED)
        assert ended.outcome is Outcome.UNKNOWN
        assert ended.key.boot == "2026-11-23T12:00:00"
        await watcher.state(LinkState.UP, 2)
        assert watcher.link.boot == "2026-11-23T13:00:00"
        assert watcher.link.counters["restarts"] == 1
        await asterisk.stop()


async def test_an_overflow_is_counted_and_forces_a_resync() -> None:
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, queue_size=10)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            watcher.link._last_sync -= 60.0  # the last one is long ago
            lists = len(asterisk.actions("CoreShowChannels"))
            asterisk.send("".join(event("Newchannel", channel(f"9.{n}")) for n in range(100)))
            await asterisk.wait_for("CoreShowChannels", lists + 1)
            assert watcher.link.counters["queue_overflows"] >= 1
            assert watcher.link.counters["queue_dropped"] >= 1
            assert watcher.link.state is LinkState.UP


async def test_a_call_whose_hangup_never_comes_is_closed_by_the_regular_resync() -> None:
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, ping_interval=0.01, resync_interval=0.02)
        async with linked(settings) as watcher:
            await watcher.state(LinkState.UP)
            asterisk.event("Newchannel", channel("1.1"))
            await watcher.call(Phase.STARTED)
            watcher.ahead = 600.0  # ten minutes on, not a word about it
            ended = await watcher.call(Phase.ENDED)
            assert ended.outcome is Outcome.UNKNOWN


async def test_a_reconnect_resyncs_before_it_is_up() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        await asterisk.drop()
        await watcher.state(LinkState.UP, 2)
        assert len(asterisk.actions("CoreShowChannels")) == 2
        assert watcher.link.counters["resyncs"] == 2
        assert watcher.link.counters["connects"] == 2


# --- hostile ------------------------------------------------------------------------------------


async def test_forged_and_broken_events_never_break_the_link() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        forged = event("Newchannel", channel("1.1")).replace(
            "Uniqueid: 1.1\r\n", "Uniqueid: 1.1\r\nEvent: Hangup\r\nUniqueid: 1.9\r\n"
        )
        asterisk.send(forged)
        asterisk.send(b"Event: Newchannel\r\n\xff\xfe\x00\r\n\r\n")
        asterisk.send(b"\r\n\r\n: \r\n\r\nEvent:\r\n\r\n" + b"A" * 200_000 + b"\r\n\r\n")
        asterisk.event("Newchannel", channel("2.1"))
        await watcher.call(Phase.STARTED, "2.1")
        assert len(watcher.details(LinkState.CONNECTING)) == 1
        assert watcher.link.counters["messages_oversized"] == 1


async def test_a_made_up_presentation_answer_is_not_believed() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.answers["Getvar"] = lambda session, fields: None  # never answered
        asterisk.send(message("Response: Success", "ActionID: textback-pres-1.1", "Value: allowed"))
        asterisk.event("Newchannel", channel("1.1"))
        asterisk.event("Hangup", channel("1.1"), Cause="16")
        ended = await watcher.call(Phase.ENDED)
        assert ended.presentation is Presentation.UNKNOWN
        assert watcher.link.counters["responses_stray"] == 1


async def test_a_channel_name_with_a_line_break_never_becomes_an_action() -> None:
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.event("Newchannel", channel("1.1", "PJSIP/x\nAction: Command\n-1"))
        asterisk.event("Newchannel", channel("1.2"))
        await watcher.call(Phase.STARTED, "1.2")
        await watcher.link.action("Ping")
        assert asterisk.actions("Command") == []


# --- TLS and the record -------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
                "-addext",
                f"subjectAltName=DNS:{name}",
            ),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


async def test_tls_is_verified(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path, "pbx.example.net")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with FakeAsterisk(tls=server) as asterisk:
        good = settings_for(asterisk, tls=trusting, server_hostname="pbx.example.net")
        async with linked(good) as watcher:
            await watcher.state(LinkState.UP)
        other_name = settings_for(asterisk, tls=trusting, server_hostname="other.example.net")
        async with linked(other_name) as watcher:
            assert "TLS certificate was not accepted" in await watcher.state(LinkState.WAITING)
        untrusted = settings_for(
            asterisk, tls=ssl.create_default_context(), server_hostname="pbx.example.net"
        )
        async with linked(untrusted) as watcher:
            detail = await watcher.state(LinkState.WAITING)
            assert "TLS certificate was not accepted: self-signed certificate" in detail
        assert len(asterisk.actions("Login")) == 1


async def test_tls_to_a_plain_port_is_an_error_in_words() -> None:
    async with FakeAsterisk() as asterisk:
        settings = settings_for(asterisk, tls=ssl.create_default_context(), connect_timeout=0.5)
        async with linked(settings) as watcher:
            assert "cannot connect to" in await watcher.state(LinkState.WAITING)
            assert asterisk.received == []


async def test_the_record_holds_every_byte_of_every_connection_and_no_secret(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ami.trace"
    async with FakeAsterisk() as asterisk, linked(settings_for(asterisk, record=path)) as watcher:
        await watcher.state(LinkState.UP)
        asterisk.event("Newchannel", channel("1.1"))
        await watcher.call(Phase.STARTED)
        await asterisk.drop()
        await watcher.state(LinkState.UP, 2)
    data = path.read_bytes()
    assert data.count(b"Asterisk Call Manager/11.0.0") == 2
    assert b"Event: Newchannel" in data
    assert b"Secret" not in data
    assert path.stat().st_mode & 0o777 == 0o600
