"""A person is erased while the whole service runs, and nothing of them comes back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.receiver import Receiver
from tests.integration.daemon_rig import CALLER, DID, Rig, rig
from textback.store.keeping import files_of

#: As `CALLER` is written by whom: nothing of it may be in a file.
TRACES = (b"2125550123", b"555-0123", b"555 0123", b"Zebulon", b"Quixenberry")
SAID = "please ring Zebulon Quixenberry back"
SOMEBODY = "+12125550177"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def miss(site: Rig, uniqueid: str, caller: str = CALLER) -> None:
    site.ring(uniqueid, caller)
    await site.until_logged("call_started", call=f"pbx:{uniqueid}")
    site.hang_up(uniqueid, caller)
    await site.until_logged("call_ended", call=f"pbx:{uniqueid}")


def traces(site: Rig) -> list[bytes]:
    """What of the person is in the database's files, read as files."""
    blob = b"".join(file.read_bytes() for file in files_of(Path(site.values["store"])))
    return [trace for trace in TRACES if trace in blob]


def rows(site: Rig, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


async def test_an_erased_person_is_gone_from_a_running_service_and_is_not_texted_again(
    site: Rig,
) -> None:
    async with Receiver("hang") as receiver:
        hook = f'[[webhook]]\nname = "crm"\nurl = "{receiver.url}"\nsecret = "{"s" * 32}"\n'
        site.path.write_text(site.path.read_text() + hook)
        await site.start()
        await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
        await miss(site, "1700000000.1")
        await site.text()
        site.simulator.reply(CALLER, DID, SAID)
        await site.until_logged("reply")
        await miss(site, "1700000000.2", SOMEBODY)
        await site.text()
        # The receiver never answers: this telling is under way while its event is erased.
        await receiver.until(1)
        code, out, _ = await site.cli("export", CALLER, "--json")
        assert code == 0
        found = json.loads(out)
        assert [len(found[name]) for name in ("calls", "outbox", "replies", "threads")] == [1] * 4
        assert found["replies"][0]["text"] == SAID
        assert SOMEBODY not in out
        assert set(traces(site)) >= {b"2125550123", b"Zebulon"}

        calls = rows(site, "SELECT direction, outcome, count(*) FROM calls GROUP BY 1, 2")
        code, out, err = await site.cli("erase", CALLER, "--reason", "asked by mail", "--yes")
        assert code == 0, err
        assert "looking again" in err
        assert "the number is not in them" in out
        assert "Asterisk's own records" in out
        assert traces(site) == []
        assert rows(site, "SELECT direction, outcome, count(*) FROM calls GROUP BY 1, 2") == calls
        assert len(rows(site, "SELECT * FROM suppressed")) == 1

        await miss(site, "1700000000.3")
        verdict = await site.until_logged("verdict", call="pbx:1700000000.3")
        assert verdict["reason"] == "opted_out"
        code, out, _ = await site.cli("why", "pbx:1700000000.3")
        assert "erased at their wish" in out

        site.simulator.reply(CALLER, DID, "START")
        await site.until_logged("reply", word="start")
        await miss(site, "1700000000.4")
        verdict = await site.until_logged("verdict", call="pbx:1700000000.4")
        assert verdict["reason"] == "send"
        assert rows(site, "SELECT * FROM suppressed") == []
        assert not [e for e in site.logged if e.get("level") in {"error", "critical"}]


async def test_what_the_service_writes_meanwhile_is_looked_for_again(site: Rig) -> None:
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    await miss(site, "1700000000.1")
    await site.text()
    site.ring("1700000000.2")
    await site.until_logged("call_started", call="pbx:1700000000.2")
    # While the person is on the line nothing is erased; once they hang up, everything is.
    asking = site.cli("erase", CALLER, "--reason", "asked", "--yes")
    task = asyncio.create_task(asking, name="erase")
    site.hang_up("1700000000.2")
    code, out, _ = await task
    assert code == 0, out
    assert traces(site) == []


async def test_purge_deletes_beside_the_running_service(site: Rig) -> None:
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    await miss(site, "1700000000.1")
    await site.text()
    with closing(sqlite3.connect(site.values["store"])) as db:
        # Older than `retention.calls`, not than `retention.figures`.
        db.execute("UPDATE calls SET started_at = '2021-01-01 00:00:00.000000'")
        db.commit()
    code, out, _ = await site.cli("purge", "--dry-run", "--json")
    assert (code, json.loads(out)["rows"]["calls"]) == (0, 1)
    assert len(rows(site, "SELECT * FROM verdicts")) == 1
    code, out, _ = await site.cli("purge", "--json")
    assert (code, json.loads(out)["rows"]) == (0, {"calls": 1})
    assert rows(site, "SELECT * FROM calls") == rows(site, "SELECT * FROM verdicts") == []
    assert len(rows(site, "SELECT * FROM outbox WHERE call_id IS NULL")) == 1
