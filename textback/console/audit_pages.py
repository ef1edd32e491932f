"""/audit: who did what, for admins; the newest first, a page at a time."""

from __future__ import annotations

from aiohttp import web

from textback.console import audit_words
from textback.console.audit_words import SUBJECTS
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import _
from textback.console.who import Role

#: Rows of one page.
ROWS = 100


async def show(ctx: Ctx) -> web.StreamResponse:
    query = ctx.request.query
    who, about = query.get("who", "")[:60], query.get("about", "")
    before = query.get("before", "")
    if about not in ("", *dict(SUBJECTS)) or not (before or "0").isdecimal():
        raise Problem(400, "query", _("There is no such page."))
    rows = await ctx.store.audited(
        before=int(before[:18] or 0), who=who.strip().casefold(), action=about, limit=ROWS + 1
    )
    more = rows[ROWS - 1].id if len(rows) > ROWS else 0
    return ctx.render(
        "audit.html",
        rows=rows[:ROWS],
        who_asked=who,
        about=about,
        first=not before,
        more=more,
        words=audit_words.words,
        way=audit_words.way,
        link=audit_words.link,
        subjects=[("", _("Everything")), *((word, _(label)) for word, label in SUBJECTS)],
    )


PAGES: tuple[Page, ...] = (Page("GET", "/audit", show, need=Role.ADMIN),)
