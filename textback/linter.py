"""What carriers and readers want of each text the business sends, as rules; pure.

    rule          asked of            it wants
    name          all                 the business's name, so that the reader knows who writes
    stop          all but CONFIRM     how to opt out: "Reply STOP ..."                        (+1)
    one_way       all, letters        no "reply", no STOP: nobody can reply to letters
    shortener     all                 no link of a public shortener: carriers block them
    link          all                 at most one link; an own name, encrypted, no bare address
    phones        all                 at most two telephone numbers
    capitals      all                 no shouting
    punctuation   all                 no "!!!", no "$$$"
    unfilled      all                 no place-holder that was never filled in
    offer         all                 no advertising: for that a call is no consent           (+1)
    contact       HELP                a telephone number, an address or a link                (+1)
    no_more       CONFIRM_STOP        that no more texts come                                 (+1)
    restart       CONFIRM_STOP        nothing that asks the reader for anything but START     (+1)
    alphabet      all                 characters of GSM 03.38 only: else 70 fit, not 160
    segments      all                 one segment

Rules marked (+1) are what the carriers of the United States and Canada hold senders to; for a
number of another country `stop` and `contact` are advice (a note), and the others are not asked.
The sources are CTIA's Messaging Principles and Best Practices (May 2023), 47 CFR 64.1200(a)(10) to
(12), and Canada's CASL, which wants sender and unsubscribe mechanism in each commercial message.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from textback.compose import Measure

#: Countries whose carriers hold senders to the rules of the CTIA: those of calling code 1.
NORTH_AMERICA = frozenset({"US", "CA", "PR", "VI", "GU", "MP", "AS"})

_SHORTENERS = """
bit.ly bitly.com tinyurl.com goo.gl t.co ow.ly is.gd v.gd buff.ly rebrand.ly cutt.ly short.io
shorturl.at rb.gy t.ly tiny.cc bl.ink soo.gd s2r.co clicky.me budurl.com bc.vc adf.ly x.co lnkd.in
db.tt qr.ae po.st mcaf.ee su.pr snip.ly dlvr.it tr.im u.to shorte.st tiny.one urlz.fr 0rz.tw wp.me
fb.me amzn.to youtu.be trib.al ift.tt n9.cl kutt.it dub.sh
"""
#: Public link shorteners; carriers block texts with them, whatever is behind.
SHORTENERS = frozenset(_SHORTENERS.split())

MOST_LINKS = 1
MOST_PHONES = 2


class Role(StrEnum):
    """What a text is for; what it must say depends on it."""

    FIRST = "first"  #: to somebody who has not written: message, after_hours_message, [[message]]
    MORE = "more"  #: a second one: message_again, follow_up
    HELP = "help"  #: the answer to HELP
    CONFIRM_STOP = "confirm_stop"  #: the one confirmation of an opt-out
    CONFIRM_START = "confirm_start"  #: of an opt-in


class Severity(StrEnum):
    """`warning` is what check-config tells too; a note is advice."""

    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule a text does not keep. `text` and `todo` are for people, in one line each."""

    rule: str
    severity: Severity
    text: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.todo}" if self.todo else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text as its reader would get it, and all that its rules depend on."""

    text: str
    role: Role = Role.FIRST
    business: str = ""  #: its name; "": the rule `name` is not asked
    country: str = "US"  #: of the number it is sent from, ISO 3166
    letters: bool = False  #: the sender is alphanumeric
    stop_words: tuple[str, ...] = ("stop",)  #: by which readers may opt out

    @property
    def american(self) -> bool:
        return self.country in NORTH_AMERICA


def lint(draft: Draft, measure: Measure | None = None) -> tuple[Finding, ...]:
    """What is wrong with this text, in the order of the rules; without `measure` not its size."""
    found = [finding for rule in RULES for finding in rule(draft)]
    if measure is not None:
        found += _size(draft, measure)
    return tuple(found)


# --- who and how to get out -------------------------------------------------------------------


def _name(draft: Draft) -> Iterator[Finding]:
    if draft.business and _plain(draft.business) not in _plain(draft.text):
        yield _warning("name", "does not say who writes", "put {{business.name}} in")


