"""Records what Asterisk writes down of the call matrices: `python -m tests.lab.records [SET...]`.

All rows of a set (`22`, `16`, `22-freepbx`) are placed at once on one private Asterisk that writes
CEL and CDR, and its files are cut apart by the calls' linkedids: tests/data/cel/SET/NAME.csv as
cel_custom wrote it, and tests/data/cdr/SET/NAME.csv in the columns of `CDR`, from the table of
cdr_sqlite3_custom. What must come of them is in the matrices.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.lab import ami, freepbx, freepbx_matrix, matrix
from tests.lab.agent import Agent
from tests.lab.asterisk import Asterisk, free_port
from tests.lab.row import Row, configuration, play
from tests.lab.versions import VERSIONS

DATA = Path(__file__).parents[1] / "data"
#: Columns of what is kept of CDR; times are UTC.
CDR = (
    "start",
    "answer",
    "end",
    "clid",
    "src",
    "dst",
    "did",
    "dcontext",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
    "accountcode",
    "uniqueid",
    "linkedid",
    "sequence",
    "userfield",
)
CEL_ID, CDR_ID = (14, 15), (CDR.index("uniqueid"), CDR.index("linkedid"))
CHANNEL, EXTEN = 9, 7


@dataclass(frozen=True)
class Set:
    version: str
    rows: Sequence[Row]
    files: Callable[[Sequence[Row]], Mapping[str, str]]


SETS = {
    **{name: Set(name, matrix.ROWS, configuration) for name in VERSIONS},
    "22-freepbx": Set("22", freepbx_matrix.ROWS, freepbx.configuration),
}


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.reader(file))


class Groups:
    """Calls by their ids: a Uniqueid and a Linkedid that stand in one row belong together."""

    def __init__(self, rows: Iterable[Sequence[str]], columns: tuple[int, int]) -> None:
        self._up: dict[str, str] = {}
        for row in rows:
            one, two = self.of(row[columns[0]]), self.of(row[columns[1]])
            self._up[one] = two

    def of(self, name: str) -> str:
        while self._up.setdefault(name, name) != name:
            name = self._up[name]
        return name


def belongs(row: Row, event: Sequence[str]) -> bool:
    """Whether this birth of a channel is of the row's call: its number, or one of its phones."""
    numbers = {digits(number) for number in (row.line or row.did, *row.dids)} - {"s"}
    phone = re.match(rf"PJSIP/1{row.index:02d}[1-3]-", event[CHANNEL])
    return digits(event[EXTEN]) in numbers or phone is not None


def digits(number: str) -> str:
    """The end of a number, however it is spelled; a name stays one."""
    found = "".join(char for char in number if char.isdigit())
    return found[-10:] if len(found) >= 7 else number


def read_cdr(log: Path) -> list[list[str]]:
    columns = ", ".join(f'"{column}"' for column in CDR)
    with closing(sqlite3.connect(log / "master.db")) as db:
        return [list(map(str, row)) for row in db.execute(f"SELECT {columns} FROM cdr")]


def cut(rows: Sequence[Row], log: Path, name: str) -> None:
    cel, cdr = read(log / "cel-custom" / "Master.csv"), read_cdr(log)
    groups = Groups(cel, CEL_ID)
    for row in rows:
        own = {
            groups.of(event[CEL_ID[1]])
            for event in cel
            if event[0] == "CHAN_START" and belongs(row, event)
        }
        for kind, lines, columns in (("cel", cel, CEL_ID), ("cdr", cdr, CDR_ID)):
            mine = [line for line in lines if groups.of(line[columns[1]]) in own]
            out = io.StringIO()
            numbers = csv.QUOTE_ALL
            csv.writer(out, quoting=numbers, lineterminator="\n").writerows(mine)
            path = DATA / kind / name / f"{row.name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(out.getvalue(), encoding="utf-8")


async def record(name: str) -> None:
    version = SETS[name].version
    rows = [row for row in SETS[name].rows if version in row.versions]
    agent_port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(version=version, files=SETS[name].files(rows), agent_port=agent_port)
    try:
        await asyncio.to_thread(asterisk.start)
        async with Agent(asterisk.sip_port) as agent, ami.session(asterisk.ami_port) as admin:
            await agent.open(agent_port)
            async with asyncio.TaskGroup() as group:
                for row in rows:
                    group.create_task(play(row, agent, admin), name=row.name)
                    await asyncio.sleep(0.05)
            await asyncio.sleep(5.0)  # the last channels
        await asyncio.to_thread(asterisk.stop)  # every record is written then
        for kind in ("cel", "cdr"):
            shutil.rmtree(DATA / kind / name, ignore_errors=True)
        cut(rows, asterisk.directory / "log", name)
    finally:
        asterisk.close()


if __name__ == "__main__":
    for one in sys.argv[1:] or SETS:
        asyncio.run(record(one))
