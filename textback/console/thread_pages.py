"""What people do in a conversation, by forms that need no JavaScript."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from textback import phone
from textback.console import answer_api, dial_api, inbox_view, queue_api, thread_acts_api
from textback.console.answer_api import Answer, NewMessage
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import _
from textback.console.inbox_pages import page, problem_words
from textback.console.inbox_view import Place
from textback.console.thread_acts_api import ConsentReason, Decision
from textback.console.who import Role
from textback.store import queue_lists
from textback.store.talking import MOST

Body = TypeVar("Body", bound=BaseModel)


async def reply(ctx: Ctx) -> web.StreamResponse:
    """Sent, or the draft again with what was wrong about it."""
    thread = ctx.path_int("thread")
    form = await ctx.form()
    text = _lines(form.get("text", ""))
    try:
        body = _read(Answer, text=text, request=form.get("request", ""))
        await answer_api.post_reply(ctx, thread=thread, body=body)
    except Problem as problem:
        if problem.status in (404, 503):
            raise
        return await page(
            ctx, thread=thread, status=problem.status, draft=text, refused=_why(problem, text)
        )
    return _back(ctx, thread, "#newest")


async def new(ctx: Ctx) -> web.StreamResponse:
    """The form for a new conversation."""
    return _new(ctx)


async def begin(ctx: Ctx) -> web.StreamResponse:
    """Sent, and its conversation open; or the form again."""
    form = await ctx.form()
    text = _lines(form.get("text", ""))
    country = ctx.config.business.country
    line = form.get("line", "")
    number = inbox_view.did_at(ctx.config, int(line) if line.isascii() and line.isdigit() else 0)
    to = phone.to_e164(form.get("to", "").strip(), country)
    try:
        body = _message(to, number, text, form.get("request", ""))
        sent = await answer_api.post_message(ctx, body=body)
    except Problem as problem:
        if problem.status == 503:
            raise
        return _new(ctx, problem.status, form | {"text": text}, _why(problem, text), problem)
    return ctx.redirect(f"/inbox/{sent.thread}", said=_("Your message is on its way."))


def _message(to: str | None, number: str, text: str, request: str) -> NewMessage:
    """Raises Problem 422."""
    if to is None:
        raise Problem(422, "no_number", _("This is no telephone number."), to="")
    if not number:
        raise Problem(422, "not_ours", _("Say from which of your numbers."), line="")
    return _read(NewMessage, to=to, number=number, text=text, request=request)


def _new(
    ctx: Ctx,
    status: int = 200,
    form: dict[str, str] | None = None,
    refused: str = "",
    problem: Problem | None = None,
) -> web.Response:
    return ctx.render(
        "inbox_new.html",
        status=status,
        form=form or {},
        refused=refused,
        wrong=dict(problem.fields) if problem is not None else {},
        numbers=inbox_view.lines_of(ctx.config),
        nonce=secrets.token_urlsafe(12),
        most=MOST,
        can_send=bool(ctx.config.smsc),
    )


def _lines(text: str) -> str:
    """As it was typed: a form sends each line's end as two characters, and both would be paid."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(model: type[Body], **fields: Any) -> Body:
    try:
        return model(**fields)
    except ValidationError as error:
        wrong = {str(one["loc"][0]): one["msg"] for one in error.errors(include_input=False)}
        raise Problem(422, "fields", "", **wrong) from None


def _why(problem: Problem, text: str) -> str:
    if problem.code != "fields":
        return problem_words(problem)
    if not text.strip():
        return _("There is no text to send.")
    if len(text) > MOST:
        return _("The text has %(count)s characters; %(most)s are the most.") % {
            "count": len(text),
            "most": MOST,
        }
    return _("The text has a character in it that cannot be sent.")


# --- everything else ----------------------------------------------------------------------------


def _act(
    work: Callable[[Ctx, int, dict[str, str]], Awaitable[object]], said: Callable[[], str]
) -> Callable[[Ctx], Awaitable[web.StreamResponse]]:
    """A form that does one thing and comes back to its conversation, or to the list."""

    async def handler(ctx: Ctx) -> web.StreamResponse:
        thread = ctx.path_int("thread")
        form = await ctx.form()
        try:
            await work(ctx, thread, form)
        except Problem as problem:
            if problem.status != 409:
                raise
            return await page(
                ctx, thread=thread, status=409, draft="", refused=problem_words(problem)
            )
        if form.get("stay") == "list":
            return ctx.redirect(Place.of(ctx.request.query).at(), said=said())
        return _back(ctx, thread, said=said())

    return handler