def _stop(draft: Draft) -> Iterator[Finding]:
    if draft.letters or draft.role in (Role.CONFIRM_STOP, Role.CONFIRM_START):
        return
    if _says_stop(draft.text, draft.stop_words):
        return
    what, todo = "does not say how to opt out", 'add "Reply STOP to opt out"'
    yield (_warning if draft.american else _note)("stop", what, todo)


def _says_stop(text: str, words: tuple[str, ...]) -> bool:
    """A stop word as an instruction: in capitals, quoted, or behind "reply"; "Stop by" is none."""
    for word in words:
        told = re.escape(word.upper())
        asked = rf"(?:reply|text|send|write|answer)\s+(?:with\s+|back\s+)?\W?{re.escape(word)}\b"
        quoted = rf"[\"'“‘«„]{re.escape(word)}[\"'”’»“]"
        if re.search(rf"\b{told}\b", text) or re.search(f"{asked}|{quoted}", text, re.IGNORECASE):
            return True
    return False


_REPLY = re.compile(r"\b(?:reply|text (?:us )?back|respond|write back|antworten sie)\b", re.I)


def _one_way(draft: Draft) -> Iterator[Finding]:
    if not draft.letters:
        return
    if _says_stop(draft.text, draft.stop_words) or _REPLY.search(draft.text):
        what = "asks for a reply, and nobody can reply to letters"
        yield _warning("one_way", what, "give a number to call, or send from a number")
    elif not _PHONE.search(draft.text) and not _links(draft.text):
        what = "gives no way to opt out: nobody can text STOP to letters"
        yield _warning("one_way", what, "name a telephone number or a page for it")


# --- what carriers filter ---------------------------------------------------------------------

#: A host needs a top-level domain of letters; "9.30" and "e.g." are none.
_LINK = re.compile(
    r"(?P<scheme>https?://)?(?P<host>(?:[\w-]+\.)+[a-z]{2,24}|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\])"
    r"(?P<rest>(?::\d+)?(?:/\S*)?)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,24}", re.IGNORECASE)
_PHONE = re.compile(r"\+?\(?\d(?:[ ().\-/]{0,2}\d){6,14}")


def _links(text: str) -> list[re.Match[str]]:
    """Links with or without scheme. "Call us.Thanks" is a slip and none: too few think of it."""
    found = []
    for match in _LINK.finditer(_MAIL.sub(" ", text)):
        known = match["scheme"] or match["rest"].startswith("/") or match["host"].startswith("www.")
        if known or _is_shortener(match["host"]) or _ENDS_AS_LINK.search(match["host"]):
            found.append(match)
    return found


_ENDS_AS_LINK = re.compile(
    r"\.(?:com|net|org|info|biz|co|io|us|ca|uk|de|eu|es|fr|app|dev|shop|dental|law|clinic|care)$",
    re.IGNORECASE,
)


def _is_shortener(host: str) -> bool:
    return host.casefold().removeprefix("www.") in SHORTENERS


def _shortener(draft: Draft) -> Iterator[Finding]:
    for link in _links(draft.text):
        if _is_shortener(link["host"]):
            what = f"has a link of the public shortener {link['host'].casefold()}"
            yield _warning("shortener", f"{what}: carriers block it", "link to your own domain")


def _link(draft: Draft) -> Iterator[Finding]:
    links = _links(draft.text)
    if len(links) > MOST_LINKS:
        yield _warning("link", f"has {len(links)} links, as spam has", "keep one")
    if any(_is_address(link["host"]) for link in links):
        yield _warning("link", "has a link to a bare address", "link to a name")
    elif any((link["scheme"] or "").casefold() == "http://" for link in links):
        yield _note("link", "has a link without encryption", "write https://")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _phones(draft: Draft) -> Iterator[Finding]:
    numbers = {re.sub(r"\D", "", found)[-10:] for found in _PHONE.findall(draft.text)}
    if len(numbers) > MOST_PHONES:
        yield _warning("phones", f"has {len(numbers)} telephone numbers", "keep one")


_COMMANDS = frozenset({"STOP", "START", "UNSTOP", "HELP", "INFO", "URGENT", "CALL", "BOOK", "YES"})


def _capitals(draft: Draft) -> Iterator[Finding]:
    name = draft.business.upper()
    words = re.findall(r"[^\W\d_]{3,}", draft.text)
    loud = [w for w in words if w.isupper() and w not in _COMMANDS and w not in name]
    if len(loud) >= 3 or (words and len(loud) > 1 and len(loud) * 2 > len(words)):
        shown = " ".join(loud[:4])
        yield _warning("capitals", f"is in capitals: {shown}", "write it in usual letters")


