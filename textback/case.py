"""What the gates look at: one fact about a call, its caller, the rules and the clock; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from textback import compose, phone
from textback.config import Config, NumberConfig
from textback.message import subject_of, template_for
from textback.model import Call
from textback.phone import Kind, Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the store knew when the fact came in. The default is a caller never seen before."""

    #: The last text to this caller from this number, in any state in which it left or may leave.
    last_text: datetime | None = None
    #: Texts to anybody in the last 60 s, 60 min and 24 h, this one not counted.
    last_minute: int = 0
    last_hour: int = 0
    last_day: int = 0
    opted_out: str = ""  #: when and how, for people; "": has not
    contact_name: str = ""  #: from the business's own contacts, never from the network


@dataclass(frozen=True)
class Case:
    """All that a gate may look at."""

    call: Call
    history: History
    config: Config
    now: datetime

    @cached_property
    def number(self) -> NumberConfig | None:
        return self.config.number_for(self.call.did)

    @property
    def rules(self) -> NumberConfig:
        """The number's rules, for the gates behind `watched`."""
        assert self.number is not None, "the gate `watched` comes first"
        return self.number

    @cached_property
    def caller(self) -> Phone:
        return caller_of(self.call, self.config)

    @cached_property
    def text(self) -> str:
        """The message for this caller. Raises compose.TemplateError."""
        business, call = self.config.business, self.call
        subject = subject_of(self.rules, business, call.started.utc, self.history.contact_name)
        return compose.render(template_for(self.rules, business, call.at.utc), subject)

    @cached_property
    def age(self) -> float:
        """Seconds since the fact; a clock that jumped back makes it 0, not negative."""
        return max(0.0, (self.now - self.call.at.utc).total_seconds())


def caller_of(call: Call, config: Config) -> Phone:
    """Who is to be texted: the number as it came in, or, where that is not a number at all, what
    the dialplan made of it before the first phone rang. A withheld caller is never looked up."""
    country = config.business.country
    first = phone.read(call.caller, country)
    if first.kind is not Kind.INVALID or call.caller_final in {"", call.caller}:
        return first
    final = phone.read(call.caller_final, country)
    return final if final.e164 else first
