"""How a text that came in is put together, placed, understood and answered: pure rules, no clock.

The store asks them inside the transaction that keeps the text; `wiring.reply_rules` builds them
from the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from textback import optout
from textback.model import Incoming, Piece, Reading, Send


class Ours(NamedTuple):
    """The number of ours a handset wrote to."""

    ours: str  #: as handsets see it: E.164 where that can be read, else a short code
    number: str  #: did of the [[number]] it belongs to, "" where that cannot be told
    likely: str = ""  #: of several that of whom it is where no conversation tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store knew when it obeyed the text that is to be answered."""

    was_out: str = ""  #: had opted out before this text: how and since when; "": had not
    changed: bool = False  #: it opted out who had not, or in who had opted out
    answered: int = 0  #: CONFIRM and HELP texts to this handset in the last 24 hours
    last_help: datetime | None = None


def _join(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _ours(recipient: str) -> Ours:
    return Ours(recipient, recipient)


def _read(text: str, number: str) -> Reading:
    return optout.read(text)


def _answer(text: Incoming, reading: Reading, facts: Facts) -> Send | None:
    return None


def _nobody(number: str) -> tuple[tuple[str, str], ...]:
    return ()


def _nothing(number: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRules:
    """The rules for texts that come in; as they stand here for a store without configuration."""

    #: Neighbouring parts of one text, in their order, as text.
    join: Callable[[Sequence[Piece]], str] = _join
    #: Which number of ours the carrier means by destination_addr.
    ours: Callable[[str], Ours] = _ours
    #: What a text to a [[number]] (did, "" for none) asks for, and the [[keyword]] it fits.
    read: Callable[[str, str], Reading] = _read
    #: How far a STOP to that number reaches: "" is the whole business.
    scope: Callable[[str], str] = _nothing
    #: What is written back at once, or None.
    answer: Callable[[Incoming, Reading, Facts], Send | None] = _answer
    #: Desk phones that are told of a text to this number: (pbx, endpoint).
    phones: Callable[[str], tuple[tuple[str, str], ...]] = _nobody
    #: What people call this number.
    label: Callable[[str], str] = _nothing
    #: After this long a text whose parts have not all come is taken as it is.
    partial_after: timedelta = timedelta(minutes=10)
    # What rules may write by themselves in one conversation (`store.robots.objection`).
    auto_limit: int = 0
    auto_window: float = 86_400.0


PLAIN = ReplyRules()
