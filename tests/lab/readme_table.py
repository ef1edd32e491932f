"""README.md's table of call topologies, made from what the acceptance tests play.

`python -m tests.lab.readme_table` prints README.md with the table anew; `make generated` writes it,
and a test compares. A line is claimed for the versions of Asterisk on which a test class of
`tests/acceptance` plays it, for each dialplan.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.played import Matrix
from tests.lab.row import Row
from tests.lab.sentences import SENTENCES
from tests.lab.tables import classes

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- topologies: begin -->", "<!-- topologies: end -->"
#: The words of the verdict's reason, where the outcome does not say it already.
SELF_EVIDENT = ("answered",)


@dataclass
class Line:
    """One topology: what happens, what it is called, what comes of it, and where that is shown."""

    what: str
    outcome: str
    verdict: str
    versions: dict[str, set[str]] = field(default_factory=dict)  #: dialplan -> of Asterisk


def lines(played: Iterable[type[Matrix]]) -> list[Line]:
    """In the order of the tables. Raises KeyError for a row without a sentence."""
    found: dict[tuple[str, str, str], Line] = {}
    # The table that is known to every reader first.
    for cls in sorted(played, key=lambda cls: cls.dialplan != Matrix.dialplan):
        for row in cls.rows():
            what = SENTENCES[cls.dialplan][row.name]
            for line in _of(row, what):
                key = (line.what, line.outcome, line.verdict)
                kept = found.setdefault(key, line)
                kept.versions.setdefault(cls.dialplan, set()).add(cls.version)
    return list(found.values())


def _of(row: Row, what: str) -> Iterable[Line]:
    for number, call in enumerate(row.expected):
        verdict = "text" if call.verdict == "send" else "no text"
        if call.verdict != "send" and call.reason not in SELF_EVIDENT:
            verdict += f": {call.reason.replace('_', ' ')}"
        said = what if not number else f"{what}: the second call"
        yield Line(said, call.outcome.replace("_", " "), verdict)


def table(played: Iterable[type[Matrix]]) -> str:
    """The table as markdown, with a sentence of figures before it."""
    played = list(played)
    dialplans = sorted({cls.dialplan for cls in played}, key=lambda name: name != Matrix.dialplan)
    told = lines(played)
    versions = sorted({cls.version for cls in played}, reverse=True)
    head = ["What happens", "Outcome", "Verdict", *(f"{name} dialplan" for name in dialplans)]
    out = [
        f"<details><summary>{len(told)} topologies, each placed as a real SIP call on "
        f"Asterisk {' and '.join(versions)}</summary>",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for line in told:
        shown = (_versions(line.versions, name) for name in dialplans)
        out.append("| " + " | ".join([line.what, line.outcome, line.verdict, *shown]) + " |")
    return "\n".join([*out, "", "</details>"])


def _versions(versions: Mapping[str, set[str]], dialplan: str) -> str:
    return ", ".join(sorted(versions.get(dialplan, ()), reverse=True))


def renewed(readme: str, made: str) -> str:
    """README.md with the table between its marks. Raises ValueError when a mark is missing."""
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks {BEGIN} or {END}")
    return f"{head}{begin}\n{made}\n{end}{tail}"


if __name__ == "__main__":
    sys.stdout.write(renewed(README.read_text(), table(classes())))
