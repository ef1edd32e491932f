"""The book of what is open on one Asterisk: channels, calls, their timers, and what was told.

The rules (`rules*.py`) write in it; `Tracker` owns it. Everything in it is freed by a Hangup, and
bounded for the case that the Hangup never comes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from textback.model import Call, CallKey, Direction, Hint, Moment, Outcome, Phase

from .births import Inbound, is_dialled_number
from .callstate import CallState
from .event_types import ChannelState, Snapshot
from .hints import WaitingRoom
from .legs import leg_over, owed, settle_legs
from .machines import not_human as not_human_names
from .timers import Timers
from .topology import Channel, Topology

_REMEMBERED = 8192  # Uniqueids of the dead, and of the tainted


class Remembered(OrderedDict[str, str]):
    """The last so many Uniqueids, with a word about each."""

    def put(self, uniqueid: str, word: str = "") -> None:
        self[uniqueid] = word
        self.move_to_end(uniqueid)
        if len(self) > _REMEMBERED:
            self.popitem(last=False)


class CallBook:
    def __init__(
        self,
        *,
        pbx: str,
        boot: str,
        inbound: Inbound,
        watch: Callable[[str], float | None],
        max_channels: int,
        on_hint: Callable[[Hint, Call | None], None] | None = None,
        not_human: Iterable[str] = (),
    ) -> None:
        self.pbx = pbx
        self.boot = boot
        self.inbound = inbound
        self.watch = watch
        self.max_channels = max_channels
        self.epoch = 0  #: how often the link was lost
        self.topology = Topology(not_human_names(not_human))
        self.calls: dict[str, CallState] = {}
        self.timers = Timers()
        self.dead = Remembered()
        self.taints = Remembered()  #: Uniqueid -> why
        self.placed = Remembered()  #: Uniqueid of a channel of ours -> the number it is to dial
        self.room = WaitingRoom()  #: words of the dialplan that came before their call
        self.on_hint = on_hint
        self.counters: Counter[str] = Counter()
        self.late = False  #: what is told now was learnt after the fact
        self._by_linkedid: dict[str, set[str]] = {}
        self._waiting: dict[str, CallState] = {}  #: hung up, voicemail not done; by Uniqueid
        self._voicemail_of: dict[str, str] = {}  #: voicemail channel -> Uniqueid of the call
        self._told: list[Call] = []

    # --- telling ---

    def tell(self, call: CallState, phase: Phase, now: Moment) -> None:
        """Report a fact, once per call (HINTED: each time); of calls that are not inbound only
        the end."""
        if phase in call.told and phase is not Phase.HINTED:
            return
        call.told.add(phase)
        if call.direction is Direction.INBOUND or phase is Phase.ENDED:
            self._told.append(call.fact(phase, now, late=self.late))
            self.counters[f"told_{phase.value}"] += 1

    def hand_over(self, hint: Hint, call: Call | None) -> None:
        """What the dialplan said and the tracker cannot keep; `call` as it stands, if known."""
        if self.on_hint is not None:
            self.on_hint(hint, call)

    def take(self) -> list[Call]:
        told, self._told = self._told, []
        return told

    # --- channels ---

    def seen(self, chan: Snapshot, now: Moment, *, need: bool = False) -> Channel | None:
        """The channel of an event, brought up to date; `need`: made when it is not known.

        None for one that is not known, or dead: some events come again after the Hangup.
        """
        topology = self.topology
        channel = topology.channels.get(chan.uniqueid)
        if channel is not None:
            topology.update(channel, chan, self.epoch, now.steady)
        elif not need or chan.uniqueid in self.dead:
            return None
        else:
            channel = self.add(chan, now)
        call = self.calls.get(chan.uniqueid)
        if call is not None:
            self._refresh(call, chan)
        return channel

    def add(self, chan: Snapshot, now: Moment) -> Channel:
        """A channel not known before; the oldest gives way when there are too many."""
        channels = self.topology.channels
        while len(channels) >= self.max_channels:
            self.counters["channels_evicted"] += 1
            self.vanish(next(iter(channels)), "too many channels at once, the oldest given up", now)
        return self.topology.add(chan, self.epoch, now.steady)

    def _refresh(self, call: CallState, chan: Snapshot) -> None:
        if chan.linkedid != call.linkedid:
            self._unlink(call)
            call.linkedid = chan.linkedid
            self._link(call)
        call.refresh(chan)
        if chan.state == ChannelState.RING:
            # A line that is still in Ring was never Up, and without Up nobody was answered:
            # whatever the gap in the link hid, it hid no answer.
            call.suspect = False

    def call_of(self, channel: Channel) -> CallState | None:
        """The call a channel belongs to: its own, or the one it rings for."""
        return self.calls.get(self.topology.first_caller(channel))

    def call_at(self, uniqueid: str) -> CallState | None:
        """The same by the channel's Uniqueid; None also when the channel is not there."""
        channel = self.topology.channels.get(uniqueid)
        return self.call_of(channel) if channel is not None else None

    def leg_hangs_up(self, channel: Channel, cause: int, now: Moment) -> None:
        """A channel that was dialled is gone; the call may have ended a moment before."""
        owner = self.topology.first_caller(channel)
        call = self.calls.get(owner)
        if call is not None:
            leg_over(call, channel, cause, now)
            self.rearm(call)
            return
        call = self._waiting.get(owner)
        if call is not None and channel.uniqueid in call.legs:
            leg_over(call, channel, cause, now)
            if not owed(call, self.topology.channels, now):
                self.close_call(call, now)

    def calls_among(self, channels: Iterable[Channel]) -> list[tuple[CallState, Channel]]:
        found = ((self.calls.get(c.uniqueid), c) for c in channels)
        return [(call, channel) for call, channel in found if call is not None]

    def call_with_linkedid(self, linkedid: str) -> CallState | None:
        """The inbound call with this Linkedid, if there is exactly one."""
        calls = [self.calls[uniqueid] for uniqueid in self._by_linkedid.get(linkedid, ())]
        inbound = [call for call in calls if call.direction is Direction.INBOUND]
        return inbound[0] if len(inbound) == 1 else None

    # --- calls ---

    def open_call(
        self, chan: Snapshot, direction: Direction, now: Moment, *, gap: bool = False
    ) -> CallState:
        key = CallKey(pbx=self.pbx, boot=self.boot, uniqueid=chan.uniqueid)
        before = self.calls.get(chan.uniqueid)
        if before is not None:
            self._release(before)
        call = CallState.born(key, direction, chan, now)
        if before is not None:
            call.told = before.told
        call.gap = gap
        call.late = self.late
        if direction is Direction.ORIGINATED:
            call.did = self.placed.pop(chan.uniqueid, call.did)
        self.calls[chan.uniqueid] = call
        self._link(call)
        self.counters[f"calls_{direction.value}"] += 1
        if direction is Direction.INBOUND:
            call.ring_timeout = self.watch(call.did)
            call.note(now, f"call for {call.did or 'no number'} in context {call.context}")
        if chan.uniqueid in self.taints:
            call.taint(self.taints[chan.uniqueid], now)
        self.tell(call, Phase.STARTED, now)
        return call

    def dialled_number(self, call: CallState, number: str, now: Moment) -> None:
        """FROM_DID: counts only when the first Exten was no number (`s`, the account's name)."""
        if number and not is_dialled_number(call.did):
            call.did = number
            call.note(now, f"dialled number is {number}")
            if call.direction is Direction.INBOUND:
                call.ring_timeout = self.watch(call.did)

    def rearm(self, call: CallState) -> None:
        self.timers.set(call.key.uniqueid, call.arm())

    def voicemail_by(self, call: CallState, channel: Channel, now: Moment) -> None:
        """The caller has reached the voicemail that `channel` runs."""
        self._voicemail_of[channel.uniqueid] = call.key.uniqueid
        call.voicemail_channels.add(channel.uniqueid)
        call.clock.stop(now.steady)
        if not call.voicemail:
            call.voicemail = True
            call.note(now, f"voicemail {channel.voicemail or ''}".rstrip())
            if call.answered is None:
                self.tell(call, Phase.VOICEMAIL, now)

    def voicemail_call(self, uniqueid: str) -> CallState | None:
        """The call whose voicemail this channel runs, be the caller already gone."""
        owner = self._voicemail_of.get(uniqueid, "")
        return self.calls.get(owner) or self._waiting.get(owner)

    def end_call(self, call: CallState, now: Moment) -> None:
        """The caller's channel is gone. Other channels may still owe us how it went."""
        grace = owed(call, self.topology.channels, now)
        if not grace:
            self.close_call(call, now)
            return
        self._forget(call)
        call.ended = now
        self._waiting[call.key.uniqueid] = call
        self.timers.set(call.key.uniqueid, now.steady + grace)

    def close_call(self, call: CallState, now: Moment) -> None:
        """Tell the end, as of the caller's Hangup, and free everything."""
        settle_legs(call, self.topology.channels)
        self.tell(call, Phase.ENDED, call.ended or now)
        self._release(call)

    def voicemail_over(self, channel: Channel, now: Moment) -> None:
        """The channel no longer runs voicemail: a call that only waited for this can end."""
        channel.voicemail = ""
        call = self._waiting.get(self._voicemail_of.get(channel.uniqueid, ""))
        if call is not None:
            self.close_call(call, now)

    def time_is_up(self, uniqueid: str, now: Moment) -> None:
        """The timer of a call: voicemail never said how it ended, or nobody answered in time."""
        waiting = self._waiting.get(uniqueid)
        if waiting is not None:
            self.close_call(waiting, now)
            return
        call = self.calls.get(uniqueid)
        if call is None:
            return
        call.deadline = None
        # A clock that ran on after every phone was busy or declined is no unanswered ringing; if
        # another phone rings, the timer is set again.
        if call.outcome(now) is Outcome.NO_ANSWER:
            call.note(now, f"nobody answered for {call.ring_timeout:g} s")
            self.tell(call, Phase.RING_TIMEOUT, now)

    def vanish(self, uniqueid: str, why: str, now: Moment) -> None:
        """A channel is gone and we did not see how."""
        channel = self.topology.channels.get(uniqueid)
        if channel is None:
            return
        if channel.parent:
            self.leg_hangs_up(channel, 0, now)
        call = self.calls.get(uniqueid)
        if call is not None:
            call.gap = True
            call.note(now, why)
            self.close_call(call, now)
        self.voicemail_over(channel, now)
        self.topology.drop(uniqueid)
        self.dead.put(uniqueid)

    def taint(self, uniqueids: Iterable[str], reason: str, now: Moment) -> None:
        for uniqueid in uniqueids:
            self.taints.put(uniqueid, reason)
            waiting = self._waiting.get(uniqueid)
            for call in (self.calls.get(uniqueid), self.call_at(uniqueid), waiting):
                if call is not None:
                    call.taint(reason, now)
                    if call is not waiting:
                        self.rearm(call)

    def clear(self, boot: str, why: str, now: Moment) -> None:
        """Asterisk started anew: nothing of before is alive, and its ids may come again."""
        for call in [*self.calls.values(), *self._waiting.values()]:
            call.gap = True
            call.note(now, why)
            self.close_call(call, now)
        self.boot = boot
        self.epoch += 1
        self.topology = Topology(self.topology.not_human)
        self.timers.clear()
        self.dead.clear()
        self.taints.clear()
        self.room.clear()
        self._voicemail_of.clear()

    # --- indexes ---

    def _link(self, call: CallState) -> None:
        self._by_linkedid.setdefault(call.linkedid, set()).add(call.key.uniqueid)

    def _unlink(self, call: CallState) -> None:
        linked = self._by_linkedid.get(call.linkedid)
        if linked is not None:
            linked.discard(call.key.uniqueid)
            if not linked:
                del self._by_linkedid[call.linkedid]

    def _forget(self, call: CallState) -> None:
        if self.calls.get(call.key.uniqueid) is call:
            del self.calls[call.key.uniqueid]
            self._unlink(call)

    def _release(self, call: CallState) -> None:
        self._forget(call)
        if self._waiting.get(call.key.uniqueid) is call:
            del self._waiting[call.key.uniqueid]
        for uniqueid in call.voicemail_channels:
            self._voicemail_of.pop(uniqueid, None)
        self.timers.set(call.key.uniqueid, None)

    def alive(self) -> frozenset[str]:
        """Uniqueids of the calls whose end is still to be told."""
        return frozenset((*self.calls, *self._waiting))

    def sizes(self) -> dict[str, int]:
        """How much is held at this moment, for metrics and for the tests that look for leaks."""
        return {
            "channels": len(self.topology.channels),
            "bridges": len(self.topology.bridges),
            "calls": len(self.calls) + len(self._waiting),
            "timers": len(self.timers),
            "linkedids": len(self._by_linkedid),
            "voicemail": len(self._voicemail_of),
            "halves": self.topology.unpaired,
            "hints": len(self.room),
        }
