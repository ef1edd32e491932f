"""A person who is in every table of a store, and another who is in every table as well."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Connection, Float, Integer, LargeBinary, Table, func, select
from sqlalchemy.sql.sqltypes import Enum

from textback.store.columns import UtcDateTime
from textback.store.schema import metadata as whole

#: Which columns hold the person's number in which table.
NUMBERS: dict[str, tuple[str, ...]] = {
    "calls": ("caller", "caller_final", "caller_e164"),
    "cases": ("caller",),
    "threads": ("handset",),
    "outbox": ("recipient",),
    "receipts": ("sender",),
    "incoming": ("sender",),
    "replies": ("sender",),
    "hints": ("caller",),
    "opt_outs": ("number",),
    "consents": ("number",),
    "contacts": ("number",),
    "events": ("caller",),
}
#: Columns with words in which a name, a text and the number in other spellings stand.
WORDS: dict[str, dict[str, Any]] = {
    "calls": {
        "caller_name": "{name}",
        "channel": "SIP/{national}-0001",
        "trail": [[0.0, "{name} ({dashed}) came in"], [1.0, "+{digits}"]],
    },
    "verdicts": {"gates": [["number", True, "{e164}", "x"], ["name", True, "{name}", ""]]},
    "cases": {"note": "{name} wants a call to {dashed}"},
    "outbox": {"text": "Hi {name}, sorry", "reason": "refused {digits}"},
    "attempts": {"detail": "no route to {digits}"},
    "replies": {"text": "{said}", "raw": b"\x00{digits}\x00{said}", "octets": b"{said}"},
    "receipts": {"raw": b"\x00{digits}\x00", "note": "by address {digits}"},
    "incoming": {"text": "{said}"},
    "hints": {"result": "text to {e164}"},
    "opt_outs": {"word": "stop says {name}", "reason": "{name} called"},
    "consents": {"words": "{said}", "detail": "by {name}"},
    "contacts": {"name": "{name}", "organization": "{name} & Sons"},
    "events": {"payload": {"caller": "{e164}", "text": "{said}", "name": "{name}"}},
    "operator_log": {"detail": "{name} asked, {dashed}"},
    "phone_messages": {"error": "{name} is not there"},
}


def forms(e164: str, name: str, said: str) -> dict[str, str]:
    """What the words of `WORDS` are filled with; for numbers of calling code 1."""
    digits = e164.lstrip("+")
    n = digits[1:]
    return {
        "e164": e164,
        "digits": digits,
        "national": n,
        "dashed": f"({n[:3]}) {n[3:6]}-{n[6:]}",
        "name": name,
        "said": said,
    }


def put_everywhere(db: Connection, e164: str, name: str, said: str, at: datetime) -> None:
    """One row in every table, all of one person, joined as they would be."""
    told = forms(e164, name, said)
    ids: dict[str, int] = {}
    for table in whole.sorted_tables:
        if table.name in {"meta", "suppressed"}:
            continue
        row = {column.name: _value(db, table, column, ids, at) for column in table.columns}
        row |= dict.fromkeys(NUMBERS.get(table.name, ()), e164)
        row |= {k: _filled(v, told) for k, v in WORDS.get(table.name, {}).items()}
        row |= _unique(table.name, e164)
        db.execute(table.insert(), row)
        if "id" in table.c:
            ids[table.name] = int(row["id"])


def _unique(table: str, e164: str) -> dict[str, Any]:
    digits = e164.lstrip("+")[-4:]
    found: dict[str, dict[str, Any]] = {
        "calls": {"uniqueid": f"u-{digits}", "called_back": "", "ended_at": None},
        "outbox": {"request": f"r-{digits}", "state": "accepted", "kind": "missed"},
        "events": {"key": f"k-{digits}"},
        "message_ids": {"form": f"f-{digits}"},
        "receipt_forms": {"form": f"f-{digits}"},
        # They hold nobody: a row for each, told apart by a number that is none of theirs.
        "figures_hours": {"number": f"n{int(digits) % 97}"},
        "figures_days": {"number": f"n{int(digits) % 97}"},
        "figures_delays": {"number": f"n{int(digits) % 97}"},
        "figures_marks": {"quarter": int(digits) % 97},
        "users": {"name": f"n-{digits}"},
        "sessions": {"hash": f"h-{digits}"},
        "tokens": {"name": f"n-{digits}", "hash": f"h-{digits}"},
        "login_tries": {"key": f"k-{digits}"},
    }
    return found.get(table, {})


#: Columns that point at a row without saying so to the database.
_LOOSE = {
    "thread_id": "threads",
    "incoming_id": "incoming",
    "case_id": "cases",
    "row_id": "outbox",
    "call_id": "calls",
}


def _value(db: Connection, table: Table, column: Any, ids: dict[str, int], at: datetime) -> Any:
    if column.name == "id":
        return (db.execute(select(func.max(table.c.id))).scalar() or 0) + 1
    parents = [key.column.table.name for key in column.foreign_keys]
    parents += [_LOOSE[column.name]] if column.name in _LOOSE else []
    if parents:
        return ids.get(parents[0])
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return at
    if isinstance(kind, Enum):
        return kind.enum_class and next(iter(kind.enum_class))
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Float):
        return 1.0
    if isinstance(kind, JSON):
        return []
    if isinstance(kind, LargeBinary):
        return b""
    if isinstance(kind, Integer) or "INT" in str(kind):
        return None if column.nullable else 1
    return ""


def _filled(value: Any, told: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**told)
    if isinstance(value, bytes):
        return value.decode("latin-1").format(**told).encode("latin-1")
    if isinstance(value, list):
        return [_filled(entry, told) for entry in value]
    if isinstance(value, dict):
        return {k: _filled(v, told) for k, v in value.items()}
    return value
