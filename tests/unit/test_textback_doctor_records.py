"""The doctor says which records it can read, and what Asterisk should write down and does not."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest

from ami_listener.records.columns import CDR_CSV, CEL_CSV
from textback.config import Config
from textback.config_load import load
from textback.doctor import Check, Level
from textback.doctor_records import check, check_records

CONFIG = """
mode = "shadow"
[business]
name = "Acme"
[store]
path = "{folder}/textback.db"
[[pbx]]
secret = "secret"
cdr_utc = true
{keys}
[[number]]
did = "+12125550100"
"""
NOW = int(time.time()) - 3600


def configured(folder: Path, *keys: str) -> Config:
    path = folder / "textback.toml"
    path.write_text(CONFIG.format(folder=folder, keys="\n".join(keys)))
    path.chmod(0o640)
    return load(path)


def examined(folder: Path, *keys: str) -> list[Check]:
    config = configured(folder, *keys)
    return check_records(config, config.pbx[0], folder)


def write(path: Path, order: tuple[str, ...], *rows: dict[str, str]) -> Path:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([[row.get(name, "") for name in order] for row in rows])
    path.write_text(out.getvalue())
    return path


def event(kind: str, **more: str) -> dict[str, str]:
    return {
        "eventtype": kind,
        "eventtime": f"{NOW}.5",
        "uniqueid": f"{NOW}.1",
        "linkedid": f"{NOW}.1",
        "channame": "PJSIP/trunk-0",
        "context": "from-trunk",
        "exten": "+12125550100",
        "cidnum": "+16465550100",
        **more,
    }


NOTE = {"userfield": "pres=allowed_not_screened"}
CALL = (
    event("CHAN_START"),
    event("APP_START", appname="Dial", **NOTE),
    event("HANGUP", eventextra='{"hangupcause":16}'),
)
PHONE = {"channame": "PJSIP/1001-1", "uniqueid": f"{NOW}.2", "appname": "AppDial"}


def warnings(found: list[Check]) -> list[Check]:
    return [one for one in found if one.level is Level.WARN]


def test_site_without_records_is_told_what_that_means_and_is_well(tmp_path: Path) -> None:
    (only,) = examined(tmp_path)

    assert only.level is Level.OK
    assert "is not known afterwards" in only.found


def test_event_log_that_has_everything_is_well(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", CEL_CSV, *CALL)
    (tmp_path / "cel.conf").write_text(
        "[general]\nenable = yes\napps=all\nevents => ALL ; everything\n"
    )
    (only,) = examined(tmp_path, f'cel_csv = "{path}"')

    assert (only.level, only.found) == (Level.OK, f"cel_csv {path}: readable, 3 rows of late")


def test_file_that_is_not_there_or_may_not_be_read_has_its_cure(tmp_path: Path) -> None:
    (only,) = examined(tmp_path, f'cel_csv = "{tmp_path}/none.csv"')

    assert only.level is Level.WARN
    assert "No such file" in only.found
    assert "module loaded" in only.fix


def test_file_with_other_columns_has_its_cure(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", ("a", "b"), {"a": "1", "b": "2"})
    (only,) = examined(tmp_path, f'cel_csv = "{path}"')

    assert "columns (2)" in only.found
    assert "cel_columns" in only.fix


def test_log_in_which_nothing_was_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.touch()
    (only,) = examined(tmp_path, f'cel_csv = "{path}"')

    assert "nothing was written" in only.found
    assert "enable = yes in cel.conf" in only.fix


def test_log_without_bridges_or_applications_is_told(tmp_path: Path) -> None:
    rows = (CALL[0], event("ANSWER", **PHONE), event("HANGUP", **NOTE))
    path = write(tmp_path / "Master.csv", CEL_CSV, *rows)

    said = warnings(examined(tmp_path, f'cel_csv = "{path}"'))

    assert any("who spoke with whom" in one.found and "BRIDGE_ENTER" in one.fix for one in said)
    assert any("no APP_START" in one.found for one in said)


def test_damaged_rows_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", CEL_CSV, CALL[0], event("HANGUP", uniqueid=""), *CALL)

    (said,) = warnings(examined(tmp_path, f'cel_csv = "{path}"'))

    assert "1 rows are damaged" in said.found


def test_records_that_never_tell_the_presentation_text_nobody_and_that_is_told(
    tmp_path: Path,
) -> None:
    rows = tuple({**row, "userfield": ""} for row in CALL)
    path = write(tmp_path / "Master.csv", CEL_CSV, *rows)
    key = f'cel_csv = "{path}"'

    (said,) = warnings(examined(tmp_path, key))
    assert "presentation_unknown" in said.found
    assert "textback-record" in said.fix

    assert warnings(examined(tmp_path, key, 'unknown_presentation = "send"')) == []


def test_cel_conf_that_lacks_events_and_applications_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", CEL_CSV, *CALL)
    (tmp_path / "cel.conf").write_text(
        "apps=dial,park\n;apps=all\nevents=APP_START,CHAN_START,ANSWER,HANGUP,BRIDGE_ENTER,BRIDGE_EXIT"
    )
    (said,) = warnings(examined(tmp_path, f'cel_csv = "{path}"'))

    lacks = "BLINDTRANSFER, ATTENDEDTRANSFER, PARK_START, apps queue, apps voicemail"
    assert said.found == f"cel.conf lacks {lacks}"


def record(**more: str) -> dict[str, str]:
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW))
    return {
        "src": "+16465550100",
        "dst": "+12125550100",
        "dcontext": "from-trunk",
        "channel": "PJSIP/trunk-0",
        "dstchannel": "PJSIP/1001-1",
        "lastapp": "Dial",
        "start": start,
        "end": start,
        "duration": "0",
        "disposition": "NO ANSWER",
        "uniqueid": f"{NOW}.1",
        **NOTE,
        **more,
    }


def test_cdr_without_linkedid_and_a_poor_cdr_conf_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", (*CDR_CSV, "uniqueid", "userfield"), record())
    (tmp_path / "cdr.conf").write_text("[general]\nbatch=yes\n[csv]\nloguniqueid=yes\n")

    said = [one.found for one in warnings(examined(tmp_path, f'cdr_csv = "{path}"'))]

    assert any("no linkedid" in found for found in said)
    assert any("no unanswered" in found for found in said)
    assert any("no newcdrcolumns" in found for found in said)
    assert any("batch = yes" in found for found in said)
    assert not any("loguniqueid" in found for found in said)


def test_cdr_without_uniqueid_cannot_be_used(tmp_path: Path) -> None:
    path = write(tmp_path / "Master.csv", CDR_CSV, record())
    (only,) = examined(tmp_path, f'cdr_csv = "{path}"')

    assert only.found.endswith("it has no uniqueid")


def test_clock_that_is_hours_off_is_told(tmp_path: Path) -> None:
    late = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW - 5 * 3600))
    path = write(
        tmp_path / "Master.csv",
        (*CDR_CSV, "uniqueid", "userfield"),
        record(start=late, end=late),
    )
    (only,) = examined(tmp_path, f'cdr_csv = "{path}"')

    assert "-5.0 h off" in only.found
    assert "cdr_utc" in only.found


@pytest.mark.parametrize("state", ["unreadable", "readable"])
async def test_what_the_service_cannot_read_is_told_though_this_user_can(
    tmp_path: Path, state: str
) -> None:
    path = write(tmp_path / "Master.csv", CEL_CSV, *CALL)
    config = configured(tmp_path, f'cel_csv = "{path}"')
    parts = {"records:pbx": {"state": state, "says": "Permission denied"}}

    said = warnings(await check(config, config.pbx[0], parts))

    assert [("usermod" in one.fix) for one in said] == ([True] if state == "unreadable" else [])
