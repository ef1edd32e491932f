"""The API's way to write: an answer in a conversation, a new conversation, and what a text takes.

Every text goes through the one verb of the store by which people write (`store.talking`), so the
rules are those of `textback reply`: whoever opted out is not written to, it counts for no cooldown,
and it is sent in shadow mode too. A request that is named is written once, however often it comes.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, Field

from textback import phone
from textback.config import CATCH_ALL
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.console.inbox_api import did_of
from textback.console.thread_api import nothing, refusal
from textback.console.who import Role
from textback.model import OutboxRow, OutboxState
from textback.store.errors import NoThreadError, OptedOutError, ReplyRefusedError
from textback.store.talking import MOST, requested

#: Characters that are measured; more than can be sent, so that one sees by how much.
MOST_MEASURED = 5_000
_TEXT = Field(
    description="What to write.",
    min_length=1,
    max_length=MOST,
    pattern=r"\S",
    examples=["We can come at 3 pm. Does that suit you?"],
)
#: What a request may be named by.
NAMED, MOST_NAMED = r"^[\x21-\x7e]*$", 100
_REQUEST = Field(
    "",
    description="A name of your own for this request: sent again with the same one, the text is "
    "written once, for as long as it is kept (retention.texts). It counts for this conversation, "
    "or for texts to somebody, and for you alone; with another text it is refused (409, "
    "request_used). The header Idempotency-Key does the same, where this is left out.",
    max_length=MOST_NAMED,
    pattern=NAMED,
    examples=["5f0c1e2a"],
)


class Answer(BaseModel):
    """An answer."""

    text: str = _TEXT
    request: str = _REQUEST


class NewMessage(BaseModel):
    """A text to somebody, in a new conversation or the one there is."""

    to: str = Field(
        description="To whom, E.164.",
        pattern=r"^\+[1-9][0-9]{6,14}$",
        examples=["+16465550147"],
    )
    number: str = Field(
        description="From which [[number]] of yours.",
        pattern=r"^\+?[0-9]{3,15}$",
        examples=["+12125550100"],
    )
    text: str = _TEXT
    request: str = _REQUEST


class Sent(BaseModel):
    """A text that was written; it leaves at once."""

    id: int = Field(description="The number of the text.", ge=1)
    thread: int = Field(description="The conversation it is part of.", ge=1)
    state: OutboxState = Field(description="How it stands.")


class Draft(BaseModel):
    """A text as it is being written."""

    text: str = Field(description="What is written so far.", max_length=MOST_MEASURED)


class Size(BaseModel):
    """What a text takes."""

    segments: int = Field(description="Parts it is sent in; each is paid for.", ge=0)
    encoding: str = Field(description="How it is written.", examples=["gsm"])
    odd: list[str] = Field(
        description="The characters that force the encoding with fewer characters a part.",
        examples=[["“"]],
    )
    characters: int = Field(description="Its characters.", ge=0)
    most: int = Field(description="Characters that can be sent at once.", examples=[MOST])
    fits: bool = Field(description="Whether it can be sent.")


async def post_reply(ctx: Ctx, *, thread: int, body: Answer) -> Sent:
    """Write to the handset of a conversation, from the number it wrote to."""
    try:
        found = await ctx.store.open_thread(thread)
    except NoThreadError:
        raise nothing() from None
    key = _key(ctx, body.request, f"thread {thread}")
    # Before anything is held against it: whoever asks again did not hear that it was written.
    if (there := await _requested(ctx, key, found.handset, body.text)) is not None:
        return Sent(id=there.id, thread=thread, state=there.state)
    why_not = refusal(ctx, found)
    if why_not:
        raise Problem(409, "opted_out" if found.opted_out else "cannot", why_not)
    row = await _write(ctx, found.handset, found.ours, body.text, request=key)
    return await _told(ctx, row, thread, "thread.reply")


async def post_message(ctx: Ctx, *, body: NewMessage) -> Sent:
    """Write to somebody from one of your numbers; a conversation is begun where there is none."""
    to = phone.to_e164(body.to, ctx.config.business.country)
    if to is None:
        raise Problem(409, "no_number", _("This is no telephone number."), to=body.to)
    watched = ctx.config.number_for(body.number)
    there = await ctx.store.threads_of(to)
    did = did_of(ctx.config, body.number)
    talk = next((one for one in there if one.number == did), None)
    # Under did = "*" any number is watched: of those only one that this handset has to do with.
    known = talk is not None or did in {n.did for n in ctx.config.number if n.did != CATCH_ALL}
    if watched is None or not known:
        raise Problem(409, "not_ours", _("This is none of your numbers."), number=body.number)
    if not ctx.config.smsc:
        raise Problem(409, "cannot", _("There is no carrier account yet, so nothing can be sent."))
    if to in ctx.config.own_numbers:
        raise Problem(409, "ours", _("This is a number of your own."), to=body.to)
    key = _key(ctx, body.request, "message")
    if (asked := await _requested(ctx, key, to, body.text)) is not None:
        return Sent(id=asked.id, thread=await _thread_of(ctx, asked), state=asked.state)
    ours = talk.ours if talk is not None else watched.sender or watched.did
    row = await _write(ctx, to, ours, body.text, number=did, request=key)
    return await _told(ctx, row, await _thread_of(ctx, row), "thread.new")


async def post_preview(ctx: Ctx, *, body: Draft) -> Size:
    """What a text takes, as it is being written."""
    segments, encoding, odd = ctx.backend.measure(body.text) if body.text else (0, "", ())
    return Size(
        segments=segments,
        encoding=encoding,
        odd=list(odd)[:20],
        characters=len(body.text),
        most=MOST,
        fits=len(body.text) <= MOST and bool(body.text.strip()),
    )


def _key(ctx: Ctx, request: str, what: str) -> str:
    """The name of a request, of this person and for this place; "" for none."""
    given = request or ctx.request.headers.get("Idempotency-Key", "")
    if len(given) > MOST_NAMED or re.fullmatch(NAMED, given) is None:
        why = _("At most 100 characters, without spaces.")
        raise Problem(422, "fields", _("A field is wrong."), **{"Idempotency-Key": why})
    return f"console {ctx.who.name} {what} {given}" if given else ""


async def _write(
    ctx: Ctx, handset: str, ours: str, text: str, *, number: str | None = None, request: str = ""
) -> OutboxRow:
    try:
        row = await ctx.store.reply(
            handset, ours, text, by=ctx.who.name, now=ctx.now, number=number, request=request
        )
    except OptedOutError:
        raise Problem(409, "opted_out", _("This handset asked for no more texts.")) from None
    except NoThreadError:
        raise nothing() from None
    except ReplyRefusedError as error:
        raise Problem(409, "refused", str(error)) from None
    return _same(row, handset, text) if request else row


def _same(row: OutboxRow, handset: str, text: str) -> OutboxRow:
    """What was written for this request. Raises Problem 409 where that was another."""
    if (row.text, row.to) != (text, handset):
        detail = _("Another text was sent by this form already. Nothing was sent now; send again.")
        raise Problem(409, "request_used", detail)
    return row


async def _requested(ctx: Ctx, key: str, handset: str, text: str) -> OutboxRow | None:
    """What an earlier request of this name has written. Raises Problem 409."""
    found = await ctx.store.read(lambda db: requested(db, key))
    return _same(found, handset, text) if found is not None else None


async def _thread_of(ctx: Ctx, row: OutboxRow) -> int:
    """Raises Problem 404: it was erased meanwhile."""
    there = await ctx.store.threads_of(row.to)
    thread = next((one.id for one in there if one.ours == row.sender), None)
    if thread is None:
        raise nothing()
    return thread


async def _told(ctx: Ctx, row: OutboxRow, thread: int, action: str) -> Sent:
    await ctx.act(action, f"thread {thread}", text=row.id)
    ctx.backend.kick()
    ctx.backend.feed.say("inbox", f"thread:{thread}")
    return Sent(id=row.id, thread=thread, state=row.state)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/threads/{thread}/replies",
        handler=post_reply,
        answer=Sent,
        body=Answer,
        need=Role.AGENT,
        status=201,
        summary="Answer in a conversation",
        errors=(409, 503),
    ),
    Endpoint(
        method="POST",
        path="/messages",
        handler=post_message,
        answer=Sent,
        body=NewMessage,
        need=Role.AGENT,
        status=201,
        summary="Write to somebody",
        errors=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path="/preview",
        handler=post_preview,
        answer=Size,
        body=Draft,
        summary="What a text takes",
    ),
)
