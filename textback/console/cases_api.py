"""The API on cases: missed callers who are to be called back, and what people do with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import BaseModel

from textback.console import cursor, dial_api
from textback.console.api import Endpoint
from textback.console.cases_models import (
    Assignment,
    BoardCases,
    Case,
    CaseBoard,
    CaseColumn,
    CaseList,
    CaseStory,
    Dismissal,
    DueBy,
    NoteText,
    StoryEntry,
    Take,
    WhichCases,
)
from textback.console.ctx import Ctx, Problem
from textback.console.dial_api import DialCall, DialState
from textback.console.i18n import _
from textback.console.who import Role, Who
from textback.model import CallbackCase, CaseStage
from textback.store.caseboard import MOST
from textback.store.casefile import Entry
from textback.store.caseload import CaseFilter
from textback.store.errors import CaseClosedError, CaseError, CaseTakenError, NoSuchCaseError

#: How far back closed cases are listed.
CLOSED_SINCE = timedelta(days=31)


def names_of(who: Who) -> tuple[str, ...]:
    """Under which names cases are his: his own, and the extension of his phone."""
    extension = who.phone.partition("/")[2]
    return (who.name, extension) if extension else (who.name,)


def case_of(ctx: Ctx, case: CallbackCase, name: str) -> Case:
    number = ctx.config.number_for(case.number)
    return Case(
        id=case.id,
        stage=case.stage,
        open=case.closed is None,
        caller=case.caller,
        name=name,
        number=case.number,
        label=(number.label if number is not None else "") or case.number,
        misses=case.misses,
        opened=case.opened,
        missed=case.missed,
        texted=case.texted,
        replied=case.replied,
        owner=case.owner,
        mine=case.owner in names_of(ctx.who),
        due=case.due,
        overdue=case.closed is None and case.due is not None and case.due < ctx.now,
        closed=case.closed,
        closed_by=case.closed_by,
        note=case.note,
    )


def filter_of(ctx: Ctx, query: WhichCases) -> CaseFilter:
    closed = query.stage == "closed"
    stage = None if closed or query.stage == "open" else CaseStage(query.stage)
    return CaseFilter(
        number=query.number,
        owner=query.owner if query.whose == "of" else "",
        owners=names_of(ctx.who) if query.whose == "mine" else (),
        nobodys=query.whose == "nobody",
        stage=stage,
        overdue=ctx.now if query.overdue and not closed else None,
        closed_since=ctx.now - CLOSED_SINCE if closed else None,
    )


async def list_cases(ctx: Ctx, *, query: WhichCases) -> CaseList:
    """Open cases in the order in which they are to be called back, closed ones newest first."""
    after = None
    if query.cursor:
        (last,) = cursor.read("cases", query.cursor, int)
        after = last if isinstance(last, int) else None
    wanted = filter_of(ctx, query)
    try:
        found = await ctx.store.cases(wanted, limit=query.limit + 1, after=after)
    except NoSuchCaseError:
        detail = _("The case where this page began is not kept any more; begin anew.")
        raise Problem(400, "cursor", detail) from None
    more = len(found) > query.limit
    found = found[: query.limit]
    names = await ctx.store.case_callers(found)
    return CaseList(
        cases=[case_of(ctx, case, names.get(case.id, "")) for case in found],
        next=cursor.write("cases", found[-1].id) if more else "",
    )


async def board(ctx: Ctx, *, query: BoardCases) -> CaseBoard:
    wanted = WhichCases.model_validate(query.model_dump())
    counted = await ctx.store.case_board(filter_of(ctx, wanted), ctx.now)
    return CaseBoard(
        columns=[
            CaseColumn(stage=stage, cases=n.cases, overdue=n.overdue, more=n.cases >= MOST)
            for stage, n in counted.items()
        ]
    )


async def show(ctx: Ctx, *, case: int) -> CaseStory:
    try:
        told = await ctx.store.case_file(case)
    except NoSuchCaseError:
        raise _gone() from None
    return CaseStory(
        case=case_of(ctx, told.case, told.name),
        thread=told.thread_id,
        story=[_entry(entry) for entry in told.entries],
        dial=dial_api.state(ctx, told.case.caller),
    )


def _entry(entry: Entry) -> StoryEntry:
    return StoryEntry(
        at=entry.at,
        kind=entry.kind,
        call=entry.call_id,
        outcome=entry.outcome,
        seconds=entry.seconds,
        by=entry.by,
        text=entry.text,
        state=entry.state,
        verb=entry.verb,
        detail=entry.detail,
        ours=entry.ours,
    )


# --- what people do -----------------------------------------------------------------------------


async def _changed(
    ctx: Ctx, case: int, verb: str, change: Callable[[], Awaitable[CallbackCase]]
) -> Case:
    """Do it, write it down, tell the tabs; the case as it is then."""
    try:
        done = await change()
    except NoSuchCaseError:
        raise _gone() from None
    except CaseTakenError as taken:
        said = _("Somebody else was faster: this case belongs to %(owner)s now.")
        free = _("Somebody has put this case back: it belongs to nobody now.")
        detail = said % {"owner": taken.owner} if taken.owner else free
        raise Problem(409, "taken", detail, owner=taken.owner) from None
    except CaseClosedError:
        raise Problem(409, "closed", _("This case is closed. Reopen it first.")) from None
    except CaseError as error:
        raise Problem(409, "case", _said(str(error))) from None
    await ctx.act(f"case.{verb}", f"case {case}")
    ctx.backend.kick()  # others may want to be told of it, and the next due time has moved
    ctx.backend.feed.say("cases")
    names = await ctx.store.case_callers([done])
    return case_of(ctx, done, names.get(done.id, ""))


def _said(words: str) -> str:
    if "newer" in words:
        return _("This caller has a newer case. Go on with that one.")
    if words.endswith("is open"):
        return _("This case is open already.")
    return words


def _gone() -> Problem:
    return Problem(404, "no_case", _("There is no such case. It may have been deleted."))


async def take(ctx: Ctx, *, case: int, body: Take) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(
        ctx,
        case,
        "take",
        lambda: ctx.store.assign_case(case, ctx.who.name, by=by, now=now, was=body.was),
    )


async def assign(ctx: Ctx, *, case: int, body: Assignment) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(
        ctx,
        case,
        "assign",
        lambda: ctx.store.assign_case(case, body.owner, by=by, now=now, was=body.was),
    )


async def set_due(ctx: Ctx, *, case: int, body: DueBy) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(
        ctx, case, "due", lambda: ctx.store.set_case_due(case, body.due, by=by, now=now)
    )


async def note(ctx: Ctx, *, case: int, body: NoteText) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(
        ctx, case, "note", lambda: ctx.store.note_case(case, body.note, by=by, now=now)
    )


async def dismiss(ctx: Ctx, *, case: int, body: Dismissal) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(
        ctx,
        case,
        "dismiss",
        lambda: ctx.store.dismiss_case(case, reason=body.reason, by=by, now=now),
    )


async def reopen(ctx: Ctx, *, case: int) -> Case:
    by, now = ctx.who.name, ctx.now
    return await _changed(ctx, case, "reopen", lambda: ctx.store.reopen_case(case, by=by, now=now))


async def dial(ctx: Ctx, *, case: int) -> DialCall:
    try:
        found = await ctx.store.case(case)
    except NoSuchCaseError:
        raise _gone() from None
    names = await ctx.store.case_callers([found])
    call = await dial_api.place(
        ctx,
        found.caller,
        name=names.get(found.id, ""),
        ours=found.number,
        subject=f"case {case}",
    )
    await ctx.store.case_dialled(case, call.phone, by=ctx.who.name, now=ctx.now)
    ctx.backend.feed.say("cases")
    return call


async def dial_state(ctx: Ctx, *, case: int) -> DialState:
    try:
        found = await ctx.store.case(case)
    except NoSuchCaseError:
        raise _gone() from None
    return dial_api.state(ctx, found.caller)


def _act(
    verb: str, handler: Callable[..., Awaitable[Case]], body: type[BaseModel] | None, summary: str
) -> Endpoint:
    """One thing that people do with a case."""
    return Endpoint(
        method="POST",
        path=f"/cases/{{case}}/{verb}",
        handler=handler,
        body=body,
        answer=Case,
        need=Role.AGENT,
        summary=summary,
        errors=(404, 409),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/cases",
        handler=list_cases,
        query=WhichCases,
        answer=CaseList,
        summary="List the missed callers who are to be called back",
        errors=(400,),
    ),
    Endpoint(
        method="GET",
        path="/cases/board",
        handler=board,
        query=BoardCases,
        answer=CaseBoard,
        summary="Count the open cases by stage",
    ),
    Endpoint(
        method="GET",
        path="/cases/{case}",
        handler=show,
        answer=CaseStory,
        summary="Read one case and its story",
        errors=(404,),
    ),
    _act("take", take, Take, "Make a case yours"),
    _act("assign", assign, Assignment, "Make a case somebody's, or nobody's"),
    _act("due", set_due, DueBy, "Say by when to call back"),
    _act("note", note, NoteText, "Note what to know of a case"),
    _act("dismiss", dismiss, Dismissal, "Close a case by hand"),
    _act("reopen", reopen, None, "Open a closed case again"),
    *dial_api.endpoints("/cases/{case}", "caller", "case", post=dial, get=dial_state),
)
