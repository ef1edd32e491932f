"""Names, tags and do-not-text on real Asterisks: from CSV, vCard, AstDB and the network.

One evening is played for each Asterisk, before npm's `smpp`; the tests look at what came of it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, admin, renumbered, stage
from tests.lab.phones import rings
from tests.lab.row import Row, row
from tests.lab.versions import VERSIONS
from tests.smscs.peers import node_smsc
from textback import contacts_astdb
from textback.contacts import Rules
from textback.model import Contact

pytestmark = [pytest.mark.asterisk, pytest.mark.smsc, pytest.mark.timeout(180)]

MESSAGE = "Hi {{contact.name}}, sorry we missed you. {{business.name}}"
GOLD = "Dear {{contact.name}}, your own line is open. {{business.name}}"


def line(name: str, display: str = "", **number: Any) -> Row:
    plan = "Dial(PJSIP/@a@,20) | Hangup()"
    return row(name, plan, "", a=rings(), display=display, number=number)


#: Callers by where their names come from; each calls a line of its own.
ROWS = renumbered(
    line("csv", "WRONG NAME"),
    line("vip"),
    line("supplier"),
    line("phonebook"),
    line("network", "LEE, ANN"),
    line("stranger", "WIRELESS CALLER"),
)
LINES = {one.name: one for one in ROWS}


@dataclass
class Evening:
    texts: dict[str, str] = field(default_factory=dict)  #: by the caller's line, as npm read them
    stories: dict[str, dict[str, Any]] = field(default_factory=dict)
    why: str = ""
    file: list[Contact] = field(default_factory=list)  #: what Asterisk's own database file says
    shown: list[dict[str, Any]] = field(default_factory=list)


def national(name: str) -> str:
    return LINES[name].number_outside.removeprefix("+1")


def write_files(folder: Path) -> Path:
    """What a business exports: a spreadsheet for Excel, and a phone's address book."""
    contacts = folder / "contacts"
    contacts.mkdir()
    (contacts / "clients.csv").write_bytes(
        "\r\n".join(
            [
                "First Name;Last Name;Mobile Phone;Categories",
                f"Zoë;Müller;({national('csv')[:3]}) {national('csv')[3:]};Regular",
                f"Sam;Supply;{LINES['supplier'].number_outside};Do-Not-Text",
                "",
            ]
        ).encode("cp1252")
    )
    (contacts / "team.vcf").write_text(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Vera Important\r\n"
        f"TEL;TYPE=CELL:{LINES['vip'].number_outside}\r\nCATEGORIES:VIP\r\nEND:VCARD\r\n"
    )
    return contacts


async def call(lab: Stage, one: Row) -> None:
    leg = await lab.ring(one)
    await asyncio.sleep(2.5)
    leg.hang_up()
    await leg.over()


async def read(lab: Stage, *sources: str) -> None:
    """Wait until these sources have been read."""
    async with asyncio.timeout(30):
        while True:
            told = {e["source"] for e in lab.service.events() if e["event"] == "contacts_read"}
            if told >= set(sources):
                return
            await lab.service.news()


async def play(folder: Path, version: str) -> Evening:
    evening = Evening()
    contacts = write_files(folder)
    settings: dict[str, Any] = {
        "defaults": {
            "message": MESSAGE,
            "messages_by_tag": {"vip": "gold"},
            "ring_timeout": "2s",
            "abandoned_after": "0s",
        },
        "pbx": {"astdb": True},
        "more": [
            (
                "[contacts]",
                {
                    "files": [f"{contacts}/*.csv", f"{contacts}/*.vcf"],
                    "check_every": "1s",
                    "cnam": "use",
                },
            ),
            ("[[message]]", {"name": "gold", "text": GOLD}),
        ],
    }
    async with node_smsc() as carrier:
        account = {"host": "127.0.0.1", "port": carrier.port, "system_id": "a", "password": "b"}
        async with stage(folder, list(ROWS), account, version=version, **settings) as lab:
            async with admin(lab.asterisk) as session:
                put = f'database put cidname {national("phonebook")} "Ada Phonebook"'
                session.act("Command", Command=put)
                await session.until(rb"Updated database successfully")
            await lab.service.start()
            await read(lab, "csv:clients.csv", "vcard:team.vcf", "astdb:pbx")
            async with asyncio.TaskGroup() as group:
                for one in ROWS:
                    group.create_task(call(lab, one), name=one.name)
            texts = await carrier.collect("text", len(ROWS) - 1)
            named = {one.number_outside.removeprefix("+"): one.name for one in ROWS}
            evening.texts = {named[t["destination"]]: t["text"] for t in texts}
            evening.stories = {one.name: await lab.story(one) for one in ROWS}
            evening.why = await lab.service.command("why", LINES["supplier"].number_outside)
            number = LINES["phonebook"].number_outside
            shown = await lab.service.command("contacts", "show", number, "--json")
            (database,) = lab.asterisk.directory.rglob("astdb.sqlite3")
            rules = Rules(countries=("US",))
            evening.file = contacts_astdb.of_file(database, rules, "astdb:pbx").contacts
            evening.shown = [json.loads(one) for one in shown.splitlines()]
    return evening


@pytest.fixture(scope="module", params=sorted(VERSIONS))
def evening(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Evening:
    return asyncio.run(play(tmp_path_factory.mktemp("contacts"), request.param))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("csv", "Hi Zoë Müller, sorry we missed you. Acme Dental"),
        ("vip", "Dear Vera Important, your own line is open. Acme Dental"),
        ("phonebook", "Hi Ada Phonebook, sorry we missed you. Acme Dental"),
        ("network", "Hi Ann Lee, sorry we missed you. Acme Dental"),
        ("stranger", "Hi there, sorry we missed you. Acme Dental"),
    ],
)
def test_a_caller_is_greeted_by_the_name_and_template_of_his_contact(
    evening: Evening, name: str, text: str
) -> None:
    assert evening.texts[name] == text


def test_a_contact_that_is_not_to_be_texted_is_not(evening: Evening) -> None:
    story = evening.stories["supplier"]
    assert (story["verdict"], story["reason"]) == ("skip", "contact_no_text")
    assert "supplier" not in evening.texts
    assert "Sam Supply (csv:clients.csv, tags do-not-text)" in " ".join(evening.why.split())


def test_the_phonebook_of_asterisk_is_among_the_contacts(evening: Evening) -> None:
    (entry,) = evening.shown
    assert (entry["name"], entry["source"]) == ("Ada Phonebook", "astdb:pbx")
    number = LINES["phonebook"].number_outside
    assert evening.file == [Contact(number=number, name="Ada Phonebook", source="astdb:pbx")]
