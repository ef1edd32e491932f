"""The pages of watched numbers: what each does, its form, tests, the mode, and the history."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import ValidationError

from textback.console import call_words, numbers_api, numbers_forms, numbers_words
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import _
from textback.console.numbers_models import (
    ChangesIn,
    ModeChange,
    NumberChange,
    PreviewIn,
    TestIn,
)
from textback.console.who import Role
from textback.model import TEXTABLE_OUTCOMES, OutboxState
from textback.store.rows import RowFilter

#: Texts that wait are counted up to here.
_MOST = 100


async def listed(ctx: Ctx) -> web.StreamResponse:
    """Every number, as a card."""
    return ctx.render("numbers.html", said=await numbers_api.numbers(ctx), words=numbers_words)


async def shown(ctx: Ctx) -> web.StreamResponse:
    """One number with its form; whoever may not change it sees it all the same."""
    return await _form(ctx, ctx.path_int("number"), {}, None)


async def _form(
    ctx: Ctx, number: int, sent: dict[str, str], problem: Problem | None
) -> web.Response:
    told = await numbers_api.number(ctx, number=number)
    rules = numbers_api.rules_of(ctx, number)
    fields = numbers_forms.shown(ctx.config, rules)
    previews = {one.key: one for one in told.number.texts if not one.tag}
    errors = dict(problem.fields) if problem is not None else {}
    seen = told.seen
    if sent and problem is not None:
        # What was typed stands there again; a box that was not ticked sent nothing.
        fields = {key: sent.get(key, "") for key in fields}
        errors |= {key: errors.get(key, why) for key, why in numbers_forms.wrong(sent).items()}
        previews = await numbers_api.previews(ctx, number, sent)
        errors |= {key: one.error for key, one in previews.items() if one.error}
        # After a conflict the next press of the button is meant for the file as it is now.
        seen = told.seen if problem.code == "conflict" else sent.get("seen", "")
    return ctx.render(
        "number.html",
        status=problem.status if problem is not None else 200,
        told=told,
        n=told.number,
        fields=fields,
        seen=seen,
        problem=problem,
        errors=errors,
        changed={one.key: one for one in told.number.changed},
        previews=previews,
        words=numbers_words,
        outcomes=[(o, call_words.OUTCOMES[o]) for o in TEXTABLE_OUTCOMES],
        may_edit=told.editable and ctx.may(Role.ADMIN),
    )


async def save(ctx: Ctx) -> web.StreamResponse:
    number, sent = ctx.path_int("number"), await ctx.form()
    _same_number(ctx, number, sent)
    try:
        made = await numbers_api.change_number(ctx, number=number, body=numbers_forms.read(sent))
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _form(ctx, number, sent, problem)
    said = _("Saved, and in force.") if made.change is not None else _("Nothing was new.")
    return ctx.redirect(f"/numbers/{number}", said=said)


async def reset(ctx: Ctx) -> web.StreamResponse:
    """One key gets back what the other files say; nothing else of the form counts."""
    number, sent = ctx.path_int("number"), await ctx.form()
    _same_number(ctx, number, sent)
    body = NumberChange(seen=sent.get("seen", "")[:40], reset=[sent.get("reset", "")[:40]])
    try:
        await numbers_api.change_number(ctx, number=number, body=body)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _form(ctx, number, {}, problem)
    return ctx.redirect(f"/numbers/{number}", said=_("Put back, and in force."))


def _same_number(ctx: Ctx, number: int, sent: dict[str, str]) -> None:
    """A form of before somebody took a number out must not change its neighbour."""
    if sent.get("did") != numbers_api.rules_of(ctx, number).did:
        raise Problem(409, "moved", _("The list of numbers has changed. Open the number again."))


async def preview(ctx: Ctx) -> web.StreamResponse:
    """The bubble beside a text, as it is typed."""
    sent = await ctx.form()
    try:
        body = PreviewIn.model_validate({"text": sent.get("text", ""), "key": sent.get("key")})
    except ValidationError:
        raise Problem(422, "text", _("This is too long.")) from None
    number = ctx.path_int("number")
    told = await numbers_api.preview(ctx, number=number, body=body)
    return ctx.render("number_preview.html", text=told, words=numbers_words)


# --- tests --------------------------------------------------------------------------------------


async def send_test(ctx: Ctx) -> web.StreamResponse:
    number, sent = ctx.path_int("number"), await ctx.form()
    try:
        body = TestIn.model_validate({"to": sent.get("to", "").strip(), "key": sent.get("key")})
        told = await numbers_api.send_test(ctx, number=number, body=body)
    except ValidationError:
        words = _("Write the number of a handset.")
        return await _form(ctx, number, {}, Problem(422, "to", words, to=words))
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _form(ctx, number, {}, problem)
    return ctx.redirect(f"/numbers/tests/{told.row}")


async def tested(ctx: Ctx) -> web.StreamResponse:
    """How far a test came; looked at again by itself until it is over."""
    told = await numbers_api.test_text(ctx, row=ctx.path_int("row"))
    return ctx.render("number_test.html", told=told, state=call_words.STATES[told.state])


# --- the mode -----------------------------------------------------------------------------------


async def ask_mode(ctx: Ctx) -> web.StreamResponse:
    """What happens if the mode is changed, before it is."""
    return await _mode(ctx, None)


async def _mode(ctx: Ctx, problem: Problem | None) -> web.Response:
    told = await numbers_api.numbers(ctx)
    waiting = await ctx.store.queue(
        RowFilter(states=frozenset({OutboxState.QUEUED})), limit=_MOST + 1
    )
    return ctx.render(
        "numbers_mode.html",
        status=problem.status if problem is not None else 200,
        said=told,
        problem=problem,
        texting=[n for n in told.numbers if n.enabled and n.mode == "live"],
        waiting=len(waiting),
        most=_MOST,
        changed=numbers_api.mode_changed(ctx),
    )


async def set_mode(ctx: Ctx) -> web.StreamResponse:
    sent = await ctx.form()
    try:
        body = ModeChange.model_validate({"mode": sent.get("mode"), "seen": sent.get("seen", "")})
        await numbers_api.change_mode(ctx, body=body)
    except ValidationError:
        raise Problem(422, "mode", _("This is no mode.")) from None
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _mode(ctx, problem)
    live = _("Live: missed callers are texted from now on.")
    shadow = _("Shadow: from now on everything is recorded, and nothing is sent.")
    return ctx.redirect("/numbers", said=live if body.mode == "live" else shadow)


# --- the history --------------------------------------------------------------------------------


async def history(ctx: Ctx) -> web.StreamResponse:
    query = ChangesIn(cursor=ctx.request.query.get("cursor", "")[:400])
    return await _history(ctx, query, None)


async def _history(ctx: Ctx, query: ChangesIn, problem: Problem | None) -> web.Response:
    told = await numbers_api.changes(ctx, query=query)
    standing = await numbers_api.numbers_standing(ctx)
    shown: dict[str, Any] = {"told": told, "words": numbers_words, "standing": standing}
    status = problem.status if problem is not None else 200
    return ctx.render("numbers_history.html", status=status, problem=problem, **shown)


async def undo(ctx: Ctx) -> web.StreamResponse:
    await ctx.form()
    try:
        await numbers_api.undo(ctx, change=ctx.path_int("change"))
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _history(ctx, ChangesIn(), problem)
    return ctx.redirect("/numbers/history", said=_("Undone, and in force."))


PAGES: tuple[Page, ...] = (
    Page("GET", "/numbers", listed),
    Page("GET", "/numbers/mode", ask_mode, Role.ADMIN),
    Page("POST", "/numbers/mode", set_mode, Role.ADMIN),
    Page("GET", "/numbers/history", history, Role.ADMIN),
    Page("POST", "/numbers/history/{change}/undo", undo, Role.ADMIN),
    Page("GET", "/numbers/tests/{row}", tested, Role.ADMIN),
    Page("GET", "/numbers/{number}", shown),
    Page("POST", "/numbers/{number}", save, Role.ADMIN),
    Page("POST", "/numbers/{number}/reset", reset, Role.ADMIN),
    Page("POST", "/numbers/{number}/preview", preview, Role.ADMIN),
    Page("POST", "/numbers/{number}/test", send_test, Role.ADMIN),
)
