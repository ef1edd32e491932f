"""ruff and mypy over the whole tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ruff", "check", "."), id="ruff_check"),
        pytest.param(("ruff", "format", "--check", "."), id="ruff_format"),
        pytest.param(("mypy",), id="mypy_strict"),
    ],
)
def test_tool_finds_nothing_to_complain_of(command: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, f"{' '.join(command)}:\n{run.stdout}{run.stderr}"
