"""The page of one call: why it was texted or not, gate by gate, and what became of the text."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from textback.console import call_words, why_view
from textback.console.ctx import Ctx
from textback.console.why_api import story_of
from textback.model import CallStory, Reason, Source
from textback.names import of_network
from textback.store.call_lines import CallLine
from textback.store.call_lists import CallFilter
from textback.why_json import name_of

#: Calls of the same caller that are shown beside.
OTHERS = 6


async def why_page(ctx: Ctx) -> web.StreamResponse:
    story = await story_of(ctx, ctx.path_int("call"))
    call, texts = why_view.moments(story)
    others = await _others(ctx, story)
    mine = await ctx.store.call_lines([story.call_id])
    reason = Reason(story.reason) if story.reason in set(Reason) else None
    values: dict[str, Any] = {
        "story": story,
        "name": mine[0].name if mine else of_network(name_of(story)),
        "line": mine[0] if mine else None,
        "headline": why_view.headline(story),
        "outcome": call_words.OUTCOMES[story.outcome] if story.outcome else None,
        "reason": call_words.REASONS[reason] if reason is not None else None,
        "groups": why_view.groups(story.gates),
        "unasked": why_view.unasked(story.gates),
        "bar": why_view.bar(story, ctx.now),
        "zero": why_view.zero(story),
        "moments": call,
        "life": texts,
        "lives": why_view.lives(story),
        "others": others,
        "thread": await _thread(ctx, story, mine[0] if mine else None),
        "source": call_words.SOURCES.get(story.source) if story.source is not Source.AMI else None,
        "words": call_words,
    }
    return ctx.render("why.html", **values)


async def _others(ctx: Ctx, story: CallStory) -> list[CallLine]:
    """Other calls of the same caller, where there is a number to know him by."""
    if not story.caller.startswith("+"):
        return []
    wanted = CallFilter(callers=(story.caller,))
    found = await ctx.store.call_page(wanted, limit=OTHERS)
    return [line for line in found if line.id != story.call_id][: OTHERS - 1]


async def _thread(ctx: Ctx, story: CallStory, line: CallLine | None) -> int | None:
    """The conversation with the caller: of the text, else the one last written in."""
    if line is not None and line.thread is not None:
        return line.thread
    if not story.caller.startswith("+"):
        return None
    found = await ctx.store.threads_of(story.caller)
    return next((thread.id for thread in found), None)
