"""The rows of one caller -> facts: who was on the other side, who rang, what the dialplan did.

The outcome is read from them by the one table of `ami_listener.outcome`; what CDR cannot tell apart
is told with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ami_listener.outcome import Facts, outcome
from ami_listener.records.rows import CdrRow
from ami_listener.topology import MACHINERY
from textback.model import Outcome

#: Seconds a row must have lasted for a phone to have rung; they are whole ones.
RANG = 2.0
_DEPTH = 8
#: Applications that talk, or wait, by themselves.
_MACHINES = frozenset(
    {
        "AGI",
        "Answer",
        "BackGround",
        "Busy",
        "ChanIsAvail",
        "Congestion",
        "Dial",
        "Directory",
        "DISA",
        "Echo",
        "Gosub",
        "GosubIf",
        "Goto",
        "GotoIf",
        "GotoIfTime",
        "Hangup",
        "Macro",
        "Milliwatt",
        "MusicOnHold",
        "NoOp",
        "Playback",
        "Playtones",
        "Progress",
        "Queue",
        "Read",
        "ReadExten",
        "Return",
        "Ringing",
        "RetryDial",
        "SayAlpha",
        "SayDigits",
        "SayNumber",
        "SayUnixTime",
        "SendDTMF",
        "Set",
        "Wait",
        "WaitExten",
        "WaitForNoise",
        "WaitForSilence",
        "WaitMusicOnHold",
        "ExecIf",
        "Verbose",
        "Log",
    }
)
_VOICEMAIL = frozenset({"VoiceMail", "MinivmRecord"})
_MAILBOX = frozenset({Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE})
_RANG_OUT = frozenset({Outcome.ABANDONED, Outcome.NO_ANSWER})
#: Seconds by which two whole seconds may be off.
_WHOLE = 1.0
_REFUSED = frozenset({Outcome.BUSY, Outcome.UNAVAILABLE})


@dataclass(slots=True)
class Told:
    """What the rows of one caller say."""

    doubt: str = ""  #: why it cannot be known
    human: bool = False
    machine: bool = False  #: what answers by itself had the caller
    voicemail: bool = False
    fax: bool = False
    no_answer: int = 0
    busy: int = 0
    unreachable: int = 0
    refused_somehow: bool = False  #: over at once, and not told whether busy or unreachable
    lines: list[tuple[float, str]] = field(default_factory=list)


def read(own: Sequence[CdrRow], group: Sequence[CdrRow], not_human: Callable[[str], bool]) -> Told:
    """What the rows of one caller say, `own`, of a group with one linkedid."""
    told = Told()
    began = own[0].start
    halves: dict[str, list[CdrRow]] = defaultdict(list)
    for row in group:
        if row.channel.startswith("Local/"):
            halves[row.channel].append(row)
    for row in own:
        what = f"{row.app} {row.other}".strip()
        told.lines.append((round(row.end - began, 3), f"{what}: {row.disposition.lower()}"[:160]))
        if row.disposition == "ANSWERED" and row.other:
            _other_side(row.other, halves, told, not_human)
        elif row.other:
            _leg(row, told)
        else:
            _alone(row, told)
    return told


def _other_side(
    other: str,
    halves: Mapping[str, Sequence[CdrRow]],
    told: Told,
    not_human: Callable[[str], bool],
    depth: int = 0,
) -> None:
    """Who is behind a channel the caller was connected with."""
    technology = other.partition("/")[0]
    if not_human(other):
        told.machine = True
        return
    if technology not in MACHINERY:
        told.human = True
        return
    behind = halves.get(f"{other.removesuffix(';1')};2", ()) if technology == "Local" else ()
    if not behind or depth >= _DEPTH:
        told.doubt = told.doubt or f"what was behind {other[:80]} is not in the record"
        return
    for row in behind:
        if row.disposition != "ANSWERED":
            continue
        if row.other:
            _other_side(row.other, halves, told, not_human, depth + 1)
        else:
            _alone(row, told)


def _leg(row: CdrRow, told: Told) -> None:
    """A phone, or a Local half, that was dialled and not connected."""
    if row.disposition == "BUSY":
        told.busy += 1
    elif row.duration >= RANG:
        told.no_answer += 1
    else:
        told.unreachable += 1
        told.refused_somehow = told.refused_somehow or row.disposition != "CONGESTION"


def _alone(row: CdrRow, told: Told) -> None:
    """The dialplan with the caller, and nobody else."""
    if row.app in _VOICEMAIL:
        told.voicemail = True
    elif row.app == "ReceiveFAX":
        told.fax = True
    elif row.app == "Busy":
        told.busy += 1
    elif row.app == "Congestion":
        told.unreachable += 1
    elif row.disposition == "ANSWERED" and row.app not in _MACHINES and row.app != "Park":
        told.doubt = told.doubt or f"a person may have been in {row.app[:40] or 'an application'}"


def rang(own: Sequence[CdrRow]) -> float:
    """Seconds phones rang outside of queues; rows of phones that rang together overlap."""
    spans = sorted((r.start, r.end) for r in own if r.other and r.app != "Queue")
    total, reached = 0.0, float("-inf")
    for since, to in spans:
        total += max(0.0, to - max(since, reached))
        reached = max(reached, to)
    return total


def facts_of(own: Sequence[CdrRow], told: Told, limit: float) -> Facts:
    last = own[-1]
    queued = [row for row in own if row.app == "Queue"]
    return Facts(
        human=told.human,
        parked=told.human and _left_parked(own),
        passed_on=told.human and _passed_on(own),
        fax=told.fax,
        voicemail=told.voicemail,
        in_queue=last.app == "Queue" and not told.human,
        queue_gave_up=bool(queued) and last.app != "Queue",
        ringing_left=told.machine
        or (
            bool(last.other)
            and last.app != "Queue"
            and last.disposition in ("NO ANSWER", "NOANSWER", "CANCEL")
            and last.duration >= RANG
        ),
        rang_long=rang(own) >= limit - 0.5,  # whole seconds
        no_answer=told.no_answer,
        busy=told.busy,
        unreachable=told.unreachable,
        dialled=any(row.other or row.app in ("Dial", "RetryDial") for row in own),
    )


def _passed_on(own: Sequence[CdrRow]) -> bool:
    """A person had the caller, who then was sent elsewhere, where a phone rang and nobody came."""
    last = own[-1]
    if last.disposition == "ANSWERED" or not last.other or last.app != "Dial":
        return False
    spoken = [row for row in own[:-1] if row.disposition == "ANSWERED" and row.other]
    return bool(spoken) and all(
        (row.context, row.destination) != (last.context, last.destination) for row in spoken
    )


def _left_parked(own: Sequence[CdrRow]) -> bool:
    """Parked, and after that nobody was connected."""
    parked = [number for number, row in enumerate(own) if row.app == "Park" and not row.other]
    return bool(parked) and not any(
        row.other and row.disposition == "ANSWERED" for row in own[parked[-1] :]
    )


def _over_at_once(last: CdrRow) -> bool:
    """A refused call goes on in the dialplan; without that the caller may have hung up at once."""
    refused = last.disposition in ("FAILED", "CONGESTION")
    return bool(last.other) and last.duration < RANG and not refused


def outcome_of(
    own: Sequence[CdrRow], told: Told, facts: Facts, limit: float
) -> tuple[Outcome, frozenset[Outcome]]:
    """The outcome, and all it may be; `limit`: ring_timeout, seconds."""
    verdict = outcome(facts)
    only = frozenset({verdict})
    if facts.human:
        return verdict, only
    unclear = told.doubt
    if not unclear and verdict is Outcome.ABANDONED and own[-1].answer is not None:
        # The row began with the menu, not with the ringing.
        unclear = "how long phones rang after the menu is not in the record"
    if not unclear and verdict is Outcome.UNAVAILABLE and _over_at_once(own[-1]):
        unclear = "whether the phones or the caller ended it at once is not in the record"
    if unclear:
        told.lines.append((told.lines[-1][0] if told.lines else 0.0, unclear))
        return Outcome.UNKNOWN, frozenset({Outcome.UNKNOWN})
    if verdict in _MAILBOX:
        return Outcome.VOICEMAIL_NO_MESSAGE, _MAILBOX
    if verdict is Outcome.UNAVAILABLE and told.refused_somehow:
        return verdict, _REFUSED
    if verdict in _RANG_OUT and facts.ringing_left and abs(rang(own) - limit) <= _WHOLE:
        return verdict, _RANG_OUT
    return verdict, only
