"""Signing in and out: the password looked at, the failure counted and told, the session begun.

The line `console_login_failed` is what fail2ban reads (conf/fail2ban): its name, and that `address`
comes first, are promised in OPERATIONS.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from textback.console import cookies, lockout, sessions
from textback.console.backend import Backend
from textback.console.passwords import TooManyError
from textback.console.proxy import Seen
from textback.console.who import Who
from textback.log import mask_text
from textback.store import auditing, users
from textback.store import sessions as kept
from textback.store.users import User, spelt

log = structlog.get_logger(__name__)

#: Reasons of a failure, as they are logged and counted.
PASSWORD, UNKNOWN, DISABLED, LOCKED, BUSY = "password", "unknown", "disabled", "locked", "busy"
#: Characters of a name, and of what a browser calls itself, that are looked at.
_NAME, _AGENT = 100, 200
#: A name as users have them; whatever else stands in the field may be a password.
_LIKE_A_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,39}")


@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed in. `until`: nothing is looked at before; `busy`: again in a moment."""

    until: datetime | None = None
    busy: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Signed in: the token for the cookie."""

    token: str
    user: str


async def sign_in(
    backend: Backend, seen: Seen, name: str, password: str, *, agent: str, old_token: str
) -> SignedIn | Refused:
    """A session for who has this name and password. Raises StoreError.

    The token is a new one whatever the browser had before (no fixation), and the old session ends.
    """
    now = backend.clock()
    who = spelt(name)[:_NAME]
    at = lockout.place(who, seen.address)
    store = backend.store
    until = await store.count_tries(at.keys, partial(lockout.begin, at=at, now=now), now)
    if until is not None:
        await _failed(backend, seen, who, LOCKED, now)
        return Refused(until=until)
    user = await store.user(who)
    try:
        checked = await backend.gate.passwords.check(user.password if user else "", password)
    except TooManyError:
        await _failed(backend, seen, who, BUSY, now)
        return Refused(busy=True)
    if user is None or not checked.right or user.disabled:
        why = UNKNOWN if user is None else DISABLED if checked.right else PASSWORD
        await _failed(backend, seen, who, why, now, known=user is not None)
        return Refused()
    await store.count_tries(at.keys, partial(lockout.succeeded, at=at, now=now), now)
    token = cookies.fresh()

    def begin(db: Connection) -> int:
        # Looked up again: it may have been disabled while the password was looked at.
        still = users.by_name(db, who)
        if still is None or still.disabled or still.password != user.password:
            return 0
        if checked.rehashed:
            users.rehash(db, who, user.password, checked.rehashed)
        if old_token:
            kept.end(db, cookies.digest(old_token))
        return _open(db, backend, still, token, seen, agent, now)

    number = await store.change_people(begin)
    if not number:
        await _failed(backend, seen, who, DISABLED, now, known=True)
        return Refused()
    # SQLite gives the number of a session that ended to a new one: what was said there is not ours.
    backend.flashes.pop(str(number), None)
    backend.gate.counts["ok"] += 1
    log.info("console_login", user=who, address=seen.address)
    return SignedIn(token, who)


def _open(
    db: Connection, backend: Backend, user: User, token: str, seen: Seen, agent: str, now: datetime
) -> int:
    """The number of the new session."""
    console = backend.config().console
    kept.sweep(db, now, sessions.idle_since(console, now))
    number = kept.open_(
        db,
        user.id,
        cookies.digest(token),
        now,
        sessions.expires(console, now),
        address=seen.address,
        agent="".join(c for c in agent if c.isprintable())[:_AGENT],
    )
    users.signed_in(db, user.id, now)
    auditing.audit(db, user.name, "login", seen.address, "login", now=now)
    return number


async def _failed(
    backend: Backend, seen: Seen, who: str, why: str, now: datetime, *, known: bool = False
) -> None:
    """Counted, told in the log, and kept in the audit log: one row an hour for each place."""
    backend.gate.counts[why] += 1
    # Not "name" of just anything: people type their password there.
    shown = mask_text(who) if _LIKE_A_NAME.fullmatch(who) else "?"
    log.warning("console_login_failed", address=seen.address, reason=why, user=shown)
    audited = who if known else ""
    await backend.store.change_people(
        lambda db: auditing.count(db, audited, "login", seen.address, "login.failed", why, now=now)
    )


async def wrong_password(
    backend: Backend, seen: Seen, user: User, password: str
) -> datetime | None:
    """Whether this is not the password of who has signed in already; None: it is. Counted as a
    sign-in is: who finds a desk unlocked guesses no faster there. Raises TooManyError."""
    now = backend.clock()
    at = lockout.place(user.name, seen.address)
    store = backend.store
    until = await store.count_tries(at.keys, partial(lockout.begin, at=at, now=now), now)
    if until is not None:
        await _failed(backend, seen, user.name, LOCKED, now)
        return until
    checked = await backend.gate.passwords.check(user.password, password)
    if not checked.right:
        await _failed(backend, seen, user.name, PASSWORD, now, known=True)
        return now
    await store.count_tries(at.keys, partial(lockout.succeeded, at=at, now=now), now)
    return None


async def sign_out(backend: Backend, seen: Seen, who: Who, token: str) -> None:
    """Ends the session of this token."""
    now = backend.clock()

    def end(db: Connection) -> None:
        if kept.end(db, cookies.digest(token)):
            auditing.audit(db, who.name, who.via, seen.address, "logout", now=now)

    await backend.store.change_people(end)
    backend.flashes.pop(who.session, None)
    backend.feed.end(who.session)  # its pages hear of nothing more
    log.info("console_logout", user=who.name, address=seen.address)
