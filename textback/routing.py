"""Which routes may carry a text, and in which order; pure.

A route may carry a text when it may use its sender (`senders`; none named: any) and serves its
handset (`countries` or `prefixes`; none named: all). Of those that may, these come in this order:

    1. of a text to somebody who wrote to us     the route the handset last wrote on
    2. the number names routes (`smsc`)          those, in its order
       it names none                             the first [[smsc]] that may and is no backup
    3. always                                    every [[smsc]] with backup = true, in their order

The first of them that is not down carries it (`failover`). A text no route may carry is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from textback import phone
from textback.model import TextKind

if TYPE_CHECKING:
    from textback.config import Config, SmscConfig

#: Texts that a call brought about; the others answer what a handset wrote, or are an operator's.
_OF_A_CALL = frozenset({TextKind.MISSED, TextKind.OFFER, TextKind.FOLLOW_UP})

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRules:
    """What one [[smsc]] may carry."""

    name: str
    senders: frozenset[str] = frozenset()  #: E.164 where readable, letters in lower case
    countries: frozenset[str] = frozenset()  #: ISO 3166
    prefixes: tuple[str, ...] = ()  #: in full: "+1212"
    backup: bool = False

    def against(self, sender: str, to: str) -> str:
        """Why it may not carry a text from `sender` to `to` (E.164); "" when it may."""
        if self.senders and plain(sender) not in self.senders:
            return f"may not send from {sender}"
        if not self.countries and not self.prefixes:
            return ""
        if to.startswith(self.prefixes) or self._serves(to):
            return ""
        where = phone.country_of(to)
        return f"does not send to {where or 'that number'}"

    def _serves(self, to: str) -> bool:
        if not self.countries:
            return False
        where = phone.country_of(to)
        if where:
            return where in self.countries
        # In a block no country is known for the calling code is all there is.
        codes = phone.calling_codes(self.countries)
        return to.startswith(tuple(f"+{code}" for code in codes))


@dataclass(frozen=True, slots=True)
class Routing:
    """The routes that may carry a text, the best first, and why these; none: it is refused."""

    routes: tuple[str, ...]
    why: str


def plain(sender: str) -> str:
    """A sender as it is compared: in lower case, blanks around it gone."""
    return sender.strip().casefold()


def choose(
    rules: Sequence[RouteRules],
    sender: str,
    to: str,
    *,
    named: Sequence[str] = (),
    last: str = "",
) -> Routing:
    """`named`: by the [[number]], in its order; `last`: the route the handset last wrote on."""
    against = {r.name: r.against(sender, to) for r in rules}
    may = [r.name for r in rules if not against[r.name]]
    backups = [r.name for r in rules if r.backup and r.name in may]
    found: list[str] = []
    said: list[str] = []

    def add(names: Iterable[str], why: str) -> None:
        new = [n for n in names if n in may and n not in found]
        found.extend(new)
        if new:
            said.append(f"{', '.join(new)} ({why})")

    add([last], "used last with this handset")
    if named:
        add(named, "named by the number")
    else:
        add([n for n in may if n not in backups][:1], "the first that may carry it")
    add(backups, "backup")
    no = [f"{name} {why}" for name, why in against.items() if why]
    if not found:
        if not no:
            no = ["the number names none that exists, and none is a backup"]
        return Routing((), "no route may carry it: " + "; ".join(no))
    return Routing(tuple(found), ", then ".join(said) + ("; " + "; ".join(no) if no else ""))


def carrier(routes: Sequence[str], standing: Collection[str]) -> str:
    """The first of `routes` that stands; "" when none does."""
    return next((name for name in routes if name in standing), "")


def rules_of(smsc: SmscConfig, country: str) -> RouteRules:
    """What this [[smsc]] of a business in `country` may carry."""
    return RouteRules(
        name=smsc.name,
        senders=frozenset(plain(phone.to_e164(s, country) or s) for s in smsc.senders),
        countries=frozenset(smsc.countries),
        prefixes=smsc.prefixes,
        backup=smsc.backup,
    )


class Router:
    """`choose` by the configuration in force; what it was asked before it remembers."""

    def __init__(self, config: Config) -> None:
        self.rules = tuple(rules_of(s, config.business.country) for s in config.smsc)
        self.numbers = tuple((n.did, n.smsc) for n in config.number)
        self.names = frozenset(r.name for r in self.rules)
        self._config = config
        self._by_handset = any(r.countries or r.prefixes for r in self.rules)
        self._named = lru_cache(_REMEMBERED)(self._names_of)
        self._choose = lru_cache(_REMEMBERED)(
            lambda sender, to, named, last: choose(self.rules, sender, to, named=named, last=last)
        )

    @property
    def needed(self) -> bool:
        """Whether there is anything to choose: False for one route that may carry everything."""
        return len(self.rules) > 1 or any(
            r.senders or r.countries or r.prefixes for r in self.rules
        )

    def choose(self, sender: str, to: str, number: str, route: str, kind: TextKind) -> Routing:
        """`number`: the [[number]] it is sent for; `route`: what the row says so far."""
        named = self._named(number) if number else ()
        last = route if kind not in _OF_A_CALL or not number else ""
        return self._choose(sender, to if self._by_handset else "", named, last)

    def new(self, sender: str, to: str, number: str) -> str:
        """The best route of a new text while all stand; "" where there is nothing to choose, or
        none may carry it."""
        if not self.needed:
            return ""
        found = self.choose(sender, to, number, "", TextKind.MISSED).routes
        return found[0] if found else ""

    def successors(self, name: str) -> list[str]:
        """Routes that some number would go by while `name` is down, in their order."""
        found = [n for number in self._config.number for n in self._after(name, number.smsc)]
        found += self._after(name, ())
        return list(dict.fromkeys(found))

    def _after(self, name: str, named: Sequence[str]) -> list[str]:
        mine = list(named) or [r.name for r in self.rules if not r.backup][:1]
        if named and name not in named:
            return []
        return [n for n in (*mine, *(r.name for r in self.rules if r.backup)) if n != name]

    def _names_of(self, number: str) -> tuple[str, ...]:
        found = self._config.number_for(number)
        return found.smsc if found is not None else ()
