"""Rules for the life of channels: birth, number, dialled, ringing, gone.

A DialEnd is never acted on: a phone that answers is known by its bridge, and a masquerade publishes
DialEnd NOANSWER for a phone that still rings. What a phone amounts to is judged at its Hangup.
"""

from __future__ import annotations

from textback.model import Direction, Moment, Phase, Presentation

from .births import direction_of, is_full_number
from .callbook import CallBook
from .callstate import CallState, clip
from .event_types import (
    ChannelState,
    DialBegin,
    DialEnd,
    DialState,
    Hangup,
    NewCallerId,
    NewChannel,
    NewState,
    PresentationAnswer,
    Rename,
)
from .outcome import judge_refusal
from .rules_bridge import goes_on
from .topology import Channel


def new_channel(book: CallBook, event: NewChannel, now: Moment) -> None:
    chan = event.chan
    channel = book.topology.channels.get(chan.uniqueid)
    if chan.uniqueid in book.dead or (channel is not None and channel.first is not None):
        book.counters["births_again"] += 1  # an id is used once for each start of Asterisk
        return
    if channel is None:
        channel = book.add(chan, now)
    # else: a list row, written at once, overtook this event. From here on all of it is seen, so
    # the call begins anew, without a gap.
    channel.first = chan
    channel.bridge_epoch = book.epoch
    direction = direction_of(chan, book.inbound)
    if direction is not None:
        book.open_call(chan, direction, now)


