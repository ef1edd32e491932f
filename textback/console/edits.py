"""Changes of the configuration from the console: one at a time, checked, recorded, taken over.

    look        nobody else has changed the file since the page was made
    build       the file with these keys in it
    check       the whole configuration with that file: a mistake goes back to its field
    record      a row `pending`, before the file is touched
    write       whole or not at all
    reload      as SIGHUP does; refused, the file is put back
    record      `done`, or `refused`

A kill between two of these leaves a file that was checked, and a row that the next look settles.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from textback import config_managed as managed
from textback.config import Config, ConfigError, Hours, NumberConfig, duration_text
from textback.config_lines import locate
from textback.config_managed import Edit, ManagedError
from textback.config_override import same
from textback.console.backend import Backend
from textback.console.ctx import Problem
from textback.console.i18n import _
from textback.store.changes import Change, KeyChange
from textback.store.tables_console import ChangeState

_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+): (?P<key>[\w.]*): (?P<text>.*)", re.DOTALL)
#: Mistakes of other files that are told in one answer.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """The console's file as it is just now."""

    path: Path
    digest: str
    obstacle: str  #: why nothing can be changed, with what to do; "" when it can


async def standing(backend: Backend) -> Standing:
    """Whether changes are possible, and what a form must remember of the file."""
    return await asyncio.to_thread(_standing, backend)


def _standing(backend: Backend) -> Standing:
    path = managed.path_of(backend.path)
    try:
        text = managed.read(path)
        managed.parse(text, path)
    except ManagedError as error:
        return Standing(path, "", str(error))
    obstacle = managed.obstacle(path)
    if backend.check is None:
        obstacle = _("This console was started without a way to change anything.")
    elif not backend.config().console.edit:
        obstacle = _("It is switched off: [console] edit = false.")
    return Standing(path, managed.digest(text), obstacle)


async def settle(backend: Backend) -> None:
    """Let the history tell how what a kill interrupted has ended. Raises ManagedError."""
    if backend.changing.locked():
        return
    async with backend.changing:
        text = await asyncio.to_thread(managed.read, managed.path_of(backend.path))
        await backend.store.settle_changes(text)


async def change(
    backend: Backend, edits: Sequence[Edit], who: str, *, seen: str = "", undoes: int | None = None
) -> int | None:
    """Have `edits` in the file and in force; the number of the change, None: there was none.

    `seen` is the digest of the file the edits were made from, "" for whatever it is. Raises
    Problem, and StoreError; then all is as before.
    """
    work = _Work(backend, tuple(edits), who, seen, undoes)
    # Whoever closes his tab in between leaves no half of it.
    return await asyncio.shield(asyncio.create_task(work.run(), name="console change"))


async def undo(backend: Backend, number: int, who: str, *, seen: str = "") -> int:
    """The keys of this change get what the file said of them before it. Raises as `change`."""
    done = await backend.store.config_change(number)
    if done is None:
        raise Problem(404, "change", _("There is no such change."))
    if done.state is not ChangeState.DONE:
        raise Problem(409, "never", _("This change was never in force."))
    made = await change(backend, before(done), who, seen=seen, undoes=number)
    if made is None:
        raise Problem(409, "as_before", _("It is as it was before this change already."))
    return made


def before(done: Change) -> tuple[Edit, ...]:
    """What puts a change back."""
    return tuple(Edit(one.did, one.key, one.old) for one in done.keys)


