"""panoramisk's AMIProtocol with its own reading: bytes in, whole messages out, nothing awaited.

The read path only splits, looks at the event's name, and hands over; it never parses an event.
What panoramisk 1.4 does instead and why it is replaced:

* it decoded every TCP chunk by itself, so a character split between two chunks was lost;
* it called event handlers inside data_received, so one that raised closed the connection and lost
  the rest of the chunk; a duplicate `Event:` header did the same;
* its buffer for a line without an end had no bound;
* an action on a dead connection never resolved.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from ami_listener.actions import AmiAction, NotConnected
from ami_listener.stream import STREAM_IDS, is_for_stream
from ami_listener.wire import Splitter, event_name, parse_headers

BANNER = b"Asterisk Call Manager/"
#: A banner is about 30 bytes; a peer that sends more without a line end does not speak AMI.
MAX_BANNER = 256


class LinkProtocol(AMIProtocol):  # type: ignore[misc, unused-ignore]
    """One AMI connection. `sink(raw)` gets, in order, what the tracker may need."""

    def __init__(
        self, sink: Callable[[bytes], None], record: Callable[[bytes], None] | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._sink = sink
        self._record = record
        self._splitter = Splitter()
        self._head: bytes | None = b""
        #: AMI version of the banner, e.g. "11.0.0".
        self.banner: asyncio.Future[str] = loop.create_future()
        #: Uptime in seconds as FullyBooted told it; None when it did not (Asterisk < 16).
        self.booted: asyncio.Future[float | None] = loop.create_future()
        #: Resolved when the socket is gone.
        self.gone: asyncio.Future[None] = loop.create_future()
        self.received_at = time.monotonic()
        self.bytes_received = 0
        self.events_unused = 0
        self.responses_stray = 0
        self.closed = True

    # --- reading -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.received_at = time.monotonic()
        self.bytes_received += len(data)
        if self._record is not None:
            self._record(data)
        if self._head is not None:
            data = self._read_banner(data)
            if not data:
                return
        for raw in self._splitter.receive_data(data):
            self._message(raw)

    @property
    def oversized(self) -> int:
        """Messages dropped because they were longer than the splitter's bound."""
        return self._splitter.oversized

    def _read_banner(self, data: bytes) -> bytes:
        head = (self._head or b"") + data
        line, end, rest = head.partition(b"\n")
        if not end and len(head) < MAX_BANNER:
            self._head = head
            return b""
        self._head = None
        if line.startswith(BANNER):
            self.version = line[len(BANNER) :].strip().decode("ascii", "replace")
            _resolve(self.banner, self.version)
            return rest
        said = line[:60].decode("ascii", "replace").strip()
        if not self.banner.done():
            self.banner.set_exception(
                NotConnected(f"the peer does not speak AMI; it said {said!r}")
            )
        self.close()
        return b""

    def _message(self, raw: bytes) -> None:
        name = event_name(raw)
        if name is None:
            if raw.startswith(b"Response:"):
                self._response(raw)
            else:
                self._sink(raw)  # an event torn apart by a hostile value: its calls are tainted
            return
        if name == b"FullyBooted":
            _resolve(self.booted, _seconds(parse_headers(raw).get("uptime", "")))
        if self.responses and b"ActionID: " in raw:
            self._to_action(raw)
        if is_for_stream(name, raw):
            self._sink(raw)
        else:
            self.events_unused += 1

    def _response(self, raw: bytes) -> None:
        action_id = self._to_action(raw)
        if action_id is None:
            # Not asked by us: a late answer, or one that somebody made up.
            self.responses_stray += 1
        elif action_id.startswith(STREAM_IDS):
            self._sink(raw)

    def _to_action(self, raw: bytes) -> str | None:
        """Give a response or list row to the action that waits for it; its ActionID, or None."""
        headers = parse_headers(raw)
        action_id = headers.get("actionid", "")
        action: AmiAction | None = self.responses.get(action_id)
        if action is None:
            return None
        # panoramisk's Message takes a plain dict; repeated headers (Output:) become lines of one.
        fields = {key: "\n".join(headers.all(key)) for key in headers}
        if action.add_message(Message(fields)):  # type: ignore[no-untyped-call]
            self.responses.pop(action_id, None)
        return action_id

    # --- writing -------------------------------------------------------------------------------

    def send(self, data: Any, as_list: bool | None = None) -> asyncio.Future[list[Message]]:
        """Write one action; its future gets every message of the answer.

        Raises ValueError for a value that would break out of its header, NotConnected when the
        connection is gone. `as_list` is panoramisk's parameter; the answer itself tells.
        """
        action = data if isinstance(data, AmiAction) else AmiAction(dict(data))
        if self.closed or self.transport.is_closing():
            raise NotConnected("the AMI connection is closed")
        self.responses[action.id] = action
        self.transport.write(str(action).encode())
        future: asyncio.Future[list[Message]] = action.future
        return future

    def forget(self, action_id: str) -> None:
        """Nobody waits for this answer any more."""
        self.responses.pop(action_id, None)

    # --- the connection ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: BaseException | None) -> None:
        manager = self.factory
        self.close(exc)
        _resolve(self.gone, None)
        if manager is not None:
            manager.connection_lost(exc)

    def close(self, exc: BaseException | None = None) -> None:
        """Close the socket and fail what still waits for an answer. Twice is fine."""
        self.closed = True
        if not self.banner.done():
            self.banner.set_exception(NotConnected("the connection was closed before the banner"))
        self.banner.exception()  # seen: an attempt that was cancelled does not look at it
        pending, self.responses = self.responses, {}
        for action in pending.values():
            if not action.future.done():
                action.future.set_exception(NotConnected("the AMI link went down"))
                action.future.exception()  # seen: nobody may be waiting
        if not self.transport.is_closing():
            self.transport.close()


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
