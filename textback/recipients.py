"""Which number of ours a carrier means by the address a handset wrote to; pure.

it is the sender of one [[number]]           that sender, that number
it is the sender of several                  that sender; which number it was for, the thread
                                               knows from the text that is answered; without
                                               one, the number that has it as its own did
it is the did of a [[number]]                that did
it is one of these spelt shorter or longer   the same: carriers leave out plus and country
there is a [[number]] with did = "*"         the number in full, of that table
else                                         the number in full where it can be read, of none
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from textback import phone
from textback.config import CATCH_ALL, Config
from textback.reply_rules import Ours
from textback.spelling import same_number

#: Addresses remembered: a carrier spells each number of ours in one or two ways.
_REMEMBERED = 256


class Recipients:
    """The numbers of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._senders: dict[str, set[str]] = {}
        for number in config.number:
            did = "" if number.did == CATCH_ALL else number.did
            if number.sender or did:
                self._senders.setdefault(number.sender or did, set()).add(did)
        self._dids = [n.did for n in config.number if n.did != CATCH_ALL]
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)

    def _of(self, recipient: str) -> Ours:
        raw = recipient.strip()
        full = phone.to_e164(raw, self._config.business.country) or raw
        for spelt in dict.fromkeys((full, raw)):
            if spelt in self._senders:
                return self._sent_by(spelt)
            if spelt in self._dids:
                return Ours(spelt, spelt)
        sender = _only(same for same in self._senders if same_number(raw, same))
        if sender:
            return self._sent_by(sender)
        did = _only(did for did in self._dids if same_number(raw, did))
        if did:
            return Ours(did, did)
        found = self._config.number_for(raw)
        return Ours(found.did, found.did) if found is not None else Ours(full, "")

    def _sent_by(self, sender: str) -> Ours:
        number = _only(self._senders[sender])
        likely = sender if not number and sender in self._dids else ""
        return Ours(sender, number, likely)


def _only(found: Iterable[str]) -> str:
    """The one there is; "" for none or several."""
    some = set(found)
    return some.pop() if len(some) == 1 else ""
