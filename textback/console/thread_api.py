"""The API's view of one conversation: who with, what was written and called, quick answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from textback.console import cursor, quick
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.console.inbox_api import MOST_ID, InboxThread, thread
from textback.model import (
    CallBetween,
    Conversation,
    Direction,
    Line,
    OutboxState,
    Outcome,
    PhoneState,
    Request,
    Review,
    TextIn,
    TextKind,
    TextOut,
    Thread,
)
from textback.store.errors import NoThreadError
from textback.store.verbs import takes

#: Lines of a page of a conversation.
LINES = 60


class ThreadPhone(BaseModel):
    """What became of telling one desk phone of a text."""

    pbx: str = Field(description="The [[pbx]] of the phone.", examples=["pbx"])
    endpoint: str = Field(description="The phone, as a dialplan dials it.", examples=["PJSIP/101"])
    state: PhoneState = Field(description="Whether it was shown.")
    error: str = Field(description="Why it was not.")


class ThreadCall(BaseModel):
    """A call between the two."""

    line: Literal["call"] = Field("call", description="What this line is.")
    call: int = Field(description="The number of the call.", ge=1)
    at: AwareDatetime = Field(description="When it began.")
    direction: Direction = Field(description="Who called.")
    outcome: Outcome | None = Field(description="How it ended; null: it goes on.")
    answered: AwareDatetime | None = Field(description="When somebody answered.")
    waited: float = Field(description="Seconds until then, or until its end.", ge=0)
    called_back: bool = Field(description="You reached the handset by it.")


class ThreadTextIn(BaseModel):
    """A text from the handset."""

    line: Literal["in"] = Field("in", description="What this line is.")
    incoming: int = Field(description="The number of the text.", ge=1)
    at: AwareDatetime = Field(description="When it came.")
    text: str = Field(description="What it says; empty while parts of it are awaited.")
    parts: int = Field(description="In how many parts it was sent.", ge=1)
    missing: int = Field(description="How many of them have not come.", ge=0)
    waits: bool = Field(description="For its other parts.")
    request: Request | None = Field(description="What it asks for, where it is such a word.")
    review: Review = Field(description="Whether somebody has to say if it was an opt-out.")
    keyword: str = Field(description="The [[keyword]] rule it fits; empty: none.")
    route: str = Field(description="On which carrier account it came.")
    repeats: list[AwareDatetime] = Field(description="When the carrier delivered it again.")
    phones: list[ThreadPhone] = Field(description="The desk phones that are told of it.")


class ThreadTextOut(BaseModel):
    """A text to the handset."""

    line: Literal["out"] = Field("out", description="What this line is.")
    id: int = Field(description="The number of the text.", ge=1)
    at: AwareDatetime = Field(description="When it left, else when it was written.")
    text: str = Field(description="What it says.")
    kind: TextKind = Field(description="Why it was written.")
    state: OutboxState = Field(description="How it stands.")
    reason: str = Field(description="Why it stands so.")
    author: str = Field(description="Who wrote it; empty: a rule.", examples=["anna"])
    segments: int = Field(description="Parts it was sent in; 0: not sent yet.", ge=0)
    call: int | None = Field(description="The call it was written for.", ge=1)
    may_release: bool = Field(description="It can be sent (again): POST /queue/{row}/release.")
    may_drop: bool = Field(description="It can be given up: POST /queue/{row}/drop.")


ThreadLine = Annotated[ThreadCall | ThreadTextIn | ThreadTextOut, Field(discriminator="line")]


class ThreadLines(BaseModel):
    """A page of a conversation, in the order in which it was."""

    lines: list[ThreadLine] = Field(description="What was written and called, the newest last.")
    older: str = Field(description="The cursor of the lines before these; empty: there are none.")


class ThreadFull(BaseModel):
    """A conversation, with the newest of what was said in it."""

    thread: InboxThread = Field(description="Who it is with, and how it stands.")
    lines: list[ThreadLine] = Field(description="What was written and called, the newest last.")
    older: str = Field(description="The cursor of the lines before these; empty: there are none.")
    may_write: bool = Field(description="Whether an answer can be sent.")
    why_not: str = Field(
        description="Why not, in a sentence.", examples=["This handset asked for no more texts."]
    )


class LinesQuery(BaseModel):
    """Which lines."""

    limit: int = Field(LINES, description="Lines at most.", ge=1, le=500)
    cursor: str = Field("", description="`older` of an earlier answer.", max_length=cursor.LONGEST)


class QuickQuery(BaseModel):
    """For which conversation."""

    thread: int = Field(description="The number of the conversation.", ge=1, le=MOST_ID)


class QuickText(BaseModel):
    """A quick answer, filled in."""

    name: str = Field(description="What stands on its button.", examples=["Call you back"])
    text: str = Field(description="What it puts into the answer.", examples=["Hi Jane, ..."])


class QuickTexts(BaseModel):
    """The [[quick_answer]] tables, filled in for one conversation, in their order."""

    answers: list[QuickText] = Field(description="The quick answers.")


async def get_thread(ctx: Ctx, *, thread: int) -> ThreadFull:
    """One conversation with its newest lines. It stays unread: that is said by POST."""
    return full(ctx, await conversation(ctx, thread))


async def get_lines(ctx: Ctx, *, thread: int, query: LinesQuery) -> ThreadLines:
    """Lines of a conversation, from the newest back."""
    before = None
    if query.cursor:
        (at,) = cursor.read(f"lines {thread}", query.cursor, datetime)
        before = at if isinstance(at, datetime) else None
    found = await conversation(ctx, thread, before=before, limit=query.limit)
    return ThreadLines(lines=[_line(one) for one in found.lines], older=_older(found))


async def get_quick_answers(ctx: Ctx, *, query: QuickQuery) -> QuickTexts:
    """The quick answers as they would be sent in this conversation."""
    return quick_texts(ctx, await conversation(ctx, query.thread, limit=20))


async def conversation(
    ctx: Ctx, thread_id: int, *, before: datetime | None = None, limit: int = LINES
) -> Conversation:
    """Raises Problem 404."""
    try:
        return await ctx.store.conversation(thread_id, before=before, limit=limit)
    except NoThreadError:
        raise nothing() from None


def nothing() -> Problem:
    return Problem(404, "no_thread", _("There is no such conversation. It may have been erased."))


def full(ctx: Ctx, found: Conversation) -> ThreadFull:
    """A conversation as the API and its page tell it."""
    why_not = refusal(ctx, found.thread)
    return ThreadFull(
        thread=thread(ctx.config, found.thread),
        lines=[_line(one) for one in found.lines],
        older=_older(found),
        may_write=not why_not,
        why_not=why_not,
    )


def refusal(ctx: Ctx, found: Thread) -> str:
    """Why no answer can be sent, translated; "": one can."""
    if found.opted_out:
        return _("This handset asked for no more texts.")
    if any(char.isalpha() for char in found.handset):
        return _("This sender is a name, not a number. It cannot be answered.")
    if not ctx.config.smsc:
        return _("There is no carrier account yet, so nothing can be sent.")
    return ""


def quick_texts(ctx: Ctx, found: Conversation) -> QuickTexts:
    filled = quick.filled(ctx.config, found, ctx.now)
    return QuickTexts(answers=[QuickText(name=name, text=text) for name, text in filled])


def _older(found: Conversation) -> str:
    if not found.more or not found.lines:
        return ""
    return cursor.write(f"lines {found.thread.id}", found.lines[0].at)


def _line(line: Line) -> ThreadCall | ThreadTextIn | ThreadTextOut:
    if isinstance(line, CallBetween):
        return ThreadCall(
            line="call",
            call=line.id,
            at=line.at,
            direction=line.direction,
            outcome=line.outcome,
            answered=line.answered,
            waited=max(line.waited, 0.0),
            called_back=line.called_back,
        )
    return _in(line) if isinstance(line, TextIn) else text_out(line)


def _in(line: TextIn) -> ThreadTextIn:
    return ThreadTextIn(
        line="in",
        incoming=line.id,
        at=line.at,
        text=line.text,
        parts=line.parts,
        missing=line.missing,
        waits=line.waits,
        request=line.request,
        review=line.review,
        keyword=line.keyword,
        route=line.route,
        repeats=list(line.repeats),
        phones=[
            ThreadPhone(pbx=told.pbx, endpoint=told.endpoint, state=told.state, error=told.error)
            for told in line.phones
        ],
    )


def text_out(line: TextOut) -> ThreadTextOut:
    return ThreadTextOut(
        line="out",
        id=line.id,
        at=line.at,
        text=line.text,
        kind=line.kind,
        state=line.state,
        reason=line.reason,
        author=line.author,
        segments=line.segments,
        call=line.call_id,
        may_release=line.state in takes("release"),
        may_drop=line.state in takes("drop"),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/threads/{thread}",
        handler=get_thread,
        answer=ThreadFull,
        summary="One conversation",
        errors=(503,),
    ),
    Endpoint(
        method="GET",
        path="/threads/{thread}/lines",
        handler=get_lines,
        answer=ThreadLines,
        query=LinesQuery,
        summary="Lines of a conversation, page by page",
        errors=(400, 503),
    ),
    Endpoint(
        method="GET",
        path="/quick-answers",
        handler=get_quick_answers,
        answer=QuickTexts,
        query=QuickQuery,
        summary="Quick answers, filled in",
        errors=(404, 503),
    ),
)
