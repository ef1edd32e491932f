"""An Asterisk that runs AGI(agi://...): the head it writes, the words it reads, its replies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

CALLER, DID = "+16465550123", "+12125550100"


def head(script: str = "missed", *args: str, **changed: str) -> bytes:
    """The head res_agi.c writes for AGI(agi://127.0.0.1/`script`,args...); `changed` lines by name
    without `agi_`."""
    lines = {
        "network": "yes",
        "network_script": script,
        "request": f"agi://127.0.0.1/{script}",
        "channel": "PJSIP/trunk-00000001",
        "language": "en",
        "type": "PJSIP",
        "uniqueid": "1700000000.1",
        "version": "22.10.1",
        "callerid": CALLER,
        "calleridname": "unknown",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": DID,
        "rdnis": "unknown",
        "context": "from-trunk",
        "extension": DID,
        "priority": "1",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "140000000000000",
        **changed,
    }
    numbered = {f"arg_{number}": value for number, value in enumerate(args, 1)}
    said = "".join(f"agi_{name}: {value}\n" for name, value in {**lines, **numbered}.items())
    return said.encode() + b"\n"


def words(line: str) -> list[str]:
    """A command as res_agi.c's parse_args takes it apart."""
    found: list[str] = []
    quoted = escaped = False
    blank = True
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and blank:
                found.append("")
                blank = False
        elif char in " \t" and not quoted and not escaped:
            blank = True
        elif char == "\\" and not escaped:
            escaped = True
            continue
        else:
            if blank:
                found.append("")
                blank = False
            found[-1] += char
        escaped = False
    return found


@dataclass
class Ran:
    """What came of one AGI()."""

    variables: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


async def run(port: int, said: bytes, *, reply: bytes = b"200 result=1\n") -> Ran:
    """Run a script to its end as Asterisk does: a reply to each command, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ran = Ran()
    try:
        writer.write(said)
        while line := await reader.readline():
            ran.lines.append(line.decode())
            command = words(line.decode().rstrip("\n"))
            assert command[:2] == ["SET", "VARIABLE"]
            ran.variables[command[2]] = command[3]
            writer.write(reply)
    finally:
        writer.close()
        await writer.wait_closed()
    return ran
