"""What the pages of the inbox are made of: which list is open, its cards, the lines of a talk.

A page's address carries which list it shows (`Place`), never a telephone number: a number of ours
is said by its place in the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import urlencode

from textback.config import CATCH_ALL, Config, NumberConfig
from textback.console import call_words, cases_words, cursor, thread_words
from textback.console.call_words import Said
from textback.console.ctx import Ctx
from textback.console.i18n import _
from textback.console.inbox_api import InboxThread
from textback.console.thread_api import ThreadCall, ThreadTextIn, ThreadTextOut
from textback.model import InboxList, OutboxState, Review, TextKind

#: How texts stand that somebody should look at, besides in the list.
_TROUBLE = (OutboxState.UNDELIVERED, OutboxState.REFUSED, OutboxState.UNCERTAIN)
#: How many colours the letters of a person may have.
_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Which list is open beside a conversation."""

    list: InboxList = InboxList.NEEDS_YOU
    line: int = 0  #: which [[number]], from 1; 0: all
    after: str = ""  #: cursor of the page

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Place:
        """What an address says; what it says wrong counts for nothing."""
        named = query.get("list", "")
        line = query.get("line", "")
        after = query.get("after", "")
        return cls(
            list=InboxList(named) if named in list(InboxList) else InboxList.NEEDS_YOU,
            line=int(line) if line.isascii() and line.isdigit() and len(line) < 5 else 0,
            after=after if len(after) <= cursor.LONGEST else "",
        )

    @property
    def query(self) -> str:
        """As the end of an address, "" for what is so by itself."""
        said: dict[str, str | int] = {}
        if self.list is not InboxList.NEEDS_YOU:
            said["list"] = self.list.value
        if self.line:
            said["line"] = self.line
        if self.after:
            said["after"] = self.after
        return f"?{urlencode(said)}" if said else ""

    def at(self, path: str = "/inbox", **more: str | int) -> str:
        """An address with this place in it."""
        query = self.query
        if more:
            query += ("&" if query else "?") + urlencode(more)
        return path + query

    def turned(self, which: InboxList) -> Place:
        return replace(self, list=which, after="")

    def older(self, word: str) -> Place:
        return replace(self, after=word)


def lines_of(config: Config) -> list[tuple[int, NumberConfig]]:
    """Our numbers with their places, as a filter offers them."""
    return [(i, n) for i, n in enumerate(config.number, 1) if n.did != CATCH_ALL]


def did_at(config: Config, line: int) -> str:
    """The number at a place; "" for all."""
    return next((n.did for i, n in lines_of(config) if i == line), "")


def initials(thread: InboxThread) -> str:
    """Two letters of a name; "" for a number."""
    words = [word for word in thread.name.split() if word[:1].isalpha()]
    return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper() if words else ""


def colour(thread: InboxThread) -> int:
    return thread.id % _COLOURS


def trouble(thread: InboxThread) -> Said | None:
    """What is wrong with the newest text, where it is ours and did not arrive."""
    return call_words.STATES[thread.text_state] if thread.text_state in _TROUBLE else None


# --- the lines of a conversation ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One line as the template shows it; strings that are ours are translated."""

    kind: str  #: "call", "in", "out"
    at: datetime
    new_day: date | None  #: the day, on its first line
    id: int = 0
    text: str = ""
    by: str = ""  #: who wrote it
    automatic: bool = False
    missed: bool = False
    waited: float = 0.0
    standing: Said | None = None
    why: str = ""  #: why it stands so
    segments: int = 0
    call: int | None = None
    may_release: bool = False
    tried: bool = False  #: it went out before: what sends it now may send it twice
    may_drop: bool = False
    waits: bool = False
    review: str = ""  #: "open", "opted_out", "dismissed", ""
    notes: tuple[str, ...] = ()


def shown(ctx: Ctx, lines: list[ThreadCall | ThreadTextIn | ThreadTextOut]) -> list[Shown]:
    """The lines with what people are to know of each."""
    found: list[Shown] = []
    last: date | None = None
    for line in lines:
        day = line.at.astimezone(ctx.zone).date()
        new_day = day if day != last else None
        last = day
        if isinstance(line, ThreadCall):
            found.append(_call(line, new_day))
        elif isinstance(line, ThreadTextIn):
            found.append(_in(line, new_day))
        else:
            found.append(_out(line, new_day))
    return found


def _call(line: ThreadCall, new_day: date | None) -> Shown:
    return Shown(
        kind="call",
        at=line.at,
        new_day=new_day,
        id=line.call,
        text=thread_words.of_call(line.direction, line.outcome, called_back=line.called_back),
        missed=thread_words.missed(line.direction, line.outcome, called_back=line.called_back),
        waited=line.waited,
    )


def _in(line: ThreadTextIn, new_day: date | None) -> Shown:
    notes: list[str] = []
    if line.missing and not line.waits:
        notes.append(
            _("Incomplete: %(missing)s of %(parts)s parts did not come.")
            % {"missing": line.missing, "parts": line.parts}
        )
    if line.request is not None:
        notes.append(_(thread_words.REQUESTS[line.request]))
    if line.review is Review.DISMISSED:
        notes.append(_("Somebody decided: no opt-out."))
    if line.review is Review.OPTED_OUT:
        notes.append(_("Somebody decided: an opt-out."))
    if line.keyword:
        notes.append(_("Keyword: %(name)s") % {"name": line.keyword})
    if line.repeats:
        notes.append(_("The carrier delivered it again; it is shown once."))
    notes += [
        _(thread_words.PHONES[told.state]) % {"phone": told.endpoint.partition("/")[2]}
        for told in line.phones
    ]
    return Shown(
        kind="in",
        at=line.at,
        new_day=new_day,
        id=line.incoming,
        text=line.text,
        waits=line.waits,
        segments=line.parts - line.missing if line.waits else line.parts,
        review=line.review.value if line.review is Review.OPEN else "",
        notes=tuple(notes),
    )


def _out(line: ThreadTextOut, new_day: date | None) -> Shown:
    standing = call_words.STATES[line.state]
    by = cases_words.person(line.author)
    automatic = not line.author and line.kind is not TextKind.REPLY
    return Shown(
        kind="out",
        at=line.at,
        new_day=new_day,
        id=line.id,
        text=line.text,
        by=_(thread_words.KINDS[line.kind]) if automatic else by,
        automatic=automatic,
        standing=standing,
        why=thread_words.reason(line.state, line.reason),
        segments=line.segments,
        call=line.call,
        may_release=line.may_release and line.state is not OutboxState.QUEUED,
        tried=line.state is not OutboxState.HELD,
        may_drop=line.may_drop and line.state is not OutboxState.QUEUED,
    )
