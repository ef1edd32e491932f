"""Who asks: a token in Authorization, else what a trusted proxy says, else the session's cookie.

A token that is none is refused even beside a good cookie: somebody meant it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web

from textback.config_console import Console
from textback.console import cookies, csrf, headers, proxy, sessions
from textback.console.backend import Backend
from textback.console.proxy import Seen
from textback.console.who import Role, Who
from textback.store.errors import StoreUnavailableError
from textback.store.users import spelt

log = structlog.get_logger(__name__)

#: What every token begins with, so that one found in a repository is known for what it is.
TOKEN_MARK = "tbk_"  # noqa: S105 - not a secret
_TOKEN = re.compile(rf"{TOKEN_MARK}[A-Za-z0-9_-]{{43}}")
#: A name a proxy may say; what else it says is no name of ours.
_NAME = re.compile(r"[^\x00-\x20\x7f-\x9f\ud800-\udfff\"'<>\\,;]{1,60}")

SEEN = web.RequestKey("seen", Seen)
#: A token that was sent and does not count.
REFUSED = web.RequestKey("refused", str)


def seen_of(request: web.Request, console: Console) -> Seen:
    """The other end, looked at once."""
    if SEEN not in request:
        request[SEEN] = proxy.look(request, console)
        request[headers.SECURE] = request[SEEN].secure
    return request[SEEN]


async def identify(request: web.Request, backend: Backend) -> Who | None:
    """Who asks; None: nobody we know. Raises StoreError."""
    console, now = backend.config().console, backend.clock()
    seen = seen_of(request, console)
    if request.path.startswith("/static/"):  # everybody's
        return None
    if backend.identify is not None:
        return await backend.identify(request)
    scheme = request.headers.get("Authorization", "").partition(" ")[0].casefold()
    # Basic through a proxy of ours is what it asked the browser for (nginx passes it on), no token.
    if "Authorization" in request.headers and not (seen.trusted and scheme == "basic"):
        return await _by_token(request, backend, seen, now)
    claim = proxy.claimed(request, console, seen)
    if claim is False:
        _ignored(backend, seen, now, console.proxy_user_header)
    elif claim is not None:
        return await _by_proxy(request, backend, seen, claim)
    if seen.stray and not seen.trusted:
        _ignored(backend, seen, now, "X-Forwarded-For")
    return await sessions.find(request, backend.store, console, seen, now)


def _ignored(backend: Backend, seen: Seen, now: datetime, header: str) -> None:
    backend.gate.counts["proxy"] += 1
    if backend.gate.once(header, seen.address, now):
        log.warning("console_proxy_header_ignored", address=seen.address, header=header)


async def _by_token(
    request: web.Request, backend: Backend, seen: Seen, now: datetime
) -> Who | None:
    scheme, _space, value = request.headers["Authorization"].partition(" ")
    token = value.strip()
    found = None
    if scheme.casefold() == "bearer" and _TOKEN.fullmatch(token):
        found = await backend.store.token(cookies.digest(token))
    if found is None or not found.counts(now):
        why = "expired" if found is not None else "unknown"
        request[REFUSED] = why
        backend.gate.counts["token"] += 1
        if backend.gate.once(f"token {why}", seen.address, now):
            name = found.name if found is not None else None
            log.warning("console_token_refused", address=seen.address, reason=why, name=name)
        return None
    if found.used is None or now - found.used >= sessions.STEP:
        try:
            await backend.store.touch_token(found.id, now)
        except StoreUnavailableError as error:
            log.info("console_session_not_noted", error=str(error))
    return Who(
        name=found.name, role=Role(found.role), via="token", phone=found.phone, pbx=found.pbx
    )


async def _by_proxy(
    request: web.Request, backend: Backend, seen: Seen, claim: proxy.Claim
) -> Who | None:
    console = backend.config().console
    # Nor what turns a display around: the audit log is read by people.
    if not _NAME.fullmatch(claim.name) or not claim.name.isprintable():
        _ignored(backend, seen, backend.clock(), console.proxy_user_header)
        return None
    name = spelt(claim.name)
    user = await backend.store.user(name)
    visitor = visitor_of(request, console, seen)
    # The form's token belongs to this browser and to this user: another one at the same desk, or
    # the same one elsewhere, has another.
    known: dict[str, Any] = {
        "name": name,
        "via": "proxy",
        "session": f"proxy {cookies.digest(visitor)[:16]}",
        "csrf": csrf.token_of(visitor, f"proxy {name}"),
    }
    if user is not None:
        if user.disabled:
            return None
        known |= {"language": user.language, "theme": user.theme}
        return Who(role=Role(user.role), phone=user.phone, pbx=user.pbx, **known)
    given = Role(console.proxy_role) if console.proxy_role != "none" else None
    role = claim.role or given
    return Who(role=role, **known) if role is not None else None


def visitor_of(request: web.Request, console: Console, seen: Seen) -> str:
    """The secret of a browser that has no session; a new one is set with the answer."""
    name = cookies.name(cookies.VISITOR, console, secure=seen.secure)
    there = request.cookies.get(name, "")
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", there):
        return there
    made = cookies.fresh()
    headers.set_cookie(request, cookies.header(name, made, secure=seen.secure))
    return made
