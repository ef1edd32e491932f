"""Cursors: the place in a list where the next page goes on, as one opaque word.

A cursor names its list and the values its order goes by. Whoever makes one up sees nothing that he
may not see anyway, so it carries a checksum, not a signature: a word that was cut, typed or taken
from another list is refused (400) before a query sees it.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from hashlib import blake2b

from textback.console.ctx import Problem
from textback.console.i18n import _

Value = int | str | datetime | None

#: Characters of the longest cursor there is.
LONGEST = 400
_CHECK = 6  # bytes


def write(listing: str, *values: Value) -> str:
    """The cursor of this place; `values` are what the list is ordered by."""
    told = [_told(value) for value in values]
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(listing, body) + body).decode().rstrip("=")


def read(listing: str, word: str, *kinds: type) -> tuple[Value, ...]:
    """The values of a cursor that `write` made for this list, of these kinds; None fits every kind.

    Raises Problem 400 for any other word.
    """
    if len(word) > LONGEST:
        raise _bad()
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        body = raw[_CHECK:]
        values = tuple(_value(one) for one in json.loads(body))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise _bad() from None
    if raw[:_CHECK] != _check(listing, body) or len(values) != len(kinds):
        raise _bad()
    for value, kind in zip(values, kinds, strict=True):
        if value is not None and not isinstance(value, kind):
            raise _bad()
    return values


def _told(value: Value) -> object:
    if isinstance(value, datetime):
        return {"at": value.astimezone(UTC).isoformat()}
    return value


def _value(told: object) -> Value:
    """Raises ValueError and TypeError for what `_told` does not make."""
    if isinstance(told, dict):
        at = datetime.fromisoformat(told.get("at"))  # type: ignore[arg-type]
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    if isinstance(told, str):
        told.encode()  # no half of a surrogate pair: no query takes it
        return told
    if told is None or (isinstance(told, int) and abs(told) < 2**63):
        return told
    raise ValueError


def _check(listing: str, body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK, key=b"textback " + listing.encode()).digest()


def _bad() -> Problem:
    return Problem(400, "cursor", _("This cursor is none of this list; begin without one."))
