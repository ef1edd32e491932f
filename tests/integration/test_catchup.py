"""Catch-up in the real daemon, beside an Asterisk whose records we write."""

from __future__ import annotations

import csv
import io
import json
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ami_listener.records.columns import CEL_CSV
from tests.integration.daemon_rig import CALLER, DID, Rig, rig

NOTE = "pres=allowed_not_screened"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.values["log"] = tmp_path / "Master.csv"
        made.configure(ami=f'{made.asterisk.port}\ncel_csv = "{tmp_path}/Master.csv"')
        yield made


async def working(site: Rig, starts: int = 1) -> None:
    await site.start(ready=False)
    await site.until_told("READY=1", starts)
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound", starts)


async def stopped(site: Rig) -> None:
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0


def rows(begin: float, uniqueid: str, *, answered: bool = False, **more: str) -> str:
    """A call of five seconds, as cel_custom writes it."""
    trunk, phone = f"PJSIP/trunk-{uniqueid}", f"PJSIP/101-{uniqueid}"
    caller = {"uniqueid": f"{int(begin)}.{uniqueid}", "channame": trunk, "exten": DID}
    caller |= {"context": "from-trunk", "cidnum": CALLER, "userfield": NOTE, **more}
    leg = {"uniqueid": f"{int(begin)}.{uniqueid}9", "channame": phone, "appname": "AppDial"}
    dial = {"appname": "Dial", "appdata": "PJSIP/101,30"}
    bridge = {"eventextra": json.dumps({"bridge_id": "b", "bridge_technology": "simple_bridge"})}
    talk = [
        (2, "ANSWER", leg),
        (2, "ANSWER", caller),
        (2, "BRIDGE_ENTER", {**leg, **bridge}),
        (2, "BRIDGE_ENTER", {**caller, **bridge}),
    ]
    over = {"eventextra": json.dumps({"hangupcause": 16, "hangupsource": trunk})}
    events = [
        (0, "CHAN_START", caller),
        (0, "APP_START", {**caller, **dial}),
        (0, "CHAN_START", {**leg, "appname": ""}),
        *(talk if answered else []),
        (5, "HANGUP", {**leg, "eventextra": "{}"}),
        (5, "APP_END", {**caller, **dial}),
        (5, "HANGUP", {**caller, **over}),
    ]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for after, kind, fields in events:
        told = {
            "eventtype": kind,
            "eventtime": f"{begin + after:.6f}",
            "linkedid": f"{int(begin)}.{uniqueid}",
            **fields,
        }
        writer.writerow([told.get(name, "") for name in CEL_CSV])
    return out.getvalue()


def append(site: Rig, text: str) -> None:
    with Path(site.values["log"]).open("a") as log:
        log.write(text)


async def stories(site: Rig) -> list[dict[str, object]]:
    code, out, err = await site.cli("calls", "--all", "-n", "100", "--json")
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


async def test_missed_call_of_the_downtime_is_texted_once_over_kills_and_restarts(
    site: Rig,
) -> None:
    append(site, "")
    await working(site)
    await stopped(site)
    append(site, rows(time.time() - 8, "1"))
    await working(site, 2)
    text = await site.text()
    assert text.to.lstrip("+") == CALLER[1:]
    await site.until_logged("receipt", says="DELIVRD")
    await site.kill()

    site.logged.clear()
    await working(site, 3)
    await site.until_logged("catch_up_done", in_records=1)
    await stopped(site)

    assert site.texts.empty()
    (story,) = await stories(site)
    assert (story["outcome"], story["source"], story["late"]) == ("no_answer", "cel", True)


async def test_answered_call_after_the_missed_one_takes_the_text_away(site: Rig) -> None:
    append(site, "")
    await working(site)
    await stopped(site)
    now = time.time()
    append(site, rows(now - 30, "1") + rows(now - 10, "2", answered=True))
    await working(site, 2)
    await site.until_logged("catch_up_done", calls=2)
    await site.until_logged("text_cancelled")
    await stopped(site)

    assert site.texts.empty()
    outcomes = {story["call"]: story["outcome"] for story in await stories(site)}
    assert sorted(map(str, outcomes.values())) == ["answered", "no_answer"]


async def test_first_start_takes_up_nothing_of_before(site: Rig) -> None:
    append(site, rows(time.time() - 600, "1"))
    await working(site)
    await site.until_logged("catch_up_done", in_records=1)
    await stopped(site)

    assert await stories(site) == []


async def test_hostile_log_kills_nothing_and_hides_no_call(site: Rig) -> None:
    append(site, "")
    await working(site)
    await stopped(site)
    dice = random.Random(7)
    noise = "".join(
        json.dumps([dice.choice(["HANGUP", '"', "x" * 300, "\0", "1e999"]) for _ in range(20)])[
            1:-1
        ]
        + "\n"
        for _ in range(3000)
    )
    name = '"\nCHAN_START,1,2\n"CHAN_START","' + "A" * 5000
    append(site, noise + rows(time.time() - 8, "1", cidname=name))
    await working(site, 2)
    await site.until_logged("records_damaged")
    await site.text()
    await stopped(site)

    (story,) = await stories(site)
    assert (story["outcome"], story["verdict"]) == ("no_answer", "send")


async def test_reload_reads_another_record_without_cutting_the_link(site: Rig) -> None:
    append(site, "")
    await working(site)
    other = site.folder / "other.csv"
    site.configure(ami=f'{site.asterisk.port}\ncel_csv = "{other}"')
    site.signal(signal.SIGHUP)
    said = await site.until_logged("records_unreadable")
    await stopped(site)

    assert said["error"] == f"{other}: No such file or directory"
    assert site.asterisk.connections == 1