@dataclass(frozen=True, slots=True)
class _Work:
    """One change, from the look at the file to its last record."""

    backend: Backend
    edits: tuple[Edit, ...]
    who: str
    seen: str
    undoes: int | None

    async def run(self) -> int | None:
        async with self.backend.changing:
            try:
                return await self._run()
            except ManagedError as error:
                raise Problem(409, "file", str(error)) from error

    async def _run(self) -> int | None:
        backend, path = self.backend, managed.path_of(self.backend.path)
        now = await asyncio.to_thread(_standing, backend)
        if now.obstacle:
            raise Problem(409, "read_only", now.obstacle)
        text = await asyncio.to_thread(managed.read, path)
        await backend.store.settle_changes(text)
        if self.seen and self.seen != managed.digest(text):
            raise _conflict()
        candidate, keys = self._build(text, path)
        if not keys:
            return None
        new = await self._checked(candidate, path)
        number = await backend.store.begin_change(
            self.who,
            [_told(one, backend.config(), new) for one in keys],
            text,
            candidate,
            backend.clock(),
            self.undoes,
        )
        try:
            await asyncio.to_thread(_put, path, text, candidate)
            errors = await backend.reload()
            if errors:
                await asyncio.to_thread(managed.put, path, text)
                # What is in the files again is what is in force: let the service know.
                await backend.reload()
                raise _refused(errors, candidate, path)
        except (ManagedError, Problem):
            await backend.store.end_change(number, ChangeState.REFUSED)
            raise
        await backend.store.end_change(number, ChangeState.DONE)
        backend.feed.say("numbers")
        return number

    def _build(self, text: str | None, path: Path) -> tuple[str | None, list[KeyChange]]:
        """The file with the edits in it, and those of them that change it."""
        country = self.backend.config().business.country
        overrides = managed.parse(text, path)
        keys: list[KeyChange] = []
        for edit in self.edits:
            old = overrides.get(edit.did, edit.key, country)
            if old != edit.value:
                keys.append(
                    KeyChange(
                        did=edit.did,
                        key=edit.key,
                        old=_plain(old),
                        new=_plain(edit.value),
                        was="",
                        now="",
                    )
                )
                overrides.put(edit, country)
        return managed.write(overrides), keys

    async def _checked(self, candidate: str | None, path: Path) -> Config:
        check = self.backend.check
        assert check is not None, "looked at in _standing"
        try:
            new = await asyncio.to_thread(check, {path: candidate or ""})
        except ConfigError as error:
            raise _refused(error.errors, candidate, path) from None
        country = new.business.country
        places = {(o.did, o.key): o.place.rpartition(":") for o in new.overrides}
        for edit in self.edits:
            if edit.value is None:
                continue
            found = places.get((same(edit.did, country) if edit.did else "", edit.key))
            if found is None:
                raise Problem(409, "gone", _("This number is not configured any more."))
            if found[0] != str(path):
                told = _("%(file)s, line %(line)s, says otherwise, and counts for more.")
                words = told % {"file": Path(found[0]).name, "line": found[2]}
                raise Problem(409, "overruled", words, **{edit.key: words})
        return new


def _put(path: Path, text: str | None, candidate: str | None) -> None:
    if managed.read(path) != text:
        raise _conflict()
    managed.put(path, candidate)


def _conflict() -> Problem:
    return Problem(
        409,
        "conflict",
        _("Somebody else changed the settings meanwhile. Look at them again, then save."),
    )


def _refused(errors: Sequence[str], candidate: str | None, path: Path) -> Problem:
    """Each mistake at its field; those of other files in words."""
    by_line = {line: where for where, line in reversed(locate(candidate or "").items())}
    fields: dict[str, str] = {}
    others: list[str] = []
    for said in errors:
        found = _PLACE.fullmatch(said)
        where = by_line.get(int(found["line"])) if found and found["file"] == str(path) else None
        key = _key_of(where) if where is not None else ""
        if found is None or not key:
            others.append(said)
        else:
            fields.setdefault(key, found["text"])
    if fields:
        return Problem(422, "refused", _("Nothing was changed: look at what is marked."), **fields)
    told = "\n".join(others[:_TOLD])
    words = _("Nothing was changed: the configuration has a mistake.")
    return Problem(422, "refused", f"{words}\n{told}")


def _key_of(where: tuple[str | int, ...]) -> str:
    """The key of a number that a path in the file belongs to; "" for none."""
    if where[:2] == ("override", "mode"):
        return "mode"
    return str(where[3]) if len(where) > 3 else ""


def _told(one: KeyChange, old: Config, new: Config) -> KeyChange:
    return KeyChange(
        did=one.did,
        key=one.key,
        old=one.old,
        new=one.new,
        was=in_words(old, one.did, one.key),
        now=in_words(new, one.did, one.key),
    )


def in_words(config: Config, did: str, key: str) -> str:
    """A value in force as the file would have it, for a list of differences."""
    if not did:
        return config.mode
    spelt = same(did, config.business.country)
    rules = next((n for n in config.number if n.did == spelt), None)
    return value_words(rules, key) if rules is not None else ""


def value_words(rules: NumberConfig, key: str) -> str:
    """A key of a number as people would write it."""
    value = getattr(rules, key, None)
    field = NumberConfig.model_fields.get(key)
    extra = field.json_schema_extra if field is not None else None
    allowed = str(extra.get("allowed", "")) if isinstance(extra, dict) else ""
    if isinstance(value, float) and allowed.startswith("a duration"):
        return duration_text(value)
    if isinstance(value, Hours):
        return _words(value.model_dump())
    return _words(value)


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_words(said)}" for key, said in value.items() if said)
    return str(getattr(value, "value", value))


def _plain(value: Any) -> Any:
    """As JSON has it; TOML's own dates become their words, which are read as well."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value
