"""What the API says and takes on cases."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, field_validator

from textback.console.dial_api import DialState
from textback.model import CaseStage, OutboxState, Outcome
from textback.store.casefile import EntryKind
from textback.store.caseload import MOST_NOTE, MOST_OWNER

#: Nothing that a terminal or a log could take as an order.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


class Case(BaseModel):
    """One missed caller of one of your numbers, and what became of it."""

    id: int = Field(description="Its number.", examples=[17])
    stage: CaseStage = Field(
        description="missed, texted and replied are open; called_back, recovered (the caller "
        "called again and was answered) and dismissed are closed."
    )
    open: bool = Field(description="Whether somebody is still to call back.")
    caller: str = Field(description="The caller's number, E.164.", examples=["+12125550123"])
    name: str = Field(
        description="As your contacts have it, else the telephone network; hostile.",
        examples=["Zoe Martin"],
    )
    number: str = Field(description="Your number that was called.", examples=["+12125550100"])
    label: str = Field(description="What you call that number.", examples=["Main line"])
    misses: int = Field(description="Calls of this caller that nobody answered.", examples=[2])
    opened: AwareDatetime = Field(description="The first of them.")
    missed: AwareDatetime = Field(description="The last of them.")
    texted: AwareDatetime | None = Field(description="When the carrier took a text to the caller.")
    replied: AwareDatetime | None = Field(description="When the caller first wrote back.")
    owner: str = Field(
        description="Whose it is, a name or an extension; empty: nobody's.", examples=["anna"]
    )
    mine: bool = Field(description="Whether it is yours, by your name or your phone's extension.")
    due: AwareDatetime | None = Field(description="By when to call back.")
    overdue: bool = Field(description="Whether it is open and that is past.")
    closed: AwareDatetime | None = Field(description="When it was closed.")
    closed_by: str = Field(
        description="Who spoke with the caller, or who dismissed it.", examples=["PJSIP/101"]
    )
    note: str = Field(description="What to know of it.", examples=["wants Tuesday"])


class CaseList(BaseModel):
    """A page of cases."""

    cases: list[Case] = Field(description="In the order in which they are to be called back.")
    next: str = Field(description="The cursor of the next page; empty on the last.", examples=[""])


class BoardCases(BaseModel):
    """Which open cases are counted."""

    whose: Literal["all", "mine", "nobody", "of"] = Field(
        "all", description="Whose; of: those of `owner`."
    )
    owner: str = Field(
        "", max_length=MOST_OWNER, pattern=_PLAIN, description="Whose, with whose=of."
    )
    number: str = Field(
        "",
        max_length=40,
        pattern=_PLAIN,
        description="Of this number of yours, as [[number]] has its did.",
        examples=["+12125550100"],
    )
    overdue: bool = Field(False, description="Only open ones past their due time.")


class WhichCases(BoardCases):
    """Which cases are meant."""

    stage: Literal["open", "missed", "texted", "replied", "closed"] = Field(
        "open", description="Of this stage; closed: those of the last 31 days, the newest first."
    )
    limit: int = Field(50, ge=1, le=200, description="Cases at most.")
    cursor: str = Field("", max_length=400, description="`next` of the page before.")


class CaseColumn(BaseModel):
    """One stage."""

    stage: CaseStage = Field(description="Which.")
    cases: int = Field(description="Cases in it; counted up to 1,000.", examples=[12])
    overdue: int = Field(description="Those past their due time.", examples=[1])
    more: bool = Field(description="Whether there are as many or more.")


class CaseBoard(BaseModel):
    """How many open cases there are in each stage."""

    columns: list[CaseColumn] = Field(description="missed, texted, replied.")


class StoryEntry(BaseModel):
    """One thing that happened; what a kind has nothing of is empty."""

    at: AwareDatetime = Field(description="When.")
    kind: EntryKind = Field(description="What.")
    call: int | None = Field(description="The call, see /calls/{call}.")
    outcome: Outcome | None = Field(description="How that call ended.")
    seconds: float | None = Field(description="How long the caller waited.")
    by: str = Field(description="Which phone, or who.", examples=["PJSIP/101"])
    text: str = Field(description="What was written; hostile in a reply.", examples=["At ten?"])
    state: OutboxState | None = Field(description="How a text of yours stands.")
    verb: str = Field(description="What was changed.", examples=["assign"])
    detail: str = Field(description="How.", examples=["nobody -> anna"])
    ours: str = Field(description="Your number, where it was another one.", examples=[""])


class CaseStory(BaseModel):
    """One case and all that is known about it."""

    case: Case = Field(description="As it is now.")
    thread: int | None = Field(description="The conversation with this caller, if there is one.")
    story: list[StoryEntry] = Field(description="What happened, in order.")
    dial: DialState = Field(description="Whether you can call by a click.")


class Take(BaseModel):
    """Make it yours."""

    was: str = Field(
        "",
        max_length=MOST_OWNER,
        description="Whose it was when you looked; empty: nobody's. It is not taken when it is "
        "somebody else's by now.",
        examples=[""],
    )


class Assignment(BaseModel):
    """Make it somebody's."""

    was: str | None = Field(
        None,
        max_length=MOST_OWNER,
        description="Whose it was when you looked; it stays as it is when that has changed. "
        "Left out: whoever's it is.",
        examples=[""],
    )

    owner: str = Field(
        max_length=MOST_OWNER,
        pattern=_PLAIN,
        description="A name or an extension; empty: nobody's.",
        examples=["101"],
    )


class DueBy(BaseModel):
    """By when."""

    due: AwareDatetime | None = Field(
        description="With its zone, in this century; null: by no time.",
        examples=["2026-11-24T15:00:00-05:00"],
        json_schema_extra={"pattern": "^20[0-9]{2}-"},
    )

    @field_validator("due")
    @classmethod
    def _in_this_century(cls, value: datetime | None) -> datetime | None:
        if value is not None and not 2000 <= value.year < 2100:
            raise ValueError("is not in this century")
        return value


class NoteText(BaseModel):
    """What to know of it, in place of the note before."""

    note: str = Field(max_length=MOST_NOTE, examples=["wants Tuesday"], description="Plain text.")


class Dismissal(BaseModel):
    """Why nobody is to call back."""

    reason: str = Field(
        "", max_length=MOST_NOTE, examples=["a sales call"], description="Plain text."
    )
