"""Click-to-dial over AMI: rings a phone, and has the dialplan dial a number once it is picked up.

Seen on Asterisk 16 and 22: Originate needs `write = originate`. With Async it answers at once, and
the phone's channel tells the rest under the Uniqueid that was asked for (ChannelId); for a phone
that is not registered there is no channel, only OriginateResponse. What the header CallerID says is
shown by the phone, but the dialplan takes it for the phone's own, and whoever is called would see
his name as our contacts have it. CONNECTEDLINE, set by Variable, is seen by the phone alone. There
a comma or a bracket in a name would be read otherwise.

Only what was asked for is ever dialled: the number as `Clicks.dial` checks it, in the one context
that the administrator named.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from ami_listener.actions import ActionRefused, AmiError
from ami_listener.event_fields import ORIGINATE_ACTION_ID
from ami_listener.phones import ENDPOINT
from ami_listener.stream import Stream
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage

#: Milliseconds a phone rings.
RING = 30_000
#: What a dialplan can be asked to dial.
EXTEN = re.compile(r"[*#]?[+]?[0-9*#]{2,31}", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9]{2,20}", re.ASCII)
_NO_NAME = re.compile(r'[\x00-\x1f\x7f"\\<>;,|()$\[\]{}]')
_SHOWN = 60


class Link(Protocol):
    """`ami_listener.link.PbxLink`, as far as it is needed here."""

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]: ...


class Clicks:
    """The calls that clicks begin on one PBX."""

    def __init__(
        self,
        link: Link,
        stream: Stream,
        *,
        context: str,
        warn: Callable[[str, str | None], None],
    ) -> None:
        """`context`: where numbers are dialled, "": nowhere; `warn(key, text)` is the
        link's."""
        self.context = context
        self.allowed: bool | None = None  #: None: not asked yet
        self._link = link
        self._stream = stream
        self._warn = warn
        self._news = asyncio.Event()
        self._on_change: Callable[[Dialled], None] | None = None
        stream.placed.on_change = self._changed

    @property
    def refusal(self) -> DialRefusal | None:
        """Why nobody can be called by a click; None: as far as is known, it works."""
        if not self.context:
            return DialRefusal.OFF
        if self.allowed is None:
            return DialRefusal.DOWN
        return None if self.allowed else DialRefusal.DENIED

    def watch(self, on_change: Callable[[Dialled], None]) -> None:
        """Have each step of each call told."""
        self._on_change = on_change

    async def check(self, may: Callable[[str], Awaitable[bool]]) -> None:
        """After a login: does Asterisk let the manager user do it? Raises as `may` does."""
        if self.context:
            self.allowed = await may("Originate")
            self._tell_right()

    def get(self, call_id: str) -> Dialled | None:
        """A call by its id, while it is remembered."""
        return self._stream.placed.get(call_id)

    async def settled(self, call_id: str, seconds: float) -> Dialled | None:
        """The call once it is known whether the phone rings, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while (call := self.get(call_id)) and call.stage is DialStage.ASKED:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return self.get(call_id)

    async def dial(
        self, phone: str, number: str, exten: str, *, name: str, ours: str, at: datetime
    ) -> Dialled:
        """Ring `phone` ("PJSIP/101"); picked up, it dials `exten`, which is how the dialplan
        writes `number` (E.164). The phone shows `name`; the dialplan finds `ours`, the number of
        the business the caller had called, in TEXTBACK_NUMBER. Raises DialRefusedError."""
        found = ENDPOINT.fullmatch(phone)
        if found is None:
            raise DialRefusedError(DialRefusal.NO_PHONE, f"{phone!r} is no PJSIP endpoint")
        if not _NUMBER.fullmatch(number) or not EXTEN.fullmatch(exten):
            raise DialRefusedError(DialRefusal.NUMBER)
        if self.refusal is not None:
            raise DialRefusedError(self.refusal)
        call = Dialled(
            id=f"textback-{secrets.token_hex(8)}",
            phone=phone,
            number=number,
            stage=DialStage.ASKED,
            at=at,
        )
        try:
            return await self._dial(call, found[1], exten, name=name, ours=ours)
        except ActionRefused as refusal:
            if (told := self.get(call.id)) is not None and told.stage.is_final:
                return told  # its OriginateResponse was faster than the answer
            self._stream.placed.failed(call.id, DialStage.UNREACHABLE)
            if refusal.denied:
                self.allowed = False
                self._tell_right()
                raise DialRefusedError(DialRefusal.DENIED, str(refusal)) from None
            raise DialRefusedError(DialRefusal.REFUSED, refusal.message) from None
        except AmiError as error:
            self._stream.placed.failed(call.id, DialStage.LOST)
            raise DialRefusedError(DialRefusal.DOWN, str(error)) from None

    async def _dial(
        self, call: Dialled, endpoint: str, exten: str, *, name: str, ours: str
    ) -> Dialled:
        if not await self._asked(f"PJSIP_DIAL_CONTACTS({endpoint})"):
            raise DialRefusedError(DialRefusal.UNREACHABLE, f"{call.phone} is not registered")
        if await self._asked(f"DIALPLAN_EXISTS({self.context},{exten},1)") != "1":
            raise DialRefusedError(DialRefusal.NO_WAY, f"{self.context} does not know the number")
        own = await self._own_number(endpoint)
        variables = {
            # Inherited by the channel that goes out, for dialplans that show it there.
            "__TEXTBACK_NUMBER": ours if _NUMBER.fullmatch(ours) else "",
            "CONNECTEDLINE(num)": call.number,
            "CONNECTEDLINE(name)": _clean(name),
            "CALLERID(num)": own,
        }
        self._stream.place(call)
        await self._link.action(
            "Originate",
            ActionID=ORIGINATE_ACTION_ID + call.id,
            Channel=call.phone,
            Context=self.context,
            Exten=exten,
            Priority="1",
            Timeout=str(RING),
            Variable=",".join(f"{key}={value}" for key, value in variables.items() if value),
            ChannelId=call.id,
            Async="true",
        )
        # OriginateResponse may be filtered out: a phone that never rang is told all the same.
        later = RING / 1000 + 5
        asyncio.get_running_loop().call_later(later, self._stream.placed.never_rang, call.id)
        return self.get(call.id) or call

    async def _own_number(self, endpoint: str) -> str:
        """For an endpoint without a `callerid` of its own: its calls carry its name as number."""
        told = await self._asked(f"PJSIP_ENDPOINT({endpoint},callerid)")
        number = re.sub(r"[^0-9+]", "", told.rpartition("<")[2])
        return "" if number else re.sub(r"[^0-9]", "", endpoint)

    async def _asked(self, variable: str) -> str:
        """A dialplan function's value."""
        (answer,) = await self._link.action("Getvar", Variable=variable)
        return answer.get("value", "").strip()

    def _changed(self, call: Dialled) -> None:
        self._news.set()
        if self._on_change is not None:
            self._on_change(call)

    def _tell_right(self) -> None:
        self._warn(
            "write_originate",
            None
            if self.allowed
            else "the manager user lacks `write = originate`: nobody can be called by a click in "
            "the console, as dial_context wants",
        )


def _clean(name: str) -> str:
    """A name that a CallerID header and a phone can take."""
    return " ".join(_NO_NAME.sub(" ", name).split())[:_SHOWN]
