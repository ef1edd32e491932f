"""The times in Asterisk's records become instants, or are refused: an hour may come twice.

Seconds since 1970 and texts with an offset say what they mean. Any other text is UTC where the
source is said to be in UTC, else the local time of this host. A local time that means two instants
(the hour after the clocks went back) or none (the hour they skipped) is only taken where something
else says which; it is never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

#: Seconds within which a second source must agree for a time that means two instants.
NEAR = 600.0
_EPOCH = re.compile(r"[0-9]{9,10}(\.[0-9]{1,9})?\Z")
_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
)


@dataclass(frozen=True, slots=True)
class Clock:
    """How one source writes its times."""

    utc: bool = False
    zone: tzinfo | None = None  #: of its local times; None: this host's

    def readings(self, text: str) -> tuple[float, ...]:
        """The instants (epoch, seconds) `text` may mean: none, one, or two."""
        if _EPOCH.match(text):
            return (float(text),)
        found = _TEXT.match(text)
        if found is None:
            return ()
        stem = text[: found.start(2)] if found[2] else text
        offset = "+00:00" if found[2] == "Z" else found[2] or ""
        if "." in stem:  # Python reads three or six digits
            whole, _, part = stem.partition(".")
            stem = f"{whole}.{part[:6]:0<6}"
        try:
            told = datetime.fromisoformat(stem + offset)
            if told.tzinfo is not None:
                return (told.timestamp(),)
            if self.utc:
                return (told.replace(tzinfo=UTC).timestamp(),)
            return self._local(told)
        except (ValueError, OverflowError, OSError):
            return ()

    def _local(self, told: datetime) -> tuple[float, ...]:
        both = sorted({told.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1)})
        # A time the clocks skipped does not come back as itself.
        return tuple(
            at
            for at in both
            if datetime.fromtimestamp(at, self.zone).replace(tzinfo=None, fold=0) == told
        )

    def read(self, text: str, *, near: float | None = None) -> float | None:
        """The instant, epoch in seconds; None where it has none or cannot be told.

        `near`: what another field says, by which one of two readings is chosen.
        """
        found = self.readings(text)
        if len(found) == 1:
            return found[0]
        if near is None:
            return None
        close = [at for at in found if abs(at - near) <= NEAR]
        return close[0] if len(close) == 1 else None
