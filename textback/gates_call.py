"""The gates about the call itself: was it one, was it seen, did nobody answer; pure."""

from __future__ import annotations

from textback import phone
from textback.answer import Answer, ok
from textback.case import Case
from textback.config import duration_text
from textback.model import Direction, Outcome, Reason

#: Outcomes of callers who gave up by themselves: they must have waited `abandoned_after`.
_GAVE_UP = frozenset({Outcome.ABANDONED, Outcome.QUEUE_ABANDONED, Outcome.IVR_ABANDONED})


def seen_whole(case: Case) -> Answer:
    """Was the whole call seen? A call with a gap (AMI was down, Asterisk restarted) is not
    texted on a guess."""
    call = case.call
    rule = "calls seen from their first ring to their end"
    if call.told_missed and not call.final:
        return ok(f"the dialplan says it is missed ({phone.printable(call.told_missed)})", rule)
    # An answer that was seen stays one, whatever was missed later. A call that cannot be trusted is
    # of unknown outcome too; `trusted` says so better.
    if (call.gap and call.outcome is not Outcome.ANSWERED) or (
        call.outcome is Outcome.UNKNOWN and not call.tainted
    ):
        return Answer(Reason.UNKNOWN_CALL, "part of the call was not seen", rule)
    if case.caught_up:
        return ok(f"told late, by Asterisk's {call.source.value.upper()}", rule)
    return ok("seen whole" + (", told late" if call.late else ""), rule)


def trusted(case: Case) -> Answer:
    """Were its events well formed? Duplicate or forged AMI headers make a call untrustworthy."""
    rule = "well-formed AMI events"
    if case.call.tainted:
        return Answer(Reason.TAINTED, phone.printable(case.call.tainted, 120), rule)
    return ok("nothing odd", rule)


def inbound(case: Case) -> Answer:
    """Did somebody outside call in? Internal, outgoing and click-to-call calls are not missed
    calls."""
    refused = {
        Direction.INTERNAL: Reason.INTERNAL,
        Direction.OUTBOUND: Reason.OUTBOUND,
        Direction.ORIGINATED: Reason.ORIGINATED,
    }
    call = case.call
    value = f"{call.direction.value} (context {phone.printable(call.context) or 'unknown'})"
    return Answer(refused.get(call.direction), value, "inbound only")


def watched(case: Case) -> Answer:
    """Is the number that was dialled one of [[number]]?"""
    did = phone.printable(case.call.did)
    if case.number is None:
        return Answer(Reason.NOT_WATCHED, f"{did or 'no number'} was dialled", "a [[number]]")
    label = f" ({case.number.label})" if case.number.label else ""
    return ok(f"{case.number.did}{label}", "a [[number]]")


def enabled(case: Case) -> Answer:
    """Is texting switched on for that number?"""
    on = case.rules.enabled
    reason = None if on else Reason.NUMBER_DISABLED
    return Answer(reason, "on" if on else "off", "enabled = true")


def not_handled(case: Case) -> Answer:
    """Has the dialplan not said that no text is wanted for this call?"""
    handled = phone.printable(case.call.handled)
    rule = "TEXTBACK=no and the hook `handled`"
    if handled:
        return Answer(Reason.HANDLED, f"the dialplan says it is handled ({handled})", rule)
    return ok("the dialplan has not said so", rule)


def missed(case: Case) -> Answer:
    """Did nobody answer, in one of the ways the number texts for? The dialplan may say that a call
    is missed: then only a person who answered after that counts."""
    outcome = case.call.outcome
    rule = "outcomes = " + (", ".join(case.rules.outcomes) or "none")
    if case.call.told_missed and not _answered_since(case):
        return ok("the dialplan says it is missed", "any, where the dialplan says so")
    if outcome is Outcome.ANSWERED:
        return Answer(Reason.ANSWERED, "a person answered", rule)
    # Records cannot always tell two classes apart: then both must be on.
    may = sorted({outcome, *case.call.may_become}) if case.caught_up else [outcome]
    off = any(one not in case.rules.outcomes for one in may)
    value = outcome.value if len(may) == 1 else f"{' or '.join(may)}: the record does not say"
    return Answer(Reason.OUTCOME_OFF if off else None, value, rule)


def _answered_since(case: Case) -> bool:
    """Whether a person may have talked to the caller after the dialplan called the call missed.

    At the end an answer counts whenever it was: only the first of a call is known.
    """
    call = case.call
    if call.final or call.told_at is None:
        return call.outcome is Outcome.ANSWERED
    return call.answered is not None and call.answered.steady > call.told_at.steady


def waited_enough(case: Case) -> Answer:
    """Did a caller who hung up wait long enough to have meant it?"""
    call, least = case.call, case.rules.abandoned_after
    rule = f"abandoned_after = {duration_text(least)}"
    value = f"waited {call.waited:.1f} s"
    if call.outcome not in _GAVE_UP or call.told_missed:
        return ok(value, "only for callers who hang up by themselves")
    return Answer(Reason.TOO_SHORT if call.waited < least else None, value, rule)
