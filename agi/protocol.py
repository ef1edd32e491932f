"""FastAGI without a socket: bytes of Asterisk -> request and replies, our commands -> lines.

A request is a head of `agi_name: value` lines up to a blank one. Caller id and dialled number stand
in it as the caller's SIP said them, and PJSIP unescapes %0D%0A, so a caller may write lines into
the head, even end it, with up to 80 bytes. What gives that away, and is refused whole: Asterisk
writes its lines in one order, each once, without control characters, and always all of them; what
is left to write behind the last value a caller can reach is longer than 80 bytes.

Afterwards each command of ours is one line, at most 2,000 bytes (res_agi.c reads 2,048), and is
answered by one reply: `200 result=...`, an error, or usage over several lines (520).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from textback.model import Presentation

#: Bytes and lines of a head; Asterisk's is below 3 KiB with 20 arguments.
MAX_HEAD = 16_384
MAX_LINES = 200
#: Bytes of one reply, usage included.
MAX_REPLY = 65_536
#: Bytes of one command without its line end: res_agi.c reads lines into 2,048.
MAX_COMMAND = 2_000
#: Characters of a value in an AGI command, and of any text that is logged.
MAX_VALUE = 256

#: The lines of res_agi.c's setup_env, in their order. `agi_network_script` is left out by Asterisk
#: when the URL names none; everything else is there since Asterisk 1.8.
LINES = (
    "agi_network",
    "agi_network_script",
    "agi_request",
    "agi_channel",
    "agi_language",
    "agi_type",
    "agi_uniqueid",
    "agi_version",
    "agi_callerid",
    "agi_calleridname",
    "agi_callingpres",
    "agi_callingani2",
    "agi_callington",
    "agi_callingtns",
    "agi_dnid",
    "agi_rdnis",
    "agi_context",
    "agi_extension",
    "agi_priority",
    "agi_enhanced",
    "agi_accountcode",
    "agi_threadid",
)
_PLACE = {name: place for place, name in enumerate(LINES)}
_OPTIONAL = frozenset({"agi_network_script"})
_ARGUMENT = re.compile(r"agi_arg_([0-9]{1,3})", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_NOBODY = frozenset({"unknown", "<unknown>"})


class AgiError(Exception):
    """What came is no FastAGI, or cannot be trusted; the message is for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgiRequest:
    """One `AGI()` of the dialplan. All strings are hostile."""

    script: str  #: what the URL names, without slashes around it: "message"
    query: dict[str, str]  #: of the URL: {"name": "closed"}; of a name given twice the first
    args: tuple[str, ...]  #: further arguments of AGI(): agi_arg_1...
    channel: str
    uniqueid: str
    caller: str  #: CALLERID(num) at this moment, "" when there is none
    caller_name: str
    presentation: Presentation
    did: str  #: CALLERID(dnid), else the extension
    context: str
    extension: str
    version: str  #: Asterisk's
    lines: dict[str, str] = field(repr=False, compare=False)

    def argument(self, name: str) -> str:
        """`name` of the URL's query, else the first argument of AGI(); "" for neither."""
        given = self.query.get(name, "") or (self.args[0] if self.args else "")
        return given.strip()[:MAX_VALUE]


class HeadReader:
    """Collects the head of one request; memory is bounded by `MAX_HEAD`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def started(self) -> bool:
        """Whether anything was said at all."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> AgiRequest | None:
        """The request, once its head is whole; None before. Raises AgiError."""
        buffer = self._buffer
        seam = max(0, len(buffer) - 1)
        buffer += data
        end = buffer.find(b"\n\n", seam)
        if end < 0:
            if len(buffer) > MAX_HEAD:
                raise AgiError(f"the head is longer than {MAX_HEAD} bytes")
            if not b"agi_".startswith(bytes(buffer[:4])):
                raise AgiError("this is not FastAGI")
            return None
        if end > MAX_HEAD:
            raise AgiError(f"the head is longer than {MAX_HEAD} bytes")
        if len(buffer) > end + 2:
            # Asterisk says nothing more before it is asked: a value of the head has ended it.
            raise AgiError("something follows the head: a value in it was forged")
        return parse_head(bytes(buffer[:end]))


def parse_head(raw: bytes) -> AgiRequest:
    """The request in a whole head, its blank line not included. Raises AgiError."""
    lines: dict[str, str] = {}
    args: dict[int, str] = {}
    place = -1
    text = raw.decode("utf-8", "replace")
    if text.count("\n") >= MAX_LINES:
        raise AgiError(f"the head has more than {MAX_LINES} lines")
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not colon or not name.startswith("agi_"):
            raise AgiError("a line of the head is none of Asterisk's: a value in it was forged")
        if _CONTROL.search(value):
            raise AgiError(f"{name[:40]} holds a control character: it was forged")
        argument = _ARGUMENT.fullmatch(name)
        if argument is not None:
            if int(argument[1]) != len(args) + 1 or place != len(LINES) - 1:
                raise AgiError("an argument stands where Asterisk writes none: it was forged")
            args[len(args) + 1] = value
            continue
        here = _PLACE.get(name)
        if here is None:
            continue  # of a newer Asterisk
        if here <= place or args:
            raise AgiError(f"{name} comes twice, or out of its order: it was forged")
        place = here
        lines[name] = value
    missing = [name for name in LINES if name not in lines and name not in _OPTIONAL]
    if missing:
        raise AgiError(f"{missing[0]} is missing from the head")
    return _request(lines, tuple(args.values()))


