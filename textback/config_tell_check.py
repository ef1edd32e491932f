"""Checks of [[webhook]], [[notify]] and [[keyword]]: names, addresses, numbers, certificates."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import SplitResult, urlsplit

from textback import phone
from textback.config_findings import Findings, no_pipe
from textback.config_lines import Path
from textback.config_tell import KeywordConfig, NotifyConfig, WebhookConfig
from textback.config_values import is_loopback

#: A secret shorter than this can be guessed by who sees a few signatures.
SHORT_SECRET = 16
TABLES = ("webhook", "notify", "keyword")


def check(parts: Mapping[str, Any], found: Findings, country: str) -> None:
    """Every mistake in these tables that one table cannot see by itself. Those that are wrong are
    None in `parts`."""
    _names(parts, found)
    for table in TABLES:
        for index, one in enumerate(parts[table]):
            if one is not None:
                _numbers(parts, found, (table, index), one, country)
    for index, hook in enumerate(parts["webhook"]):
        if hook is not None:
            _webhook(found, ("webhook", index), hook)
    for index, notify in enumerate(parts["notify"]):
        if notify is not None:
            _notify(found, ("notify", index), notify)
    named = {one.name for table in TABLES[:2] for one in parts[table] if one is not None}
    for index, rule in enumerate(parts["keyword"]):
        if rule is not None and not any(found.is_wrong((table,)) for table in TABLES[:2]):
            _keyword(found, ("keyword", index), rule, named)


def _names(parts: Mapping[str, Any], found: Findings) -> None:
    """Who is told has a name of his own among both tables: `textback tell test NAME`."""
    for tables in (TABLES[:2], TABLES[2:]):
        seen: dict[str, str] = {}
        for table in tables:
            for index, one in enumerate(parts[table]):
                if one is None:
                    continue
                if one.name in seen:
                    text = f"{one.name!r} is the name of another [[{seen[one.name]}]]"
                    found.error((table, index, "name"), f"{text}; each needs its own name")
                seen.setdefault(one.name, table)


def _numbers(parts: Mapping[str, Any], found: Findings, path: Path, one: Any, country: str) -> None:
    dids = [number.did for number in parts["number"] if number is not None]
    if found.is_wrong(("number",)) or "*" in dids:
        return
    known = {phone.to_e164(did, country) or did.strip() for did in dids}
    for index, text in enumerate(one.numbers):
        if (phone.to_e164(text, country) or text) not in known:
            shown = phone.printable(text, 40)
            found.error((*path, "numbers", index), f"{shown!r} is the did of no [[number]]")


def split_url(text: str) -> tuple[SplitResult | None, str]:
    """A webhook's address in its parts; else None and what is wrong with it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None, "is no address; write https://host/path"
    if parts.scheme not in ("http", "https"):
        return None, "begins with neither https:// nor http://"
    if not parts.hostname or port == 0:
        return None, "names no host; write https://host/path"
    if not text.isprintable() or " " in text:
        return None, "has a blank or a control character in it"
    return parts, ""


def _webhook(found: Findings, path: Path, hook: WebhookConfig) -> None:
    # Nothing of the address is ever repeated: it may be the secret itself.
    url = hook.url.get_secret_value()
    if url:
        parts, problem = split_url(url)
        if parts is None:
            found.error((*path, "url"), problem)
        elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            found.warning(
                (*path, "url"),
                "goes in the open, and everybody on the way can read numbers and texts; use "
                "https://",
            )
    for name in ("secret", "old_secret"):
        secret = getattr(hook, name).get_secret_value()
        if secret and len(secret) < SHORT_SECRET:
            text = (
                f"has fewer than {SHORT_SECRET} characters; openssl rand -hex 32 makes a good one"
            )
            found.warning((*path, name), text)
    if hook.tls_ca:
        _ca(found, (*path, "tls_ca"), hook.tls_ca)


def _ca(found: Findings, path: Path, file: str) -> None:
    try:
        no_pipe(FilePath(file))
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError as error:
        found.error(path, f"cannot be used ({error.reason or 'not PEM'}); it must be a PEM file")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        found.error(path, f"cannot be read ({why}); create it, readable by the service's user")


def _notify(found: Findings, path: Path, notify: NotifyConfig) -> None:
    url = notify.url.get_secret_value()
    if not url:
        return
    # Only here: 36 MiB and a quarter of a second, for those alone who have this table.
    from textback import tell_apprise

    if not tell_apprise.readable(url):
        found.error(
            (*path, "url"),
            "is no URL that Apprise can use; compare it with the service's page in the Apprise "
            "documentation (a special character in a password is written as %40 and the like)",
        )


def _keyword(found: Findings, path: Path, rule: KeywordConfig, named: set[str]) -> None:
    for index, name in enumerate(rule.notify):
        if name not in named:
            known = ", ".join(sorted(named)) or "none"
            text = f"there is no [[notify]] or [[webhook]] named {name!r}; named: {known}"
            found.error((*path, "notify", index), text)
    for index, word in enumerate(rule.words):
        if not any(c.isalnum() for c in word):
            shown = phone.printable(word, 40)
            text = f"{shown!r} has neither a letter nor a digit; write a word"
            found.error((*path, "words", index), text)
