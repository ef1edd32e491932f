"""What the gates look at: one fact about a call, its caller, the rules and the clock; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from textback import compose, names, phone, quiet
from textback.config import Config, NumberConfig
from textback.message import Chosen, choose, subject_of, zone_of
from textback.model import Call, Source, TextKind
from textback.past import History, Past
from textback.phone import Kind, Phone

__all__ = ["Case", "History", "Past", "caller_of"]


@dataclass(frozen=True)
class Case:
    """All that a gate may look at."""

    call: Call
    history: Past
    config: Config
    asked_at: datetime  #: the time of the decision, aware UTC
    kind: TextKind = TextKind.MISSED

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
    def texts_in_cooldown(self) -> tuple[datetime, ...]:
        """The texts that count against `cooldown`, newest first.

        A text from the future means that the clock was set back: the distance counts, so that a
        wrong clock once cannot silence a caller for years.
        """
        cooldown = timedelta(seconds=self.rules.cooldown)
        last = (self.history.last_text,) if self.history.last_text is not None else ()
        texts = self.history.recent_texts or last
        return tuple(text for text in texts if abs(self.asked_at - text) < cooldown)

    @cached_property
    def again(self) -> bool:
        """Whether this is the one more text a number with `message_again` sends in a cooldown. The
        gate `cooldown` sees to it that the first has left."""
        return bool(self.rules.message_again) and len(self.texts_in_cooldown) == 1

    @cached_property
    def chosen(self) -> Chosen:
        """The template for this caller, and why it is this one."""
        again = self.again and self.kind is TextKind.MISSED
        # The contact is looked up where a number has messages by tag, and for its name.
        contact = self.history.contact if self.rules.messages_by_tag else None
        tags = contact.all_tags if contact is not None else ()
        return choose(self.rules, self.config, self.call, again=again, tags=tags)

    @cached_property
    def text(self) -> str:
        """The message for this caller. Raises compose.TemplateError."""
        return compose.render(self.chosen.template, self.subject)

    @cached_property
    def subject(self) -> compose.Subject:
        """What the variables of a message stand for."""
        business, call = self.config.business, self.call
        return subject_of(self.rules, business, call.started.utc, self.name)

    @cached_property
    def name(self) -> str:
        """What {{contact.name}} says: the name in the contacts, else the network's where that may
        be used; "": neither is known."""
        contact = self.history.contact
        if contact is not None and contact.name:
            return contact.name
        use = self.config.contacts.cnam == "use"
        return names.of_network(self.call.caller_name) if use else ""

    @cached_property
    def age(self) -> float:
        """Seconds since the fact; a clock that jumped back makes it 0, not negative."""
        return max(0.0, (self.asked_at - self.call.at.utc).total_seconds())

    @property
    def caught_up(self) -> bool:
        """Whether the call was learnt of from Asterisk's records, after it was over."""
        return self.call.source in {Source.CEL, Source.CDR}

    @property
    def max_age(self) -> tuple[str, float]:
        """The key and the seconds that say for how long after the fact a text is of use."""
        limits = self.config.limits
        if self.caught_up:
            return "catch_up_max_age", limits.catch_up_max_age
        return "max_age", limits.max_age

    # --- when it goes out

    @cached_property
    def delayed(self) -> datetime:
        """When the text is due as far as `delay` goes. A caller who asked for it does not wait."""
        wait = self.rules.delay if self.kind is TextKind.MISSED else 0.0
        return self.asked_at + timedelta(seconds=wait)

    @cached_property
    def quiet_rules(self) -> quiet.QuietRules | None:
        return quiet.rules_for(self.rules, self.kind)

    @cached_property
    def quiet_found(self) -> quiet.Found | None:
        """What quiet hours make of the moment it is due; None: the number has none."""
        if self.quiet_rules is None:
            return None
        zone = zone_of(self.rules, self.config.business)
        return quiet.look(self.quiet_rules, self.caller.e164, zone, self.delayed)

    @cached_property
    def due(self) -> datetime:
        """Not before this; the time of the decision when nothing holds it up."""
        rules, found = self.quiet_rules, self.quiet_found
        if rules is None or found is None or found.until is None or rules.policy != "defer":
            return self.delayed
        return found.until


def caller_of(call: Call, config: Config) -> Phone:
    """Who is to be texted: the number as it came in, or, where that is not a number at all, what
    the dialplan made of it before the first phone rang. A withheld caller is never looked up."""
    countries = config.countries_read(config.number_for(call.did))
    first = phone.read_any(call.caller, countries)
    if first.kind is not Kind.INVALID or call.caller_final in {"", call.caller}:
        return first
    final = phone.read_any(call.caller_final, countries)
    return final if final.e164 else first