def new_state(book: CallBook, event: NewState, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    if channel is None:
        return
    call = book.calls.get(channel.uniqueid)
    if event.chan.state == ChannelState.RINGING:
        rings(book, channel, now)
    elif event.chan.state == ChannelState.RING:
        if call is None and channel.first is not None and not channel.dialled:
            _late_caller(book, channel, event, now)
    elif event.chan.state == ChannelState.UP and call is not None:
        # It came to Up only now, so it was not Up while the link was lost.
        call.suspect = False
        if not channel.dialled:
            call.note(now, "the PBX takes the line (no person yet)")
            book.rearm(call)


def _late_caller(book: CallBook, channel: Channel, event: NewState, now: Moment) -> None:
    """chan_sip: born Down, then Ring. What was dialled stands in the first snapshot."""
    assert channel.first is not None
    chan = event.chan if not channel.first.exten else channel.first
    direction = direction_of(event.chan, book.inbound)
    if direction is not None:
        call = book.open_call(chan, direction, now)
        call.refresh(event.chan)


def new_caller_id(book: CallBook, event: NewCallerId, now: Moment) -> None:
    book.seen(event.chan, now)
    call = book.calls.get(event.chan.uniqueid)
    code = event.presentation.partition(" ")[0]
    if call is not None and code.isascii() and code.isdigit():
        # Bits 5 and 6 (Q.931 octet 3a): 0 allowed, 1 restricted, 2 not available.
        _presents(call, Presentation.ALLOWED if int(code) < 32 else Presentation.WITHHELD)


def presentation_answer(book: CallBook, event: PresentationAnswer, now: Moment) -> None:
    call = book.calls.get(event.uniqueid)
    if call is not None:
        _answered_presentation(call, event.value, now)
        if call.told_missed:  # that was told before this was known, and may have waited for it
            book.tell(call, Phase.HINTED, now)


def _answered_presentation(call: CallState, value: str, now: Moment) -> None:
    if value.startswith("allowed"):
        _presents(call, Presentation.ALLOWED)
    elif value.startswith("prohib") or value == "unavailable":
        _presents(call, Presentation.WITHHELD)
        call.note(now, "the caller's number is withheld")


def _presents(call: CallState, presentation: Presentation) -> None:
    # Once withheld it stays so: a dialplan that lifts it for the phones does not speak for the
    # caller.
    if call.presentation is not Presentation.WITHHELD:
        call.presentation = presentation


def dial_begin(book: CallBook, event: DialBegin, now: Moment) -> None:
    leg = book.seen(event.dest, now, need=True)
    caller = book.seen(event.caller, now, need=True) if event.caller is not None else None
    if leg is None:
        return
    leg.dialled = True
    leg.status = ""
    leg.forwarded = False
    if event.caller is None:
        _dialled_by_nobody(book, leg, event, now)
        return
    if caller is None or caller is leg:
        return
    before = book.call_of(leg) if leg.parent else None
    leg.parent = caller.uniqueid
    caller.legs = caller.phoned = True
    if caller.machine and caller.is_local:
        book.topology.behind_machine(leg)
    other_half = book.topology.channels.get(caller.pair)
    if other_half is not None:
        other_half.below = True
    call = book.call_of(leg)
    if before is not None and before is not call:  # a masquerade gave the ringing phone away
        before.give_away(leg.uniqueid, rang=leg.rang)
        leg.rang = False
    if call is not None and call.key.uniqueid != leg.uniqueid:
        if caller.uniqueid == call.key.uniqueid:
            _goes_out(call, caller, event.caller.exten)
        _dialled_for(book, call, leg, caller, now)


def _goes_out(call: CallState, phone: Channel, exten: str) -> None:
    """A phone that was originated is up and dials: that number is whom the call is for.

    Not so a Local channel: it is up once the phone behind it is, and that one counts as a person
    who answered.
    """
    known = call.direction is not Direction.ORIGINATED or is_full_number(call.did)
    if not known and phone.is_phone and call.answered is None and is_full_number(exten):
        call.did = clip(exten)


def _dialled_by_nobody(book: CallBook, leg: Channel, event: DialBegin, now: Moment) -> None:
    """A DialBegin without a caller: an Originate, or an ARI application ringing phones.

    The latter passes its call's Linkedid on; an Originate starts a Linkedid of its own.
    """
    if leg.uniqueid in book.calls:
        return
    if leg.linkedid != leg.uniqueid:
        call = book.call_with_linkedid(leg.linkedid)
        if call is not None:
            leg.parent = call.key.uniqueid
            if call.paging:
                book.topology.behind_machine(leg)
            _dialled_for(book, call, leg, None, now)
        return
    if leg.first is not None:
        book.open_call(event.dest, Direction.ORIGINATED, now)


def _dialled_for(
    book: CallBook, call: CallState, leg: Channel, caller: Channel | None, now: Moment
) -> None:
    call.dials(now)
    call.legs.add(leg.uniqueid)
    if caller is None or caller.uniqueid == call.key.uniqueid:
        call.open_legs.add(leg.uniqueid)
        call.queue_abandoned = False  # the dialplan went on from an Abandon
        goes_on(call, now)
    call.note(now, f"dials {'phone ' if leg.is_phone else ''}{leg.endpoint}")
    if leg.uniqueid in book.taints:
        call.taint(book.taints[leg.uniqueid], now)
    book.rearm(call)
    if leg.state == ChannelState.RINGING:  # its Newstate came before this
        rings(book, leg, now)


def dial_state(book: CallBook, event: DialState, now: Moment) -> None:
    leg = book.seen(event.dest, now)
    if leg is not None and event.status in ("RINGING", "PROGRESS"):
        rings(book, leg, now)


def rings(book: CallBook, leg: Channel, now: Moment) -> None:
    """A real phone rings, or sends early media; not a Local half, which only passes it on."""
    call = book.call_of(leg) if leg.parent else None
    if call is None or leg.rang or not leg.is_phone:
        return
    leg.rang = True
    call.note(now, f"phone {leg.endpoint} rings")
    if call.answered is not None:
        return
    if not call.in_queue:
        call.clock.start(now.steady)
    if call.ringing is None:
        call.ringing = now
        book.tell(call, Phase.RINGING, now)
    book.rearm(call)


def dial_end(book: CallBook, event: DialEnd, now: Moment) -> None:
    leg = book.seen(event.dest, now)
    caller = event.caller.uniqueid if event.caller is not None else ""
    if leg is None:  # its Hangup came first
        direct = book.calls.get(caller)
        if direct is not None and not direct.open_legs and not direct.last_leg:
            direct.last_leg = "" if event.forward else event.status
        return
    if caller and leg.parent and leg.parent != caller:
        return  # it was for a caller who no longer has this phone
    # Queues say it twice. But NOANSWER, then ANSWER is a phone that was picked up in the moment in
    # which the caller hung up.
    late = (leg.status, event.status) == ("NOANSWER", "ANSWER")
    if leg.status and not late:
        return
    leg.status = event.status
    leg.forwarded = bool(event.forward)
    call = book.call_of(leg) if leg.parent else None
    if call is None:
        return
    if leg.uniqueid in call.open_legs or (late and leg.parent == call.key.uniqueid):
        call.open_legs.discard(leg.uniqueid)
        call.last_leg = "CANCEL" if late else "" if event.forward else event.status
    what = f"sent on to {event.forward}" if event.forward else event.status.lower()
    call.note(now, f"{leg.endpoint}: {what}")


def rename(book: CallBook, event: Rename, now: Moment) -> None:
    book.topology.rename(event.uniqueid, event.new_name)


def hangup(book: CallBook, event: Hangup, now: Moment) -> None:
    uniqueid = event.chan.uniqueid
    channel = book.seen(event.chan, now)
    if channel is not None:
        if channel.parent:
            book.leg_hangs_up(channel, event.cause, now)
        book.voicemail_over(channel, now)
        call = book.calls.get(uniqueid)
        book.topology.drop(uniqueid)
        if call is not None:
            if call.presentation is Presentation.UNKNOWN:
                # A call that is over within milliseconds is gone before Asterisk can be asked.
                _answered_presentation(call, event.presentation, now)
            _on_an_open_line(call, event, now)
            call.note(now, f"hung up (cause {event.cause})")
            book.end_call(call, now)
    else:
        book.counters["hangups_unknown"] += 1
    book.dead.put(uniqueid)


def _on_an_open_line(call: CallState, event: Hangup, now: Moment) -> None:
    """The caller's line was never answered: then its end says more."""
    if event.chan.state not in (ChannelState.RING, ChannelState.BUSY):
        return
    if call.last_leg == "ANSWER":  # and yet nobody was joined to it: the caller hung up meanwhile
        call.last_leg = "CANCEL"
    refused = judge_refusal(event.cause)
    if refused is not None and not call.dialled and not call.results:
        call.count(refused)
        call.note(now, f"the dialplan refuses the call: {refused.value}")
