"""Templates: the environment, its filters for times and numbers, and pages or single parts."""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jinja2
import phonenumbers
from aiohttp import web
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from textback import __version__
from textback.console import contained, i18n, nav

if TYPE_CHECKING:
    from textback.console.ctx import Ctx

#: A request with this header gets one block of the page's template, by its name.
PART = "X-Part"


@dataclass(frozen=True, slots=True)
class View:
    """How times and numbers are shown in one request."""

    zone: ZoneInfo
    language: str
    country: str
    now: datetime
    csrf: str


_VIEW: ContextVar[View] = ContextVar("view")

# --- filters ------------------------------------------------------------------------------------


def _local(at: datetime) -> tuple[datetime, View]:
    view = _VIEW.get()
    return at.astimezone(view.zone), view


def when(at: datetime | None) -> str:
    """Today the time, this year day and time, else the date as well."""
    if at is None:
        return ""
    here, view = _local(at)
    today = view.now.astimezone(view.zone).date()
    if today - here.date() == timedelta(days=1):
        clock = format_time(here, "short", tzinfo=view.zone, locale=view.language)
        return i18n._("yesterday %(clock)s") % {"clock": clock}
    # By its UTC: the two hours of a clock set back are equal as local times.
    past = "" if here.date() == today else "MMMd" if here.year == today.year else "yMMMd"
    return _when(at.astimezone(UTC), past, view.zone, view.language)


@lru_cache(maxsize=4_096)
def _when(at: datetime, days: str, zone: ZoneInfo, language: str) -> str:
    # Live pages show the same moments again and again.
    here = at.astimezone(zone)
    clock = format_time(here, "short", tzinfo=zone, locale=language)
    if not days:
        return clock
    date = format_skeleton(days, here, tzinfo=zone, locale=language)
    both = get_datetime_format("medium", locale=language)
    return str(both).replace("{1}", date).replace("{0}", clock)


def full(at: datetime | None) -> str:
    """Everything, with the zone: for titles."""
    if at is None:
        return ""
    view = _VIEW.get()
    # By its UTC: the two hours of a clock set back are equal as local times.
    return _full(at.astimezone(UTC), view.zone, view.language)


@lru_cache(maxsize=4_096)
def _full(at: datetime, zone: ZoneInfo, language: str) -> str:
    # Live pages show the same moments again and again, and this takes longest of all filters.
    return format_datetime(at, "full", tzinfo=zone, locale=language)


def clock(at: datetime | None) -> str:
    """The time with its seconds."""
    if at is None:
        return ""
    here, view = _local(at)
    return format_time(here, "medium", tzinfo=view.zone, locale=view.language)


def hour(at: datetime | None) -> str:
    """The time without its seconds: under the heading of its day."""
    if at is None:
        return ""
    here, view = _local(at)
    return format_time(here, "short", tzinfo=view.zone, locale=view.language)


def weekday(at: datetime | None) -> str:
    """The day with its name; of this year without it."""
    if at is None:
        return ""
    here, view = _local(at)
    this_year = here.year == view.now.astimezone(view.zone).year
    skeleton = "MMMMEEEEd" if this_year else "yMMMMEEEEd"
    return format_skeleton(skeleton, here, tzinfo=view.zone, fuzzy=True, locale=view.language)


def day(at: datetime | None) -> str:
    if at is None:
        return ""
    here, view = _local(at)
    return format_date(here.date(), "long", locale=view.language)


def ago(at: datetime | None) -> str:
    """ "5 minutes ago", "in 2 hours"."""
    if at is None:
        return ""
    view = _VIEW.get()
    return format_timedelta(
        at - view.now, add_direction=True, threshold=1.2, locale=view.language, format="long"
    )