def _request(lines: dict[str, str], args: tuple[str, ...]) -> AgiRequest:
    path, _, query = lines.get("agi_network_script", "").partition("?")
    named: dict[str, str] = {}
    # A `#` or `;` is nothing special in AGI; at most 20 pairs, so that no URL costs much.
    for name, value in parse_qsl(query.replace(";", "&")[:2048], keep_blank_values=True)[:20]:
        named.setdefault(name.strip().lower(), _CONTROL.sub("", value))
    number, name = lines["agi_callerid"], lines["agi_calleridname"]
    dnid = lines["agi_dnid"]
    return AgiRequest(
        script=unquote(path).strip("/").lower(),
        query=named,
        args=args,
        channel=lines["agi_channel"],
        uniqueid=lines["agi_uniqueid"],
        caller="" if number in _NOBODY else number,
        caller_name="" if name in _NOBODY else name,
        presentation=presentation_of(lines["agi_callingpres"]),
        did=lines["agi_extension"] if dnid in _NOBODY or not dnid else dnid,
        context=lines["agi_context"],
        extension=lines["agi_extension"],
        version=lines["agi_version"],
        lines=lines,
    )


def presentation_of(code: str) -> Presentation:
    """agi_callingpres: bits 5 and 6 (Q.931 octet 3a) 0 allowed, 1 restricted, 2 not available."""
    if not (code.isascii() and code.isdigit()):
        return Presentation.UNKNOWN
    return Presentation.ALLOWED if int(code) < 32 else Presentation.WITHHELD


# --- what we say ------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """One argument as res_agi.c's parse_args reads it back: in quotes, `"` and `\\` escaped.

    Control characters end a command or a value: they are taken out.
    """
    clean = _CONTROL.sub("", text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(*words: str) -> bytes:
    """A command line: the first word as it is (`SET VARIABLE`), the others quoted.

    Raises ValueError for one that Asterisk would cut.
    """
    verb, *arguments = words
    if not re.fullmatch(r"[A-Z]+( [A-Z]+)*", verb):
        raise ValueError(f"{verb!r} is no AGI command")
    line = " ".join([verb, *map(quoted, arguments)]).encode("utf-8", "replace")
    if len(line) > MAX_COMMAND:
        raise ValueError(f"the command has {len(line)} bytes; Asterisk reads {MAX_COMMAND}")
    return line + b"\n"


def set_variable(name: str, value: str) -> bytes:
    """`SET VARIABLE name "value"`, the value cut to `MAX_VALUE` characters.

    Raises ValueError for a name that is no plain variable (a function would be called).
    """
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError(f"{name!r} is no variable of ours")
    return command("SET VARIABLE", name, value[:MAX_VALUE])


# --- what Asterisk answers --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgiReply:
    """The answer to one command."""

    code: int  #: 200 done; 510 unknown; 511 not on a dead channel; 520 usage
    text: str  #: behind the code, all lines

    @property
    def ok(self) -> bool:
        return self.code == 200


_REPLY = re.compile(rb"([1-9][0-9]{2})([ -])(.*)", re.DOTALL)


class ReplyReader:
    """Bytes -> replies, in order. `hung_up` once Asterisk has said HANGUP."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._usage: list[str] | None = None
        self.hung_up = False

    def feed(self, data: bytes) -> list[AgiReply]:
        """Replies that are whole now. Raises AgiError for what is none."""
        self._buffer += data
        replies: list[AgiReply] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            reply = self._line(line.removesuffix(b"\r"))
            if reply is not None:
                replies.append(reply)
        used = sum(map(len, self._usage)) if self._usage else 0
        if len(self._buffer) + used > MAX_REPLY:
            raise AgiError(f"a reply is longer than {MAX_REPLY} bytes")
        return replies

    def _line(self, line: bytes) -> AgiReply | None:
        if line == b"HANGUP":
            # The channel is gone; commands are still answered (200, or 511 on a dead channel).
            self.hung_up = True
            return None
        if self._usage is not None:
            text = line.decode("utf-8", "replace")
            if not line.startswith(b"520 "):
                self._usage.append(text)
                return None
            usage, self._usage = self._usage, None
            return AgiReply(520, "\n".join([*usage, text[4:]]))
        match = _REPLY.fullmatch(line)
        if match is None:
            raise AgiError("this is no reply of Asterisk's")
        code, text = int(match[1]), match[3].decode("utf-8", "replace")
        if code == 100:  # Trying...
            return None
        if match[2] == b"-":  # 520-Invalid command syntax. Proper usage follows:
            self._usage = [text]
            return None
        return AgiReply(code, text)
