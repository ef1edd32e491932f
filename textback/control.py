"""One daemon per store, and how the command line wakes it: a lock and a socket beside the store.

The command line changes rows in the store itself; what the daemon needs is only to be told to look
again. So the message has no content, and who may write the store may write the socket.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


class AlreadyRunningError(Exception):
    """Another daemon works on this store; two would send every text twice."""


def socket_path(store: Path) -> Path:
    return store.with_name(store.name + ".kick")


def lock_path(store: Path) -> Path:
    return store.with_name(store.name + ".lock")


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """`path` as an address that fits: 107 bytes are all a Unix socket's name may have."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Control:
    """The daemon's end: holds the lock while it lives and calls `on_kick` when told to look."""

    def __init__(self, store: Path, on_kick: Callable[[], None]) -> None:
        """Take the lock. Raises AlreadyRunningError, or OSError when the folder is not writable."""
        if not store.parent.is_dir():
            raise FileNotFoundError(
                f"the folder of the store, {store.parent}, does not exist; "
                f"install -d -o textback -g textback -m 0750 {store.parent}"
            )
        self._store = store
        self._on_kick = on_kick
        self._lock = os.open(lock_path(store), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise AlreadyRunningError(
                f"{store} is in use by another textback (process {holder or 'unknown'})"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        """Open the socket on the running loop."""
        path = socket_path(self._store)
        # The lock is ours, so what lies there is a dead daemon's.
        path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            sock.setblocking(False)
            with _address(path) as address:
                sock.bind(address)
            path.chmod(0o660)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            while True:
                self._socket.recv(16)
        except BlockingIOError:
            self._on_kick()

    def close(self) -> None:
        """Close the socket and give the lock back."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            socket_path(self._store).unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def kick(store: Path) -> bool:
    """Tell the daemon of `store` to look again. False: none runs, or it may not be told by us."""
    return _reach(store, b"kick")


def running(store: Path) -> bool:
    """Whether a daemon works on `store` (as far as we may know)."""
    return _reach(store, None)


def _reach(store: Path, message: bytes | None) -> bool:
    path = socket_path(store)
    if not path.parent.is_dir():
        return False
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
        _address(path) as address,
    ):
        sock.setblocking(False)
        try:
            sock.connect(address)
            if message is not None:
                sock.send(message)
        except BlockingIOError:
            return True  # full of kicks: it is awake, or will be
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT, errno.EACCES, errno.EPERM):
                return False
            raise
    return True
