"""[override]: what counts, where a mistake is, what it was before, and the console's own file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback import config_files, wiring
from textback import config_managed as managed
from textback.config import Config, ConfigError
from textback.config_load import load
from textback.config_managed import Edit, ManagedError, Overrides

GOOD = """
mode = "shadow"
[business]
name = "Acme Dental"
[[pbx]]
secret = "x"
[[smsc]]
host = "127.0.0.1"
system_id = "acme"
password = "x"
[defaults]
cooldown = "12h"
[[number]]
did = "(212) 555-0100"
label = "Main line"
[number.hours]
open = "09:00-17:00"
[[number]]
did = "+12125550101"
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    path = tmp_path / "textback.toml"
    path.write_text(GOOD)
    path.chmod(0o640)
    return path


def put(main: Path, text: str, name: str = "console.toml") -> Path:
    file = main.parent / "conf.d" / name
    file.write_text(text)
    return file


def over(did: str, *lines: str) -> str:
    return "\n".join(["[[override.number]]", f'did = "{did}"', *lines]) + "\n"


# --- what counts -------------------------------------------------------------------------------


def test_an_override_counts_for_its_number_alone_in_any_spelling_of_it(main: Path) -> None:
    put(main, over("212-555-0100", "enabled = false", 'cooldown = "1h"'))
    first, second = load(main).number
    assert (first.enabled, first.cooldown) == (False, 3600)
    assert (first.label, first.did) == ("Main line", "+12125550100")
    assert (second.enabled, second.cooldown) == (True, 43_200)


def test_a_tables_value_is_exchanged_whole(main: Path) -> None:
    put(main, over("+12125550100", "[override.number.hours]", 'mon = "10:00-11:00"'))
    hours = load(main).number[0].hours
    assert hours is not None
    assert (hours.open, hours.mon) == ("", "10:00-11:00")


def test_of_two_files_the_later_by_name_counts_key_by_key(main: Path) -> None:
    put(main, over("+12125550100", 'label = "a"', 'owner = "a"'), "a.toml")
    put(main, '[override]\nmode = "live"\n' + over("+12125550100", 'label = "c"'), "console.toml")
    put(main, over("+12125550101", 'label = "z"'), "z.toml")
    config = load(main)
    assert [(n.label, n.owner) for n in config.number] == [("c", "a"), ("z", "")]
    assert config.mode == "live"
    assert {(o.did, o.key, Path(o.place).name) for o in config.overrides} == {
        ("", "mode", "console.toml:2"),
        ("+12125550100", "label", "console.toml:5"),
        ("+12125550100", "owner", "a.toml:4"),
        ("+12125550101", "label", "z.toml:3"),
    }


def test_what_counts_without_it_is_known_also_over_two_files(main: Path) -> None:
    put(main, over("+12125550100", 'label = "a"', 'cooldown = "1h"'), "a.toml")
    put(main, over("+12125550100", 'label = "c"') + '[override]\nmode = "live"\n')
    before = {(o.did, o.key): o.before for o in load(main).overrides}
    assert before[("+12125550100", "label")] == "Main line"
    assert before[("+12125550100", "cooldown")] == 43_200  # of [defaults]
    assert before[("", "mode")] == "shadow"


def test_an_override_may_mend_what_is_wrong_in_another_file(main: Path) -> None:
    main.write_text(GOOD + 'ring_timeout = "for ever"\n')
    put(main, over("+12125550101", 'ring_timeout = "20s"'))
    config = load(main)
    assert config.number[1].ring_timeout == 20
    assert [o.before for o in config.overrides] == [None]


def test_one_for_a_number_that_is_gone_is_a_warning_and_nothing_else(main: Path) -> None:
    put(main, over("+12125550199", "enabled = false", 'nonsense = "x"'))
    config = load(main)
    assert config.overrides == ()
    (said,) = [w for w in config.warnings if "override" in w]
    assert "conf.d/console.toml:2: override.number.did" in said
    assert "'+12125550199'" in said


