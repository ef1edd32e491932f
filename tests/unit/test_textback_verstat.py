"""The words in which Asterisk and carriers tell what STIR/SHAKEN came to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textback.verstat import Vouched, read


@pytest.mark.parametrize(
    "said",
    [
        "TN-Validation-Passed",
        "TN-Validation-Passed-A",
        "TN-Validation-Passed-B",
        "TN-Validation-Passed-A-Diverted",
        "TN-Validation-Passed-B-Diverted-Passthrough",
        "verstat=TN-Validation-Passed",
        " tn-validation-passed ",
        "Verification passed",
        "Verification Passed",
        "success",
        "success,A",
        "success/B",
        "success A",
        "A",
        "b",
    ],
)
def test_somebody_vouches_for_the_number(said: str) -> None:
    assert read(said) is Vouched.PASSED


@pytest.mark.parametrize(
    "said",
    [
        "TN-Validation-Failed",
        "TN-Validation-Failed-A",
        "TN-Validation-Failed-C-Passthrough",
        "Signature failed",
        "Verification failed",
        "Verification mismatch",
        "signature_validation",
        "signature_validation-",
        "cid_orig_tn_mismatch",
        "cert_not_trusted,A",
        "iat_range_error",
    ],
)
def test_the_signature_does_not_hold(said: str) -> None:
    assert read(said) is Vouched.FAILED


@pytest.mark.parametrize(
    "said",
    [
        *("", "-", ",", "-A", "NULL", "none", "verstat="),
        *("No-TN-Validation", "Verification not present", "missing_identity_hdr", "disabled"),
        *("cert_retrieval_failure", "internal_error", "something of next year"),
        # The gateway vouches for nobody.
        *("C", "TN-Validation-Passed-C", "success,C"),
        # A letter cannot make up for a word that says nothing, nor a fourth letter for anything.
        *("disabled,A", "No-TN-Validation-A", "D", "TN-Validation-Passed-D"),
        # An A in Cyrillic.
        "\u0410",
        "A" * 10_000,
    ],
)
def test_nothing_is_known_of_the_number(said: str) -> None:
    assert read(said) is Vouched.UNKNOWN


@given(st.text(max_size=80))
def test_no_text_breaks_it(said: str) -> None:
    assert read(said) in Vouched
