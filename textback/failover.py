"""When a route is given up for the next one, and when it is taken back; pure.

    state      a text of its own goes      left when                                     then
    ---------  --------------------------  --------------------------------------------  ---------
    carrying   by it                       it shows trouble                              troubled
    troubled   by it, while it is bound    it was sound for return_after                 carrying
                                           trouble has lasted failover_after, and lasts  down
                                           the carrier refuses our login                 down
    down       by the next that may        it is bound again                             returning
    returning  by the next that may        it shows trouble                              down
                                           it was sound for return_after                 carrying

Trouble is: not bound, or `MANY` answers in a row that blame the route and not the message
(throttled, "later", none at all), none accepted between them. Sound is the opposite. A route that
comes and goes is not sound for long enough, so its trouble goes on: after failover_after it is down
as if it had never come back. One that falls again soon after its return waits twice as long for the
next one, up to `MOST` times.

`down` only ever says who may claim next. What was submitted on a route stays with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from textback.model import Accepted, Later, Moment, Refused, Submission, Unsure

#: Bad answers in a row that are a route's fault and no accident.
MANY = 5
#: A route that falls within so many return_after of its return has relapsed.
SOON = 10
#: By what return_after grows at most.
MOST = 32


class Standing(StrEnum):
    """How a route stands towards its texts."""

    CARRYING = "carrying"
    TROUBLED = "troubled"
    DOWN = "down"
    RETURNING = "returning"

    @property
    def stands(self) -> bool:
        """Whether it carries its texts; else the next one does."""
        return self in (Standing.CARRYING, Standing.TROUBLED)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, from [[smsc]]."""

    failover_after: float = 60.0
    return_after: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStanding:
    """One route at one moment."""

    name: str
    standing: Standing
    since: datetime
    why: str  #: of trouble and of being down: what was seen; "" for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A route that came to stand otherwise."""

    name: str
    old: Standing
    new: Standing
    why: str


@dataclass
class _Route:
    patience: Patience
    state: Standing
    since: Moment
    why: str
    trouble_since: float | None  #: steady; of the trouble that is not over yet
    bound: bool = False
    refused: bool = False
    sound_since: float | None = None
    bad: int = 0  #: bad answers in a row
    relapses: int = 0
    returned: float | None = None

    @property
    def trouble(self) -> bool:
        return not self.bound or self.bad >= MANY

    @property
    def wait(self) -> float:
        """How long it must be sound to be taken back."""
        return self.patience.return_after * min(MOST, 1 << self.relapses)


