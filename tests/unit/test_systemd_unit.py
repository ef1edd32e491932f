"""The unit passes systemd's own checks and keeps the promises its comments make."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "textback.service"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)
needs_sysusers = pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not here"
)
needs_tmpfiles = pytest.mark.skipif(
    shutil.which("systemd-tmpfiles") is None, reason="systemd-tmpfiles is not here"
)


def unit() -> configparser.ConfigParser:
    # Keys that come twice add up in systemd; only the last one is of interest here.
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT, encoding="utf-8")
    return parser


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_the_unit_is_exposed_at_most_two() -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for textback\.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 2.0


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    # Only the programme is another one: on a build machine nothing is installed under /opt.
    text = re.sub(
        r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE
    )
    copy = tmp_path / "textback.service"
    copy.write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(copy))
    ours = [line for line in done.stderr.splitlines() if "textback" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_pbx_is_wanted_before_but_never_required() -> None:
    section = unit()["Unit"]
    assert "asterisk.service" in section["After"].split()
    assert not {"Requires", "BindsTo", "PartOf", "Requisite"} & set(section)


def test_the_service_tells_systemd_that_it_is_ready_and_alive() -> None:
    section = unit()["Service"]
    assert section["Type"] == "notify"
    assert "WatchdogSec" in section
    assert section["ExecReload"].endswith("-HUP $MAINPID")
    assert section["RestartPreventExitStatus"] == "2"


def test_the_service_owns_no_capability_and_runs_as_its_own_user() -> None:
    section = unit()["Service"]
    assert section["CapabilityBoundingSet"] == section["AmbientCapabilities"] == ""
    assert (section["User"], section["Group"]) == ("textback", "textback")


def test_every_hardening_that_could_not_be_on_says_why() -> None:
    text = UNIT.read_text()
    _, _, off = text.partition("could not be on, and why")
    for directive in ("PrivateNetwork", "IPAddressDeny", "DynamicUser", "RootDirectory"):
        assert re.search(rf"^# {directive}=.*[a-z]{{4}}", off, re.MULTILINE), directive


@needs_sysusers
def test_sysusers_makes_the_user_of_the_unit(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    source = ROOT / "systemd" / "textback.sysusers.conf"
    done = run("systemd-sysusers", f"--root={tmp_path}", str(source))
    if "Operation not permitted" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("systemd-sysusers may not write here")
    assert done.returncode == 0, done.stderr
    line = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^textback:x:\d+:\d+:.*:/usr/sbin/nologin$", line, re.MULTILINE)


@needs_tmpfiles
def test_systemd_can_read_every_line_of_tmpfiles(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\ntextback:x:997:997::/:/x\n"
    )
    (tmp_path / "etc" / "group").write_text("root:x:0:\ntextback:x:997:\n")
    source = ROOT / "systemd" / "textback.tmpfiles.conf"
    done = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(source))
    assert "textback.tmpfiles.conf:" not in done.stderr, done.stderr
    if done.returncode == 0:
        assert (tmp_path / "etc" / "textback").stat().st_mode & 0o777 == 0o750


def test_the_service_writes_in_conf_d_and_nowhere_else_of_etc() -> None:
    section = unit()["Service"]
    assert section["ProtectSystem"] == "strict"
    assert section["ReadWritePaths"] == "-/etc/textback/conf.d"


@needs_tmpfiles
def test_in_conf_d_the_service_owns_the_consoles_file_alone(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "textback" / "conf.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\ntextback:x:997:997::/:/x\n"
    )
    (tmp_path / "etc" / "group").write_text("root:x:0:\ntextback:x:997:\n")
    for name in ("a.toml", "console.toml", "zz.toml"):
        (folder / name).write_text("")
    source = ROOT / "systemd" / "textback.tmpfiles.conf"
    done = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(source))
    if done.returncode != 0:
        pytest.skip("systemd-tmpfiles may not change owners here")
    # Sticky: who may write in the folder still replaces nobody else's file.
    assert folder.stat().st_mode & 0o7777 == 0o3770
    owners = {f.name: (f.stat().st_uid, f.stat().st_gid) for f in folder.iterdir()}
    assert owners == {"a.toml": (0, 997), "console.toml": (997, 997), "zz.toml": (0, 997)}


@needs_tmpfiles
def test_what_the_service_put_into_conf_d_does_not_become_roots(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "textback" / "conf.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\ntextback:x:997:997::/:/x\n"
    )
    (tmp_path / "etc" / "group").write_text("root:x:0:\ntextback:x:997:\n")
    (folder / "zz.toml").write_text('[store]\npath = "/etc/cron.d/x"\n')
    source = ROOT / "systemd" / "textback.tmpfiles.conf"
    # At every start of the host: commands that root runs believe what is root's.
    lines = [one.split() for one in source.read_text().splitlines() if "/conf.d/*" in one]
    assert [line[3] for line in lines] == ["-"]
    try:
        os.chown(folder / "zz.toml", 997, 997)
    except PermissionError:
        pytest.skip("only root can give a file away")
    done = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(source))
    if done.returncode != 0:
        pytest.skip("systemd-tmpfiles may not change owners here")
    assert (folder / "zz.toml").stat().st_uid == 997
