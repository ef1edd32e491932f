"""What STIR/SHAKEN says of a caller's number, in the words Asterisk and carriers use; pure.

The dialplan hands over a verification status (the `verstat` of a SIP header, a carrier's own
header, or Asterisk's STIR_SHAKEN(0,verify_result)), an attestation letter, or both. Attestation A
vouches for the number and B for the customer. C says only where the call entered the network, so
it counts as not known.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Vouched(StrEnum):
    """What a word comes to."""

    PASSED = "passed"  #: somebody vouches for the number, or for who called
    FAILED = "failed"  #: it was signed, and the signature does not hold
    UNKNOWN = "unknown"  #: not signed, not checked, or a word we do not know


#: Compared without case, with blanks and underscores as dashes.
_WORDS: dict[Vouched, frozenset[str]] = {
    Vouched.PASSED: frozenset(
        {"tn-validation-passed", "passed", "pass", "verified"}
        | {"verification-passed"}  # Asterisk 16 to 21.1
        | {"success"}  # Asterisk from 18.22, 20.7, 21.2
    ),
    Vouched.FAILED: frozenset(
        {"tn-validation-failed", "failed", "fail", "verification-failed"}
        | {"signature-failed", "verification-mismatch"}
        | {"signature-validation", "cid-orig-tn-mismatch"}
        | {"date-hdr-range-error", "date-hdr-parse-failure", "iat-range-error", "missing-iat"}
        | {"cert-not-trusted", "cert-date-failure", "cert-contents-invalid"}
        | {"cert-no-tn-auth-ext", "cert-no-spc-in-auth-ext", "no-raw-key"}
        | {"invalid-or-no-ppt", "invalid-or-no-alg", "invalid-or-no-typ", "invalid-or-no-grants"}
        | {"invalid-or-no-attest", "invalid-header", "invalid-grant", "invalid-or-no-callerid"}
        | {"missing-origid", "missing-orig-tn", "missing-dest-tn"}
    ),
    # The rest is unknown. What is seen of it: no-tn-validation, verification-not-present,
    # missing-identity-hdr, missing-jwt-hdr, missing-date-hdr, cert-retrieval-failure (our own
    # network), disabled, null.
}
#: What carriers hang on behind.
_TAIL = re.compile(r"(?:-(?:diverted|passthrough))+$", re.ASCII)
_WITH_LETTER = re.compile(r"(?:(.+?)[-,;/]+)?([abc])", re.ASCII)
#: No word is longer; what is, somebody made up.
_LONGEST = 60


def read(raw: str) -> Vouched:
    """What `raw` (hostile) comes to. Never raises.

    Both a status and a letter may be there: "TN-Validation-Passed-B", "success,A".
    """
    text = re.sub(r"[\s_]+", "-", raw.strip().casefold()).rstrip("-,;/")
    if len(text) > _LONGEST:
        return Vouched.UNKNOWN
    text = _TAIL.sub("", text.removeprefix("verstat="))
    found = _WITH_LETTER.fullmatch(text)
    word, letter = (found[1] or "", found[2]) if found else (text, "")
    known = next((v for v, words in _WORDS.items() if word in words), Vouched.UNKNOWN)
    if known is Vouched.FAILED:
        return known
    if letter == "c" or (word and known is Vouched.UNKNOWN):
        return Vouched.UNKNOWN
    return Vouched.PASSED if word or letter else Vouched.UNKNOWN
