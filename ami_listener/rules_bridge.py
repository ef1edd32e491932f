"""Rules for who talks with whom: bridges, Local pairs, transfers, parking, pickup.

Answered is decided in `_meets` and nowhere else: the caller's channel shares a bridge that is no
holding bridge with a real channel, directly or through Local pairs.
"""

from __future__ import annotations

from textback.model import Moment, Phase

from .callbook import CallBook
from .callstate import CallState
from .event_types import (
    AttendedTransfer,
    BlindTransfer,
    BridgeDestroy,
    BridgeEnter,
    BridgeLeave,
    BridgeMerge,
    LocalBridge,
    ParkedCall,
    ParkingStep,
    Pickup,
    Snapshot,
)
from .topology import Channel


def joined(book: CallBook, channel: Channel, now: Moment) -> None:
    """Who hears `channel` has changed: look at every call among them."""
    group = book.topology.together(channel)
    for call, own in book.calls_among(group):
        _meets(book, call, own, group, now)


def _meets(
    book: CallBook, call: CallState, own: Channel, group: list[Channel], now: Moment
) -> None:
    persons = [c for c in group if c.is_person and c is not own]
    if persons:
        _answered(book, call, persons, group, now)
    elif call.answered is None:
        _taken_by_machine(call, own, group, now)
    for channel in group:
        if channel.voicemail and channel.uniqueid not in call.voicemail_channels:
            if channel is own:
                goes_on(call, now)
            book.voicemail_by(call, channel, now)
    book.rearm(call)


def _answered(
    book: CallBook, call: CallState, persons: list[Channel], group: list[Channel], now: Moment
) -> None:
    local = next((f" through {c.endpoint}" for c in group if c.is_local), "")
    if call.answered is None:
        call.answered = now
        call.clock.stop(now.steady)
        call.note(now, f"bridged with {persons[0].endpoint}{local}")
        book.tell(call, Phase.ANSWERED, now)
    taker = next((p for p in persons if p.uniqueid not in call.transferers), None)
    if taker is not None and (call.transferers or call.parked):
        call.note(now, f"taken over by {taker.endpoint}{local}")
        call.transferers = frozenset()
        call.parked = False
    call.queue_abandoned = False


def _taken_by_machine(call: CallState, own: Channel, group: list[Channel], now: Moment) -> None:
    machine = next((c for c in group if c.machine and c is not own), None)
    if machine is not None and not call.machine:
        call.machine = True
        call.note(now, f"{machine.endpoint} answers by itself (no person)")


def bridge_enter(book: CallBook, event: BridgeEnter, now: Moment) -> None:
    channel = book.seen(event.chan, now, need=True)
    if channel is not None:
        book.topology.enter(channel, event.bridge, book.epoch)
        joined(book, channel, now)


def bridge_leave(book: CallBook, event: BridgeLeave, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    # A merge may have moved it already; then this is about the bridge that is gone.
    if channel is not None and channel.bridge == event.bridge.id:
        call = book.calls.get(channel.uniqueid)
        if call is not None and call.answered is not None:
            # Whoever hangs up leaves first. A caller who leaves a person behind is moved elsewhere
            # (AMI Redirect, ChannelRedirect), or hangs up.
            near = book.topology.together(channel)
            call.left = frozenset(c.uniqueid for c in near if c.is_person and c is not channel)
        book.topology.leave(channel)
    if channel is not None:
        channel.bridge_epoch = book.epoch


def bridge_merge(book: CallBook, event: BridgeMerge, now: Moment) -> None:
    book.topology.merge(event.to, event.gone.id, book.epoch)
    bridge = book.topology.bridges.get(event.to.id)
    if bridge is not None:
        joined(book, book.topology.channels[next(iter(bridge.members))], now)


def bridge_destroy(book: CallBook, event: BridgeDestroy, now: Moment) -> None:
    book.topology.destroy(event.bridge.id)


def local_bridge(book: CallBook, event: LocalBridge, now: Moment) -> None:
    one = book.seen(event.one, now, need=True)
    two = book.seen(event.two, now, need=True)
    if one is not None and two is not None:
        book.topology.pair(one, two)
        joined(book, one, now)


def pickup(book: CallBook, event: Pickup, now: Moment) -> None:
    book.seen(event.chan, now)
    target = book.seen(event.target, now)
    call = book.call_of(target) if target is not None else None
    if call is not None:
        picker = event.chan.channel.rpartition("-")[0]
        call.note(now, f"{picker} picks up the call for {target.endpoint if target else ''}")


def _group(book: CallBook, chans: list[Snapshot], now: Moment) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    for chan in chans:
        channel = book.seen(chan, now)
        if channel is not None:
            found.update({c.uniqueid: c for c in book.topology.together(channel)})
    return found


def _passed_on(
    book: CallBook, group: dict[str, Channel], by: frozenset[str], what: str, now: Moment
) -> None:
    """Somebody passed a call on; until another person takes over, nobody has it.

    The transferer's own channels do not count as a person any more: they may still be in the bridge
    when the event comes.
    """
    for call, own in book.calls_among(group.values()):
        if own.uniqueid not in by:
            call.transferers = by
            call.note(now, what)


def goes_on(call: CallState, now: Moment) -> None:
    """The caller's own channel goes on to a phone, a queue or voicemail.

    If it was taken out of a conversation for that, no event told of a transfer: operator's panels
    move callers so. Until somebody takes over, nobody has the call.
    """
    call.machine = False
    call.last_leg = ""
    if call.left and not call.transferers:
        call.note(now, "taken away from whom it talked to, and sent on")
    call.transferers |= call.left


def blind_transfer(book: CallBook, event: BlindTransfer, now: Moment) -> None:
    if not event.success:
        return
    chans = [event.transferer] + ([event.transferee] if event.transferee is not None else [])
    group = _group(book, chans, now)
    by = frozenset({event.transferer.uniqueid})
    what = f"{event.transferer.channel.rpartition('-')[0]} transfers it to {event.exten}"
    _passed_on(book, group, by, what, now)


def attended_transfer(book: CallBook, event: AttendedTransfer, now: Moment) -> None:
    if not event.success:
        return
    chans = [*event.transferers] + ([event.transferee] if event.transferee is not None else [])
    group = _group(book, chans, now)
    by = frozenset(chan.uniqueid for chan in event.transferers)
    what = f"{event.transferers[0].channel.rpartition('-')[0]} hands it over"
    _passed_on(book, group, by, what, now)
    # The new bridge may be older than this event: then the call is taken over already.
    for _, own in book.calls_among(group.values()):
        joined(book, own, now)


_PARKING = {
    ParkingStep.PARKED: "parked on {}",
    ParkingStep.TIMED_OUT: "parked too long on {}",
    ParkingStep.GAVE_UP: "hung up while parked on {}",
    ParkingStep.RETRIEVED: "fetched from parking space {}",
}


def parked_call(book: CallBook, event: ParkedCall, now: Moment) -> None:
    channel = book.seen(event.parkee, now)
    call = book.call_of(channel) if channel is not None else None
    if call is None:
        return
    if event.step is ParkingStep.PARKED:
        call.parked = True
        call.clock.stop(now.steady)
        book.rearm(call)
    elif call.answered is None and event.step is not ParkingStep.GAVE_UP:
        call.parked = False  # the dialplan had parked it, and goes on with it
    call.note(now, _PARKING[event.step].format(event.space))
