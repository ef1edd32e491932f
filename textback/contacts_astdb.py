"""Contacts from Asterisk's own database, family `cidname`, which is FreePBX's phonebook.

The keys are numbers as an admin wrote them, the values names: /cidname/2125550123 -> Ann Lee.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from textback.contacts import MAX_CONTACTS, Entry, Found, Rules, add, numbers_in

FAMILY = "cidname"
#: Seconds a locked file is waited for.
PATIENCE = 2.0


def of_rows(rows: Iterable[Mapping[str, str]], rules: Rules, source: str) -> Found:
    """From the answer to AMI's DBGetTree: rows with `key` and `val`."""
    pairs = ((row.get("key", ""), row.get("val", "")) for row in rows if "key" in row)
    return of_pairs(pairs, rules, source)


def of_pairs(pairs: Iterable[tuple[str, str]], rules: Rules, source: str) -> Found:
    """From keys, in full or below the family, and values."""
    found = Found()
    for number, (key, value) in enumerate(pairs, 1):
        if found.full:
            found.problem(number, "is beyond the number of contacts that are read")
            break
        entry = Entry(name=value, numbers=list(numbers_in(key.removeprefix(f"/{FAMILY}/"))))
        add(found, entry, number, rules, source)
    return found


def of_file(path: Path, rules: Rules, source: str) -> Found:
    """From astdb.sqlite3, read and never written. Raises OSError where it cannot be read."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as db:
            rows = db.execute(
                # "0" is the character behind "/": all keys of the family, by the primary key.
                "SELECT key, value FROM astdb WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
                (f"/{FAMILY}/", f"/{FAMILY}0", MAX_CONTACTS),
            ).fetchall()
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    return of_pairs(((str(key), str(value)) for key, value in rows), rules, source)
