"""The way in of a route: deliver_sm and data_sm -> receipts and replies, answered once durable."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from sms_gateway import receipts
from sms_gateway.connection import Connection
from sms_gateway.lanes import Lanes
from sms_gateway.pdu import Pdu
from sms_gateway.promises import SETTLED, Overdue, Promises
from sms_gateway.settings import RouteSettings
from textback.model import Receipt, Reply, Submission

log = structlog.get_logger()

ROK = 0x00
#: ESME_RX_T_APPN (SMPP 3.4 section 5.1.3): "not now", so that the SMSC sends it again.
NOT_NOW = 0x64


class NotNow(Exception):  # noqa: N818 (no error: an answer)
    """Raised by `on_receipt` and `on_reply`: it cannot be kept just now, and that was told."""


def _ignore(numbers: list[int]) -> None:
    """Nobody asked which answers arrived."""


def _like(connection: Connection[Any], reply: Reply) -> Hashable:
    return connection, reply.sender, reply.recipient, reply.coding, reply.raw


class Inbound:
    """Hands up what the SMSC delivers, in order for each handset, and answers it."""

    def __init__(
        self,
        settings: RouteSettings,
        *,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        on_reply: Callable[[Reply], Awaitable[int | None]],
        on_answered: Callable[[list[int]], None] | None,
        on_late: Callable[[int, Submission], Awaitable[None]] | None,
        counters: Counter[str],
    ) -> None:
        self._settings = settings
        self._on_receipt = on_receipt
        self._on_reply = on_reply
        settled = SETTLED + settings.enquire_link + 2 * settings.enquire_timeout
        self._promises = Promises(on_answered or _ignore, settled)
        self._overdue = Overdue()
        self._on_late = on_late
        self._counted = counters
        self._lanes = Lanes(f"smpp-{settings.name}", settings.deliver_queue)
        self.run = self._lanes.run
        self.drained = self._lanes.drained

    def take(self, connection: Connection[Any], request: Pdu, at: datetime) -> None:
        """A deliver_sm or data_sm came at `at`; it is answered on its own connection."""
        came = asyncio.get_running_loop().time()
        job = partial(self._deliver, connection, request, at, came)
        if not self._lanes.put(request.text("source_addr"), job):
            self._counted["deliver_overflows"] += 1
            connection.respond(request, NOT_NOW)

    def late(self, row_id: int, submission: Submission) -> None:
        """What became of a message nobody waits for any more."""
        if self._on_late is None:
            return
        job = partial(self._tell_late, self._on_late, row_id, submission)
        if not self._lanes.put(str(row_id), job):
            log.warning("smpp_late_answer_dropped", route=self._settings.name, row_id=row_id)

    async def _deliver(
        self, connection: Connection[Any], request: Pdu, at: datetime, came: float
    ) -> None:
        settings = self._settings
        number: int | None = None
        try:
            found = receipts.read_deliver(
                request,
                route=settings.name,
                id_format=settings.id_format,
                alphabet=settings.alphabet,
                at=at,
                country=settings.country,
                receipts_by_text=settings.receipts_by_text,
            )
            if isinstance(found, Receipt):
                await self._on_receipt(found)
                self._counted["receipts"] += 1
            else:
                found = replace(
                    found,
                    session=self._promises.name(connection),
                    bound=at - timedelta(seconds=connection.age),
                    again=self._overdue.repeats(_like(connection, found), came),
                )
                number = await self._on_reply(found)
                self._counted["replies"] += 1
        except NotNow:
            # The carrier sends it again every few seconds: counted, not told each time.
            self._counted["deliver_errors"] += 1
            connection.respond(request, NOT_NOW)
        except Exception as error:
            # Whatever it was, it is not on disk: the carrier keeps it and sends it again.
            self._counted["deliver_errors"] += 1
            log.exception("smpp_deliver_failed", route=settings.name, error=type(error).__name__)
            connection.respond(request, NOT_NOW)
        else:
            connection.respond(request, ROK)
            if isinstance(found, Reply):
                now = asyncio.get_running_loop().time()
                self._overdue.answered(_like(connection, found), came, now)
            if number is not None:
                self._promises.gave(connection, number)

    async def _tell_late(
        self,
        on_late: Callable[[int, Submission], Awaitable[None]],
        row_id: int,
        submission: Submission,
    ) -> None:
        try:
            await on_late(row_id, submission)
        except Exception:
            # The row stays uncertain, as it was: a receipt or the operator resolves it.
            log.exception("smpp_late_answer_failed", route=self._settings.name, row_id=row_id)
