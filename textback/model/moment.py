"""One instant on two clocks; the one door to the clocks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on two clocks: `utc` for people, `steady` (seconds) for durations.

    The wall clock may jump; `steady` never goes back. In a replay both come from the event's own
    Timestamp header.
    """

    utc: datetime
    steady: float

    @classmethod
    def now(cls) -> Moment:
        return cls(datetime.now(UTC), time.monotonic())

    @classmethod
    def at(cls, epoch: float) -> Moment:
        """The moment `epoch` seconds after 1970 on both clocks: for replay and for tests."""
        return cls(datetime.fromtimestamp(epoch, UTC), epoch)

    def plus(self, seconds: float) -> Moment:
        return Moment(self.utc + timedelta(seconds=seconds), self.steady + seconds)
