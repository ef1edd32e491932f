"""The hooks' port as the doctor sees it, and as the configuration makes it."""

from __future__ import annotations

import ipaddress

import pytest

from tests.unit.test_textback_hints import configuration
from textback import wiring
from textback.doctor import Level
from textback.doctor_agi import check_agi


async def test_switched_off_is_well() -> None:
    config = configuration(more="[agi]\nenabled = false\n")

    assert [check.level for check in await check_agi(config, {})] == [Level.OK]


async def test_an_asterisk_elsewhere_cannot_reach_this_hosts_own_address() -> None:
    near, far = configuration("127.0.0.1", "localhost"), configuration("127.0.0.1", "192.0.2.1")

    assert await check_agi(near, None) == []
    (found,) = await check_agi(far, None)
    assert found.level is Level.WARN
    assert "pbx2" in found.found
    assert "pbx1" not in found.found
    listening = configuration("192.0.2.1", more='[agi]\nlisten = "0.0.0.0:4574"\n')
    assert await check_agi(listening, None) == []


async def test_a_port_the_service_could_not_have_fails() -> None:
    parts = {"agi": {"ok": False, "state": "Address already in use"}}
    (found,) = await check_agi(configuration(), parts)

    assert found.level is Level.FAIL
    assert "already in use" in found.found
    assert ":4574" in found.fix


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:4574", "127.0.0.1", 4574),
        ("[::1]:4600", "::1", 4600),
        ("0.0.0.0:1", "0.0.0.0", 1),
    ],
)
def test_the_port_takes_this_host_the_pbxs_with_an_address_and_those_allowed(
    listen: str, host: str, port: int
) -> None:
    more = f'[agi]\nlisten = "{listen}"\nallow = ["198.51.100.0/24"]\ndeadline = "150ms"\n'
    settings = wiring.agi_settings(configuration("192.0.2.1", "pbx.example.net", more=more))

    assert (settings.host, settings.port, settings.deadline) == (host, port, 0.15)
    assert set(settings.networks) == {
        ipaddress.ip_network("192.0.2.1/32"),
        ipaddress.ip_network("198.51.100.0/24"),
    }
