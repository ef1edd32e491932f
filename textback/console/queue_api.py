"""The API's view of the queue: texts that wait for somebody, and what may be done with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field

from textback.console import cursor as cursors
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.health_api import QueueCount, counts
from textback.console.health_standing import forget
from textback.console.i18n import _
from textback.console.who import Role
from textback.model import OutboxState, TextKind
from textback.store import queue_lists
from textback.store.errors import IllegalTransitionError, NoSuchRowError
from textback.store.queue_lists import OPEN, Waiting
from textback.store.rows import RowFilter
from textback.store.verbs import takes

#: Rows of a page.
PAGE = 50
#: Seconds a released text may still leave, where its own end is nearer.
VALID = 900


class QueuedText(BaseModel):
    """One text that has not arrived."""

    id: int = Field(description="The number of the text.", ge=1)
    state: OutboxState = Field(description="Where it is.")
    kind: TextKind = Field(description="Why it was written.")
    to: str = Field(
        description="To whom, E.164; empty after an erasure.", examples=["+16465550147"]
    )
    name: str = Field(description="Their name, where it is known.", examples=["Jane Miller"])
    sender: str = Field(description="From which number of yours.", examples=["+12125550100"])
    text: str = Field(description="What it says.")
    reason: str = Field(
        description="Why it is in this state.", examples=["held by the breaker: +1646555xxxx"]
    )
    route: str = Field(description="By which carrier account; empty: not chosen yet.")
    attempts: int = Field(description="How often it was tried.", ge=0)
    call: int | None = Field(description="The call that began it.", ge=1)
    thread: int | None = Field(description="The conversation it is part of.", ge=1)
    created: AwareDatetime = Field(description="When it was written.")
    due: AwareDatetime = Field(description="Not sent before.")
    expires: AwareDatetime = Field(description="Not sent after, unless it is released.")
    changed: AwareDatetime = Field(description="Since when it is in this state.")
    may_release: bool = Field(description="It can be sent (again).")
    may_drop: bool = Field(description="It can be given up.")


class QueueQuery(BaseModel):
    """Which texts."""

    state: OutboxState | None = Field(
        None, description="Only texts in this state; else all that may need somebody."
    )
    limit: int = Field(PAGE, description="Texts at most.", ge=1, le=200)
    cursor: str = Field("", description="`next` of the page before.", max_length=cursors.LONGEST)


class Queue(BaseModel):
    """A page of texts, the newest first."""

    texts: list[QueuedText] = Field(description="The texts.")
    counts: list[QueueCount] = Field(description="How many there are in each state.")
    next: str = Field(description="The cursor of the next page; empty: this is the last.")


class Release(BaseModel):
    """How a text is released."""

    valid_for: int = Field(
        VALID,
        description="It may leave for so many seconds from now, or until its own end where that is "
        "later.",
        ge=60,
        le=7 * 86_400,
    )


async def get_queue(ctx: Ctx, *, query: QueueQuery) -> Queue:
    """Texts that are waiting, on their way, uncertain, held back or refused."""
    before = None
    if query.cursor:
        (place,) = cursors.read("queue", query.cursor, int)
        before = place if isinstance(place, int) else None
    states = OPEN if query.state is None else (query.state,)

    found, open_texts = await ctx.store.read(
        lambda db: (
            queue_lists.page(db, states, before=before, limit=query.limit + 1),
            queue_lists.open_counts(db),
        )
    )
    shown = found[: query.limit]
    more = len(found) > len(shown)
    return Queue(
        texts=[_text(one) for one in shown],
        counts=counts(open_texts),
        next=cursors.write("queue", shown[-1].id) if more else "",
    )


async def post_release(ctx: Ctx, *, row: int, body: Release) -> QueuedText:
    """Send a held, uncertain or refused text; an uncertain one may come twice."""
    before = await _row(ctx, row)
    end = max(before.expires, ctx.now + timedelta(seconds=body.valid_for))
    return await _changed(ctx, "release", row, end)


async def post_drop(ctx: Ctx, *, row: int) -> QueuedText:
    """Give a waiting, held or uncertain text up for good."""
    await _row(ctx, row)
    return await _changed(ctx, "drop", row)


async def _changed(ctx: Ctx, verb: str, row: int, end: datetime | None = None) -> QueuedText:
    wanted = RowFilter(ids=frozenset({row}))
    by = f"{ctx.who.name} (console)"
    try:
        if verb == "release":
            await ctx.store.release(
                wanted, reason=f"released by {by}", by=by, now=ctx.now, expires=end
            )
        else:
            await ctx.store.drop(wanted, reason=f"given up by {by}", by=by, now=ctx.now)
    except NoSuchRowError:
        raise _nothing() from None
    except IllegalTransitionError:
        raise Problem(
            409, "state", _("This text has gone on meanwhile. Look at it again.")
        ) from None
    await ctx.act(f"queue.{verb}", f"text {row}")
    ctx.backend.kick()
    forget(ctx.backend)
    found = await _row(ctx, row)
    thread = (f"thread:{found.thread_id}", "inbox") if found.thread_id is not None else ()
    ctx.backend.feed.say("health", *thread)
    return _text(found)


async def _row(ctx: Ctx, row: int) -> Waiting:
    found = await ctx.store.read(lambda db: queue_lists.one(db, row))
    if found is None:
        raise _nothing()
    return found


def _nothing() -> Problem:
    return Problem(404, "no_text", _("There is no such text."))


def _text(one: Waiting) -> QueuedText:
    return QueuedText(
        id=one.id,
        state=one.state,
        kind=one.kind,
        to=one.to,
        name=one.name,
        sender=one.sender,
        text=one.text,
        reason=one.reason,
        route=one.route,
        attempts=one.attempts,
        call=one.call_id,
        thread=one.thread_id,
        created=one.created,
        due=one.due,
        expires=one.expires,
        changed=one.changed,
        may_release=one.state in takes("release") and bool(one.to),
        may_drop=one.state in takes("drop") and bool(one.to),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/queue",
        handler=get_queue,
        answer=Queue,
        query=QueueQuery,
        summary="Texts that wait for somebody",
        errors=(400, 503),
    ),
    Endpoint(
        method="POST",
        path="/queue/{row}/release",
        handler=post_release,
        answer=QueuedText,
        body=Release,
        need=Role.ADMIN,
        summary="Send a text that was held back",
        errors=(409, 503),
    ),
    Endpoint(
        method="POST",
        path="/queue/{row}/drop",
        handler=post_drop,
        answer=QueuedText,
        need=Role.ADMIN,
        summary="Give a text up",
        errors=(409, 503),
    ),
)
