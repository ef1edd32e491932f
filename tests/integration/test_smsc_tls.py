"""TLS to the carrier: verified against a CA of the test, by name, and with a client certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from sms_gateway.link import RouteState, client_context
from sms_gateway.simulator import Simulator, SimulatorSettings
from tests.fakes.certificates import Authority
from tests.fakes.route import message, running_route
from tests.fakes.smsc import EvilSmsc
from tests.smscs.peers import node_smsc
from textback.model import Accepted

NAME = "smsc.example.net"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.mark.smsc
async def test_node_is_bound_over_tls_and_takes_a_text(authority: Authority) -> None:
    cert, key = authority.certificate(NAME)
    async with (
        node_smsc(cert=str(cert), key=str(key)) as carrier,
        running_route(
            carrier.port, tls=client_context(ca=authority.ca), server_hostname=NAME
        ) as bench,
    ):
        await bench.route.wait_room()
        answer = await bench.route.submit(message())
        assert isinstance(answer, Accepted)
        receipt = await bench.receipts.get()
        assert answer.parts[0].message_id in receipt.id_forms
        await bench.route.stop(20.0)
        await carrier.event("unbind")


async def test_a_name_that_is_not_in_the_certificate_is_not_bound(authority: Authority) -> None:
    context = authority.server_context(NAME)
    async with (
        EvilSmsc(context) as carrier,
        running_route(
            carrier.port, tls=client_context(ca=authority.ca), server_hostname="other.example.net"
        ) as bench,
    ):
        await bench.until(lambda: "certificate" in bench.route.detail)
        assert "Hostname mismatch" in bench.route.detail
        assert bench.route.state is not RouteState.BOUND


async def test_a_certificate_of_an_unknown_authority_is_not_bound(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority.create(tmp_path)
    async with (
        EvilSmsc(stranger.server_context(NAME)) as carrier,
        running_route(
            carrier.port, tls=client_context(ca=authority.ca), server_hostname=NAME
        ) as bench,
    ):
        await bench.until(lambda: "certificate verify failed" in bench.route.detail)


async def test_a_server_that_speaks_no_tls_is_not_bound(authority: Authority) -> None:
    async with (
        Simulator(SimulatorSettings(port=0)) as carrier,
        running_route(
            carrier.port, tls=client_context(ca=authority.ca), server_hostname=NAME
        ) as bench,
    ):
        await bench.until(lambda: "cannot connect" in bench.route.detail)


async def test_a_client_certificate_is_shown_to_a_carrier_that_asks(authority: Authority) -> None:
    cert, key = authority.certificate("client.example.org")
    context = authority.server_context(NAME, ask_client=True)
    ours = client_context(ca=authority.ca, cert=cert, key=key)
    async with (
        EvilSmsc(context) as carrier,
        running_route(carrier.port, tls=ours, server_hostname=NAME) as bench,
    ):
        peer = await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        shown = peer.writer.get_extra_info("peercert")
        assert ("DNS", "client.example.org") in shown["subjectAltName"]


def test_a_missing_ca_file_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client_context(ca=tmp_path / "none.pem")
