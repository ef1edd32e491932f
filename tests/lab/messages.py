"""The console's texts, gathered from its sources into the translations: `make messages`."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "textback" / "console"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
#: As the templates are compiled; `jinja2.ext.i18n` is there by itself.
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}


def gathered() -> Catalog:
    """Every text that is marked in the sources, in the order of its words."""
    found = Catalog(charset="utf-8")
    for _file, _line, message, _comments, _context in extract_from_dir(
        CONSOLE, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True
    ):
        found.add(message)
    return found


def translations() -> list[Path]:
    return sorted((CONSOLE / "locale").glob("*/LC_MESSAGES/textback.po"))


def read(path: Path) -> Catalog:
    language = path.parents[1].name
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(path: Path) -> bytes:
    """The translation with every text of the sources and no other; new ones are empty."""
    before = read(path)
    after = Catalog(locale=path.parents[1].name, charset="utf-8")
    for message in sorted(_all(gathered()), key=_key):
        known = before.get(message.id)
        after.add(message.id, known.string if known is not None else "")
    written = io.BytesIO()
    write_po(written, after, width=100, omit_header=True)
    # Its plural rule is the one thing of a header that is needed, and the rest is a date.
    head = (
        'msgid ""',
        'msgstr ""',
        r'"Content-Type: text/plain; charset=utf-8\n"',
        rf'"Plural-Forms: {after.plural_forms}\n"',
    )
    return "\n".join([*head, "", ""]).encode() + written.getvalue()


def _all(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def main() -> None:
    for path in translations():
        path.write_bytes(updated(path))
        empty = [m for m in _all(read(path)) if not m.string or not all(_strings(m))]
        print(f"{path.relative_to(ROOT)}: {len(empty)} of {len(_all(read(path)))} to translate")


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


if __name__ == "__main__":
    main()
