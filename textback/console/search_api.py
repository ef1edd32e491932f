"""The search over everything: a number, a name or a call's id -> calls, conversations, cases."""

from __future__ import annotations

import re

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from textback.console.api import Endpoint
from textback.console.calls_api import CallItem, item, spellings
from textback.console.ctx import Ctx
from textback.model import CallbackCase, CaseStage, Thread
from textback.store.call_lines import CallLine

#: Of each kind.
MOST = 20
#: What Asterisk calls a call, with its PBX or without; nothing else is meant by it.
_CALL_ID = re.compile(r"(?:[\w.-]{1,40}:)?\d{1,12}\.\d{1,12}")


class SearchBody(BaseModel):
    """What is looked for. In a body: a person's number does not belong into a URL."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(
        min_length=1,
        max_length=100,
        description="A number in any spelling, a name of the contacts, or a call's id.",
        examples=["(646) 555-0147"],
    )


class FoundThread(BaseModel):
    """A conversation."""

    id: int
    handset: str
    name: str
    number: str
    last: AwareDatetime
    text: str


class FoundCase(BaseModel):
    """A case."""

    id: int
    caller: str
    number: str
    stage: CaseStage
    missed: AwareDatetime
    closed: AwareDatetime | None


class Found(BaseModel):
    """What fits, the newest of each kind first."""

    calls: list[CallItem]
    threads: list[FoundThread]
    cases: list[FoundCase]


async def search(ctx: Ctx, *, body: SearchBody) -> Found:
    calls, threads, cases = await everything(ctx, body.words)
    return Found(
        calls=[item(line) for line in calls],
        threads=[
            FoundThread(
                id=one.id,
                handset=one.handset,
                name=one.name,
                number=one.number,
                last=one.last,
                text=one.text,
            )
            for one in threads
        ],
        cases=[
            FoundCase(
                id=one.id,
                caller=one.caller,
                number=one.number,
                stage=one.stage,
                missed=one.missed,
                closed=one.closed,
            )
            for one in cases
        ],
    )


async def everything(
    ctx: Ctx, words: str
) -> tuple[list[CallLine], list[Thread], list[CallbackCase]]:
    """Calls, conversations and cases for these words."""
    typed = words.strip()
    if not typed:
        return [], [], []
    if _CALL_ID.fullmatch(typed):
        return await ctx.store.find_calls(typed, limit=MOST), [], []
    named = spellings(ctx, typed)
    # A number in full is one handset; as people write it, all of them would be looked through.
    words = next((one for one in named if one.startswith("+")), typed)
    threads = list((await ctx.store.search_step(words, limit=MOST)).threads)
    handsets = [one.handset for one in threads if one.handset.startswith("+")]
    # Whom a name or the end of a number means is known by the conversations there are.
    callers = list(dict.fromkeys([*named, *handsets]))[: MOST // 2]
    calls = await ctx.store.find_calls(*callers, limit=MOST)
    cases = await ctx.store.cases_of([one for one in callers if one.startswith("+")], limit=MOST)
    return calls, threads, cases


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/search",
        handler=search,
        body=SearchBody,
        answer=Found,
        summary="Calls, conversations and cases by number, name or call-id",
    ),
)
