"""The doctor finds each illness, names its cure, and calls a healthy site healthy."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from sms_gateway.simulator import Simulator, SimulatorSettings
from tests.fakes.asterisk import FakeAsterisk, channel
from textback import control, doctor, doctor_links, doctor_smsc
from textback.config import Config, Console
from textback.config_load import load
from textback.doctor import Check, Level, exit_code, fail, ok, warn
from textback.model import OutboxState, Send
from textback.store.store import Store

CONFIG = """
mode = "{mode}"
[business]
name = "Acme"
[store]
path = "{store}"
[console]
enabled = false
[[pbx]]
port = {ami}
secret = "secret"
[[smsc]]
host = "127.0.0.1"
port = {smpp}
system_id = "acme"
password = "pw"
[[number]]
did = "+12125550100"
{number}
"""
ACTIONS = ("CoreShowChannels", "CoreStatus", "CoreSettings", "Getvar")
READ = ("", "AST_CONFIG(manager.conf,textback,read)")
STAMPS = ("", "AST_CONFIG(manager.conf,general,timestampevents)")


def configured(folder: Path, **values: Any) -> Config:
    path = folder / "textback.toml"
    given = {"mode": "live", "store": folder / "textback.db", "number": "", "ami": 5038}
    path.write_text(CONFIG.format(**{"smpp": 2775, **given, **values}), encoding="utf-8")
    path.chmod(0o640)
    return load(path)


def worst(checks: list[Check], words: str) -> Check:
    """The one check that speaks of `words`."""
    found = [check for check in checks if words in check.found]
    assert len(found) == 1, [c.found for c in checks]
    return found[0]


# --- the verdict ---


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([], 0),
        ([ok("a", "x")], 0),
        ([ok("a", "x"), warn("a", "x", "y")], 1),
        ([fail("a", "x", "y"), warn("a", "x", "y"), ok("a", "x")], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_item(checks: list[Check], code: int) -> None:
    assert exit_code(checks) == code


# --- the configuration ---


def test_a_configuration_that_texts_nobody_is_said_to_do_so(tmp_path: Path) -> None:
    path = tmp_path / "textback.toml"
    shadow = doctor.check_config(configured(tmp_path, mode="shadow"), path)
    assert worst(shadow, 'mode = "shadow"').level is Level.WARN
    off = doctor.check_config(configured(tmp_path, number="enabled = false"), path)
    assert worst(off, "every [[number]]").level is Level.FAIL
    nobody = configured(tmp_path).model_copy(update={"number": (), "pbx": (), "smsc": ()})
    levels = [c.level for c in doctor.check_config(nobody, path)]
    assert levels.count(Level.FAIL) == 3


def test_a_warning_of_the_loader_is_split_into_what_and_cure(tmp_path: Path) -> None:
    config = configured(tmp_path, number='message = "Sorry."')
    found = doctor.check_config(config, tmp_path / "textback.toml")
    told = [c for c in found if "opt out" in c.found]
    assert len(told) == 1
    assert told[0].fix.startswith("add ")


def test_a_shadow_week_without_a_carrier_is_a_warning(tmp_path: Path) -> None:
    config = configured(tmp_path, mode="shadow").model_copy(update={"smsc": ()})
    check = worst(doctor.check_config(config, tmp_path / "textback.toml"), "no [[smsc]]")
    assert check.level is Level.WARN
    assert 'mode = "live"' in check.fix


# --- the store ---


async def test_a_store_that_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    found = await doctor.check_store(configured(tmp_path))
    assert worst(found, "not there yet").level is Level.WARN
    assert not (tmp_path / "textback.db").exists()


async def test_a_folder_that_is_missing_is_a_failure_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    found = await doctor.check_store(configured(tmp_path, store=tmp_path / "no" / "textback.db"))
    assert [c.level for c in found] == [Level.FAIL]
    assert found[0].fix.startswith("install -d -o textback")


async def test_a_file_that_is_no_store_is_a_failure(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "textback.db") as db:
        db.execute("CREATE TABLE somebody_elses (x)")
    db.close()
    found = await doctor.check_store(configured(tmp_path))
    assert [c.level for c in found] == [Level.FAIL]


async def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    config = configured(tmp_path)
    for free, level in ((300 * 2**20, Level.WARN), (2**20, Level.FAIL)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(free))
        assert worst(await doctor.check_store(config), "MiB left").level is level


async def written(store: Store, age: float) -> int:
    now = datetime.now(UTC)
    end = now + timedelta(hours=1)
    send = Send(to="+12125550190", sender="+12125550100", text="x", expires=end)
    row = await store.enqueue(send, by="test", now=now - timedelta(seconds=age))
    return row.id


async def test_texts_that_need_somebody_are_told(tmp_path: Path, store: Store) -> None:
    await written(store, 120)
    found = await doctor.check_store(configured(tmp_path))
    assert worst(found, "the oldest for 120 s").level is Level.WARN


async def test_a_text_from_the_future_says_that_the_clock_went_back(
    tmp_path: Path, store: Store
) -> None:
    await written(store, -3600)
    found = await doctor.check_store(configured(tmp_path))
    assert worst(found, "the clock went back").level is Level.FAIL


@pytest.mark.parametrize(
    ("accepted", "delivered", "level"),
    [(3, 0, None), (20, 0, Level.WARN), (3, 20, Level.OK)],
)
def test_receipts_that_never_come_are_told(
    accepted: int, delivered: int, level: Level | None
) -> None:
    counts = dict.fromkeys(OutboxState, 0)
    counts[OutboxState.ACCEPTED], counts[OutboxState.DELIVERED] = accepted, delivered
    assert [c.level for c in doctor._receipts(counts)] == ([level] if level else [])


# --- the daemon and the clock ---


async def test_a_daemon_that_runs_is_seen(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert doctor.check_daemon(config).level is Level.WARN
    door = control.Control(tmp_path / "textback.db", lambda: None)
    door.listen()
    assert doctor.check_daemon(config).level is Level.OK
    door.close()


@pytest.mark.parametrize(
    ("answer", "level"), [("yes", Level.OK), ("no", Level.WARN), ("", Level.OK)]
)
async def test_a_clock_that_nobody_keeps_is_told(
    monkeypatch: pytest.MonkeyPatch, answer: str, level: Level
) -> None:
    async def synchronized() -> str:
        return answer

    monkeypatch.setattr(doctor, "_synchronized", synchronized)
    assert [c.level for c in await doctor.check_clock()] == [level]


# --- AMI ---


@dataclass
class Pbx:
    asterisk: FakeAsterisk
    folder: Path

    async def examined(self, listen: float = 0.0, seen: bool = False) -> list[Check]:
        (pbx,) = configured(self.folder, ami=self.asterisk.port).pbx
        return [c async for c in doctor_links.check_pbx(pbx, listen=listen, seen=seen)]


@pytest.fixture
async def pbx(tmp_path: Path) -> AsyncIterator[Pbx]:
    async with FakeAsterisk() as asterisk:
        allowed(asterisk, *ACTIONS)
        asterisk.variables[READ] = "system,call,agent,user,dialplan"
        asterisk.variables[STAMPS] = "yes"
        yield Pbx(asterisk, tmp_path)


def allowed(asterisk: FakeAsterisk, *actions: str) -> None:
    def answer(session: Any, fields: dict[str, str]) -> None:
        session.reply(fields, *(f"{name}: Something (Priv: reporting)" for name in actions))

    asterisk.answers["ListCommands"] = answer


async def test_a_pbx_in_order_has_only_good_items(pbx: Pbx) -> None:
    found = await pbx.examined(seen=True)
    assert {c.level for c in found} == {Level.OK}
    assert len(found) == 4


async def test_a_login_that_is_refused_is_told_with_its_cure(pbx: Pbx) -> None:
    pbx.asterisk.users = {}
    found = await pbx.examined()
    assert found[-1].level is Level.FAIL
    assert "refused the login" in found[-1].found
    assert "manager reload" in found[-1].fix
    assert "are username, secret" in found[-1].fix


def test_the_file_a_cure_names_is_there() -> None:
    root = Path(doctor.__file__).resolve().parents[1]
    named = re.findall(r"conf/\S+", doctor_links.MANAGER_FIX)
    assert named
    assert all((root / name).is_file() for name in named)


async def test_a_pbx_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with FakeAsterisk() as gone:
        port = gone.port
    (pbx,) = configured(tmp_path, ami=port).pbx
    found = [c async for c in doctor_links.check_pbx(pbx, listen=0, seen=False)]
    assert [c.level for c in found] == [Level.FAIL]
    assert "is Asterisk running" in found[0].fix


@pytest.mark.parametrize(
    ("read", "words", "level"),
    [
        ("system,agent,dialplan", "read lacks call", Level.FAIL),
        ("call,agent,dialplan", "read lacks system", Level.WARN),
        ("system,call,dialplan", "read lacks agent", Level.WARN),
        ("system,call,agent", "read lacks dialplan", Level.WARN),
    ],
)
async def test_each_permission_to_read_that_is_missing_is_named(
    pbx: Pbx, read: str, words: str, level: Level
) -> None:
    pbx.asterisk.variables[READ] = read
    check = worst(await pbx.examined(), words)
    assert check.level is level
    assert check.fix.startswith("add ")


async def test_each_action_that_is_missing_is_named(pbx: Pbx) -> None:
    allowed(pbx.asterisk, "Ping")
    check = worst(await pbx.examined(), "not allowed: ")
    assert check.level is Level.FAIL
    assert all(name in check.found for name in ACTIONS)


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ("skip", "nobody will be texted, with the reason presentation_unknown"),
        ("send", "are texted"),
    ],
)
async def test_what_it_means_that_presentation_cannot_be_asked_is_said(
    pbx: Pbx, unknown: str, words: str
) -> None:
    allowed(pbx.asterisk, "CoreShowChannels", "CoreStatus", "CoreSettings")
    (one,) = configured(pbx.folder, ami=pbx.asterisk.port).pbx
    told = one.model_copy(update={"unknown_presentation": unknown})
    found = [c async for c in doctor_links.check_pbx(told, listen=0, seen=True)]
    assert worst(found, words).level is Level.FAIL
    assert worst(found, "not allowed: Getvar").level is Level.FAIL


async def test_more_rights_than_needed_are_a_warning(pbx: Pbx) -> None:
    allowed(pbx.asterisk, *ACTIONS, "Originate", "Command")
    check = worst(await pbx.examined(), "more allowed than is needed")
    assert check.level is Level.WARN
    assert "Originate, Command" in check.found


async def test_originate_is_wanted_where_users_call_by_a_click(pbx: Pbx) -> None:
    (one,) = configured(pbx.folder, ami=pbx.asterisk.port).pbx
    dials = one.model_copy(update={"dial_context": "from-internal"})
    allowed(pbx.asterisk, *ACTIONS)
    found = [c async for c in doctor_links.check_pbx(dials, listen=0, seen=True)]
    missing = worst(found, "not allowed: Originate")
    assert missing.level is Level.WARN
    assert missing.fix.startswith("write = reporting,message,originate")
    allowed(pbx.asterisk, *ACTIONS, "Originate")
    found = [c async for c in doctor_links.check_pbx(dials, listen=0, seen=True)]
    assert not [c for c in found if "Originate" in c.found]
    allowed(pbx.asterisk, *ACTIONS, "Originate", "Command")
    found = [c async for c in doctor_links.check_pbx(dials, listen=0, seen=True)]
    excess = worst(found, "more allowed than is needed: Command")
    assert excess.fix.startswith("write = reporting,originate;")


async def test_events_without_timestamps_are_a_warning(pbx: Pbx) -> None:
    pbx.asterisk.variables[STAMPS] = "no"
    assert worst(await pbx.examined(), "timestampevents is off").level is Level.WARN


async def test_without_a_call_nothing_is_claimed_of_events(pbx: Pbx) -> None:
    assert worst(await pbx.examined(), "is not known").level is Level.WARN


@pytest.mark.parametrize(
    ("context", "level", "words"),
    [
        ("from-trunk", Level.OK, "calls came in by: from-trunk (1)"),
        ("weird", Level.WARN, "calls began in weird (1); none of them is in inbound_contexts"),
    ],
)
async def test_a_call_while_listening_shows_by_which_context_it_came(
    pbx: Pbx, context: str, level: Level, words: str
) -> None:
    examination = asyncio.create_task(pbx.examined(listen=20), name="examination")
    await pbx.asterisk.wait_for("CoreShowChannels")
    pbx.asterisk.event("Newchannel", channel("1700000000.1", context=context))
    found = await examination
    assert worst(found, "events arrive").level is Level.OK
    assert worst(found, words).level is level


def test_the_daemons_own_word_is_taken_for_its_links(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (pbx,), (smsc,) = config.pbx, config.smsc
    parts = {
        "ami:pbx": {"ok": True, "says": "up", "contexts": {"weird": 4}, "last_event_age": 3.0},
        "smpp:smsc": {"ok": False, "state": "waiting", "says": "connection refused"},
    }
    ami = doctor_links.pbx_by_daemon(pbx, parts)
    assert [c.level for c in ami] == [Level.OK, Level.OK, Level.WARN]
    assert doctor_links.calls_seen(pbx, parts)
    smpp = doctor_smsc.smsc_by_daemon(smsc, parts)
    assert (smpp.level, "connection refused" in smpp.found) == (Level.FAIL, True)
    assert [c.level for c in doctor_links.pbx_by_daemon(pbx, {})] == [Level.WARN]
    assert not doctor_links.calls_seen(pbx, None)


def test_a_secret_that_only_the_service_sees_is_never_tried_empty(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (pbx,), (smsc,) = config.pbx, config.smsc
    assert not doctor_links.hidden(pbx)
    assert not doctor_links.hidden(smsc)
    nothing = SecretStr("")
    away = pbx.model_copy(update={"secret": nothing, "secret_credential": "ami"})
    assert doctor_links.hidden(away)
    gone = smsc.model_copy(update={"password": nothing, "password_file": "/root/smsc"})
    assert doctor_links.hidden(gone)
    by_credential = doctor_links.not_asked("ami pbx", away, config)
    assert by_credential.level is Level.WARN
    assert "systemd credential 'ami'" in by_credential.found
    assert (
        "systemd-run --pipe --wait -p LoadCredential=ami:PATH textback doctor" in by_credential.fix
    )
    by_file = doctor_links.not_asked("smpp smsc", gone, config)
    assert "try again as root" in by_file.fix
    shown = config.model_copy(update={"console": Console(listen="127.0.0.1:8480")})
    assert "http://127.0.0.1:8480/healthz" in doctor_links.not_asked("ami pbx", away, shown).fix


def test_what_the_daemon_may_not_do_is_told_where_the_doctor_cannot_log_in(tmp_path: Path) -> None:
    (pbx,) = configured(tmp_path).pbx
    away = pbx.model_copy(update={"secret": SecretStr(""), "secret_credential": "ami"})
    warning = "the manager user lacks `write = reporting`: withheld numbers cannot be told"
    parts = {"ami:pbx": {"ok": True, "says": "up", "warnings": [warning]}}
    found = doctor_links.pbx_by_daemon(away, parts)
    assert worst(found, warning).level is Level.WARN
    assert worst(found, "presentation_unknown").level is Level.FAIL
    assert [c.level for c in doctor_links.pbx_by_daemon(pbx, parts)] == [Level.OK]


# --- SMPP ---


async def test_a_carrier_that_takes_the_bind_is_well(tmp_path: Path) -> None:
    async with Simulator(SimulatorSettings(port=0)) as simulator:
        (smsc,) = configured(tmp_path, smpp=simulator.port).smsc
        check = await doctor_smsc.check_smsc(smsc, "US")
    assert (check.level, check.found.endswith("bound to simulator")) == (Level.OK, True)


async def test_a_carrier_that_refuses_the_password_is_told(tmp_path: Path) -> None:
    async with Simulator(SimulatorSettings(port=0, password="other")) as simulator:
        (smsc,) = configured(tmp_path, smpp=simulator.port).smsc
        check = await doctor_smsc.check_smsc(smsc, "US")
    assert check.level is Level.FAIL
    assert "system_id, password" in check.fix


async def test_a_carrier_that_is_not_there_is_told_in_time(tmp_path: Path) -> None:
    async with Simulator(SimulatorSettings(port=0)) as simulator:
        port = simulator.port
    (smsc,) = configured(tmp_path, smpp=port).smsc
    check = await doctor_smsc.check_smsc(smsc, "US", wait=0.2)
    assert check.level is Level.FAIL
    assert "not bound within 0.2 s" in check.found
    assert "next attempt" not in check.found
