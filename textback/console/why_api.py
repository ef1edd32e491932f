"""One call's whole story for programs: the same values as `textback why --json`."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.model import CallStory, CaseStage, Direction, OutboxState, Outcome, Source, TextKind
from textback.store.errors import NoSuchRowError
from textback.why_json import as_dict


class WhyGate(BaseModel):
    """One question asked on the way to the verdict, and its answer."""

    name: str = Field(description="Stable, as in textback(1).", examples=["cooldown"])
    passed: bool
    value: str = Field(description="What was found.", examples=["no text in the last 24 h"])
    rule: str = Field(description="What it was held against.", examples=["cooldown = 24h"])


class WhyText(BaseModel):
    """A text of the call."""

    id: int
    kind: TextKind
    call_id: int | None
    state: OutboxState
    to: str
    sender: str
    text: str
    route: str = Field(description="The carrier it goes by; empty: none was chosen yet.")
    attempts: int
    created: AwareDatetime
    due: AwareDatetime = Field(description="It does not leave before.")
    expires: AwareDatetime
    claimed: AwareDatetime | None
    reason: str = Field(description="Why it is in this state; may be empty.")


class WhyCalls(BaseModel):
    """Calls of a case, by their numbers here."""

    first: int | None
    last: int | None
    closing: int | None


class WhyCase(BaseModel):
    """The case this missed call belongs to."""

    case: int
    caller: str
    number: str
    stage: CaseStage
    misses: int
    opened: AwareDatetime
    missed: AwareDatetime
    texted: AwareDatetime | None
    replied: AwareDatetime | None
    owner: str
    due: AwareDatetime | None
    closed: AwareDatetime | None
    closed_by: str
    spoken: AwareDatetime | None
    note: str
    calls: WhyCalls


class WhySaid(BaseModel):
    """What the dialplan said of the call, and by what; empty for nothing."""

    handled: str
    told_missed: str
    message: str
    verstat: str


class WhyEvent(BaseModel):
    """One thing that happened."""

    at: AwareDatetime
    kind: str = Field(
        description="call, dialplan, verdict, outbox, attempt, receipt, reply or operator"
    )
    text: str


class Why(BaseModel):
    """One call, every gate in the order it was asked, and what became of its texts."""

    call: str = Field(description="PBX and Uniqueid.", examples=["pbx:1764000000.12"])
    call_id: int
    pbx: str
    uniqueid: str
    boot: str = Field(description="Since when that Asterisk ran; may be empty.")
    direction: Direction
    caller: str
    caller_name: str = Field(description="As the network has it; may be empty.")
    did: str
    number_label: str
    started: AwareDatetime
    ringing: AwareDatetime | None
    answered: AwareDatetime | None
    ended: AwareDatetime | None
    outcome: Outcome | None = Field(description="null: it lives.")
    waited: float = Field(description="Seconds.")
    trail: list[tuple[float, str]] = Field(description="Seconds since the start, what happened.")
    verdict: Literal["pending", "send", "skip"]
    reason: str
    decided: AwareDatetime | None
    gates: list[WhyGate]
    text: WhyText | None = Field(description="The text to the missed caller.")
    texts: list[WhyText] = Field(description="Every text of the call.")
    case: WhyCase | None
    source: Source
    late: bool = Field(description="Learnt after the fact.")
    gap: bool = Field(description="Part of it was not seen.")
    dialplan: WhySaid
    events: list[WhyEvent] = Field(description="The oldest first.")


async def why(ctx: Ctx, call: int) -> Why:
    return Why.model_validate(as_dict(await story_of(ctx, call)))


async def story_of(ctx: Ctx, call: int) -> CallStory:
    """Raises Problem 404."""
    try:
        return await ctx.store.story(call)
    except NoSuchRowError:
        raise Problem(404, "no_call", _("There is no such call.")) from None
