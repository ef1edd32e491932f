"""Addresses and validity as a carrier wants them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sms_gateway.addresses import Address, address, destination, source, validity_period
from sms_gateway.settings import RouteSettings

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+12125550100", Address(1, 1, "12125550100")),
        ("2125550100", Address(0, 1, "2125550100")),
        ("12345", Address(3, 0, "12345")),
        ("ACME Shop", Address(5, 0, "ACME Shop")),
        ("", Address(0, 0, "")),
    ],
)
def test_the_form_of_an_address_tells_its_type(text: str, expected: Address) -> None:
    assert address(text) == expected


def test_the_settings_of_a_route_win_over_what_is_detected() -> None:
    route = RouteSettings(name="r", host="h", system_id="s", source_ton=2, dest_npi=8)
    assert source("2125550100", route) == Address(2, 1, "2125550100")
    assert destination("+12125550123", route) == Address(1, 8, "12125550123")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ACME\0Shop", "printable"),
        ("Müller", "printable"),
        ("+1212\n", "printable"),
        ("A very long sender", "11 characters"),
        ("+" + "1" * 21, "20 digits"),
        ("1" * 21, "20 digits"),
    ],
)
def test_what_is_no_address_is_refused_and_not_cut(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        address(text)


@pytest.mark.parametrize("text", ["", "ACME", "+", "anonymous"])
def test_a_destination_must_be_digits(text: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        destination(text, RouteSettings(name="r", host="h", system_id="s"))


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(minutes=15), "000000001500000R"),
        (timedelta(hours=4, seconds=5), "000000040005000R"),
        (timedelta(days=2, hours=3), "000002030000000R"),
        (timedelta(seconds=1), "000000000100000R"),
        (timedelta(seconds=-5), "000000000100000R"),
        (timedelta(days=400), "000099000000000R"),
    ],
)
def test_relative_validity_counts_what_is_left(left: timedelta, expected: str) -> None:
    found = validity_period(NOW + left, NOW, "relative")
    assert found == expected
    assert len(found) == 16


def test_absolute_validity_is_in_utc() -> None:
    later = (NOW + timedelta(minutes=15)).astimezone(timezone(timedelta(hours=-5)))
    assert validity_period(later, NOW, "absolute") == "261123121500000+"


def test_absolute_validity_is_never_in_the_past() -> None:
    assert validity_period(NOW - timedelta(hours=1), NOW, "absolute") == "261123120100000+"


def test_no_validity_is_an_empty_field() -> None:
    assert validity_period(NOW, NOW, "none") == ""
