"""Whether a request may be answered at all, asked before any page or endpoint is called.

The Host is one of ours, the body not too large, and what changes something carries the CSRF token
of who asks and comes from no other page. A request with a token of the API needs none: no browser
sends that by itself.
"""

from __future__ import annotations

from urllib.parse import quote

import structlog
from aiohttp import web

from textback.config_console import Console
from textback.console import csrf, hosts, proxy
from textback.console.auth import REFUSED, seen_of
from textback.console.backend import Backend
from textback.console.ctx import ACTED, Ctx, Problem
from textback.console.i18n import _
from textback.console.who import Who

log = structlog.get_logger(__name__)

#: Bytes of a request's body; a text has a few hundred, a list of numbers a few thousand.
LARGEST = 256 * 1024
#: What monitors ask; from this host and from [console] monitors without signing in.
MONITORED = frozenset({"/healthz", "/metrics"})
LOGIN, LOGOUT = "/login", "/logout"


def check_host(request: web.Request, backend: Backend) -> None:
    """Raises Problem for a name that is not ours: before anybody is told who he is."""
    console = backend.config().console
    # A scraper is no browser: it may ask by whatever name it has for us.
    if _by_monitor(request, console) or hosts.welcome(request.headers.get("Host", ""), console):
        return
    raise Problem(
        421,
        "host",
        _(
            "textback does not answer to this name. An administrator can add it to “hosts” in "
            "[console] of textback.toml."
        ),
    )


def _by_monitor(request: web.Request, console: Console) -> bool:
    address = proxy.read(seen_of(request, console).address)
    return request.path in MONITORED and proxy.inside(address, console.monitor_networks)


async def check(request: web.Request, backend: Backend, who: Who | None) -> None:
    """Raises Problem for a request that is not to be answered."""
    console = backend.config().console
    if request.content_length is not None and request.content_length > LARGEST:
        raise Problem(413, "too_large", _("That is more than a request may have."))
    if REFUSED in request:
        unknown = Problem(401, "token", _("This token is unknown, expired or revoked."))
        unknown.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        raise unknown
    if request.path in MONITORED:
        local = seen_of(request, console).local
        if who is None and not local and not _by_monitor(request, console):
            nobody = Problem(401, "unauthorized", _("Sign in, or send a token."))
            nobody.headers["WWW-Authenticate"] = "Bearer"
            raise nobody
        return
    # The form that signs in has a token of its own, which its page looks at.
    if request.method in csrf.SAFE or request.path == LOGIN:
        return
    if who is None or who.via == "token":
        return
    await check_form(request, backend, who.csrf)


async def note(ctx: Ctx) -> None:
    """A line in the audit log for what a programme changed, where the handler wrote none."""
    request = ctx.request
    if ctx.who.via == "token" and request.method not in csrf.SAFE and ACTED not in request:
        await ctx.act("api", f"{request.method} {request.path}")


async def check_form(request: web.Request, backend: Backend, wanted: str) -> None:
    """Raises Problem when another page sends this, or the token is not `wanted`."""
    why = csrf.foreign(request, backend.config().console.hosts)
    if not why and not csrf.same(await csrf.sent(request), wanted):
        why = "token"
    if why:
        backend.gate.counts["csrf"] += 1
        log.info("console_csrf_refused", path=request.path, reason=why)
        raise Problem(
            403,
            "csrf",
            _(
                "This form is from before you signed in, or from another page. Go back, load the "
                "page again, and repeat what you did."
            ),
        )


# --- where to go after signing in ----------------------------------------------------------------


def safe_next(text: str) -> str:
    """A path of ours to go on to; "/" for anything that could lead elsewhere."""
    plain = text.isascii() and text.isprintable() and len(text) <= 500
    if not plain or not text.startswith("/") or text.startswith("//") or "\\" in text:
        return "/"
    return "/" if text.partition("?")[0] in (LOGIN, LOGOUT) else text


def login_path(request: web.Request) -> str:
    """/login, and back to this page from there."""
    back = safe_next(request.path_qs) if request.method == "GET" else "/"
    return LOGIN if back == "/" else f"{LOGIN}?next={quote(back, safe='/')}"
