"""Desk phones answer: a SIP MESSAGE becomes a text on the conversation it answers.

The phone must be one of the `desk` of the [[number]] for which it speaks, and the handset must
have a conversation with one of its numbers: the newest of them is meant. What is answered with OK
is on the disk; every other answer is a sentence that the dialplan sends back to the phone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from textback import desk_words, hints, phone
from textback.config import Config
from textback.model import HookAnswer, Moment, OutboxRow, PhoneText
from textback.store.errors import OptedOutError, ReplyRefusedError, StoreError
from textback.store.store import Store

log = structlog.get_logger(__name__)

#: Seconds for the store; below what the hook may take (agi.hooks.REPLY_PATIENCE).
STORE_PATIENCE = 1.0
#: Answers being written at the same time; the store has one writer.
MOST = 8

UNKNOWN = "textback is slow: whether this was sent is not known yet. Look before sending it again."


class DeskAnswers:
    """Takes phones' texts; `on_queued` is told of each text that was written."""

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Config],
        *,
        on_queued: Callable[[OutboxRow, Moment], None],
        clock: Callable[[], Moment] = Moment.now,
    ) -> None:
        self._store = store
        self._rules = rules
        self._on_queued = on_queued
        self._clock = clock
        self._writing: set[asyncio.Task[HookAnswer]] = set()

    async def answer(self, text: PhoneText, pbx: str) -> HookAnswer:
        """Send `text` on; `pbx` is the [[pbx]] whose Asterisk told of it. Being cancelled does not
        undo what is being written."""
        if len(self._writing) >= MOST:
            return hints.refused("not sent: textback has too much to write")
        task = asyncio.create_task(self._send(text, pbx), name="a desk phone's answer")
        self._writing.add(task)
        task.add_done_callback(self._written)
        done, _ = await asyncio.wait([task], timeout=STORE_PATIENCE)
        return task.result() if done else hints.refused(UNKNOWN)

    async def stop(self) -> None:
        """Wait for what is being written."""
        if self._writing:
            await asyncio.wait(self._writing)

    def _written(self, task: asyncio.Task[HookAnswer]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("desk_answer_failed", exc_info=error)

    async def _send(self, text: PhoneText, pbx: str) -> HookAnswer:
        config = self._rules()
        here = (pbx, text.endpoint)
        if not desk_words.served_by(config, *here):
            return self._refused(
                text, pbx, "this phone is in no `desk` of textback's numbers", hints.refused
            )
        handset = phone.to_e164(text.handset, config.business.country) or ""
        if not handset:
            return self._refused(text, pbx, "this is no telephone number")
        try:
            held = await self._store.conversations_of(handset)
            served = (o for o, did in held if here in desk_words.phones_of(config, did))
            ours = next(served, None)
            if ours is None:
                return self._refused(text, pbx, "this number never wrote to you, nor you to it")
            row = await self._store.reply(
                handset, ours, text.text, by=text.endpoint, now=self._clock().utc
            )
        except OptedOutError:
            return self._refused(text, pbx, "this number has opted out of your texts")
        except ReplyRefusedError as error:
            return self._refused(text, pbx, str(error))
        except StoreError as error:
            log.warning("desk_answer_not_stored", pbx=pbx, error=str(error))
            why = "textback cannot write it down; try again later"
            return self._refused(text, pbx, why, hints.refused)
        log.info("desk_answer", pbx=pbx, endpoint=text.endpoint, caller=handset, row=row.id)
        self._on_queued(row, text.at)
        return hints.OK

    def _refused(
        self,
        text: PhoneText,
        pbx: str,
        reason: str,
        answer: Callable[[str], HookAnswer] = hints.ignored,
    ) -> HookAnswer:
        """The phone is told either way; what is `refused` is a matter for the operator as well."""
        log.info(
            "desk_answer_refused",
            pbx=pbx,
            endpoint=text.endpoint,
            caller=text.handset,
            reason=reason,
        )
        return answer(f"Not sent: {reason}.")
