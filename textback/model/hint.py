"""What the dialplan says of a call, and what its hooks are answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textback.model.call import Presentation
from textback.model.moment import Moment


class HintKind(StrEnum):
    """What the dialplan may say: by AGI, by UserEvent, some of it by channel variables."""

    MISSED = "missed"  #: this call is missed: text now
    HANDLED = "handled"  #: no text for this call
    MESSAGE = "message"  #: send this [[message]]
    OPTOUT = "optout"  #: the caller wants no texts
    OPTIN = "optin"  #: the caller wants texts again
    OFFER = "offer"  #: the caller pressed a key for this [[message]]: consent to one text


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One word of the dialplan about one call. All strings are hostile."""

    kind: HintKind
    pbx: str
    uniqueid: str  #: of the channel that ran the hook: the caller's own
    at: Moment
    source: str  #: "agi" | "UserEvent" | the variable, e.g. "TEXTBACK=no"
    message: str = ""  #: name of a [[message]]
    caller: str = ""  #: as the hook was told, "" when it was not
    did: str = ""
    linkedid: str = ""
    channel: str = ""
    context: str = ""
    presentation: Presentation = Presentation.UNKNOWN


class HookResult(StrEnum):
    """What the dialplan reads in TEXTBACK_RESULT after a hook."""

    OK = "OK"  #: taken; what comes of it `textback why` tells
    IGNORED = "IGNORED"  #: understood, and nothing can come of it
    ERROR = "ERROR"  #: not understood, or no answer in time; the log says what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """The answer to a dialplan hook; it becomes channel variables."""

    result: HookResult
    reason: str = ""  #: TEXTBACK_REASON: one sentence, for people
    variables: tuple[tuple[str, str], ...] = ()  #: further ones: (name, value)
