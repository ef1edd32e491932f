"""Where one link stands and what happened to it: its state, its warnings, its counters, its log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import structlog

from ami_listener.settings import TRANSITIONS, LinkState

log = structlog.get_logger()

_LEVELS = {
    LinkState.UP: logging.INFO,
    LinkState.WAITING: logging.WARNING,
    LinkState.REFUSED: logging.ERROR,
    LinkState.STOPPED: logging.INFO,
}


class Journal:
    """Kept by the link, read by everybody."""

    def __init__(self, pbx: str, on_state: Callable[[LinkState, str], None] | None) -> None:
        self._pbx = pbx
        self._on_state = on_state
        self.state = LinkState.STOPPED
        self.detail = ""
        self.warnings: dict[str, str] = {}
        self.counters: dict[str, int] = {}

    def to(self, state: LinkState, detail: str) -> None:
        """Note, log and report a new state."""
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"AMI link: {self.state} -> {state} is not in the table")
        self.state, self.detail = state, detail
        event = "ami_" + state.value
        log.log(_LEVELS.get(state, logging.DEBUG), event, pbx=self._pbx, detail=detail)
        if self._on_state is not None:
            self._on_state(state, detail)

    def warn(self, key: str, text: str | None) -> None:
        """Note (and log once) what works, but not as it should; None takes the note back."""
        if text is None:
            self.warnings.pop(key, None)
        elif self.warnings.get(key) != text:
            self.warnings[key] = text
            log.warning("ami_degraded", pbx=self._pbx, what=key, detail=text)

    def count(self, name: str, by: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + by

    def count_all(self, counters: Mapping[str, int]) -> None:
        for name, by in counters.items():
            self.count(name, by)

    def counters_with(self, current: Mapping[str, int]) -> dict[str, int]:
        """The counters of the present connection on top of those of all before it."""
        names = {*self.counters, *current}
        return {name: self.counters.get(name, 0) + current.get(name, 0) for name in names}
