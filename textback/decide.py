"""The call verdict: what a fact about a call comes to; pure.

A fact about a call comes in (`Call`), with what the store remembers of the caller (`History`) and
the configuration; out comes `Send`, `Skip`, or None when a later fact of the same call decides.
The gates are asked in the order of `gates.GATES` up to the first that fails; all answers are kept,
and `textback why` prints them.

Which fact decides (`_is_the_moment`): the end of a call always does. Before it, the ring timeout,
the arrival in voicemail and the dialplan's word that the call is missed may decide to send, never
to skip: what forbids a text now may be over by the end of the call (a cooldown, a cap, a
presentation Asterisk has yet to tell), and "answered" is a better reason for a skip than whatever
came first.

When it goes out: `delay` after the verdict, and where that falls into quiet hours, at their end.
That wait is meant, so the end of the text's life moves with it; what the call was old already, and
what the carrier costs, counts.

With the first text its follow-up is planned, where the number has one (`follow_up`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from textback import breaker, follow_up
from textback.answer import Check
from textback.case import Case, History, Past, caller_of
from textback.config import Config
from textback.gates import GATES, OFFER_GATES
from textback.model import (
    TEXTABLE_OUTCOMES,
    Call,
    Direction,
    Gate,
    Outcome,
    Phase,
    Send,
    Skip,
    TextKind,
    Verdict,
)

__all__ = ["GATES", "History", "Past", "caller_of", "decide", "decide_offer", "explain_gates"]


#: Facts before the end that may decide once the dialplan has called the call missed: its word
#: itself, and each after it, should the first have come too early for another gate.
_TOLD = frozenset({Phase.HINTED, Phase.RING_TIMEOUT, Phase.VOICEMAIL})


def decide(call: Call, history: Past, rules: Config, now: datetime) -> Verdict | None:
    """The verdict on a call by this fact; None: a later fact decides, or there is none to make.

    `now` is aware UTC. Never raises for anything a caller or a PBX may send.
    """
    case = Case(call, history, rules, now)
    if not _is_the_moment(case):
        return None
    made = _ask(case, GATES)
    return None if isinstance(made, Skip) and not call.final else made


def decide_offer(call: Call, history: Past, rules: Config, now: datetime, message: str) -> Verdict:
    """The verdict on a text the caller has just asked for, by pressing a key.

    `call` is how the call stands, or as much of it as the dialplan told; `message` names the
    [[message]], "" is the number's own. One text for a call: the store sees to that. Never raises.
    """
    asked = replace(call, message=message)
    return _ask(Case(asked, history, rules, now, TextKind.OFFER), OFFER_GATES)


def _ask(case: Case, checks: Sequence[tuple[str, Check]]) -> Verdict:
    gates: list[Gate] = []
    for name, check in checks:
        answer = check(case)
        gates.append(Gate(name, answer.reason is None, answer.value, answer.rule))
        if answer.reason is not None:
            return Skip(reason=answer.reason, gates=tuple(gates))
    return _send(case, tuple(gates))


def _send(case: Case, gates: tuple[Gate, ...]) -> Send:
    number, caller, limits = case.rules, case.caller.e164, case.config.limits
    blocks = (
        breaker.adjacent(caller, case.history, limits),
        breaker.per_prefix(caller, case.history, limits),
    )
    wait = case.due - case.asked_at
    return Send(
        to=caller,
        sender=number.sender or number.did,
        text=case.text,
        expires=min(case.call.at.utc, case.asked_at) + timedelta(seconds=case.max_age[1]) + wait,
        route=case.config.router.new(number.sender or number.did, caller, number.did),
        shadow=case.config.is_shadow(number),
        kind=case.kind,
        due=case.due if wait else None,
        hold=next((block.hold for block in blocks if block.hold), ""),
        gates=gates,
        follow_up=follow_up.plan(case),
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
    if call.told_missed and call.phase in _TOLD:
        return True
    if call.phase is Phase.RING_TIMEOUT:
        return number.text_at == "ring_timeout" and Outcome.NO_ANSWER in number.outcomes
    if call.phase is Phase.VOICEMAIL:
        # Whether a message is left is not known yet: decide only where it makes no difference.
        open_ends = call.may_become.intersection(TEXTABLE_OUTCOMES)
        return bool(open_ends) and open_ends.issubset(number.outcomes)
    return False
