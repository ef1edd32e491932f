"""SIP messages (RFC 3261) as far as a test's user agent needs them: parse and render, no I/O."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

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

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    404: "Not Found",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
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
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


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
