"""The search over everything: its form, and what it found."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from textback.console import call_words
from textback.console.calls_api import spellings
from textback.console.ctx import Ctx, Page
from textback.console.search_api import everything


async def form(ctx: Ctx) -> web.StreamResponse:
    return ctx.render("search.html", words_="", found=None, words=call_words)


async def search(ctx: Ctx) -> web.StreamResponse:
    """Answers at once: what is looked for must not stand in a URL."""
    fields = await ctx.form()
    typed = fields.get("words", "").strip()[:100]
    if not typed:
        return await form(ctx)
    calls, threads, cases = await everything(ctx, typed)
    names = await ctx.store.case_callers(cases)
    full = next((one for one in spellings(ctx, typed) if one.startswith("+")), "")
    values: dict[str, Any] = {
        "words_": typed,
        "found": bool(calls or threads or cases),
        "calls": calls,
        "threads": threads,
        "cases": cases,
        "names": names,
        "caller": full if any(call.caller == full for call in calls) else "",
        "words": call_words,
    }
    return ctx.render("search.html", **values)


PAGES: tuple[Page, ...] = (
    Page("GET", "/search", form),
    Page("POST", "/search", search),
)
