"""Checks across the tables of a config: names used twice, keys that contradict, files not there."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from textback import compose, config_console_check, config_optout_check, config_tell_check, phone
from textback.compose import TemplateError
from textback.config import CATCH_ALL, Business, Defaults, NumberConfig
from textback.config_findings import Findings, no_pipe
from textback.config_routes_check import check_routes
from textback.config_values import duration_text
from textback.message import subject_of

MAX_LIST_FILE = 10_000_000

#: The keys of a number that are texts.
TEXT_KEYS = ("message", "message_again", "after_hours_message", "follow_up")

#: Letters, digits and marks that carriers take in an alphanumeric sender.
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &._+-]{1,11}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
#: Wednesday and September are the longest day and month.
SAMPLE_TIME = datetime(2026, 9, 30, 20, 45, tzinfo=UTC)


def cross_check(parts: Mapping[str, Any], found: Findings) -> None:
    """Errors in which more than one key takes part. Tables that are wrong are None in `parts`."""
    for table, what in (
        ("pbx", "no Asterisk to watch"),
        ("smsc", "no carrier account to send with"),
        ("number", "no number to watch"),
    ):
        if table == "smsc" and parts.get("mode") == "shadow":
            continue  # the first week, before there is an account
        if not found.raw.get(table) and not found.is_wrong((table,)):
            found.error((table,), f"there is {what}; add a [[{table}]] table")
    country = country_of(parts)
    _unique(found, "pbx", "name", "pbx", str.strip)
    _unique(found, "smsc", "name", "smsc", str.strip)
    _unique(found, "number", "did", "", lambda did: phone.to_e164(did, country) or did.strip())
    _unique(found, "message", "name", "", str.strip)
    _unique(found, "quick_answer", "name", "", str.strip)
    _check_numbers(parts, found, country)
    check_routes(parts, found, country, sender_kind)
    _check_named(parts, found)
    config_optout_check.check(
        parts,
        found,
        lambda sender: sender_kind(sender, country),
        lambda number: sample_subject(number, parts["business"]),
        TEXT_KEYS,
    )
    config_tell_check.check(parts, found, country)
    config_console_check.check(parts, found)
    _check_files(parts, found)
    _check_ports(parts, found)
    business = parts["business"]
    for index, text in enumerate(business.numbers if business else ()):
        if not phone.to_e164(text, country):
            why = phone.read(text, country).why
            hint = "write it in full, as in +12125550101"
            path = ("business", "numbers", index)
            found.error(path, f"{text!r} is not a telephone number ({why}); {hint}")


def country_of(parts: Mapping[str, Any]) -> str:
    """The country numbers are read in, also when [business] is wrong."""
    return parts["business"].country if parts["business"] else "US"


def sender_kind(sender: str, country: str) -> str:
    """ "number", "short code", "letters", or "" for what no carrier takes."""
    if phone.to_e164(sender, country):
        return "number"
    if _SHORT_CODE.fullmatch(sender):
        return "short code"
    return "letters" if _ALPHANUMERIC.fullmatch(sender) else ""


def check_lists(
    parts: Mapping[str, Any], found: Findings, folder: FilePath
) -> tuple[list[str], list[str]]:
    """The entries of never.staff_files and never.block_files; the lists in the config are checked
    and left where they are."""
    never, country = parts["never"], country_of(parts)
    if never is None:
        return [], []
    for key in ("staff", "block"):
        for index, text in enumerate(getattr(never, key)):
            try:
                phone.list_entry(text, country)
            except ValueError as error:
                path = ("never", key, index)
                found.error(path, f"{text!r}: {error}")
    files = [
        [e for i, n in enumerate(names) for e in _list_file(folder / n, key, i, found, country)]
        for key, names in (("staff_files", never.staff_files), ("block_files", never.block_files))
    ]
    return files[0], files[1]


def check_tls(parts: Mapping[str, Any], found: Findings) -> None:
    """Certificates that are not there, cannot be used, or are given while TLS is off."""
    if (console := parts["console"]) is not None:
        _check_pair(found, ("console",), console.tls_cert, console.tls_key)
    for table in ("pbx", "smsc"):
        for index, link in enumerate(parts[table]):
            if link is None:
                continue
            path = (table, index)
            given = [k for k in ("tls_ca", "tls_cert", "tls_key") if getattr(link, k, "")]
            if given and not link.tls:
                hint = "set tls = true, or take it out"
                found.error((*path, given[0]), f"is set, and tls is off; {hint}")
            if not link.tls:
                continue
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if link.tls_ca:
                load = partial(context.load_verify_locations, link.tls_ca)
                _try(found, (*path, "tls_ca"), load, link.tls_ca)
            cert, key = getattr(link, "tls_cert", ""), getattr(link, "tls_key", "")
            _check_pair(found, path, cert, key)


def _check_pair(found: Findings, path: tuple[str | int, ...], cert: str, key: str) -> None:
    """A certificate of our own, and its key."""
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The empty password keeps OpenSSL from asking for one on the terminal.
        load = partial(context.load_cert_chain, cert, key or None, "")
        _try(found, (*path, "tls_cert"), load, cert, key or cert)
    elif key:
        found.error((*path, "tls_key"), "is set without tls_cert; set both")


def _try(
    found: Findings, path: tuple[str | int, ...], action: Callable[[], object], *files: str
) -> None:
    try:
        for file in files:
            no_pipe(FilePath(file))
        action()
    except ssl.SSLError as error:
        why = error.reason or "not PEM"
        found.error(path, f"cannot be used ({why}); it must be a PEM file, and the key must fit")
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        found.error(path, f"cannot be read ({why}); create it, readable by the service's user")


def _check_numbers(parts: Mapping[str, Any], found: Findings, country: str) -> None:
    routes = {s.name for s in parts["smsc"] if s is not None}
    if parts["defaults"] is not None:
        _check_texts(parts["defaults"], found, lambda key: ("defaults", key), parts["business"])
    for index, number in enumerate(parts["number"]):
        if number is None:
            continue

        def at(key: str, index: int = index) -> tuple[str | int, ...]:
            return found.of_number(index, key)

        if number.ring_timeout < number.abandoned_after:
            least, most = duration_text(number.abandoned_after), duration_text(number.ring_timeout)
            path = at("abandoned_after")
            if not {"abandoned_after"} & set(found.raw["number"][index]):
                path = at("ring_timeout")
            text = f"abandoned_after ({least}) is longer than ring_timeout ({most})"
            found.error(path, f"{text}; lower the first or raise the second")
        did = number.did.strip()
        if number.sender and not sender_kind(number.sender, country):
            text = f"{number.sender!r} is no sender a carrier takes"
            allowed = "a number in full, a short code, or up to 11 letters and digits"
            found.error(at("sender"), f"{text}; allowed: {allowed}")
        elif not number.sender and did != CATCH_ALL and not phone.to_e164(did, country):
            text = f"a text cannot come from {did!r}, and sender is empty"
            found.error(at("did"), f"{text}; write the number in full, or set sender")
        unknown = [name for name in number.smsc if name not in routes]
        if unknown and not found.is_wrong(("smsc",)):
            known = ", ".join(sorted(routes)) or "none"
            found.error(at("smsc"), f"there is no [[smsc]] named {unknown[0]!r}; named: {known}")
        _check_tags(parts, number, found, at)
        _check_texts(number, found, at, parts["business"])
        _check_desk(parts, number, found, at)


def _check_desk(
    parts: Mapping[str, Any],
    number: NumberConfig,
    found: Findings,
    at: Callable[[str], tuple[str | int, ...]],
) -> None:
    """PJSIP/101 is another phone on another PBX."""
    named = [p.name for p in parts["pbx"] if p is not None]
    if found.is_wrong(("pbx",)) or None in parts["pbx"]:
        return
    if number.desk_pbx and number.desk_pbx not in named:
        known = ", ".join(sorted(named)) or "none"
        text = f"there is no [[pbx]] named {phone.printable(number.desk_pbx)!r}; named: {known}"
        found.error(at("desk_pbx"), text)
    elif number.desk and not number.desk_pbx and len(named) > 1:
        text = f"which [[pbx]] has these phones? There are {', '.join(named)}"
        found.error(at("desk"), f"{text}; add desk_pbx")


def _check_tags(
    parts: Mapping[str, Any],
    number: NumberConfig,
    found: Findings,
    at: Callable[[str], tuple[str | int, ...]],
) -> None:
    """What messages_by_tag names must be there."""
    names = {message.name for message in parts["message"] if message is not None}
    if found.is_wrong(("message",)) or None in parts["message"]:
        return
    for tag, name in number.messages_by_tag.items():
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            text = f"{tag!r}: there is no [[message]] named {name!r}; named: {known}"
            found.error(at("messages_by_tag"), text)


def _check_texts(
    rules: Defaults,
    found: Findings,
    at: Callable[[str], tuple[str | int, ...]],
    business: Business | None,
) -> None:
    for key in TEXT_KEYS:
        template = getattr(rules, key)
        if key != "message" and not template:
            continue
        try:
            compose.render(template, sample_subject(rules, business))
        except TemplateError as error:
            found.error(at(key), f"{error}; mend the message")


def _check_named(parts: Mapping[str, Any], found: Findings) -> None:
    """Each [[message]] and [[quick_answer]] for each number: it may be asked for wherever a call
    came in."""
    rules = [r for r in (*parts["number"], parts["defaults"]) if r is not None]
    for table in ("message", "quick_answer"):
        for index, named in enumerate(parts[table]):
            if named is None:
                continue
            for number in rules:
                try:
                    compose.render(named.text, sample_subject(number, parts["business"]))
                except TemplateError as error:
                    found.error((table, index, "text"), f"{error}; mend the message")


def _check_files(parts: Mapping[str, Any], found: Findings) -> None:
    """One file is not a CSV and a database, nor the record of two Asterisks."""
    seen: dict[str, tuple[str | int, ...]] = {}
    for index, pbx in enumerate(parts["pbx"]):
        own: set[str] = set()
        for key in ("cel_csv", "cel_sqlite", "cdr_csv", "cdr_sqlite"):
            file = getattr(pbx, key) if pbx is not None else ""
            first = seen.setdefault(file, ("pbx", index, key))
            # cel_sqlite3_custom and cdr_sqlite3_custom write one database by default.
            together = key == "cdr_sqlite" and first == ("pbx", index, "cel_sqlite")
            if file and first != ("pbx", index, key) and file not in own and not together:
                text = f"{file} is already at {found.where(first)}"
                found.error(("pbx", index, key), f"{text}; each log is a file of its own")
                own.add(file)


def _check_ports(parts: Mapping[str, Any], found: Findings) -> None:
    agi, console = parts["agi"], parts["console"]
    if agi is None or console is None or not (agi.enabled and console.enabled):
        return
    if agi.listen == console.listen:
        path = ("agi", "listen") if "listen" in found.raw.get("agi", {}) else ("console", "listen")
        text = f"{agi.listen} is where agi and console both listen"
        found.error(path, f"{text}; give one of them another port")


def sample_subject(rules: Defaults, business: Business | None) -> compose.Subject:
    """A subject with values as long as they usually get, so that sizes are not underrated."""
    number = NumberConfig.model_construct(
        **{
            "label": "Main line",
            **rules.__dict__,
            "did": "+12125550100",
            "contact_fallback": max(rules.contact_fallback, "Christopher", key=len),
        }
    )
    return subject_of(number, business or Business(name="Business"), SAMPLE_TIME)


def _unique(
    found: Findings, table: str, key: str, default: str, normal: Callable[[str], str]
) -> None:
    seen: dict[str, int] = {}
    tables = found.raw.get(table, [])
    for index, entry in enumerate(tables):
        value = entry.get(key, default)
        if not isinstance(value, str) or not value:
            continue
        first = seen.setdefault(normal(value), index)
        if first != index:
            place = found.where((table, first, key))
            text = f"{phone.printable(value)!r} is already at {place}"
            found.error((table, index, key), f"{text}; each [[{table}]] needs its own {key}")


def _list_file(
    file: FilePath, key: str, index: int, found: Findings, country: str
) -> Iterator[str]:
    path = ("never", key, index)
    try:
        no_pipe(file)
        with file.open("rb") as opened:
            data = opened.read(MAX_LIST_FILE + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        found.error(path, f"{file} is not text; it must have one number a line")
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        found.error(path, f"{file} cannot be read ({why}); create it, or take it out")
        return
    if len(data) > MAX_LIST_FILE:
        found.error(path, f"{file} is larger than {MAX_LIST_FILE} bytes; it must be a list")
        return
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if entry:
            try:
                yield phone.list_entry(entry, country)
            except ValueError as error:
                shown = phone.printable(entry)
                found.error_at(f"{file}:{number}", f"never.{key}: {shown!r}: {error}")
