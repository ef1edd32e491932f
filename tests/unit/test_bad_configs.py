"""Every folder of tests/bad_configs is one mistake; each must fail, and for the right reason.

`expected-error` has all errors, one a line, with paths relative to the folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from textback.config import ConfigError
from textback.config_load import load

FOLDERS = sorted(p for p in (Path(__file__).parents[1] / "bad_configs").iterdir() if p.is_dir())


def errors_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder / "textback.toml")
    return [line.replace(f"{folder}/", "") for line in caught.value.errors]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_a_bad_config_is_refused_with_every_mistake_and_nothing_else(folder: Path) -> None:
    expected = (folder / "expected-error").read_text(encoding="utf-8").splitlines()
    assert errors_of(folder) == expected


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_an_error_names_file_line_and_what_to_do(folder: Path) -> None:
    for line in errors_of(folder):
        file, number, text = line.split(":", 2)
        assert (folder / file).is_file()
        assert 1 <= int(number) <= max(1, len((folder / file).read_bytes().splitlines()))
        assert len(text.strip()) > 15


def test_there_is_a_folder_for_each_kind_of_mistake() -> None:
    assert len(FOLDERS) >= 70
