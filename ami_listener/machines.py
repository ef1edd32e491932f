"""Which channels answer by themselves (`not_human` of a [[pbx]]): door phones, paging, a fax."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .topology import endpoint_of

_STAR_KEY = re.compile(r"\*(?=[0-9])")


def not_human(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a channel of this name is meant by one of the patterns.

    A pattern is held against the channel's name without its serial number: `PJSIP/lobby`,
    `Local/700@paging`. `*` and `?` stand for anything, but for a `*` right before a digit: that is
    the star key, for `Local/*80@*` means the feature code and not every extension that ends in 80,
    whose people would count as machines then.
    """
    found = [_expression(pattern) for pattern in patterns]
    if not found:
        return lambda name: False
    match = re.compile("|".join(found), re.DOTALL).fullmatch
    return lambda name: match(endpoint_of(name)) is not None


def _expression(pattern: str) -> str:
    wild = {"*": ".*", "?": "."}
    literal = {found.start() for found in _STAR_KEY.finditer(pattern)}
    return "".join(
        wild[char] if char in wild and at not in literal else re.escape(char)
        for at, char in enumerate(pattern)
    )
