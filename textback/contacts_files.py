"""Which files of contacts there are, and reading one of them; never raises for what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from textback import contacts_csv, contacts_vcard
from textback.config import Config
from textback.contacts import MAX_FILE, Found, Rules, plain_tag

_VCARDS = (".vcf", ".vcard")


class Stamp(NamedTuple):
    """By what a file that has changed is told from one that has not."""

    changed: int  #: nanoseconds
    size: int
    inode: int


def rules_of(config: Config) -> Rules:
    """How the numbers and tags of this configuration are read: in the country of the business,
    then in those of its numbers."""
    countries = [config.business.country]
    countries += [c for n in config.number for c in config.countries_read(n)]
    return Rules(
        countries=tuple(dict.fromkeys(countries)),
        vip_tags=frozenset(plain_tag(tag) for tag in config.contacts.vip_tags),
        no_text_tags=frozenset(plain_tag(tag) for tag in config.contacts.no_text_tags),
    )


def kind_of(path: Path) -> str:
    """ "vcard" or "csv", by the file's name."""
    return "vcard" if path.suffix.lower() in _VCARDS else "csv"


def files_of(patterns: Iterable[str]) -> dict[str, Path]:
    """The files that are there, by the names of their sources: "csv:clients.csv".

    Where two folders have a file of the same name, both are called by their whole paths.
    """
    found: dict[Path, Path] = {}
    for pattern in patterns:
        path = Path(pattern)
        below = Path(path.anchor or ".")
        for name in sorted(below.glob(str(path.relative_to(path.anchor)))):
            found.setdefault(name, name)
    names = [path.name for path in found.values()]
    return {
        f"{kind_of(path)}:{path.name if names.count(path.name) == 1 else path}": path
        for path in found.values()
    }


def stamp_of(path: Path) -> Stamp:
    """Raises OSError."""
    said = path.stat()
    return Stamp(said.st_mtime_ns, said.st_size, said.st_ino)


def read(path: Path, rules: Rules, source: str) -> Found:
    """The contacts of a file. Raises OSError where it cannot be read."""
    if not path.is_file():  # a pipe would be waited for, a device read without end
        raise FileNotFoundError(f"{path} is no file")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE:
            return Found(refused=f"is larger than {MAX_FILE // 1024 // 1024} MiB")
        data = file.read(MAX_FILE + 1)
    reader = contacts_vcard.read if kind_of(path) == "vcard" else contacts_csv.read
    return reader(data, rules, source)
