"""The doctor's look at Asterisk's records: which can be read, and what is not written down.

What is missing is told from the rows themselves, and from cel.conf and cdr.conf where these can be
read. Texts that are sent as calls happen do not hang on any of it, so nothing here is a failure.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ami_listener.records import columns
from ami_listener.records.cel_events import tells_bridges
from ami_listener.records.reader import RecordReader, clock_is_off
from ami_listener.records.rows import CdrRow, CelRow
from ami_listener.records.settings import RecordSettings
from ami_listener.records.sources import (
    OFF,
    Origin,
    Rows,
    UnreadableError,
    origins,
    read_cdr,
    read_cel,
)
from textback import wiring
from textback.config import Config, PbxConfig
from textback.doctor import Check, Level, ok, warn
from textback.model import Presentation, Source

#: Where Asterisk's configuration lies.
ETC = Path("/etc/asterisk")
SAMPLES = "/usr/local/share/textback/asterisk/records"
GROUP_FIX = (
    "usermod -aG asterisk textback; systemctl restart textback (and let the group read the file "
    "and enter its folders)"
)
#: Seconds of records that are looked at.
LOOK = 86_400.0
#: What cel.conf should have: without the first no answer is known, the others tell classes apart.
EVENTS = ("CHAN_START", "HANGUP", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "APP_START")
TRANSFERS = ("BLINDTRANSFER", "ATTENDEDTRANSFER", "PARK_START")
APPS = ("dial", "queue", "voicemail")


async def check(config: Config, pbx: PbxConfig, parts: Mapping[str, Any] | None) -> list[Check]:
    """What catch-up can know of this PBX; `parts`: what the running service says of itself."""
    found = await asyncio.to_thread(check_records, config, pbx)
    part = (parts or {}).get(f"records:{pbx.name}", {})
    if part.get("state") == "unreadable" and all(one.level is Level.OK for one in found):
        said = f"the service cannot read what this user can: {part.get('says', '')}"
        found.append(warn(f"records {pbx.name}", said, GROUP_FIX))
    return found


def check_records(config: Config, pbx: PbxConfig, etc: Path = ETC) -> list[Check]:
    """The same, without the service. It blocks: call it in a thread."""
    area = f"records {pbx.name}"
    settings = wiring.record_settings(pbx)
    if not settings.any:
        return [
            ok(
                area,
                "no cel_csv, cel_sqlite, cdr_csv or cdr_sqlite: what happens while textback is "
                f"stopped or cut off is not known afterwards ({SAMPLES})",
            )
        ]
    found: list[Check] = []
    for origin in origins(settings):
        where = f"{origin.key} {origin.path}"
        try:
            rows = _read(origin, settings)
        except UnreadableError as error:
            found.append(warn(area, f"{where}: {error}", _cure(origin, str(error))))
            continue
        found += _rows(area, where, origin, rows)
    found += _settings(area, settings.cel_csv or settings.cel_sqlite, etc)
    found += _presentation(area, pbx, wiring.record_reader(config, pbx.name, lambda _: None))
    return found


def _read(origin: Origin, settings: RecordSettings) -> Rows[CelRow] | Rows[CdrRow]:
    """Raises UnreadableError."""
    rows: Rows[CelRow] | Rows[CdrRow]
    if origin.source is Source.CEL:
        rows = read_cel(origin, settings, time.time() - LOOK)
    else:
        rows = read_cdr(origin, settings)
    if abs(rows.off) > OFF:
        raise UnreadableError(clock_is_off(rows.off))
    return rows


def _cure(origin: Origin, why: str) -> str:
    if "ermission" in why:
        return GROUP_FIX
    if "No such file" in why:
        return f"is the module loaded and its file configured? {SAMPLES} has an example"
    if "columns" in why:
        return f"tell them by {origin.key[:3]}_columns, or use the line in {SAMPLES}"
    if why.startswith("it has no "):
        return f"write that column too, as in {SAMPLES} (a new table: Asterisk does not alter one)"
    return f"compare with {SAMPLES}"


def _rows(area: str, where: str, origin: Origin, rows: Rows[CelRow] | Rows[CdrRow]) -> list[Check]:
    if not rows.rows:
        what = "cel.conf" if origin.source is Source.CEL else "cdr.conf"
        if rows.malformed:
            cure = f"compare its columns with {SAMPLES}"
            return [warn(area, f"{where}: none of its {rows.malformed} rows can be read", cure)]
        return [
            warn(
                area,
                f"{where}: readable, and nothing was written in the last day",
                f"enable = yes in {what}, and the module loaded? asterisk -rx 'cel show status'",
            )
        ]
    found = [ok(area, f"{where}: readable, {len(rows.rows)} rows of late")]
    if rows.malformed:
        found.append(
            warn(
                area,
                f"{where}: {rows.malformed} rows are damaged; calls around them stay unknown",
                "does something else write to it, or was the disk full?",
            )
        )
    if origin.source is Source.CEL:
        found += _cel(area, where, [row for row in rows.rows if isinstance(row, CelRow)], rows)
    elif missing := sorted(columns.CDR_WANTED - rows.columns):
        found.append(
            warn(
                area,
                f"{where}: no {', '.join(missing)}: ring groups and queues with Local channels "
                "stay unknown",
                "newcdrcolumns = yes in cdr.conf [csv], or the column in cdr_sqlite3_custom.conf",
            )
        )
    return found


def _cel(
    area: str, where: str, rows: Sequence[CelRow], read: Rows[CelRow] | Rows[CdrRow]
) -> list[Check]:
    found = []
    if not tells_bridges(rows) or "eventextra" not in read.columns:
        found.append(
            warn(
                area,
                f"{where}: it does not tell who spoke with whom; every answered call is unknown",
                "BRIDGE_ENTER in `events` of cel.conf, and the column eventextra",
            )
        )
    if not any(row.kind == "APP_START" for row in rows):
        found.append(
            warn(
                area,
                f"{where}: no APP_START: queues and voicemail look like ringing phones",
                f"APP_START in `events`, and `apps = {','.join(APPS)}` in cel.conf",
            )
        )
    return found


def _settings(area: str, cel: Path | None, etc: Path) -> list[Check]:
    """What cel.conf and cdr.conf say, where this user can read them."""
    found = []
    try:
        text = (etc / ("cel.conf" if cel else "cdr.conf")).read_text(errors="replace")
    except OSError:
        return []  # another host's, or not for us
    values = {
        key.lower(): value.strip().lower()
        for key, value in re.findall(r"^\s*(\w+)\s*=>?\s*([^;\n]*)", text, re.MULTILINE)
    }
    if cel:
        events = {e.strip().upper() for e in values.get("events", "").split(",")}
        apps = {a.strip() for a in values.get("apps", "").split(",")}
        lacks = [e for e in (*EVENTS, *TRANSFERS) if e not in events and "ALL" not in events]
        lacks += [f"apps {a}" for a in APPS if a not in apps and "all" not in apps]
        if lacks:
            cure = f"see {SAMPLES}/cel.conf; then asterisk -rx 'module reload cel'"
            found.append(warn(area, f"cel.conf lacks {', '.join(lacks)}", cure))
        return found
    for key, why in (
        ("unanswered", "calls that reach no phone are not written down"),
        ("loguniqueid", "rows of one call cannot be told from another's"),
        ("newcdrcolumns", "rows of one call are not joined"),
    ):
        if values.get(key, "no") not in ("yes", "true", "on", "1"):
            cure = f"{key} = yes in cdr.conf; then asterisk -rx 'module reload cdr'"
            found.append(warn(area, f"cdr.conf: no {key}: {why}", cure))
    if values.get("batch", "no") in ("yes", "true", "on", "1"):
        cure = "batch = no in cdr.conf"
        found.append(warn(area, "cdr.conf: batch = yes: calls are known up to 5 min later", cure))
    return found


def _presentation(area: str, pbx: PbxConfig, reader: RecordReader) -> list[Check]:
    """Whether late calls could be texted at all."""
    if pbx.unknown_presentation == "send":
        return []
    records = reader.read(time.time() - LOOK, "")
    calls = [call for call in records.calls.values() if call.direction == "inbound"]
    if not calls or any(call.presentation is not Presentation.UNKNOWN for call in calls):
        return []
    return [
        warn(
            area,
            "none of its calls says whether the caller withheld the number, so no late call is "
            "texted (presentation_unknown)",
            "Gosub(textback-record,...) of extensions-textback.conf in the inbound context, or "
            'unknown_presentation = "send"',
        )
    ]
