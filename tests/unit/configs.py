"""The least configuration that can be used, and how tests of the configuration write theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from textback.config import ConfigError
from textback.config_load import loads

BASE = """\
[business]
name = "Acme Dental"

[[pbx]]
secret = "s3cret"

[[smsc]]
host = "smpp.example.net"
system_id = "acme"
password = "pa55"

[[number]]
did = "+12125550100"
"""


def write(path: Path, text: str, mode: int = 0o640) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    return caught.value.errors