def test_mistakes_are_named_at_the_line_that_was_written(main: Path) -> None:
    put(main, over("+12125550101", 'label = "fine"'), "a.toml")
    put(main, over("+12125550100", "", 'message = "{{nobody}}"', "replies = 3"))
    with pytest.raises(ConfigError) as caught:
        load(main)
    places = [line.split(": ")[:2] for line in caught.value.errors]
    assert places == [[f"{main.parent}/conf.d/console.toml:5", "override.number.replies"]]


def test_a_text_in_place_of_a_file_counts_and_the_file_need_not_be_there(main: Path) -> None:
    path = managed.path_of(main)
    assert (
        load(main, instead={path: over("+12125550100", "enabled = false")}).number[0].enabled
        is False
    )
    assert load(main).number[0].enabled is True
    put(main, over("+12125550100", "enabled = false"))
    assert load(main, instead={path: ""}).number[0].enabled is True


def test_the_mode_of_one_number_is_shadow_while_the_others_are_live(main: Path) -> None:
    put(main, '[override]\nmode = "live"\n' + over("+12125550100", 'mode = "shadow"'))
    config = load(main)
    assert [config.is_shadow(n) for n in config.number] == [True, False]
    assert any("nothing is sent for this number" in w for w in config.warnings)
    shadow = load(main, instead={managed.path_of(main): '[override]\nmode = "shadow"\n'})
    assert all(shadow.is_shadow(n) for n in shadow.number)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_reads_nothing_but_overrides_from_a_file_of_the_service(main: Path) -> None:
    file = put(main, '[override]\nmode = "live"\n\n[store]\npath = "/etc/cron.d/x"\n', "zz.toml")
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigError) as caught:
        load(main)
    assert caught.value.errors == [
        f"{file}:4: store: this file is not root's and may have [override] only; if it is yours: "
        f"chown root {file}"
    ]
    file.write_text('[override]\nmode = "live"\n')
    assert load(main).mode == "live"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_whose_a_file_is_counts_as_it_was_read(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(main, '[store]\npath = "/etc/cron.d/x"\n', "zz.toml")
    os.chown(file, 12345, 12345)
    reads = config_files.merge

    def exchanged(*args: Any) -> Any:
        # Between the reading and the look at the owner the service puts a link to a file of root's.
        file.unlink()
        file.symlink_to(main)
        return reads(*args)

    monkeypatch.setattr(config_files, "merge", exchanged)
    with pytest.raises(ConfigError) as caught:
        load(main)
    assert "this file is not root's" in caught.value.errors[0]


# --- the console's file ------------------------------------------------------------------------

LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SCALARS = st.booleans() | st.integers(-(2**62), 2**62) | LABELS
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.dates()
TABLES = st.dictionaries(
    st.text("abcdefghijk_", min_size=1, max_size=8).filter(lambda k: k not in ("did", "hours"))
    | LABELS.filter(lambda k: k not in ("did", "hours")),
    VALUES | st.dictionaries(LABELS, SCALARS, max_size=3),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    mode=st.none() | LABELS,
    numbers=st.lists(st.tuples(TABLES, st.none() | st.dictionaries(LABELS, VALUES, max_size=3))),
)
def test_what_is_written_reads_back_as_what_was_meant(
    mode: str | None, numbers: list[tuple[dict[str, object], dict[str, object] | None]]
) -> None:
    tables = [
        {"did": f"+1212555{i:04}", **keys, **({} if hours is None else {"hours": hours})}
        for i, (keys, hours) in enumerate(numbers)
    ]
    text = managed.write(Overrides(mode, [dict(t) for t in tables]))
    if text is None:
        assert (mode, tables) == (None, [])
        return
    read = tomllib.loads(text)
    assert set(read) == {"override"}
    assert read["override"].get("mode") == mode
    assert read["override"].get("number", []) == tables
    assert managed.parse(text, Path("x")) == Overrides(mode, tables)


@pytest.mark.parametrize(
    "hostile",
    [
        '"\n[store]\npath = "/etc/passwd"\n#',
        "'''\n[override]\nmode = 'live'\n'''",
        '"""\n"""',
        "\\",
        "\\u0000",
        "a\r\nb\tc",
        "\x7f\x00\x1b[31m",
        "\u202eevil\u2066",
        "\U0001f9b7 \u2028 \ufeff",
    ],
)
def test_no_text_breaks_out_of_its_quotes(hostile: str) -> None:
    text = managed.write(Overrides(None, [{"did": "*", "message": hostile}]))
    assert text is not None
    assert tomllib.loads(text) == {"override": {"number": [{"did": "*", "message": hostile}]}}
    assert all(c == "\n" or c.isprintable() for c in text)


def test_half_a_character_is_refused_and_not_written() -> None:
    with pytest.raises(ManagedError, match="half a character"):
        managed.write(Overrides(None, [{"did": "*", "message": "\ud800"}]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[store]\npath = 'x'\n", "was written by hand: it has store"),
        ("[override\n", "is not TOML"),
        ("[override]\nnumber = 3\n", "an \\[override\\] that is wrong"),
        ("[override]\nother = 3\n", "an \\[override\\] that is wrong"),
        ("override = 3\n", "an \\[override\\] that is wrong"),
    ],
)
def test_a_file_that_is_not_the_consoles_is_left_alone(text: str, why: str) -> None:
    with pytest.raises(ManagedError, match=why):
        managed.parse(text, Path("console.toml"))


def test_a_number_without_a_key_left_loses_its_table_and_an_empty_file_goes() -> None:
    overrides = managed.parse(over("212-555-0100", 'label = "x"'), Path("x"))
    assert overrides.get("+12125550100", "label", "US") == "x"
    overrides.put(Edit("+12125550100", "label", None), "US")
    assert managed.write(overrides) is None


def test_the_file_is_exchanged_whole_and_keeps_its_mode(main: Path) -> None:
    path = managed.path_of(main)
    managed.put(path, "[override]\n")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("[override]\n", 0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    managed.put(path, '[override]\nmode = "live"\n')
    assert path.stat().st_mode & 0o777 == 0o640
    if os.geteuid() == 0:
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    assert [p.name for p in path.parent.iterdir()] == ["console.toml"]
    managed.put(path, None)
    managed.put(path, None)
    assert managed.read(path) is None


def test_what_cannot_be_written_leaves_what_was_there(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(main, "[override]\n")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ManagedError, match="No space left on device"):
        managed.put(path, '[override]\nmode = "live"\n')
    assert path.read_text() == "[override]\n"
    assert [p.name for p in path.parent.iterdir()] == ["console.toml"]


def test_why_it_could_not_be_written_is_said_with_what_to_do(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = managed.path_of(main)
    assert managed.obstacle(path) == ""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "chmod 3770" in managed.obstacle(path)
    assert "ReadWritePaths" in managed.obstacle(path)
    assert "make it" in managed.obstacle(main.parent / "nowhere" / "console.toml")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_in_a_sticky_folder_is_an_obstacle(
    main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(main, "[override]\n")
    path.parent.chmod(0o3770)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert "belongs to somebody else" in managed.obstacle(path)
    os.chown(path, 12345, 0)
    assert managed.obstacle(path) == ""


def test_the_whole_is_checked_as_at_a_reload(main: Path) -> None:
    text = managed.write(Overrides(None, [{"did": "+12125550100", "delay": "2h"}]))
    with pytest.raises(ConfigError, match=r"console\.toml:8: override\.number\.delay"):
        load(main, measure=wiring.measure, instead={managed.path_of(main): text or ""})
    assert isinstance(load(main), Config)
