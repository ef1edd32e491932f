"""How fast a route may send: segments a second, halved when the carrier says stop; sans-IO.

Two rules, both on a steady clock in seconds:

* **The contract.** At most `rate` segments leave in any second, counted one by one as carriers
  count them, so a text of three segments costs three. A short burst up to `rate` is allowed: the
  first text of a quiet minute must not wait between its own segments.
* **The carrier's own limit** (additive increase, multiplicative decrease, as TCP does). On
  ESME_RTHROTTLED or ESME_RMSGQFUL the whole route pauses and its rate is halved; then the rate
  climbs back by a twentieth of the contract each second. One window of refusals is one message
  from the carrier, so segments sent before the last halving do not halve again. The pause doubles
  while every attempt after it is refused too, up to `MAX_PAUSE`.

A `Pace` belongs to the route, not to the connection: a carrier that throttles us and then drops
the connection must not be met at full speed.
"""

from __future__ import annotations

from collections import deque

#: A carrier sees our seconds through the network's jitter, so ours are a little longer.
SECOND = 1.02
FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
#: Never slower than one segment in ten seconds: the pause is there for worse.
FLOOR = 0.1
#: Of the contract, regained each second after a halving.
RECOVERY = 0.05
#: With no contract the speed regained counts from this or the measured one, whichever is more: the
#: speed of a quiet minute says nothing of what the carrier allows.
USUAL = 10.0
#: What no limit counts as. Larger than any window, small enough for arithmetic.
UNLIMITED = 1_000_000


class Pace:
    """Ask `room` or `ready_at`, then tell `sent`; tell `throttled` and `eased` what came back."""

    def __init__(self, rate: float) -> None:
        """`rate`: segments a second by contract; 0 means no limit of ours."""
        self.contract = rate
        self.throttles = 0  #: halvings so far
        self._limit = rate  #: now; 0: no limit
        self._limit_set_at = 0.0
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._next_pause = FIRST_PAUSE
        self._halved_at = float("-inf")
        # With no contract the speed to halve, and to climb back by, is the one that was measured.
        self._measured = 1.0
        self._second, self._this, self._last = 0, 0, 0

    def limit(self, now: float) -> float:
        """Segments a second allowed now; 0: no limit."""
        if not self.throttles or self._limit == 0:
            return self._limit
        step = RECOVERY * (self.contract or max(USUAL, self._measured))
        grown = self._limit + step * max(0.0, now - self._limit_set_at)
        return min(self.contract, grown) if self.contract else grown

    def paused(self, now: float) -> float:
        """Seconds until the pause the carrier asked for is over."""
        return max(0.0, self._paused_until - now)

    def room(self, now: float) -> int:
        """How many segments may be sent at this moment."""
        if now < self._paused_until:
            return 0
        limit = self.limit(now)
        if limit == 0:
            return UNLIMITED
        count, period = _quota(limit)
        self._forget(now, period)
        return max(0, count - len(self._sent))

    def ready_at(self, now: float) -> float:
        """The earliest moment at which `room` is above zero; `now` when it is already."""
        start = max(now, self._paused_until)
        limit = self.limit(start)
        if limit == 0:
            return start
        count, period = _quota(limit)
        if len(self._sent) < count:
            return start
        return max(start, self._sent[len(self._sent) - count] + period)

    def sent(self, now: float, segments: int = 1) -> None:
        """So many segments were written; a message_payload is several to those who count."""
        second = int(now)
        if second != self._second:
            self._last = self._this if second == self._second + 1 else 0
            self._second, self._this = second, 0
        self._this += segments
        if self._limit:
            self._sent.extend([now] * segments)

    def throttled(self, sent_at: float, now: float) -> float:
        """A segment sent at `sent_at` came back throttled; returns the seconds to pause."""
        if sent_at > self._halved_at:
            limit = self.limit(now)
            if limit == 0:
                self._measured = float(max(self._this, self._last, 1))
                limit = self._measured
            self._limit = max(FLOOR, limit / 2)
            self._limit_set_at = now
            self._halved_at = now
            self.throttles += 1
            self._paused_until = now + self._next_pause
            self._next_pause = min(MAX_PAUSE, self._next_pause * 2)
        return self.paused(now)

    def eased(self, sent_at: float) -> None:
        """A segment sent at `sent_at` was accepted: if that was after the pause, it is over."""
        if sent_at > self._halved_at:
            self._next_pause = FIRST_PAUSE

    def _forget(self, now: float, period: float) -> None:
        sent = self._sent
        while sent and sent[0] <= now - period:
            sent.popleft()


def _quota(limit: float) -> tuple[int, float]:
    """`limit` segments a second as (segments, in so many seconds)."""
    count = max(1, int(limit))
    return count, SECOND * max(1.0, count / limit)
