"""What differs between the Asterisks of the laboratory: all of it is here, and nowhere else.

The templates in `etc` and the product's own files in `conf/asterisk` are the same for each. To add
a version: a line in VERSIONS, its suite in setup.sh, its name in the Makefile's `asterisk`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT = "22"
OLDER = "; Every older version: remove the semicolons here, and the block above."
NEWER = "eventfilter(action(include)"


@dataclass(frozen=True)
class Version:
    name: str
    #: `eventfilter(...)` with a criterion in the name; before, the line is an unknown option
    advanced_filters: bool

    def drop_in(self, text: str) -> str:
        """manager.d/textback.conf as its own comments tell the admin of this version to edit it."""
        if self.advanced_filters:
            return text
        head, found, older = text.partition(f"\n{OLDER}\n")
        if not found:
            raise ValueError(f"manager.d/textback.conf does not say {OLDER!r} any more")
        head = "".join(x for x in head.splitlines(keepends=True) if not x.startswith(NEWER))
        return head + found + re.sub(r"^;(?=eventfilter = )", "", older, flags=re.MULTILINE)


VERSIONS = {
    version.name: version
    for version in (
        Version("22", advanced_filters=True),
        Version("16", advanced_filters=False),
    )
}
