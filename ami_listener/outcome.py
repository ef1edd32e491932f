"""How an inbound call stands, from what is known of it: two tables and nothing else.

`VERDICT` is read from the top; the first line that holds names the outcome. It is read when the
call ends, and before that with "if the caller hung up now". The order is the product's theory of a
missed call:

1. What was not seen whole is not guessed at. Only an answer that was seen stays an answer, whatever
   was missed later.
2. A person on the line settles it: answered, unless that person passed the caller on and nobody
   took over.
3. A machine that took the caller (fax, voicemail) comes before the phones that rang earlier.
4. A caller who left a queue by hanging up did so whatever rang in there.
5. Then the phones. A caller who hung up while they rang either waited long enough to be a
   `no_answer`, or `abandoned`; so did one whom only a machine had answered (a door speaker, a
   page), and one who hung up in the moment in which a phone was picked up. When Asterisk gave up,
   the best of the legs counts: one that rang beats a busy one beats an unreachable one.
6. A caller for whom nothing was ever dialled was in a menu, heard an announcement, or waited alone
   in a conference. Where the dialplan itself played busy or congestion, that is how it was.

`LEG` says what one dialled phone amounts to. DialStatus alone cannot: 603 Decline, 480 and a plain
time-out are all NOANSWER (facts: res_pjsip maps what it does not know to NOANSWER), so the
Q.850 cause of the leg's own Hangup and whether it ever rang decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from textback.model import Outcome

#: Q.850 causes
USER_BUSY, NO_ANSWER, CALL_REJECTED, CONGESTION = 17, 19, 21, 34
_NEVER_REACHED = frozenset(
    {1, 2, 3, 18, 19, 20, 22, 27, 28, 31, 34, 38, 41, 42, 44, 50, 58, 88, 127}
)


class LegResult(StrEnum):
    """What one dialled phone amounts to; `FORWARDED` legs are replaced by another."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    FORWARDED = "forwarded"


#: DialStatus -> result; a status not listed is judged by `judge_leg`.
LEG: dict[str, LegResult] = {
    "BUSY": LegResult.BUSY,
    "DONTCALL": LegResult.BUSY,  # privacy manager: the callee said no
    "TORTURE": LegResult.BUSY,
    "CHANUNAVAIL": LegResult.UNREACHABLE,
    "CONGESTION": LegResult.UNREACHABLE,
    "ANSWER": LegResult.NO_ANSWER,  # picked up, never joined to the caller
    "CONTINUE": LegResult.NO_ANSWER,  # picked up, call screening not accepted
    "ABORT": LegResult.NO_ANSWER,
}


def judge_leg(status: str, *, rang: bool, cause: int, forwarded: bool = False) -> LegResult:
    """What a phone amounts to, from its DialEnd and the cause of its own Hangup (0: not known)."""
    if forwarded:
        return LegResult.FORWARDED
    known = LEG.get(status)
    if known is not None:
        return known
    # NOANSWER, CANCEL, GOTO:..., or hung up with no DialEnd
    if cause in (USER_BUSY, CALL_REJECTED):
        return LegResult.BUSY
    if rang:
        return LegResult.NO_ANSWER
    if status == "CANCEL" or cause in _NEVER_REACHED:
        return LegResult.UNREACHABLE
    return LegResult.NO_ANSWER


