"""Passwords: argon2id, what a new one must be, and never more than two looked at at once.

Each look takes some tens of milliseconds and 64 MiB, in a thread. A name that does not exist is
answered after looking at a password as well: the time tells nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST, MOST = 10, 256
#: Looked at at once, and how many may wait for that.
AT_ONCE, WAITING = 2, 20

#: What is tried first of ten characters and more, capitals aside; with digits after it as well.
_WORDS: Final = """
password passwort kennwort geheim administrator admin welcome willkommen letmein iloveyou
qwerty qwertz qwertyuiop qwertzuiop asdfghjkl asdfgh 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc
zaq12wsx q1w2e3r4 abc abcdef abcdefg abcd changeme default secret trustno1 superman football
baseball basketball princess sunshine monkey dragon michael jennifer charlie liverpool asterisk
freepbx textback telephone telefon reception receptionist frontdesk voicemail hallo hello starwars
whatever computer internet master shadow summer winter spring sommer frühling herbst
"""
_COMMON: Final = frozenset(_WORDS.split())
_SWAPPED: Final = str.maketrans("013457@$!", "oleastasi")
_ROWS: Final = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


class TooManyError(Exception):
    """More sign in at once than can be looked at; again in a moment."""


def normal(password: str) -> str:
    """One spelling of what may be typed in several (NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    # A browser sends no half of a surrogate pair; whoever does is refused, not told of a fault.
    return normal(password).encode("utf-8", "surrogatepass")


#: Why a password will not do: a word for whoever says it in sentences.
SHORT, LONG, NAME, COMMON = "short", "long", "name", "common"


def weakness(password: str, name: str) -> str:
    """ "" for one that will do; else SHORT, LONG, NAME or COMMON."""
    text = normal(password)
    if len(text) < LEAST:
        return SHORT
    if len(text) > MOST:
        return LONG
    folded, who = text.casefold(), name.casefold()
    bare = folded.strip("0123456789!?.,-_*#+$ ")
    if who and (folded in (who, who[::-1], who * 2) or bare == who):
        return NAME
    plain = bare.translate(_SWAPPED)
    if {bare, plain, folded} & _COMMON or len(set(folded)) < 4:
        return COMMON
    if any(folded in row or folded in row[::-1] for row in _ROWS):
        return COMMON
    half = folded[: len(folded) // 2]
    if half * 2 == folded and (half in _COMMON or half == who):
        return NAME if half == who else COMMON
    return ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a look: whether it was right, and a better hash where one is due."""

    right: bool
    rehashed: str = ""


class Passwords:
    """Hashes and compares; belongs to one event loop where `check` is used."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher`: other parameters than argon2-cffi's own (RFC 9106, low memory)."""
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._here = 0
        self._nobody: str = ""

    def hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password))

    async def make(self, password: str) -> str:
        """`hash` in a thread."""
        return await asyncio.to_thread(self.hash, password)

    async def check(self, kept: str, password: str) -> Checked:
        """Whether `password` is what `kept` was made of; "" is nobody's, and takes as long.

        Raises TooManyError.
        """
        if self._here >= AT_ONCE + WAITING:
            raise TooManyError
        self._here += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._check, kept, password)
        finally:
            self._here -= 1

    def _check(self, kept: str, password: str) -> Checked:
        if not self._nobody:
            self._nobody = self._hasher.hash(secrets.token_hex(16))
        # A longer one is nobody's: what is hashed has a bound.
        text = password[: MOST * 4]
        try:
            self._hasher.verify(kept or self._nobody, _bytes(text))
        except (VerificationError, InvalidHashError):
            return Checked(False)
        if not kept:
            return Checked(False)
        return Checked(True, self.hash(text) if self._hasher.check_needs_rehash(kept) else "")
