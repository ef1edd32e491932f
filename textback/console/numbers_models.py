"""What the API says of watched numbers, their texts, and changes of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from textback.compose import MAX_TEMPLATE
from textback.model import OutboxState, Outcome
from textback.store.tables_console import ChangeState

#: Keys that are texts of a number.
TextKey = Literal["message", "after_hours_message", "message_again", "follow_up"]
Mode = Literal["live", "shadow"]
Duration = Annotated[str, Field(max_length=30, examples=["15s", "24h"])]
Spans = Annotated[str, Field(max_length=120, examples=["09:00-12:00, 13:00-17:00", "closed"])]
Template = Annotated[str, Field(max_length=MAX_TEMPLATE)]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingOut(Answer):
    """A rule of carriers and readers that a text does not keep."""

    rule: str = Field(description="Its name: stop, name, segments, ...")
    severity: Literal["warning", "note"]
    text: str
    todo: str


class TextOut(Answer):
    """One text as a handset would get it."""

    key: str = Field(description="The key it stands under, or the name of a [[message]].")
    tag: str = Field(description="The tag whose contacts get it; empty: everybody.")
    template: str = Field(description="As it was written, with its variables.")
    rendered: str = Field(description="Filled in; empty where the template is wrong.")
    error: str = Field(description="Why it cannot be filled in; empty where it can.")
    parts: int = Field(description="Short messages it takes, each of them charged.")
    encoding: str = Field(description="gsm or ucs2: 160 or 70 characters in one.")
    characters: int
    odd: list[str] = Field(description="Characters that are not in the GSM alphabet.")
    findings: list[FindingOut]

    @property
    def warnings(self) -> int:
        return sum(one.severity == "warning" for one in self.findings)


class ChangedKey(Answer):
    """A key that conf.d/console.toml, or another [override], says over the other files."""

    key: str
    place: str = Field(description="File and line of the override.")
    before: str = Field(description="What counts without it.")


class SpanOut(Answer):
    """Open from one minute of the day to another; 1440 is its end."""

    opens: int
    closes: int


class NumberOut(Answer):
    """What one watched number does. Durations are in seconds."""

    number: int = Field(description="Its place in the configuration, from 1.")
    did: str = Field(examples=["+12125550100"])
    label: str
    sends: Literal["live", "shadow", "off"] = Field(
        description="Whether its texts are sent, only recorded, or not even decided."
    )
    enabled: bool
    mode: Mode = Field(description="Its own; the mode above all tables may still be shadow.")
    text_at: Literal["ring_timeout", "call_end"]
    ring_timeout: float
    abandoned_after: float
    delay: float
    quiet_hours: str
    quiet: Literal["defer", "send", "skip"]
    quiet_follow_up: Literal["defer", "send", "skip"]
    quiet_zone: Literal["caller", "business"]
    has_hours: bool
    week: list[list[SpanOut]] = Field(description="Open hours of Monday to Sunday.")
    holidays: list[str]
    timezone: str
    open_now: bool
    outcomes: list[Outcome]
    cooldown: float
    once_per: float
    callers: Literal["anybody", "known", "unknown"]
    contact_fallback: str
    follow_up_after: float
    owner: str
    callback_within: float
    callback_outcomes: list[Outcome]
    sender: str = Field(description="From whom its texts come.")
    replies: bool
    routes: list[str] = Field(description="The [[smsc]] it names, in their order; none: any.")
    desk: list[str]
    sample: str = Field(description="The caller by whom its texts are shown; empty: nobody yet.")
    texts: list[TextOut]
    changed: list[ChangedKey]


class NumberList(Answer):
    """Every watched number, and whether anything may be changed here."""

    mode: Mode
    editable: bool
    obstacle: str = Field(description="Why nothing can be changed; empty where it can.")
    seen: str = Field(description="What a change should send along, so that it meets no other.")
    numbers: list[NumberOut]


class OneNumber(Answer):
    """One watched number."""

    mode: Mode
    editable: bool
    obstacle: str
    seen: str
    number: NumberOut


class HoursIn(BaseModel):
    """Opening hours by day; a day that is not named is closed."""

    model_config = ConfigDict(extra="forbid")
    mon: Spans = ""
    tue: Spans = ""
    wed: Spans = ""
    thu: Spans = ""
    fri: Spans = ""
    sat: Spans = ""
    sun: Spans = ""
    holidays: list[Annotated[str, Field(max_length=10)]] = Field(
        default=[], max_length=100, examples=[["12-25", "2026-11-26"]]
    )
    timezone: str = Field(default="", max_length=60)
    always: bool = Field(
        default=False, description="No hours at all: it counts as open at any time."
    )


class NumberChange(BaseModel):
    """Keys to change, as textback.toml(5) has them; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    seen: str = Field(default="", max_length=40, description="From the answer that was changed.")
    reset: list[Annotated[str, Field(max_length=40)]] = Field(
        default=[], max_length=40, description="Keys that get back what the other files say."
    )
    enabled: bool | None = None
    mode: Mode | None = None
    label: str | None = Field(default=None, max_length=40)
    message: Template | None = None
    after_hours_message: Template | None = None
    message_again: Template | None = None
    follow_up: Template | None = None
    follow_up_after: Duration | None = None
    contact_fallback: str | None = Field(default=None, max_length=30)
    ring_timeout: Duration | None = None
    abandoned_after: Duration | None = None
    delay: Duration | None = None
    text_at: Literal["ring_timeout", "call_end"] | None = None
    quiet_hours: str | None = Field(default=None, max_length=120)
    quiet: Literal["defer", "send", "skip"] | None = None
    quiet_follow_up: Literal["defer", "send", "skip"] | None = None
    quiet_zone: Literal["caller", "business"] | None = None
    hours: HoursIn | None = None
    outcomes: list[Outcome] | None = Field(default=None, max_length=20)
    cooldown: Duration | None = None
    once_per: Duration | None = None
    callers: Literal["anybody", "known", "unknown"] | None = None
    owner: str | None = Field(default=None, max_length=40)
    callback_within: Duration | None = None
    callback_outcomes: list[Outcome] | None = Field(default=None, max_length=20)


