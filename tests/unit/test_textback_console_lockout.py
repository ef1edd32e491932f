"""The rules of lock-out, and what is a password: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.console_door import CHEAP
from textback.console import lockout, passwords
from textback.console.lockout import RULES, Kind, begin, failed, locked, network, place, succeeded
from textback.console.passwords import Passwords, TooManyError, weakness
from textback.store.tries import Key, Tries

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Book:
    """The counts as the store has them."""

    def __init__(self) -> None:
        self.rows: dict[Key, Tries] = {}

    def tried(self, name: str, address: str, now: datetime, *, right: bool = False) -> bool:
        """Whether the password was looked at."""
        at = place(name, address)
        until, after = begin(self.rows, at, now)
        self._put(after)
        if until is not None:
            return False
        if right:
            self._put(succeeded(self.rows, at, now)[1])
        return True

    def _put(self, after: dict[Key, Tries | None]) -> None:
        for key, tries in after.items():
            if tries is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = tries


# --- counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_locks_after_its_number_and_then_sooner(kind: Kind) -> None:
    rule, tries, now = RULES[kind], None, NOON
    for _ in range(rule.after - 1):
        tries = failed(kind, tries, now)
        assert locked(tries, now) is None
    tries = failed(kind, tries, now)
    assert locked(tries, now) == now + rule.first
    assert locked(tries, now + rule.first) is None
    now += rule.first
    for _ in range(rule.again - 1):
        tries = failed(kind, tries, now)
        assert locked(tries, now) is None
    assert locked(failed(kind, tries, now), now) == now + min(rule.first * 2, rule.longest)


@pytest.mark.parametrize("kind", Kind)
def test_no_lock_is_ever_longer_than_the_longest(kind: Kind) -> None:
    rule, tries, now, longest = RULES[kind], None, NOON, timedelta(0)
    for _ in range(400):
        until = locked(tries, now)
        if until is not None:
            longest = max(longest, until - now)
            now = until
        tries = failed(kind, tries, now)
    assert longest == rule.longest


def test_failures_far_apart_lock_nothing() -> None:
    rule, tries, now = RULES[Kind.PAIR], None, NOON
    for _ in range(50):
        tries = failed(Kind.PAIR, tries, now)
        assert locked(tries, now) is None
        now += rule.window / (rule.after - 1)


def test_after_a_calm_day_the_first_lock_is_a_short_one_again() -> None:
    tries = Tries(failures=4, since=NOON, last=NOON, locks=9)
    later = NOON + lockout.CALM
    for _ in range(RULES[Kind.PAIR].after):
        tries = failed(Kind.PAIR, tries, later)
    assert locked(tries, later) == later + RULES[Kind.PAIR].first


def test_a_clock_set_back_locks_nobody_for_long() -> None:
    tries = Tries(failures=4, since=NOON, last=NOON, locks=9)
    before = NOON - timedelta(days=30)
    assert locked(failed(Kind.PAIR, tries, before), before) is None


# --- a sign-in ------------------------------------------------------------------------------------


def test_a_try_while_locked_is_not_looked_at_and_makes_nothing_worse() -> None:
    book = Book()
    for _ in range(5):
        assert book.tried("anna", "192.0.2.7", NOON)
    before = dict(book.rows)
    for i in range(100):
        assert not book.tried("anna", "192.0.2.7", NOON + i * SECOND / 2)
    assert book.rows == before
    assert book.tried("anna", "192.0.2.7", NOON + timedelta(minutes=1), right=True)


def test_the_right_password_at_the_last_moment_locks_nobody() -> None:
    book = Book()
    for _ in range(4):
        assert book.tried("anna", "192.0.2.7", NOON)
    assert book.tried("anna", "192.0.2.7", NOON, right=True)
    assert book.tried("anna", "192.0.2.7", NOON)


def test_who_signs_in_rightly_all_day_is_never_locked() -> None:
    book = Book()
    for i in range(500):
        assert book.tried("anna", "192.0.2.7", NOON + i * SECOND, right=True), i


def test_many_names_from_one_address_are_one_attack() -> None:
    book = Book()
    looked = [book.tried(f"name{i}", "192.0.2.7", NOON) for i in range(30)]
    assert looked == [True] * 20 + [False] * 10
    assert book.tried("anna", "192.0.2.8", NOON)


def test_a_thousand_addresses_together_guess_at_one_name_once_in_half_a_minute() -> None:
    book, looked, now = Book(), 0, NOON
    for i in range(7_200):
        looked += book.tried("anna", f"10.{i % 250}.{i // 250}.1", now)
        now += SECOND / 2
    assert 30 <= looked <= 30 + 3_600 / 30 + 1


def test_the_owner_signs_in_where_he_has_before_whatever_others_do() -> None:
    book, now = Book(), NOON
    assert book.tried("anna", "192.0.2.7", now, right=True)
    for i in range(2_000):
        now += SECOND
        book.tried("anna", f"10.0.{i % 250}.{i // 250}", now)
        if i % 100 == 0:
            assert book.tried("anna", "192.0.2.7", now, right=True), i


def test_an_ipv6_customer_is_one_address() -> None:
    book = Book()
    looked = [book.tried("anna", f"2001:db8:1:2::{i:x}", NOON) for i in range(1, 10)]
    assert looked == [True] * 5 + [False] * 4


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        *(("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("", "unknown")),
        *(("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64")),
        *(("nonsense", "unknown"), ("::1", "::/64")),
    ],
)
def test_what_an_address_counts_as(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_name_stands_in_the_counts_and_no_two_share_one(one: str, other: str) -> None:
    first, second = place(one, "192.0.2.7"), place(other, "192.0.2.7")
    for key in (first.pair, first.user, first.known):
        assert len(one) < 8 or one not in key[1]
        assert len(key[1]) < 60
    surrogates = any("\ud800" <= c <= "\udfff" for c in one + other)
    assert (first.user == second.user) == (one == other) or surrogates


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 120)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_sequence_of_tries_locks_anybody_for_more_than_an_hour(
    steps: list[tuple[int, bool, int]],
) -> None:
    book, now = Book(), NOON
    for where, right, seconds in steps:
        now += seconds * SECOND
        book.tried("anna", f"192.0.2.{where}", now, right=right)
        for tries in book.rows.values():
            assert tries.locks >= 0
            assert tries.failures >= 0
            assert tries.locked_until is None or tries.locked_until - now <= timedelta(hours=1)


# --- passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "why"),
    [
        *(("", "short"), ("short", "short"), ("nine char", "short"), ("a" * 257, "long")),
        *(("annamueller", "name"), ("Annamueller", "name"), ("relleumanna", "name")),
        *(("annamueller1", "name"), ("annamuellerannamueller", "name"), ("password123", "common")),
        *(("Password2026!", "common"), ("P@ssw0rd123", "common"), ("1234567890", "common")),
        *(("0987654321", "common"), ("qwertyuiop", "common"), ("abcdefghij", "common")),
        *(("aaaaaaaaaaaa", "common"), ("ababababab", "common"), ("passwordpassword", "common")),
        *(("Willkommen1!", "common"), ("frontdesk2026", "common"), ("textback123", "common")),
        *(
            ("correct horse", ""),
            ("Tr0ub4dor&3x", ""),
            ("zehn zeichen", ""),
            ("пароль для дома", ""),
        ),
    ],
)
def test_what_anybody_would_try_first_is_no_password(password: str, why: str) -> None:
    assert weakness(password, "annamueller") == why


async def test_a_password_is_kept_as_argon2id_and_only_itself_opens() -> None:
    book = Passwords()
    kept = await book.make("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (await book.check(kept, "correct horse battery")).right
    for wrong in ("", "correct horse", "Correct horse battery", "x" * 100_000, "\ud800", "\0"):
        assert not (await book.check(kept, wrong)).right


@pytest.mark.parametrize("kept", ["", "nonsense", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_what_is_no_hash_opens_nothing(kept: str) -> None:
    book = Passwords(CHEAP)
    for tried in ("", kept, "x"):
        assert not (await book.check(kept, tried)).right


async def test_a_name_that_is_nobodys_costs_as_much_as_one_that_is() -> None:
    seen: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            seen.append("verify")
            return super().verify(hash, password)  # type: ignore[return-value]

    book = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
    kept = book.hash("correct horse battery")
    await book.check(kept, "wrong password")
    await book.check("", "wrong password")
    assert seen == ["verify", "verify"]


async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_sign_in() -> None:
    old = Passwords(CHEAP).hash("correct horse battery")
    book = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    found = await book.check(old, "correct horse battery")
    assert found.right
    assert found.rehashed != old
    assert (await book.check(found.rehashed, "correct horse battery")) == passwords.Checked(True)
    assert not (await book.check(old, "wrong password")).rehashed


async def test_more_at_once_than_can_be_looked_at_are_told_so() -> None:
    book = Passwords(CHEAP)
    book._here = passwords.AT_ONCE + passwords.WAITING
    with pytest.raises(TooManyError):
        await book.check("", "x")
    book._here -= 1
    assert not (await book.check("", "x")).right
    assert book._here == passwords.AT_ONCE + passwords.WAITING - 1
