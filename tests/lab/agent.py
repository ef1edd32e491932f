"""A SIP user agent on one UDP port of loopback that plays all phones and the carrier.

A call that comes in is played by the behaviour registered for the user part of its request-URI;
a call that goes out is driven by its caller's script. Both sides are `Leg`s. Loopback loses
nothing, so there are no timers of our own: a repeated request gets the same answer again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast
from urllib.parse import quote

from tests.lab import sip

SO_RCVBUFFORCE = 33  #: socket(7): past rmem_max, for root; Python has no name for it

Behaviour = Callable[["Leg"], Awaitable[None]]


class Leg:
    """One call as our side sees it: an INVITE sent or received, and the dialog it makes."""

    def __init__(self, agent: Agent, invite: sip.Message, *, incoming: bool) -> None:
        self.agent = agent
        self.invite = invite
        self.incoming = incoming
        self.call_id = invite.get("call-id")
        self.tag = sip.token() if incoming else sip.tag_of(invite.get("from"))
        self.remote = invite.get("from") if incoming else invite.get("to")
        self.local = f"{invite.get('to')};tag={self.tag}" if incoming else invite.get("from")
        self.target = sip.uri_of(invite.get("contact")) if incoming else invite.uri
        self.remote_media = sip.media_port(invite.body) if incoming else 0
        self.cseq = 1
        self.status = 0  #: last response to the INVITE
        self.ringing = asyncio.Event()
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_by_us = False
        self.picks_up_too_late = False  #: its 200 crosses the CANCEL
        self.transferred = asyncio.Event()  #: the far side said how our REFER went (NOTIFY)
        self._last_answer: bytes = b""
        self._talk: asyncio.Task[None] | None = None

    # --- a phone that is called ---------------------------------------------------------------

    def _respond(self, status: int, *, body: str = "", contact: str = "") -> None:
        headers = [("Contact", contact or f"<sip:{self.invite.user}@{self.agent.address}>")]
        if body:
            headers.append(sip.SDP)
        message = sip.response(self.invite, status, tag=self.tag, headers=headers, body=body)
        self._last_answer = message.render()
        self.status = status
        self.agent.send(self._last_answer)

    def ring(self) -> None:
        self.ringing.set()
        self._respond(180)

    def progress(self) -> None:
        """183 with early media, and no 180."""
        self._respond(183, body=sip.sdp(self.agent.media_port))

    def answer(self) -> None:
        if not self.ended.is_set():
            self._respond(200, body=sip.sdp(self.agent.media_port))
            self.answered.set()

    def reject(self, status: int, *, contact: str = "") -> None:
        if not self.ended.is_set():
            self._respond(status, contact=contact)
            self._end(by_us=True)

    # --- both -----------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """CANCEL while it rings, BYE once it is answered, 480 to a call that still rings here."""
        if self.ended.is_set():
            return
        if self.answered.is_set():
            self._request("BYE")
            self._end(by_us=True)
        elif self.incoming:
            self.reject(480)
        else:
            start = self.invite.start.replace("INVITE", "CANCEL", 1)
            same = [h for h in self.invite.headers if h[0] in ("Via", "From", "To", "Call-ID")]
            cancel = sip.Message(start, [*same, ("CSeq", "1 CANCEL"), ("Max-Forwards", "70")])
            self.ended_by_us = True
            self.agent.send(cancel.render())

    def press(self, digit: str) -> None:
        """A key, as SIP INFO (dtmf_mode=info)."""
        kind = ("Content-Type", "application/dtmf-relay")
        self._request("INFO", [kind], f"Signal={digit}\r\nDuration=160\r\n")

    def refer(self, to: str, *, replaces: Leg | None = None) -> None:
        """Transfer the far side to `to`: blind, or attended to the far side of `replaces`."""
        target = f"sip:{to}@{self.agent.server}"
        if replaces is not None:
            tags = f"{sip.tag_of(replaces.remote)}%3Bfrom-tag%3D{sip.tag_of(replaces.local)}"
            target += f"?Replaces={quote(replaces.call_id)}%3Bto-tag%3D{tags}"
        headers = [("Refer-To", f"<{target}>"), ("Referred-By", f"<{sip.uri_of(self.local)}>")]
        self._request("REFER", headers)

    def hold(self, *, on: bool = True) -> None:
        """Put the far side on hold, or take it back: a re-INVITE."""
        body = sip.sdp(self.agent.media_port).replace("sendrecv", "sendonly" if on else "sendrecv")
        self._request("INVITE", [sip.SDP], body)

    async def speak(self, seconds: float, tone: bytes = sip.TONE) -> None:
        """Send a tone of 20 ms as RTP over and over, by the clock: with gaps it is no tone."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(int(seconds * 50)):
            head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 0x7E57BACC)
            if self.remote_media:
                self.agent.media.sendto(head + tone, ("127.0.0.1", self.remote_media))
            await asyncio.sleep(max(0.0, begun + 0.02 * (number + 1) - loop.time()))
            if self.ended.is_set():
                return

    async def over(self, within: float = 120.0) -> None:
        """Wait until the call is over."""
        await asyncio.wait_for(self.ended.wait(), within)

    def _end(self, *, by_us: bool = False) -> None:
        self.ended_by_us = self.ended_by_us or by_us
        self.ended.set()

    def _request(
        self, method: str, headers: list[tuple[str, str]] | None = None, body: str = ""
    ) -> None:
        self.cseq += 1
        self.agent.send(
            sip.Message(
                f"{method} {self.target} SIP/2.0",
                [
                    ("Via", f"SIP/2.0/UDP {self.agent.address};branch={sip.branch()};rport"),
                    ("Max-Forwards", "70"),
                    ("From", self.local),
                    ("To", self.remote),
                    ("Call-ID", self.call_id),
                    ("CSeq", f"{self.cseq} {method}"),
                    ("Contact", f"<sip:{sip.user_of(self.local) or 'lab'}@{self.agent.address}>"),
                    *(headers or []),
                ],
                body,
            ).render()
        )

    # --- what comes in ----------------------------------------------------------------------------

    def on_response(self, message: sip.Message) -> None:
        if message.method != "INVITE":
            return
        status = message.status
        if message.get("cseq") != "1 INVITE" or self.incoming:  # our hold
            if status >= 200:
                self._acknowledge(message)
            return
        self.status = max(self.status, status)
        if sip.tag_of(message.get("to")):
            self.remote = message.get("to")
        if status in (180, 183):
            self.ringing.set()
        if status < 200:
            return
        if status < 300:
            self.target = sip.uri_of(message.get("contact")) or self.target
            self.remote_media = sip.media_port(message.body)
        self._acknowledge(message)
        if status >= 300:
            self._end()
        elif not self.answered.is_set():
            self.answered.set()
            if self.ended_by_us:  # it crossed our CANCEL
                self.hang_up()

    def _acknowledge(self, message: sip.Message) -> None:
        """ACK: its own transaction after a 2xx, the INVITE's after anything else."""
        ok = message.status < 300
        via = f"SIP/2.0/UDP {self.agent.address};branch={sip.branch()};rport"
        self.agent.send(
            sip.Message(
                f"ACK {self.target if ok else self.invite.uri} SIP/2.0",
                [
                    ("Via", via if ok else self.invite.get("via")),
                    ("Max-Forwards", "70"),
                    ("From", self.local),
                    ("To", message.get("to")),
                    ("Call-ID", self.call_id),
                    ("CSeq", message.get("cseq").replace("INVITE", "ACK")),
                ],
            ).render()
        )

    def on_request(self, message: sip.Message) -> None:
        method = message.method
        if method == "INVITE" and message.branch == self.invite.branch:
            if self._last_answer:  # a repetition
                self.agent.send(self._last_answer)
        elif method == "INVITE":  # hold, connected line...: whatever it is, yes
            headers = [("Contact", f"<sip:lab@{self.agent.address}>"), sip.SDP]
            body = sip.sdp(self.agent.media_port)
            answer = sip.response(message, 200, tag=self.tag, headers=headers, body=body)
            self.agent.send(answer.render())
        elif method == "CANCEL":
            self.agent.send(sip.response(message, 200, tag=self.tag).render())
            if self.picks_up_too_late:
                self.answer()
            elif not self.answered.is_set() and not self.ended.is_set():
                self._respond(487)
                self._end()
        elif method != "ACK":
            self.agent.send(sip.response(message, 200, tag=self.tag).render())
            if method == "BYE":
                self._end()
            if method == "NOTIFY" and " 1" not in message.body[:12]:
                self.transferred.set()


