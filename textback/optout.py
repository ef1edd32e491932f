"""Reads what a reply asks for: stop, start or help, and which replies a person has to judge; pure.

Read in this order; what is asked first decides. Texts are folded before: width, case, accents,
invisible characters, quotes and a phone's signature are gone, words stand between single blanks.

    a reaction ("Liked “...”"), our own words quoted         nothing
    the whole reply is a word of stop, start or help,        that
      also doubled, spelt with blanks, one slip away in a
      long one ("unsubscibe"), with politeness around it
    the whole reply asks for no more texts in a sentence     stop
      ("please stop texting me", "take me off your list")
    only a stop sign (🛑)                                    review
    "stop" in the sense of a visit, a place, a thing that    nothing
      does not end: "stop by at 5?", "bus stop", "wont stop";
      something of the business cancelled: "cancel my 3pm"
    such a sentence inside a longer reply                    review
    "stop" and its like first or last, or in a short reply   review
      ("can you stop", "don't stop", "I quit", "stop it")
    "stop calling", "wrong number", "not interested" and     review
      their like, in each language
    anything else ("who is this", "no thanks", "yes")        nothing

Why these: a miss costs the handset a text it forbade and the business a suit; a false alarm costs
it a customer. So what is certain is obeyed, and what a reasonable reader might take for a request
is laid before a person, while no automatic text goes to the handset. "Stop calling" speaks of
calls, and a person ought to hear it. "Wrong number" may be the caller's own slip, or somebody to
whom the number was given since. "Who is this" is a question. YES is no start word: it answers the
business's own questions; `start_words` may make it one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from textback.model import Reading, Request
from textback.optout_sentences import (
    BEGINS,
    DOUBTFUL,
    ENDS,
    INSIDE,
    OTHER_SENSE,
    SENTENCE_OUT,
    TELLING,
    WHOLE_SENTENCE,
    WISH,
    WISHED,
)
from textback.optout_words import REAL_WORDS, VOCABULARIES

__all__ = ["ENGLISH", "LANGUAGES", "Reading", "Request", "Words", "fold", "incomplete", "read"]

#: Every language `[optout] languages` may name.
LANGUAGES = tuple(VOCABULARIES)
#: Characters that are read: ten segments, as compose allows; the rest of a longer text is not.
MOST = 1_600
#: Most words of a reply that is one sentence about texts, and of a short one.
_SENTENCE, _SHORT = 14, 4
#: From this length on one slip leaves no other word.
_LONG = 8

_REACTION = re.compile(
    r"^\W*(liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|reacted \S{1,12} to"
    r"|removed an? \w{1,12} (?:reaction )?from)\s*[\"“«]",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"(?m)^\s*>.*$|[“«][^”»]{20,}[”»]|\"[^\"]{20,}\"")
_SIGNATURE = re.compile(r"(?im)^\s*(?:sent from my|get outlook for|von meinem|enviado desde)\b.*$")
#: Between words of one meaning: "STOP to end"; and what may stand anywhere in a sentence.
_JOINING = frozenset({"and", "or", "to"})
_PADDING = frozenset({"please", "pls", "plz", "just", "kindly", "fucking", "thanks", "ok"})
_SIGNS = frozenset("🛑⛔🚫✋")
#: Where a word mixes scripts, a keyboard was left in the other one: these look the same.
_LOOKALIKES = str.maketrans("аеорсхуѕіјтнкмвΑΒΕΗΙΚΜΝΟΡΤΧοι", "aeopcxysijthkmbabehikmnoptxoi")
#: Letters that do not fall apart into a plain one and a mark.
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
_DIGITS = str.maketrans("013457", "oleast")


def fold(text: str) -> str:
    """Lower case without accents, marks, apostrophes and invisible characters; words between single
    blanks, everything that is no letter or digit gone."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFKD", text[: MOST * 2]).casefold():
        kind = unicodedata.category(char)
        if kind[0] in "LN":
            kept.append(char)
        elif kind[0] != "M" and kind != "Cf" and char not in "'’ʼ`´":
            kept.append(" ")
    words = "".join(kept).translate(_PLAIN).split()
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    if word.isascii() and not word.isalpha() and any(c.isalpha() for c in word):
        # ST0P; but not 5pm, 2nd.
        read_as = word.translate(_DIGITS)
        return read_as if read_as in _PER_SE_GLUED else word
    if not word.isascii() and any(c.isascii() for c in word):
        return word.translate(_LOOKALIKES)
    return word


