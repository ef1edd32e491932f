"""The API on calls: the list by any filter, what rings just now, and one call's whole story."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from textback import phone
from textback.console import cursor
from textback.console.api import Endpoint
from textback.console.countdown import Countdown, countdown
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.console.why_api import Why, why
from textback.model import Direction, OutboxState, Outcome, Reason
from textback.store.call_lines import CallLine
from textback.store.call_lists import CallFilter

#: Calls of one page, unless it is said otherwise, and at the most.
PAGE, MOST = 50, 200


class CallQuery(BaseModel):
    """Which calls are meant; what is not said does not narrow. The newest come first."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field("", max_length=40, description="`did` of the `[[number]]` that was called.")
    outcome: list[Outcome] = Field([], max_length=20, description="How the call ended: any of.")
    reason: list[Reason] = Field([], max_length=50, description="Of the verdict: any of these.")
    verdict: Literal["", "send", "skip"] = Field("", description="Texted or not.")
    direction: Literal["inbound", "internal", "outbound", "originated", "all"] = Field(
        "inbound", description="Whose calls."
    )
    since: AwareDatetime | None = Field(None, description="Began at this time or later.")
    until: AwareDatetime | None = Field(None, description="Began before this time.")
    cursor: str = Field("", max_length=cursor.LONGEST, description="`next` of the page before.")
    limit: int = Field(PAGE, ge=1, le=MOST, description="Calls of one page.")


class CallSearch(CallQuery):
    """The same, of one caller. In a body: a number of a person does not belong into a URL."""

    caller: str = Field(
        "", max_length=40, description="The caller's number, in full or as the PBX shows it."
    )


class CallItem(BaseModel):
    """One call of a list."""

    id: int = Field(description="Its number here; its story is at /calls/{call}.")
    direction: Direction
    caller: str = Field(description="E.164 where it could be read, else as the PBX told it.")
    name: str = Field(description="Of the contacts, else as the network has it; may be empty.")
    number: str = Field(description="`did` of the `[[number]]`, else as it was dialled.")
    label: str = Field(description="What that number is called.")
    watched: bool = Field(description="Whether the number is one of `[[number]]`.")
    queue: str = Field(description="The last queue it was in; may be empty.")
    started: AwareDatetime
    ringing: AwareDatetime | None = Field(description="When a phone rang first.")
    answered: AwareDatetime | None = Field(description="When a person answered.")
    answered_by: str = Field(description="The endpoint that answered; may be empty.")
    ended: AwareDatetime | None = Field(description="null: it lives.")
    outcome: Outcome = Field(description="Of a living call: if it ended now.")
    waited: float = Field(description="Seconds the caller waited.")
    verdict: Literal["pending", "send", "skip"]
    reason: Reason | None = Field(description="null: nothing was decided.")
    found: str = Field(description="What the gate that failed has found; may be empty.")
    decided: AwareDatetime | None
    text_state: OutboxState | None = Field(description="Where its text stands; null: none.")
    text_since: AwareDatetime | None = Field(description="Since when it stands there.")
    text_due: AwareDatetime | None = Field(description="Before this the text does not leave.")
    case: int | None = Field(description="The case (`/cases/{case}`) it belongs to.")
    thread: int | None = Field(description="The conversation its text is part of.")


class CallPage(BaseModel):
    """One page of calls, the newest first."""

    calls: list[CallItem]
    next: str = Field(description="The cursor of the next page; empty: there is none.")


class LivingCall(BaseModel):
    """A call from outside that has not ended."""

    call: CallItem
    countdown: Literal["told", "counting", "waits", "night", "end", "no", "answered"] = Field(
        description="told: it is decided. counting: the text leaves `at`. waits: it is written and "
        "leaves `at`. night: it is written `at` and leaves when the quiet hours end. end: decided "
        "when the call is over. no: no text for this call. answered: somebody talks."
    )
    at: AwareDatetime | None
    until: AwareDatetime | None = Field(description="End of the quiet hours.")


class Living(BaseModel):
    """What rings, waits and talks just now, the newest first."""

    now: AwareDatetime = Field(description="By the service's clock: count down from this.")
    calls: list[LivingCall]


