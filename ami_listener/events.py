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

from collections.abc import Callable
from operator import itemgetter

from . import event_types as t
from .event_types import *  # noqa: F403  re-exported: the event types are our vocabulary
from .event_types import AmiEvent, BridgeInfo, CallEvent, ChannelRow, Snapshot, Tainted
from .wire import Headers as Headers
from .wire import Splitter as Splitter
from .wire import event_name as event_name
from .wire import has_control, parse_plain
from .wire import parse_headers as parse_headers

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
#: The ActionID of our Originate is this and the call's id; others' are turned away.
ORIGINATE_ACTION_ID = "textback-dial-"

_NUM_PRES = "CALLERID(num-pres)="

_Fields = dict[str, str]

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
        build = _BUILDERS.get(name)
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
    return Tainted(_time(headers), "", ids, "no Event header", piece=_piece(headers))


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


def _typed(name: str, build: _Builder, raw: bytes) -> AmiEvent | None:
    headers = parse_plain(raw)
    if headers is not None and "privilege" in headers:
        try:
            return build(headers, _time(headers))
        except KeyError:
            pass  # a header is missing: read it again, with care
    return _suspected(name, build, parse_headers(raw), raw)


def _suspected(name: str, build: _Builder, headers: Headers, raw: bytes) -> AmiEvent | None:
    """An event that is not plain: a channel list's row, one with a new header name, a forgery."""
    at = _time(headers)
    # Every manager event has a Privilege; a list's rows answer our own action instead.
    if "privilege" not in headers and not ("actionid" in headers and build is _channel_row):
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
        return Tainted(at, name, _uniqueids(headers), reason, piece=_piece(headers))
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
        _time(headers), uniqueid, headers.get("value", "").strip() if good else ""
    )


# --- headers -> fields ------------------------------------------------------------------------


def _time(headers: _Fields) -> float | None:
    text = headers.get("timestamp")
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _number(text: str, otherwise: int = -1) -> int:
    return int(text) if text.isascii() and text.isdigit() else otherwise


class _Lines:
    """The names of one snapshot's lines, under the prefix an event gives that channel."""

    def __init__(self, prefix: str) -> None:
        self.names = tuple(prefix + line for line in self._NAMES)
        self.values = itemgetter(*self.names)

    _NAMES = (
        "uniqueid",
        "linkedid",
        "channel",
        "channelstate",
        "calleridnum",
        "calleridname",
        "context",
        "exten",
    )


_CHAN, _DEST, _ONE, _TWO = _Lines(""), _Lines("dest"), _Lines("localone"), _Lines("localtwo")
_TARGET, _PARKEE = _Lines("target"), _Lines("parkee")
_TRANSFERER, _TRANSFEREE = _Lines("transferer"), _Lines("transferee")
_ORIG, _SECOND = _Lines("origtransferer"), _Lines("secondtransferer")


def _snapshot(h: _Fields, lines: _Lines) -> Snapshot:
    """Raises KeyError for a snapshot with a hole: Asterisk 13 to 23 always write these lines."""
    uniqueid, linkedid, channel, state, caller, name, context, exten = lines.values(h)
    if not uniqueid:
        raise KeyError(lines.names[0])
    return Snapshot(
        uniqueid, linkedid or uniqueid, channel, _number(state), caller, name, context, exten
    )


def _piece(h: _Fields) -> Snapshot:
    """What a torn event says of its channel; fields it does not hold are "" and -1."""
    uniqueid, linkedid, channel, state, *rest = (h.get(name, "") for name in _CHAN.names)
    return Snapshot(uniqueid, linkedid, channel, _number(state), *rest)


def _optional(h: _Fields, lines: _Lines) -> Snapshot | None:
    return _snapshot(h, lines) if lines.names[0] in h else None


def _bridge(h: _Fields, prefix: str = "") -> BridgeInfo:
    return BridgeInfo(
        h[prefix + "bridgeuniqueid"],
        h.get(prefix + "bridgetype", ""),
        h.get(prefix + "bridgetechnology", ""),
    )


_Builder = Callable[[_Fields, float | None], CallEvent | None]


def _dial_begin(h: _Fields, at: float | None) -> CallEvent:
    return t.DialBegin(at, _optional(h, _CHAN), _snapshot(h, _DEST), h.get("dialstring", ""))


def _dial_state(h: _Fields, at: float | None) -> CallEvent:
    return t.DialState(at, _optional(h, _CHAN), _snapshot(h, _DEST), h["dialstatus"])


def _dial_end(h: _Fields, at: float | None) -> CallEvent:
    return t.DialEnd(
        at, _optional(h, _CHAN), _snapshot(h, _DEST), h["dialstatus"], h.get("forward", "")
    )


def _attended_transfer(h: _Fields, at: float | None) -> CallEvent:
    return t.AttendedTransfer(
        at,
        h["result"] == "Success",
        (_snapshot(h, _ORIG), _snapshot(h, _SECOND)),
        _optional(h, _TRANSFEREE),
        h.get("desttype", ""),
    )


