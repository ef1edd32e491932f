"""Where the dialplan's words arrive: handed to the calls they are about, or written to the store.

    missed handled message   to the tracker of their PBX, in order with its events; while that link
                             is down straight to intake, as a call of which only this is known
    optout optin offer       into a queue in memory, and from there to the disk
    lookup                   read from the store
    reply                    to whoever sends desk phones' texts on (`desk_answers`)

`take` never waits: the PBX is not to wait for our disk. What it has answered with OK is written as
soon as the store can be written, at the latest at the end of the service.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from textback import answers, hints
from textback.config import Config
from textback.decide import decide_offer
from textback.model import (
    Call,
    Hint,
    HintKind,
    HookAnswer,
    HookResult,
    Moment,
    OutboxRow,
    Phase,
    PhoneText,
)
from textback.observer import Observer
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.rows import CallerCard
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Words that wait for the disk; the next one is refused, and its hook says so.
MOST_WAITING = 10_000
#: Lookups at the same time; the store has as many readers.
READS = 4
#: Calls kept that only hooks have told of.
MOST_CALLS = 4_096


class Answers(Protocol):
    """`textback.desk_answers.DeskAnswers`."""

    def answer(self, text: PhoneText, pbx: str) -> Coroutine[Any, Any, HookAnswer]: ...


class PbxView(Protocol):
    """What is asked of a PBX link."""

    @property
    def boot(self) -> str: ...
    @property
    def state(self) -> str: ...
    def hint(self, hint: Hint, *, told: bool = False) -> None: ...
    def call(self, uniqueid: str) -> Call | None: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asked for by pressing a key, on its way to the disk."""

    hint: Hint
    call: Call  #: as it stood then