_LOUD = re.compile(r"[!?]{2,}|[$€£]{2,}|\*{3,}|(?:!.*){3,}", re.DOTALL)


def _punctuation(draft: Draft) -> Iterator[Finding]:
    if found := _LOUD.search(draft.text):
        shown = found[0][:4] if len(set(found[0])) <= 2 else "three exclamation marks"
        yield _warning("punctuation", f"has {shown}, as spam has", "one mark is enough")


_HOLES = re.compile(
    r"\{\{|\}\}|\{%|%\}|\$\{|\[[A-Z][A-Z _]{2,}\]|<[A-Za-z][A-Za-z_ ]{2,}>|\bX{3,}\b|_{3,}"
    r"|\bTODO\b|\byour (?:business|company) name\b|\blorem ipsum\b|\bexample\.(?:com|net|org)\b",
)


def _unfilled(draft: Draft) -> Iterator[Finding]:
    if found := _HOLES.search(draft.text):
        shown = found[0][:24]
        yield _warning("unfilled", f"has a place that was not filled in: {shown}", "fill it in")


_OFFER = re.compile(
    r"\d+\s?% off|\bpromo(?:tion)?s?\b|\bcoupons?\b|\bdiscounts?\b|\bspecial offers?\b|\bact now\b"
    r"|\blimited time\b|\bfree (?:trial|gift|quote|estimate)s?\b|\bbuy (?:one|now)\b|\bon sale\b"
    r"|\bclick here\b|\bwin(?:ner)?\b",
    re.IGNORECASE,
)


def _offer(draft: Draft) -> Iterator[Finding]:
    if draft.american and (found := _OFFER.search(draft.text)):
        what = f'reads as advertising ("{found[0]}"): that needs consent in writing'
        yield _warning("offer", what, "say only why you write")


# --- HELP and confirmations -------------------------------------------------------------------


def _contact(draft: Draft) -> Iterator[Finding]:
    if draft.role is not Role.HELP:
        return
    text = draft.text
    if not (_PHONE.search(text) or _MAIL.search(text) or _links(text)):
        what, todo = "does not say how to reach a person", "add {{number.phone}} or an address"
        yield (_warning if draft.american else _note)("contact", what, todo)


_NO_MORE = re.compile(
    r"\b(?:no|not|won.?t|never|any)\b.{0,40}\b(?:more|further|again|text|texts|messages?)\b"
    r"|\bunsubscribed\b|\bopted out\b",
    re.IGNORECASE | re.DOTALL,
)


def _no_more(draft: Draft) -> Iterator[Finding]:
    if draft.american and draft.role is Role.CONFIRM_STOP and not _NO_MORE.search(draft.text):
        yield _warning("no_more", "does not say that no more texts come", "say so")


def _restart(draft: Draft) -> Iterator[Finding]:
    # 47 CFR 64.1200(a)(12): the confirmation may not try to persuade; a link is an attempt.
    if draft.american and draft.role is Role.CONFIRM_STOP and _links(draft.text):
        what = "has a link, and a confirmation of STOP may not advertise"
        yield _warning("restart", what, "take it out")


RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    *(_name, _stop, _one_way, _shortener, _link, _phones, _capitals, _punctuation, _unfilled),
    *(_offer, _contact, _no_more, _restart),
)


# --- size -------------------------------------------------------------------------------------


def _size(draft: Draft, measure: Measure) -> Iterator[Finding]:
    parts, encoding, offending = measure(draft.text)
    if offending:
        shown = " ".join(repr(c) for c in offending[:8])
        what = f"{shown} cannot be sent in GSM 03.38 but in {encoding}"
        yield _warning("alphabet", f"{what}: a segment holds 70 characters instead of 160")
    if parts > 1:
        size = f"{parts} segments with a name of usual length ({len(draft.text)} characters)"
        yield _warning("segments", f"is {size}; each is charged")


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())


def _warning(rule: str, text: str, todo: str = "") -> Finding:
    return Finding(rule, Severity.WARNING, text, todo)


def _note(rule: str, text: str, todo: str = "") -> Finding:
    return Finding(rule, Severity.NOTE, text, todo)
