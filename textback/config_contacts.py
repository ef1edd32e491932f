"""The table [contacts]: where names of callers are read from, and what their tags mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from textback.config_values import DURATION, Line, Seconds, Table, key


class Contacts(Table):
    """Who callers are: files of names, read at the start, at a reload and when they change. What
    was entered with `textback contacts set` comes before every file, and a file before AstDB."""

    files: tuple[Line, ...] = key(
        (),
        "Files with names and numbers: CSV as Google, Outlook and spreadsheets write it, and vCard "
        "(.vcf). The first file in the order of their names counts where two know a number.",
        allowed='a list of paths, * and ? stand for anything: ["/etc/textback/contacts/*.csv"]',
    )
    check_every: Annotated[Seconds, Field(ge=1, le=86_400)] = key(
        60.0, "How often the files are looked at for changes.", allowed=DURATION + ", 1s to 1d"
    )
    astdb_every: Annotated[Seconds, Field(ge=10, le=604_800)] = key(
        3_600.0,
        "How often an Asterisk's phonebook is read again.",
        allowed=DURATION + ", 10s to 7d",
    )
    cnam: Literal["use", "ignore"] = key(
        "ignore",
        "Whether {{contact.name}} may say what the network calls a caller who is not in the "
        "contacts. It is in capitals and wrong as often as right.",
    )
    vip_tags: tuple[Line, ...] = key(
        ("vip",), "Tags, groups or labels that make a contact a VIP.", allowed='a list: ["vip"]'
    )
    no_text_tags: tuple[Line, ...] = key(
        ("no-text", "do-not-text"),
        "Tags, groups or labels whose contacts are never texted by a rule. Blanks, - and _ are "
        "the same in them.",
        allowed='a list: ["no-text", "supplier"]',
    )

    @field_validator("files")
    @classmethod
    def _files_are_of_a_known_kind(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not text.lower().endswith((".csv", ".vcf", ".txt", ".tsv", ".vcard")):
                raise ValueError(f"{text!r} is neither .csv nor .vcf; name the files by their kind")
            if "**" in text:
                raise ValueError(f"{text!r} has ** in it; name each folder")
        return value
