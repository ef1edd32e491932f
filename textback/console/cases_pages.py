"""The page of callbacks: a board of missed callers by stage, and one case with all its story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal, cast, get_args
from urllib.parse import urlencode

from aiohttp import web

from textback.console import cases_api, cases_words
from textback.console.cases_models import (
    Assignment,
    Case,
    CaseColumn,
    CaseList,
    Dismissal,
    DueBy,
    NoteText,
    Take,
    WhichCases,
)
from textback.console.ctx import Ctx, Page, Problem
from textback.console.i18n import _
from textback.console.who import Role
from textback.store.caseload import MOST_NOTE, MOST_OWNER

PATH = "/callbacks"
#: Cases in one column of the board, and on one page of a list.
IN_COLUMN, IN_LIST = 15, 50

Stage = Literal["replied", "missed", "texted", "closed"]
Whose = Literal["all", "mine", "nobody"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the page is asked for; what makes no sense is left out, since people edit addresses."""

    stage: Stage | None  #: None: the board
    whose: Whose
    number: str
    cursor: str

    @classmethod
    def read(cls, ctx: Ctx) -> Wanted:
        query = ctx.request.query
        stage, whose, number = (query.get(name, "") for name in ("stage", "whose", "number"))
        return cls(
            stage=stage if stage in STAGES else None,
            whose=cast(Whose, whose) if whose in get_args(Whose) else "all",
            number=number if number in {n.did for n in ctx.config.number} else "",
            cursor=query.get("cursor", "")[:400],
        )

    def path(self, stage: Stage | None, cursor: str = "") -> str:
        """The same filter, elsewhere."""
        said = {
            "stage": stage or "",
            "whose": self.whose if self.whose != "all" else "",
            "number": self.number,
            "cursor": cursor,
        }
        words = urlencode({name: value for name, value in said.items() if value})
        return f"{PATH}?{words}" if words else PATH

    def query(self, stage: Stage | Literal["open"], limit: int, cursor: str = "") -> WhichCases:
        return WhichCases(
            stage=stage,
            whose=self.whose,
            number=self.number,
            limit=limit,
            cursor=cursor,
            owner="",
            overdue=False,
        )


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it is shown."""

    stage: Stage
    title: str
    about: str
    path: str  #: of the list of it
    count: CaseColumn | None  #: None: closed ones are not counted
    found: CaseList


async def board(ctx: Ctx) -> web.StreamResponse:
    wanted = Wanted.read(ctx)
    counted = await cases_api.board(ctx, query=wanted.query("open", 1))
    counts = {column.stage.value: column for column in counted.columns}
    limit = IN_COLUMN if wanted.stage is None else IN_LIST
    shown = STAGES if wanted.stage is None else (wanted.stage,)
    heads = _heads()
    columns = [
        Column(
            stage,
            *heads[stage],
            wanted.path(stage),
            counts.get(stage),
            await cases_api.list_cases(ctx, query=wanted.query(stage, limit, wanted.cursor)),
        )
        for stage in shown
    ]
    first = next((column.stage for column in columns if column.found.cases), columns[0].stage)
    return ctx.render(
        "cases.html",
        wanted=wanted,
        columns=columns,
        first=wanted.stage or first,
        tabs=[(stage, heads[stage][0], wanted.path(stage), counts.get(stage)) for stage in STAGES],
        numbers=[(n.did, n.label or n.did) for n in ctx.config.number],
        can_dial=ctx.may(Role.AGENT) and ctx.backend.dialler.refusal(ctx.who) is None,
        overdue=sum(column.overdue for column in counted.columns),
        words=cases_words,
    )


def _heads() -> dict[str, tuple[str, str]]:
    found = {stage.value: (_(title), _(about)) for stage, title, about in cases_words.OPEN}
    return {**found, "closed": (_("Done"), _("Closed in the last 31 days."))}


async def case_page(ctx: Ctx) -> web.StreamResponse:
    return await _shown(ctx, ctx.path_int("case"))


async def _shown(
    ctx: Ctx, case: int, *, wrong: Problem | None = None, typed: dict[str, str] | None = None
) -> web.StreamResponse:
    """The case; with `wrong` what was refused, and what was typed for it."""
    told = await cases_api.show(ctx, case=case)
    return ctx.render(
        "case.html",
        status=wrong.status if wrong is not None else 200,
        told=told,
        one=told.case,
        wrong=wrong,
        typed=typed or {},
        owners=await _owners(ctx, told.case) if ctx.may(Role.AGENT) else [],
        dues=_dues(ctx),
        words=cases_words,
        most_note=MOST_NOTE,
        most_owner=MOST_OWNER,
    )


async def _owners(ctx: Ctx, case: Case) -> list[str]:
    """To whom a case may go: users who work cases, and who has cases by configuration."""
    users = [user.name for user in await ctx.store.users() if user.role != Role.VIEWER]
    named = [number.owner for number in ctx.config.number if number.owner]
    return [name for name in sorted({*users, *named}) if name != case.owner]


# --- by when --------------------------------------------------------------------------------------


def _dues(ctx: Ctx) -> list[tuple[str, str]]:
    """What a click sets as due time: key and words; only what lies ahead."""
    return [
        (key, words)
        for key, words, at in _choices(ctx)
        if at > ctx.now and (key == "30m" or at - ctx.now > timedelta(minutes=5))
    ]


def _choices(ctx: Ctx) -> list[tuple[str, str, datetime]]:
    here = ctx.now.astimezone(ctx.zone)

    def local(days: int, hour: int) -> datetime:
        day = here.date() + timedelta(days=days)
        return datetime.combine(day, time(hour), tzinfo=ctx.zone)

    return [
        ("30m", _("In 30 minutes"), ctx.now + timedelta(minutes=30)),
        ("2h", _("In 2 hours"), ctx.now + timedelta(hours=2)),
        ("evening", _("Today at 5 pm"), local(0, 17)),
        ("tomorrow", _("Tomorrow at 9 am"), local(1, 9)),
    ]


def due_of(ctx: Ctx, form: dict[str, str]) -> datetime | None:
    """What the form says; the business's clock. Raises Problem 422."""
    when = form.get("when", "at")
    if when == "none":
        return None
    for key, _words, at in _choices(ctx):
        if when == key:
            return at
    try:
        typed = datetime.fromisoformat(form.get("at", "").strip())
    except ValueError:
        raise Problem(422, "due", _("Choose a day and a time."), at="") from None
    at = typed if typed.tzinfo is not None else typed.replace(tzinfo=ctx.zone)
    if not 2000 <= at.year < 2100 or at <= ctx.now:
        raise Problem(422, "due", _("That time is over. Choose a later one."), at="")
    return at


