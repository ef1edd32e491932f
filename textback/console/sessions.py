"""Sessions as the pages know them: the cookie, whose it is, and when it ends.

A session is a random token in a cookie; the store has its hash. It ends after `session_idle`
without a person doing anything, after `session_longest` in any case, at sign-out, and with another
password, role or a disabled user, whoever changed that: every request asks the store.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import structlog
from aiohttp import web

from textback.config_console import Console
from textback.console import cookies, csrf
from textback.console.proxy import Seen
from textback.console.render import PART
from textback.console.who import Role, Who
from textback.store.errors import StoreUnavailableError
from textback.store.sessions import Session
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: How exactly it is kept when a session was last used: a write for each click would be too many.
STEP = timedelta(minutes=1)
#: What `fresh` makes; anything else in the cookie is not looked up.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def idle_since(console: Console, now: datetime) -> datetime:
    """A session that was last used before this has ended."""
    return now - timedelta(seconds=console.session_idle)


def expires(console: Console, now: datetime) -> datetime:
    return now + timedelta(seconds=console.session_longest)


def token_in(request: web.Request, console: Console, seen: Seen) -> str:
    """The token in the cookie; "" for none, or for what cannot be one."""
    token = request.cookies.get(cookies.name(cookies.SESSION, console, secure=seen.secure), "")
    return token if _TOKEN.fullmatch(token) else ""


def by_person(request: web.Request) -> bool:
    """Whether somebody did something, rather than a page that keeps itself up to date."""
    return PART not in request.headers and request.path != "/live"


async def find(
    request: web.Request, store: Store, console: Console, seen: Seen, now: datetime
) -> Who | None:
    """Who has signed in, and notes that the session is used."""
    token = token_in(request, console, seen)
    if not token:
        return None
    since = idle_since(console, now)
    session = await store.session(cookies.digest(token), now, since)
    if session is None:
        return None
    if now - session.seen >= STEP and by_person(request):
        try:
            await store.touch_session(session.id, now)
        except StoreUnavailableError as error:
            # Who may look may go on looking while nothing can be written.
            log.info("console_session_not_noted", error=str(error))
    return who(session, token)


def who(session: Session, token: str) -> Who:
    return Who(
        name=session.user,
        role=Role(session.role),
        via="session",
        language=session.language,
        theme=session.theme,
        phone=session.phone,
        pbx=session.pbx,
        session=str(session.id),
        csrf=csrf.token_of(token, "session"),
    )


def put(console: Console, token: str, *, secure: bool) -> str:
    """The Set-Cookie of a new session."""
    name = cookies.name(cookies.SESSION, console, secure=secure)
    return cookies.header(name, token, secure=secure, age=int(console.session_longest))


def drop(console: Console, *, secure: bool) -> str:
    """The Set-Cookie that takes the cookie away."""
    name = cookies.name(cookies.SESSION, console, secure=secure)
    return cookies.header(name, "", secure=secure, age=0)
