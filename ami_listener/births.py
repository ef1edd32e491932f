"""Whose call a new channel begins: from outside, between phones, to outside, or nobody's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from textback.model import Direction

from .event_types import ChannelState, Snapshot
from .topology import MACHINERY, endpoint_of

_FULL_NUMBER = re.compile(r"[+*#]*[0-9]{7,}\Z")
_DIALLED_NUMBER = re.compile(r"\+?[0-9]{2,}\Z")


@dataclass(frozen=True)
class Inbound:
    """Which channels are callers from outside: by context, by endpoint, by both when both are set.

    Both take `*` wildcards (`from-trunk-*`). An endpoint is the channel's name without its serial
    number, with or without its technology: `PJSIP/carrier` or `carrier`. Neither set: nobody is.
    """

    contexts: frozenset[str]
    endpoints: frozenset[str] = frozenset()

    def matches(self, context: str, endpoint: str) -> bool:
        if not self.contexts and not self.endpoints:
            return False
        if self.contexts and not _among(context, self.contexts):
            return False
        if not self.endpoints:
            return True
        bare = endpoint.partition("/")[2]
        return _among(endpoint, self.endpoints) or _among(bare, self.endpoints)


def _among(name: str, patterns: frozenset[str]) -> bool:
    return name in patterns or any("*" in p and fnmatchcase(name, p) for p in patterns)


def direction_of(chan: Snapshot, inbound: Inbound) -> Direction | None:
    """The direction of the call that `chan` begins, None when it begins none as yet.

    Only state Ring makes a caller: a channel Asterisk dials is born Down. So is a chan_sip caller,
    which comes to Ring in its first Newstate. A Local ;2 is born in Ring and is no caller.
    """
    if chan.state != ChannelState.RING or chan.channel.partition("/")[0] in MACHINERY:
        return None
    if inbound.matches(chan.context, endpoint_of(chan.channel)):
        return Direction.INBOUND
    return Direction.OUTBOUND if is_full_number(chan.exten) else Direction.INTERNAL


def is_full_number(exten: str) -> bool:
    """Whether what a phone dials is a number outside, rather than a colleague or a feature."""
    return _FULL_NUMBER.match(exten) is not None


def is_dialled_number(exten: str) -> bool:
    """Whether an inbound channel's first Exten is the number that was dialled.

    It is `s`, empty or the account's name when the trunk registers and the carrier sends no number.
    """
    return _DIALLED_NUMBER.match(exten) is not None
