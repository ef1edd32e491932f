"""Headers of one event as the typed event they are: which of them, under which prefix.

Whether they can be believed is asked in `events`, which hands them on.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from . import event_types as t
from .event_types import BridgeInfo, CallEvent, ChannelRow, Snapshot
from .wire import Headers

#: The ActionID of our Originate is this and the call's id; others' are turned away.
ORIGINATE_ACTION_ID = "textback-dial-"

_NUM_PRES = "CALLERID(num-pres)="

Fields = dict[str, str]
#: Raises KeyError for a header that is missing; None for an event that is none of ours.
Builder = Callable[[Fields, float | None], CallEvent | None]


def time_of(headers: Fields) -> float | None:
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


def _snapshot(h: Fields, lines: _Lines) -> Snapshot:
    """Raises KeyError for a snapshot with a hole: Asterisk 13 to 23 always write these lines."""
    uniqueid, linkedid, channel, state, caller, name, context, exten = lines.values(h)
    if not uniqueid:
        raise KeyError(lines.names[0])
    return Snapshot(
        uniqueid, linkedid or uniqueid, channel, _number(state), caller, name, context, exten
    )


def piece(h: Fields) -> Snapshot:
    """What a torn event says of its channel; fields it does not hold are "" and -1."""
    uniqueid, linkedid, channel, state, *rest = (h.get(name, "") for name in _CHAN.names)
    return Snapshot(uniqueid, linkedid, channel, _number(state), *rest)


def _optional(h: Fields, lines: _Lines) -> Snapshot | None:
    return _snapshot(h, lines) if lines.names[0] in h else None


def _bridge(h: Fields, prefix: str = "") -> BridgeInfo:
    return BridgeInfo(
        h[prefix + "bridgeuniqueid"],
        h.get(prefix + "bridgetype", ""),
        h.get(prefix + "bridgetechnology", ""),
    )


def _dial_begin(h: Fields, at: float | None) -> CallEvent:
    return t.DialBegin(at, _optional(h, _CHAN), _snapshot(h, _DEST), h.get("dialstring", ""))


def _dial_state(h: Fields, at: float | None) -> CallEvent:
    return t.DialState(at, _optional(h, _CHAN), _snapshot(h, _DEST), h["dialstatus"])


def _dial_end(h: Fields, at: float | None) -> CallEvent:
    return t.DialEnd(
        at, _optional(h, _CHAN), _snapshot(h, _DEST), h["dialstatus"], h.get("forward", "")
    )


def _attended_transfer(h: Fields, at: float | None) -> CallEvent:
    return t.AttendedTransfer(
        at,
        h["result"] == "Success",
        (_snapshot(h, _ORIG), _snapshot(h, _SECOND)),
        _optional(h, _TRANSFEREE),
        h.get("desttype", ""),
    )


def _var_set(h: Fields, at: float | None) -> CallEvent | None:
    if h.get("channel") == "none":  # a global variable
        return None
    return t.VarSet(at, _snapshot(h, _CHAN), h["variable"].lstrip("_"), h["value"])


def _user_event(h: Fields, at: float | None) -> CallEvent:
    action = h.get("action", "").strip().lower()
    return t.UserEvent(at, _snapshot(h, _CHAN), action[:40], h.get("message", "").strip()[:80])


def _hangup(h: Fields, at: float | None) -> CallEvent:
    presentation = ""
    if "chanvariable" in h:  # one line for each variable of `channelvars`
        lines = h.all("chanvariable") if isinstance(h, Headers) else [h["chanvariable"]]
        found = [line for line in lines if line.startswith(_NUM_PRES)]
        presentation = found[0].removeprefix(_NUM_PRES) if len(found) == 1 else ""
    return t.Hangup(at, _snapshot(h, _CHAN), _number(h.get("cause", ""), 0), presentation)


def _fully_booted(h: Fields, at: float | None) -> CallEvent:
    uptime = _number(h.get("uptime", ""))
    return t.FullyBooted(at, float(uptime) if uptime >= 0 else None)


def channel_row(h: Fields, at: float | None) -> CallEvent:
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


def _parked(step: t.ParkingStep) -> Builder:
    return lambda h, at: t.ParkedCall(at, step, _snapshot(h, _PARKEE), h.get("parkingspace", ""))


def _originate_response(h: Fields, at: float | None) -> CallEvent | None:
    action_id = h.get("actionid", "")
    if not action_id.startswith(ORIGINATE_ACTION_ID):
        return None
    call_id = action_id.removeprefix(ORIGINATE_ACTION_ID)
    return t.OriginateResponse(at, call_id, h["response"] == "Success")


#: By the name of each event that is used.
BUILDERS: dict[bytes, Builder] = {
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
    b"CoreShowChannel": channel_row,
    b"OriginateResponse": _originate_response,
}