def _back(ctx: Ctx, thread: int, anchor: str = "", *, said: str = "") -> web.StreamResponse:
    return ctx.redirect(Place.of(ctx.request.query).at(f"/inbox/{thread}") + anchor, said=said)


async def dial(ctx: Ctx) -> web.StreamResponse:
    """The desk phone rings; or the conversation again, and why it does not."""
    thread = ctx.path_int("thread")
    try:
        call = await thread_acts_api.post_dial(ctx, thread=thread)
    except Problem as problem:
        if problem.status not in dial_api.ERRORS:
            raise
        return await page(
            ctx, thread=thread, status=problem.status, draft="", refused=problem_words(problem)
        )
    return _back(ctx, thread, said=call.says)


async def _read_it(ctx: Ctx, thread: int, _form: dict[str, str]) -> object:
    return await thread_acts_api.post_read(ctx, thread=thread)


async def _unread_it(ctx: Ctx, thread: int, _form: dict[str, str]) -> object:
    return await thread_acts_api.post_unread(ctx, thread=thread)


async def _done(ctx: Ctx, thread: int, _form: dict[str, str]) -> object:
    return await thread_acts_api.post_done(ctx, thread=thread)


async def _wait(ctx: Ctx, thread: int, _form: dict[str, str]) -> object:
    return await thread_acts_api.post_wait(ctx, thread=thread)


async def _optout(ctx: Ctx, thread: int, form: dict[str, str]) -> object:
    return await thread_acts_api.post_optout(ctx, thread=thread, body=_reason(form))


async def _optin(ctx: Ctx, thread: int, form: dict[str, str]) -> object:
    return await thread_acts_api.post_optin(ctx, thread=thread, body=_reason(form))


def _reason(form: dict[str, str]) -> ConsentReason:
    try:
        return _read(ConsentReason, reason=form.get("reason", "").strip()[:200])
    except Problem:
        raise Problem(
            409, "reason", _("Say how it was asked for: it is kept as evidence.")
        ) from None


async def _review(ctx: Ctx, thread: int, form: dict[str, str]) -> object:
    incoming = _row(form.get("incoming", ""))
    decision = Decision(incoming=incoming, stop=form.get("stop") == "yes")
    return await thread_acts_api.post_review(ctx, thread=thread, body=decision)


async def _release(ctx: Ctx, thread: int, form: dict[str, str]) -> object:
    return await queue_api.post_release(
        ctx, row=await _of(ctx, thread, form), body=queue_api.Release(valid_for=queue_api.VALID)
    )


async def _drop(ctx: Ctx, thread: int, form: dict[str, str]) -> object:
    return await queue_api.post_drop(ctx, row=await _of(ctx, thread, form))


async def _of(ctx: Ctx, thread: int, form: dict[str, str]) -> int:
    """The text that is meant, if it is one of this conversation."""
    row = _row(form.get("row", ""))
    found = await ctx.store.read(lambda db: queue_lists.one(db, row))
    if found is None or found.thread_id != thread:
        raise Problem(404, "no_text", _("There is no such text."))
    return row


def _row(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 0 < len(said) <= 18 and int(said)):
        raise Problem(400, "row", _("The form is incomplete. Load the page again."))
    return int(said)


def _form(name: str, handler: Any, need: Role = Role.AGENT) -> Page:
    return Page("POST", "/inbox/{thread}/" + name, handler, need)


PAGES: tuple[Page, ...] = (
    Page("GET", "/inbox/new", new, Role.AGENT),
    Page("POST", "/inbox/new", begin, Role.AGENT),
    _form("reply", reply),
    _form("read", _act(_read_it, lambda: "")),
    _form("unread", _act(_unread_it, lambda: _("Marked as unread."))),
    _form("done", _act(_done, lambda: _("Done: nothing to answer."))),
    _form("wait", _act(_wait, lambda: _("It is under “Needs you” again."))),
    _form("optout", _act(_optout, lambda: _("This handset gets no more texts."))),
    _form("optin", _act(_optin, lambda: _("This handset may be texted again.")), Role.ADMIN),
    _form("review", _act(_review, lambda: _("Decided."))),
    _form("dial", dial),
    _form("release", _act(_release, lambda: _("The text is sent.")), Role.ADMIN),
    _form("drop", _act(_drop, lambda: _("The text is given up.")), Role.ADMIN),
)