def duration(seconds: float | None) -> str:
    """ "16 s", "4 min", "2 h 5 min"."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return i18n._("%(s)s s") % {"s": whole}
    if whole < 3600:
        return i18n._("%(min)s min") % {"min": whole // 60}
    hours, minutes = divmod(whole // 60, 60)
    if hours >= 48:
        return i18n._("%(d)s d") % {"d": hours // 24}
    if not minutes:
        return i18n._("%(h)s h") % {"h": hours}
    return i18n._("%(h)s h %(min)s min") % {"h": hours, "min": minutes}


def number(text: str | None) -> str:
    """A telephone number as people of the business's country write it."""
    if not text or not text.startswith("+"):
        return text or ""
    return number_in(text, _VIEW.get().country)


@cache
def _codes(country: str) -> int:
    return phonenumbers.country_code_for_region(country)


@lru_cache(maxsize=1_024)
def number_in(text: str, country: str) -> str:
    """A telephone number (E.164) as people of this country write it; what is none as it is."""
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return text
    home = parsed.country_code == _codes(country)
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if home else style.INTERNATIONAL)


def decimal(value: float) -> str:
    return format_decimal(value, locale=_VIEW.get().language)


def percent(share: float | None) -> str:
    if share is None:
        return "–"
    return format_percent(share, format="#,##0%", locale=_VIEW.get().language)


def isotime(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


_FILTERS = (
    *(when, full, clock, hour, day, weekday, ago, duration, number, decimal, percent, isotime),
    *(contained.plain, contained.oneline),
)

# --- static files -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Static:
    """One file as it is served; its version is of its content."""

    name: str
    body: bytes
    version: str
    content_type: str


_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}


@cache
def static_files() -> dict[str, Static]:
    """Every file of `static/`, read once: what is not among them is not served."""
    found = {}
    for file in (resources.files("textback.console") / "static").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind not in _TYPES:
            continue
        body = file.read_bytes()
        version = hashlib.sha256(body).hexdigest()[:12]
        found[file.name] = Static(file.name, body, version, _TYPES[kind])
    return found


def static(name: str) -> str:
    """The path of a static file, which changes with its content."""
    return f"/static/{name}?v={static_files()[name].version}"


# --- templates ----------------------------------------------------------------------------------


def _csrf() -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(_VIEW.get().csrf)


@cache
def environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("textback.console", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_callables(i18n._, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters.update({one.__name__: one for one in _FILTERS})
    env.globals.update(static=static, csrf=_csrf, version=__version__)
    # Not imported by each template: a block that is rendered alone has no imports.
    env.globals["ui"] = env.get_template("macros.html").module
    return env


def page(ctx: Ctx, template: str, status: int, values: dict[str, Any]) -> web.Response:
    """The whole page, or the block that the request names. Raises KeyError for no such block."""
    business = ctx.config.business
    view = View(ctx.zone, ctx.language, business.country, ctx.now, ctx.who.csrf)
    part = ctx.request.headers.get(PART, "")
    shown = {
        "ctx": ctx,
        "who": ctx.who,
        "business": business,
        "now": ctx.now,
        "language": view.language,
        "path": ctx.request.path,
        "entries": nav.ENTRIES,
        "badges": ctx.shown.get("badges", {}),
        "flashes": [] if part else ctx.flashed(),
        "mode": ctx.config.mode,
        **ctx.shown,
        **values,
    }
    token = _VIEW.set(view)
    try:
        loaded = environment().get_template(template)
        body = _block(loaded, part, shown) if part else loaded.render(shown)
    finally:
        _VIEW.reset(token)
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8")


def _block(template: jinja2.Template, name: str, shown: dict[str, Any]) -> str:
    base: jinja2.Template | None = template
    block = template.blocks.get(name)
    if block is None:
        base = environment().get_template("base.html")
        block = base.blocks.get(name)
    if block is None or base is None:
        raise web.HTTPNotFound(text=f"no part {name!r}")
    context = base.new_context(shown)
    # Blocks inside this one are looked up in the template that is asked for.
    context.blocks.update({key: [one] for key, one in template.blocks.items()})
    return "".join(block(context))
