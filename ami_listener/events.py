"""Raw AMI messages as typed events, with the forged and the malformed marked as such.

An event we do not use costs a look at its first line and no dict; most VarSet and Newexten are
turned away by one more look. `parse_event` never raises: whatever is wrong becomes `Tainted`.

Why the suspicion: CallerIDNum, ConnectedLineNum and Exten reach AMI unescaped, and PJSIP unescapes
%0D%0A in a SIP URI, so a caller can write header lines, even whole events, of up to 80 bytes. What
gives a forgery away: a header twice, no Privilege line, a line without a colon, a control
character in a number, a whole snapshot that 80 bytes cannot hold, and the rest of the torn event
that follows it.
"""

from __future__ import annotations

from . import event_fields
from . import event_types as t
from .event_fields import BUILDERS, Builder, channel_row, time_of
from .event_types import *  # noqa: F403  re-exported: the event types are our vocabulary
from .event_types import AmiEvent, Tainted
from .wire import Headers as Headers
from .wire import Splitter as Splitter
from .wire import event_name as event_name
from .wire import has_control, parse_plain
from .wire import parse_headers as parse_headers

#: The names that cost a parse; everything else is turned away by its first line.
USED = frozenset(BUILDERS)
#: VarSet is used for these only; leading underscores (inheritance marks) do not count.
VARIABLES = frozenset(
    {b"FROM_DID", b"DIALSTATUS", b"QUEUESTATUS", b"VMSTATUS"}
    | {b"TEXTBACK", b"TEXTBACK_MESSAGE", b"TEXTBACK_VERSTAT"}
    # FreePBX's inbound routes show a withheld number to the phones, and keep here how it came.
    | {b"CALLINGNUMPRES_SV", b"CALLINGPRES_SV"}
)
#: Newexten is used for these only. Needs `dialplan` in the AMI user's `read`.
APPLICATIONS = frozenset(
    {b"VoiceMail", b"MinivmRecord", b"Queue", b"Dial", b"ReceiveFAX"}
    | {b"Page", b"Busy", b"Congestion"}
)
#: The one UserEvent that is ours. Needs `user` in the AMI user's `read`.
USER_EVENT = b"textback"
#: The ActionID of our Getvar is this and the Uniqueid, so a captured stream replays by itself.
PRESENTATION_ACTION_ID = "textback-pres-"

_CONTROL_TO_NOTHING = dict.fromkeys((*range(32), 127))
_REPEATABLE = "variable"  # ChanVariable, DestChanVariable...: one line for each variable
#: Nothing a caller can write comes after these lines of a snapshot, so of several the last is
#: Asterisk's own; in these two events no second snapshot and no free text follows.
_LAST_LINES = frozenset({"context", "exten", "uniqueid", "linkedid"})
_LAST_COUNTS = ("Newchannel", "Hangup")
_FREE_TEXT = ("name", "value", "data", "dialstring", "cause-txt", "accountcode", "application")


def parse_event(raw: bytes) -> AmiEvent | None:
    """The event in `raw`, or None when it is none we use (a response, the greeting, others)."""
    if raw[:7] == b"Event: ":
        end = raw.find(b"\r\n")
        name = raw[7:end] if end > 0 else raw[7:]
        build = BUILDERS.get(name)
        if build is None or unwanted(name, raw):
            return None
        return _typed(name.decode("ascii"), build, raw)
    if raw[:9] == b"Response:":
        return _presentation(raw)
    if raw.startswith(b"Asterisk Call Manager/"):
        return None
    # The rest of an event torn apart by a blank line in a value; it still names its channel.
    headers = parse_headers(raw)
    ids = _uniqueids(headers)
    return Tainted(time_of(headers), "", ids, "no Event header", piece=event_fields.piece(headers))


def unwanted(name: bytes, raw: bytes) -> bool:
    if name == b"VarSet":
        start = raw.find(b"\r\nVariable: ") + 12
        return raw[start : raw.find(b"\r\n", start)].lstrip(b"_") not in VARIABLES
    if name == b"Newexten":
        start = raw.find(b"\r\nApplication: ") + 15
        return raw[start : raw.find(b"\r\n", start)] not in APPLICATIONS
    if name == b"UserEvent":
        # Behind the snapshot; what the dialplan adds to it may go on to the end of the message.
        start = raw.find(b"\r\nUserEvent: ") + 13
        end = raw.find(b"\r\n", start)
        return raw[start : end if end > 0 else len(raw)].strip().lower() != USER_EVENT
    return False


def _typed(name: str, build: Builder, raw: bytes) -> AmiEvent | None:
    headers = parse_plain(raw)
    if headers is not None and "privilege" in headers:
        try:
            return build(headers, time_of(headers))
        except KeyError:
            pass  # a header is missing: read it again, with care
    return _suspected(name, build, parse_headers(raw), raw)


def _suspected(name: str, build: Builder, headers: Headers, raw: bytes) -> AmiEvent | None:
    """An event that is not plain: a channel list's row, one with a new header name, a forgery."""
    at = time_of(headers)
    # Every manager event has a Privilege; a list's rows answer our own action instead.
    if "privilege" not in headers and not ("actionid" in headers and build is channel_row):
        return Tainted(at, name, _uniqueids(headers), "no Privilege header")
    reason = ""
    if headers.repeated:
        for key in headers.repeated:
            if not key.endswith(_REPEATABLE):
                reason = f"header {key} more than once"
                if key == "event" or (key.endswith("uniqueid") and name not in _LAST_COUNTS):
                    return Tainted(at, name, _uniqueids(headers), reason)
        for key in _LAST_LINES & headers.repeated.keys():
            headers[key] = headers.repeated[key][-1]
    if headers.malformed:
        reason = reason or "a line without a colon"
    if has_control(raw, raw.count(b"\r\n") + 1):
        key = _clean(headers)
        if key:
            reason = reason or f"control character in {key}"
    try:
        event = build(headers, at)
    except KeyError as missing:
        reason = reason or f"header {missing.args[0]} is missing"
        return Tainted(at, name, _uniqueids(headers), reason, piece=event_fields.piece(headers))
    if not reason:
        return event
    return Tainted(at, name, _uniqueids(headers), reason, event)


def _clean(headers: Headers) -> str:
    """Take control characters out of every value; the first header where they do harm, or ""."""
    guilty = ""
    for key, value in headers.items():
        clean = value.translate(_CONTROL_TO_NOTHING)
        if clean != value:
            headers[key] = clean
            # Names and variable values are text; an old Asterisk does not escape them.
            if not guilty and not key.endswith(_FREE_TEXT):
                guilty = key
    return guilty


def _uniqueids(headers: Headers) -> tuple[str, ...]:
    found = {
        value: None
        for key in headers
        if key.endswith("uniqueid") and not key.endswith("bridgeuniqueid")
        for value in headers.all(key)
        if value
    }
    return tuple(found)[:16]


def _presentation(raw: bytes) -> t.PresentationAnswer | None:
    if raw.find(b"\r\nActionID: " + PRESENTATION_ACTION_ID.encode()) < 0:
        return None
    headers = parse_headers(raw)
    uniqueid = headers.get("actionid", "").removeprefix(PRESENTATION_ACTION_ID)
    good = headers.get("response") == "Success" and not headers.repeated
    return t.PresentationAnswer(
        time_of(headers), uniqueid, headers.get("value", "").strip() if good else ""
    )
