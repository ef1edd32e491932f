"""Calls that we had Asterisk place: how far each has come, read from the events of its phone.

    stage        phone rings  phone up  bridged   hung up                          no channel
    asked        ringing      calling   speaking  no_answer, busy, unreachable (*) unreachable
    ringing      -            calling   speaking  no_answer, busy (*)              -
    calling      -            -         speaking  not_reached                      -
    speaking     -            -         -         over                             -

(*) by the cause of the Hangup. Sans-IO. All of it is told by the phone's channel, whose Uniqueid is
ours, but for a phone for which there is no channel: that only OriginateResponse tells. Of one that
was busy it says 0, as of one that could not be rung (seen on Asterisk 22), so otherwise it counts
for nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from ami_listener.event_types import (
    AmiEvent,
    BridgeEnter,
    ChannelState,
    Hangup,
    NewChannel,
    NewState,
    OriginateResponse,
    Tainted,
)
from ami_listener.outcome import LegResult, judge_leg
from textback.model import Dialled, DialStage

#: Calls remembered, for whoever looks how his ended.
MOST = 500
_BEFORE_UP = (DialStage.ASKED, DialStage.RINGING)
_BY_RESULT = {
    LegResult.BUSY: DialStage.BUSY,
    LegResult.UNREACHABLE: DialStage.UNREACHABLE,
    LegResult.NO_ANSWER: DialStage.NO_ANSWER,
}


class PlacedCalls:
    """The calls of one link; `on_change` is told of each step of each."""

    def __init__(self) -> None:
        self.on_change: Callable[[Dialled], None] | None = None
        self._calls: OrderedDict[str, Dialled] = OrderedDict()
        self._open: set[str] = set()
        self._born: set[str] = set()  # of the open ones, those whose channel was seen

    def begin(self, call: Dialled) -> None:
        """Asterisk is about to be asked for it."""
        self._calls[call.id] = call
        self._open.add(call.id)
        while len(self._calls) > MOST:
            old, _ = self._calls.popitem(last=False)
            self._close(old)

    def get(self, call_id: str) -> Dialled | None:
        return self._calls.get(call_id)

    @property
    def waiting(self) -> bool:
        """Whether any event may be about one of them."""
        return bool(self._open)

    def heard(self, event: AmiEvent) -> None:
        """One event of this Asterisk, in order."""
        if isinstance(event, Tainted):
            if event.event is None:
                return
            event = event.event
        if isinstance(event, NewChannel) and event.chan.uniqueid in self._open:
            self._born.add(event.chan.uniqueid)
        elif isinstance(event, NewState) and event.chan.uniqueid in self._open:
            if event.chan.state == ChannelState.RINGING:
                self._to(event.chan.uniqueid, DialStage.RINGING, {DialStage.ASKED})
            elif event.chan.state == ChannelState.UP:
                self._to(event.chan.uniqueid, DialStage.CALLING, {*_BEFORE_UP})
        elif isinstance(event, BridgeEnter) and event.chan.uniqueid in self._open:
            if event.bridge.technology != "holding_bridge":
                self._to(event.chan.uniqueid, DialStage.SPEAKING, {*_BEFORE_UP, DialStage.CALLING})
        elif isinstance(event, Hangup) and event.chan.uniqueid in self._open:
            self._hung_up(event)
        elif isinstance(event, OriginateResponse) and event.call_id in self._open:
            self._answered(event)

    def failed(self, call_id: str, stage: DialStage) -> None:
        """Asterisk would not, or nothing more will be heard of it."""
        self._to(call_id, stage)

    def never_rang(self, call_id: str) -> None:
        """Long after: no event came for it."""
        self._to(call_id, DialStage.UNREACHABLE, {DialStage.ASKED})

    def lost(self) -> None:
        """The link is down: what is still open will not be told."""
        for call_id in list(self._open):
            self._to(call_id, DialStage.LOST)

    def _hung_up(self, event: Hangup) -> None:
        call = self._calls[event.chan.uniqueid]
        if call.stage in _BEFORE_UP:
            rang = call.stage is DialStage.RINGING
            stage = _BY_RESULT[judge_leg("", rang=rang, cause=event.cause)]
        else:
            spoke = call.stage is DialStage.SPEAKING
            stage = DialStage.OVER if spoke else DialStage.NOT_REACHED
        self._to(call.id, stage)

    def _answered(self, event: OriginateResponse) -> None:
        if not event.success and event.call_id not in self._born:
            self._to(event.call_id, DialStage.UNREACHABLE)

    def _close(self, call_id: str) -> None:
        self._open.discard(call_id)
        self._born.discard(call_id)

    def _to(self, call_id: str, stage: DialStage, only: set[DialStage] | None = None) -> None:
        call = self._calls.get(call_id)
        if call is None or call.stage.is_final or (only is not None and call.stage not in only):
            return
        call = self._calls[call_id] = replace(call, stage=stage)
        if stage.is_final:
            self._close(call_id)
        if self.on_change is not None:
            self.on_change(call)
