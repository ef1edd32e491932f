"""An AMI server that logs anybody in and then sends a stream as fast as it is read.

It runs in a process of its own: `python -m bench.ami_server CALLS` prints `{"port": N, "events": N,
"bytes": N}`. Each connection gets the stream once, a second after its last action; the stream ends
with a `Shutdown` event, which every client can see.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from bench.stream import stream

LISTS = {"coreshowchannels": "CoreShowChannelsComplete"}
SETTLE = 1.0  #: seconds without an action before the stream begins
END = b"Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n"


def answers(action: dict[str, str]) -> list[str]:
    """What Asterisk 22 says to an action, as far as a client needs it to go on."""
    name = action.get("action", "").lower()
    ident = f"ActionID: {action['actionid']}\r\n" if "actionid" in action else ""
    ok = f"Response: Success\r\n{ident}"
    if name == "login":
        booted = "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 100\r\nLastReload: 100\r\n"
        return [f"{ok}Message: Authentication accepted\r\n", f"{booted}Status: Fully Booted\r\n"]
    if name == "ping":
        return [f"{ok}Ping: Pong\r\nTimestamp: 1790000000.0\r\n"]
    if name == "corestatus":
        return [
            f"{ok}CoreStartupDate: 2026-11-01\r\nCoreStartupTime: 10:00:00\r\n"
            "CoreReloadDate: 2026-11-01\r\nCoreReloadTime: 10:00:00\r\nCoreCurrentCalls: 0\r\n"
        ]
    if name == "coresettings":
        return [f"{ok}AMIversion: 11.0.0\r\nAsteriskVersion: 22.0.0\r\n"]
    if name == "getvar":
        return [f"{ok}Variable: {action.get('variable', '')}\r\nValue: allowed_not_screened\r\n"]
    if name in LISTS:
        start = f"{ok}EventList: start\r\nMessage: Channels will follow\r\n"
        return [
            start,
            f"Event: {LISTS[name]}\r\n{ident}EventList: Complete\r\nListItems: 0\r\n",
        ]
    return [ok]


class Server:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        logged_in = False
        sent = False
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                patience = SETTLE if logged_in and not sent else None
                try:
                    raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
                except TimeoutError:
                    sent = True
                    for start in range(0, len(self.payload), 65536):
                        writer.write(self.payload[start : start + 65536])
                        await writer.drain()
                    writer.write(END)
                    continue
                lines = raw.decode().split("\r\n")
                action = {
                    key.lower(): value
                    for key, _, value in (line.partition(": ") for line in lines if line)
                }
                logged_in = logged_in or action.get("action", "").lower() == "login"
                for answer in answers(action):
                    writer.write(answer.encode() + b"\r\n")
        writer.close()


async def main() -> None:
    payload, events = stream(int(sys.argv[1]))
    server = await asyncio.start_server(Server(payload).session, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "events": events, "bytes": len(payload)}), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
