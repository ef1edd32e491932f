"""The AMI over TLS on the real Asterisks: a call is texted, and only a certificate that is trusted,
and names the host, is spoken to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Carrier, Stage, renumbered, scene
from tests.fakes.certificates import Authority
from tests.lab.asterisk import TEMPLATES, free_port
from tests.lab.people import hangs_up
from tests.lab.phones import rings
from tests.lab.row import Row, configuration, row
from tests.lab.versions import VERSIONS

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]
on_each_version = pytest.mark.parametrize("version", VERSIONS)

HOST = "pbx.example.net"
(LINE,) = renumbered(row("line", "Dial(PJSIP/@a@,28) | Hangup()", "abandoned send", a=rings()))


def files(authority: Authority, port: int) -> Callable[[Sequence[Row]], Mapping[str, str]]:
    """Asterisk's manager with TLS on a port of its own, its certificate for HOST."""
    certificate, key = authority.certificate(HOST)
    plain = (TEMPLATES / "manager.conf").read_text()
    tls = f"""[general]
tlsenable = yes
tlsbindaddr = 127.0.0.1:{port}
tlscertfile = @OWN@/etc/keys/manager.pem
tlsprivatekey = @OWN@/etc/keys/manager.key
"""

    def made(rows: Sequence[Row]) -> Mapping[str, str]:
        return {
            **configuration(rows),
            "manager.conf": plain.replace("[general]\n", tls, 1),
            "keys/manager.pem": certificate.read_text(),
            "keys/manager.key": key.read_text(),
        }

    return made


@asynccontextmanager
async def encrypted(
    directory: Path, version: str, **pbx: Any
) -> AsyncIterator[tuple[Stage, Carrier]]:
    """A scene whose textback speaks TLS to Asterisk, and trusts the CA of its certificate."""
    authority = Authority.create(directory)
    port = free_port()
    keys = {"port": port, "tls": True, "tls_ca": str(authority.ca), "tls_hostname": HOST, **pbx}
    async with scene(
        directory, [LINE], version=version, files=files(authority, port), pbx=keys
    ) as set_up:
        yield set_up


@on_each_version
async def test_a_missed_call_is_texted_over_tls(tmp_path: Path, version: str) -> None:
    async with encrypted(tmp_path, version) as (lab, sent):
        await lab.service.start()
        leg = await lab.ring(LINE)
        await hangs_up(7.0)(leg)
        await asyncio.wait_for(sent.took.wait(), 20.0)
        doctor = await lab.service.command("doctor", code=1)  # of the message's opt-out

        assert [text.to for text in sent.texts] == [LINE.number_outside]
        assert "logged in as textback" in doctor


@on_each_version
@pytest.mark.parametrize(
    "wrong",
    [{"tls_ca": "other"}, {"tls_ca": ""}, {"tls_hostname": "other.example.net"}],
    ids=["another CA", "the system's CAs", "another name"],
)
async def test_a_certificate_that_is_not_the_right_one_is_not_spoken_to(
    tmp_path: Path, version: str, wrong: dict[str, str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    keys = {k: str(Authority.create(other).ca) if v == "other" else v for k, v in wrong.items()}
    async with encrypted(tmp_path, version, **keys) as (lab, _):
        await lab.service.start(healthy=False)
        failed = await lab.service.logged("ami_waiting")
        doctor = await lab.service.command("doctor", code=2)

        assert "certificate" in str(failed).lower()
        assert "certificate" in doctor.lower()
        log = (lab.asterisk.directory / "log" / "full").read_text()
        assert "'textback'" not in log, "nobody logged in"