class HintDesk:
    """The one desk of the service; `run` is its task. Hands facts on to `on_call`."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Config],
        pbxs: Mapping[str, PbxView],
        *,
        on_call: Callable[[Call], None],
        on_queued: Callable[[OutboxRow, Hint], None] | None = None,
        answers: Answers | None = None,
        observer: Observer | None = None,
        clock: Callable[[], Moment] = Moment.now,
        limit: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._rules = rules
        self._pbxs = pbxs
        self._on_call = on_call
        self._on_queued = on_queued
        self._answers = answers
        self._observer = observer or Observer()
        self._clock = clock
        self._limit = limit
        self._wishes: deque[Wish] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: asyncio.Task[None] | None = None
        self._outage = Outage("hints")
        self._by_hooks: OrderedDict[tuple[str, str], Call] = OrderedDict()
        self._reading = asyncio.Semaphore(READS)
        self._reads: set[asyncio.Task[CallerCard | None]] = set()

    @property
    def waiting(self) -> int:
        """Words answered with OK that are not on the disk yet."""
        return len(self._wishes)

    # --- hooks -----------------------------------------------------------------------------------

    def take(self, hint: Hint, peer: str) -> HookAnswer:
        """Take a hook's word; see `agi.hooks.Desk`. Never blocks."""
        try:
            hint = replace(hint, pbx=self._pbx(hint, peer))
        except hints.NotTold as reason:
            return hints.refused(str(reason))
        link = self._pbxs[hint.pbx]
        call = link.call(hint.uniqueid)
        if hint.kind not in hints.OF_THE_CALL:
            # A call that began before the tracker's time is known by what the hook tells.
            return self._wish(hint, call or hints.call_by_hint(hint, link.boot))
        objection = hints.objection(hint, call, self._rules())
        if objection is not None:
            return objection
        if link.state == "up":
            link.hint(hint)
            return hints.OK
        return self._without_link(hint, link, call)

    async def look_up(self, hint: Hint, peer: str) -> HookAnswer:
        """What is known of a caller; may be cancelled, and then stops nothing half-way."""
        try:
            link = self._pbxs[self._pbx(hint, peer)]
        except hints.NotTold as reason:
            return hints.refused(str(reason))
        call = link.call(hint.uniqueid) or hints.call_by_hint(hint, link.boot)
        caller = hints.caller(call, self._rules())
        if not caller:
            nobody = hints.ignored("the caller's number is withheld, or is no telephone number")
            return replace(nobody, variables=hints.card_variables(None))
        await self._reading.acquire()
        read = asyncio.create_task(
            self._store.lookup(caller, self._clock().utc), name="lookup of a caller"
        )
        self._reads.add(read)
        read.add_done_callback(self._read)
        try:
            card = await asyncio.shield(read)
        except StoreError as error:
            return hints.refused(f"the store cannot be read: {error}")
        return replace(hints.OK, variables=hints.card_variables(card))

    async def answer(self, text: PhoneText, peer: str) -> HookAnswer:
        """A desk phone's text; see `agi.hooks.Desk`."""
        if self._answers is None:
            return hints.refused("no desk phones are served here")
        try:
            # The channel of a SIP MESSAGE is no call, which a link could know.
            pbx = hints.which_pbx(text.pbx, peer, self._rules(), lambda _: False)
        except hints.NotTold as reason:
            return hints.refused(str(reason))
        return await self._answers.answer(text, pbx)

    def _read(self, task: asyncio.Task[CallerCard | None]) -> None:
        self._reading.release()  # not before: a store that hangs has READS of them, no more
        self._reads.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waited has been told; nobody may have waited any more.
            log.debug("lookup_failed", error=str(error))

    def _pbx(self, hint: Hint, peer: str) -> str:
        """Raises NotTold."""

        def knows(name: str) -> bool:
            link = self._pbxs.get(name)
            return link is not None and link.call(hint.uniqueid) is not None

        name = hints.which_pbx(hint.pbx, peer, self._rules(), knows)
        if name not in self._pbxs:  # a reload is exchanging it
            raise hints.NotTold(f"[[pbx]] {name} is being set up; try again")
        return name

    def _without_link(self, hint: Hint, link: PbxView, call: Call | None) -> HookAnswer:
        """The AMI link is down: intake is told what the hook told."""
        key = (hint.pbx, hint.uniqueid)
        before = self._by_hooks.get(key) or call
        if before is None:
            if hint.channel.startswith("Local/"):
                return hints.ignored("the AMI link is down: whose leg this is cannot be told")
            before = hints.call_by_hint(hint, link.boot)
            objection = hints.objection(hint, before, self._rules())
            if objection is not None:
                return objection
        told = self._by_hooks[key] = hints.with_word(before, hint)
        self._by_hooks.move_to_end(key)
        if len(self._by_hooks) > MOST_CALLS:
            self._by_hooks.popitem(last=False)
        log.info("hint_without_link", call=str(told.key), hint=hint.kind.value, caller=told.caller)
        self._on_call(told)
        link.hint(hint, told=True)
        return hints.OK

    # --- what the tracker hands over -------------------------------------------------------------

    def heard(self, hint: Hint, call: Call | None) -> None:
        """A UserEvent's wish, with its call; or a hook's word for which no call came (None)."""
        if call is None:
            self._no_call(hint)
            return
        hint = replace(hint, caller=call.caller, did=call.did, linkedid=call.linkedid)
        answer = self._wish(hint, call)
        if answer.result is not HookResult.OK:
            self._say_refused(hint, answer.reason)

    def check(self, call: Call) -> None:
        """A fact that the dialplan brought about: say when it names what is not there."""
        if call.phase is Phase.HINTED and call.message:
            config = self._rules()
            if config.message_named(call.message) is None:
                hint = Hint(
                    kind=HintKind.MESSAGE,
                    pbx=call.key.pbx,
                    uniqueid=call.key.uniqueid,
                    at=call.at,
                    source="dialplan",
                    message=call.message,
                )
                objection = hints.objection(hint, None, config)
                self._say_refused(hint, objection.reason if objection is not None else "")

    def _no_call(self, hint: Hint) -> None:
        link = self._pbxs.get(hint.pbx)
        if link is not None and link.state != "up":
            self._without_link(hint, link, None)
            return
        log.warning(
            "hint_without_call",
            pbx=hint.pbx,
            hint=hint.kind.value,
            uniqueid=hint.uniqueid,
            channel=hint.channel,
            context=hint.context,
            fix="run the hook on the caller's own channel, or a leg that rings for it",
        )

    def _say_refused(self, hint: Hint, reason: str) -> None:
        log.warning(
            "hint_refused",
            pbx=hint.pbx,
            hint=hint.kind.value,
            source=hint.source,
            uniqueid=hint.uniqueid,
            reason=reason,
        )

    # --- to the disk -----------------------------------------------------------------------------

    def _wish(self, hint: Hint, call: Call) -> HookAnswer:
        objection = hints.objection(hint, call, self._rules())
        if objection is not None:
            return objection
        if self._stopping or len(self._wishes) >= self._limit:
            return hints.refused("the store cannot be written, and no more can wait for it")
        self._wishes.append(Wish(hint, call))
        self._wake.set()
        return hints.OK

    async def run(self) -> None:
        """Until `stop` has seen everything on the disk, or cancelled."""
        self._running = asyncio.current_task()
        while not (self._stopping and not self._wishes):
            if not self._wishes:
                self._wake.clear()
                await self._wake.wait()
                continue
            wish = self._wishes[0]
            try:
                await self._keep(wish)
            except StoreUnavailableError as error:
                await asyncio.sleep(self._outage.failed(error, len(self._wishes)))
                continue
            except StoreError as error:
                log.exception(
                    "hint_not_stored",
                    pbx=wish.hint.pbx,
                    hint=wish.hint.kind.value,
                    uniqueid=wish.hint.uniqueid,
                    error=str(error),
                )
            else:
                self._outage.over()
            self._wishes.popleft()

    async def stop(self) -> None:
        """Write what has been taken; `run` then returns."""
        self._stopping = True
        self._wake.set()
        if self._running is not None:
            await asyncio.wait([self._running])
        if self._reads:
            await asyncio.wait(self._reads)

    async def _keep(self, wish: Wish) -> None:
        """Obey one wish, with its evidence, in one transaction. Raises StoreError."""
        hint, call, config = wish.hint, wish.call, self._rules()
        caller, now = hints.caller(call, config), self._clock().utc
        watched = hints.number(call, config)
        number = watched.did if watched is not None else ""
        cancelled: tuple[int, ...] = ()
        row: OutboxRow | None = None
        if hint.kind is HintKind.OPTOUT:
            scope = answers.scope_of(number, config)
            cancelled = await self._store.opt_out_by_hint(hint, caller, number, now, scope=scope)
        elif hint.kind is HintKind.OPTIN:
            scope = answers.scope_of(number, config)
            await self._store.opt_in_by_hint(hint, caller, number, now, scope=scope)
        else:
            offered = await self._store.offer(
                hint,
                caller,
                number,
                lambda known: decide_offer(call, known, config, now, hint.message),
                now=now,
                shadow=config.is_shadow(watched),
            )
            row = None if offered.repeat else offered.row
            log.info(
                "offer",
                call=str(call.key),
                message=hint.message,
                caller=caller,
                reason=offered.verdict.reason.value if offered.verdict is not None else "repeat",
                row=offered.row.id if offered.row is not None else None,
            )
        if hint.kind is not HintKind.OFFER:
            log.info(hint.kind.value, call=str(call.key), caller=caller, source=hint.source)
        for row_id in cancelled:
            log.info("text_cancelled", row=row_id, reason="opted_out")
        if row is not None:
            self._observer.state(row.state)
            if self._on_queued is not None:
                self._on_queued(row, hint)