# --- what people do -------------------------------------------------------------------------------

Done = Callable[[Ctx, int, dict[str, str]], Awaitable[str]]


async def _take(ctx: Ctx, case: int, form: dict[str, str]) -> str:
    await cases_api.take(ctx, case=case, body=Take(was=form.get("was", "")[:MOST_OWNER]))
    return _("It is yours now.")


async def _assign(ctx: Ctx, case: int, form: dict[str, str]) -> str:
    owner = " ".join(form.get("owner", "").split())
    if len(owner) > MOST_OWNER or not owner.isprintable():
        raise Problem(422, "owner", _("That is no name: it is too long, or has odd characters."))
    body = Assignment(owner=owner, was=form.get("was", "")[:MOST_OWNER])
    await cases_api.assign(ctx, case=case, body=body)
    return _("It is now for %(owner)s.") % {"owner": owner} if owner else _("It is nobody's now.")


async def _due(ctx: Ctx, case: int, form: dict[str, str]) -> str:
    due = due_of(ctx, form)
    await cases_api.set_due(ctx, case=case, body=DueBy(due=due))
    return _("The time is set.") if due is not None else _("It has no time any more.")


async def _note(ctx: Ctx, case: int, form: dict[str, str]) -> str:
    said = " ".join(form.get("note", "").split())
    if len(said) > MOST_NOTE:
        raise _too_long(said)
    await cases_api.note(ctx, case=case, body=NoteText(note=said))
    return _("Noted.")


async def _dismiss(ctx: Ctx, case: int, form: dict[str, str]) -> str:
    why = " ".join(form.get("reason", "").split())
    if len(why) > MOST_NOTE:
        raise _too_long(why)
    await cases_api.dismiss(ctx, case=case, body=Dismissal(reason=why))
    return _("The case is closed.")


async def _reopen(ctx: Ctx, case: int, _form: dict[str, str]) -> str:
    await cases_api.reopen(ctx, case=case)
    return _("The case is open again.")


async def _dial(ctx: Ctx, case: int, _form: dict[str, str]) -> str:
    await cases_api.dial(ctx, case=case)
    return ""  # the page says how the call stands


def _too_long(said: str) -> Problem:
    words = _("That is %(long)s characters long; %(most)s is the most.")
    return Problem(422, "long", words % {"long": len(said), "most": MOST_NOTE})


def _action(do: Done, *, stay: bool = True) -> Callable[[Ctx], Awaitable[web.StreamResponse]]:
    """A POST of a form: done, and back to where it was clicked; or the case with what is wrong."""

    async def handler(ctx: Ctx) -> web.StreamResponse:
        case, form = ctx.path_int("case"), await ctx.form()
        try:
            said = await do(ctx, case, form)
        except Problem as problem:
            if problem.status == 404:
                raise
            return await _shown(ctx, case, wrong=problem, typed=form)
        back = form.get("back", "")
        own = back == PATH or back.startswith(f"{PATH}?")
        return ctx.redirect(back if own and stay else f"{PATH}/{case}", said=said)

    return handler


async def see_case(ctx: Ctx) -> web.StreamResponse:
    """For who reloads after a form was refused: the address is that of the form."""
    return ctx.redirect(f"{PATH}/{ctx.path_int('case')}")


async def overdue(ctx: Ctx) -> int:
    """For the navigation: how many cases are past their due time."""
    return await ctx.store.cases_overdue(ctx.now)


_ACTIONS: tuple[tuple[str, Done, bool], ...] = (
    ("take", _take, True),
    ("assign", _assign, True),
    ("due", _due, True),
    ("note", _note, True),
    ("dismiss", _dismiss, True),
    ("reopen", _reopen, True),
    ("dial", _dial, False),
)

PAGES: tuple[Page, ...] = (
    Page("GET", PATH, board),
    Page("GET", f"{PATH}/{{case}}", case_page),
    *(
        Page("POST", f"{PATH}/{{case}}/{verb}", _action(do, stay=stay), need=Role.AGENT)
        for verb, do, stay in _ACTIONS
    ),
    *(Page("GET", f"{PATH}/{{case}}/{verb}", see_case) for verb, _do, _stay in _ACTIONS),
)
