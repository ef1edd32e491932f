"""All routes together: who carries, who is given up for whom, and who is told of it.

`failover.Board` decides; here it hears what binds and answers tell, is woken at its times, and what
it changes goes to the log, the alarm, the lanes (their claims ask `among` anew) and the store, for
who looks from another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from textback.failover import Board, Change, Patience, RouteStanding, Standing
from textback.model import Accepted, Later, Moment, Refused, Submission, Unsure
from textback.routing import Router
from textback.store.errors import StoreError
from textback.store.outage import Outage
from textback.store.route_notes import RouteNote
from textback.store.rows import Among
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Seconds after which a route that is down is told of again, so that its alarm stands.
REMIND = 60.0
#: Seconds within which a further error of a route is not written to the store.
_QUIET = 5.0


@dataclass
class _Error:
    said: str
    at: Moment


@dataclass
class _Told:
    """What was written down last, and when."""

    at: float = float("-inf")
    notes: list[RouteNote] = field(default_factory=list)


class Fleet:
    """The routes of a running daemon; belongs to delivery, and outlives its exchange."""

    def __init__(
        self,
        store: Store,
        router: Router,
        patience: Mapping[str, Patience],
        *,
        on_change: Callable[[], None] = lambda: None,
        on_down: Callable[[str], None] = lambda _: None,
        clock: Callable[[], Moment] = Moment.now,
    ) -> None:
        """`on_change()`: claims may come out otherwise; `on_down(sentence)`: while one is down."""
        self.router = router
        self._store = store
        self._board = Board()
        self._on_change = on_change
        self._on_down = on_down
        self._clock = clock
        self._errors: dict[str, _Error] = {}
        self._wake = asyncio.Event()
        self._told = _Told()
        self._outage = Outage("routes")
        self._reminded = float("-inf")
        #: Times a route was given up since the start, by name.
        self.failovers: dict[str, int] = dict.fromkeys(patience, 0)
        self._board.configure(patience, self._clock())

    def configure(self, router: Router, patience: Mapping[str, Patience]) -> bool:
        """Another configuration; True when texts may now go otherwise than before."""
        before = (self.router.rules, self.router.numbers)
        changed = (router.rules, router.numbers) != before
        self.router = router
        self._board.configure(patience, self._clock())
        self.failovers = {name: self.failovers.get(name, 0) for name in patience}
        self._errors = {n: e for n, e in self._errors.items() if n in patience}
        self._look_again()
        return changed

    # --- what lanes ask -----------------------------------------------------------------------

    @property
    def among(self) -> Among | None:
        """For a claim; None where there is nothing to choose."""
        if not self.router.needed:
            return None
        self._tick()
        return Among(self.router.names, self._board.standing())

    def down(self) -> dict[str, str]:
        """Routes that do not carry their texts, and why."""
        return self._board.down()

    # --- what the parts tell ------------------------------------------------------------------

    def heard(
        self, name: str, bound: bool, detail: str, *, refused: bool = False, step: bool = False
    ) -> None:
        """A route's bind changed; `step`: on the way to one, or ended by us: no error."""
        now = self._clock()
        detail = detail.partition("; next attempt in")[0]  # it would be another every time
        if not bound and not step:
            self._errors[name] = _Error(detail, now)
        self._apply(self._board.heard(name, bound, detail, now, refused=refused, step=step))

    def answered(self, name: str, submission: Submission) -> None:
        """What came of a text there."""
        now = self._clock()
        match submission:
            case Later(name=said) | Refused(name=said) if said:
                self._errors[name] = _Error(said, now)
            case Unsure(detail=detail):
                self._errors[name] = _Error(f"no answer ({detail})", now)
            case Accepted() | Later() | Refused():
                pass
        self._apply(self._board.answered(name, submission, now))

    # --- what is shown ------------------------------------------------------------------------

    def table(self) -> list[RouteStanding]:
        """Every route as it stands now."""
        self._tick()
        return self._board.table()

    def instead(self, name: str) -> tuple[str, ...]:
        """The routes that may carry for `name` while it is down, those that stand alone."""
        if name not in self._board.down():
            return ()
        standing = self._board.standing()
        return tuple(n for n in self.router.successors(name) if n in standing)

    def figures(self) -> list[tuple[str, bool, int]]:
        """Every route, whether it carries its texts, and how often it was given up."""
        return [(s.name, s.standing.stands, self.failovers[s.name]) for s in self.table()]

    def told(self, name: str) -> dict[str, Any]:
        """How a route stands, for /healthz."""
        shown = next((s for s in self.table() if s.name == name), None)
        if shown is None:
            return {}
        return {
            "standing": shown.standing.value,
            "since": shown.since.isoformat(timespec="seconds"),
            "because": shown.why,
            "carried_by": list(self.instead(name)),
        }

    def notes(self) -> list[RouteNote]:
        """Every route, as it is written down."""
        return [
            RouteNote(
                name=shown.name,
                standing=shown.standing.value,
                since=shown.since,
                why=shown.why,
                instead=self.instead(shown.name),
                last_error=error.said if error else "",
                last_error_at=error.at.utc if error else None,
            )
            for shown in self._board.table()
            for error in [self._errors.get(shown.name)]
        ]

    # --- in the daemon ------------------------------------------------------------------------

    async def run(self) -> None:
        """Change what time changes, and write down what changed; until cancelled."""
        while True:
            self._wake.clear()
            self._tick()
            self._remind()
            await self._write()
            try:
                async with asyncio.timeout(self._left()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _left(self) -> float | None:
        now = self._clock().steady
        ends = [self._board.next_end()]
        if self._board.down():
            ends.append(self._reminded + REMIND)
        if self._told.notes != self.notes():
            ends.append(self._told.at + _QUIET)
        known = [end for end in ends if end is not None]
        return max(0.0, min(known) - now) if known else None

    async def _write(self) -> None:
        notes, now = self.notes(), self._clock().steady
        old = [(n.name, n.standing, n.since, n.instead) for n in self._told.notes]
        moved = [(n.name, n.standing, n.since, n.instead) for n in notes] != old
        if notes == self._told.notes or (not moved and now < self._told.at + _QUIET):
            return
        try:
            await self._store.note_routes(notes)
        except StoreError as error:
            # Only what is shown elsewhere is older than it might be; the next change tells it.
            self._outage.failed(error, 0)
            self._told = _Told(now, self._told.notes)
        else:
            self._outage.over()
            self._told = _Told(now, notes)

    def _tick(self) -> None:
        self._apply(self._board.tick(self._clock()))

    def _look_again(self) -> None:
        self._wake.set()
        self._on_change()

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            self._say(change)
        if changes:
            self._look_again()
            self._remind()

    def _say(self, change: Change) -> None:
        name, instead = change.name, self.instead(change.name)
        if change.new is Standing.DOWN and change.old is Standing.TROUBLED:
            self.failovers[name] = self.failovers.get(name, 0) + 1
            self._reminded = float("-inf")
            log.warning("route_down", route=name, because=change.why, instead=list(instead) or None)
        elif change.new is Standing.CARRYING and change.old is Standing.RETURNING:
            log.warning("route_back", route=name)
        else:
            log.info("route_stands", route=name, standing=change.new.value, because=change.why)

    def _remind(self) -> None:
        """The alarm is cleared by quiet: while a route is down there is none."""
        down = self._board.down()
        now = self._clock().steady
        if not down or now < self._reminded + REMIND:
            return
        self._reminded = now
        told = []
        for name, why in down.items():
            instead = ", ".join(self.instead(name))
            told.append(f"{name}: {why}" + (f"; {instead} carries for it" if instead else ""))
        self._on_down("; ".join(told))
