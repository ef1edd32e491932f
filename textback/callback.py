"""Cases of missed callers: which call makes one, by when to call back, what moves it; pure.

A case is one caller of one of our numbers, from the first missed call until somebody has spoken
with him, in either direction and on whichever of our numbers, or a person has dismissed it.

    stage        missed   texted   replied   called back  came back  dismissed  reopened
    missed       missed   texted   replied   called_back  recovered  dismissed  -
    texted       texted   texted   replied   called_back  recovered  dismissed  -
    replied      replied  replied  replied   called_back  recovered  dismissed  -
    called_back  new      (same)   -         -            -          -          missed
    recovered    new      (same)   -         -            -          -          missed
    dismissed    new      (same)   -         -            -          -          missed

What counts is when a call was, never when it was told: a conversation closes the case of those
misses that began before it, whatever came in first. So facts from CEL, CDR and a slow disk make the
same cases as the live link. A reopened case is as far again as its texts and replies were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from textback import gates_call, gates_caller, schedule
from textback.answer import Answer
from textback.case import Case, History
from textback.config import Config
from textback.message import zone_of
from textback.model import (
    TEXTABLE_OUTCOMES,
    Call,
    CaseStage,
    Outcome,
    Presentation,
)


class CaseEvent(StrEnum):
    """What happens to a case."""

    MISSED = "missed"  #: one more call that nobody answered
    TEXTED = "texted"  #: the carrier took a text to the caller
    REPLIED = "replied"
    CALLED_BACK = "called_back"  #: a call of ours reached the caller
    CAME_BACK = "came_back"  #: the caller called again, and was answered
    DISMISSED = "dismissed"
    REOPENED = "reopened"


_TO_AN_END = {
    CaseEvent.CALLED_BACK: CaseStage.CALLED_BACK,
    CaseEvent.CAME_BACK: CaseStage.RECOVERED,
    CaseEvent.DISMISSED: CaseStage.DISMISSED,
}


def _open(missed: CaseStage, texted: CaseStage) -> dict[CaseEvent, CaseStage]:
    return {
        CaseEvent.MISSED: missed,
        CaseEvent.TEXTED: texted,
        CaseEvent.REPLIED: CaseStage.REPLIED,
        **_TO_AN_END,
    }


def _closed(stage: CaseStage) -> dict[CaseEvent, CaseStage]:
    return {CaseEvent.TEXTED: stage, CaseEvent.REOPENED: CaseStage.MISSED}


#: The table above; what is not in it does not happen to a case in that stage.
STEPS: MappingProxyType[CaseStage, dict[CaseEvent, CaseStage]] = MappingProxyType(
    {
        CaseStage.MISSED: _open(CaseStage.MISSED, CaseStage.TEXTED),
        CaseStage.TEXTED: _open(CaseStage.TEXTED, CaseStage.TEXTED),
        CaseStage.REPLIED: _open(CaseStage.REPLIED, CaseStage.REPLIED),
        CaseStage.CALLED_BACK: _closed(CaseStage.CALLED_BACK),
        CaseStage.RECOVERED: _closed(CaseStage.RECOVERED),
        CaseStage.DISMISSED: _closed(CaseStage.DISMISSED),
    }
)

#: The stages of an open case, as far as it has come.
OPEN_STAGES = (CaseStage.MISSED, CaseStage.TEXTED, CaseStage.REPLIED)
#: The stages in which somebody has spoken with the caller.
SPOKEN_STAGES = (CaseStage.CALLED_BACK, CaseStage.RECOVERED)


def step(stage: CaseStage, event: CaseEvent) -> CaseStage | None:
    """The stage after `event`; None: it is none of this case's, or begins a new one."""
    return STEPS[stage].get(event)


def reached(*, texted: bool, replied: bool) -> CaseStage:
    """How far an open case has come."""
    stage = CaseStage.MISSED
    for event, happened in ((CaseEvent.TEXTED, texted), (CaseEvent.REPLIED, replied)):
        if happened:
            stage = STEPS[stage][event]
    return stage


# --- what the configuration says ----------------------------------------------------------------


class CaseRules(Protocol):
    """What the store asks when a call has ended; answers without waiting."""

    def objection(self, call: Call) -> str:
        """Why this call makes no case; "": it does."""
        ...

    def due(self, number: str, missed: datetime) -> datetime | None:
        """By when a caller missed at `missed` should be called back; None: by no time."""
        ...

    def owner(self, number: str) -> str:
        """Whose the cases of this number are; "": nobody's."""
        ...


#: The gates of a verdict that say something of a callback as well: who is not to be texted because
#: of an opt-out, a landline, a cooldown or the hour of day is to be called back all the same.
_QUESTIONS: tuple[Callable[[Case], Answer], ...] = (
    gates_call.trusted,
    gates_call.inbound,
    gates_call.watched,
    gates_call.not_handled,
    gates_caller.present,
    gates_caller.vouched,
    gates_caller.dialable,
    gates_caller.not_short,
    gates_caller.not_premium,
    gates_caller.not_own,
    gates_caller.not_staff,
    gates_caller.not_blocked,
)


@dataclass(frozen=True, slots=True)
class Configured:
    """The rules of a configuration."""

    config: Config

    def objection(self, call: Call) -> str:
        """As in `CaseRules`. A number that was withheld cannot be called back; one of which
        Asterisk's records do not tell whether it was shown can: a callback shows it to nobody."""
        if not is_missed(call):
            return f"{call.outcome.value}: not a missed call"
        case = Case(call, History(), self.config, call.at.utc)
        if case.number is not None and not _wanted(call.outcome, case.number.callback_outcomes):
            return f"{call.outcome.value} is not among callback_outcomes"
        if call.presentation is Presentation.WITHHELD:
            return "withheld by the caller"
        for question in _QUESTIONS:
            answer = question(case)
            if answer.reason is not None:
                return f"{answer.reason.value}: {answer.value}"
        return "" if case.caller.e164 else "no telephone number"

    def due(self, number: str, missed: datetime) -> datetime | None:
        rules = self.config.number_for(number)
        if rules is None or not rules.callback_within:
            return None
        within = timedelta(seconds=rules.callback_within)
        if rules.hours is None:
            return missed + within
        zone = zone_of(rules, self.config.business)
        # Hours that never open again leave the plain time: better early than never.
        return schedule.open_time_later(rules.hours.week, zone, missed, within) or missed + within

    def owner(self, number: str) -> str:
        rules = self.config.number_for(number)
        return rules.owner if rules is not None else ""


def _wanted(outcome: Outcome, wanted: Sequence[Outcome]) -> bool:
    return outcome in wanted or (outcome is Outcome.UNKNOWN and bool(wanted))


def is_missed(call: Call) -> bool:
    """Whether nobody spoke with the caller, or he was left after it; final calls only.

    Where the dialplan says that a call is missed, its word counts for what was not seen.
    """
    if call.outcome is Outcome.UNKNOWN:
        return bool(call.told_missed) and not call.tainted
    return call.outcome in TEXTABLE_OUTCOMES
