"""What is remembered of a caller when a fact comes in: plain values, or asked on demand; pure.

The gates take a `Past`. The store gives one that looks when it is asked (`store.history.Asked`):
most calls are answered, internal or outgoing, and their gates never come so far. `History` is the
same as plain values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from textback.model import Contact


class Past(Protocol):
    """As `History`, where each is documented; valid only while the verdict is made."""

    @property
    def last_text(self) -> datetime | None: ...
    @property
    def last_minute(self) -> int: ...
    @property
    def last_hour(self) -> int: ...
    @property
    def last_day(self) -> int: ...
    @property
    def opted_out(self) -> str: ...
    @property
    def doubtful(self) -> str: ...
    @property
    def contact(self) -> Contact | None: ...
    @property
    def recent_texts(self) -> tuple[datetime, ...]: ...
    @property
    def waiting(self) -> bool: ...
    @property
    def follow_up_waits(self) -> bool: ...
    @property
    def adjacent(self) -> int: ...
    @property
    def same_prefix(self) -> int: ...
    @property
    def last_anywhere(self) -> datetime | None: ...
    @property
    def automatic(self) -> tuple[datetime, ...]: ...
    @property
    def robot(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the store knew when the fact came in. The default is a caller never seen before."""

    #: The last text to this caller from this number, in any state in which it left or may leave.
    last_text: datetime | None = None
    #: Texts to anybody in the last 60 s, 60 min and 24 h, this one not counted.
    last_minute: int = 0
    last_hour: int = 0
    last_day: int = 0
    opted_out: str = ""  #: how, since when and how far, for people; "": has not
    #: A reply of the caller may be an opt-out, and nobody has looked at it yet: since when.
    doubtful: str = ""
    contact: Contact | None = None  #: from the business's own contacts, never from the network
    #: The last texts to this caller from this number, newest first, at most five.
    recent_texts: tuple[datetime, ...] = ()
    #: A text to this caller from this number has not left yet: delayed, deferred, held, queued.
    waiting: bool = False
    #: A follow-up to this caller from this number is planned and has not left yet.
    follow_up_waits: bool = False
    #: Other callers texted in the last 60 min whose number differs from this one in no more than
    #: the last two digits, and in the last four.
    adjacent: int = 0
    same_prefix: int = 0
    #: The last text to a missed call of this caller, from any number of the business.
    last_anywhere: datetime | None = None
    #: The last texts a rule wrote to this caller from this number, of any kind, newest first.
    automatic: tuple[datetime, ...] = ()
    #: Why a machine is thought to write from this number; "": nothing speaks for it.
    robot: str = ""
