"""A scripted Asterisk manager interface on loopback: as good, slow, rude or silent as a test wants.

    async with FakeAsterisk() as asterisk:
        ...connect to asterisk.host, asterisk.port...
        await asterisk.wait_for("CoreShowChannels")
        await asterisk.event("Hangup", Uniqueid="1.1", ...)

What it says to each action is in `answers`; a test replaces an entry to change it. Nothing waits by
the clock: `wait_for`, `wait_connections` and `wait_closed` are notified.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

Fields = dict[str, str]
Answer = Callable[["Session", Fields], Iterable[str | bytes] | None]

EOL = "\r\n"


def message(*lines: str) -> str:
    """One AMI message of these header lines."""
    return EOL.join(lines) + EOL + EOL


def event(name: str, fields: dict[str, str] | None = None, **more: str) -> str:
    """One event as Asterisk writes it: Event, Privilege, then the fields in order."""
    lines = [f"Event: {name}", "Privilege: call,all"]
    return message(*lines, *(f"{k}: {v}" for k, v in {**(fields or {}), **more}.items()))


def channel(
    uniqueid: str,
    name: str = "PJSIP/trunk-00000001",
    *,
    state: int = 4,
    caller: str = "+12125550123",
    caller_name: str = "Ann",
    context: str = "from-trunk",
    exten: str = "+12125550100",
    linkedid: str = "",
) -> Fields:
    """The lines every channel event carries about its channel."""
    return {
        "Channel": name,
        "ChannelState": str(state),
        "ChannelStateDesc": {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}.get(state, "Unknown"),
        "CallerIDNum": caller,
        "CallerIDName": caller_name,
        "ConnectedLineNum": "<unknown>",
        "ConnectedLineName": "<unknown>",
        "Language": "en",
        "AccountCode": "",
        "Context": context,
        "Exten": exten,
        "Priority": "1",
        "Uniqueid": uniqueid,
        "Linkedid": linkedid or uniqueid,
    }


class Session:
    """One accepted connection."""

    def __init__(
        self, server: FakeAsterisk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.events = False
        self.logged_in = False

    def write(self, data: str | bytes) -> None:
        raw = data.encode() if isinstance(data, str) else data
        if self.server.chunk:
            size = self.server.chunk
            for at in range(0, len(raw), size):
                self.writer.write(raw[at : at + size])
        else:
            self.writer.write(raw)

    def reply(self, fields: Fields, *lines: str, response: str = "Success") -> None:
        """A response with the action's ActionID."""
        action_id = [f"ActionID: {fields['ActionID']}"] if "ActionID" in fields else []
        self.write(message(f"Response: {response}", *action_id, *lines))