_PER_SE_GLUED = frozenset({"stop", "stopall", "quit", "end", "cancel", "unsubscribe", "optout"})


@dataclass(frozen=True)
class Words:
    """What is read, folded. Make it with `Words.of`, once."""

    requests: dict[str, Request]  #: whole replies
    glued: dict[str, Request]  #: the same without blanks, for S T O P
    polite: frozenset[str]
    doubtful: re.Pattern[str] | None  #: anywhere in a reply
    long: tuple[str, ...]  #: stop words in which a slip is still one

    @classmethod
    def of(
        cls,
        languages: Iterable[str] = ("en",),
        *,
        stop: Iterable[str] = (),
        start: Iterable[str] = (),
        help_: Iterable[str] = (),
        review: Iterable[str] = (),
    ) -> Words:
        """The shipped words of these languages, English always with them, and more of one's own.

        Where a word is in two lists stop comes before start, and start before help.
        Raises ValueError for a language that is not shipped, and for a word of no letters.
        """
        wanted = dict.fromkeys(("en", *languages))
        if unknown := [name for name in wanted if name not in VOCABULARIES]:
            known = ", ".join(LANGUAGES)
            raise ValueError(f"{unknown[0]!r} is no language there are words for; known: {known}")
        books = [VOCABULARIES[name] for name in wanted]
        requests: dict[str, Request] = {}
        for request, own, shipped in (
            (Request.STOP, stop, [w for b in books for w in b.stop]),
            (Request.START, start, [w for b in books for w in b.start]),
            (Request.HELP, help_, [w for b in books for w in b.help]),
        ):
            for text in (*own, *shipped):
                requests.setdefault(_required(text), request)
        doubtful = [_required(w) for w in (*review, *(w for b in books for w in b.doubtful))]
        return cls(
            requests=requests,
            glued={text.replace(" ", ""): request for text, request in requests.items()},
            polite=frozenset(fold(w) for b in books for w in b.polite),
            doubtful=_any_of(doubtful),
            long=tuple(
                text
                for text, request in requests.items()
                if request is Request.STOP and len(text) >= _LONG and " " not in text
            ),
        )


def _required(text: str) -> str:
    folded = fold(text)
    if not folded:
        raise ValueError(f"{text!r} has no letters and no digits")
    return folded


def _any_of(texts: Sequence[str]) -> re.Pattern[str] | None:
    if not texts:
        return None
    longest_first = sorted(set(texts), key=len, reverse=True)
    return re.compile("(?<!\\S)(?:" + "|".join(map(re.escape, longest_first)) + ")")


# --- reading ------------------------------------------------------------------------------------


def read(text: str, words: Words | None = None) -> Reading:
    """What a whole reply asks for. Never raises, whatever the handset sent."""
    words = words or ENGLISH
    if _REACTION.match(text[:64]):
        return Reading(why="a reaction to a text of ours")
    plain = _SIGNATURE.sub("", _QUOTED.sub(" ", text[:MOST]))
    said = fold(plain)
    if not said:
        signs = {c for c in plain if not c.isspace() and c != "\ufe0f"}
        if signs and signs <= _SIGNS:
            return Reading(review=True, why="a stop sign")
        return Reading()
    request, why = _request(said, words)
    if request is not None:
        return Reading(request=request, why=why)
    doubt = _doubt(said, words)
    return Reading(review=True, why=doubt) if doubt else Reading()


