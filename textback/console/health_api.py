"""The API on health: how everything stands, what needs doing, and a new look by the doctor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from textback.console import health_words
from textback.console.api import Endpoint
from textback.console.ctx import Ctx, Problem
from textback.console.health_standing import Standing, forget, standing
from textback.console.health_todo import Weight
from textback.console.i18n import _
from textback.console.who import Role
from textback.model import OutboxState
from textback.store.queue_lists import OPEN


class HealthPart(BaseModel):
    """One part of the service, and how it stands."""

    name: str = Field(description="As /healthz calls it.", examples=["smpp:carrier"])
    title: str = Field(description="In plain words.", examples=["Text message carrier"])
    well: bool = Field(description="Whether there is nothing to say against it.")
    says: str = Field(
        description="How it stands, in a sentence.",
        examples=["Connected. Texts and replies go through."],
    )
    state: str = Field(description="How it stands, in its own word.", examples=["bound"])
    detail: dict[str, str] = Field(
        description="What else it says of itself, for those who know it.",
        examples=[{"says": "bound as transceiver", "standing": "up"}],
    )


class HealthPoint(BaseModel):
    """One thing found."""

    found: str = Field(
        description="What was found.", examples=["2 uncertain: they may or may not have been sent"]
    )
    cure: str = Field(description="What to do about it.", examples=["textback queue"])


class HealthTodo(BaseModel):
    """One thing to do."""

    key: str = Field(description="The same as long as it is there.", examples=["texts:held"])
    weight: Weight = Field(
        description="bad: texts, calls or alarms hang on it. text: texts wait for somebody's word. "
        "warn: it works, and something about it will bite. note: good to know."
    )
    title: str = Field(description="What it is.", examples=["2 texts are held back"])
    says: str = Field(
        description="What to do.", examples=["Decide for each: send it, or give it up."]
    )
    link: str = Field(
        description="The page where it is done; empty for none.",
        examples=["/health/queue?state=held"],
    )
    command: str = Field(
        description="What an operator may type; empty for nothing.",
        examples=["textback queue --state held"],
    )
    since: AwareDatetime | None = Field(description="Since when, where that is known.")
    points: list[HealthPoint] = Field(description="What was found, for those who know the words.")


class HealthFinding(BaseModel):
    """One item of the doctor's."""

    area: str = Field(description="What was looked at.", examples=["store"])
    level: Literal["ok", "warn", "fail"] = Field(description="How it stands.")
    found: str = Field(description="What was found.", examples=["kept by NTP"])
    fix: str = Field(description="What to do about it; empty for nothing.", examples=[""])


class QueueCount(BaseModel):
    """How many texts are in a state, and what that means."""

    state: OutboxState = Field(description="The state.", examples=[OutboxState.HELD])
    texts: int = Field(description="How many.", ge=0)
    title: str = Field(description="The state in plain words.", examples=["Held back"])
    means: str = Field(description="What it means.", examples=["Kept back by somebody here."])


class ContactSource(BaseModel):
    """Where names come from."""

    source: str = Field(description="A file, a phonebook, or empty for what was typed in.")
    numbers: int = Field(description="How many numbers it knows.", ge=0)
    changed: AwareDatetime = Field(description="When one of them last changed.")


class HealthNow(BaseModel):
    """How everything stands."""

    well: bool = Field(description="Every part is well, and nothing waits for anybody.")
    version: str = Field(description="Of textback.", examples=["0.5.0"])
    mode: str = Field(description="live, or shadow: nothing is sent.", examples=["live"])
    started: AwareDatetime = Field(description="When this service was started.")
    todo: list[HealthTodo] = Field(description="What needs doing, the heaviest first.")
    parts: list[HealthPart] = Field(description="The parts of the service.")
    queue: list[QueueCount] = Field(description="Texts that may need somebody.")
    findings: list[HealthFinding] = Field(description="All that the doctor says.")
    checked: AwareDatetime | None = Field(
        description="When the doctor last looked; null: he has not yet."
    )
    checking: bool = Field(description="He looks just now.")
    store_bytes: int = Field(description="Size of the database.", ge=0, examples=[48234496])
    purged: AwareDatetime | None = Field(description="When what was too old was last deleted.")
    purged_rows: int = Field(description="How much of it there was.", ge=0, examples=[120])
    contacts: list[ContactSource] = Field(description="Where names come from.")


class CheckBegun(BaseModel):
    """The doctor looks again; `checked` of /health tells when he is done."""

    checking: Literal[True] = True
    checked: AwareDatetime | None = Field(description="When he last looked.")


async def get_health(ctx: Ctx) -> HealthNow:
    """Links and texts as they are now; what else the doctor found as of `checked`."""
    return answer_of(ctx, await standing(ctx.backend))


async def post_check(ctx: Ctx) -> CheckBegun:
    """Have the doctor look again, in the background; at most twice a minute."""
    wait = ctx.backend.examiner.ask()
    if wait > 0:
        seconds = math.ceil(wait)
        problem = Problem(
            429,
            "too_soon",
            _("It has just been checked. Try again in %(seconds)s seconds.") % {"seconds": seconds},
        )
        problem.headers["Retry-After"] = str(seconds)
        raise problem
    await ctx.act("health.check")
    forget(ctx.backend)
    return CheckBegun(checked=(await ctx.backend.examiner.look()).checked)


def answer_of(ctx: Ctx, found: Standing) -> HealthNow:
    purged = found.purged
    return HealthNow(
        well=found.well,
        version=found.health.version,
        mode=found.health.mode,
        started=ctx.backend.started,
        todo=[
            HealthTodo(
                key=one.key,
                weight=one.weight,
                title=one.title,
                says=one.says,
                link=one.link,
                command=one.command,
                since=one.since,
                points=[HealthPoint(found=p.found, cure=p.cure) for p in one.points],
            )
            for one in found.todo
        ],
        parts=[
            HealthPart(
                name=part.name,
                title=health_words.title(part.name),
                well=health_words.well(part),
                says=health_words.says(part),
                state=part.state,
                detail=health_words.facts(part.detail),
            )
            for part in found.health.parts
            if part.name != "alarms"
        ],
        queue=counts(found.texts),
        findings=[
            HealthFinding(area=one.area, level=_level(one.level), found=one.found, fix=one.fix)
            for one in found.findings.items
        ],
        checked=found.findings.checked,
        checking=found.findings.running,
        store_bytes=found.size,
        purged=purged[0] if purged is not None else None,
        purged_rows=purged[1] if purged is not None else 0,
        contacts=[
            ContactSource(source=source, numbers=numbers, changed=changed)
            for source, numbers, changed in found.contacts
        ],
    )


def counts(texts: Mapping[OutboxState, int]) -> list[QueueCount]:
    made = []
    for state in OPEN:
        title, means = health_words.state_words(state)
        made.append(QueueCount(state=state, texts=texts.get(state, 0), title=title, means=means))
    return made


def _level(word: str) -> Literal["ok", "warn", "fail"]:
    return "fail" if word == "fail" else "warn" if word == "warn" else "ok"


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/health",
        handler=get_health,
        answer=HealthNow,
        summary="How everything stands, and what needs doing",
        errors=(503,),
    ),
    Endpoint(
        method="POST",
        path="/health/check",
        handler=post_check,
        answer=CheckBegun,
        summary="Have the doctor look again",
        need=Role.AGENT,
        status=202,
        errors=(429, 503),
    ),
)
