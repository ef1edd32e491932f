"""How long to wait before the next connection attempt: exponential, with full jitter; pure."""

from __future__ import annotations

#: 2**30 times any first delay is beyond every cap; a larger exponent would only overflow floats.
_MAX_EXPONENT = 30


def ceiling(attempt: int, *, first: float, maximum: float) -> float:
    """The longest wait in seconds before retry number `attempt` (0 = after the first failure)."""
    if attempt < 0 or first <= 0 or maximum <= 0:
        raise ValueError("attempt must be >= 0, first and maximum > 0 seconds")
    return float(min(maximum, first * 2 ** min(attempt, _MAX_EXPONENT)))


def delay(attempt: int, *, first: float, maximum: float, dice: float) -> float:
    """Seconds to wait before retry number `attempt`; `dice` is uniform in [0, 1).

    Full jitter (any value up to the ceiling), because a PBX that comes back must not be met by
    every client in the same second.
    """
    if not 0.0 <= dice <= 1.0:
        raise ValueError("dice must be within 0 and 1")
    return dice * ceiling(attempt, first=first, maximum=maximum)


def around(seconds: float, *, spread: float = 0.1, dice: float) -> float:
    """`seconds`, moved by at most `spread` of itself: for fixed long waits (a refused login)."""
    if not 0.0 <= dice <= 1.0:
        raise ValueError("dice must be within 0 and 1")
    return seconds * (1.0 + spread * (2.0 * dice - 1.0))