def incomplete(reading: Reading) -> Reading:
    """The same of a text of which a part is missing: what is there may be the end of any sentence
    ("...is it at the bus" "stop"), so nothing is obeyed, and a person is to look at a stop."""
    if reading.request is Request.STOP:
        why = f"says “{reading.why}”, and a part is missing"
        return replace(reading, request=None, review=True, why=why)
    return replace(reading, request=None) if reading.request is not None else reading


def _request(said: str, words: Words) -> tuple[Request | None, str]:
    found = words.requests.get(said)
    if found is not None:
        return found, said
    glued = words.glued.get(said.replace(" ", ""))
    if glued is not None and len(said) <= _LONG * 4:
        return glued, said
    tokens = said.split()
    if len(tokens) > _SENTENCE:
        return None, ""
    core = _without_polite(tokens, words)
    found = _whole(core, words)
    if found is not None and (found is not Request.HELP or len(tokens) == 1):
        return found, core
    bare = " ".join(w for w in tokens if w not in _PADDING)
    for whole in (said, core, bare):
        if WHOLE_SENTENCE.fullmatch(whole):
            return Request.STOP, whole
    wish = WISH.match(core)
    if wish is not None and core[wish.end() :] in WISHED:
        return Request.STOP, core
    return None, ""


def _without_polite(tokens: list[str], words: Words) -> str:
    """The words between politeness at both ends, where there are any left."""
    first, last = 0, len(tokens)
    while first < last and tokens[first] in words.polite:
        first += 1
    while last > first and tokens[last - 1] in words.polite:
        last -= 1
    return " ".join(tokens[first:last])


def _whole(core: str, words: Words) -> Request | None:
    """One word or phrase, the same one or several of one meaning in a row."""
    if not core:
        return None
    found = words.requests.get(core) or words.glued.get(core.replace(" ", ""))
    if found is not None:
        return found
    parts = [p for p in core.replace("opt out", "optout").split() if p not in _JOINING]
    parts = [p for p in parts if p not in words.polite]
    meant = {_one(part, words) for part in parts}
    return meant.pop() if len(meant) == 1 else None


def _one(word: str, words: Words) -> Request | None:
    found = words.requests.get(word)
    if found is not None:
        return found
    # STOOOOP
    squeezed = re.sub(r"(.)\1+", r"\1", word)
    if squeezed != word and words.requests.get(squeezed) is not None and word not in REAL_WORDS:
        return words.requests[squeezed]
    if len(word) >= _LONG and any(_one_slip(word, known) for known in words.long):
        return Request.STOP
    return None


def _doubt(said: str, words: Words) -> str:
    """Why a person ought to look; "" for no reason."""
    rest = " ".join(OTHER_SENSE.sub(" ", said).split())
    for pattern in (SENTENCE_OUT, TELLING, DOUBTFUL):
        if found := re.search(rf"\b(?:{pattern.pattern})(?!\S)", said):
            return f"has “{found.group(0)}” in it"
    if words.doubtful is not None and (found := words.doubtful.search(said)):
        return f"has “{found.group(0)}” in it"
    if rest and (found := BEGINS.match(rest)) and said.startswith(found.group(0)):
        return f"begins with “{found.group(0)}”"
    if found := ENDS.search(rest):
        return f"ends with “{found.group(0).strip()}”"
    tokens = said.split()
    if len(tokens) <= _SHORT and (found := INSIDE.search(rest)):
        return f"has “{found.group(0)}” in it"
    if len(tokens) == 1 and said not in REAL_WORDS and not said.isdigit():
        near = (w for w in ("stop", "quit", "cancel", "remove", "revoke") if _one_slip(said, w))
        return next((f"is nearly “{w}”" for w in near), "")
    return ""


def _one_slip(word: str, known: str) -> bool:
    """Whether one letter is missing, too much, wrong, or two are exchanged."""
    short, long = sorted((word, known), key=len)
    if word == known or len(long) - len(short) > 1:
        return False
    at = next((n for n, c in enumerate(short) if c != long[n]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    if short[at + 1 :] == long[at + 1 :]:
        return True
    return short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]


@lru_cache(maxsize=1)
def _english() -> Words:
    return Words.of()


ENGLISH = _english()
