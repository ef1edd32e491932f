"""The whole service tells others: a missed call, a receiver that fails and returns, an alarm."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.receiver import Got, Receiver
from tests.integration.daemon_rig import CALLER, DID, Rig, rig

SECRET = "0123456789abcdef0123456789abcdef"

WEBHOOK = """
[[webhook]]
name = "crm"
url = "{url}"
secret = "{secret}"
events = ["call.missed"]
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


def add(site: Rig, text: str) -> None:
    site.path.write_text(site.path.read_text() + text)


def openssl(secret: str, content: bytes) -> str:
    """The signature as the documentation says to make it, by a program that is not ours."""
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", secret], input=content, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip().rpartition(" ")[2]


def is_signed(got: Got, secret: str = SECRET) -> bool:
    stamp, *signatures = got.headers["X-Textback-Signature"].split(",")
    timestamp = stamp.removeprefix("t=")
    assert timestamp == got.headers["X-Textback-Timestamp"]
    wanted = "v1=" + openssl(secret, timestamp.encode() + b"." + got.content)
    return wanted in signatures


async def miss(site: Rig, uniqueid: str, caller: str = CALLER) -> None:
    site.ring(uniqueid, caller)
    await site.until_logged("call_started", call=f"pbx:{uniqueid}")
    site.hang_up(uniqueid, caller)
    await site.until_logged("call_ended", call=f"pbx:{uniqueid}")


async def up(site: Rig) -> None:
    await site.start()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")


async def test_a_missed_call_is_told_once_signed_and_in_the_documented_shape(site: Rig) -> None:
    async with Receiver() as receiver:
        add(site, WEBHOOK.format(url=receiver.url, secret=SECRET))
        await up(site)
        await miss(site, "1700000000.1")
        (got,) = await receiver.until(1)
        assert got.body["type"] == got.headers["X-Textback-Event"] == "call.missed"
        assert (got.body["caller"], got.body["number"]) == (CALLER, DID)
        data = got.body["data"]
        assert data["label"] == "Front desk"
        assert data["call_id"] == "pbx:1700000000.1"
        assert data["outcome"] in ("abandoned", "no_answer")
        assert got.headers["Idempotency-Key"] == got.headers["X-Textback-Delivery"] == got.id
        assert is_signed(got)
        assert not is_signed(got, "another")
        await site.until_logged("told", target="crm", id=got.id)
        assert all("hidden" not in str(e) and SECRET not in str(e) for e in site.logged)


async def test_a_receiver_that_is_away_hears_everything_in_order_when_it_returns(
    site: Rig,
) -> None:
    async with Receiver() as receiver:
        add(site, WEBHOOK.format(url=receiver.url, secret=SECRET))
        await up(site)
        await receiver.stop()
        for n in range(1, 4):
            await miss(site, f"1700000000.{n}", f"+1212555012{n}")
        await site.until_logged("telling_failed", target="crm")
        await receiver.start()
        code, _, err = await site.cli("tell", "retry", "--target", "crm")
        assert code == 0, err
        got = await receiver.until(3)
        assert [g.body["caller"] for g in got] == [f"+1212555012{n}" for n in range(1, 4)]
        await site.until_logged("telling_works_again", target="crm")


@pytest.mark.crash
async def test_killed_between_telling_and_recording_it_tells_again_with_the_same_key(
    site: Rig,
) -> None:
    async with Receiver("hang") as receiver:
        add(site, WEBHOOK.format(url=receiver.url, secret=SECRET))
        await up(site)
        await miss(site, "1700000000.1")
        # The receiver has it, and its answer has not come: nothing of it is on the disk.
        (first,) = await receiver.until(1)
        await site.kill()
        receiver.answers[0] = 200
        site.told.clear()
        site.logged.clear()
        await up(site)
        _, again = await receiver.until(2)
        assert again.id == first.id
        assert again.content == first.content
        await site.until_logged("told", target="crm", id=first.id)
        site.signal(signal.SIGTERM)
        assert await site.ended() == 0
        with closing(sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True)) as db:
            assert db.execute("SELECT state FROM deliveries").fetchall() == [("delivered",)]
            missed = "SELECT count(*) FROM events WHERE kind = 'call.missed'"
            assert db.execute(missed).fetchall() == [(1,)]
        assert len(receiver.got) == 2


async def test_a_reload_tells_the_new_webhook_and_no_more_the_one_that_is_gone(site: Rig) -> None:
    async with Receiver() as old, Receiver() as new:
        plain = site.path.read_text()
        add(site, WEBHOOK.format(url=old.url, secret=SECRET))
        await up(site)
        await miss(site, "1700000000.1")
        await old.until(1)
        other = WEBHOOK.replace('"crm"', '"other"').format(url=new.url, secret=SECRET)
        site.path.write_text(plain + other)
        site.signal(signal.SIGHUP)
        await site.until_logged("reloaded")
        await miss(site, "1700000000.2", "+12125550124")
        (got,) = await new.until(1)
        assert got.body["caller"] == "+12125550124"
        assert len(old.got) == 1


async def test_the_daemon_stops_in_time_while_a_receiver_hangs(site: Rig) -> None:
    async with Receiver("hang") as receiver:
        add(site, WEBHOOK.format(url=receiver.url, secret=SECRET))
        await up(site)
        await miss(site, "1700000000.1")
        await receiver.until(1)
        site.signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await site.ended() == 0


async def test_the_operator_tries_a_webhook_out_by_the_service(site: Rig) -> None:
    async with Receiver(200, 500) as receiver:
        add(site, WEBHOOK.format(url=receiver.url, secret=SECRET))
        await up(site)
        code, out, err = await site.cli("tell", "test", "crm")
        assert (code, err) == (0, "")
        assert "taken, sent by the service" in out
        code, out, err = await site.cli("tell", "test", "crm")
        assert code == 1
        assert "answered 500" in out
        assert [got.body["type"] for got in receiver.got] == ["test", "test"]
        assert all(is_signed(got) for got in receiver.got)
        with closing(sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True)) as db:
            states = db.execute("SELECT state FROM deliveries ORDER BY id").fetchall()
        assert states == [("delivered",), ("dropped",)]
