"""The optional record of raw AMI bytes, for `textback replay`: append only, capped, mode 0600.

The bytes hold telephone numbers and names, never the manager secret (that is only sent). When the
file reaches its cap it becomes FILE.1, replacing an older one, so at most twice the cap is used.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import structlog

log = structlog.get_logger()

DEFAULT_CAP = 64 * 1024 * 1024
#: Ends whatever message the last connection broke off in, so that the next banner stands alone.
SEPARATOR = b"\r\n\r\n"


class Recorder:
    """Appends to `path`. A disk that is full or gone stops the recording, never the link."""

    def __init__(self, path: Path, *, cap: int = DEFAULT_CAP) -> None:
        self._path = path
        self._cap = cap
        self._fd: int | None = None
        self._size = 0
        self.bytes_lost = 0
        self.failed = ""  #: why nothing is recorded at the moment, else ""

    def begin(self) -> None:
        """A new connection: open the file (again, if it failed) and set the connection apart."""
        self._open()
        if self._size:
            self.write(SEPARATOR)

    def write(self, data: bytes) -> None:
        """Append; short and blocking by design: this goes to the page cache."""
        if self._fd is not None and self._size and self._size + len(data) > self._cap:
            self._rotate()
        if self._fd is None:
            self.bytes_lost += len(data)
            return
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self.bytes_lost += len(data)
            self._fail(error)
            return
        self._size += written
        self.bytes_lost += len(data) - written

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        self.close()
        try:
            self._fd, self._size = _open_plain(self._path)
        except OSError as error:
            self._fail(error)
        else:
            self.failed = ""

    def _rotate(self) -> None:
        self.close()
        try:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        except OSError as error:
            self._fail(error)
        else:
            self._open()

    def _fail(self, error: OSError) -> None:
        self.close()
        self.failed = error.strerror or str(error)
        log.warning("ami_record_failed", file=str(self._path), error=self.failed)


def _open_plain(path: Path) -> tuple[int, int]:
    """A descriptor to append to, for our eyes only, and the file's size. Raises OSError."""
    # NONBLOCK: opening a pipe nobody reads must fail, not hang.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(path, flags, 0o600)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):  # a device: its rights must stay as they are
        os.close(fd)
        raise OSError(errno.EINVAL, "not a plain file")
    os.fchmod(fd, 0o600)  # an older file may have been made with other rights
    return fd, status.st_size
