"""What is kept of people: cases of missed callers, and what they said about being texted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CaseStage(StrEnum):
    """How far the recovery of a missed caller has come. The last three are closed."""

    MISSED = "missed"
    TEXTED = "texted"  #: the carrier took a text to the caller
    REPLIED = "replied"
    CALLED_BACK = "called_back"  #: the business reached the caller: closed by the PBX
    RECOVERED = "recovered"  #: the caller called again and was answered: closed by the PBX
    DISMISSED = "dismissed"  #: closed by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCase:
    """One missed caller of one of our numbers, and what became of it."""

    id: int
    caller: str  #: E.164
    number: str  #: did of the [[number]]
    stage: CaseStage
    misses: int
    opened: datetime
    missed: datetime
    texted: datetime | None
    replied: datetime | None
    owner: str
    due: datetime | None
    closed: datetime | None
    spoken: datetime | None  #: when the conversation that closed it began
    closed_by: str
    note: str
    first_call_id: int | None = None
    last_call_id: int | None = None
    closing_call_id: int | None = None


class ConsentEvent(StrEnum):
    """What is on record about being texted."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    OFFER = "offer"  #: pressed a key to get a text
    HELP = "help"
    CONFIRMED = "confirmed"  #: the one text that confirms an opt-out or opt-in was written
    REVIEW = "review"  #: a doubtful text was laid before a person
    REVIEWED = "reviewed"
    BLOCKED = "blocked"  #: a text was stopped at the last moment: its handset had opted out
    ERASED = "erased"


class ConsentSource(StrEnum):
    """By what way it was said."""

    HANDSET = "handset"  #: a text
    KEYPAD = "keypad"  #: a key pressed in the dialplan (AGI, UserEvent)
    STAFF = "staff"
    CARRIER = "carrier"  #: a submit or receipt code that means it
    IMPORT = "import"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody the business knows by number, as one source tells it."""

    number: str  #: E.164
    name: str  #: as the source spells it: hostile, cleaned where it is used
    organization: str = ""
    tags: tuple[str, ...] = ()  #: lower case, without blanks around
    vip: bool = False
    no_text: bool = False  #: never texted by a rule
    source: str = ""  #: "csv:clients.csv", "vcard:team.vcf", "astdb:pbx", "operator"

    @property
    def all_tags(self) -> tuple[str, ...]:
        """The tags, with "vip" for a VIP whose source has a column of its own for that."""
        return self.tags if not self.vip or "vip" in self.tags else ("vip", *self.tags)