class FakeAsterisk:
    """Accepts any number of connections; every knob may be turned while it runs."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.tls = tls
        self.banner: str | bytes = "Asterisk Call Manager/11.0.0" + EOL
        self.users = {"textback": "secret"}
        self.booted = True
        self.uptime: int | None = 100
        self.started = ("2026-11-23", "12:00:00")
        self.version = "22.10.0"
        self.channels: dict[str, Fields] = {}  # uniqueid: lines of its CoreShowChannel row
        self.variables: dict[tuple[str, str], str] = {}
        self.denied: set[str] = set()  # actions answered with Permission denied
        self.silent = False  # reads, never answers: a half-open peer
        self.chunk = 0  # bytes per write; 0 = whole messages
        self.answers: dict[str, Answer] = {}
        self.received: list[Fields] = []
        self.sessions: list[Session] = []
        self.connections = 0  # ever accepted
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, ssl=self.tls, limit=2**20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything, as a shutdown or a crash of Asterisk does."""
        if self._server is not None:
            self._server.close()
        await self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def drop(self) -> None:
        """Close every connection; go on listening."""
        for session in list(self.sessions):
            session.writer.close()
        await self.wait_closed()

    # --- what a test waits for -----------------------------------------------------------------

    async def wait_for(self, action: str, count: int = 1) -> Fields:
        """The `count`-th such action ever received."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: len(self.actions(action)) >= count)
        return self.actions(action)[count - 1]

    async def wait_connections(self, count: int) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: self.connections >= count)

    async def wait_closed(self) -> None:
        """Until no connection is open."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: not self.sessions)

    def actions(self, name: str) -> list[Fields]:
        return [fields for fields in self.received if fields["Action"] == name]

    # --- what a test says ----------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """Bytes to every session that wants events."""
        for session in self.sessions:
            if session.events:
                session.write(data)

    def event(self, name: str, fields: Fields | None = None, **more: str) -> None:
        self.send(event(name, fields, **more))

    # --- the other side ------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = Session(self, reader, writer)
        self.connections += 1
        self.sessions.append(session)
        try:
            await self._tell()
            session.write(self.banner)
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(
                    line.split(": ", 1) for line in head.decode().split(EOL) if ": " in line
                )
                self.received.append(fields)
                if not self.silent:
                    self._answer(session, fields)
                    await writer.drain()
                await self._tell()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client, or `drop`, closed it: that is how every session ends
        finally:
            self.sessions.remove(session)
            self._tasks.discard(task)
            writer.close()
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _answer(self, session: Session, fields: Fields) -> None:
        name = fields["Action"]
        own = self.answers.get(name)
        if own is not None:
            for part in own(session, fields) or ():
                session.write(part)
        elif name in self.denied:
            session.reply(fields, "Message: Permission denied", response="Error")
        elif name == "Login":
            self._login(session, fields)
        elif not session.logged_in:
            session.reply(fields, "Message: Permission denied", response="Error")
        elif name == "Events":
            session.events = fields["EventMask"] == "on"
            session.reply(fields, "Events: On" if session.events else "Events: Off")
        elif name == "Ping":
            session.reply(fields, "Ping: Pong", "Timestamp: 1795435200.000000")
        elif name == "CoreStatus":
            date, clock = self.started
            session.reply(fields, f"CoreStartupDate: {date}", f"CoreStartupTime: {clock}")
        elif name == "CoreSettings":
            session.reply(fields, "AMIversion: 11.0.0", f"AsteriskVersion: {self.version}")
        elif name == "CoreShowChannels":
            self._list(session, fields)
        elif name == "Getvar":
            self._getvar(session, fields)
        elif name == "Logoff":
            session.reply(fields, "Message: Thanks for all the fish.", response="Goodbye")
            session.writer.close()
        else:
            session.reply(fields, "Message: Invalid/unknown command", response="Error")

    def _login(self, session: Session, fields: Fields) -> None:
        if self.users.get(fields["Username"]) != fields["Secret"]:
            session.reply(fields, "Message: Authentication failed", response="Error")
            session.writer.close()
            return
        session.logged_in = True
        session.events = fields.get("Events") == "on"
        session.reply(fields, "Message: Authentication accepted")
        if self.booted:
            session.write(self.fully_booted())

    def fully_booted(self) -> str:
        uptime = {"Uptime": str(self.uptime)} if self.uptime is not None else {}
        return event("FullyBooted", {"Status": "Fully Booted", **uptime})

    def _list(self, session: Session, fields: Fields) -> None:
        session.reply(fields, "EventList: start", "Message: Channels will follow")
        tail = {"ActionID": fields["ActionID"]}
        for row in list(self.channels.values()):
            more = {"Application": "", "ApplicationData": "", "Duration": "00:00:05"}
            lines = {**tail, **row, **{k: v for k, v in more.items() if k not in row}}
            lines.setdefault("BridgeId", "")
            session.write(
                message("Event: CoreShowChannel", *(f"{k}: {v}" for k, v in lines.items()))
            )
        session.write(
            message(
                "Event: CoreShowChannelsComplete",
                f"ActionID: {fields['ActionID']}",
                "EventList: Complete",
                f"ListItems: {len(self.channels)}",
            )
        )

    def _getvar(self, session: Session, fields: Fields) -> None:
        value = self.variables.get((fields.get("Channel", ""), fields["Variable"]))
        if value is None:
            session.reply(fields, "Message: No such channel", response="Error")
        else:
            session.reply(fields, f"Variable: {fields['Variable']}", f"Value: {value}")
