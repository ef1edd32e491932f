"""Whether two spellings of a number, as carriers and configurations have them, are one number."""

from __future__ import annotations

#: Digits at the end that make two spellings one number.
_LOCAL = 7


def same_number(one: str, other: str) -> bool:
    """Carriers leave out the plus, the country, or put the trunk's 0 before it."""
    a, b = (number.strip().lstrip("+0") for number in (one, other))
    if a == b:
        return bool(a)
    short, long = sorted((a, b), key=len)
    return len(short) >= _LOCAL and long.endswith(short)