class ModeChange(BaseModel):
    """The mode above all tables."""

    model_config = ConfigDict(extra="forbid")
    mode: Mode
    seen: str = Field(default="", max_length=40)


class Made(Answer):
    """A change that is in force."""

    change: int | None = Field(description="Its number in the history; null: nothing was new.")


class PreviewIn(BaseModel):
    """A text to be shown as its reader would get it."""

    model_config = ConfigDict(extra="forbid")
    text: Template
    key: TextKey = "message"


class TestIn(BaseModel):
    """A text to a number of one's own."""

    model_config = ConfigDict(extra="forbid")
    to: str = Field(
        min_length=1,
        max_length=40,
        examples=["+12125550190"],
        json_schema_extra={"format": "phone"},
    )
    key: TextKey = "message"


class TestText(Answer):
    """How far a test came: queued, sending, accepted, delivered; or why not."""

    row: int
    state: OutboxState
    over: bool = Field(description="Nothing more is expected.")
    reason: str
    to: str
    sender: str
    text: str
    route: str
    parts: int
    encoding: str
    created: AwareDatetime


class KeyOut(Answer):
    """One key of a change."""

    did: str = Field(description="Of which number; empty: the mode above all tables.")
    label: str
    key: str
    was: str
    now: str


class ChangeOut(Answer):
    """One change that was made here."""

    change: int
    at: AwareDatetime
    who: str
    state: ChangeState
    undoes: int | None = Field(description="The change it put back.")
    keys: list[KeyOut]


class ChangesIn(BaseModel):
    """Which part of the history."""

    cursor: str = Field(default="", max_length=400)


class ChangePage(Answer):
    """The newest first."""

    changes: list[ChangeOut]
    next: str = Field(description="The cursor of those before them; empty: there are none.")
