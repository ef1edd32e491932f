"""The lock that keeps a second daemon away, and the socket by which the command line wakes one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from textback import control


@pytest.fixture
def store(tmp_path: Path) -> Path:
    # Longer than any Unix socket's name may be.
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()
    return folder / "textback.db"


async def test_a_kick_reaches_the_daemon(store: Path) -> None:
    kicked = asyncio.Event()
    door = control.Control(store, kicked.set)
    door.listen()
    try:
        assert control.kick(store)
        await asyncio.wait_for(kicked.wait(), 10)
    finally:
        door.close()


async def test_many_kicks_are_one_or_more_and_never_block(store: Path) -> None:
    kicked = asyncio.Event()
    door = control.Control(store, kicked.set)
    door.listen()
    try:
        assert all(control.kick(store) for _ in range(2000))
        await asyncio.wait_for(kicked.wait(), 10)
    finally:
        door.close()


def test_a_kick_without_a_daemon_says_so(store: Path) -> None:
    assert not control.kick(store)
    assert not control.kick(store.parent / "absent" / "textback.db")
    assert not control.running(store)


async def test_the_socket_of_a_dead_daemon_is_no_daemon(store: Path) -> None:
    door = control.Control(store, lambda: None)
    door.listen()
    asyncio.get_running_loop().remove_reader(door._socket)  # type: ignore[arg-type]
    door._socket.close()  # type: ignore[union-attr]
    door._socket = None
    door.close()
    assert control.socket_path(store).exists()
    assert not control.kick(store)
    assert not control.running(store)
    again = control.Control(store, lambda: None)
    again.listen()
    assert control.running(store)
    again.close()
    assert not control.socket_path(store).exists()


async def test_asking_whether_one_runs_wakes_nobody(store: Path) -> None:
    kicked = asyncio.Event()
    door = control.Control(store, kicked.set)
    door.listen()
    try:
        assert control.running(store)
        # A kick sent after the question is the only one that arrives.
        assert not kicked.is_set()
    finally:
        door.close()


async def test_a_second_daemon_is_refused_and_told_who_is_there(store: Path) -> None:
    first = control.Control(store, lambda: None)
    try:
        with pytest.raises(control.AlreadyRunningError, match=f"process {os.getpid()}"):
            control.Control(store, lambda: None)
    finally:
        first.close()
    control.Control(store, lambda: None).close()


async def test_only_the_owner_and_the_group_may_kick(store: Path) -> None:
    door = control.Control(store, lambda: None)
    door.listen()
    try:
        assert control.socket_path(store).stat().st_mode & 0o007 == 0
        assert control.lock_path(store).stat().st_mode & 0o077 == 0
    finally:
        door.close()
