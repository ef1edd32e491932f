"""The FastAGI server: who may connect, how many at a time, and what all of them came to.

Nothing a client does costs more than its place among `max_connections` for one deadline; see
`agi.client`. A client over that limit is closed as it comes, which to Asterisk is a script that has
ended: the call goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from agi.client import Client
from agi.hooks import HOOKS, Desk
from agi.protocol import AgiRequest
from agi.settings import AgiSettings
from textback.model import HookAnswer, HookResult, Moment

log = structlog.get_logger()

#: Connections the kernel holds for us while we are busy.
BACKLOG = 256
#: Seconds between two lines of the log about the same trouble.
SAY_AGAIN = 60.0
_MOST_TROUBLES = 200
#: Seconds for clients to be gone when the server closes.
CLOSE_TIMEOUT = 1.0

#: Everything that is counted; names are stable.
COUNTERS = (
    "connections",
    "requests",
    "answered",  #: Asterisk took every variable
    "late",  #: the hook had no answer in time; the call went on with ERROR
    "cut",  #: the client was cut off by the deadline
    "left",  #: the client left before it had its answer
    "bad",  #: no FastAGI, or forged
    "refused",  #: by address
    "too_many",
    "untold",  #: Asterisk would not set a variable
    "failed",  #: a hook raised: a bug of ours
)


class AgiServer:
    """Listens between `open` and `close`. `on_answer(hook, result, seconds)` tells of each answer;
    for a script that is no hook, `hook` is "unknown"."""

    def __init__(
        self,
        settings: AgiSettings,
        desk: Desk,
        *,
        clock: Callable[[], Moment] = Moment.now,
        on_answer: Callable[[str, HookResult, float], None] | None = None,
    ) -> None:
        self.settings = settings
        self.desk = desk
        self._clock = clock
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.last_request: Moment | None = None
        self._on_answer = on_answer
        self._server: asyncio.Server | None = None
        self._clients: set[Client] = set()
        self._said: OrderedDict[tuple[str, ...], float] = OrderedDict()

    @property
    def port(self) -> int:
        """The port it listens on; 0 when it does not."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    @property
    def open_connections(self) -> int:
        return len(self._clients)

    async def open(self) -> None:
        """Raises OSError: the port is taken, the address is not ours."""
        loop = asyncio.get_running_loop()
        s = self.settings
        self._server = await loop.create_server(
            lambda: Client(self), s.host, s.port, backlog=BACKLOG
        )

    async def close(self) -> None:
        """No new connection; those that are open are cut: their calls go on."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        gone = [client.gone for client in self._clients]
        for client in list(self._clients):
            client.cut()
        if gone:
            await asyncio.wait(gone, timeout=CLOSE_TIMEOUT)
        if server is not None:
            await server.wait_closed()

    def now(self) -> Moment:
        return self._clock()

    # --- for the clients -----------------------------------------------------------------------

    def admit(self, client: Client, peer: str) -> bool:
        self.counters["connections"] += 1
        if not self.settings.allows(peer):
            self.counters["refused"] += 1
            if self.may_say("agi_peer_refused", peer):
                log.warning(
                    "agi_peer_refused", peer=peer, fix="name it in [agi] allow, if it is your PBX"
                )
            return False
        if len(self._clients) >= self.settings.max_connections:
            self.counters["too_many"] += 1
            if self.may_say("agi_too_many", ""):
                log.warning("agi_too_many", peer=peer, limit=self.settings.max_connections)
            return False
        self._clients.add(client)
        return True

    def dismiss(self, client: Client) -> None:
        self._clients.discard(client)

    def may_say(self, event: str, about: str) -> bool:
        """Whether to log this trouble now: each is told once a minute."""
        key = (event, about)
        now = time.monotonic()
        last = self._said.get(key)
        if last is not None and now - last < SAY_AGAIN:
            return False
        self._said[key] = now
        self._said.move_to_end(key)
        if len(self._said) > _MOST_TROUBLES:
            self._said.popitem(last=False)
        return True

    def answered(self, request: AgiRequest, peer: str, answer: HookAnswer, seconds: float) -> None:
        """Count and tell one answer."""
        hook = request.script if request.script in HOOKS else "unknown"
        if self._on_answer is not None:
            self._on_answer(hook, answer.result, seconds)
        if answer.result is not HookResult.ERROR:
            log.debug(
                "hook",
                hook=hook,
                result=answer.result.value,
                reason=answer.reason or None,
                uniqueid=request.uniqueid,
                caller=request.caller,
            )
        elif self.may_say(hook, answer.reason):
            log.warning(
                "hook_refused",
                hook=request.script[:40],
                reason=answer.reason,
                uniqueid=request.uniqueid,
                context=request.context,
                extension=request.extension,
                caller=request.caller,
                peer=peer,
            )
