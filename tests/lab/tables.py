"""Which tables of calls the acceptance tests play, on which Asterisk: read off their classes.

The recorder (`record`) and README.md's table (`readme_table`) go by this, so that neither claims
what no test does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.played import Matrix
from tests.lab.versions import DEFAULT

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
DATA = Path(__file__).parents[1] / "data" / "ami"


def classes() -> list[type[Matrix]]:
    """All test classes that play a table, in the order of their modules and names."""
    for path in sorted(ACCEPTANCE.glob("test_*.py")):
        importlib.import_module(f"tests.acceptance.{path.stem}")
    found = {cls for cls in _below(Matrix) if cls.__name__.startswith("Test")}
    return sorted(found, key=lambda cls: (cls.__module__, cls.__qualname__))


def _below(cls: type[Matrix]) -> Iterator[type[Matrix]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


def recorded() -> list[type[Matrix]]:
    """One class for each table and Asterisk: what is heard does not depend on the SMSC."""
    found: dict[tuple[int, str], type[Matrix]] = {}
    for cls in classes():
        found.setdefault((id(cls.table), cls.version), cls)
    return list(found.values())


def folder(cls: type[Matrix]) -> Path:
    """Where its traces are: tests/data/ami, below it the dialplan and the version if not usual."""
    dialplan = "" if cls.dialplan == Matrix.dialplan else cls.dialplan.lower().partition("-")[0]
    return DATA / dialplan / ("" if cls.version == DEFAULT else cls.version)
