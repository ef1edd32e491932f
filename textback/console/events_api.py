"""The API on what happened: all events in their order, for a program that keeps up with textback.

The same events as webhooks have, fetched instead of sent: a cursor says up to where one has come.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from textback import tell_shapes
from textback.console import cursor
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.model import EventKind
from textback.store import following_events
from textback.store.following_events import OtherStoreError, Place

#: Events of a page.
PAGE = 100


class EventsQuery(BaseModel):
    """From where on."""

    cursor: str = Field(
        "", max_length=cursor.LONGEST, description="`next` of the answer before; empty: see start."
    )
    start: Literal["oldest", "now"] = Field(
        "oldest",
        description="Without a cursor: from the oldest event that is kept, or only what comes "
        "from now on.",
    )
    limit: int = Field(PAGE, ge=1, le=500, description="Events at most.")


class HappenedEvent(BaseModel):
    """One thing that happened, as a webhook is told of it: see textback-webhooks(7). Names and
    texts in it come from outside: escape them wherever you show them."""

    id: str = Field(
        description="A UUID, the same for every webhook too: do nothing twice.",
        examples=["7d0f4a36-5a4f-4a77-9a52-0f6c9f3f1f5e"],
    )
    type: EventKind = Field(description="What happened.", examples=["reply.received"])
    cursor: str = Field(
        description="To go on after this one, where it is to be kept event by event."
    )
    version: int = Field(description="Of this format.", examples=[tell_shapes.VERSION])
    at: AwareDatetime = Field(description="When it happened.")
    caller: str = Field(
        description="The other party in E.164; empty for none, or withheld.",
        examples=["+16465550147"],
    )
    number: str = Field(
        description="Your number in E.164; empty for none.", examples=["+12125550100"]
    )
    data: dict[str, Any] = Field(
        description="What the event tells: for each type in textback-webhooks(7), and as JSON "
        "Schema in textback-event.schema.json.",
        examples=[{"incoming": 4711, "thread": 17, "text": "Can you fit me in tomorrow?"}],
    )


class EventPage(BaseModel):
    """Events after the cursor, the oldest first."""

    events: list[HappenedEvent] = Field(description="What happened.")
    next: str = Field(
        description="Where to go on, never empty: keep it, and ask with it for what comes after."
    )
    more: bool = Field(description="There are more already: ask again at once.", examples=[False])
    gap: bool = Field(
        description="Events that you had not seen yet are deleted (retention.events): read the "
        "lists anew, then go on.",
        examples=[False],
    )


async def get_events(ctx: Ctx, *, query: EventsQuery) -> EventPage:
    """Everything that happened after the cursor: missed calls, replies, cases, opt-outs, texts that
    did not arrive, alarms. Each event once, in order, however long you were away.

    Keep next once you have dealt with its events. Polling costs little; /live says when to.
    """
    place = Place()
    if query.cursor:
        number, key = cursor.read("events", query.cursor, int, str)
        if not isinstance(number, int) or not isinstance(key, str):
            raise _elsewhere()
        place = Place(number, key)
    elif query.start == "now":
        place = await ctx.store.read(following_events.newest)
        return EventPage(events=[], next=_cursor(place), more=False, gap=False)
    try:
        found = await ctx.store.read(lambda db: following_events.after(db, place, query.limit))
    except OtherStoreError:
        raise _elsewhere() from None
    return EventPage(
        events=[
            HappenedEvent(
                id=one.key,
                type=one.kind,
                cursor=_cursor(Place(number, one.key)),
                version=tell_shapes.VERSION,
                at=one.at,
                caller=one.caller,
                number=one.number,
                data=one.payload,
            )
            for number, one in found.events
        ],
        next=_cursor(found.place),
        more=found.more,
        gap=found.gap,
    )


def _cursor(place: Place) -> str:
    return cursor.write("events", place.id, place.key)


def _elsewhere() -> Problem:
    detail = _("This cursor is of another database; read the lists anew, and begin without one.")
    return Problem(400, "cursor", detail)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/events",
        handler=get_events,
        answer=EventPage,
        query=EventsQuery,
        summary="What happened since you last asked",
        errors=(400,),
    ),
)
