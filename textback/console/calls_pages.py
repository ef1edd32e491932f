"""The page of calls: what rings just now with a countdown to its text, and the calls there were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Literal, cast, get_args
from urllib.parse import urlencode

from aiohttp import web

from textback.console import call_words
from textback.console.calls_api import PAGE, CallQuery, lines, living_lines, spellings
from textback.console.ctx import Ctx, Page
from textback.console.i18n import _
from textback.console.why_pages import why_page
from textback.model import Outcome, Reason
from textback.store.call_lines import CallLine

#: Ways to look at the list that are one click away: name, and the query they stand for.
MISSED = tuple(o for o in Outcome if o not in (Outcome.ANSWERED, Outcome.UNKNOWN))
_DIRECTIONS = ("inbound", "internal", "outbound", "originated", "all")
#: A cursor only this console makes; a longer one is none.
_LONGEST = 400


async def calls_page(ctx: Ctx) -> web.StreamResponse:
    return await _shown(ctx, ctx.request.query, "")


async def calls_of(ctx: Ctx) -> web.StreamResponse:
    """The same for one caller: a number does not belong into a URL."""
    fields = await ctx.form()
    return await _shown(ctx, fields, fields.get("caller", "").strip()[:40])


async def _shown(ctx: Ctx, fields: Mapping[str, str], caller: str) -> web.StreamResponse:
    query = read(ctx, fields)
    callers = spellings(ctx, caller)
    values: dict[str, Any] = {"words": call_words, "MISSED": MISSED}
    part = ctx.request.headers.get("X-Part", "")
    if part != "list" and not caller:
        values |= await _living(ctx)
    if part != "ringing":
        found, further = await lines(ctx, query, callers)
        values |= {
            "days": _days(ctx, found),
            "further": further,
            "older": _link(fields, cursor=further) if further else "",
            "newest": _link(fields, cursor=""),
        }
    values |= {
        "query": query,
        "fields": {name: fields.get(name, "") for name in _FIELDS},
        "tabs": _tabs(fields),
        "filtered": any(fields.get(name) for name in _FIELDS if name not in ("show", "cursor")),
        "caller": callers[0] if callers else caller,
        "numbers": [(n.did, n.label or n.did) for n in ctx.config.number],
    }
    return ctx.render("calls.html", **values)


async def _living(ctx: Ctx) -> dict[str, Any]:
    found = await living_lines(ctx)
    return {
        "ringing": [(line, told) for line, told in found if line.answered is None],
        "talking": [line for line, _told in found if line.answered is not None],
    }


# --- what is asked for ----------------------------------------------------------------------------

_FIELDS = ("show", "number", "outcome", "verdict", "from", "to", "direction", "cursor")


def read(ctx: Ctx, fields: Mapping[str, str]) -> CallQuery:
    """The fields of the form. What nobody could have chosen there narrows nothing."""
    show = fields.get("show", "")
    outcomes = [o for o in Outcome if o.value == fields.get("outcome", "")]
    verdict, reasons = _verdict(fields.get("verdict", ""))
    if show in ("missed", "untexted") and not outcomes:
        outcomes = list(MISSED)
    if show == "untexted":
        verdict = "skip"
    elif show == "texted":
        verdict = "send"
    direction = fields.get("direction", "")
    return CallQuery(
        number=fields.get("number", "")[:40],
        outcome=outcomes,
        reason=reasons,
        verdict=verdict,
        direction=cast(Any, direction if direction in _DIRECTIONS else "inbound"),
        since=_midnight(ctx, fields.get("from", ""), 0),
        until=_midnight(ctx, fields.get("to", ""), 1),
        cursor=fields.get("cursor", "")[:_LONGEST],
        limit=PAGE,
    )


def _verdict(word: str) -> tuple[Literal["", "send", "skip"], list[Reason]]:
    """One list has both: texted, not texted, and every reason by its name."""
    if word in get_args(Literal["send", "skip"]):
        return cast(Literal["send", "skip"], word), []
    return "", [reason for reason in Reason if reason.value == word]


def _midnight(ctx: Ctx, word: str, later: int) -> datetime | None:
    """The beginning of a day where the business is, `later` days on; None for no date."""
    try:
        day = date.fromisoformat(word) + timedelta(days=later)
        return datetime.combine(day, time(), ctx.zone)
    except (ValueError, OverflowError):
        return None


def _link(fields: Mapping[str, str], **changed: str) -> str:
    asked = {name: fields.get(name, "") for name in _FIELDS} | changed
    said = urlencode({name: value for name, value in asked.items() if value})
    return f"/calls?{said}" if said else "/calls"


def _tabs(fields: Mapping[str, str]) -> list[tuple[str, str, None, bool]]:
    """The four lists; what is narrowed besides stays."""
    now = fields.get("show", "")
    names = {
        "": _("All calls"),
        "missed": _("Missed"),
        "texted": _("Texted"),
        "untexted": _("Missed, not texted"),
    }
    return [
        (_link(fields, show=key, cursor=""), label, None, key == now)
        for key, label in names.items()
    ]


def _days(ctx: Ctx, found: list[CallLine]) -> list[tuple[datetime, list[CallLine]]]:
    """By days where the business is: the noon of each, and its calls."""
    groups = groupby(found, key=lambda line: line.started.astimezone(ctx.zone).date())
    return [
        (datetime.combine(day, time(12), ctx.zone), list(calls_of_day))
        for day, calls_of_day in groups
    ]


PAGES: tuple[Page, ...] = (
    Page("GET", "/calls", calls_page),
    Page("POST", "/calls", calls_of),
    Page("GET", "/calls/{call}", why_page),
)
