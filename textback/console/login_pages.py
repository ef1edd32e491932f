"""Signing in and out: /login without JavaScript, /logout."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import ceil

from aiohttp import web
from babel.dates import format_time

from textback.console import auth, cookies, csrf, guard, headers, sessions
from textback.console.ctx import Ctx, Page
from textback.console.i18n import _
from textback.console.login import Refused, sign_in, sign_out


async def show(ctx: Ctx) -> web.StreamResponse:
    """The form; who has signed in goes on to where he wanted to."""
    back = guard.safe_next(ctx.request.query.get("next", "/"))
    if ctx.who.name:
        return ctx.redirect(back)
    return await _form(ctx, back)


async def _form(
    ctx: Ctx, back: str, *, status: int = 200, wrong: str = "", name: str = ""
) -> web.Response:
    console = ctx.config.console
    seen = auth.seen_of(ctx.request, console)
    visitor = auth.visitor_of(ctx.request, console, seen)
    ctx.who = replace(ctx.who, csrf=csrf.token_of(visitor, "login"))
    return ctx.render(
        "login.html",
        status=status,
        next=back,
        wrong=wrong,
        name=name,
        nobody=not await ctx.store.has_users(),
        clear=not seen.secure and not seen.local,
    )


async def submit(ctx: Ctx) -> web.StreamResponse:
    """Name and password."""
    form = await ctx.form()
    console = ctx.config.console
    seen = auth.seen_of(ctx.request, console)
    back = guard.safe_next(form.get("next", "/"))
    visitor = ctx.request.cookies.get(
        cookies.name(cookies.VISITOR, console, secure=seen.secure), ""
    )
    wanted = csrf.token_of(visitor, "login") if visitor else ""
    if not csrf.foreign(ctx.request, console.hosts) and not csrf.same(
        await csrf.sent(ctx.request), wanted
    ):
        # Most often the form lay open while the browser was closed, or takes no cookies at all.
        text = _("The form was too old, or your browser takes no cookies. Please try again.")
        return await _form(ctx, back, status=403, wrong=text, name=form.get("name", "")[:60])
    await guard.check_form(ctx.request, ctx.backend, wanted)
    done = await sign_in(
        ctx.backend,
        seen,
        form.get("name", ""),
        form.get("password", ""),
        agent=ctx.request.headers.get("User-Agent", ""),
        old_token=sessions.token_in(ctx.request, console, seen),
    )
    if isinstance(done, Refused):
        return await _refused(ctx, done, back, form.get("name", "")[:60])
    headers.set_cookie(ctx.request, sessions.put(console, done.token, secure=seen.secure))
    return ctx.redirect(back)


async def _refused(ctx: Ctx, done: Refused, back: str, name: str) -> web.Response:
    if done.until is not None:
        text = _("There were too many wrong tries. Please wait until %(time)s.")
        shown = text % {"time": _clock(ctx, done.until)}
        answer = await _form(ctx, back, status=429, wrong=shown, name=name)
        wait = ceil((done.until - ctx.now).total_seconds())
        answer.headers["Retry-After"] = str(max(wait, 1))
        return answer
    if done.busy:
        text = _("Too many people sign in just now. Please try again in a moment.")
        return await _form(ctx, back, status=503, wrong=text, name=name)
    return await _form(
        ctx, back, status=403, wrong=_("That name or password is not right."), name=name
    )


def _clock(ctx: Ctx, at: datetime) -> str:
    """With seconds: the first lock lasts one minute."""
    return format_time(at, "medium", tzinfo=ctx.zone, locale=ctx.language)


async def leave(ctx: Ctx) -> web.StreamResponse:
    console = ctx.config.console
    seen = auth.seen_of(ctx.request, console)
    token = sessions.token_in(ctx.request, console, seen)
    if ctx.who.via == "session" and token:
        await sign_out(ctx.backend, seen, ctx.who, token)
    headers.set_cookie(ctx.request, sessions.drop(console, secure=seen.secure))
    return ctx.redirect("/login")


PAGES: tuple[Page, ...] = (
    Page("GET", "/login", show, need=None),
    Page("POST", "/login", submit, need=None),
    Page("POST", "/logout", leave),
)
