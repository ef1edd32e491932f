"""[override]: what is said over the other files, key by key, before anything is checked; pure.

    [override]
    mode = "live"

    [[override.number]]
    did = "+12125550100"
    enabled = false

It is how the console changes a number without writing in anybody's file; by hand it may stand in
any file. Of two files that override one key the later by name counts. One for a number that is not
configured any more does nothing and is a warning: who takes a number out must not be kept from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from textback import phone
from textback.config import Overridden
from textback.config_findings import Findings
from textback.config_lines import Path
from textback.config_numbers import NumberConfig
from textback.config_words import did_you_mean

TABLE = "override"
KEYS = ("mode", "number")


@dataclass(frozen=True, slots=True)
class Applied:
    """One key that was said over another file."""

    index: int | None  #: of the [[number]]; None: `mode`, above all tables
    key: str
    written: Path  #: where: ("override", "number", 0, "message")
    before: Mapping[str, Any]  #: the table as the other files have it

    @property
    def path(self) -> Path:
        """Where the key is found once it is applied: ("number", 2, "message")."""
        return (self.key,) if self.index is None else ("number", self.index, self.key)


def apply(raw: dict[str, Any], found: Findings) -> tuple[Applied, ...]:
    """Put every override into the tables of `raw`, and take [override] out of it."""
    table = raw.pop(TABLE, None)
    if table is None:
        return ()
    if not isinstance(table, dict):
        at: Path = (TABLE, 0) if isinstance(table, list) else (TABLE,)
        found.error(at, "this table is there once; write [override]")
        return ()
    for key in table:
        if key not in KEYS:
            near = did_you_mean(key, KEYS)
            hint = f"did you mean {near}?" if near else "there are mode and [[override.number]]"
            found.error((TABLE, key), f"there is no such key; {hint}")
    done: dict[Path, Applied] = {}
    if "mode" in table:
        mode = Applied(None, "mode", (TABLE, "mode"), {"mode": raw.get("mode", "live")})
        done[mode.path] = mode
        raw["mode"] = table["mode"]
    for one in _numbers(raw, table.get("number", []), found):
        first = done.get(one.path)
        done[one.path] = one if first is None else replace(one, before=first.before)
    return tuple(done.values())


def length(raw: Mapping[str, Any]) -> int:
    """How many [[override.number]] a document has."""
    table = raw.get(TABLE)
    numbers = table.get("number") if isinstance(table, dict) else None
    return len(numbers) if isinstance(numbers, list) else 0


def _numbers(raw: dict[str, Any], tables: Any, found: Findings) -> Iterator[Applied]:
    path: Path = (TABLE, "number")
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        found.error(path, "this table may be repeated; write [[override.number]]")
        return
    numbers = raw.get("number")
    if not isinstance(numbers, list) or not all(isinstance(n, dict) for n in numbers):
        return  # told where [[number]] is read
    country = country_of(raw)
    known = {same(n["did"], country): i for i, n in enumerate(numbers) if _is_did(n.get("did"))}
    files: dict[tuple[str, str], Path] = {}
    for place, table in enumerate(tables):
        at: Path = (*path, place)
        did = table.get("did")
        if not _is_did(did):
            said = "is missing" if did is None else "is not a text with a number in it"
            found.error((*at, "did"), f'{said}; say which [[number]], as in did = "+12125550100"')
            continue
        spelt = same(did, country)
        file = found.where((*at, "did")).rpartition(":")[0]
        first = files.setdefault((file, spelt), (*at, "did"))
        if first != (*at, "did"):
            text = f"{phone.printable(did)!r} is already at {found.where(first)}"
            found.error((*at, "did"), f"{text}; put its keys together")
        elif spelt not in known:
            text = f"there is no [[number]] {phone.printable(did)!r} any more"
            found.warning((*at, "did"), f"{text}; this has no effect, take it out")
        else:
            yield from _over(numbers, known[spelt], table, at)


def _over(
    numbers: list[dict[str, Any]], index: int, table: Mapping[str, Any], at: Path
) -> Iterator[Applied]:
    before = dict(numbers[index])
    keys = {key: value for key, value in table.items() if key != "did"}
    numbers[index] = {**before, **keys}
    for key in keys:
        yield Applied(index, key, (*at, key), before)


def country_of(raw: Mapping[str, Any]) -> str:
    """The country numbers are read in, in a document that may be wrong."""
    business = raw.get("business")
    said = business.get("country", "US") if isinstance(business, dict) else "US"
    country = said.strip().upper() if isinstance(said, str) else ""
    return country if phone.known_country(country) else "US"


def same(did: str, country: str) -> str:
    """One spelling for all of a number's."""
    return phone.to_e164(did, country) or did.strip()


def _is_did(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def told(
    applied: tuple[Applied, ...], numbers: tuple[NumberConfig, ...], found: Findings
) -> tuple[Overridden, ...]:
    """What `Config.overrides` says of them, once `numbers` are known to be right."""
    defaults = found.raw.get("defaults", {})
    return tuple(
        Overridden(
            did="" if one.index is None else numbers[one.index].did,
            key=one.key,
            place=found.where(one.path),
            before=_before(one, defaults),
        )
        for one in applied
    )


def _before(one: Applied, defaults: Mapping[str, Any]) -> Any:
    """The value without the override; None where the other files would be wrong without it."""
    if one.index is None:
        return one.before["mode"]
    try:
        return getattr(NumberConfig.model_validate({**defaults, **one.before}), one.key)
    except ValidationError:
        return None
