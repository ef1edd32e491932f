"""The inbox: lists of conversations and the one that is open, beside each other or in turn."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from textback.console import dial_api, inbox_view, thread_api, thread_words
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import _
from textback.console.inbox_api import (
    PAGE,
    InboxHits,
    InboxQuery,
    InboxSearch,
    get_counts,
    get_reviews,
    get_threads,
    post_search,
)
from textback.console.inbox_api import thread as thread_of
from textback.console.inbox_view import Place
from textback.console.render import PART
from textback.console.thread_api import ThreadFull, ThreadLines, conversation, full, quick_texts
from textback.model import InboxList
from textback.store.talking import MOST

#: Characters of a search; a longer one is none.
_WORDS = 200


async def waiting(ctx: Ctx) -> int:
    """The little number in the navigation and in the title: conversations that wait for an answer,
    as many as the list "Needs you" has."""
    return (await ctx.store.waiting()).needs_you


async def inbox(ctx: Ctx) -> web.StreamResponse:
    """A list, and nothing open."""
    return await page(ctx)


async def talk(ctx: Ctx) -> web.StreamResponse:
    """A list, and a conversation beside it."""
    return await page(ctx, thread=ctx.path_int("thread"))


async def search(ctx: Ctx) -> web.StreamResponse:
    """What was found. By POST: what is sought is in no address and no log."""
    form = await ctx.form()
    words = form.get("q", "").strip()[:_WORDS]
    if not words:
        return ctx.redirect(Place.of(ctx.request.query).at())
    wanted = InboxSearch.model_construct(words=words, limit=50, cursor=form.get("cursor", ""))
    hits = await post_search(ctx, body=wanted)
    return await page(ctx, words=words, hits=hits, stepped=bool(wanted.cursor))


async def page(
    ctx: Ctx,
    *,
    thread: int | None = None,
    words: str = "",
    hits: InboxHits | None = None,
    stepped: bool = False,
    status: int = 200,
    draft: str | None = None,
    refused: str = "",
) -> web.Response:
    """The page, or the part of it that is asked for: what the part does not show is not read.

    `draft` and `refused`: what was written and could not be sent, and why.
    """
    part = ctx.request.headers.get(PART, "")
    place = Place.of(ctx.request.query)
    values: dict[str, Any] = {
        "place": place,
        "view": inbox_view,
        "numbers": inbox_view.lines_of(ctx.config),
        "open": thread,
        "words": words,
        "hits": hits,
        "stepped": stepped,
        "most": MOST,
        "refused": refused,
        "may_answer": ctx.may("agent"),
        "may_admin": ctx.may("admin"),
        "InboxList": InboxList,
    }
    if part in ("", "threads"):
        values |= await _lists(ctx, place, hits)
    if thread is not None and part in ("", "talk", "who", "lines", "compose"):
        values |= await _talk(ctx, thread, draft)
    return ctx.render("inbox.html", status=status, **values)


async def _lists(ctx: Ctx, place: Place, hits: InboxHits | None) -> Mapping[str, Any]:
    query = InboxQuery(
        list=place.list,
        number=inbox_view.did_at(ctx.config, place.line),
        limit=PAGE,
        cursor=place.after,
    )
    first = place.list is InboxList.NEEDS_YOU and not place.after and not place.line
    counts = await get_counts(ctx)
    return {
        "counts": counts,
        "page": hits if hits is not None else await get_threads(ctx, query=query),
        "reviews": (await get_reviews(ctx)).reviews
        if first and hits is None and counts.reviews
        else [],
    }


async def _talk(ctx: Ctx, thread: int, draft: str | None) -> Mapping[str, Any]:
    found = await conversation(ctx, thread)
    told = full(ctx, found)
    older = ctx.request.query.get("before", "")
    lines: ThreadFull | ThreadLines = told
    if older:
        lines = await thread_api.get_lines(
            ctx, thread=thread, query=thread_api.LinesQuery(limit=thread_api.LINES, cursor=older)
        )
    who = found.thread
    others, contact, out = await asyncio.gather(
        ctx.store.threads_of(who.handset),
        ctx.store.contact(who.handset),
        ctx.store.opt_out_of(who.handset, who.number),
    )
    quick = quick_texts(ctx, found).answers
    chosen = ctx.request.query.get("quick", "")
    if draft is None and chosen.isascii() and chosen.isdigit() and int(chosen) < len(quick):
        draft = quick[int(chosen)].text
    return {
        "full": told,
        "talk": told.thread,
        "lines": inbox_view.shown(ctx, lines.lines),
        "older": lines.older,
        "paged": bool(older),
        "others": [thread_of(ctx.config, one) for one in others if one.id != thread],
        "no_text": contact is not None and contact.no_text,
        "out": out,
        "out_words": thread_words.opted_out(out),
        "quick": quick,
        "can_dial": dial_api.state(ctx, who.handset).possible and who.handset.startswith("+"),
        "draft": draft or "",
        "nonce": secrets.token_urlsafe(12),
    }


def problem_words(problem: Problem) -> str:
    """Why something was not done, for the form it came from."""
    said = [why for why in problem.fields.values() if why and not why.startswith("+")]
    return " ".join(dict.fromkeys([problem.detail, *said])) or _("It was not sent.")


PAGES: tuple[Page, ...] = (
    Page("GET", "/inbox", inbox),
    Page("POST", "/inbox/search", search),
    Page("GET", "/inbox/{thread}", talk),
)
