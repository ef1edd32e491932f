"""CDR rows -> how each call ended, as far as they can tell; everything else is unknown.

A call has several rows: one for each phone that was dialled, and one for what the dialplan did
after. All rows of the caller's own channel come when it hangs up; those of the second half of a
Local channel on their own, under the same linkedid. What is read from them:

    a person      ANSWERED with a real channel as the other side, directly or behind a Local half
    voicemail     lastapp is VoiceMail, on the caller's channel or behind an ANSWERED Local half
    a machine     ANSWERED with no other side, in an application that talks by itself
    not known     ANSWERED with a Local half whose own rows are not there; with a conference; in an
                  application in which a person may have been (ConfBridge, Stasis, Bridge...)

"Missed" is said only where none of the caller's rows leaves it open. What the rows cannot tell
apart (declined from unreachable, a message left from none) is in `may_become`, and such a call is
texted only where it makes no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ami_listener.births import Inbound, is_dialled_number
from ami_listener.callstate import DEFAULT_RING_TIMEOUT
from ami_listener.machines import not_human as not_human_names
from ami_listener.records.cdr_facts import RANG, facts_of, outcome_of, read
from ami_listener.records.found import Found, unknown
from ami_listener.records.rows import CdrRow, epoch_of
from ami_listener.topology import MACHINERY, endpoint_of
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    Outcome,
    Phase,
    Presentation,
    Source,
)

#: Seconds between a channel's birth, as its Uniqueid tells it, and the first of its rows.
_AT_ONCE = 2.0
_OUTGOING = frozenset({"AppDial", "AppDial2", "AppQueue"})


def judge(
    rows: Sequence[CdrRow],
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
    """The inbound calls in `rows`. `holes`: spans (epoch) in which rows could not be read."""
    judging = _Judging(pbx, boot, watch, not_human_names(not_human), tuple(holes))
    found = [
        (own, judging.call(own, group))
        for group in _groups(rows)
        for own in _callers(group, inbound)
    ]
    lent = _lent(found)
    calls = [
        unknown(call, _SECOND_LINE) if call.key.uniqueid in lent else call for _, call in found
    ]
    calls.sort(key=lambda call: call.at.steady)
    return Found(
        source=Source.CDR,
        path=path,
        calls=tuple(calls),
        rows=len(rows),
        malformed=malformed,
        first=min((row.start for row in rows), default=None),
        last=max((row.end for row in rows), default=None),
        truncated=truncated,
    )


def _groups(rows: Sequence[CdrRow]) -> Iterable[list[CdrRow]]:
    """Rows that belong together: by linkedid, and by uniqueid, for a channel that is joined to an
    older call goes on under that one's linkedid."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (up := above.setdefault(name, name)) != name:
            above[name] = name = above.setdefault(up, up)
        return name

    for row in rows:
        above[top(row.uniqueid)] = top(row.linkedid)
    groups: dict[str, list[CdrRow]] = defaultdict(list)
    for row in rows:
        groups[top(row.uniqueid)].append(row)
    return groups.values()


def _callers(group: Sequence[CdrRow], inbound: Inbound) -> Iterable[list[CdrRow]]:
    """The rows of each inbound caller in the group, in the order in which they were begun."""
    by_channel: dict[str, list[CdrRow]] = defaultdict(list)
    for row in group:
        by_channel[row.uniqueid].append(row)
    for own in by_channel.values():
        own.sort(key=lambda row: (row.start, row.end, row.sequence))
        first = own[0]
        technology = first.channel.partition("/")[0]
        if technology in MACHINERY or any(row.app in _OUTGOING for row in own):
            continue
        if first.uniqueid != first.linkedid and not first.first_context:
            continue  # a phone that was dialled, a caller of another time who was joined to this
        if _came_in(own, inbound):
            yield own


def _came_in(own: Sequence[CdrRow], inbound: Inbound) -> bool:
    """dcontext is the last context of a row, so the first row's is the best there is, unless the
    dialplan noted it, or set CDR(did), which inbound routes alone do."""
    first = own[0]
    endpoint = endpoint_of(first.channel)
    said = next((row.first_context for row in own if row.first_context), "")
    if said:
        return inbound.matches(said, endpoint)
    if inbound.matches(first.context, endpoint):
        return True
    if not any(row.did for row in own):
        return False
    return not inbound.endpoints or Inbound(frozenset(), inbound.endpoints).matches("", endpoint)