@dataclass
class Board:
    """All routes; every `now` is an argument."""

    routes: dict[str, _Route] = field(default_factory=dict)

    def configure(self, patience: Mapping[str, Patience], now: Moment) -> None:
        """These are the routes now; those that were there before stand as they stood."""
        for name in set(self.routes) - set(patience):
            del self.routes[name]
        for name, how in patience.items():
            known = self.routes.get(name)
            if known is not None:
                known.patience = how
            else:
                why = "not bound yet"
                self.routes[name] = _Route(how, Standing.TROUBLED, now, why, now.steady)
        self.routes = {name: self.routes[name] for name in patience}

    # --- what is seen -------------------------------------------------------------------------

    def heard(
        self,
        name: str,
        bound: bool,
        detail: str,
        now: Moment,
        *,
        refused: bool = False,
        step: bool = False,
    ) -> list[Change]:
        """The route's bind changed; `refused`: the carrier does not take our login; `step`: it is
        on the way to a bind, which is not why there is none."""
        route = self.routes.get(name)
        if route is None:
            return []
        if bound and not route.bound:
            route.bad = 0
        if not bound and (route.bound or not step or not route.why):
            route.why = detail
        route.bound, route.refused = bound, refused
        return self._look([name], now)

    def answered(self, name: str, submission: Submission, now: Moment) -> list[Change]:
        """What came of a text there."""
        route = self.routes.get(name)
        if route is None:
            return []
        match submission:
            case Accepted(parts=parts) if parts:
                route.bad = 0
            case Later(name=said) if said:
                route.bad += 1
                route.why = f"it answers {said}" if route.bound else route.why
            case Unsure():
                route.bad += 1
                route.why = "it does not answer" if route.bound else route.why
            case Refused() | Accepted() | Later():
                return []  # the message is to blame, or nothing was submitted
        return self._look([name], now)

    def tick(self, now: Moment) -> list[Change]:
        """What time alone changes."""
        return self._look(self.routes, now)

    # --- what is asked ------------------------------------------------------------------------

    def standing(self) -> frozenset[str]:
        """The routes that carry their texts."""
        return frozenset(name for name, route in self.routes.items() if route.state.stands)

    def down(self) -> dict[str, str]:
        """The others, and why."""
        return {name: r.why for name, r in self.routes.items() if not r.state.stands}

    def table(self) -> list[RouteStanding]:
        """Every route, in the order of the configuration."""
        return [
            RouteStanding(
                name=name,
                standing=route.state,
                since=route.since.utc,
                why="" if route.state is Standing.CARRYING else route.why,
            )
            for name, route in self.routes.items()
        ]

    def next_end(self) -> float | None:
        """When `tick` may change something, on the steady clock; None: never by itself."""
        ends = [self._end(route) for route in self.routes.values()]
        return min((end for end in ends if end is not None), default=None)

    # --- the table ----------------------------------------------------------------------------

    def _look(self, names: Iterable[str], now: Moment) -> list[Change]:
        changes: list[Change] = []
        for name in names:
            route = self.routes[name]
            if route.trouble:
                route.sound_since = None
            elif route.sound_since is None:
                route.sound_since = now.steady
            # Two steps at once: down, and bound all the while, is returning.
            while (new := self._next(route, now.steady)) is not None:
                old, route.state, route.since = route.state, new, now
                self._enter(route, old, now.steady)
                changes.append(Change(name=name, old=old, new=new, why=route.why))
        return changes

    def _next(self, route: _Route, now: float) -> Standing | None:
        sound = None if route.sound_since is None else now - route.sound_since
        match route.state:
            case Standing.CARRYING:
                return Standing.TROUBLED if route.trouble else None
            case Standing.TROUBLED:
                if sound is not None:
                    return Standing.CARRYING if sound >= route.patience.return_after else None
                assert route.trouble_since is not None
                lasted = now - route.trouble_since
                long = lasted >= route.patience.failover_after
                return Standing.DOWN if long or route.refused else None
            case Standing.DOWN:
                return Standing.RETURNING if sound is not None else None
            case Standing.RETURNING:
                if sound is None:
                    return Standing.DOWN
                return Standing.CARRYING if sound >= route.wait else None

    def _enter(self, route: _Route, old: Standing, now: float) -> None:
        match route.state:
            case Standing.TROUBLED:
                route.trouble_since = now
            case Standing.CARRYING:
                route.trouble_since = None
                route.why = ""
                if old is Standing.RETURNING:
                    route.returned = now
            case Standing.DOWN:
                if old is Standing.TROUBLED:
                    soon = SOON * route.patience.return_after
                    again = route.returned is not None and now - route.returned <= soon
                    route.relapses = route.relapses + 1 if again else 0
                # Nobody gives it texts now, so nothing but time says that it answers again.
                route.bad = 0
                if route.bound:
                    route.sound_since = now
            case Standing.RETURNING:
                pass

    def _end(self, route: _Route) -> float | None:
        if route.state is Standing.TROUBLED:
            if route.sound_since is not None:
                return route.sound_since + route.patience.return_after
            assert route.trouble_since is not None
            return route.trouble_since + route.patience.failover_after
        if route.state is Standing.RETURNING and route.sound_since is not None:
            return route.sound_since + route.wait
        return None
