"""AMI actions: panoramisk's Action and Manager, corrected, and the errors an action can end in.

    AmiError
    +-- NotConnected      the link is down, or went down before the answer came
    +-- ActionTimeout     Asterisk did not answer in time
    +-- ActionRefused     `Response: Error`; `.denied` when a permission is missing

What is corrected here of panoramisk 1.4 (the rest is in `protocol`): a refused list action never
resolved; a response without an `async` key raised KeyError; CR or LF in a value started a new
header (an attacker's `Action: Command`); the Manager reconnected by itself, every two seconds,
for ever, also after close(), also after a refused login; it pinged without looking for the pong.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from typing import Any

from panoramisk.actions import Action
from panoramisk.manager import Manager
from panoramisk.message import Message

#: AMI header names as Asterisk's own: nothing else may come out of a keyword argument.
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
#: Asterisk reads an action line into a buffer of 1024 bytes and drops what is over.
MAX_LINE = 1000


class AmiError(Exception):
    """An AMI action did not succeed."""


class NotConnected(AmiError):  # noqa: N818
    """The AMI link is down, or went down before the answer came."""


class ActionTimeout(AmiError):  # noqa: N818
    """Asterisk did not answer in time."""


class ActionRefused(AmiError):  # noqa: N818
    """Asterisk answered with an error."""

    def __init__(self, action: str, message: str) -> None:
        super().__init__(f"Asterisk refused {action}: {message}")
        self.action = action
        self.message = message

    @property
    def denied(self) -> bool:
        """True when the manager user lacks the permission (a `write =` class)."""
        return "permission denied" in self.message.lower()


def check_fields(fields: dict[str, str]) -> None:
    """Raise ValueError for a header that would not arrive at Asterisk as it was meant.

    A CR, LF or NUL would begin a header of its own; a line over `MAX_LINE` bytes is cut.
    """
    for name, value in fields.items():
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"not an AMI header name: {name!r}")
        if any(c in value for c in "\r\n\0"):
            # The value is not repeated: it may be a secret, and it is hostile.
            raise ValueError(f"{name} contains a line break or NUL")
        if len(name) + len(value.encode()) > MAX_LINE:
            raise ValueError(f"{name} is longer than {MAX_LINE} bytes")


class AmiAction(Action):  # type: ignore[misc, unused-ignore]
    """One action with its future; knows by the answer itself whether a list follows."""

    def __init__(self, fields: dict[str, str]) -> None:
        check_fields(fields)
        super().__init__(fields)  # type: ignore[no-untyped-call]

    @property
    def multi(self) -> bool:
        """The first response announces a list. (Never by guessing from its wording.)"""
        return bool(self.responses) and _text(self.responses[0], "eventlist") == "start"

    @property
    def completed(self) -> bool:
        if not self.multi:
            return True
        last = self.responses[-1]
        return len(self.responses) > 1 and (
            _text(last, "eventlist") in ("complete", "cancelled")
            or _text(last, "event").endswith("complete")
        )

    def add_message(self, message: Message) -> bool:
        """Take one response or list row; True when it was the last one."""
        self.responses.append(message)
        if not self.completed:
            return False
        if not self.future.done():
            self.future.set_result(list(self.responses))
        return True


def _text(message: Message, key: str) -> str:
    value = message.get(key, "")
    return value.lower() if isinstance(value, str) else ""


def rows_of(action: AmiAction, responses: list[Message]) -> list[dict[str, str]]:
    """The answer as plain dicts with lower-case keys: a list's rows, or the one response.

    Raises ActionRefused for `Response: Error`.
    """
    first = responses[0]
    if _text(first, "response") in ("error", "fail", "failure"):
        raise ActionRefused(str(action["action"]), str(first.get("message", "no reason given")))
    chosen = responses[1:-1] if action.multi else responses
    return [
        {str(k).lower(): str(v) for k, v in message.items() if k != "content"} for message in chosen
    ]


class OneShotManager(Manager):  # type: ignore[misc, unused-ignore]
    """panoramisk's Manager for exactly one connection: login and actions, no life of its own.

    Whoever made it connects it (`adopt`), pings, and decides about the next attempt.
    """

    def __init__(self, *, lost: asyncio.Future[str], **config: Any) -> None:
        super().__init__(**config)  # type: ignore[no-untyped-call]
        self.lost = lost

    def adopt(
        self, transport: asyncio.BaseTransport, protocol: asyncio.BaseProtocol
    ) -> asyncio.Future[list[Message]]:
        """Take over a connection and log in; the future has the answer to the Login."""
        connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connected.set_result((transport, protocol))
        self.connection_made(connected)  # type: ignore[no-untyped-call]
        self._stop_pinger()
        answer: asyncio.Future[list[Message]] | None = self.authenticated_future
        assert answer is not None, "a Manager with a username sends its Login when it is connected"
        return answer

    def login(self, future: asyncio.Future[Any]) -> bool:
        """Called when the Login is answered: nothing is armed, and a lost link is no error here."""
        self.authenticated = (
            not future.cancelled()
            and future.exception() is None
            and bool(future.result()[0].success)
        )
        return self.authenticated

    def ping(self) -> None:
        """Never by itself: the link pings, with a deadline for the pong."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Report, once; the next attempt is not made here."""
        self._connected = False
        self._stop_pinger()
        if not self.lost.done():
            self.lost.set_result(describe(exc) if exc else "Asterisk closed the connection")

    def _stop_pinger(self) -> None:
        if self.pinger is not None:
            self.pinger.cancel()
            self.pinger = None


def describe(error: BaseException) -> str:
    """An exception as one short sentence for the operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the TLS certificate was not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return str(error) or "no answer in time"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio puts the address where the words should be
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
