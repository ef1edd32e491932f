"""Contacts from CSV, as Google, Outlook, FreePBX and spreadsheets of many languages write it; pure.

Which column is which is told by the header:

    numbers      every column called phone, mobile, tel..., in any wording of `_PHONE`; not fax,
                 pager, telex, and no column that says of what type a number is
    name         one for the whole name, else given and family names put together
    organization, tags (groups, labels, categories), vip, no_text

A file without a header has a column with numbers and one with names, told by its first row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from textback import phone
from textback.contacts import Entry, Found, Rules, add, decoded, is_yes, numbers_in, tags_in

_DELIMITERS = ",;\t|"
#: Of one row. A cell has 131,072 characters at most: csv itself refuses longer ones.
MAX_CELLS = 1_000

_PHONE = re.compile(
    r"\b(?:tele)?phones?\b|\b(?:mobile|mobil|mobiltelefon|cell|cellphone|cellular|handy|tel"
    r"|telefon|telefono|teléfono|téléphone|telephone|telefoon|telefoonnummer|telefonnummer"
    r"|rufnummer|mobilnummer|móvil|movil|celular|portable|mobiel|gsm|msisdn|e164|caller ?id"
    r"|phone ?number|mobile ?number|number|numbers|nummer|número|numero|numéro|callback|cid)\b",
    re.IGNORECASE,
)
_NO_PHONE = re.compile(
    r"\bfax|\bpager\b|\btelex\b|\btty|\bisdn\b|\btype\b|\btyp\b|\blabel\b|\bext(ension)?\b"
    r"|\bspeed ?dial\b|\baccount\b|\bcustomer n|\bkunden|\border\b|\bid\b|\bhouse\b|\bstreet\b"
    r"|\bnumber of\b|\bmember\b|\binvoice\b|\bvat\b|\btax\b|\bpin\b|\be-?mail\b",
    re.IGNORECASE,
)
_NAMES = {
    "name": "name|full name|fullname|display name|displayname|contact name|contact|customer"
    "|customer name|client|client name|patient|patient name|file as|caller name|cnam|cid name"
    "|kunde|kontakt|anzeigename|nombre completo|cliente|nom complet|client nom|naam|nome completo",
    "given": "given name|givenname|first name|firstname|first|forename|vorname|prénom|prenom"
    "|nombre|voornaam|nome",
    "middle": "middle name|additional name|middle|zweiter vorname|segundo nombre",
    "family": "family name|familyname|last name|lastname|last|surname|nachname|familienname"
    "|apellido|apellidos|nom|nom de famille|achternaam|cognome",
    "organization": "organization|organisation|organization name|organization 1 name|company"
    "|company name|business|firm|firma|unternehmen|empresa|compañía|société|entreprise|bedrijf"
    "|azienda",
    "tags": "tag|tags|label|labels|group|groups|group membership|category|categories|gruppe"
    "|gruppen|kategorie|kategorien|etiquetas|grupos|groupes|catégories|etiketten",
    "vip": "vip|is vip|important",
    "no_text": "no text|notext|no texts|do not text|donottext|dnt|no sms|nosms|do not sms"
    "|no_text|keine sms|opt out sms|sms opt out",
}
_BY_NAME = {name: what for what, names in _NAMES.items() for name in names.split("|")}


@dataclass(slots=True)
class _Columns:
    """Which cell is what."""

    one: dict[str, list[int]] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    width: int = 0


def read(data: bytes, rules: Rules, source: str) -> Found:
    """The contacts of a CSV file. Never raises for what is in it."""
    found = Found()
    text = decoded(data).replace("\0", "")
    first, _, rest = text.partition("\n")
    skipped = 0
    if re.fullmatch(r"\s*sep=(.)\s*", first):  # Excel's own way to say it
        delimiter, text, skipped = first.strip()[-1], rest, 1
    else:
        delimiter = _delimiter(text)
    rows = _rows(text, delimiter, found, skipped)
    header = next(rows, None)
    if header is None:
        found.refused = "" if not text.strip() else "is not CSV"
        return found
    line, cells = header
    columns = _by_header(cells)
    if not columns.numbers:
        columns = _by_look(cells, rules)
        if not columns.numbers:
            found.refused = (
                "has no column with numbers; name one of its columns phone, and one name"
            )
            return found
        _row(found, columns, cells, line, rules, source)
    for line, cells in rows:
        if found.full:
            found.problem(line, "is beyond the number of contacts that are read; the rest is left")
            break
        _row(found, columns, cells, line, rules, source)
    return found


def _rows(text: str, delimiter: str, found: Found, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found.problem(line, f"cannot be read ({error})")
            continue
        if len(cells) > MAX_CELLS:
            found.problem(line, f"has {len(cells)} columns")
        elif any(cell.strip() for cell in cells):
            yield line, cells


def _delimiter(text: str) -> str:
    """What the first row with something in it is divided by, outside of quotes."""
    first = next((line for line in text[:100_000].splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=lambda one: (bare.count(one), -_DELIMITERS.index(one)))


def _plain(header: str) -> str:
    return " ".join(re.sub(r"[_\-\s:.]+", " ", header.strip().strip("\ufeff").casefold()).split())


def _by_header(cells: Sequence[str]) -> _Columns:
    columns = _Columns(width=len(cells))
    for index, cell in enumerate(cells):
        name = _plain(cell)
        what = _BY_NAME.get(name)
        if what is not None:
            columns.one.setdefault(what, []).append(index)
        elif _PHONE.search(name) and not _NO_PHONE.search(name):
            columns.numbers.append(index)
    return columns


def _by_look(cells: Sequence[str], rules: Rules) -> _Columns:
    """Of a file without a header: the first cell that is a number, the first other with letters."""
    columns = _Columns(width=len(cells))
    number = next((i for i, cell in enumerate(cells) if _is_number(cell, rules)), None)
    if number is None:
        return columns
    columns.numbers = [number]
    other = (i for i, cell in enumerate(cells) if i != number and any(c.isalpha() for c in cell))
    name = next(other, None)
    if name is not None:
        columns.one["name"] = [name]
    return columns


def _is_number(cell: str, rules: Rules) -> bool:
    return any(phone.read_any(text, rules.countries).e164 for text in numbers_in(cell))


def _row(
    found: Found, columns: _Columns, cells: list[str], line: int, rules: Rules, source: str
) -> None:
    if any(cell.strip() for cell in cells[columns.width :]):
        found.problem(line, "has more columns than the header; is a quote missing?")
        return

    def cell(what: str) -> str:
        indices = columns.one.get(what, ())
        texts = (cells[index].strip() for index in indices if index < len(cells))
        return next((text for text in texts if text), "")

    parts = [cell(what) for what in ("given", "middle", "family")]
    entry = Entry(
        # "nom" and "nombre" are a whole name where there is no other part.
        name=cell("name") or " ".join(part for part in parts if part),
        organization=cell("organization"),
        numbers=[
            number
            for index in columns.numbers
            if index < len(cells)
            for number in numbers_in(cells[index])
        ],
        tags=[
            tag
            for index in columns.one.get("tags", ())
            if index < len(cells)
            for tag in tags_in(cells[index])
        ],
    )
    vip, no_text = is_yes(cell("vip")), is_yes(cell("no_text"))
    if vip is None:
        found.problem(line, f"vip is neither yes nor no: {cell('vip')!r}; taken as no")
    if no_text is None:
        # Rather one text too few.
        found.problem(line, f"no_text is neither yes nor no: {cell('no_text')!r}; taken as yes")
    entry.vip, entry.no_text = bool(vip), no_text is not False
    add(found, entry, line, rules, source)
