"""Rules for what the dialplan does with a caller: queue, voicemail, fax, Dial's own verdict."""

from __future__ import annotations

import re

from textback.model import Moment

from .callbook import CallBook
from .event_types import (
    MessageWaiting,
    NewExten,
    PresentationAnswer,
    QueueCallerAbandon,
    QueueCallerJoin,
    QueueCallerLeave,
    VarSet,
)
from .outcome import LegResult
from .rules_bridge import goes_on, joined
from .rules_dial import presentation_answer
from .rules_hints import SPOKEN, spoken

#: QUEUESTATUS when the queue is done with a caller nobody took (app_queue).
_QUEUE_GAVE_UP = frozenset(
    {"TIMEOUT", "FULL", "JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "WITHDRAW"}
)
#: DIALSTATUS when Dial reached no phone at all: then no Dial event tells of it.
_NO_PHONE = {
    "BUSY": LegResult.BUSY,
    "CHANUNAVAIL": LegResult.UNREACHABLE,
    "CONGESTION": LegResult.UNREACHABLE,
    "NOANSWER": LegResult.UNREACHABLE,
}
#: Applications that refuse a caller.
_REFUSED = {"Busy": LegResult.BUSY, "Congestion": LegResult.UNREACHABLE}
_ARGUMENTS = re.compile(r"\([^)]*\)")


def queue_join(book: CallBook, event: QueueCallerJoin, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    call = book.call_of(channel) if channel is not None else None
    if call is None:
        return
    if channel is not None and channel.uniqueid == call.key.uniqueid:
        goes_on(call, now)
    call.in_queue = True
    call.queue = event.queue[:80]
    call.queue_abandoned = call.queue_gave_up = False
    call.dial_begun = True
    if call.queue_since is None:
        call.queue_since = now.steady
    call.clock.stop(now.steady)
    call.note(now, f"enters queue {event.queue}")
    book.rearm(call)


def queue_leave(book: CallBook, event: QueueCallerLeave, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    call = book.call_of(channel) if channel is not None else None
    if call is None:
        return
    call.in_queue = False
    if call.answered is None:
        # By hanging up, or because the queue gave up; an agent's bridge settles it otherwise.
        call.queue_gave_up = not call.queue_abandoned
        call.clock.resume(now.steady)
    call.note(now, f"leaves queue {event.queue}")
    book.rearm(call)


def queue_abandon(book: CallBook, event: QueueCallerAbandon, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    call = book.call_of(channel) if channel is not None else None
    if call is not None and call.answered is None:
        call.queue_abandoned = True
        call.queue_gave_up = False
        call.note(now, f"gives up waiting in queue {event.queue}")


def var_set(book: CallBook, event: VarSet, now: Moment) -> None:
    if event.variable in SPOKEN:
        spoken(book, event, now)
        return
    channel = book.seen(event.chan, now)
    if channel is None:
        return
    value = event.value
    if event.variable == "FROM_DID":
        call = book.calls.get(channel.uniqueid)
        if call is not None:
            book.dialled_number(call, value[:80], now)
            book.rearm(call)
        return
    if event.variable in ("CALLINGNUMPRES_SV", "CALLINGPRES_SV"):
        # FreePBX's inbound route: in the next step it lets the phones see a withheld number, and
        # our own question would be answered "allowed".
        presentation_answer(book, PresentationAnswer(event.at, channel.uniqueid, value), now)
        return
    if event.variable == "VMSTATUS":
        call = book.voicemail_call(channel.uniqueid)
        if call is not None and value:
            # Without a MessageWaiting too: it needs `call`, and not every mailbox sends it.
            call.message_left = call.message_left or value == "SUCCESS"
            call.note(now, f"voicemail ends: {value.lower()}")
            book.voicemail_over(channel, now)
        return
    call = book.call_of(channel)
    if event.variable == "DIALSTATUS":
        # Dial blanks it first, so phones dialled before do not hide that this one reached none.
        reached, channel.legs = channel.legs, False
        if call is not None and value in _NO_PHONE and not reached:
            call.dials(now)
            call.count(_NO_PHONE[value])
            which = "no other" if channel.phoned else "no"
            call.note(now, f"{which} phone could be dialled: {value.lower()}")
            other_half = book.topology.channels.get(channel.pair)
            if other_half is not None:
                other_half.below = True
    elif event.variable == "QUEUESTATUS" and call is not None and value in _QUEUE_GAVE_UP:
        # A queue that times out sends QueueCallerAbandon too (seen on Asterisk 22): this is right.
        call.queue_gave_up = True
        call.queue_abandoned = False
        call.note(now, f"queue gives up: {value.lower()}")


def new_exten(book: CallBook, event: NewExten, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    if channel is None:
        return
    if event.application in ("VoiceMail", "MinivmRecord"):
        channel.voicemail = event.data.partition(",")[0][:80] or "-"
        joined(book, channel, now)
        return
    call = book.call_of(channel)
    if call is None:
        return
    if event.application == "Page" and _only_listen(event.data):
        call.paging = channel.uniqueid
    elif call.paging == channel.uniqueid:
        call.paging = ""
    if event.application in ("Dial", "Page"):
        call.dials(now)
    elif event.application in _REFUSED:
        if not call.dialled:  # else the phones say how it was
            call.count(_REFUSED[event.application])
            call.note(now, f"the dialplan plays {event.application.lower()}")
    elif event.application == "ReceiveFAX":
        call.fax = True
        call.note(now, "a fax is received")


def _only_listen(data: str) -> bool:
    """Whether the phones a Page() calls are muted, as they are without its option `d`.

    They answer by themselves, and nobody there can have said a word to the caller.
    """
    options = [*data.split(",")[1:2], ""][0]
    return "d" not in _ARGUMENTS.sub("", options)


def message_waiting(book: CallBook, event: MessageWaiting, now: Moment) -> None:
    """A message was left by the channel it names. Without `dialplan` rights this is all we hear."""
    if event.new <= 0:
        return
    call = book.voicemail_call(event.uniqueid)
    channel = book.topology.channels.get(event.uniqueid)
    if call is None and channel is not None:
        calls = book.calls_among(book.topology.together(channel))
        if not calls:
            return
        call = calls[0][0]
        call.message_left = True
        book.voicemail_by(call, channel, now)
    if call is not None:
        call.message_left = True
        call.note(now, f"a message was left for {event.mailbox}")
