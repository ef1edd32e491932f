"""A whole table of calls placed at once on one Asterisk, and what must hold of each row of it.

For a table of your own: subclass `Matrix` in a test module, name it Test..., and give it `table`,
and where they differ `version`, `peer`, `dialplan`, `files` and `settings`; import the fixture
`played` there. One class is one Asterisk, one textback and one SMSC; `--dist loadscope` gives a
class to one process, so that its calls are placed once. README.md's table of topologies is made
from these classes (`tests/lab/readme_table.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.acceptance.stage import admin, stage
from tests.lab.row import Row, configuration, play
from tests.lab.service import Service
from tests.lab.versions import DEFAULT
from tests.smscs.peers import ForeignSmsc, node_smsc, perl_smsc

#: Seconds from one call to the next: all at one instant would be a test of the kernel's buffers.
PACE = 0.15
PEERS: dict[str, Callable[[], AbstractAsyncContextManager[ForeignSmsc]]] = {
    "node": node_smsc,
    "perl": perl_smsc,
}


def words(submit: dict[str, Any]) -> str:
    """The text of a submit, as the SMSC tells it: in words or in octets (GSM 03.38: no escapes)."""
    text: str = submit.get("text") or bytes.fromhex(submit["octets"]).decode("latin-1")
    return text.replace("\x11", "_")


@dataclass
class Played:
    """What came of all calls."""

    submits: list[tuple[float, dict[str, Any]]] = field(default_factory=list)  #: when, what
    #: row -> what its people's script raised; that row alone fails of it
    broken: dict[str, BaseException] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)  #: row -> when its people were done
    stories: list[dict[str, Any]] = field(default_factory=list)
    unbinds: int = 0
    exit_code: int = -1
    complaints: list[dict[str, Any]] = field(default_factory=list)  #: of textback, in its log

    def stories_of(self, row: Row) -> list[dict[str, Any]]:
        """The calls of a row, the newest first. Raises what its people's script raised."""
        if row.name in self.broken:
            raise self.broken[row.name]
        numbers = {call.did for call in row.expected}
        return [
            story
            for story in self.stories
            if story["direction"] == row.direction and story["did"] in numbers
        ]

    def story(self, row: Row) -> dict[str, Any]:
        found = self.stories_of(row)
        assert len(found) == 1, f"{len(found)} calls for {row.dialled}"
        return found[0]

    def texts_to(self, number: str) -> list[tuple[float, dict[str, Any]]]:
        digits = number.removeprefix("+")
        return [(at, s) for at, s in self.submits if s["destination"].endswith(digits)]


@asynccontextmanager
async def listening(smsc: ForeignSmsc, played: Played) -> AsyncIterator[None]:
    """Note every submit with the time it came."""

    async def pump() -> None:
        while True:
            try:
                submit = await smsc.event("submit")
            except TimeoutError:
                continue  # none for a while: most of a call is ringing
            played.submits.append((asyncio.get_running_loop().time(), submit))

    task = asyncio.create_task(pump(), name="submits")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def play_all(
    directory: Path,
    rows: Sequence[Row],
    *,
    peer: str = "node",
    version: str = DEFAULT,
    files: Callable[[Sequence[Row]], Mapping[str, str]] = configuration,
    settings: Mapping[str, Any] | None = None,
) -> Played:
    """Place the calls of all rows side by side, and gather what came of them.

    `peer` is a key of PEERS; `version`, `files` and `settings` as for `tests.acceptance.stage`.
    """
    played = Played()
    phones = {row.phone(letter): row.name for row in rows for letter in "abc"}
    phones |= {row.out: row.name for row in rows}
    loop = asyncio.get_running_loop()
    async with PEERS[peer]() as smsc:
        account = {"host": "127.0.0.1", "port": smsc.port, "system_id": "acme", "password": "lab"}
        async with (
            stage(
                directory, rows, account, version=version, files=files, **(settings or {})
            ) as lab,
            admin(lab.asterisk) as hand,
        ):
            await lab.service.start()

            async def one(row: Row) -> None:
                try:
                    await play(row, lab.agent, hand)
                finally:
                    played.ended[row.name] = loop.time()

            async with listening(smsc, played):
                tasks = []
                for row in rows:
                    tasks.append(asyncio.create_task(one(row), name=row.name))
                    await asyncio.sleep(PACE)
                try:
                    await everything_told(lab.service, rows, played)
                finally:
                    playing = [task for task in tasks if not task.done()]
                    for task in playing:
                        task.cancel()
                    await asyncio.wait(tasks)
                played.stories = await lab.service.stories("calls", "--all", "-n", "1000")
                for failed in lab.agent.errors:
                    played.broken[phones.get(failed.user, failed.user)] = failed
                lab.agent.errors.clear()
                for task in tasks:
                    if task in playing:
                        played.broken[task.get_name()] = AssertionError("still on the line")
                    elif error := task.exception():
                        played.broken[task.get_name()] = error
            played.exit_code = await lab.service.stop()
            played.complaints = [
                event
                for event in lab.service.events()
                if event.get("level") in ("warning", "error", "critical")
            ]
        await smsc.event("unbind")
        played.unbinds = sum(event["event"] == "unbind" for event in smsc.events)
    return played