def judge_refusal(cause: int) -> LegResult | None:
    """What the Q.850 cause of the caller's own Hangup says when nothing was dialled, if anything.

    Busy() and Congestion() set it on a line that is not up, also where no event tells of them
    (ExecIf runs them).
    """
    return {USER_BUSY: LegResult.BUSY, CONGESTION: LegResult.UNREACHABLE}.get(cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the verdict is read from."""

    tainted: bool = False
    gap: bool = False  #: part of the call was not seen
    human: bool = False  #: shared a bridge with a person at some time
    parked: bool = False  #: parked, and nobody came back to it
    passed_on: bool = False  #: transferred, and nobody took over
    fax: bool = False
    voicemail: bool = False
    message_left: bool = False
    in_queue: bool = False  #: is in a queue, or left the last one by hanging up
    queue_gave_up: bool = False
    #: a phone still rang when the caller hung up, or was picked up too late or by a machine
    ringing_left: bool = False
    rang_long: bool = False  #: the ring clock reached ring_timeout
    no_answer: int = 0  #: legs
    busy: int = 0
    unreachable: int = 0
    dialled: bool = False  #: Dial ran, or a leg was seen


VERDICT: tuple[tuple[Callable[[Facts], bool], Outcome], ...] = (
    (lambda f: f.tainted, Outcome.UNKNOWN),
    (lambda f: f.gap, Outcome.UNKNOWN),
    (lambda f: f.parked, Outcome.PARKED_GIVEUP),
    (lambda f: f.human and f.passed_on, Outcome.TRANSFER_UNANSWERED),
    (lambda f: f.human, Outcome.ANSWERED),
    # A fax that was received is served; a text to the machine is no use to anybody.
    (lambda f: f.fax, Outcome.ANSWERED),
    (lambda f: f.voicemail and f.message_left, Outcome.VOICEMAIL_LEFT),
    (lambda f: f.voicemail, Outcome.VOICEMAIL_NO_MESSAGE),
    (lambda f: f.in_queue, Outcome.QUEUE_ABANDONED),
    (lambda f: f.ringing_left and f.rang_long, Outcome.NO_ANSWER),
    (lambda f: f.ringing_left, Outcome.ABANDONED),
    (lambda f: f.no_answer > 0, Outcome.NO_ANSWER),
    (lambda f: f.queue_gave_up, Outcome.NO_ANSWER),
    (lambda f: f.busy > 0, Outcome.BUSY),
    (lambda f: f.unreachable > 0, Outcome.UNAVAILABLE),
    (lambda f: f.dialled, Outcome.UNAVAILABLE),
    (lambda _: True, Outcome.IVR_ABANDONED),
)


def outcome(facts: Facts) -> Outcome:
    """The outcome of a call that ended with these facts."""
    # An answer that was seen cannot be undone by what was not seen; forged events can fake one.
    if facts.gap and facts.human and not facts.tainted:
        return Outcome.ANSWERED
    return next(result for holds, result in VERDICT if holds(facts))


_LATER = frozenset({Outcome.ANSWERED, Outcome.UNKNOWN})
_AFTER_A_PERSON = _LATER | {Outcome.TRANSFER_UNANSWERED, Outcome.PARKED_GIVEUP}
_AFTER_VOICEMAIL = _LATER | {Outcome.VOICEMAIL_LEFT}
_ALWAYS = _AFTER_VOICEMAIL | {
    Outcome.VOICEMAIL_NO_MESSAGE,
    Outcome.QUEUE_ABANDONED,
    Outcome.NO_ANSWER,
}
_PHONES = frozenset({Outcome.ABANDONED, Outcome.BUSY, Outcome.UNAVAILABLE})


def may_become(facts: Facts, *, suspect: bool = False) -> frozenset[Outcome]:
    """Outcomes a call with these facts can still end with, while it lives.

    What only a person can bring about (handed on, parked) stands behind `answered` until there is
    one: then it is told anew. `suspect`: the gap may still turn out to have hidden nothing.
    """
    if facts.tainted:
        return frozenset({Outcome.UNKNOWN})
    if facts.gap and not suspect:
        return _LATER
    seen = _may_become(facts)
    return seen | {Outcome.PARKED_GIVEUP} if facts.parked else seen


def _may_become(facts: Facts) -> frozenset[Outcome]:
    if facts.human:
        return _AFTER_A_PERSON
    if facts.voicemail:
        left = facts.message_left
        return _AFTER_VOICEMAIL if left else _AFTER_VOICEMAIL | {Outcome.VOICEMAIL_NO_MESSAGE}
    if facts.no_answer > 0:  # one phone rang out: no other leg can make it busy or unreachable
        return _ALWAYS if facts.rang_long else _ALWAYS | {Outcome.ABANDONED}
    if facts.dialled or facts.queue_gave_up or facts.in_queue:
        return (_ALWAYS | _PHONES) - ({Outcome.ABANDONED} if facts.rang_long else frozenset())
    return _ALWAYS | _PHONES | {Outcome.IVR_ABANDONED}
