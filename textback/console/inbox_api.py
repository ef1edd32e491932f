"""The API's view of the inbox: lists of conversations, the search, what is to be reviewed."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from textback import phone
from textback.config import Config
from textback.console import cursor
from textback.console.api import Endpoint
from textback.console.ctx import Ctx
from textback.model import InboxList, OutboxState, Thread
from textback.store.inbox_lists import MOST_COUNTED, position
from textback.store.searching import Before

#: Conversations of a page.
PAGE = 40
#: Replies to be reviewed that are listed.
REVIEWS = 50
#: The largest id there is.
MOST_ID = 10**18 - 1


class InboxThread(BaseModel):
    """One conversation: a handset and one of your numbers. Its strings are the sender's: escape
    them wherever you show them."""

    id: int = Field(description="The number of the conversation.", ge=1)
    handset: str = Field(
        description="Who writes: E.164, or as the carrier spells a sender that is no number.",
        examples=["+16465550147"],
    )
    name: str = Field(description="The name in your contacts.", examples=["Jane Miller"])
    organization: str = Field(description="The organization in your contacts.", examples=[""])
    tags: list[str] = Field(description="The tags in your contacts.", examples=[["vip"]])
    ours: str = Field(description="Your number, as the handset sees it.", examples=["+12125550100"])
    number: str = Field(
        description="The [[number]] it belongs to; empty for none.", examples=["+12125550100"]
    )
    label: str = Field(description="The label of that number.", examples=["Main line"])
    unread: int = Field(description="Texts that nobody has looked at.", ge=0)
    waits_since: AwareDatetime | None = Field(
        description="Since when a text waits for an answer; null: none does."
    )
    review: bool = Field(
        description="A reply in it may be an opt-out, and nobody has decided: see reviews."
    )
    opened: AwareDatetime = Field(description="When it began.")
    last: AwareDatetime = Field(description="When the newest text came or was written.")
    last_in: AwareDatetime | None = Field(description="When the handset last wrote.")
    last_out: AwareDatetime | None = Field(description="When the handset was last written to.")
    text: str = Field(description="The beginning of the newest text.", examples=["Can you call?"])
    text_in: bool = Field(description="The handset wrote it.")
    text_state: OutboxState | None = Field(
        description="How that text stands, where it is one of yours."
    )
    opted_out: str = Field(
        description="Why this handset must not be texted, in words; empty: it may be.",
        examples=[""],
    )


class InboxCounts(BaseModel):
    """How many conversations want somebody."""

    unread: int = Field(description=f"Unread, at most {MOST_COUNTED}.", ge=0, le=MOST_COUNTED)
    needs_you: int = Field(
        description=f"Waiting for an answer, at most {MOST_COUNTED}.", ge=0, le=MOST_COUNTED
    )
    reviews: int = Field(
        description=f"Replies to be reviewed, at most {MOST_COUNTED}.", ge=0, le=MOST_COUNTED
    )


class InboxQuery(BaseModel):
    """Which conversations."""

    list: InboxList = Field(
        InboxList.NEEDS_YOU,
        description="needs_you: a text waits for an answer, the longest waiting first. unread: "
        "nobody has looked, the newest first. all: the newest first.",
    )
    number: str = Field(
        "", description="Only with this [[number]] of yours.", max_length=20, examples=[""]
    )
    limit: int = Field(PAGE, description="Conversations at most.", ge=1, le=200)
    cursor: str = Field("", description="`next` of the page before.", max_length=cursor.LONGEST)


class InboxPage(BaseModel):
    """A page of conversations."""

    threads: list[InboxThread] = Field(description="The conversations.")
    next: str = Field(description="The cursor of the next page; empty: this is the last.")


class InboxSearch(BaseModel):
    """What to look for."""

    words: str = Field(
        description="Digits of a number, part of a name, or words of a text.",
        min_length=1,
        max_length=200,
        examples=["boiler"],
    )
    limit: int = Field(PAGE, description="Conversations at most, of each kind.", ge=1, le=200)
    cursor: str = Field("", description="`next` of an earlier answer.", max_length=cursor.LONGEST)


class InboxHits(BaseModel):
    """What was found, the newest first."""

    threads: list[InboxThread] = Field(description="The conversations.")
    next: str = Field(
        description="Where to go on with older texts; empty: all were looked through."
    )


class InboxReview(BaseModel):
    """A reply of which a person has to say whether it was an opt-out."""

    incoming: int = Field(description="The number of the text.", ge=1)
    thread: int = Field(description="The conversation it is in.", ge=1)
    handset: str = Field(description="Who wrote it.", examples=["+16465550147"])
    name: str = Field(description="The name in your contacts.", examples=["Jane Miller"])
    text: str = Field(description="What was written.", examples=["please no more of this"])
    at: AwareDatetime = Field(description="When it came.")


class InboxReviews(BaseModel):
    """The replies that wait for a word, the oldest first."""

    reviews: list[InboxReview] = Field(description=f"At most {REVIEWS}.")


async def get_threads(ctx: Ctx, *, query: InboxQuery) -> InboxPage:
    """Conversations of one list, page by page. Opening or listing one does not mark it read."""
    after: tuple[datetime, int] | None = None
    name = f"threads {query.list.value}"
    if query.cursor:
        at, row = cursor.read(name, query.cursor, datetime, int)
        if isinstance(at, datetime) and isinstance(row, int):
            after = at, row
    found = await ctx.store.inbox(
        query.list, number=did_of(ctx.config, query.number), after=after, limit=query.limit + 1
    )
    shown = found[: query.limit]
    more = len(found) > len(shown)
    return InboxPage(
        threads=[thread(ctx.config, one) for one in shown],
        next=cursor.write(name, *position(query.list, shown[-1])) if more else "",
    )


async def get_counts(ctx: Ctx) -> InboxCounts:
    """How many conversations are unread, wait for an answer, or for a word on an opt-out."""
    found = await ctx.store.waiting()
    return InboxCounts(unread=found.unread, needs_you=found.needs_you, reviews=found.reviews)


async def post_search(ctx: Ctx, *, body: InboxSearch) -> InboxHits:
    """Find conversations by number, name or text. By POST, so that no log holds what was sought.

    Each answer takes the same time however many texts there are: `next` goes on with older ones.
    """
    before = None
    if body.cursor:
        got, sent = cursor.read("search", body.cursor, int, int)
        if isinstance(got, int) and isinstance(sent, int):
            before = Before(got, sent)
    words = phone.to_e164(body.words, ctx.config.business.country) or body.words
    hits = await ctx.store.search_step(words, limit=body.limit, before=before)
    older = hits.older
    return InboxHits(
        threads=[thread(ctx.config, one) for one in hits.threads],
        next=cursor.write("search", older.incoming, older.outgoing) if older else "",
    )


async def get_reviews(ctx: Ctx) -> InboxReviews:
    """Replies that may be opt-outs. Until one is decided no automatic text goes to its handset."""
    found = await ctx.store.doubts(limit=REVIEWS)
    names = await ctx.store.contact_names([doubt.sender for doubt in found])
    return InboxReviews(
        reviews=[
            InboxReview(
                incoming=doubt.id,
                thread=doubt.thread_id,
                handset=doubt.sender,
                name=names.get(doubt.sender, ""),
                text=doubt.text,
                at=doubt.at,
            )
            for doubt in found
        ]
    )


def did_of(config: Config, spelt: str) -> str:
    """A number of ours as the store has it; one that is not watched is looked for as it is."""
    watched = config.number_for(spelt) if spelt else None
    return watched.did if watched is not None else spelt


def thread(config: Config, found: Thread) -> InboxThread:
    """A conversation as the API tells it."""
    number = config.number_for(found.number) if found.number else None
    return InboxThread(
        id=found.id,
        handset=found.handset,
        name=found.name,
        organization=found.organization,
        tags=list(found.tags),
        ours=found.ours,
        number=found.number,
        label=number.label if number is not None else "",
        unread=found.unread,
        waits_since=found.waits_since,
        review=found.review,
        opened=found.opened,
        last=found.last,
        last_in=found.last_in,
        last_out=found.last_out,
        text=found.text,
        text_in=found.text_in,
        text_state=found.text_state,
        opted_out=found.opted_out,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/threads",
        handler=get_threads,
        answer=InboxPage,
        query=InboxQuery,
        summary="Conversations, page by page",
        errors=(400, 503),
    ),
    Endpoint(
        method="GET",
        path="/threads/counts",
        handler=get_counts,
        answer=InboxCounts,
        summary="How many conversations want somebody",
        errors=(503,),
    ),
    Endpoint(
        method="POST",
        path="/threads/search",
        handler=post_search,
        answer=InboxHits,
        body=InboxSearch,
        summary="Find conversations",
        errors=(400, 503),
    ),
    Endpoint(
        method="GET",
        path="/reviews",
        handler=get_reviews,
        answer=InboxReviews,
        summary="Replies that may be opt-outs",
        errors=(503,),
    ),
)
