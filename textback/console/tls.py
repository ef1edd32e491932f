"""The console's certificate: what is spoken with it, and another one without a restart."""

from __future__ import annotations

import ssl

from textback.config_console import Console


def context(console: Console) -> ssl.SSLContext | None:
    """None where [console] has no tls_cert. Raises OSError (ssl.SSLError is one) for what cannot
    be used."""
    if not console.tls:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # What every browser of the last ten years speaks, with forward secrecy; TLS 1.3 has its own.
    made.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL")
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    load(made, console)
    return made


def load(made: ssl.SSLContext, console: Console) -> None:
    """Connections from now on get the certificate that is in the files now. Raises as above, and
    then the old one stays."""
    # The empty password keeps OpenSSL from asking for one on the terminal.
    made.load_cert_chain(console.tls_cert, console.tls_key or None, "")
