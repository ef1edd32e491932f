"""Which column of a source is which field: the orders Asterisk ships, the names people give.

A CSV file has no head, so its order must be known: Asterisk's own sample (cel_custom) and the fixed
order of cdr_csv, or what `cel_columns` and `cdr_columns` say. A table has names; the usual ones are
understood.
"""

from __future__ import annotations

from collections.abc import Sequence

#: The line of cel_custom.conf.sample, Asterisk 1.8 to 23.
CEL_CSV = (
    "eventtype",
    "eventtime",
    "cidname",
    "cidnum",
    "cidani",
    "cidrdnis",
    "ciddnid",
    "exten",
    "context",
    "channame",
    "appname",
    "appdata",
    "amaflags",
    "accountcode",
    "uniqueid",
    "linkedid",
    "peer",
    "userfield",
    "userdeftype",
    "eventextra",
)
#: What cdr_csv writes in any case.
CDR_CSV = (
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
)
#: What follows, each by a setting of its own: loguniqueid, loguserfield, newcdrcolumns.
_UNIQUEID, _USERFIELD = ("uniqueid",), ("userfield",)
_NEW = ("peeraccount", "linkedid", "sequence")

#: What a source must have to be of use.
CEL_NEEDED = frozenset(
    {"eventtype", "eventtime", "cidnum", "exten", "context", "channame", "uniqueid", "linkedid"}
)
CDR_NEEDED = frozenset(
    {"src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "start", "disposition"}
    | {"duration", "uniqueid"}
)
CDR_WANTED = frozenset({"linkedid"})

_SYNONYMS = {
    "event": "eventtype",
    "event_type": "eventtype",
    "eventname": "eventtype",
    "event_time": "eventtime",
    "time": "eventtime",
    "cid_num": "cidnum",
    "callerid_num": "cidnum",
    "cid_name": "cidname",
    "callerid_name": "cidname",
    "channelname": "channame",
    "app": "appname",
    "app_name": "appname",
    "app_data": "appdata",
    "extra": "eventextra",
    "event_extra": "eventextra",
    "unique_id": "uniqueid",
    "linked_id": "linkedid",
    "user_field": "userfield",
    "calldate": "start",
    "start_time": "start",
    "starttime": "start",
    "answer_time": "answer",
    "end_time": "end",
    "endtime": "end",
    "dst_channel": "dstchannel",
    "last_app": "lastapp",
    "last_data": "lastdata",
    "presentation": "pres",
}


def named(columns: Sequence[str], *, cel: bool) -> tuple[str, ...]:
    """The fields behind the names of a table's columns; a name that is not known stays as it is."""
    found = []
    for column in columns:
        name = column.strip().lower()
        if name == "channel" and cel:
            name = "channame"
        found.append(_SYNONYMS.get(name, name))
    return tuple(found)


def cdr_order(width: int) -> tuple[str, ...] | None:
    """The columns of a line of Master.csv with that many; None: cdr_csv writes no such line.

    With 17 columns the last may be uniqueid or userfield; uniqueid is in Asterisk's sample, and a
    row that has none there is refused.
    """
    extra = {
        16: (),
        17: _UNIQUEID,
        18: (*_UNIQUEID, *_USERFIELD),
        20: (*_UNIQUEID, *_NEW),
        21: (*_UNIQUEID, *_USERFIELD, *_NEW),
    }.get(width)
    return None if extra is None else CDR_CSV + extra
