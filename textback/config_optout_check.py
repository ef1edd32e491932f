"""Errors about opting out in which more than one key takes part."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from textback import compose
from textback.compose import TemplateError
from textback.config_findings import Findings

#: A way to opt out besides a reply: a telephone number, a mail address, a web address.
_OTHER_WAY = re.compile(
    r"(?<![0-9])\+?(?:[0-9][ ().-]{0,2}){7,}|[^\s@]+@[^\s@]+\.[a-z]{2,}|https?://|\bwww\."
    r"|\b[a-z0-9-]+\.[a-z]{2,6}/\S",
    re.IGNORECASE | re.ASCII,
)


def check(
    parts: Mapping[str, Any],
    found: Findings,
    kind: Callable[[str], str],
    subject: Callable[[Any], compose.Subject],
    keys: tuple[str, ...],
) -> None:
    """Letters cannot be replied to, so nobody could opt out of what only says "reply STOP".

    `kind(sender)`: "letters" and others; `subject(rules)`: a sample to fill texts in with; `keys`:
    those of a number that are texts.
    """
    for index, number in enumerate(parts["number"]):
        if number is None or not number.replies or kind(number.sender) != "letters":
            continue
        for key in keys:
            if not (template := getattr(number, key)):
                continue
            try:
                text = compose.render(template, subject(number))
            except TemplateError:
                continue  # said elsewhere
            if not _OTHER_WAY.search(text):
                what = f"{number.sender!r} is one-way: nobody can reply STOP to letters"
                hint = f"name in {key} a number or address to opt out at, or set replies = false"
                found.error(found.of_number(index, "sender"), f"{what}; {hint}")
                break
