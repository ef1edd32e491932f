"""Changes from the console: checked, written, in force, recorded, undone; and what stops them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import console_rig
from tests.unit.edits_rig import FIRST, SECOND, Place, place
from textback import config_managed as managed
from textback.config import Config
from textback.config_managed import Edit
from textback.console import edits
from textback.console.ctx import Problem
from textback.console_wiring import checked
from textback.store.store import Store
from textback.store.tables_console import ChangeState


async def refused(work: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value


async def states(there: Place) -> list[ChangeState]:
    return [c.state for c in await there.backend.store.config_changes()]


async def test_a_change_is_in_force_in_the_file_and_in_the_history(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        number = await there.change(Edit(FIRST, "label", "Desk"), Edit("", "mode", "shadow"))
        assert (there.config.number[0].label, there.config.mode) == ("Desk", "shadow")
        assert there.on_disk().number[0].label == "Desk"
        (done,) = await there.backend.store.config_changes()
        assert (done.id, done.who, done.state) == (number, "anna", ChangeState.DONE)
        assert [(k.key, k.old, k.new, k.was, k.now) for k in done.keys] == [
            ("label", None, "Desk", "Main line", "Desk"),
            ("mode", None, "shadow", "live", "shadow"),
        ]
        assert (done.before, done.after) == (None, there.path.read_text())
        assert there.path.stat().st_mode & 0o777 == 0o640


async def test_what_is_as_it_was_is_no_change(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        await there.change(Edit(FIRST, "label", "Desk"))
        assert await there.change(Edit(FIRST, "label", "Desk")) is None
        assert await there.change(Edit(SECOND, "label", None)) is None
        assert there.reloads == 1


async def test_an_undo_is_a_change_that_can_be_undone(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        first = await there.change(Edit(FIRST, "label", "a"), Edit(FIRST, "owner", "101"))
        await there.change(Edit(SECOND, "label", "b"))
        assert first is not None
        undone = await edits.undo(there.backend, first, "bea")
        assert (there.config.number[0].label, there.config.number[0].owner) == ("Main line", "")
        assert there.config.number[1].label == "b"
        await edits.undo(there.backend, undone, "bea")
        assert (there.config.number[0].label, there.config.number[0].owner) == ("a", "101")
        newest = (await there.backend.store.config_changes())[0]
        assert (newest.who, newest.undoes) == ("bea", undone)


async def test_the_last_undo_takes_the_file_away(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        number = await there.change(Edit(FIRST, "label", "a"))
        assert number is not None
        await edits.undo(there.backend, number, "bea")
        assert not there.path.exists()
        problem = await refused(edits.undo(there.backend, number, "bea"))
        assert (problem.status, problem.code) == (409, "as_before")


async def test_a_mistake_goes_back_to_its_field_and_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        wanted = [Edit(FIRST, "message", "{{nobody}}"), Edit(FIRST, "label", "x")]
        problem = await refused(there.change(*wanted))
        assert (problem.status, set(problem.fields)) == (422, {"message"})
        assert "nobody" in problem.fields["message"]
        assert "console.toml" not in problem.fields["message"]
        assert (there.path.exists(), there.reloads, await states(there)) == (False, 0, [])


async def test_a_mistake_of_another_file_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        (tmp_path / "conf.d" / "hand.toml").write_text("[limits]\nper_day = -1\n")
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert (problem.status, problem.fields) == (422, {})
        assert "hand.toml:2: limits.per_day" in problem.detail
        assert not there.path.exists()


async def test_a_refused_reload_puts_the_file_back(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        await there.change(Edit(FIRST, "label", "a"))
        before = there.path.read_bytes()
        there.refuse = ["textback.toml:3: smsc.host: is gone"]
        problem = await refused(there.change(Edit(FIRST, "label", "b")))
        assert "smsc.host" in problem.detail
        assert there.path.read_bytes() == before
        assert await states(there) == [ChangeState.REFUSED, ChangeState.DONE]
        problem = await refused(edits.undo(there.backend, 2, "bea"))
        assert (problem.status, problem.code) == (409, "never")


async def test_after_a_refused_reload_the_service_takes_over_what_counts_again(
    tmp_path: Path,
) -> None:
    """What was refused may have been in force in part: the parts are asked one after the other."""
    async with place(tmp_path) as there:
        seen: list[bytes | None] = []

        async def reload() -> list[str]:
            seen.append(there.path.read_bytes() if there.path.exists() else None)
            return ["textback.toml:3: smsc.host: is gone"] if len(seen) == 1 else []

        there.backend.reload = reload
        await refused(there.change(Edit(FIRST, "label", "b")))
        assert len(seen) == 2
        assert seen[0] is not None
        assert b'label = "b"' in seen[0]
        assert seen[1] is None, "with the file as it was before"


async def test_open_pages_hear_of_a_change_and_not_of_one_that_was_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        listener = there.backend.feed.listen()
        tick = there.backend.feed.tick
        there.refuse = ["textback.toml:3: smsc.host: is gone"]
        await refused(there.change(Edit(FIRST, "label", "a")))
        assert there.backend.feed.tick == tick
        there.refuse = []
        await there.change(Edit(FIRST, "label", "a"))
        async with asyncio.timeout(20):
            assert await listener.next() == ("numbers",)
        there.backend.feed.leave(listener)


async def test_who_closes_the_tab_in_between_leaves_no_half_of_a_change(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        reached, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        takes_over = there.backend.reload

        async def reload() -> list[str]:
            reached.set()
            await go_on.wait()
            try:
                return await takes_over()
            finally:
                done.set()

        there.backend.reload = reload
        request = asyncio.create_task(there.change(Edit(FIRST, "label", "a")), name="request")
        async with asyncio.timeout(20):
            await reached.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            go_on.set()
            await done.wait()
            async with there.backend.changing:  # the change is over
                assert await states(there) == [ChangeState.DONE]
        assert there.config.number[0].label == "a"


async def test_a_hand_edit_since_the_page_was_opened_is_a_conflict(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        await there.change(Edit(FIRST, "label", "a"))
        seen = (await edits.standing(there.backend)).digest
        by_hand = there.path.read_text().replace('"a"', '"by hand"')
        there.path.write_text(by_hand)
        problem = await refused(there.change(Edit(FIRST, "owner", "101"), seen=seen))
        assert (problem.status, problem.code) == (409, "conflict")
        assert there.path.read_text() == by_hand
        again = (await edits.standing(there.backend)).digest
        assert await there.change(Edit(FIRST, "owner", "101"), seen=again) is not None
        # What was written by hand is kept.
        assert (there.config.number[0].label, there.config.number[0].owner) == ("by hand", "101")


async def test_a_hand_edit_between_check_and_write_is_never_written_over(tmp_path: Path) -> None:
    async with place(tmp_path) as there:

        def check(instead: Mapping[Path, str]) -> Config:
            found = checked(there.main, instead)
            there.path.write_text('[override]\nmode = "shadow"\n')
            return found

        there.backend.check = check
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert problem.code == "conflict"
        assert there.path.read_text() == '[override]\nmode = "shadow"\n'
        assert await states(there) == [ChangeState.REFUSED]


async def test_changes_at_the_same_time_come_one_after_the_other(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        keys = [(FIRST, "label"), (SECOND, "label"), (FIRST, "owner"), (SECOND, "owner")]
        done = await asyncio.gather(*(there.change(Edit(*k, f"x{i}")) for i, k in enumerate(keys)))
        assert sorted(n for n in done if n is not None) == [1, 2, 3, 4]
        assert [(n.label, n.owner) for n in there.config.number] == [("x0", "x2"), ("x1", "x3")]


async def test_of_two_pages_opened_together_the_second_is_told(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        seen = (await edits.standing(there.backend)).digest
        await there.change(Edit(FIRST, "label", "a"), seen=seen)
        problem = await refused(there.change(Edit(FIRST, "label", "b"), seen=seen))
        assert problem.code == "conflict"
        assert there.config.number[0].label == "a"


async def test_a_later_file_that_says_otherwise_is_named(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        hand = tmp_path / "conf.d" / "zz.toml"
        hand.write_text(f'[[override.number]]\ndid = "{FIRST}"\nlabel = "hand"\n')
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert (problem.code, "zz.toml, line 3" in problem.fields["label"]) == ("overruled", True)
        assert not there.path.exists()


async def test_undoing_a_change_of_a_number_that_is_gone_is_refused_cleanly(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        await there.change(Edit(SECOND, "label", "a"))
        number = await there.change(Edit(SECOND, "label", "b"))
        assert number is not None
        text = console_rig.CONFIG.partition('[[number]]\ndid = "+12125550101"')[0]
        there.main.write_text(text)
        await there.reload()
        before = there.path.read_bytes()
        problem = await refused(edits.undo(there.backend, number, "bea"))
        assert (problem.status, problem.code) == (409, "gone")
        assert there.path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "why"),
    [('[store]\npath = "x"\n', "written by hand"), ("[override", "is not TOML")],
)
async def test_a_file_of_that_name_that_is_not_the_consoles_is_left_alone(
    tmp_path: Path, text: str, why: str
) -> None:
    async with place(tmp_path) as there:
        there.path.write_text(text)
        assert why in (await edits.standing(there.backend)).obstacle
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert (problem.code, why in problem.detail) == ("read_only", True)
        assert there.path.read_text() == text


async def test_switched_off_nothing_is_written(tmp_path: Path) -> None:
    async with place(tmp_path) as there:
        (tmp_path / "conf.d" / "a.toml").write_text("[console]\nedit = false\n")
        await there.reload()
        assert "edit = false" in (await edits.standing(there.backend)).obstacle
        assert (await refused(there.change(Edit(FIRST, "label", "x")))).code == "read_only"


async def test_a_folder_that_cannot_be_written_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path) as there:
        monkeypatch.setattr(os, "access", lambda *_: False)
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert (problem.code, "chmod 3770" in problem.detail) == ("read_only", True)


async def test_a_disk_that_is_full_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path) as there:

        def full(**_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(tempfile, "mkstemp", full)
        problem = await refused(there.change(Edit(FIRST, "label", "x")))
        assert (problem.status, "No space left" in problem.detail) == (409, True)
        assert (there.path.exists(), there.reloads) == (False, 0)
        assert await states(there) == [ChangeState.REFUSED]


@pytest.mark.parametrize(
    ("kill_at", "state", "label"),
    [("write", ChangeState.LOST, "Main line"), ("reload", ChangeState.DONE, "x")],
)
async def test_after_a_kill_the_file_is_whole_and_the_history_tells_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: str, state: ChangeState, label: str
) -> None:
    class Killed(BaseException):
        pass

    async with place(tmp_path) as there:

        async def reload() -> list[str]:
            raise Killed

        def write(_path: Path, _text: str | None) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            if kill_at == "write":
                patched.setattr(managed, "put", write)
            else:
                there.backend.reload = reload
            work = edits._Work(there.backend, (Edit(FIRST, "label", "x"),), "anna", "", None)
            with pytest.raises(Killed):
                await work.run()
        assert await states(there) == [ChangeState.PENDING]
    async with place(tmp_path) as again:  # the service starts anew
        assert again.config.number[0].label == label
        await edits.settle(again.backend)
        assert await states(again) == [state]


# --- any sequence -------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12).filter(
    str.isprintable
)
EDITS = st.one_of(
    st.builds(Edit, st.sampled_from((FIRST, SECOND)), st.just("label"), st.none() | WORDS),
    st.builds(Edit, st.sampled_from((FIRST, SECOND)), st.just("owner"), st.none() | WORDS),
    st.builds(
        Edit, st.sampled_from((FIRST, SECOND)), st.just("enabled"), st.none() | st.booleans()
    ),
    st.builds(Edit, st.just(""), st.just("mode"), st.sampled_from((None, "live", "shadow"))),
)
STEPS = st.lists(st.lists(EDITS, min_size=1, max_size=3) | st.integers(0, 5), max_size=6)
PLAIN: dict[tuple[str, str], Any] = {
    (FIRST, "label"): "Main line",
    (SECOND, "label"): "Second line",
    **{(did, "owner"): "" for did in (FIRST, SECOND)},
    **{(did, "enabled"): True for did in (FIRST, SECOND)},
    ("", "mode"): "live",
}


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row: making one takes longer than all that is done with it."""
    path = tmp_path_factory.mktemp("store") / "textback.db"

    async def make() -> None:
        await (await Store.open(path)).close()

    asyncio.run(make())
    return path


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_any_sequence_of_edits_and_undos_leaves_what_a_table_would_say(
    empty_store: Path, steps: list[list[Edit] | int]
) -> None:
    async def run(folder: Path) -> None:
        model: dict[tuple[str, str], Any] = {}
        past: dict[int, dict[tuple[str, str], Any]] = {}
        async with place(folder) as there:
            for step in steps:
                if isinstance(step, int):
                    wanted = past.get(step)
                    if wanted is None or all(model.get(k) == v for k, v in wanted.items()):
                        await refused(edits.undo(there.backend, step, "bea"))
                        continue
                    made: int | None = await edits.undo(there.backend, step, "bea")
                else:
                    # Of one key that is said twice in a change the last word counts.
                    wanted = {(e.did, e.key): e.value for e in step}
                    made = await there.change(*(Edit(*k, v) for k, v in wanted.items()))
                changed = {k: model.get(k) for k, v in wanted.items() if model.get(k) != v}
                assert (made is None) == (not changed)
                if made is not None:
                    past[made] = changed
                model |= wanted
            config = there.on_disk()
            got = {(n.did, k): getattr(n, k) for n in config.number for k in ("label", "owner")}
            got |= {(n.did, "enabled"): n.enabled for n in config.number}
            got[("", "mode")] = config.mode
            said = {k: v.strip() if isinstance(v, str) else v for k, v in model.items()}
            assert got == PLAIN | {k: v for k, v in said.items() if v is not None}
            assert there.config.number == config.number

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty_store, folder)
        asyncio.run(run(Path(folder)))
