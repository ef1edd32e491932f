"""SIP messages (RFC 3261) as far as a test's user agent needs them: parse and render, no I/O."""

from __future__ import annotations

import math
import re
import secrets
from dataclasses import dataclass, field


def _ulaw(sample: int) -> int:
    """One 16-bit sample as G.711 u-law."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


#: Compact header forms (RFC 3261 section 7.3.3).
COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "r": "refer-to",
}

#: 20 ms of G.711 u-law, of which any number make one unbroken tone: something to record, and the
#: 1100 Hz by which a calling fax machine makes itself known (T.30 section 4.3.3.2).
TONE = bytes(0x90 if i % 16 < 8 else 0x10 for i in range(160))
FAX_CALLING = bytes(_ulaw(int(8000 * math.sin(math.tau * 1100 * i / 8000))) for i in range(160))

SDP = ("Content-Type", "application/sdp")

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


@dataclass
class Message:
    """One request or response; `start` is its first line."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @property
    def status(self) -> int:
        """The response's code; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The request's method, or that of the request a response answers (CSeq)."""
        return self.get("cseq").split()[1] if self.status else self.start.split()[0]

    @property
    def uri(self) -> str:
        return self.start.split()[1]

    @property
    def user(self) -> str:
        """User part of the request-URI, as in sip:USER@host."""
        return user_of(self.uri)

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;\s]+)", self.get("via"))
        return found.group(1) if found else ""

    def get(self, name: str) -> str:
        return next((v for n, v in self.headers if n.lower() == name), "")

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name]

    def render(self) -> bytes:
        lines = [self.start, *(f"{n}: {v}" for n, v in self.headers)]
        body = self.body.encode()
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        # Octets that are no UTF-8 stand in the text as Python's surrogates.
        return head.encode(errors="surrogateescape") + body


def parse(data: bytes) -> Message:
    head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in " \t" and headers:  # folded
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
            continue
        name, _, value = line.partition(":")
        name = name.strip()
        name = COMPACT.get(name.lower(), name)
        if name.lower() != "content-length":
            headers.append((name, value.strip()))
    return Message(start, headers, body)


def user_of(value: str) -> str:
    found = re.search(r"sips?:([^@>;]+)@", value)
    return found.group(1) if found else ""


def uri_of(value: str) -> str:
    """The URI of a From, To or Contact header."""
    found = re.search(r"<([^>]+)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def tag_of(value: str) -> str:
    found = re.search(r";\s*tag=([^;\s]+)", value)
    return found.group(1) if found else ""


def token() -> str:
    return secrets.token_hex(6)


def branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def response(
    request: Message,
    status: int,
    *,
    tag: str = "",
    headers: list[tuple[str, str]] | None = None,
    body: str = "",
) -> Message:
    """The answer to `request`: its Vias, From, To (with our tag), Call-ID and CSeq."""
    to = request.get("to")
    if tag and not tag_of(to):
        to = f"{to};tag={tag}"
    return Message(
        f"SIP/2.0 {status} {REASONS.get(status, 'Status')}",
        [
            *(("Via", via) for via in request.all("via")),
            *(("Record-Route", route) for route in request.all("record-route")),
            ("From", request.get("from")),
            ("To", to),
            ("Call-ID", request.get("call-id")),
            ("CSeq", request.get("cseq")),
            *(headers or []),
        ],
        body,
    )


def sdp(port: int) -> str:
    """An offer or answer of one G.711 u-law stream at 127.0.0.1:`port`."""
    lines = (
        "v=0",
        "o=lab 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=sendrecv",
    )
    return "\r\n".join(lines) + "\r\n"


def media_port(body: str) -> int:
    found = re.search(r"^m=audio (\d+) ", body, re.MULTILINE)
    return int(found.group(1)) if found else 0
