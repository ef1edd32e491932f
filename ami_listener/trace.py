"""A captured AMI byte stream, read back as messages, each with the moment it happened.

The moment is the message's own Timestamp header (manager.conf `timestampevents = yes`); a message
without one happened when the one before it did. A capture may be gzipped, may begin and end in the
middle of a message, and may hold several connections one after the other.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ami_listener.event_types import Tainted
from ami_listener.events import parse_event
from ami_listener.identity import boot_of
from ami_listener.stream import PRESENTATION_ID
from ami_listener.wire import Splitter, parse_headers
from textback.model import Moment

_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"
_BANNER = b"Asterisk Call Manager/"
_BEGINNINGS = (b"Event: ", b"Response: ", _BANNER)
#: Nine to eleven digits: the years 1973 to 5138. Anything else was not written by Asterisk.
_TIMESTAMP = re.compile(rb"\r\nTimestamp: ([0-9]{9,11}(?:\.[0-9]{1,9})?)(?:\r\n|\Z)")
#: Seconds by which events may come out of order; a longer step back is a clock that was set.
_DISORDER = 5.0

Progress = Callable[[int, int], None]


class TraceClock:
    """Timestamps in, moments out: `utc` follows them, `steady` never goes back."""

    def __init__(self, first: float) -> None:
        self._offset = 0.0
        self.now = Moment.at(first)

    def at(self, timestamp: float) -> Moment:
        steady = timestamp + self._offset
        if steady < self.now.steady - _DISORDER:  # the clock was set back: go on from here
            self._offset += self.now.steady - steady
            steady = self.now.steady
        self.now = Moment(datetime.fromtimestamp(timestamp, UTC), max(steady, self.now.steady))
        return self.now


@dataclass(slots=True)
class Overview:
    """What one look at the whole trace tells."""

    messages: int = 0
    first: float | None = None  #: earliest Timestamp in the order of the trace
    boot: str = ""  #: of the first CoreStatus answer
    presentation_asked: bool = False  #: at least one of our presentation questions was answered
    fragments: int = 0  #: messages cut off at the beginning or end of a capture
    oversized: int = 0
    damaged: str = ""  #: why the file ends early, else ""


class Trace:
    """One trace file. Raises OSError when it cannot be read."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._path = path
        self._progress = progress
        self._size = path.stat().st_size
        self._done = 0
        self.overview = Overview()

    def look(self) -> Overview:
        """Read it once from end to end, before `messages`."""
        found = self.overview
        for raw in self._raw():
            found.messages += 1
            if found.first is None:
                found.first = timestamp_of(raw)
            if raw.startswith(b"Response: "):
                if b"\r\nActionID: " + PRESENTATION_ID.encode() in raw:
                    found.presentation_asked = True
                if not found.boot and b"\r\nCoreStartupDate: " in raw:
                    found.boot = boot_of(parse_headers(raw))
        return found

    def messages(self) -> Iterator[tuple[bytes, Moment]]:
        """Every message with its moment; time stands still where no message tells it."""
        first = self.overview.first
        clock = TraceClock(self._path.stat().st_mtime if first is None else first)
        for raw in self._raw():
            at = timestamp_of(raw)
            yield raw, clock.at(at) if at is not None else clock.now

    def _raw(self) -> Iterator[bytes]:
        """Whole messages; the torn ones at the edges of a capture are counted and left out."""
        self.overview.fragments = 0
        edge = True
        held: bytes | None = None
        for raw in self._split():
            if held is not None:
                if raw.startswith(_BANNER) and isinstance(parse_event(held), Tainted):
                    self.overview.fragments += 1  # what the connection broke off in
                else:
                    yield held
            held = None
            if edge and not raw.startswith(_BEGINNINGS):
                self.overview.fragments += 1
            else:
                held = raw
            edge = raw.startswith(_BANNER)
        if held is None:
            return
        if isinstance(parse_event(held), Tainted):
            self.overview.fragments += 1
        else:
            yield held

    def _split(self) -> Iterator[bytes]:
        splitter = Splitter()
        for chunk in self._chunks():
            yield from splitter.receive_data(chunk)
        yield from splitter.receive_data(b"\r\n\r\n")  # the last blank line may be missing
        self.overview.oversized = splitter.oversized

    def _chunks(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            zipped = file.read(2) == _GZIP
            file.seek(0)
            source = gzip.GzipFile(fileobj=file) if zipped else file
            unix: bool | None = None  # saved with bare line feeds, as an editor may do
            done = self._done
            while True:
                try:
                    chunk = source.read(_CHUNK)
                except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                    self.overview.damaged = f"the gzip data is damaged: {error}"
                    break
                if not chunk:
                    break
                if unix is None:
                    unix = b"\n" in chunk and b"\r\n" not in chunk
                yield chunk.replace(b"\n", b"\r\n") if unix else chunk
                self._report(done + file.tell())
            self._done = done + self._size
            self._report(self._done)

    def _report(self, done: int) -> None:
        if self._progress is not None:
            self._progress(min(done, 2 * self._size), 2 * self._size)


def timestamp_of(raw: bytes) -> float | None:
    """The Timestamp header in epoch seconds, or None."""
    found = _TIMESTAMP.search(raw)
    return float(found[1]) if found is not None else None
