"""What the API lets people do to a conversation: look at it, be done with it, opt somebody out."""

from __future__ import annotations

from collections.abc import Awaitable

from pydantic import BaseModel, Field

from textback import answers
from textback.console import dial_api
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.dial_api import DialCall, DialState
from textback.console.i18n import _
from textback.console.inbox_api import MOST_ID, InboxThread
from textback.console.inbox_api import thread as told
from textback.console.thread_api import nothing
from textback.console.who import Role
from textback.model import Review, Thread
from textback.store.errors import NoThreadError


class ConsentReason(BaseModel):
    """Why somebody is not to be texted, or is again."""

    reason: str = Field(
        description="How it was said; kept as evidence.",
        min_length=1,
        max_length=200,
        pattern=r"\S",
        examples=["asked on the telephone"],
    )


class Decision(BaseModel):
    """A person's word on a reply."""

    incoming: int = Field(description="The number of the text.", ge=1, le=MOST_ID)
    stop: bool = Field(description="It asks for no more texts.")


async def post_read(ctx: Ctx, *, thread: int) -> InboxThread:
    """Somebody looked at it."""
    return await _changed(ctx, thread, ctx.store.mark_read(thread))


async def post_unread(ctx: Ctx, *, thread: int) -> InboxThread:
    """Somebody is to look at it again."""
    return await _changed(ctx, thread, ctx.store.mark_unread(thread))


async def post_done(ctx: Ctx, *, thread: int) -> InboxThread:
    """Nothing in it needs an answer."""
    return await _changed(ctx, thread, ctx.store.done(thread), "thread.done")


async def post_wait(ctx: Ctx, *, thread: int) -> InboxThread:
    """Its newest text does need an answer: takes back that it is done."""
    return await _changed(ctx, thread, ctx.store.wait_again(thread), "thread.wait")


async def post_optout(ctx: Ctx, *, thread: int, body: ConsentReason) -> InboxThread:
    """The handset is not texted any more, from any number; what waits for it is cancelled."""
    found = await one(ctx, thread)
    if found.opted_out:
        raise Problem(409, "opted_out", _("This handset is not texted already."))
    await ctx.store.opt_out(found.handset, _by(ctx), ctx.now, reason=body.reason.strip())
    await ctx.act("thread.optout", f"thread {thread}")
    return await _settled(ctx, thread)


async def post_optin(ctx: Ctx, *, thread: int, body: ConsentReason) -> InboxThread:
    """The handset is texted again: only when its owner asked for it."""
    found = await one(ctx, thread)
    lifted = await ctx.store.opt_in(found.handset, _by(ctx), ctx.now, reason=body.reason.strip())
    if not lifted:
        # Who was erased can only come back by a word of their own.
        raise Problem(409, "not_out", _("There is no opt-out that you can lift."))
    await ctx.act("thread.optin", f"thread {thread}")
    return await _settled(ctx, thread)


async def post_review(ctx: Ctx, *, thread: int, body: Decision) -> InboxThread:
    """Say whether a reply was an opt-out. If it was, its handset is not texted any more; if not,
    what was held for it goes on."""
    doubt = await ctx.store.doubt(body.incoming)
    if doubt is None or doubt.thread_id != thread or doubt.review is Review.NONE:
        raise Problem(404, "no_review", _("There is no such reply to be decided."))
    scope = answers.scope_of(doubt.number, ctx.config)
    changed, _texts = await ctx.store.decide_doubt(
        doubt.id, out=body.stop, scope=scope, by=_by(ctx), now=ctx.now
    )
    if not changed:
        raise Problem(409, "decided", _("Somebody has decided this already."))
    await ctx.act("thread.review", f"thread {thread}", incoming=doubt.id, stop=body.stop)
    return await _settled(ctx, thread)


def _by(ctx: Ctx) -> str:
    """As the evidence names people, here and on the command line."""
    return f"operator {ctx.who.name}"


async def post_dial(ctx: Ctx, *, thread: int) -> DialCall:
    """Their desk phone rings, then the handset is called."""
    found = await one(ctx, thread)
    call = await dial_api.place(
        ctx, found.handset, name=found.name, ours=found.number, subject=f"thread {thread}"
    )
    ctx.backend.feed.say(f"thread:{thread}")
    return call


async def get_dial(ctx: Ctx, *, thread: int) -> DialState:
    """Whether they can call this handset by a click."""
    return dial_api.state(ctx, (await one(ctx, thread)).handset)


async def one(ctx: Ctx, thread: int) -> Thread:
    """Raises Problem 404."""
    try:
        return await ctx.store.open_thread(thread)
    except NoThreadError:
        raise nothing() from None


async def _changed(ctx: Ctx, thread: int, verb: Awaitable[bool], action: str = "") -> InboxThread:
    """Whether or not anything changed, it is now as it was asked to be."""
    changed = await verb
    found = await one(ctx, thread)
    if changed and action:
        await ctx.act(action, f"thread {thread}")
    if changed:
        ctx.backend.feed.say("inbox")
    return told(ctx.config, found)


async def _settled(ctx: Ctx, thread: int) -> InboxThread:
    """Texts were cancelled or set free."""
    ctx.backend.kick()
    ctx.backend.feed.say("inbox", f"thread:{thread}")
    return told(ctx.config, await one(ctx, thread))


def _act(
    path: str,
    handler: object,
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    need: Role = Role.AGENT,
) -> Endpoint:
    return Endpoint(
        method="POST",
        path="/threads/{thread}/" + path,
        handler=handler,  # type: ignore[arg-type]
        answer=InboxThread,
        body=body,
        need=need,
        summary=summary,
        errors=(503,) if body is None else (409, 503),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _act("read", post_read, "Mark a conversation read"),
    _act("unread", post_unread, "Mark a conversation unread"),
    _act("done", post_done, "Nothing needs an answer"),
    _act("wait", post_wait, "It does need an answer"),
    _act("optout", post_optout, "No more texts to a handset", body=ConsentReason),
    _act("optin", post_optin, "Text a handset again", body=ConsentReason, need=Role.ADMIN),
    _act("review", post_review, "Decide whether a reply was an opt-out", body=Decision),
    *dial_api.endpoints(
        "/threads/{thread}", "handset", "conversation", post=post_dial, get=get_dial
    ),
)
