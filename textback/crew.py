"""Named tasks that live as long as the daemon: one that dies, or ends unasked, ends it. Beside them
`apart`: work that may fail alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Do `work` to its end in a task of its own, which is given back: whatever went wrong in it is
    read there (`exception()`), and goes no further. Cancelled, this ends `work` first."""
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    return task


class Crew:
    """The daemon's tasks in one TaskGroup. A death is told to `on_death`, once, by name.

    The group itself never sees the exception: it would cancel everybody at once, and with that
    what is on its way to the carrier. The daemon stops in its own order instead.
    """

    def __init__(self, group: asyncio.TaskGroup, on_death: Callable[[str], None]) -> None:
        self._group = group
        self._on_death = on_death
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dismissed: set[str] = set()

    @property
    def names(self) -> list[str]:
        return list(self._tasks)

    def dead(self) -> list[str]:
        """Names of those who should be working and are not."""
        return [
            name
            for name, task in self._tasks.items()
            if task.done() and name not in self._dismissed
        ]

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work`, which is to go on until it is ended here."""
        old = self._tasks.get(name)
        if old is not None and not old.done():
            work.close()
            raise ValueError(f"{name} is at work already")
        self._dismissed.discard(name)
        task = self._group.create_task(self._watch(name, work), name=name)
        # Cancelled before its first step, a task never touches its work: nothing is left lying.
        task.add_done_callback(lambda _: work.close())
        self._tasks[name] = task

    async def end(self, name: str, gently: Awaitable[None] | None = None) -> None:
        """End one: after `gently` has made it end by itself, else by cancelling it."""
        self._dismissed.add(name)
        task = self._tasks.get(name)
        if gently is not None:
            await gently
        if task is None:
            return
        if gently is None:
            task.cancel()
        await asyncio.wait([task])
        self._tasks.pop(name, None)

    def cancel_all(self) -> None:
        self._dismissed.update(self._tasks)
        for task in self._tasks.values():
            task.cancel()

    async def _watch(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            log.critical("task_died", task=name, error=str(error), exc_info=error)
        else:
            if name in self._dismissed:
                return
            log.critical("task_ended", task=name)
        self._on_death(name)
