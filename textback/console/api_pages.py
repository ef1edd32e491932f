"""The API described by itself: /api for people, /api/v1/openapi.json for programs.

Both for those who have signed in or send a token, as all the rest; the file is installed too.
"""

from __future__ import annotations

import json
from functools import lru_cache

from aiohttp import web

from textback.console import api, openapi, openapi_words
from textback.console.ctx import Ctx, Page

#: Made once: the table does not change.
_reference = lru_cache(maxsize=4)(openapi_words.reference)
_text = lru_cache(maxsize=4)(openapi.text)


def describe(table: tuple[api.Endpoint, ...]) -> None:
    """Makes both ahead."""
    _reference(table)
    _text(table)


async def document(ctx: Ctx) -> web.StreamResponse:
    """What `make generated` writes into conf/textback-openapi.json."""
    api.caller(ctx.request)
    table = ctx.request.app[api.TABLE]
    return api.answered(200, _text(table))


async def page(ctx: Ctx) -> web.StreamResponse:
    told = _reference(ctx.request.app[api.TABLE])
    tags = list(dict.fromkeys(one.tag for one in told.entries))
    return ctx.render(
        "api.html",
        told=told,
        tags=tags,
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        base=f"{ctx.request.scheme}://{ctx.request.host}{api.ROOT}",
    )


PAGES: tuple[Page, ...] = (
    Page("GET", "/api", page),
    Page("GET", f"{api.ROOT}/openapi.json", document, need=None),
)
