"""The daemon's whole life as a process: start, a missed call, a text, `why`, reload, stop."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.integration.daemon_rig import CALLER, DID, Rig, free_port, rig
from textback.config_load import load
from textback.daemon import Daemon
from textback.intake import Intake
from textback.notify import Notifier


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def working(site: Rig) -> Rig:
    """Started, with both links up."""
    await site.start()
    await site.asterisk.wait_for("CoreShowChannels")
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    return site


def states(site: Rig) -> list[str]:
    with sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True) as db:
        found = [row[0] for row in db.execute("SELECT state FROM outbox ORDER BY id")]
    db.close()
    return found


async def test_a_missed_call_becomes_a_text_and_why_tells_the_story(site: Rig) -> None:
    await working(site)
    site.ring("1700000000.1")
    text = await site.text()
    assert (text.to.lstrip("+"), text.sender.lstrip("+")) == (CALLER[1:], DID[1:])
    assert text.text == "Sorry we missed you."
    await site.until_logged("receipt", says="DELIVRD")
    site.hang_up("1700000000.1")
    await site.until_logged("call_ended", outcome="no_answer")

    code, out, err = await site.cli("why", "(212) 555-0123", "--json")
    assert (code, err) == (0, "")
    story = json.loads(out)
    assert story["call"] == "pbx:1700000000.1"
    assert (story["verdict"], story["outcome"]) == ("send", "no_answer")
    assert all(gate["passed"] for gate in story["gates"])
    assert story["text"]["state"] == "delivered"
    code, out, _ = await site.cli("why", "1700000000.1")
    assert code == 0
    assert "Verdict: text this caller" in out
    assert "delivered" in out

    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert states(site) == ["delivered"]
    assert "STOPPING=1" in site.told
    assert site.told.count("WATCHDOG=1") >= 1
    assert site.logged[-1]["event"] == "stopped"


async def test_every_line_of_a_call_begins_with_it_and_no_number_or_text_is_in_the_log(
    site: Rig,
) -> None:
    await working(site)
    site.ring("1700000000.1")
    await site.text()
    await site.until_logged("receipt", says="DELIVRD")
    site.hang_up("1700000000.1")
    await site.until_logged("call_ended")
    site.signal(signal.SIGTERM)
    await site.ended()
    told = [e["event"] for e in site.logged if e.get("call") == "pbx:1700000000.1"]
    for event in ("call_started", "verdict", "text_queued", "text_submitted", "receipt"):
        assert event in told, (event, told)
    whole = json.dumps(site.logged)
    for secret in ("5550123", "Sorry we missed", '"secret"', '"pw"'):
        assert secret not in whole
    assert not [e for e in site.logged if e["event"] == "not_json"]
    assert not [e for e in site.logged if e["level"] in ("error", "critical")]


async def test_a_wrong_configuration_is_refused_and_the_old_one_stays(site: Rig) -> None:
    await working(site)
    site.configure(mode="livid", message="{{nonsense}}")
    site.signal(signal.SIGHUP)
    await site.until_told("READY=1", 2)
    refused = [e for e in site.logged if e["event"] == "reload_refused"]
    assert any("mode" in e["error"] for e in refused)
    assert any("message" in e["error"] for e in refused)
    site.ring("1700000000.1")
    assert (await site.text()).text == "Sorry we missed you."
    async with aiohttp.ClientSession() as session, session.get(f"{site.url}/metrics") as answer:
        assert "textback_config_reload_ok 0.0" in await answer.text()


async def test_a_right_configuration_counts_at_once_and_leaves_the_links_alone(site: Rig) -> None:
    await working(site)
    site.configure(message="Back at nine.")
    site.signal(signal.SIGHUP)
    await site.until_logged("reloaded", new_links=None)
    assert "RELOADING=1" in site.told
    site.ring("1700000000.1")
    assert (await site.text()).text == "Back at nine."
    assert site.asterisk.connections == 1
    assert site.simulator.counters["binds"] <= 1


async def test_a_changed_link_is_made_anew_and_the_other_one_left_alone(site: Rig) -> None:
    await working(site)
    site.asterisk.users["other"] = "secret"
    site.path.write_text(
        site.path.read_text().replace('secret = "secret"', 'secret = "secret"\nusername = "other"')
    )
    site.signal(signal.SIGHUP)
    await site.until_logged("reloaded", new_links=["pbx"])
    await site.asterisk.wait_for("CoreShowChannels", 2)
    assert site.asterisk.actions("Login")[-1]["Username"] == "other"
    site.ring("1700000000.1")
    assert (await site.text()).text == "Sorry we missed you."


async def test_a_changed_route_is_exchanged_under_a_living_delivery(site: Rig) -> None:
    await working(site)
    site.path.write_text(site.path.read_text().replace("[defaults]", "window = 3\n[defaults]"))
    site.signal(signal.SIGHUP)
    await site.until_logged("reloaded", new_links=["smsc"])
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound", 2)
    site.ring("1700000000.1")
    assert (await site.text()).text == "Sorry we missed you."


async def test_a_carrier_may_be_added_and_another_be_primary_by_a_reload(site: Rig) -> None:
    await working(site)
    body = site.path.read_text()
    first = body[body.index("[[smsc]]") : body.index("[defaults]")]
    site.path.write_text(body.replace(first, first.replace("acme", 'second"\nname = "new') + first))
    site.signal(signal.SIGHUP)
    await site.until_logged("reloaded", new_links=["new"])
    await site.until_told("STATUS=live; AMI pbx up; SMPP new bound; SMPP smsc bound")
    site.ring("1700000000.1")
    assert (await site.text()).system_id == "second"


async def test_shadow_mode_decides_and_records_and_sends_nothing(site: Rig) -> None:
    site.configure(mode="shadow")
    await site.start()
    await site.asterisk.wait_for("CoreShowChannels")
    await site.until_told("STATUS=shadow; AMI pbx up; SMPP smsc bound")
    site.ring("1700000000.1")
    await site.until_logged("verdict", verdict="send")
    site.hang_up("1700000000.1")
    await site.until_logged("call_ended")
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert states(site) == ["shadow"]
    assert site.texts.empty()


async def test_the_command_line_holds_releases_and_sends_beside_the_daemon(site: Rig) -> None:
    await working(site)
    code, out, err = await site.cli("send-test", "+12125550190", "--text", "hello")
    assert (code, err) == (0, ""), err
    assert (await site.text()).text == "hello"
    assert "accepted" in out or "delivered" in out
    await site.simulator.stop()
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc waiting")
    code, out, _ = await site.cli("send-test", "+12125550190", "--text", "later", "--wait", "0")
    assert (code, "queued" in out) == (1, True)
    code, out, _ = await site.cli("hold", "2")
    assert (code, "held" in out) == (0, True)
    await site.simulator.start()
    code, out, _ = await site.cli("queue", "--json")
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["held"]
    code, out, _ = await site.cli("release", "2")
    assert code == 0
    assert (await site.text()).text == "later"


async def test_health_is_503_until_both_links_are_up(site: Rig) -> None:
    site.asterisk.users = {}
    await site.start()
    async with aiohttp.ClientSession() as session:
        await site.until_told("STATUS=live; AMI pbx refused; SMPP smsc bound")
        async with session.get(f"{site.url}/healthz") as answer:
            told = await answer.json()
        assert (answer.status, told["failing"]) == (503, ["ami:pbx"])
        site.asterisk.users = {"textback": "secret"}
        # A reload makes a refused login try again at once.
        site.signal(signal.SIGHUP)
        await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
        async with session.get(f"{site.url}/healthz") as answer:
            told = await answer.json()
        assert (answer.status, told["status"]) == (200, "ok")
        async with session.get(f"{site.url}/metrics") as answer:
            text = await answer.text()
    assert 'textback_ami_up{pbx="pbx"} 1.0' in text
    assert 'textback_smpp_bound{route="smsc"} 1.0' in text


async def test_a_reload_ends_the_wait_of_a_carrier_that_refused_us(site: Rig) -> None:
    object.__setattr__(site.simulator.settings, "password", "other")
    await site.start()
    await site.until_logged("smpp_state", state="refused", level="error")
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc refused; ALARM route_down")
    object.__setattr__(site.simulator.settings, "password", "pw")
    site.signal(signal.SIGHUP)
    # The alarm stands until the route was sound for return_after.
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound; ALARM route_down")
    await site.until_logged("reloaded", new_links=None)


async def test_a_shadow_week_needs_no_carrier_and_one_may_be_added_by_a_reload(site: Rig) -> None:
    site.configure(mode="shadow")
    body = site.path.read_text()
    carrier = body[body.index("[[smsc]]") : body.index("[defaults]")]
    site.path.write_text(body.replace(carrier, ""))
    await site.start()
    await site.until_told("STATUS=shadow; AMI pbx up")
    site.ring("1700000000.1")
    await site.until_logged("verdict", verdict="send")
    site.hang_up("1700000000.1")
    await site.until_logged("call_ended")
    assert states(site) == ["shadow"]
    async with aiohttp.ClientSession() as session, session.get(f"{site.url}/healthz") as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "ok")
    site.path.write_text(body.replace('"shadow"', '"live"'))
    site.signal(signal.SIGHUP)
    await site.until_told("STATUS=live; AMI pbx up; SMPP smsc bound")
    site.ring("1700000000.2", "+12125550124")
    assert (await site.text()).text == "Sorry we missed you."
    site.path.write_text(body.replace(carrier, ""))
    site.signal(signal.SIGHUP)
    await site.until_logged("reloaded", mode="shadow", new_links=["smsc"])
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert not site.found("task_died")


async def test_a_taken_console_port_stops_no_text(site: Rig) -> None:
    taken = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    async with taken:
        site.configure(console=taken.sockets[0].getsockname()[1])
        await working(site)
        await site.until_logged("console_unavailable")
        site.ring("1700000000.1")
        await site.text()


async def test_a_second_daemon_on_the_same_store_is_refused(site: Rig) -> None:
    await working(site)
    code, _, err = await site.cli("run")
    assert code == 1
    assert "in use by another textback" in err


async def test_a_wrong_configuration_does_not_start_and_exits_with_two(site: Rig) -> None:
    site.configure(mode="livid")
    await site.start(ready=False)
    assert await site.ended() == 2
    assert "livid" in json.dumps(site.logged)
    assert not site.told


async def test_without_pbx_and_carrier_the_daemon_lives_and_stops_in_order(site: Rig) -> None:
    site.asterisk.users = {}
    site.configure(ami=free_port(), smpp=free_port())
    await site.start()
    await site.until_told("STATUS=live; AMI pbx waiting; SMPP smsc waiting")
    site.signal(signal.SIGINT)
    assert await site.ended() == 0


async def test_a_stop_waits_for_the_answer_of_what_was_submitted(tmp_path: Path) -> None:
    async with rig(tmp_path) as site:
        object.__setattr__(site.simulator.settings, "answer_delay", 1.0)
        await working(site)
        site.ring("1700000000.1")
        await site.until_logged("text_claimed")
        site.signal(signal.SIGTERM)
        assert await site.ended() == 0
        assert states(site) in (["accepted"], ["delivered"])
        assert not site.found("stopped_early")


async def test_after_a_kill_the_next_start_finds_what_was_on_its_way(tmp_path: Path) -> None:
    async with rig(tmp_path) as site:
        object.__setattr__(site.simulator.settings, "answer_delay", 60.0)
        await working(site)
        site.ring("1700000000.1")
        await site.until_logged("text_claimed")
        await site.kill()
        assert states(site) == ["sending"]
        site.told.clear()
        await site.start()
        await site.until_logged("found_sending", uncertain=1)
        assert states(site) == ["uncertain"]


async def test_a_second_signal_does_not_wait_and_the_truth_is_kept(tmp_path: Path) -> None:
    async with rig(tmp_path) as site:
        object.__setattr__(site.simulator.settings, "answer_delay", 60.0)
        await working(site)
        site.ring("1700000000.1")
        await site.until_logged("text_claimed")
        site.signal(signal.SIGTERM)
        await site.until_logged("stop_requested", hurry=False)
        site.signal(signal.SIGTERM)
        assert await site.ended() == 0
        assert site.found("stopped_early")
        # Its bytes may have left: it is never taken for queued.
        assert states(site) in (["sending"], ["uncertain"])


async def test_stop_from_a_handset_is_obeyed_at_the_next_call(site: Rig) -> None:
    await working(site)
    site.ring("1700000000.1")
    await site.text()
    site.hang_up("1700000000.1")
    site.simulator.reply(CALLER, DID, "STOP")
    await site.until_logged("reply", word="stop")
    site.ring("1700000000.2")
    await site.until_logged("call_started", call="pbx:1700000000.2")
    site.hang_up("1700000000.2")
    verdict = await site.until_logged("verdict", call="pbx:1700000000.2")
    assert verdict["reason"] == "opted_out"
    code, out, _ = await site.cli("why", "pbx:1700000000.1", "--json")
    assert code == 0
    assert {"reply"} <= {event["kind"] for event in json.loads(out)["events"]}


async def test_a_part_that_dies_stops_the_daemon_in_order_with_exit_code_one(
    site: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(self: Intake) -> None:
        await site.asterisk.wait_for("CoreShowChannels")
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Intake, "run", dies)
    daemon = Daemon(load(site.path), site.path, notifier=Notifier(""))
    with capture_logs() as logs:
        assert await daemon.run() == 1
    died = [e for e in logs if e["event"] == "task_died"]
    assert [(e["task"], e["error"]) for e in died] == [("intake", "out of luck")]
    assert (logs[-1]["event"], logs[-1]["died"]) == ("stopped", ["intake"])
    # A fresh start finds the store free.
    await site.start()
