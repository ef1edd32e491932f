"""Who is to be texted: the caller's number, read as in the country of the number called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.verdicts import CALL, config
from textback.case import caller_of
from textback.phone import Kind

LONDON = config({"number": [{"did": "+12125550100"}, {"did": "+442079460131"}]})


@pytest.mark.parametrize(
    ("did", "caller", "e164"),
    [
        ("02079460131", "07700900123", "+447700900123"),
        ("02079460131", "+447700900123", "+447700900123"),
        ("02079460131", "0016465550101", "+16465550101"),
        # What the dialplan of the US business made of a caller of its number of London.
        ("02079460131", "011447700900123", "+447700900123"),
        ("2125550100", "6465550101", "+16465550101"),
        ("2125550100", "011447700900123", "+447700900123"),
        ("2125550100", "07700900123", ""),  # nobody calls New York so
    ],
)
def test_a_caller_is_read_as_in_the_country_of_the_number_called(
    did: str, caller: str, e164: str
) -> None:
    assert caller_of(replace(CALL, did=did, caller=caller), LONDON).e164 == e164


def test_the_number_before_the_dialplan_counts_and_the_later_one_only_where_it_is_none() -> None:
    true = replace(CALL, caller="6465550101", caller_final="96465550101")
    assert caller_of(true, LONDON).e164 == "+16465550101"
    odd = replace(CALL, caller="line7", caller_final="6465550101")
    assert caller_of(odd, LONDON).e164 == "+16465550101"
    hidden = replace(CALL, caller="anonymous", caller_final="6465550101")
    assert caller_of(hidden, LONDON).kind is Kind.WITHHELD
