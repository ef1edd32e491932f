"""Names of callers made fit for a display, a dialplan variable and a greeting; pure.

What a network calls a caller (CNAM) is no name more often than not: WIRELESS CALLER, a town, the
number again. Only what may be a person's or a firm's name greets anybody.
"""

from __future__ import annotations

import re
import unicodedata

#: Characters of a name: what a desk phone shows.
MAX_NAME = 40

_NOBODY = frozenset({"unknown", "anonymous", "asterisk"})
#: What networks put where they know no name.
_NO_NAME = re.compile(
    r"\b(?:unknown|unavailable|anonymous|private|restricted|withheld|blocked|no name|not available"
    r"|out of area|wireless|cell ?phone|cellular|mobile|toll ?free|caller|name|call|payphone"
    r"|conference|asterisk|spam|scam|telemarketer|robocall|sip|voip|device|cid|trunk)\b",
    re.IGNORECASE,
)
#: A town and the two letters of its state, as carriers fill in: NEW YORK NY.
_TOWN = re.compile(r"[A-Z .]+ [A-Z]{2}")


def clean(name: str) -> str:
    """A caller's name fit for a display and for a dialplan variable; "" when nothing is left.

    Letters, digits, spaces and . - ' stay; what Asterisk's dialplan reads (quotes, commas, $, &,
    brackets) and what steers a display (control, bidi, invisible) does not.
    """
    kept: list[str] = []
    for char in unicodedata.normalize("NFKC", name[: MAX_NAME * 4]):
        category = unicodedata.category(char)
        if category.startswith("L") or category == "Nd" or char in ".-'":
            kept.append(char)
        elif category.startswith("M"):
            # One accent above a letter; stacks of them spill over the neighbouring lines.
            if kept and unicodedata.category(kept[-1]).startswith("L"):
                kept.append(char)
        elif category not in {"Cf", "Cs", "Co", "Cn"}:
            kept.append(" ")
    words = " ".join("".join(kept).split())[:MAX_NAME].strip(" .-'")
    return words if words.lower() not in _NOBODY else ""


def of_network(cnam: str) -> str:
    """What the network calls a caller, as a greeting may say it; "" where it is no name.

    SMITH, JOHN and SMITH JOHN cannot be told apart from a firm's name, so only a comma turns the
    two; capitals become a name's.
    """
    family, comma, given = cnam[: MAX_NAME * 4].partition(",")
    name = clean(f"{given} {family}" if comma and given.strip() else cnam)
    if any(char.isdigit() for char in name) or _NO_NAME.search(name) or _TOWN.fullmatch(name):
        return ""
    if sum(char.isalpha() for char in name) < 2:
        return ""
    return " ".join(part.capitalize() for part in name.split()) if name.isupper() else name
