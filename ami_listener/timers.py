"""Deadlines by name on the steady clock: set, unset, and which are due."""

from __future__ import annotations

import heapq


class Timers:
    """At most one deadline for each name; unset ones are skipped, and swept when they pile up."""

    def __init__(self) -> None:
        self._deadlines: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def set(self, name: str, deadline: float | None) -> None:
        """Replace the deadline (steady seconds) of `name`; None unsets it."""
        if deadline is None:
            self._deadlines.pop(name, None)
            return
        if self._deadlines.get(name) == deadline:
            return
        self._deadlines[name] = deadline
        heapq.heappush(self._heap, (deadline, name))
        if len(self._heap) > 2 * len(self._deadlines) + 64:
            self._heap = [(at, name) for name, at in self._deadlines.items()]
            heapq.heapify(self._heap)

    def next(self) -> float | None:
        heap = self._heap
        while heap and self._deadlines.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, steady: float) -> list[str]:
        """Names whose deadline has come, earliest first; they are unset."""
        names = []
        while (at := self.next()) is not None and at <= steady:
            _, name = heapq.heappop(self._heap)
            del self._deadlines[name]
            names.append(name)
        return names

    def clear(self) -> None:
        self._deadlines.clear()
        self._heap.clear()

    def __len__(self) -> int:
        return len(self._deadlines)
