"""Calls that users of the console begin by a click: who may, how the number is dialled, how often.

The number is never what a browser sent: it is that of a case or a conversation. Premium numbers,
short codes and emergency numbers are not called.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import phonenumbers
import structlog

from textback import phone
from textback.config import Config, PbxConfig
from textback.console.who import Who
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage, Moment
from textback.phone import Kind

log = structlog.get_logger(__name__)

#: Calls of one user in a minute: more is a key that is stuck.
PER_MINUTE = 10
#: Seconds in which a second click of the same user is the first one once more.
AGAIN = 30.0
#: Seconds for the phone to begin to ring: so long a click waits for its answer.
PATIENCE = 3.0
#: Users whose last call is remembered.
MOST_USERS = 500
_CALLED = frozenset({Kind.DIALABLE, Kind.LANDLINE, Kind.SERVICE})


class Clicks(Protocol):
    """`ami_listener.clicks.Clicks`."""

    @property
    def refusal(self) -> DialRefusal | None: ...

    async def dial(
        self, phone: str, number: str, exten: str, *, name: str, ours: str, at: datetime
    ) -> Dialled: ...

    async def settled(self, call_id: str, seconds: float) -> Dialled | None: ...

    def get(self, call_id: str) -> Dialled | None: ...


class Link(Protocol):
    """`ami_listener.link.PbxLink`."""

    @property
    def clicks(self) -> Clicks: ...

    @property
    def state(self) -> str: ...


class _User:
    """What one user did lately."""

    def __init__(self) -> None:
        self.clicked: deque[float] = deque(maxlen=PER_MINUTE)  # steady seconds
        self.pbx = ""
        self.last: Dialled | None = None
        self.busy = False  #: a click is being carried out


class Dialling:
    """The console's `Dialler`, over the links to the PBXs."""

    def __init__(
        self,
        rules: Callable[[], Config],
        links: Callable[[], Mapping[str, Link]],
        *,
        on_dialled: Callable[[str], None] | None = None,
        clock: Callable[[], Moment] = Moment.now,
    ) -> None:
        """`on_dialled(result)` counts: "placed", or the reason why not."""
        self._rules = rules
        self._links = links
        self._on_dialled = on_dialled
        self._clock = clock
        self._users: OrderedDict[tuple[str, str], _User] = OrderedDict()

    def refusal(self, who: Who) -> DialRefusal | None:
        try:
            self._way(who)
        except DialRefusedError as refused:
            return refused.reason
        return None

    def last(self, who: Who) -> Dialled | None:
        user = self._users.get(_desk(who))
        if user is None or user.last is None:
            return None
        link = self._links().get(user.pbx)
        known = link.clicks.get(user.last.id) if link is not None else None
        return known or user.last

    async def dial(self, who: Who, number: str, *, name: str, ours: str) -> Dialled:
        started = time.monotonic()
        try:
            placed = await self._dial(who, number, name, ours, started)
        except DialRefusedError as refused:
            log.info(
                "dial_refused",
                by=who.name,
                phone=who.phone,
                reason=refused.reason.value,
                detail=refused.detail or None,
            )
            self._count(refused.reason.value)
            raise
        self._count("placed")
        log.info("dial_placed", by=who.name, phone=placed.phone, to=number, call=placed.id)
        return placed

    async def _dial(self, who: Who, number: str, name: str, ours: str, started: float) -> Dialled:
        pbx, link = self._way(who)
        config = self._rules()
        read = phone.read(number, config.business.country)
        if read.kind not in _CALLED or read.e164 != number:
            raise DialRefusedError(DialRefusal.NUMBER, read.why)
        user = self._user(_desk(who))
        last = self.last(who)
        rings = last is not None and last.stage in (DialStage.ASKED, DialStage.RINGING)
        if user.busy or (rings and user.clicked and started - user.clicked[-1] < AGAIN):
            raise DialRefusedError(DialRefusal.BUSY)
        if len(user.clicked) == PER_MINUTE and started - user.clicked[0] < 60.0:
            raise DialRefusedError(DialRefusal.TOO_MANY)
        user.clicked.append(started)
        user.busy = True
        try:
            exten = pbx.dial_prefix + (
                number if pbx.dial_format == "e164" else as_dialled(number, config.business.country)
            )
            at = self._clock().utc
            placed = await link.clicks.dial(who.phone, number, exten, name=name, ours=ours, at=at)
            user.pbx, user.last = pbx.name, placed
            return await link.clicks.settled(placed.id, PATIENCE) or placed
        finally:
            user.busy = False

    def _way(self, who: Who) -> tuple[PbxConfig, Link]:
        """The PBX that rings this user's phone. Raises DialRefusedError."""
        able = [pbx for pbx in self._rules().pbx if pbx.dial_context]
        if not able:
            raise DialRefusedError(DialRefusal.OFF)
        if not who.phone:
            raise DialRefusedError(DialRefusal.NO_PHONE)
        if who.pbx:
            able = [pbx for pbx in able if pbx.name == who.pbx]
        if len(able) != 1:
            raise DialRefusedError(DialRefusal.NO_PBX)
        link = self._links().get(able[0].name)
        if link is None or link.state != "up":
            raise DialRefusedError(DialRefusal.DOWN)
        if (why := link.clicks.refusal) is not None:
            raise DialRefusedError(why)
        return able[0], link

    def _user(self, desk: tuple[str, str]) -> _User:
        user = self._users.setdefault(desk, _User())
        self._users.move_to_end(desk)
        if len(self._users) > MOST_USERS:
            self._users.popitem(last=False)
        return user

    def _count(self, result: str) -> None:
        if self._on_dialled is not None:
            self._on_dialled(result)


def _desk(who: Who) -> tuple[str, str]:
    """Whose clicks are counted together: a program rings the phones of several people."""
    return who.name, who.phone


def as_dialled(e164: str, country: str) -> str:
    """The number as somebody in `country` dials it: "12125550123", "01144...", "0044...".

    With a plus where the numbering plan names no one prefix for abroad; `e164` as it is where it
    cannot be read.
    """
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    told = phonenumbers.format_out_of_country_calling_number(number, country)
    return re.sub(r"[^0-9+]", "", told)
