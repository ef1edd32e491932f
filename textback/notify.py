"""What systemd is told (sd_notify(3)): ready, reloading, stopping, a status line, still alive.

The protocol is one datagram, written here: the library of that name swallows every error and never
closes its socket. Without NOTIFY_SOCKET all of it does nothing.
"""

from __future__ import annotations

import os
import socket

import structlog

log = structlog.get_logger(__name__)


class Notifier:
    """One process's line to its supervisor."""

    def __init__(self, address: str | None = None) -> None:
        """`address` is NOTIFY_SOCKET by default; "" or none: nobody listens."""
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._status = ""

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two signs of life: half of what systemd allows; None: it does not ask."""
        allowed = os.environ.get("WATCHDOG_USEC", "")
        meant_for = os.environ.get("WATCHDOG_PID", "")
        if not allowed.isdigit() or (meant_for and meant_for != str(os.getpid())):
            return None
        return int(allowed) / 2_000_000 or None

    def send(self, *lines: str) -> None:
        """Send `KEY=value` lines as one datagram. A supervisor that is gone is logged, no more."""
        if not self._address:
            return
        # An "@" stands for the NUL of Linux's abstract names.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("systemd_unreachable", error=str(error))

    def status(self, text: str) -> None:
        """The line `systemctl status` shows; sent only when it changed."""
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")

    def ready(self) -> None:
        self.send("READY=1", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        self.send("RELOADING=1")

    def stopping(self) -> None:
        self.send("STOPPING=1")

    def alive(self) -> None:
        self.send("WATCHDOG=1")
