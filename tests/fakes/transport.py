"""A transport that goes nowhere and remembers."""

from __future__ import annotations

import asyncio
from typing import Any


class Remembering(asyncio.Transport):
    """Keeps every write; `unread` is what the peer has not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unread = 0
        self.closed = self.aborted = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True
