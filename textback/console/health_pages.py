"""The pages of health: what needs doing, how every part stands, and the texts that wait."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from textback.console import health_todo, health_words, thread_words
from textback.console.ctx import Ctx, Page, Problem
from textback.console.health import PartHealth
from textback.console.health_api import answer_of, post_check
from textback.console.health_standing import standing, urgent
from textback.console.i18n import _
from textback.console.queue_api import QueueQuery, Release, get_queue, post_drop, post_release
from textback.console.who import Role
from textback.model import OutboxState
from textback.store.queue_lists import OPEN, open_counts


async def health(ctx: Ctx) -> web.StreamResponse:
    found = await standing(ctx.backend)
    ctx.shown.setdefault("badges", {})["/health"] = health_todo.urgent(found.todo)
    return ctx.render(
        "health.html",
        standing=found,
        shown=answer_of(ctx, found),
        uptime=max(0.0, (ctx.now - ctx.backend.started).total_seconds()),
        icons={kind: words.icon for kind, words in health_words.KINDS.items()},
        purposes={kind: _(words.purpose) for kind, words in health_words.KINDS.items()},
        free=_free(found.health.parts),
    )


def _free(parts: tuple[PartHealth, ...]) -> int | None:
    """Bytes left beside the database."""
    for part in parts:
        if part.name == "store" and isinstance(part.detail.get("free_bytes"), int):
            return int(part.detail["free_bytes"])
    return None


async def check(ctx: Ctx) -> web.StreamResponse:
    try:
        await post_check(ctx)
    except Problem as problem:
        if problem.status != 429:
            raise
        return ctx.redirect("/health", said=problem.detail)
    return ctx.redirect("/health", said=_("It is being checked. What is found appears here."))


async def queue(ctx: Ctx) -> web.StreamResponse:
    """Texts of one state, else of the first that somebody should decide about."""
    query = _query(ctx)
    if query.state is None:
        texts = await ctx.store.read(open_counts)
        first = (OutboxState.UNCERTAIN, OutboxState.HELD, OutboxState.QUEUED, OutboxState.SENDING)
        state = next((one for one in first if texts.get(one)), OutboxState.QUEUED)
        query = query.model_copy(update={"state": state})
    state = query.state or OutboxState.QUEUED
    found = await get_queue(ctx, query=query)
    return ctx.render(
        "health_queue.html",
        found=found,
        state=state,
        words=health_words.state_words(state),
        why=thread_words.reason,
        tabs=[one for one in found.counts if one.state in OPEN],
    )


def _query(ctx: Ctx) -> QueueQuery:
    known = {
        name: ctx.request.query[name] for name in ("state", "cursor") if name in ctx.request.query
    }
    try:
        return QueueQuery.model_validate(known)
    except ValidationError:
        raise Problem(404, "no_page", _("There is no such page.")) from None


async def release(ctx: Ctx) -> web.StreamResponse:
    back = await _back(ctx)
    await post_release(ctx, row=ctx.path_int("row"), body=Release.model_validate({}))
    return ctx.redirect(back, said=_("The text is on its way."))


async def drop(ctx: Ctx) -> web.StreamResponse:
    back = await _back(ctx)
    await post_drop(ctx, row=ctx.path_int("row"))
    return ctx.redirect(back, said=_("The text is given up."))


async def _back(ctx: Ctx) -> str:
    """The list the button stood in."""
    state = (await ctx.form()).get("state", "")
    return f"/health/queue?state={state}" if state in list(OPEN) else "/health/queue"


PAGES: tuple[Page, ...] = (
    Page("GET", "/health", health),
    Page("POST", "/health/check", check, Role.AGENT),
    Page("GET", "/health/queue", queue),
    Page("POST", "/health/queue/{row}/release", release, Role.ADMIN),
    Page("POST", "/health/queue/{row}/drop", drop, Role.ADMIN),
)


async def waiting(ctx: Ctx) -> int:
    """The number beside the navigation."""
    return await urgent(ctx.backend)
