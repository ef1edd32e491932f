"""The API on what came in: what a page that is kept open, or another program, tells people of."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, Field

from textback.config import Config
from textback.console import contained, render
from textback.console.api import Endpoint
from textback.console.ctx import Ctx
from textback.console.inbox_api import MOST_ID
from textback.store.news import MOST_NEWS, NewReply

#: Replies that are listed unless more are asked for.
LISTED = 20
#: Characters of a text in one line: what a notification has room for.
LINE = 120


class NewReplyOut(BaseModel):
    """A text that came in and wants a person. Its strings are the sender's: escape them wherever
    you show them."""

    incoming: int = Field(description="The number of the text.", ge=1)
    thread: int = Field(description="The conversation it is in.", ge=1)
    handset: str = Field(description="Who wrote it.", examples=["+16465550147"])
    name: str = Field(description="The name in your contacts.", examples=["Jane Miller"])
    number: str = Field(
        description="The [[number]] it belongs to; empty for none.", examples=["+12125550100"]
    )
    text: str = Field(description="Its beginning.", examples=["Can you call?"])
    who: str = Field(
        description="The name, else the number as people of your country write it: in one line, "
        "without characters that mislead the eye.",
        examples=["Jane Miller"],
    )
    line: str = Field(description="The text likewise.", examples=["Can you call?"])
    at: AwareDatetime = Field(description="When it came.")
    review: bool = Field(
        description="It may be an opt-out, and nobody has decided: see reviews.", examples=[False]
    )


class NewsQuery(BaseModel):
    """Since when."""

    after: int | None = Field(
        None,
        description="`latest` of the answer before; without it nothing is listed, to begin with.",
        ge=0,
        le=MOST_ID,
        examples=[1024],
    )
    limit: int = Field(LISTED, description="Replies at most.", ge=1, le=MOST_NEWS)


class NewsOut(BaseModel):
    """What came in."""

    latest: int = Field(description="What to ask with next, as `after`.", ge=0, examples=[1031])
    count: int = Field(
        description=f"How many came that still want a person, at most {MOST_NEWS}.",
        ge=0,
        le=MOST_NEWS,
        examples=[1],
    )
    replies: list[NewReplyOut] = Field(description="The newest of them first.")


async def get_replies(ctx: Ctx, *, query: NewsQuery) -> NewsOut:
    """Replies that came since you last asked and wait for an answer, or for a word on whether they
    are opt-outs; what somebody has answered meanwhile is left out. Cheap enough to be asked every
    other second. Asking marks nothing as read.

    `latest` may be smaller than before when the newest entries were erased: go on with it.
    """
    found = await ctx.store.news(query.after)
    return NewsOut(
        latest=found.latest,
        count=len(found.replies),
        replies=[_out(ctx.config, one) for one in found.replies[: query.limit]],
    )


def _out(config: Config, one: NewReply) -> NewReplyOut:
    number = render.number_in(one.handset, config.business.country)
    return NewReplyOut(
        incoming=one.incoming,
        thread=one.thread,
        handset=one.handset,
        name=one.name,
        number=one.number,
        text=one.text,
        who=contained.oneline(one.name) or contained.oneline(number),
        line=contained.oneline(one.text, LINE),
        at=one.at,
        review=one.review,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/replies",
        handler=get_replies,
        answer=NewsOut,
        query=NewsQuery,
        summary="Replies that came since you last asked",
        errors=(503,),
    ),
)
