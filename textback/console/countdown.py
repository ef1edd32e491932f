"""When a ringing call will be texted, as far as anybody can know while it rings; pure.

    told       the verdict is there: the list of gates says more than a clock could
    counting   the text leaves at `at` unless somebody answers: ring_timeout, then `delay`
    waits      the text is written and leaves at `at` (delay, quiet hours)
    night      it would be written at `at`, and wait for the end of the quiet hours
    end        decided when the call is over: text_at = "call_end", a queue, a menu
    no         the number texts nobody for this, or is not watched

Whether the caller may be texted at all (opted out, cooldown...) is asked when it is decided, not
before: what forbids a text now may be over by then, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from textback import quiet
from textback.config import Config, NumberConfig
from textback.model import OutboxState, Outcome, TextKind
from textback.store.call_lines import CallLine


@dataclass(frozen=True, slots=True)
class Countdown:
    """What is to be said of one living call, and the stretch of time a ring is drawn over."""

    kind: str
    since: datetime | None = None  #: when the stretch began
    at: datetime | None = None  #: when it ends
    until: datetime | None = None  #: of the quiet hours
    shadow: bool = False  #: it is decided then, and nothing leaves

    def left(self, now: datetime) -> float:
        """Seconds to `at`, 0 when that is past or there is none."""
        return max(0.0, (self.at - now).total_seconds()) if self.at is not None else 0.0

    @property
    def seconds(self) -> float:
        """How long the whole stretch is."""
        if self.at is None or self.since is None:
            return 0.0
        return max(0.0, (self.at - self.since).total_seconds())


def countdown(call: CallLine, config: Config, now: datetime) -> Countdown:
    """`call` lives, and nobody has answered it."""
    if call.state is OutboxState.QUEUED and call.due is not None and call.due > now:
        return Countdown("waits", call.decided, call.due)
    if call.reason is not None:
        return Countdown("told")
    number = config.number_for(call.did) if call.watched else None
    if number is None or not number.enabled:
        return Countdown("no")
    if number.text_at != "ring_timeout" or Outcome.NO_ANSWER not in number.outcomes:
        return Countdown("end")
    if call.ringing is None:
        return Countdown("end")
    decided = call.ringing + timedelta(seconds=number.ring_timeout)
    if now >= decided + timedelta(seconds=2):
        # It was asked, and something is against it; that is told when the call is over.
        return Countdown("end")
    leaves = decided + timedelta(seconds=number.delay)
    found = _at_night(call, number, config, leaves)
    found = found or Countdown("counting", call.ringing, leaves)
    return replace(found, shadow=config.is_shadow(number))


def _at_night(
    call: CallLine, number: NumberConfig, config: Config, leaves: datetime
) -> Countdown | None:
    rules = quiet.rules_for(number, TextKind.MISSED)
    if rules is None or rules.policy == "send" or not call.caller.startswith("+"):
        return None
    zone = ZoneInfo(str(config.business.timezone))
    found = quiet.look(rules, call.caller, zone, leaves)
    if found.until is None:
        return None
    if rules.policy == "skip":
        return Countdown("no")
    return Countdown("night", call.ringing, leaves, found.until)
