"""A store that fails: said once, waited out with growing patience, said again when it is over."""

from __future__ import annotations

import structlog

from textback.store.errors import StoreError

log = structlog.get_logger(__name__)


class Outage:
    """One part's view of a store that may be full, locked or read-only.

    Nothing is lost meanwhile: what is to be written waits in memory, and is counted in the line
    that says so.
    """

    FIRST = 0.2
    LONGEST = 15.0

    def __init__(self, who: str) -> None:
        self._who = who
        self.failures = 0  #: in a row; 0: the store works

    def failed(self, error: StoreError, waiting: int) -> float:
        """One more failure with `waiting` things unwritten; returns the seconds to wait."""
        if not self.failures:
            log.error("store_failed", part=self._who, error=str(error), waiting=waiting)
        self.failures += 1
        return min(self.LONGEST, self.FIRST * 2.0 ** min(self.failures - 1, 16))

    def over(self) -> None:
        """The store took a write."""
        if self.failures:
            log.info("store_works_again", part=self._who, failures=self.failures)
            self.failures = 0
