"""The tables [defaults], [[number]] and their hours: how each watched number behaves."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from textback import phone, schedule
from textback.config_values import (
    DURATION,
    Holiday,
    Line,
    Seconds,
    SecondsOrNone,
    Table,
    ZoneOrNone,
    key,
)
from textback.model import DEFAULT_OUTCOMES, TEXTABLE_OUTCOMES, Outcome


def _one_or_more(value: object) -> object:
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    return value


MESSAGE = (
    "Hi {{contact.name}}, this is {{business.name}}. Sorry we missed your call. How can we help? "
    "Just reply to this text. Reply STOP to get no more texts."
)


class Hours(Table):
    """Opening hours; outside them after_hours_message is sent, if there is one."""

    days: Line = key("", "The days `open` speaks of.", allowed='"mon-fri", "sat, sun"')
    open: Line = key(
        "", "Hours on those days.", allowed='"09:00-17:00", several with commas, "24h", "closed"'
    )
    mon: Line = key("", "Hours on Monday, instead of `open`.", allowed="as open")
    tue: Line = key("", "Tuesday.", allowed="as open")
    wed: Line = key("", "Wednesday.", allowed="as open")
    thu: Line = key("", "Thursday.", allowed="as open")
    fri: Line = key("", "Friday.", allowed="as open")
    sat: Line = key("", "Saturday.", allowed="as open")
    sun: Line = key("", "Sunday.", allowed="as open")
    holidays: tuple[Holiday, ...] = key(
        (), "Days without hours.", allowed='"2026-12-25" once, "12-25" every year'
    )
    timezone: ZoneOrNone = key("", "Where it is not business.timezone.")

    _week: schedule.Week = PrivateAttr(schedule.ALWAYS)

    @field_validator("days")
    @classmethod
    def _days_are_days(cls, value: str) -> str:
        if value:
            schedule.parse_days(value)
        return value

    @field_validator("open", *schedule.DAYS)
    @classmethod
    def _hours_are_hours(cls, value: str) -> str:
        if value:
            schedule.parse_spans(value)
        return value

    @field_validator("holidays")
    @classmethod
    def _holidays_are_dates(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            schedule.parse_holiday(text)
        return value

    @model_validator(mode="after")
    def _days_go_with_open(self) -> Self:
        if self.days and not self.open:
            raise ValueError('`days` is set and `open` is not; add open = "09:00-17:00"')
        return self

    def model_post_init(self, _context: object) -> None:
        named = {d: getattr(self, d) for d in schedule.DAYS if getattr(self, d)}
        spans = [schedule.ALWAYS.days[0] if not named and not self.open else ()] * 7
        for number in schedule.parse_days(self.days) if self.days else range(7):
            spans[number] = schedule.parse_spans(self.open) if self.open else spans[number]
        for day, text in named.items():
            spans[schedule.DAYS.index(day)] = schedule.parse_spans(text)
        off = [schedule.parse_holiday(text) for text in self.holidays]
        self._week = schedule.Week(
            days=tuple(spans),
            holidays=frozenset(d for d in off if not isinstance(d, tuple)),
            yearly=frozenset(d for d in off if isinstance(d, tuple)),
        )

    @property
    def week(self) -> schedule.Week:
        return self._week


class Defaults(Table):
    """How every watched number behaves unless its own [[number]] says otherwise."""

    enabled: bool = key(True, "Whether its callers are texted.")
    sender: Line = key(
        "",
        "From whom the text comes; empty: the number that was dialled. Replies come back to it.",
        allowed="a number, a short code, or up to 11 letters (one-way: nobody can reply)",
    )
    replies: bool = key(
        True,
        "Whether callers can reply to its texts. A sender of letters is one-way: its texts must "
        "name another way to opt out, a number to call or an address, or this must be false.",
    )
    message: str = key(
        MESSAGE,
        "The text. {{contact.name}}, {{business.name}}, {{number.label}}, {{call.time}} and "
        "others are filled in; see textback.toml(5).",
        sample=MESSAGE,
    )
    after_hours_message: str = key(
        "",
        "The text outside `hours`; empty: the same as message. A [[message]] the dialplan asks "
        "for and message_again come before it.",
    )
    message_again: str = key(
        "",
        "The text for a caller's second missed call within `cooldown`; empty: none. There is none "
        "for a third, and none while the first still waits to be sent.",
    )
    follow_up: str = key(
        "",
        "One more text, follow_up_after the first, if nothing was heard of the caller: no reply, "
        "no STOP, no answered call either way; empty: none. It follows only a text that the "
        "carrier has taken, and never message_again.",
    )
    follow_up_after: Annotated[Seconds, Field(ge=1, le=604_800)] = key(
        7_200.0,
        "How long after the first text is due the follow-up comes.",
        allowed=DURATION + ", 1s to 7d",
    )
    contact_fallback: Annotated[Line, Field(max_length=30)] = key(
        "there", "What {{contact.name}} says of a caller whose name is not known."
    )
    ring_timeout: Annotated[Seconds, Field(ge=1, le=600)] = key(
        15.0,
        "A call that rang this long and was not answered is missed. Keep it below the time after "
        "which the PBX or a mobile's voicemail takes the call.",
        allowed=DURATION,
        sample="15s",
    )
    text_at: Literal["ring_timeout", "call_end"] = key(
        "ring_timeout",
        "Text while the caller still hears it ring, or wait until the call is over.",
    )
    delay: Annotated[Seconds, Field(ge=0, le=3600)] = key(
        0.0,
        "Wait this long before the text goes out. A call answered meanwhile, either way, or a STOP "
        "cancels it.",
        allowed=DURATION + ", up to 1h",
    )
    abandoned_after: Annotated[Seconds, Field(ge=0, le=600)] = key(
        5.0,
        "A caller who hangs up before ring_timeout is texted only after waiting this long.",
        allowed=DURATION,
    )
    outcomes: tuple[Outcome, ...] = key(
        DEFAULT_OUTCOMES,
        "Which missed calls are texted.",
        allowed="any of " + ", ".join(TEXTABLE_OUTCOMES),
    )
    cooldown: Annotated[Seconds, Field(le=31_622_400)] = key(
        86_400.0,
        "The same caller gets no second text from the same number for this long; 0: always texts.",
        allowed=DURATION,
        sample="24h",
    )
    once_per: Annotated[Seconds, Field(le=315_360_000)] = key(
        0.0,
        "The same caller gets one text for missed calls in this time from all numbers of the "
        "business together, whatever `cooldown` and message_again say; 0: no such limit. It looks "
        "back as far as texts are kept.",
        allowed=DURATION + ', up to ten years: "30d", "3650d"',
    )
    callers: Literal["anybody", "known", "unknown"] = key(
        "anybody",
        "Whose missed calls are texted: everybody's, those of callers in the contacts, or those of "
        "new callers who are not there.",
    )
    messages_by_tag: dict[Annotated[Line, Field(max_length=40)], Line] = key(
        {},
        "The [[message]] for callers whose contact has a tag; the first that fits counts. One the "
        "dialplan asks for and message_again come before it, after_hours_message does not.",
        allowed='tags and names: { vip = "NAME", "new patient" = "NAME" }',
    )
    landlines: Literal["skip", "send"] = key(
        "skip", "Callers the numbering plan knows as fixed lines. It cannot tell in North America."
    )
    quiet_hours: Line = key(
        "",
        "When no text is to wake anybody.",
        allowed='"21:00-08:00", several with commas',
    )
    quiet: Literal["defer", "send", "skip"] = key(
        "defer",
        "What becomes of a text in quiet hours: it waits for their end, is sent all the same, or "
        "is left out.",
    )
    quiet_follow_up: Literal["defer", "send", "skip"] = key(
        "defer", "The same for the follow-up, whatever `quiet` says of the first text."
    )
    quiet_zone: Literal["caller", "business"] = key(
        "caller",
        "Whose clock counts for quiet_hours. The caller's is read from the number; where that "
        "names two or three time zones it is quiet while it is in any of them, and where it names "
        "more or none the business's counts.",
    )
    owner: Annotated[Line, Field(max_length=40)] = key(
        "",
        "Whose the cases of its missed callers are, until somebody else takes them; empty: "
        "nobody's.",
        allowed='an extension or a name, as in "101", "Front desk"',
    )
    callback_within: Annotated[SecondsOrNone, Field(le=2_592_000)] = key(
        0.0,
        "By when a missed caller should have been called back, counted in `hours` where it has "
        'some; "" or 0: by no time.',
        allowed=DURATION + ", up to 30d",
    )
    callback_outcomes: tuple[Outcome, ...] = key(
        TEXTABLE_OUTCOMES,
        "Which missed calls make a case: a caller to be called back, texted or not.",
        allowed="any of " + ", ".join(TEXTABLE_OUTCOMES) + "; [] for no cases at all",
    )
    smsc: Annotated[tuple[Line, ...], BeforeValidator(_one_or_more)] = key(
        (),
        "The [[smsc]] that sends for it; of several the first that is not down. Empty: the first "
        "[[smsc]] that may. Those with backup = true come after them in any case.",
        allowed='a name, or several in their order: ["main", "spare"]',
    )
    desk: tuple[Line, ...] = key(
        (),
        "Desk phones that are told what callers write back, by SIP MESSAGE, and whose answers "
        "go out as texts; see textback-hooks(7).",
        allowed='a list of PJSIP endpoints: ["PJSIP/101", "PJSIP/reception"]',
    )
    desk_pbx: Line = key(
        "", "The [[pbx]] that has the phones of `desk`, where there are several.", allowed="a name"
    )
    hours: Hours | None = key(None, "Opening hours, as a table of their own.")

    _quiet_spans: tuple[schedule.Span, ...] = PrivateAttr(())

    def model_post_init(self, _context: object) -> None:
        self._quiet_spans = schedule.parse_quiet(self.quiet_hours)

    @property
    def quiet_spans(self) -> tuple[schedule.Span, ...]:
        """`quiet_hours` of every day; () for none."""
        return self._quiet_spans

    @field_validator("messages_by_tag")
    @classmethod
    def _tags_as_contacts_have_them(cls, value: dict[str, str]) -> dict[str, str]:
        return {tag.casefold(): name for tag, name in value.items()}

    @field_validator("quiet_hours")
    @classmethod
    def _quiet_hours_are_hours(cls, value: str) -> str:
        schedule.parse_quiet(value)
        return value

    @field_validator("callback_outcomes")
    @classmethod
    def _outcomes_are_missed_calls(cls, value: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        if wrong := [o for o in value if o not in TEXTABLE_OUTCOMES]:
            raise ValueError(
                f"{', '.join(wrong)} is no missed call; allowed: {', '.join(TEXTABLE_OUTCOMES)}"
            )
        return value

    @field_validator("desk")
    @classmethod
    def _desk_is_phones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            shown = phone.printable(text)
            if not re.fullmatch(r"PJSIP/[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}", text):
                raise ValueError(
                    f'{shown!r} is no PJSIP endpoint; write it as it is dialled: "PJSIP/101"'
                )
        return tuple(dict.fromkeys(value))

    @field_validator("outcomes")
    @classmethod
    def _outcomes_can_be_texted(cls, value: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        if wrong := [o for o in value if o not in TEXTABLE_OUTCOMES]:
            raise ValueError(
                f"{', '.join(wrong)} is never texted; allowed: {', '.join(TEXTABLE_OUTCOMES)}"
            )
        return value


class NumberConfig(Defaults):
    """A watched number: calls to it are judged. Any key of [defaults] may stand here as well."""

    did: Annotated[Line, Field(min_length=1, max_length=40)] = key(
        ...,
        'The number that was dialled, as Asterisk shows it or in full; "*" is every number that '
        "has no table of its own.",
        sample="+12125550100",
    )
    label: Annotated[Line, Field(max_length=40)] = key(
        "", "How people call it. {{number.label}} in messages.", sample="Main line"
    )
    mode: Literal["live", "shadow"] = key(
        "live",
        "shadow decides and records everything for this number and sends nothing, while the others "
        "are live. With shadow above all tables every number is.",
    )