class PhoneError(Exception):
    """The script of the phone `user` failed; `__cause__` tells of what."""

    def __init__(self, user: str) -> None:
        super().__init__(f"the script of phone {user} failed")
        self.user = user


class Agent(asyncio.DatagramProtocol):
    """All phones and the carrier on one socket. `behaviours` is by user part of the request-URI."""

    def __init__(self, server_port: int, *, log: Path | None = None) -> None:
        self.server = f"127.0.0.1:{server_port}"
        self.server_port = server_port
        self.behaviours: dict[str, Behaviour] = {}
        self.legs: dict[str, Leg] = {}
        self.log = log
        self.errors: list[PhoneError] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        # Bound and never read: what the far side plays us, the kernel drops.
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind(("127.0.0.1", 0))
        self.media_port = int(self.media.getsockname()[1])

    async def open(self, port: int) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # A burst of calls must not overflow it: what is lost comes again after seconds only.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        with contextlib.suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", port))
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=sock)
        self.address = f"127.0.0.1:{port}"

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
        self.media.close()

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._record(b"<", data)
        if not data.strip():
            return  # keep-alive
        message = sip.parse(data)
        leg = self.legs.get(message.get("call-id"))
        if message.status:
            if leg is not None:
                leg.on_response(message)
        elif leg is not None:
            leg.on_request(message)
        elif message.method == "INVITE":
            self._ringing_here(message)
        elif message.method in ("OPTIONS", "NOTIFY"):
            self.send(sip.response(message, 200, tag=sip.token()).render())
        elif message.method != "ACK":
            self.send(sip.response(message, 481, tag=sip.token()).render())

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._record(b">", data)
            self._transport.sendto(data, ("127.0.0.1", self.server_port))

    def call(
        self,
        caller: str,
        to: str,
        *,
        name: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Leg:
        """Place a call: `caller` and `to` are user parts. Returns at once."""
        display = f'"{name}" ' if name else ""
        invite = sip.Message(
            f"INVITE sip:{to}@{self.server} SIP/2.0",
            [
                ("Via", f"SIP/2.0/UDP {self.address};branch={sip.branch()};rport"),
                ("Max-Forwards", "70"),
                ("From", f"{display}<sip:{caller}@{self.address}>;tag={sip.token()}"),
                ("To", f"<sip:{to}@{self.server}>"),
                ("Call-ID", f"{sip.token()}@127.0.0.1"),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<sip:lab@{self.address}>"),
                ("Allow", "INVITE, ACK, CANCEL, BYE, REFER, INFO, NOTIFY, OPTIONS, UPDATE"),
                *headers,
                sip.SDP,
            ],
            sip.sdp(self.media_port),
        )
        leg = Leg(self, invite, incoming=False)
        self.legs[leg.call_id] = leg
        self.send(invite.render())
        return leg

    def _ringing_here(self, invite: sip.Message) -> None:
        leg = Leg(self, invite, incoming=True)
        self.legs[leg.call_id] = leg
        behaviour = self.behaviours.get(invite.user)
        if behaviour is None:
            leg.reject(404)
            return
        task = asyncio.create_task(self._play(behaviour, leg), name=f"phone {invite.user}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, behaviour: Behaviour, leg: Leg) -> None:
        """A script's own mistake must fail the test that reads `errors`, not vanish."""
        try:
            await behaviour(leg)
        except Exception as error:
            failed = PhoneError(leg.invite.user)
            failed.__cause__ = error
            self.errors.append(failed)
            raise

    def _record(self, way: bytes, data: bytes) -> None:
        if self.log is not None:
            with self.log.open("ab") as file:
                file.write(way * 3 + b"\n" + data + b"\n")
