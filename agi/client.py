"""One FastAGI connection, from the first byte of its head to the last variable that was set.

    HEAD    Asterisk tells who asks for what; ends with the request, or with the deadline
    ASK     a hook that needs more than the head has asked Asterisk for it (`reply`)
    HOOK    `lookup` and `reply` ask the store; every other hook is done at once, in the same step
    TELL    the variables are on their way and our side is closed: the call goes on as soon as
            Asterisk has read them, whatever becomes of us; it has `LINGER` seconds to close
    GONE    closed

One that connects and leaves is forgotten at once; one that says nothing, says nonsense, or never
reads is cut off by the one timer each connection has. Asterisk itself waits for a script without
any limit, so the limit is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, Protocol, cast

import structlog

from agi.hooks import HOOKS, Ask, Desk, error, unknown
from agi.messages import value_of
from agi.protocol import AgiError, AgiRequest, HeadReader, ReplyReader, command, set_variable
from agi.settings import AgiSettings
from textback.model import HookAnswer, Moment

log = structlog.get_logger()

#: The part of the deadline that a hook with the store may use; the rest is for telling.
HOOK_SHARE = 0.75
#: Seconds Asterisk has to read what it was told: cut off before, it would lose the rest.
LINGER = 1.0


class House(Protocol):
    """The server, as a connection sees it."""

    settings: AgiSettings
    desk: Desk
    counters: dict[str, int]
    last_request: Moment | None

    def now(self) -> Moment: ...
    def admit(self, client: Client, peer: str) -> bool: ...
    def dismiss(self, client: Client) -> None: ...
    def may_say(self, event: str, about: str) -> bool: ...
    def answered(
        self, request: AgiRequest, peer: str, answer: HookAnswer, seconds: float
    ) -> None: ...


class State(StrEnum):
    HEAD = "head"
    ASK = "ask"
    HOOK = "hook"
    TELL = "tell"
    GONE = "gone"


class Client(asyncio.Protocol):
    """One connection; the table of its life is the module's text."""

    def __init__(self, server: House) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._state = State.HEAD
        self._head = HeadReader()
        self._replies = ReplyReader()
        self._expected = 0  #: replies still to come
        self._trusted = True  #: what comes are replies
        self._peer = ""
        self._begun = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[HookAnswer] | None = None
        self._asking: AgiRequest | None = None  #: in ASK
        self._told: list[str] = []

    # --- what asyncio calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        self._begun = self._loop.time()
        if not self._server.admit(self, self._peer):
            self._state = State.GONE
            self._transport.abort()
            return
        self._timer = self._loop.call_later(self._server.settings.deadline, self._time_is_up)

    def data_received(self, data: bytes) -> None:
        try:
            if self._state is State.HEAD:
                request = self._head.feed(data)
                if request is not None:
                    self._take(request)
            elif self._state is not State.GONE and self._trusted:
                for reply in self._replies.feed(data):
                    if self._state is State.ASK:
                        self._hear(value_of(reply.text) if reply.ok else "")
                        continue
                    self._expected -= 1
                    if not reply.ok:
                        self._server.counters["untold"] += 1
        except AgiError as trouble:
            self._bad(trouble)

    def eof_received(self) -> bool:
        """Asterisk has read all we said, or somebody left."""
        counters = self._server.counters
        if self._state is State.TELL and self._expected <= 0 and self._trusted:
            counters["answered"] += 1
        elif self._state is not State.GONE and self._trusted:
            counters["left"] += 1
        self.cut()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._state is not State.GONE:
            self._server.counters["left"] += 1
        self.cut()
        self._server.dismiss(self)
        if not self.gone.done():
            self.gone.set_result(None)

    # --- the life ------------------------------------------------------------------------------

    def cut(self) -> None:
        """End it, in whichever state it is."""
        self._state = State.GONE
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def _time_is_up(self) -> None:
        self._server.counters["cut"] += 1
        if self._state is State.HEAD and self._head.started:
            self._complain("the head did not end in time")
        self.cut()

    def _complain(self, reason: str) -> None:
        if self._server.may_say("agi_bad_request", reason):
            log.warning("agi_bad_request", peer=self._peer, reason=reason)

    def _bad(self, trouble: AgiError) -> None:
        """No FastAGI, or forged by a caller. Asterisk is told, should it be Asterisk."""
        self._server.counters["bad"] += 1
        self._complain(str(trouble))
        self._trusted = False
        if self._state is State.HEAD:
            self._tell(error(str(trouble)))
        else:
            self.cut()

    def _take(self, request: AgiRequest) -> None:
        self._server.counters["requests"] += 1
        self._server.last_request = self._server.now()
        self._run(request)

    def _hear(self, value: str) -> None:
        """One answer of Asterisk's to what the hook asks; after the last one the hook runs."""
        request, self._asking = self._asking, None
        if request is None:
            raise AgiError("Asterisk answers what it was not asked")
        self._told.append(value)
        self._run(request)

    def _run(self, request: AgiRequest) -> None:
        server = self._server
        now = server.now()
        hook = HOOKS.get(request.script)
        if hook is None:
            self._done(request, unknown(request.script))
            return
        if hook.patience > server.settings.deadline and self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._begun + hook.patience, self._time_is_up)
        if hook.asks and len(self._told) < len(hook.asks):
            # One at a time: Asterisk reads all that is there, takes the first line of it, and then
            # waits for more before it looks at the second.
            self._state, self._asking = State.ASK, request
            self._transport.write(command("GET FULL VARIABLE", hook.asks[len(self._told)]))
            return
        self._state = State.HOOK
        told = tuple(self._told)
        try:
            answer = hook.run(Ask(request, self._peer, now, server.desk, told))
        except Exception:
            # A bug of ours must not hold a call.
            server.counters["failed"] += 1
            log.exception("hook_failed", hook=request.script, uniqueid=request.uniqueid)
            self._done(request, error("textback has a fault; its log tells more"))
            return
        if isinstance(answer, HookAnswer):
            self._done(request, answer)
            return
        patience = max(server.settings.deadline, hook.patience)
        waited = self._asked(answer, patience)
        self._task = self._loop.create_task(waited, name=f"agi {request.script}")
        self._task.add_done_callback(lambda task: self._answered(request, task))

    async def _asked(self, answer: Coroutine[Any, Any, HookAnswer], patience: float) -> HookAnswer:
        try:
            async with asyncio.timeout_at(self._begun + patience * HOOK_SHARE):
                return await answer
        except TimeoutError:
            self._server.counters["late"] += 1
            return error(f"no answer within {patience * 1000:g} ms: the store is slow")

    def _answered(self, request: AgiRequest, task: asyncio.Task[HookAnswer]) -> None:
        if task.cancelled():
            return  # the client left, or we close
        trouble = task.exception()
        if trouble is None:
            answer = task.result()
        else:
            self._server.counters["failed"] += 1
            log.error(
                "hook_failed", hook=request.script, uniqueid=request.uniqueid, exc_info=trouble
            )
            answer = error("textback has a fault; its log tells more")
        self._task = None
        if self._state is not State.GONE:
            self._done(request, answer)

    def _done(self, request: AgiRequest, answer: HookAnswer) -> None:
        hook = HOOKS.get(request.script)
        if hook is not None:
            answer = hook.without_values(answer)
        self._server.answered(request, self._peer, answer, self._loop.time() - self._begun)
        self._tell(answer)

    def _tell(self, answer: HookAnswer) -> None:
        """Say all of it and close our side: Asterisk needs nothing more of us to go on."""
        self._state = State.TELL
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER, self._time_is_up)
        variables = [
            ("TEXTBACK_RESULT", answer.result.value),
            ("TEXTBACK_REASON", answer.reason),
            *answer.variables,
        ]
        self._expected = len(variables)
        self._transport.write(b"".join(set_variable(name, value) for name, value in variables))
        try:
            self._transport.write_eof()
        except OSError:  # reset by the other side in this very moment
            self.cut()