def item(line: CallLine) -> CallItem:
    verdict: Literal["pending", "send", "skip"] = "skip"
    if line.reason is None:
        verdict = "pending"
    elif line.reason is Reason.SEND:
        verdict = "send"
    return CallItem(
        id=line.id,
        direction=line.direction,
        caller=line.caller,
        name=line.name,
        number=line.did,
        label=line.label,
        watched=line.watched,
        queue=line.queue,
        started=line.started,
        ringing=line.ringing,
        answered=line.answered,
        answered_by=line.answered_by,
        ended=line.ended,
        outcome=line.outcome,
        waited=round(line.waited, 3),
        verdict=verdict,
        reason=line.reason,
        found=line.found,
        decided=line.decided,
        text_state=line.state,
        text_since=line.state_since,
        text_due=line.due,
        case=line.case,
        thread=line.thread,
    )


# --- reading --------------------------------------------------------------------------------------


def wanted(query: CallQuery, callers: tuple[str, ...] = ()) -> CallFilter:
    return CallFilter(
        direction=None if query.direction == "all" else Direction(query.direction),
        number=query.number,
        outcomes=frozenset(query.outcome),
        reasons=frozenset(query.reason),
        texted={"": None, "send": True, "skip": False}[query.verdict],
        since=query.since,
        until=query.until,
        callers=callers,
    )


async def listed(ctx: Ctx, *, query: CallQuery) -> CallPage:
    found, further = await lines(ctx, query)
    return CallPage(calls=[item(line) for line in found], next=further)


async def searched(ctx: Ctx, *, body: CallSearch) -> CallPage:
    found, further = await lines(ctx, body, spellings(ctx, body.caller))
    return CallPage(calls=[item(line) for line in found], next=further)


async def lines(
    ctx: Ctx, query: CallQuery, callers: tuple[str, ...] = ()
) -> tuple[list[CallLine], str]:
    """A page of calls, and the cursor of the one behind it ("": there is none)."""
    after: tuple[datetime, int] | None = None
    if query.cursor:
        started, call = cursor.read("calls", query.cursor, datetime, int)
        if not isinstance(started, datetime) or not isinstance(call, int):
            raise Problem(400, "cursor", _("This cursor is none of this list; begin without one."))
        after = (started, call)
    found = await ctx.store.call_page(wanted(query, callers), after=after, limit=query.limit + 1)
    page = found[: query.limit]
    further = cursor.write("calls", *page[-1].position) if len(found) > query.limit else ""
    return page, further


def spellings(ctx: Ctx, typed: str) -> tuple[str, ...]:
    """As typed, and in E.164 by the business's country; () for nothing."""
    plain = typed.strip()
    full = phone.to_e164(plain, ctx.config.business.country) if plain else None
    return tuple(dict.fromkeys(one for one in (full, plain) if one))


async def living(ctx: Ctx) -> Living:
    found = [
        LivingCall(
            call=item(line),
            countdown="answered" if line.answered else told.kind,  # type: ignore[arg-type]
            at=told.at,
            until=told.until,
        )
        for line, told in await living_lines(ctx)
    ]
    return Living(now=ctx.now, calls=found)


async def living_lines(ctx: Ctx) -> list[tuple[CallLine, Countdown]]:
    """Living calls, each with what is to be said of its text."""
    found = await ctx.store.living_calls(ctx.now)
    return [(line, countdown(line, ctx.config, ctx.now)) for line in found]


async def story(ctx: Ctx, *, call: int) -> Why:
    return await why(ctx, call)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/calls",
        handler=listed,
        query=CallQuery,
        answer=CallPage,
        summary="Calls that have ended, by any filter",
        errors=(400,),
    ),
    Endpoint(
        method="POST",
        path="/calls/search",
        handler=searched,
        body=CallSearch,
        answer=CallPage,
        summary="The same for one caller, whose number is not put into a URL",
        errors=(400,),
    ),
    Endpoint(
        method="GET",
        path="/calls/living",
        handler=living,
        answer=Living,
        summary="What rings, waits and talks just now",
    ),
    Endpoint(
        method="GET",
        path="/calls/{call}",
        handler=story,
        answer=Why,
        summary="Why: one call's whole story",
        errors=(404,),
    ),
)
