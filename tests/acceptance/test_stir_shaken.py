"""STIR/SHAKEN as Asterisk 22 itself checks it: signed INVITEs, and what STIR_SHAKEN() says of them.

A certificate authority of our own signs a carrier's certificate, the carrier signs who calls whom
(RFC 8225, ATIS-1000074), and Asterisk fetches the certificate from a server on loopback.
Asterisk 16 has no such function; there the carrier's header is all there is (test_verstat.py).
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.acceptance.stage import renumbered, scene
from tests.fakes.certificates import Authority
from tests.lab.asterisk import PRODUCT, TEMPLATES, free_port
from tests.lab.phones import rejects
from tests.lab.row import Row, configuration, row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

STIR = """[verification]
ca_file = @OWN@/etc/stir/ca.pem
cert_cache_dir = @OWN@/cache
failure_action = continue
; The laboratory's certificates are served on loopback, without TLS.
relax_x5u_port_scheme_restrictions = yes
x5u_deny = 0.0.0.0/0.0.0.0
x5u_permit = 127.0.0.0/8

[lab]
type = profile
endpoint_behavior = verify
"""
CASES = ("signed_a", "signed_b", "signed_c", "for_another", "broken", "stale", "unsigned")
WANTED = {
    "passed": {"signed_a", "signed_b"},
    "not_failed": {"signed_a", "signed_b", "signed_c", "unsigned"},
}


def files(ca: Path) -> Callable[[Sequence[Row]], Mapping[str, str]]:
    """The laboratory's configuration with a trunk whose signatures are checked."""

    def made(rows: Sequence[Row]) -> Mapping[str, str]:
        pjsip = (TEMPLATES / "pjsip.conf").read_text()
        trunk = "context = from-trunk\n"
        assert pjsip.count(trunk) == 1
        names = ("extensions-textback.conf", "extensions-textback-hooks.conf")
        return {
            **configuration(rows),
            "extensions-textback.conf": "\n".join((PRODUCT / n).read_text() for n in names),
            "pjsip.conf": pjsip.replace(trunk, f"{trunk}stir_shaken_profile = lab\n"),
            "stir_shaken.conf": STIR,
            "stir/ca.pem": ca.read_text(),
        }

    return made


@dataclass
class SigningCarrier:
    """A carrier that signs: its key, and where its certificate is served."""

    key: Path
    url: str

    def identity(self, caller: str, did: str, letter: str, *, age: int = 0) -> str:
        """The Identity header: a PASSporT (RFC 8225) of type shaken (RFC 8588), signed."""
        head = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": self.url}
        claims = {
            "attest": letter,
            "dest": {"tn": [did.lstrip("+")]},
            "iat": int(time.time()) - age,
            "orig": {"tn": caller.lstrip("+")},
            "origid": str(uuid.uuid4()),
        }
        signed = ".".join(
            encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims)
        )
        return (
            f"{signed}.{encoded(self.sign(signed.encode()))};info=<{self.url}>;alg=ES256;ppt=shaken"
        )

    def sign(self, data: bytes) -> bytes:
        """ES256 (RFC 7518 section 3.4): r and s of 32 octets each; openssl gives them in DER."""
        der = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.key)],
            input=data,
            capture_output=True,
            check=True,
        ).stdout
        found, at = b"", 2
        for _ in range(2):
            length = der[at + 1]
            found += der[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + length
        return found


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def issue(authority: Authority) -> tuple[Path, Path]:
    """A certificate with the TN authorization list (RFC 8226) that service providers have."""
    authority._openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/C=US/O=Lab/CN=SHAKEN 7991", "-keyout", "carrier.key", "-out", "carrier.csr"),
    )
    extensions = authority.folder / "carrier.ext"
    extensions.write_text(
        "1.3.6.1.5.5.7.1.26 = ASN1:SEQUENCE:list\nkeyUsage = critical,digitalSignature\n"
        "basicConstraints = critical,CA:FALSE\n"
        "[list]\ncode = EXP:0,IA5STRING:7991\n"
    )
    authority._openssl(
        *("x509", "-req", "-in", "carrier.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-days", "2", "-extfile", extensions.name, "-out", "carrier.pem"),
    )
    return authority.folder / "carrier.pem", authority.folder / "carrier.key"


@asynccontextmanager
async def signing(authority: Authority) -> AsyncIterator[SigningCarrier]:
    certificate, key = await asyncio.to_thread(issue, authority)
    body = certificate.read_bytes()

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/pem-certificate-chain")

    app = web.Application()
    app.router.add_get("/carrier.pem", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield SigningCarrier(key, f"http://127.0.0.1:{port}/carrier.pem")
    finally:
        await runner.cleanup()


def headers(case: str, carrier: SigningCarrier, line: Row) -> tuple[tuple[str, str], ...]:
    """What the carrier sends with this row's call."""
    me, did = line.number_outside, line.did
    date = ("Date", formatdate(usegmt=True))
    if case == "unsigned":
        return (date,)
    if case == "for_another":  # a good signature, of somebody else's call
        identity = carrier.identity("+16465550199", did, "A")
    elif case == "stale":  # a good signature, kept for another day
        identity = carrier.identity(me, did, "A", age=3600)
    else:
        identity = carrier.identity(me, did, case[-1].upper() if case[-2] == "_" else "A")
    if case == "broken":
        signature = identity.split(";")[0].split(".")[2]
        identity = identity.replace(signature, signature[::-1])
    return (date, ("Identity", identity))


@pytest.mark.parametrize("policy", WANTED)
async def test_the_signature_asterisk_checked_decides(tmp_path: Path, policy: str) -> None:
    lines = renumbered(
        *(
            row(
                case,
                "Gosub(textback-stir-shaken,s,1) | Dial(PJSIP/@a@,18) | Busy(2)",
                "busy send",
                a=rejects(486),
            )
            for case in CASES
        )
    )
    folder = tmp_path / "ca"
    folder.mkdir()
    authority = await asyncio.to_thread(Authority.create, folder)
    async with (
        signing(authority) as signer,
        scene(tmp_path, lines, files=files(authority.ca), pbx={"verstat": policy}) as (lab, _),
    ):
        await lab.service.start()
        told: dict[str, dict[str, Any]] = {}
        for case, line in zip(CASES, lines, strict=True):
            lab.agent.behaviours[line.phone("a")] = line.phones["a"]
            lab.agent.call(line.number_outside, line.did, headers=headers(case, signer, line))
            told[case] = await lab.story(line)
        why = {case: await lab.service.command("why", s["call"]) for case, s in told.items()}

        assert {case for case, s in told.items() if s["reason"] == "send"} == WANTED[policy]
        assert {s["reason"] for s in told.values()} == {"send", "verstat"}
        assert "success-A" in why["signed_a"]
