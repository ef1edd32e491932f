"""The breaker against SMS pumping: texts to callers in one block of numbers are held; pure.

Who is paid for texts (a carrier far away, and whoever shares with it) calls once from each of many
numbers in a row. Nobody's customers do. The breaker looks at the other callers texted within the
hour whose numbers begin like this one's, so it closes for that block and for nobody else, and opens
again by itself when the block has been quiet for an hour. Nothing is lost: a held text waits for
`textback release` or `textback drop`.
"""

from __future__ import annotations

from dataclasses import dataclass

from textback.config import Limits
from textback.past import Past


@dataclass(frozen=True, slots=True)
class Block:
    """The block of numbers one caller is in, as one of the two limits sees it."""

    key: str  #: the key of [limits]
    shown: str  #: "+1212555xxxx"
    others: int  #: other callers of it texted within the hour; 0 where nobody counts
    most: int  #: what the limit says; 0: off

    @property
    def hold(self) -> str:
        """Why a text to it is held, for the operator; "": it is not."""
        if not self.most or self.others < self.most:
            return ""
        return f"{self.value} ({self.rule})"

    @property
    def value(self) -> str:
        if not self.most:
            return f"the callers of {self.shown} are not counted"
        plural = "" if self.others == 1 else "s"
        return f"{self.others} other caller{plural} of {self.shown} texted in the last hour"

    @property
    def rule(self) -> str:
        return f"{self.key} = {self.most}" + ("" if self.most else ", off")


def adjacent(caller: str, history: Past, limits: Limits) -> Block:
    """Callers (E.164) that differ from this one in no more than the last two digits."""
    # Off is off: the store is not asked.
    most = limits.adjacent
    return Block("adjacent", _shown(caller, 2), history.adjacent if most else 0, most)


def per_prefix(caller: str, history: Past, limits: Limits) -> Block:
    """Callers that differ in no more than the last four digits."""
    most = limits.per_prefix
    return Block("per_prefix", _shown(caller, 4), history.same_prefix if most else 0, most)


def _shown(caller: str, digits: int) -> str:
    return caller[:-digits] + "x" * digits
