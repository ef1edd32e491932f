"""Reads the words by which a reply asks us to stop, to start again, or who we are; pure.

The stop words are those 47 CFR 64.1200(a)(10) names as revocation per se, with the spellings the
large US carriers honour. A reply counts only when it says nothing else: "Stop by at 5?" is a
customer. YES is no start word, since it answers the business's own questions.
"""

from __future__ import annotations

import unicodedata

from textback.model import Request

_WORDS: dict[Request, tuple[str, ...]] = {
    Request.STOP: (
        *("stop", "stopall", "stop all", "quit", "end", "revoke", "optout", "opt out"),
        *("cancel", "unsubscribe"),
    ),
    Request.START: ("start", "unstop"),
    Request.HELP: ("help", "info"),
}
_REQUESTS = {word.replace(" ", ""): request for request, words in _WORDS.items() for word in words}
_LONGEST = 40  # far above any word with its punctuation; a long text is never a command


def read(text: str) -> Request | None:
    """STOP, START or HELP when the whole reply says just that, else None.

    Case, width, punctuation, emoji and blanks do not matter: "Stop!", "OPT-OUT", "ｓｔｏｐ" and
    "S T O P" all stop.
    """
    if len(text) > _LONGEST:
        return None
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Invisible and combining characters (category C, M) go like punctuation: phones insert them.
    letters = "".join(c for c in folded if unicodedata.category(c)[0] in "LN")
    return _REQUESTS.get(letters)
