"""/account: one's own password, language and looks, and the browsers in which one has signed in."""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web
from sqlalchemy import Connection

from textback.console import auth, passwords, sessions
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import LANGUAGES, N_, _
from textback.console.login import wrong_password
from textback.console.passwords import TooManyError
from textback.console.proxy import Seen
from textback.store import auditing, users
from textback.store import sessions as kept

log = structlog.get_logger(__name__)

THEMES = ("", "light", "dark")
#: Each language in its own words: who has strayed into a foreign one finds back.
NAMES: Final = {"en": "English", "de": "Deutsch"}
WEAK: Final = {
    passwords.SHORT: N_("A password has at least ten characters."),
    passwords.LONG: N_("This password is too long."),
    passwords.NAME: N_("This password is your name. Anybody would try that first."),
    passwords.COMMON: N_("This password is among the first that anybody would try."),
}


async def show(ctx: Ctx) -> web.StreamResponse:
    return await _page(ctx)


async def _page(ctx: Ctx, *, status: int = 200, **wrong: str) -> web.Response:
    user = await ctx.store.user(ctx.who.name) if ctx.who.via != "token" else None
    open_ = []
    if user is not None:
        since = sessions.idle_since(ctx.config.console, ctx.now)
        open_ = await ctx.store.sessions_of(user.id, ctx.now, since)
    return ctx.render(
        "account.html",
        status=status,
        user=user,
        sessions=open_,
        device=device,
        languages=[("", _("As the browser asks for")), *((k, NAMES[k]) for k in LANGUAGES)],
        themes=[("", _("As the system has it")), ("light", _("Light")), ("dark", _("Dark"))],
        wrong=wrong,
    )


#: What stands in the name a browser gives itself, and what it is; the first that is there counts.
_BROWSERS: Final = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS", "Firefox")),
    *(("Chrome/", "Chrome"), ("CriOS", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")),
)
_SYSTEMS: Final = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows")),
    *(("Macintosh", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)


def device(agent: str) -> str:
    """A browser as people speak of it: "Firefox on Windows"; what is not known as it is."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or agent[:60] or _("An unknown browser")


def _mine(ctx: Ctx) -> int:
    """The session this request came with; 0 for one that came by another way."""
    return int(ctx.who.session) if ctx.who.via == "session" and ctx.who.session.isdigit() else 0


async def password(ctx: Ctx) -> web.StreamResponse:
    """Another password; every other session of this user ends."""
    form = await ctx.form()
    user = await ctx.store.user(ctx.who.name)
    if user is None or ctx.who.via != "session" or not user.password:
        raise Problem(409, "no_password", _("You sign in without a password here."))
    new = form.get("new", "")
    if weak := passwords.weakness(new, user.name):
        return await _page(ctx, status=422, new=_(WEAK[weak]))
    if new != form.get("again", ""):
        return await _page(ctx, status=422, again=_("The two are not the same."))
    try:
        until = await wrong_password(ctx.backend, _seen(ctx), user, form.get("current", ""))
    except TooManyError:
        raise Problem(503, "busy", _("Too many people sign in just now.")) from None
    if until is not None:
        return await _page(ctx, status=422, current=_("This is not your password."))
    made = await ctx.backend.gate.passwords.make(new)
    mine = _mine(ctx)

    def change(db: Connection) -> int | None:
        # Looked up again: an administrator may have set another one while this one was looked at.
        still = users.by_name(db, user.name)
        if still is None or still.disabled or still.password != user.password:
            return None
        ended = users.set_password(db, user.name, made, ctx.now, keep_session=mine)
        _log(db, ctx, "user.password", f"user {user.name}")
        return ended

    others = await _others(ctx, user.id)
    if await ctx.store.change_people(change) is None:
        return await _page(ctx, status=422, current=_("This is not your password."))
    _silence(ctx, others)
    return ctx.redirect("/account", said=_("Your password is changed."))


async def preferences(ctx: Ctx) -> web.StreamResponse:
    form = await ctx.form()
    language, theme = form.get("language", ""), form.get("theme", "")
    if language not in ("", *LANGUAGES) or theme not in THEMES:
        raise Problem(422, "fields", _("A field is wrong."))
    if await ctx.store.user(ctx.who.name) is None or ctx.who.via == "token":
        raise Problem(409, "no_user", _("Only users of textback itself have settings here."))
    await ctx.store.change_people(
        lambda db: users.set_preferences(db, ctx.who.name, language, theme)
    )
    return ctx.redirect("/account", said=_("Your settings are kept."))


async def end(ctx: Ctx) -> web.StreamResponse:
    """One of one's own sessions."""
    session = ctx.path_int("session")
    user = await ctx.store.user(ctx.who.name)
    if user is None or ctx.who.via == "token":
        raise Problem(404, "session", _("There is no such session."))

    def change(db: Connection) -> int:
        ended = kept.end_one(db, user.id, session)
        if ended:
            _log(db, ctx, "session.end", f"session {session}")
        return ended

    if not await ctx.store.change_people(change):
        raise Problem(404, "session", _("There is no such session."))
    _silence(ctx, [session])
    return ctx.redirect("/account", said=_("That browser is signed out."))


async def end_others(ctx: Ctx) -> web.StreamResponse:
    user = await ctx.store.user(ctx.who.name)
    if user is None or ctx.who.via == "token":
        raise Problem(404, "session", _("There is no such session."))

    def change(db: Connection) -> int:
        ended = users.end_sessions(db, user.id, keep=_mine(ctx))
        _log(db, ctx, "session.end", "all others")
        return ended

    others = await _others(ctx, user.id)
    await ctx.store.change_people(change)
    _silence(ctx, others)
    return ctx.redirect("/account", said=_("All other browsers are signed out."))


async def _others(ctx: Ctx, user_id: int) -> list[int]:
    since = sessions.idle_since(ctx.config.console, ctx.now)
    found = await ctx.store.sessions_of(user_id, ctx.now, since)
    return [one.id for one in found if one.id != _mine(ctx)]


def _silence(ctx: Ctx, ended: list[int]) -> None:
    """Pages of sessions that ended hear of nothing more."""
    for session in ended:
        ctx.backend.feed.end(str(session))


def _seen(ctx: Ctx) -> Seen:
    return auth.seen_of(ctx.request, ctx.config.console)


def _log(db: Connection, ctx: Ctx, action: str, subject: str) -> None:
    who = ctx.who
    auditing.audit(db, who.name, who.via, _seen(ctx).address, action, subject, now=ctx.now)


PAGES: tuple[Page, ...] = (
    Page("GET", "/account", show),
    Page("POST", "/account/password", password),
    Page("POST", "/account/preferences", preferences),
    Page("POST", "/account/sessions/{session}/end", end),
    Page("POST", "/account/sessions/end", end_others),
)
