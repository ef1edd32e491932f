"""CEL rows -> how each call ended, by the tracker that also judges what AMI tells.

A call counts when its birth is in the log, in an inbound context. It is unknown where the log is
damaged between its birth and its end, or lacks what tells bridges apart. Voicemail is told, a
message left is not: such a call is `voicemail_no_message` and may as well be `voicemail_left`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ami_listener.births import Inbound
from ami_listener.records.cel_events import Retelling, tells_bridges
from ami_listener.records.found import Found, unknown
from ami_listener.records.rows import CelRow
from ami_listener.tracker import Tracker
from textback.model import Call, Moment, Outcome, Phase, Source

#: Seconds after the last row in which a phone's or a mailbox's end may still have been on its way.
_PATIENCE = 60.0
#: Seconds at the beginning of a cut log in which a call may have rows that were cut off.
_EDGE = 2.0
_MAILBOX = frozenset({Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE})


def judge(
    rows: Sequence[CelRow],
    *,
    pbx: str,
    boot: str,
    inbound: Inbound,
    watch: Callable[[str], float | None],
    not_human: Iterable[str] = (),
    holes: Iterable[tuple[float, float]] = (),
    truncated: bool = False,
    path: str = "",
    malformed: int = 0,
) -> Found:
    """The calls in `rows`, which are in the order in which Asterisk wrote them.

    `holes`: spans (epoch seconds) in which rows could not be read.
    """
    tracker = Tracker(pbx=pbx, boot=boot, inbound=inbound, watch=watch, not_human=not_human)
    retelling = Retelling(rows)
    ended: list[Call] = []
    begun: dict[str, Call] = {}
    last_of: dict[str, float] = {}
    now = rows[0].at if rows else 0.0

    def take(facts: Iterable[Call]) -> None:
        for fact in facts:
            if fact.phase is Phase.STARTED:
                begun[fact.key.uniqueid] = fact
            elif fact.phase is Phase.ENDED:
                begun.pop(fact.key.uniqueid, None)
                ended.append(fact)

    for row, event in retelling:
        now = max(now, row.at)  # the clock may have been set back a little
        last_of[row.linkedid] = now
        take(tracker.feed(event, Moment.at(now)))
    take(tracker.expire(Moment.at(now + _PATIENCE)))
    edge = rows[0].at + _EDGE if rows and truncated else 0.0
    spans = tuple(holes)
    bridges = tells_bridges(rows)
    told = []
    for call in ended:
        if call.started.steady < edge:
            continue
        blind = not bridges or bool(retelling.blind & {call.key.uniqueid, call.linkedid})
        told.append(_as_told(call, spans, blind=blind))
    opened = {
        uniqueid: _unfinished(call, last_of.get(call.linkedid, call.at.steady))
        for uniqueid, call in begun.items()
        if call.started.steady >= edge
    }
    return Found(
        source=Source.CEL,
        path=path,
        calls=tuple(told),
        open=opened,
        rows=len(rows),
        malformed=malformed,
        first=rows[0].at if rows else None,
        last=rows[-1].at if rows else None,
        truncated=truncated,
    )


def _as_told(call: Call, holes: tuple[tuple[float, float], ...], *, blind: bool) -> Call:
    told = replace(call, late=True, source=Source.CEL)
    began, over = call.started.steady, call.at.steady
    if any(began < to and over > since for since, to in holes) or blind:
        why = "its bridges are not told apart" if blind else "the event log is damaged there"
        return unknown(told, why)
    if call.outcome in _MAILBOX:
        line = (round(over - began, 3), "CEL does not tell whether a message was left")
        return replace(
            told,
            outcome=Outcome.VOICEMAIL_NO_MESSAGE,
            may_become=_MAILBOX,
            trail=(*told.trail, line),
        )
    return told


def _unfinished(call: Call, last: float) -> Call:
    ended = replace(
        call, phase=Phase.ENDED, at=Moment.at(max(last, call.started.steady)), source=Source.CEL
    )
    return unknown(replace(ended, late=True), "the event log does not tell its end")
