"""Every table of the store, in one name: what the migrations are held against."""

from __future__ import annotations

from textback.store import (
    tables,
    tables_carrier,
    tables_console,
    tables_figures,
    tables_people,
    tables_talk,
    tables_tell,
)
from textback.store.columns import metadata

__all__ = [
    "metadata",
    "tables",
    "tables_carrier",
    "tables_console",
    "tables_figures",
    "tables_people",
    "tables_talk",
    "tables_tell",
]
