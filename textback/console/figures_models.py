"""What the API says of figures: the models of its answers and queries."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

By = Literal["hour", "day", "week", "month"]


class Counts(BaseModel):
    """What was counted. Calls count when they began, texts when they were written, callers (cases)
    when their first missed call began; so a reply or a call back counts on the day of the miss."""

    calls: int = Field(description="Calls to watched numbers that have ended.")
    answered: int = Field(description="Calls in which a person spoke with the caller.")
    unknown: int = Field(description="Calls that were seen only in part.")
    missed: int = Field(description="All other calls.")
    recovered: int = Field(description="Missed calls whose caller was spoken to afterwards.")
    taken: int = Field(
        description="Other missed calls that were followed by a text the carrier took, or may have."
    )
    no_answer: int = Field(description="Missed: nobody answered in time.")
    abandoned: int = Field(description="Missed: the caller gave up early.")
    busy: int = Field(description="Missed: every phone was busy, or declined.")
    unavailable: int = Field(description="Missed: no phone could be reached.")
    voicemail_left: int = Field(description="Missed: a voicemail was left.")
    voicemail_no_message: int = Field(description="Missed: voicemail, without a message.")
    ivr_abandoned: int = Field(description="Missed: given up in a menu.")
    queue_abandoned: int = Field(description="Missed: given up in a queue.")
    transfer_unanswered: int = Field(description="Missed: transferred, and nobody took it.")
    parked_giveup: int = Field(description="Missed: given up while parked.")
    texted: int = Field(description="Texts to missed callers that were written.")
    delivered: int = Field(description="Of those: delivered to the handset.")
    failed: int = Field(description="Of those: undelivered, refused or expired.")
    open_texts: int = Field(description="Of those: waiting, held or uncertain.")
    given: int = Field(description="Of those: taken by the carrier, or perhaps.")
    shadow: int = Field(description="Of those: written in shadow mode, and not sent.")
    cases: int = Field(description="Missed callers: several missed calls of one are one case.")
    misses: int = Field(description="Missed calls of these callers.")
    replied: int = Field(description="Missed callers who wrote back.")
    called_back: int = Field(description="Missed callers whom the business reached.")
    came_back: int = Field(description="Missed callers who called again and were answered.")
    dismissed: int = Field(description="Missed callers whose case somebody closed by hand.")
    with_text: int = Field(description="Missed callers who were texted before anybody spoke.")
    with_text_replied: int = Field(description="Of those: wrote back.")
    with_text_spoken: int = Field(description="Of those: were spoken to.")
    opt_outs: int = Field(description="Opt-outs.")


class SummaryQuery(BaseModel):
    """Which figures, added up."""

    since: date | None = Field(
        None, description="First day; without it 30 days.", examples=["2026-11-01"]
    )
    until: date | None = Field(
        None, description="Last day; without it today.", examples=["2026-11-30"]
    )
    number: str = Field(
        "",
        max_length=40,
        description="A watched number (`did`); without it all together.",
        examples=["+12125550100"],
    )


class FiguresQuery(SummaryQuery):
    """Which figures, in which steps."""

    by: By = Field("day", description="The length of a step, local time; weeks begin on Monday.")


class FiguresStep(BaseModel):
    """One step of time."""

    start: AwareDatetime = Field(description="When it began.")
    day: date = Field(description="Its first day, in the time zone of the business.")
    counts: Counts


class Figures(BaseModel):
    """Counts, step by step."""

    since: date = Field(description="First day.")
    until: date = Field(description="Last day, which may be today.")
    timezone: str = Field(description="Whose days these are.", examples=["America/New_York"])
    number: str = Field(description='The number, "" for all together.')
    by: By
    truncated: bool = Field(description="Older steps than these were left out: there are 1,500.")
    steps: list[FiguresStep] = Field(
        description="The oldest first. Hours in which nothing was are left out, days are not."
    )


class Bucket(BaseModel):
    """Texts that took about as long."""

    seconds: float = Field(description="At least so many seconds.")
    texts: int


class TimeToText(BaseModel):
    """From the fact that decided (15 s of ringing, the end of the call) to the carrier's yes; what
    was held back for more than an hour is left out."""

    texts: int = Field(description="How many texts this is of.")
    median: float | None = Field(description="Seconds within which half of them were taken.")
    within_95: float | None = Field(description="Seconds within which 95 % of them were taken.")
    histogram: list[Bucket] = Field(description="Told apart by tenths of a second up to 10 s.")


class WeekHour(BaseModel):
    """One hour of the week, over all weeks."""

    weekday: int = Field(ge=0, le=6, description="0 is Monday.")
    hour: int = Field(ge=0, le=23, description="Local.")
    calls: int
    missed: int


class OfNumber(BaseModel):
    """One number."""

    number: str = Field(examples=["+12125550100"])
    label: str = Field(description='Its name in the configuration; "" for one that is gone.')
    calls: int
    answered: int
    missed: int
    given: int = Field(description="Texts the carrier took, or may have.")
    callers: int = Field(description="Missed callers (cases).")
    replied: int
    spoken: int = Field(description="Missed callers who were spoken to afterwards.")
    opt_outs: int
    median: float | None = Field(description="Seconds to the text.")
    missed_by_step: list[int] = Field(description="Missed calls over time, in equal steps.")


class Counting(BaseModel):
    """How far the figures have been counted: a large database takes some minutes once."""

    complete: bool
    share: float = Field(ge=0, le=1, description="How much of it is done, the newest days first.")
    first_day: date | None = Field(description="The first day of which there are figures.")


class Summary(BaseModel):
    """Everything counted in a span of days, and in the span before."""

    since: date
    until: date
    timezone: str
    number: str
    counts: Counts
    before: Counts = Field(
        description="Of as many days before; up to the same hour, where `until` is today."
    )
    before_known: bool = Field(description="Whether there are figures of all these days before.")
    time_to_text: TimeToText
    time_to_text_before: TimeToText
    week: list[WeekHour] = Field(description="Hours in which there were calls.")
    numbers: list[OfNumber] = Field(description="Number by number; of all numbers, whatever asked.")
    step_days: int = Field(description="Days in one step of `missed_by_step`.")
    counting: Counting


class OneAdvice(BaseModel):
    """One thing to change."""

    topic: str = Field(description="What it is about, for programs.", examples=["ring_timeout"])
    serious: bool = Field(description="Callers are texted wrongly, or not at all.")
    number: str = Field(description='The number it is about, "" for none.')
    found: str = Field(description="What was found.")
    cure: str = Field(description="What to do.")
    snippet: str = Field(description="Lines for textback.toml, ready to be pasted.")


class AdviceList(BaseModel):
    """What the recorded calls of the last 30 days say should be changed."""

    at: AwareDatetime | None = Field(description="When it was looked; null: not yet.")
    advice: list[OneAdvice] = Field(description="What is serious first.")
