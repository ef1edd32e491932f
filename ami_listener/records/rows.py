"""One row of Asterisk's records, by the names of its fields; every text is as received, so hostile.

`CelRow` is one channel event (cel_custom, cel_sqlite3_custom), `CdrRow` one call detail record
(cdr_csv, cdr_custom, cdr_sqlite3_custom). A row is made from a mapping of field names to texts; one
that cannot be what it claims to be raises `MalformedRowError`, is counted, and is used for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ami_listener.records.times import Clock

#: cel.h; what else an Asterisk writes (STREAM_BEGIN, DTMF...) says nothing about who spoke to whom.
CEL_EVENTS = frozenset(
    {
        "CHAN_START",
        "CHAN_END",
        "ANSWER",
        "HANGUP",
        "APP_START",
        "APP_END",
        "BRIDGE_ENTER",
        "BRIDGE_EXIT",
        "PARK_START",
        "PARK_END",
        "BLINDTRANSFER",
        "ATTENDEDTRANSFER",
        "PICKUP",
        "FORWARD",
        "LINKEDID_END",
        "LOCAL_OPTIMIZE",
    }
)
DISPOSITIONS = frozenset(
    {"ANSWERED", "NO ANSWER", "NOANSWER", "BUSY", "FAILED", "CONGESTION", "CANCEL", ""}
)
#: [systemname-]epoch.counter; the system name is anything.
_UNIQUEID = re.compile(r"(?:[^\s,;'\"]{1,100}-)?([0-9]{9,10})\.([0-9]{1,10})\Z")
_MAX_TEXT = 1024
#: What `conf/asterisk` has the dialplan write into the userfield, see `note_of`.
_NOTE = re.compile(r"(?:^|[;,\s])(pres|did|context|textback)=([^;,\s]{1,80})")


class MalformedRowError(ValueError):
    """This is no row of the kind it should be; the message says why, without its contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CelRow:
    """One line of the channel event log."""

    kind: str
    at: float  #: epoch, seconds
    uniqueid: str
    linkedid: str
    channel: str
    number: str
    name: str
    exten: str
    context: str
    app: str
    data: str
    userfield: str
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrRow:
    """One call detail record: of a channel with one other, or with an application."""

    start: float  #: epoch, seconds
    answer: float | None
    end: float
    uniqueid: str
    linkedid: str  #: the uniqueid where the source has no such column
    source: str  #: src: the caller's number
    name: str
    destination: str  #: dst: the last extension
    context: str  #: dcontext: the last context
    channel: str
    other: str  #: dstchannel
    app: str
    data: str
    disposition: str
    duration: float
    did: str  #: CDR(did), as FreePBX sets it, else as noted
    # What the dialplan noted in the userfield, see `note_of`.
    first_context: str
    presentation: str
    wish: str  #: of texting: "no"
    sequence: int


def epoch_of(uniqueid: str) -> float | None:
    """When the channel was made, as its Uniqueid says; None where it does not look like one."""
    found = _UNIQUEID.match(uniqueid)
    return float(found[1]) if found else None


def cel_row(fields: Mapping[str, str], clock: Clock) -> CelRow | None:
    """A row of the event log; None for an event that says nothing. Raises MalformedRowError."""
    kind = fields.get("eventtype", "")
    if kind not in CEL_EVENTS:
        if re.fullmatch(r"[A-Za-z0-9_ -]{1,80}", kind):
            return None  # another kind of event, or one of the dialplan's own
        raise MalformedRowError("no event type")
    uniqueid, linkedid = fields.get("uniqueid", ""), fields.get("linkedid", "")
    if not _UNIQUEID.match(uniqueid) or not _UNIQUEID.match(linkedid):
        raise MalformedRowError("no uniqueid or linkedid")
    # In an hour that comes twice only a birth can be told, by the Uniqueid: the call's end cannot,
    # and a call without an end in the record is unknown.
    near = epoch_of(uniqueid) if kind == "CHAN_START" else None
    at = clock.read(fields.get("eventtime", ""), near=near)
    if at is None:
        raise MalformedRowError("no time, or one that means two instants")
    return CelRow(
        kind=kind,
        at=at,
        uniqueid=uniqueid,
        linkedid=linkedid,
        channel=_text(fields, "channame"),
        number=_text(fields, "cidnum"),
        name=_text(fields, "cidname"),
        exten=_text(fields, "exten"),
        context=_text(fields, "context"),
        app=_text(fields, "appname"),
        data=_text(fields, "appdata"),
        userfield=_text(fields, "userfield"),
        extra=_extra(fields.get("eventextra", "")),
    )


def cdr_row(fields: Mapping[str, str], clock: Clock) -> CdrRow:
    """A call detail record. Raises MalformedRowError."""
    uniqueid, linkedid = fields.get("uniqueid", ""), fields.get("linkedid", "")
    if not _UNIQUEID.match(uniqueid) or (linkedid and not _UNIQUEID.match(linkedid)):
        raise MalformedRowError("no uniqueid")
    note = note_of(fields.get("userfield", ""))
    disposition = fields.get("disposition", "").upper()
    if disposition not in DISPOSITIONS:
        raise MalformedRowError("no disposition")
    start = clock.read(fields.get("start", ""), near=epoch_of(uniqueid))
    if start is None:
        raise MalformedRowError("no start, or one that means two instants")
    duration = _number(fields.get("duration", ""))
    end = clock.read(fields.get("end", ""), near=start + duration)
    answer = clock.read(fields.get("answer", ""), near=start)
    if end is None:
        end = start + duration
    if end < start - 1:
        raise MalformedRowError("it ends before it begins")
    return CdrRow(
        start=start,
        answer=answer,
        end=end,
        uniqueid=uniqueid,
        linkedid=linkedid or uniqueid,
        source=_text(fields, "src"),
        name=_text(fields, "clid").partition('" <')[0].removeprefix('"'),
        destination=_text(fields, "dst"),
        context=_text(fields, "dcontext"),
        channel=_text(fields, "channel"),
        other=_text(fields, "dstchannel"),
        app=_text(fields, "lastapp"),
        data=_text(fields, "lastdata"),
        disposition=disposition,
        duration=duration,
        did=_text(fields, "did") or note.get("did", ""),
        first_context=note.get("context", ""),
        presentation=note.get("pres", ""),
        wish=note.get("textback", ""),
        sequence=int(_number(fields.get("sequence", ""))),
    )


def note_of(userfield: str) -> dict[str, str]:
    """What the dialplan noted: `pres=allowed_not_screened did=+12125550100 textback=no`."""
    return dict(_NOTE.findall(userfield[:_MAX_TEXT]))


def _text(fields: Mapping[str, str], name: str) -> str:
    return fields.get(name, "")[:_MAX_TEXT]


def _number(text: str) -> float:
    if not text:
        return 0.0
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise MalformedRowError("a number is none")
    return float(text)


def _extra(text: str) -> dict[str, str]:
    """The JSON Asterisk adds to an event; a dialplan's own text is none of ours."""
    if not text.startswith("{") or len(text) > 8192:
        return {}
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {key: str(value)[:_MAX_TEXT] for key, value in told.items() if value is not None}
