"""Rules for what the dialplan says of a call: hooks, UserEvent(TextBack,...), TEXTBACK variables.

All three come to the same few words, and the last word counts: `missed` overrules `handled` and
the other way round. A word counts for the call its channel belongs to, be it said on the caller's
own channel or on a leg that rings for it; on any other channel it counts for nothing.

    TEXTBACK=no        no text for this call
    TEXTBACK=missed    it is missed: text now
    TEXTBACK_MESSAGE   the [[message]] to send
    TEXTBACK_VERSTAT   the STIR/SHAKEN result, or attestation, of the caller's number

An empty value, and TEXTBACK=yes, say nothing: what was said before stays.

A UserEvent can be forged by whoever gets a line break into a value some dialplan puts into one. So
it is believed only when its channel is alive under just this name and its call untainted, and what
it says of the caller is never read: the number is the one the call came in with.
"""

from __future__ import annotations

from textback.model import Hint, HintKind, Moment, Phase, Presentation

from .callbook import CallBook
from .callstate import CallState
from .event_types import UserEvent, VarSet
from .hints import WAIT, WAIT_DOWN, Waiting, timer_of

#: The variables, leading underscores removed.
SPOKEN = frozenset({"TEXTBACK", "TEXTBACK_MESSAGE", "TEXTBACK_VERSTAT"})
_NO = frozenset({"no", "handled", "off", "false", "0", "n", "f"})
_NOTHING_SAID = frozenset({"yes", "auto", "on", "true", "1", "y", "t"})
#: What the tracker keeps with the call; the other kinds are the product's alone.
OF_THE_CALL = frozenset({HintKind.MISSED, HintKind.HANDLED, HintKind.MESSAGE})
_KINDS = {kind.value: kind for kind in HintKind}
#: Words of one call; a dialplan that loops must not fill the store.
MOST_HINTS = 50
_MAX_NAME = 80


def take(book: CallBook, hint: Hint, now: Moment, *, told: bool) -> None:
    """A hook's word. `told`: intake knows of it already, so no fact comes of it."""
    call = book.call_at(hint.uniqueid)
    if call is not None:
        _hear(book, call, hint, now, told=told)
    elif hint.uniqueid in book.dead or not hint.uniqueid:
        _give_back(book, [Waiting(hint, told)])
    else:
        _wait(book, hint.uniqueid, Waiting(hint, told), now, WAIT_DOWN if told else WAIT)


def user_event(book: CallBook, event: UserEvent, now: Moment) -> None:
    channel = book.seen(event.chan, now)
    call = book.call_of(channel) if channel is not None else None
    kind = _KINDS.get(event.action)
    if channel is None or call is None or channel.name != event.chan.channel or call.tainted:
        book.counters["hints_distrusted"] += 1
        return
    if kind is None or (kind in (HintKind.MESSAGE, HintKind.OFFER) and not event.message):
        book.counters["hints_unreadable"] += 1
        what = f"Action: {event.action[:20]}" + ("" if kind is None else " without a Message")
        call.note(now, f"dialplan: UserEvent(TextBack) with {what} says nothing to us")
        return
    hint = Hint(
        kind=kind,
        pbx=book.pbx,
        uniqueid=event.chan.uniqueid,
        at=now,
        source="UserEvent",
        message=event.message,
    )
    _hear(book, call, hint, now)


def spoken(book: CallBook, event: VarSet, now: Moment) -> None:
    """One of the variables in `SPOKEN` was set."""
    uniqueid = event.chan.uniqueid
    book.seen(event.chan, now)
    call = book.call_at(uniqueid)
    if call is not None:
        _variable(book, call, event, now)
    elif uniqueid not in book.dead:
        # A leg's dialplan, and what it inherits, come before the DialBegin that says whose it is.
        _wait(book, uniqueid, Waiting(event), now, WAIT)


def catch_up(book: CallBook, now: Moment) -> None:
    """Calls may be there now for which words wait."""
    for uniqueid in book.room.waited_for():
        call = book.call_at(uniqueid)
        if call is None:
            continue
        book.timers.set(timer_of(uniqueid), None)
        for waiting in book.room.take(uniqueid):
            if isinstance(waiting.word, VarSet):
                _variable(book, call, waiting.word, now)
            else:
                _hear(book, call, waiting.word, now, told=waiting.told)


def give_up(book: CallBook, uniqueid: str) -> None:
    """No call came for these words."""
    _give_back(book, book.room.take(uniqueid))


def _variable(book: CallBook, call: CallState, event: VarSet, now: Moment) -> None:
    value = event.value.strip()[:_MAX_NAME]
    word, message = value.lower(), ""
    if not value:
        return
    if event.variable == "TEXTBACK_VERSTAT":
        if call.verstat != value:
            call.verstat = value
            call.note(now, f"dialplan: verstat is {value}")
        return
    if event.variable == "TEXTBACK_MESSAGE":
        kind, message = HintKind.MESSAGE, value
    elif word in _NO or word == "missed":
        kind = HintKind.MISSED if word == "missed" else HintKind.HANDLED
    else:
        if word not in _NOTHING_SAID:
            book.counters["hints_unreadable"] += 1
            call.note(now, f"dialplan: TEXTBACK={value[:20]} says nothing to us")
        return
    hint = Hint(
        kind=kind,
        pbx=book.pbx,
        uniqueid=event.chan.uniqueid,
        at=now,
        source=f"{event.variable}={value[:40]}",
        message=message,
    )
    _hear(book, call, hint, now)


def _hear(book: CallBook, call: CallState, hint: Hint, now: Moment, *, told: bool = False) -> None:
    """One word about one call."""
    book.counters["hints"] += 1
    call.hints += 1
    if call.tainted or call.hints > MOST_HINTS:
        book.counters["hints_distrusted"] += 1
        return
    if call.presentation is Presentation.UNKNOWN:
        call.presentation = hint.presentation
    before = (call.handled, call.told_missed, call.message)
    if hint.kind not in OF_THE_CALL:
        call.note(now, f"dialplan: {hint.kind.value} {hint.message}".rstrip() + f" ({hint.source})")
        book.hand_over(hint, call.fact(Phase.HINTED, now))
        return
    if hint.kind is HintKind.MISSED:
        if not call.told_missed:
            call.told_at = now
        call.handled, call.told_missed = "", hint.source
        call.message = hint.message[:_MAX_NAME] or call.message
        said = "this call is missed"
    elif hint.kind is HintKind.HANDLED:
        call.handled, call.told_missed, call.told_at = hint.source, "", None
        said = "no text is wanted"
    else:
        call.message = hint.message[:_MAX_NAME]
        said = f"message {call.message}"
    if before == (call.handled, call.told_missed, call.message):
        return  # a leg inherits its caller's variables
    call.note(now, f"dialplan: {said} ({hint.source})")
    if not told:
        book.tell(call, Phase.HINTED, now)


def _wait(book: CallBook, uniqueid: str, waiting: Waiting, now: Moment, seconds: float) -> None:
    if isinstance(waiting.word, Hint):
        book.counters["hints_early"] += 1
    _give_back(book, book.room.put(uniqueid, waiting))
    book.timers.set(timer_of(uniqueid), now.steady + seconds)


def _give_back(book: CallBook, words: list[Waiting]) -> None:
    """No call for these: the product must do with what the hook itself told."""
    for waiting in words:
        if isinstance(waiting.word, VarSet):
            book.counters["hints_unrelated"] += 1
        elif not waiting.told:
            book.counters["hints_without_call"] += 1
            book.hand_over(waiting.word, None)
