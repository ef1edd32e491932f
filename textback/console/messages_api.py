"""The API on one text: how it stands, whoever wrote it and whatever it answers."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, Field

from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.model import OutboxState, TextKind
from textback.store import queue_lists
from textback.store.queue_lists import Waiting

#: Something more is to be expected of a text in one of these, be it of a person.
_COMING = frozenset(
    {OutboxState.QUEUED, OutboxState.SENDING, OutboxState.UNCERTAIN, OutboxState.HELD}
)


class Message(BaseModel):
    """One text to a handset, and how it stands."""

    id: int = Field(description="The number of the text.", ge=1)
    state: OutboxState = Field(description="How it stands.", examples=["delivered"])
    over: bool = Field(
        description="Nothing more is expected. A carrier may still correct itself; where yours "
        "sends no receipts, accepted is the last."
    )
    reason: str = Field(description="Why it stands so.", examples=[""])
    kind: TextKind = Field(description="Why it was written.", examples=["reply"])
    to: str = Field(
        description="To whom, E.164; empty after an erasure.", examples=["+16465550147"]
    )
    sender: str = Field(description="From which number of yours.", examples=["+12125550100"])
    text: str = Field(description="What it says.")
    thread: int | None = Field(description="The conversation it is part of.", ge=1)
    call: int | None = Field(description="The call it was written for.", ge=1)
    route: str = Field(description="By which carrier account; empty: none was chosen yet.")
    attempts: int = Field(description="How often it was tried.", ge=0)
    created: AwareDatetime = Field(description="When it was written.")
    due: AwareDatetime = Field(description="It does not leave before.")
    expires: AwareDatetime = Field(description="It does not leave after, unless it is released.")
    changed: AwareDatetime = Field(description="Since when it stands so.")


async def get_message(ctx: Ctx, *, message: int) -> Message:
    """One text by the number that sending it was answered with: ask until it is over."""
    found = await ctx.store.read(lambda db: queue_lists.one(db, message))
    if found is None:
        raise Problem(404, "no_message", _("There is no such text. It may have been deleted."))
    return _message(ctx, found)


def _message(ctx: Ctx, found: Waiting) -> Message:
    account = ctx.config.smsc_named(found.route)
    awaited = found.state is OutboxState.ACCEPTED and (account is None or account.receipts)
    return Message(
        id=found.id,
        state=found.state,
        over=not awaited and found.state not in _COMING,
        reason=found.reason,
        kind=found.kind,
        to=found.to,
        sender=found.sender,
        text=found.text,
        thread=found.thread_id,
        call=found.call_id,
        route=found.route,
        attempts=found.attempts,
        created=found.created,
        due=found.due,
        expires=found.expires,
        changed=found.changed,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/messages/{message}",
        handler=get_message,
        answer=Message,
        summary="How a text stands",
        errors=(404,),
    ),
)
