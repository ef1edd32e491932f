"""When signing in is refused for a while after failures: one table of rules; `now` is an argument.

kind     counts failures of              in    locks after   for            so that
pair     one name from one address       15 m  5, then 3     1 m, 2 m..1 h  no password is guessed
address  one address, whatever the name  15 m  20, then 10   5 m..1 h       nor one of many names
user     one name, where it has never    1 h   30, then 1    30 s           nor by many addresses
         signed in from

A try is counted before its password is looked at, so that a hundred at once are a hundred; one that
was right is taken back. While a lock lasts nothing is looked at and nothing counted: no lock grows
by knocking at it. The lock of a name never grows and does not hold where its owner has signed
in before: nobody can keep a person out of his own desk by guessing from elsewhere.

Names that do not exist are counted as those that do: the answer does not tell which is which.
An IPv6 address counts by its /64, which is what one customer has.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from textback.store.tries import KNOWN, Key, Rows, Tries


class Kind(StrEnum):
    """What failures are counted of."""

    PAIR = "pair"
    ADDRESS = "address"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table above."""

    window: timedelta
    after: int
    again: int  #: failures after a lock until the next one
    first: timedelta  #: how long the first lock lasts; each next one twice as long
    longest: timedelta


_M: Final = timedelta(minutes=1)
RULES: Final[Mapping[Kind, Rule]] = {
    Kind.PAIR: Rule(15 * _M, 5, 3, _M, 60 * _M),
    Kind.ADDRESS: Rule(15 * _M, 20, 10, 5 * _M, 60 * _M),
    Kind.USER: Rule(60 * _M, 30, 1, timedelta(seconds=30), timedelta(seconds=30)),
}
#: Without a failure for so long the next lock is a first one again.
CALM: Final = timedelta(days=1)


def network(address: str) -> str:
    """What an address counts as: itself, or the /64 of an IPv6 one; "unknown" for none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


@dataclass(frozen=True, slots=True)
class Place:
    """Who tries to sign in from where, as the keys it is counted under."""

    pair: Key
    address: Key
    user: Key
    known: Key

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.pair, self.address, self.user, self.known)


def place(name: str, address: str) -> Place:
    """Names are hashed: people type passwords into the wrong field."""
    who = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
    where = network(address)
    both = f"{who} {where}"
    return Place((Kind.PAIR, both), (Kind.ADDRESS, where), (Kind.USER, who), (KNOWN, both))


def locked(tries: Tries | None, now: datetime) -> datetime | None:
    """Until when this count locks; None: it does not."""
    if tries is None or tries.locked_until is None or tries.locked_until <= now:
        return None
    return tries.locked_until


def failed(kind: Kind, tries: Tries | None, now: datetime) -> Tries:
    """One failure more, and the lock it brings about."""
    rule = RULES[kind]
    if tries is None or tries.last > now:  # the clock was set back: what it says means nothing
        tries = Tries(failures=0, since=now, last=now)
    locks = tries.locks if now - tries.last < CALM else 0
    fresh = now - tries.since >= rule.window
    failures = 1 if fresh else tries.failures + 1
    since = now if fresh else tries.since
    if failures < rule.after:
        return Tries(failures=failures, since=since, last=now, locks=locks)
    # Capped before it is shifted: 2 to the number of all locks there ever were is no duration.
    length = min(rule.first * 2 ** min(locks, 16), rule.longest)
    left = rule.after - rule.again
    return Tries(failures=left, since=now, last=now, locked_until=now + length, locks=locks + 1)


def begin(rows: Rows, at: Place, now: datetime) -> tuple[datetime | None, dict[Key, Tries | None]]:
    """A try begins: until when it is refused unseen, else None and the counts with it in them."""
    known = at.known in rows
    asked = (at.pair, at.address) if known else (at.pair, at.address, at.user)
    until = [end for key in asked if (end := locked(rows.get(key), now)) is not None]
    if until:
        return max(until), {}
    return None, {key: failed(Kind(key[0]), rows.get(key), now) for key in asked}


def succeeded(rows: Rows, at: Place, now: datetime) -> tuple[None, dict[Key, Tries | None]]:
    """The password was right: its own count is over, those it shares with others lose one."""
    after: dict[Key, Tries | None] = {at.pair: None}
    for key in (at.address,) if at.known in rows else (at.address, at.user):
        tries = rows.get(key)
        if tries is None or not tries.failures:
            continue
        # A lock that this very try brought about is none: it was right.
        mine = tries.last == now and tries.locked_until is not None
        if mine:
            tries = replace(tries, locked_until=None, locks=tries.locks - 1)
        after[key] = replace(tries, failures=tries.failures if mine else tries.failures - 1)
    after[at.known] = Tries(failures=0, since=now, last=now)
    return None, after