async def everything_told(
    service: Service, rows: Iterable[Row], played: Played, *, within: float = 90.0
) -> None:
    """Wait until every call has ended with a verdict and every text has its receipt.

    What has not by then fails the tests of its row, and those alone.
    """
    names = {row.name for row in rows}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                if names <= played.ended.keys():
                    stories = await service.stories("calls", "--all", "-n", "1000")
                    if not any(map(is_open, stories)):
                        return
                    await service.news()
                else:
                    await asyncio.sleep(0.5)


def is_open(story: dict[str, Any]) -> bool:
    text = story["text"]
    return story["ended"] is None or (text is not None and text["state"] != "delivered")


@pytest.fixture(scope="class")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """What came of the table of the test's class; a test module has to import it."""
    cls: type[Matrix] = request.cls
    return cls.play(tmp_path_factory.mktemp(cls.__name__))


class Matrix:
    """What must hold of every row, whatever the Asterisk, its dialplan and the SMSC."""

    table: ClassVar[Sequence[Row]]
    version: ClassVar[str] = DEFAULT  #: of Asterisk, a name in `tests.lab.versions`
    peer: ClassVar[str] = "node"  #: the SMSC, a key of PEERS
    dialplan: ClassVar[str] = "plain"  #: what README.md calls it
    #: makes Asterisk's files from the rows; a function, so in the class body: staticmethod(...)
    files: ClassVar[Callable[[Sequence[Row]], Mapping[str, str]]] = staticmethod(configuration)
    #: of textback, for `tests.lab.service.configuration`
    settings: ClassVar[Mapping[str, Any]] = {}

    #: Argument of a test -> the rows it is run for.
    PICKED: ClassVar[Mapping[str, Callable[[Row], bool]]] = {
        "row": lambda row: True,
        "early": lambda row: row.early,
        "timed": lambda row: row.early and not row.name.startswith("voicemail"),
    }

    @classmethod
    def rows(cls) -> list[Row]:
        """Those of the table that its Asterisk can play."""
        return [row for row in cls.table if cls.version in row.versions]

    @classmethod
    def play(cls, directory: Path) -> Played:
        return asyncio.run(
            play_all(
                directory,
                cls.rows(),
                peer=cls.peer,
                version=cls.version,
                files=cls.files,
                settings=cls.settings,
            )
        )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name, wanted in self.PICKED.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, [row for row in self.rows() if wanted(row)], ids=repr)

    def test_call_ends_with_the_verdict_of_its_row(self, played: Played, row: Row) -> None:
        stories = played.stories_of(row)
        told = [(s["did"], s["outcome"], s["verdict"], s["reason"]) for s in stories]

        assert sorted(told) == sorted(row.expected)
        for story in stories:
            assert all(gate["passed"] for gate in story["gates"][:-1])
            assert story["gates"][-1]["passed"] == (story["verdict"] == "send")

    def test_caller_gets_one_text_or_none_from_the_number_dialled(
        self, played: Played, row: Row
    ) -> None:
        stories = played.stories_of(row)
        texts = [text for _, text in played.texts_to(row.number_outside)]
        numbers = [
            row.did_2 if call.did == row.did_2 else row.did
            for call in row.expected
            if call.verdict == "send"
        ]

        assert sorted(text["source"].removeprefix("+") for text in texts) == sorted(
            number.removeprefix("+") for number in numbers
        )
        for text in texts:
            assert row.name in words(text), "the label of the number is in the text"
        assert [s["text"]["state"] for s in stories if s["text"]] == ["delivered"] * row.texts

    def test_text_leaves_while_the_caller_still_holds_the_phone(
        self, played: Played, early: Row
    ) -> None:
        ((submitted, _),) = played.texts_to(early.number_outside)
        story = played.story(early)

        assert submitted < played.ended[early.name]
        assert datetime.fromisoformat(story["decided"]) < datetime.fromisoformat(story["ended"])

    def test_text_is_decided_at_the_fifteenth_second_of_ringing(
        self, played: Played, timed: Row
    ) -> None:
        story = played.story(timed)
        rung = datetime.fromisoformat(story["decided"]) - datetime.fromisoformat(story["ringing"])

        assert rung.total_seconds() >= 15.0
        assert any("15 s" in what for _, what in story["trail"])

    def test_people_of_no_row_failed(self, played: Played) -> None:
        assert played.broken.keys() <= {row.name for row in self.rows()}

    def test_nobody_else_is_texted(self, played: Played) -> None:
        assert len(played.submits) == sum(row.texts for row in self.rows())

    def test_service_unbinds_ends_well_and_complains_of_nothing(self, played: Played) -> None:
        assert (played.exit_code, played.unbinds) == (0, 1)
        assert [event for event in played.complaints if event["level"] != "warning"] == []
