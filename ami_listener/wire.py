"""The AMI byte stream cut into messages, and a message into headers; nothing here raises.

Asterisk ends a message with a blank line, and a TCP chunk ends anywhere, so `Splitter` works on
bytes and a character is only ever decoded inside a whole message. Memory is bounded: a message that
does not end is given up, counted, and skipped up to the next blank line.
"""

from __future__ import annotations

from collections.abc import Iterator

_END = b"\r\n\r\n"
_CONTROL = bytes((*range(32), 127))
_BANNER = b"Asterisk Call Manager/"


class Splitter:
    """Bytes in, whole raw messages out, each without its blank line.

    The greeting (`Asterisk Call Manager/11.0.0`) is the one line without a blank line after it; it
    comes out as a message of its own as soon as its line is complete. Empty messages (stray blank
    lines) are dropped, so a recorder may write a blank line between two connections.

    What was given is never given again: the caller feeds every message on, in order.
    """

    __slots__ = ("_buffer", "_skipping", "max_message", "oversized")

    def __init__(self, max_message: int = 65536) -> None:
        self.max_message = max_message  #: bytes
        self.oversized = 0  #: messages given up so far
        self._buffer = bytearray()
        self._skipping = False

    def receive_data(self, data: bytes) -> list[bytes]:
        buffer = self._buffer
        # Only the seam can hold a new end: a message that trickles in is scanned once, not once
        # per chunk.
        seam = max(0, len(buffer) - len(_END) + 1)
        buffer += data
        if buffer.find(_END, seam) < 0:
            return self._unfinished()
        parts = bytes(buffer).split(_END)
        rest = parts.pop()
        buffer.clear()
        buffer += rest
        if self._skipping:
            del parts[0]
            self._skipping = False
        messages: list[bytes] = []
        for raw in parts:
            if raw[:7] == b"Event: " and len(raw) <= self.max_message:  # nearly all of them
                messages.append(raw)
            else:
                messages += self._checked(raw)
        messages += self._unfinished()
        return messages

    def _checked(self, raw: bytes) -> Iterator[bytes]:
        if len(raw) > self.max_message:
            self.oversized += 1
            return
        if raw[:2] == b"\r\n":
            raw = raw.lstrip(b"\r\n")
        if raw.startswith(_BANNER):
            banner, _, raw = raw.partition(b"\r\n")
            yield banner
        if raw:
            yield raw

    def _unfinished(self) -> list[bytes]:
        """Look after what has no end yet: the greeting, or a message that has grown too long."""
        buffer = self._buffer
        if not self._skipping and buffer.startswith(_BANNER):
            end = buffer.find(b"\r\n")
            if end > 0:
                banner = bytes(buffer[:end])
                del buffer[: end + 2]
                return [banner]
        if len(buffer) > self.max_message:
            if not self._skipping:
                self.oversized += 1
                self._skipping = True
            del buffer[: 1 - len(_END)]  # an end may lie across the seam
        return []


class Headers(dict[str, str]):
    """Headers of one message: key folded to lower case -> first value.

    `repeated` holds every value, in order, of the keys that came more than once.
    """

    __slots__ = ("malformed", "repeated")

    def __init__(self) -> None:
        super().__init__()
        self.repeated: dict[str, list[str]] = {}
        self.malformed = 0  #: lines without a colon

    def all(self, key: str) -> list[str]:
        """Every value of `key`, in order of arrival."""
        values = self.repeated.get(key)
        if values is not None:
            return values
        return [self[key]] if key in self else []


def event_name(raw: bytes) -> bytes | None:
    """The value of the Event header, or None for anything else (a response, the greeting).

    Asterisk writes `Event:` first, always; so this costs no dict.
    """
    if raw[:7] != b"Event: ":
        return None
    end = raw.find(b"\r\n")
    return raw[7:end] if end > 0 else raw[7:]


#: Header name as sent -> folded, learnt from well-formed lines; so a known name costs one look-up.
_FOLDED: dict[str, str] = {}
_MOST_NAMES = 1000  # a caller can write header names of its own


def parse_plain(raw: bytes) -> dict[str, str] | None:
    """The headers of a message in which nothing is unusual, else None.

    Every line is known by name and comes once, and no value holds a control character. Nearly every
    event is such a one; `parse_headers` reads the others, at twice the price.
    """
    headers = {}
    lines = raw.decode("utf-8", "replace").split("\r\n")
    try:
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon:
                return None
            headers[_FOLDED[name]] = value
    except KeyError:
        return None
    if len(headers) != len(lines) or has_control(raw, len(lines)):
        return None
    return headers


def has_control(raw: bytes, lines: int) -> bool:
    """Whether a value holds a control character; a CR or LF that ends no line is one."""
    return len(raw) - len(raw.translate(None, _CONTROL)) != 2 * (lines - 1)


def parse_headers(raw: bytes) -> Headers:
    """One message as headers. Bytes that are no UTF-8 become U+FFFD; key case varies by version."""
    headers = Headers()
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(": ")
        if colon:
            key = name.lower()
            if name not in _FOLDED and len(_FOLDED) < _MOST_NAMES:
                _FOLDED[name] = key
        else:  # "Key:" with an empty value, or no header at all
            name, colon, value = line.partition(":")
            key = name.lower()
            if not colon:
                if line:
                    headers.malformed += 1
                continue
        if key in headers:
            headers.repeated.setdefault(key, [headers[key]]).append(value)
        else:
            headers[key] = value
    return headers