def _var_set(h: _Fields, at: float | None) -> CallEvent | None:
    if h.get("channel") == "none":  # a global variable
        return None
    return t.VarSet(at, _snapshot(h, _CHAN), h["variable"].lstrip("_"), h["value"])


def _user_event(h: _Fields, at: float | None) -> CallEvent:
    action = h.get("action", "").strip().lower()
    return t.UserEvent(at, _snapshot(h, _CHAN), action[:40], h.get("message", "").strip()[:80])


def _hangup(h: _Fields, at: float | None) -> CallEvent:
    presentation = ""
    if "chanvariable" in h:  # one line for each variable of `channelvars`
        lines = h.all("chanvariable") if isinstance(h, Headers) else [h["chanvariable"]]
        found = [line for line in lines if line.startswith(_NUM_PRES)]
        presentation = found[0].removeprefix(_NUM_PRES) if len(found) == 1 else ""
    return t.Hangup(at, _snapshot(h, _CHAN), _number(h.get("cause", ""), 0), presentation)


def _fully_booted(h: _Fields, at: float | None) -> CallEvent:
    uptime = _number(h.get("uptime", ""))
    return t.FullyBooted(at, float(uptime) if uptime >= 0 else None)


def _channel_row(h: _Fields, at: float | None) -> CallEvent:
    hours, _, rest = h.get("duration", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    return ChannelRow(
        at,
        _snapshot(h, _CHAN),
        h.get("bridgeid", ""),
        h.get("application", ""),
        h.get("applicationdata", ""),
        float(_number(hours, 0) * 3600 + _number(minutes, 0) * 60 + _number(seconds, 0)),
        h.get("actionid", ""),
    )


def _parked(step: t.ParkingStep) -> _Builder:
    return lambda h, at: t.ParkedCall(at, step, _snapshot(h, _PARKEE), h.get("parkingspace", ""))


def _originate_response(h: _Fields, at: float | None) -> CallEvent | None:
    action_id = h.get("actionid", "")
    if not action_id.startswith(ORIGINATE_ACTION_ID):
        return None
    call_id = action_id.removeprefix(ORIGINATE_ACTION_ID)
    return t.OriginateResponse(at, call_id, h["response"] == "Success")


_BUILDERS: dict[bytes, _Builder] = {
    b"Newchannel": lambda h, at: t.NewChannel(at, _snapshot(h, _CHAN)),
    b"Newstate": lambda h, at: t.NewState(at, _snapshot(h, _CHAN)),
    b"NewCallerid": lambda h, at: t.NewCallerId(
        at, _snapshot(h, _CHAN), h.get("cid-callingpres", "")
    ),
    b"DialBegin": _dial_begin,
    b"DialState": _dial_state,
    b"DialEnd": _dial_end,
    b"BridgeEnter": lambda h, at: t.BridgeEnter(at, _bridge(h), _snapshot(h, _CHAN)),
    b"BridgeLeave": lambda h, at: t.BridgeLeave(at, _bridge(h), _snapshot(h, _CHAN)),
    b"BridgeMerge": lambda h, at: t.BridgeMerge(at, _bridge(h, "to"), _bridge(h, "from")),
    b"BridgeDestroy": lambda h, at: t.BridgeDestroy(at, _bridge(h)),
    b"LocalBridge": lambda h, at: t.LocalBridge(at, _snapshot(h, _ONE), _snapshot(h, _TWO)),
    b"Rename": lambda h, at: t.Rename(at, h["uniqueid"], h["channel"], h["newname"]),
    b"Pickup": lambda h, at: t.Pickup(at, _snapshot(h, _CHAN), _snapshot(h, _TARGET)),
    b"BlindTransfer": lambda h, at: t.BlindTransfer(
        at,
        h["result"] == "Success",
        _snapshot(h, _TRANSFERER),
        _optional(h, _TRANSFEREE),
        h.get("extension", ""),
    ),
    b"AttendedTransfer": _attended_transfer,
    **{step.value.encode(): _parked(step) for step in t.ParkingStep},
    b"QueueCallerJoin": lambda h, at: t.QueueCallerJoin(at, _snapshot(h, _CHAN), h["queue"]),
    b"QueueCallerLeave": lambda h, at: t.QueueCallerLeave(at, _snapshot(h, _CHAN), h["queue"]),
    b"QueueCallerAbandon": lambda h, at: t.QueueCallerAbandon(at, _snapshot(h, _CHAN), h["queue"]),
    b"VarSet": _var_set,
    b"UserEvent": _user_event,
    b"Newexten": lambda h, at: t.NewExten(
        at, _snapshot(h, _CHAN), h["application"], h.get("appdata", "")
    ),
    b"MessageWaiting": lambda h, at: t.MessageWaiting(
        at, h.get("uniqueid", ""), h.get("mailbox", ""), _number(h.get("new", ""))
    ),
    b"Hangup": _hangup,
    b"FullyBooted": _fully_booted,
    b"Shutdown": lambda h, at: t.Shutdown(at, h.get("restart") == "True"),
    b"CoreShowChannel": _channel_row,
    b"OriginateResponse": _originate_response,
}

#: The names that cost a parse; everything else is turned away by its first line.
USED = frozenset(_BUILDERS)
