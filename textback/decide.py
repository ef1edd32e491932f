"""The call verdict: what a fact about a call comes to; pure.

A fact about a call comes in (`Call`), with what the store remembers of the caller (`History`) and
the configuration; out comes `Send`, `Skip`, or None when a later fact of the same call decides.
The gates are asked in the order of `gates.GATES` up to the first that fails; all answers are kept,
and `textback why` prints them.

Which fact decides (`_is_the_moment`): the end of a call always does. Before it, the ring timeout
and the arrival in voicemail may decide to send, never to skip: what forbids a text now may be over
by the end of the call (a cooldown, a cap, a presentation Asterisk has yet to tell), and "answered"
is a better reason for a skip than whatever came first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from textback.case import Case, History, caller_of
from textback.config import Config
from textback.gates import GATES
from textback.model import (
    TEXTABLE_OUTCOMES,
    Call,
    Direction,
    Gate,
    Outcome,
    Phase,
    Send,
    Skip,
    Verdict,
)

__all__ = ["GATES", "History", "caller_of", "decide", "explain_gates"]


def decide(call: Call, history: History, rules: Config, now: datetime) -> Verdict | None:
    """The verdict on a call by this fact; None: a later fact decides, or there is none to make.

    `now` is aware UTC. Never raises for anything a caller or a PBX may send.
    """
    case = Case(call, history, rules, now)
    if not _is_the_moment(case):
        return None
    gates: list[Gate] = []
    for name, check in GATES:
        answer = check(case)
        gates.append(Gate(name, answer.reason is None, answer.value, answer.rule))
        if answer.reason is not None:
            return Skip(reason=answer.reason, gates=tuple(gates)) if call.final else None
    number = case.rules
    return Send(
        to=case.caller.e164,
        sender=number.sender or number.did,
        text=case.text,
        expires=min(call.at.utc, now) + timedelta(seconds=rules.limits.max_age),
        route=number.smsc,
        shadow=rules.mode == "shadow",
        gates=tuple(gates),
    )


def explain_gates() -> list[tuple[str, str]]:
    """Every gate in order, with a sentence on what it asks."""
    return [(name, " ".join((check.__doc__ or "").split())) for name, check in GATES]


def _is_the_moment(case: Case) -> bool:
    call, number = case.call, case.number
    if call.phase is Phase.ENDED:
        return True
    if number is None or call.direction is not Direction.INBOUND:
        return False
    if call.phase is Phase.RING_TIMEOUT:
        return number.text_at == "ring_timeout" and Outcome.NO_ANSWER in number.outcomes
    if call.phase is Phase.VOICEMAIL:
        # Whether a message is left is not known yet: decide only where it makes no difference.
        open_ends = call.may_become.intersection(TEXTABLE_OUTCOMES)
        return bool(open_ends) and open_ends.issubset(number.outcomes)
    return False
