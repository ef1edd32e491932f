"""Calling somebody by a click, over the API: whether one can, the call, and how it goes.

A call is asked for by a case or a conversation, never by a number: what a browser sends cannot
make the PBX dial anything but a caller who has called or written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pydantic import AwareDatetime, BaseModel, Field

from textback.console import cases_words
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.i18n import _
from textback.console.who import Role
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage

#: What `place` may answer besides what every entry does.
ERRORS = (409, 429, 503)
_PHONE = Field(
    "",
    description="Of a program that several people work with: the desk phone of one of them, as "
    "textback user phone has it. Left out: your own, or that of your token.",
    max_length=80,
    pattern=r"^[^\x00-\x20\x7f]*$",
    examples=["PJSIP/101"],
)
_STATUS = {DialRefusal.TOO_MANY: 429, DialRefusal.DOWN: 503}


class DialFrom(BaseModel):
    """From which desk phone to call."""

    phone: str = _PHONE


class DialQuery(BaseModel):
    """Of which desk phone."""

    phone: str = _PHONE


class DialCall(BaseModel):
    """A call that was begun by a click, as it stands."""

    stage: DialStage = Field(description="How far it has come.")
    over: bool = Field(description="Whether nothing more will come of it.")
    says: str = Field(
        description="The same in words.",
        examples=["Your phone is ringing. Pick it up, and the caller is called."],
    )
    kind: str = Field(description="In which colour: info, ok, warn or bad.", examples=["info"])
    phone: str = Field(description="The desk phone that was rung.", examples=["PJSIP/101"])
    at: AwareDatetime = Field(description="When it was begun.")


class DialState(BaseModel):
    """Whether you can call this caller by a click, and how your last call to them went."""

    possible: bool = Field(description="Whether a click would call.")
    code: str = Field(description="Why not, as a word; empty where it would.", examples=[""])
    says: str = Field(description="Why not, in words.", examples=[""])
    call: DialCall | None = Field(description="Your last call to this caller, if any.")


async def ringing(ctx: Ctx, phone: str) -> Ctx:
    """The request as of one whose desk phone this is; as it is where none is named.

    Raises Problem 403 and 409: nobody makes the PBX ring what the operator has not written down.
    """
    if not phone or phone == ctx.who.phone:
        return ctx
    if ctx.who.via != "token":
        raise Problem(403, "phone", _("Your clicks ring your own phone, and no other."))
    users = await ctx.store.users()
    pbx = next((one.pbx for one in users if one.phone == phone and not one.disabled), None)
    if pbx is None:
        detail = _("This is the desk phone of no user; textback user phone NAME PHONE makes it so.")
        raise Problem(409, "phone", detail, phone=phone)
    return replace(ctx, who=replace(ctx.who, phone=phone, pbx=pbx))


def state(ctx: Ctx, number: str) -> DialState:
    """Whether `who` can call this number (E.164) by a click."""
    dialler = ctx.backend.dialler
    why = dialler.refusal(ctx.who) if ctx.may(Role.AGENT) else DialRefusal.OFF
    last = dialler.last(ctx.who)
    return DialState(
        possible=why is None,
        code=why.value if why is not None else "",
        says=cases_words.refusal(why) if why is not None else "",
        call=told(last) if last is not None and last.number == number else None,
    )


def told(call: Dialled) -> DialCall:
    return DialCall(
        stage=call.stage,
        over=call.stage.is_final,
        says=cases_words.dial(call),
        kind=cases_words.dial_kind(call),
        phone=call.phone,
        at=call.at,
    )


async def place(ctx: Ctx, number: str, *, name: str, ours: str, subject: str) -> DialCall:
    """Call `number` for `who`; `subject` is what the audit log says it was about ("case 17").

    Raises Problem 409, 429 and 503.
    """
    try:
        call = await ctx.backend.dialler.dial(ctx.who, number, name=name, ours=ours)
    except DialRefusedError as refused:
        await ctx.act("dial.refused", subject, reason=refused.reason.value)
        problem = Problem(
            _STATUS.get(refused.reason, 409),
            f"dial_{refused.reason.value}",
            cases_words.refusal(refused.reason),
        )
        if refused.reason is DialRefusal.TOO_MANY:
            problem.headers["Retry-After"] = "60"
        raise problem from None
    await ctx.act("dial", subject, phone=call.phone)
    return told(call)


def endpoints(
    path: str,
    whom: str,
    of: str,
    *,
    post: Callable[..., Awaitable[DialCall]],
    get: Callable[..., Awaitable[DialState]],
) -> tuple[Endpoint, Endpoint]:
    """The two entries of what people call about, such as a case at `/cases/{case}`: `whom` is
    called ("caller"), `of` what ("case")."""

    async def dial(ctx: Ctx, *, body: DialFrom, **row: int) -> DialCall:
        """A phone that you name has to be a user's who may sign in, and only a token may name one;
        else it is 409 and 403. One call at a time and ten in a minute from each phone."""
        return await post(await ringing(ctx, body.phone), **row)

    async def standing(ctx: Ctx, *, query: DialQuery, **row: int) -> DialState:
        """The last call is that of the same phone."""
        return await get(await ringing(ctx, query.phone), **row)

    return (
        Endpoint(
            method="POST",
            path=f"{path}/dial",
            handler=dial,
            answer=DialCall,
            body=DialFrom,
            body_optional=True,
            need=Role.AGENT,
            summary=f"Ring your desk phone, then call the {whom} of a {of}",
            errors=(404, *ERRORS),
        ),
        Endpoint(
            method="GET",
            path=f"{path}/dial",
            handler=standing,
            answer=DialState,
            query=DialQuery,
            summary=f"Whether you can call this {whom} by a click, and how your last call goes",
            errors=(404, 409),
        ),
    )