_SECOND_LINE = "it looks like the second line of a phone that handed a caller over"


def _lent(found: Sequence[tuple[Sequence[CdrRow], Call]]) -> set[str]:
    """Calls that are perhaps none: a phone's own, with the look of the caller it handed over.

    When a phone hands a caller over before the colleague answers, its second channel takes on the
    caller's context and extension, in this very moment in which the caller's talk with it ends.
    """
    # What callers who were answered came in by is a trunk, though calls may go out by it as well.
    trunks = {
        endpoint_of(own[0].channel) for own, call in found if call.outcome is Outcome.ANSWERED
    }
    talks = {
        (row.destination, endpoint_of(row.other), round(row.end) + shift)
        for own, _ in found
        for row in own
        if row.disposition == "ANSWERED" and row.other
        if endpoint_of(row.other) not in trunks
        for shift in (-1, 0, 1)
    }
    return {
        call.key.uniqueid
        for own, call in found
        for row in own
        if (row.destination, endpoint_of(row.channel), round(row.end)) in talks
    }


@dataclass(frozen=True, slots=True)
class _Judging:
    pbx: str
    boot: str
    watch: Callable[[str], float | None]
    not_human: Callable[[str], bool]
    holes: tuple[tuple[float, float], ...]

    def call(self, own: Sequence[CdrRow], group: Sequence[CdrRow]) -> Call:
        """The call of the caller whose rows are `own`, of a group with one linkedid."""
        first = own[0]
        began, over = first.start, max(row.end for row in own)
        told = read(own, group, self.not_human)
        if any(began < to and over > since for since, to in self.holes):
            told.doubt = told.doubt or "the file is damaged there"
        born = epoch_of(first.uniqueid)
        if born is None or began - born > _AT_ONCE:
            told.doubt = told.doubt or "its first rows are not in the record"
        did = next((row.did for row in own if row.did), "")
        if not did or not is_dialled_number(did):
            did = first.destination
        limit = self.watch(did)
        if limit is None:
            limit = DEFAULT_RING_TIMEOUT
        facts = facts_of(own, told, limit)
        verdict, others = outcome_of(own, told, facts, limit)
        answered = next((r.answer for r in own if told.human and r.other and r.answer), None)
        ringing = next((r.start for r in own if r.other and r.duration >= RANG), None)
        began_waiting = ringing if ringing is not None else began
        until = answered if told.human and answered is not None else over
        hostile = not all(t.isprintable() for t in (first.source, first.channel, did))
        if hostile:
            verdict, others = Outcome.UNKNOWN, frozenset({Outcome.UNKNOWN})
        return Call(
            key=CallKey(pbx=self.pbx, boot=self.boot, uniqueid=first.uniqueid),
            phase=Phase.ENDED,
            at=Moment.at(over),
            direction=Direction.INBOUND,
            linkedid=first.linkedid,
            channel=first.channel,
            context=first.first_context or first.context,
            caller=first.source,
            caller_name=first.name,
            caller_final=own[-1].source,
            did=did,
            presentation=_presentation(own),
            started=Moment.at(began),
            ringing=Moment.at(ringing) if ringing is not None else None,
            answered=Moment.at(answered) if answered is not None else None,
            outcome=verdict,
            waited=max(0.0, until - began_waiting),
            may_become=others,
            queue=next((r.data.partition(",")[0] for r in own if r.app == "Queue"), ""),
            gap=verdict is Outcome.UNKNOWN and not hostile,
            tainted="control characters in its number" if hostile else "",
            late=True,
            source=Source.CDR,
            handled="userfield" if any(row.wish == "no" for row in own) else "",
            trail=tuple(told.lines[:60]),
        )


def _presentation(own: Sequence[CdrRow]) -> Presentation:
    said = next((row.presentation for row in own if row.presentation), "")
    if said.startswith("allowed"):
        return Presentation.ALLOWED
    if said.startswith("prohib") or said == "unavailable":
        return Presentation.WITHHELD
    return Presentation.UNKNOWN
