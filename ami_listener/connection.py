"""One AMI connection, from the socket to the last byte: open, login, ask, ping, close.

Every step has a deadline and ends in an `AmiError`, an `OSError` or a `ValueError` (a host name no
resolver can take); nothing here tries again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from panoramisk.message import Message

from ami_listener.actions import (
    ActionTimeout,
    AmiAction,
    AmiError,
    NotConnected,
    OneShotManager,
    describe,
    rows_of,
)
from ami_listener.protocol import LinkProtocol
from ami_listener.record import Recorder
from ami_listener.settings import PbxSettings

T = TypeVar("T")

#: Asterisk 12 brought the channel events the tracker reads; its AMI calls itself 2.0.
OLDEST_AMI = 2
#: Pongs may be this many deadlines late while other bytes keep coming (a burst of events).
PATIENCE = 6
#: Seconds a closing socket may take before it is dropped.
CLOSE_TIMEOUT = 1.0


class LoginRefused(AmiError):  # noqa: N818
    """Asterisk does not accept the manager user; trying again soon is no use."""


class Connection:
    """An async context manager around one socket; leaving it closes everything."""

    def __init__(
        self,
        settings: PbxSettings,
        *,
        sink: Callable[[bytes], None],
        recorder: Recorder | None = None,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._recorder = recorder
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._manager: OneShotManager | None = None
        self._protocol: LinkProtocol | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        protocol = self._protocol
        if protocol is None:
            return
        if not protocol.closed and kind is asyncio.CancelledError:
            # A stop on purpose: Asterisk logs a logoff instead of a broken connection.
            protocol.send(AmiAction({"Action": "Logoff"}))
        protocol.close()
        await asyncio.wait([protocol.gone], timeout=CLOSE_TIMEOUT)
        if not protocol.gone.done():
            protocol.transport.abort()
            await asyncio.wait([protocol.gone], timeout=CLOSE_TIMEOUT)

    # --- what is known -------------------------------------------------------------------------

    @property
    def counters(self) -> dict[str, int]:
        p = self._protocol
        return {
            "bytes_received": p.bytes_received if p else 0,
            "events_unused": p.events_unused if p else 0,
            "responses_stray": p.responses_stray if p else 0,
            "messages_oversized": p.oversized if p else 0,
        }

    @property
    def ami_version(self) -> str:
        """As the banner says, e.g. "11.0.0" (Asterisk 22)."""
        return (self._protocol.version or "") if self._protocol else ""

    @property
    def uptime(self) -> float | None:
        """Seconds Asterisk had been up at the login; None when FullyBooted did not say."""
        booted = self._protocol.booted if self._protocol else None
        return booted.result() if booted is not None and booted.done() else None

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the connection is gone."""
        self._lost.add_done_callback(lambda _: callback())

    def raise_if_lost(self) -> None:
        if self._lost.done():
            raise NotConnected(self._lost.result())

    # --- the steps -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Socket, TLS, banner."""
        s = self._settings
        if self._recorder is not None:
            self._recorder.begin()
        record = self._recorder.write if self._recorder is not None else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(s.connect_timeout):
                transport, self._protocol = await loop.create_connection(
                    lambda: LinkProtocol(self._sink, record),
                    s.host,
                    s.port,
                    ssl=s.tls,
                    server_hostname=(s.server_hostname or s.host) if s.tls else None,
                )
        except TimeoutError:
            raise NotConnected(
                f"no connection to {s.host}:{s.port} within {s.connect_timeout:g} s"
            ) from None
        except OSError as error:
            raise NotConnected(f"cannot connect to {s.host}:{s.port}: {describe(error)}") from error
        except (UnicodeError, OverflowError) as error:
            raise NotConnected(f"{s.host!r} is no host name: {error}") from error
        _keep_alive(transport, s.ping_interval + s.ping_timeout)
        version = await self._within(
            self._protocol.banner, s.connect_timeout, "no AMI banner came: is this the AMI port?"
        )
        major = version.split(".")[0]
        if not major.isdigit() or int(major) < OLDEST_AMI:
            raise NotConnected(
                f"AMI version {version!r} is too old: Asterisk 13 or newer is needed"
            )

    async def login(self) -> None:
        """Log in with only `system` events on: FullyBooted, Shutdown. Raises LoginRefused."""
        s, protocol = self._settings, self._opened()
        self._manager = OneShotManager(
            lost=self._lost,
            loop=asyncio.get_running_loop(),
            host=s.host,
            port=s.port,
            username=s.username,
            secret=s.secret,
            events="system",
        )
        answer = self._manager.adopt(protocol.transport, protocol)
        responses = await self._within(answer, s.login_timeout, "no answer to the login")
        if not responses[0].success:
            said = str(responses[0].get("message", "")) or "no reason given"
            raise LoginRefused(
                f"Asterisk refused the login of manager user {s.username!r} ({said}): check the "
                "user's name, secret and permit/deny lines in manager.conf, then "
                "`asterisk -rx 'manager reload'`"
            )

    async def wait_booted(self, seconds: float) -> bool:
        """Wait for FullyBooted; False when it did not come in time. Raises on a lost link."""
        booted = self._opened().booted
        await self._first(booted, seconds)
        if not booted.done():
            self.raise_if_lost()
        return booted.done()

    async def ask(self, action: AmiAction, seconds: float) -> list[dict[str, str]]:
        """Send an action; see `rows_of` for the answer. Late answers are forgotten."""
        name = str(action["action"])
        future = self.send(action)
        try:
            responses = await self._within(future, seconds, f"no answer to {name}")
        finally:
            self._opened().forget(str(action.id))
        return rows_of(action, responses)

    def send(self, action: AmiAction) -> asyncio.Future[list[Message]]:
        """Send an action and wait for nothing; the future never leaks its exception."""
        if self._manager is None:
            raise NotConnected("not logged in")
        self.raise_if_lost()
        future: asyncio.Future[list[Message]] = self._manager.send_action(action)  # type: ignore[no-untyped-call]
        return future

    def forget(self, action_id: str) -> None:
        self._opened().forget(action_id)

    async def ping(self, seconds: float) -> None:
        """Raises ActionTimeout when the peer has been silent for `seconds`, or has sent other
        things but no pong for `PATIENCE` times that."""
        protocol = self._opened()
        action = AmiAction({"Action": "Ping"})
        sent = time.monotonic()
        future = self.send(action)
        while not future.done():
            await self._first(future, seconds)
            self.raise_if_lost()
            now = time.monotonic()
            if not future.done() and (
                now - max(sent, protocol.received_at) >= seconds or now - sent >= PATIENCE * seconds
            ):
                protocol.forget(str(action.id))
                raise ActionTimeout(f"no answer to Ping for {now - sent:.0f} s")
        future.result()  # any answer proves that the other side lives; a lost link raises

    async def _within(self, future: asyncio.Future[T], seconds: float, what: str) -> T:
        """The future's result; ActionTimeout after `seconds`. Never cancels the future."""
        await self._first(future, seconds)
        if future.done():
            return future.result()
        self.raise_if_lost()
        raise ActionTimeout(f"{what} (waited {seconds:g} s)")

    async def _first(self, future: asyncio.Future[Any], seconds: float) -> None:
        """Wait for the future or the end of the link, whichever is first, or the time is up."""
        waiting: list[asyncio.Future[Any]] = [future, self._lost]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def _opened(self) -> LinkProtocol:
        if self._protocol is None:
            raise NotConnected("not connected")
        return self._protocol


def _keep_alive(transport: asyncio.BaseTransport, seconds: float) -> None:
    """Have the kernel notice a dead peer too, for bytes of ours that nobody acknowledges."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
