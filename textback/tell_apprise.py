"""The way to people: one message through Apprise, in a thread of its own; never on the event loop.

Apprise is imported by the first that needs it. What it logs quotes its URLs, which are secrets: its
logger is silent (`log.LIBRARY_LEVELS`), and of a try that failed only that is told.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from textback.tell_rules import Again, Answer, Told
from textback.tell_words import Note

#: What of Apprise's own words is kept for `textback tell test`, characters.
_MOST_WORDS = 2_000


def _asset() -> Any:
    import apprise

    # Nothing on the disk, nothing of ours interpreted: no escapes, no :emoji:.
    return apprise.AppriseAsset(
        app_id="textback",
        app_desc="textback",
        app_url="",
        async_mode=False,
        interpret_escapes=False,
        interpret_emojis=False,
        secure_logging=True,
        storage_mode="memory",
    )


def _service(url: str) -> Any:
    """The service a URL names; None where Apprise cannot read it."""
    import apprise

    return apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)


def readable(url: str) -> bool:
    """Whether Apprise can use this URL. Takes a quarter of a second the first time."""
    return _service(url) is not None


class Messenger:
    """Sends to one Apprise URL; one message at a time."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._service: Any = None
        #: Of a try that has not come back, perhaps given up by us long ago.
        self._busy: threading.Thread | None = None
        #: What Apprise said of the last try; for the operator's own terminal only.
        self.words = ""

    async def send(self, note: Note, *, listen: bool = False) -> Answer:
        """`listen` keeps Apprise's own words in `words`."""
        if self._busy is not None:
            return Again("the try before this one has not come back")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._in_thread(lambda: self._notify(note, listen))
        except TimeoutError:
            return Again(f"the service did not answer within {self._timeout:g} s")

    def _notify(self, note: Note, listen: bool) -> Answer:
        """In the thread."""
        import apprise

        if self._service is None:
            self._service = _service(self._url)
        if self._service is None:
            return Again("Apprise cannot read the URL")
        sender = apprise.Apprise(asset=self._service.asset)
        sender.add(self._service)
        kind = apprise.NotifyType.WARNING if note.alarm else apprise.NotifyType.INFO
        message: dict[str, Any] = {
            "title": note.title,
            "body": note.body,
            "notify_type": kind,
            "body_format": apprise.NotifyFormat.TEXT,
        }
        if not listen:
            return Told() if sender.notify(**message) else Again("the service did not take it")
        capture: Any = apprise.LogCapture
        with capture(level=logging.INFO) as heard:
            taken = sender.notify(**message)
            self.words = heard.getvalue()[-_MOST_WORDS:]
        return Told() if taken else Again("the service did not take it")

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        """`work` in a daemon thread: one that hangs in a foreign library holds up no stop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer) -> None:
            self._busy = None  # now, and not when the thread has come to its end
            if not done.done():  # not given up meanwhile
                done.set_result(answer)

        def run() -> None:
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - of any of a hundred foreign plugins
                # Its words may quote the URL; its kind does not.
                answer = Again(f"Apprise failed with {type(error).__name__}")
            with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                loop.call_soon_threadsafe(settle, answer)

        self._busy = threading.Thread(target=run, name="notify", daemon=True)
        self._busy.start()
        return await done
