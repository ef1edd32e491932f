"""Debian's nginx and Apache as children of a test, with the very samples in conf/ filled in.

Around a sample stands what a distribution's own configuration has (modules, folders, who runs it).
One thing is a test's alone: X-Test-Client says what the browser's address is to be, since here
everybody comes from loopback. The proxies take it as from a load balancer before them, so all that
the samples do with an address they do with that one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
NAME = "textback.example.net"
SECRET = "d1f0c3a29b874e65"
CLIENT = "X-Test-Client"
#: Seconds: neither takes one to start.
PATIENCE = 30.0
APACHE = "/usr/sbin/apache2"
#: What the sample tells to switch on, and what its directives besides are of.
_APACHE = (
    *("mpm_event", "authz_core", "authn_core", "authn_file", "authz_user", "auth_basic"),
    *("socache_shmcb", "ssl", "headers", "env", "proxy", "proxy_http", "alias", "remoteip"),
    *("filter", "deflate", "reqtimeout"),
)


def free_ports(count: int) -> list[int]:
    """Ports that are all another one."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


@dataclass
class Proxy:
    """One that runs."""

    kind: str
    signs_in: bool  #: whether it asks for name and password itself
    port: int  #: https
    plain: int  #: http, which leads to the other
    folder: Path
    authority: Authority
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def log(self) -> str:
        return "\n".join(one.read_text("utf-8", "replace") for one in self.folder.glob("*.log"))

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.ca))


def filled(text: str, instead: Iterable[tuple[str, str]]) -> str:
    """A sample with a place's own values; each must have been in it."""
    for old, new in instead:
        assert old in text, f"the sample has no {old!r}"
        text = text.replace(old, new)
    return text


def signing_in(sample: str) -> str:
    """As its head tells: by the sed that stands there."""
    command = re.search(r"sed -i '([^']+)' ", sample)
    assert command is not None
    done = subprocess.run(
        ["sed", command[1]], input=sample, capture_output=True, text=True, check=True
    )
    assert done.stdout != sample
    return done.stdout


def passwords(path: Path, people: dict[str, str]) -> None:
    lines = []
    for name, password in people.items():
        made = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"],
            input=password + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
        lines.append(f"{name}:{made.stdout.strip()}\n")
    path.write_text("".join(lines))
    path.chmod(0o644)


@asynccontextmanager
async def proxy(
    kind: str, upstream: int, *, people: dict[str, str] | None = None, admin: str = ""
) -> AsyncIterator[Proxy]:
    """`people` sign in to it by these passwords; None: it leaves that to textback."""
    # Not in pytest's folder: Apache's workers are not root, and that one is nobody else's.
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="textback-proxy-"))
    folder.chmod(0o755)
    try:
        made = await asyncio.to_thread(_prepared, kind, folder, upstream, people, admin)
        await _start(made)
        try:
            yield made
        finally:
            await _stop(made)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


def _prepared(
    kind: str, folder: Path, upstream: int, people: dict[str, str] | None, admin: str
) -> Proxy:
    authority = Authority.create(folder)
    cert, key = authority.certificate(NAME)
    port, plain = free_ports(2)
    made = Proxy(kind, people is not None, port, plain, folder, authority)
    if people is not None:
        passwords(folder / "users", people)
    sample = (ROOT / "conf" / kind / "textback.conf").read_text("utf-8")
    if people is not None:
        sample = filled(signing_in(sample), [("PROXY_SECRET", SECRET)])
    write = {"nginx": _nginx, "apache": _apache}[kind]
    write(made, sample, upstream, cert, key, admin)
    return made


def _nginx(made: Proxy, sample: str, upstream: int, cert: Path, key: Path, admin: str) -> None:
    folder = made.folder
    instead = [
        ("listen 80;", f"listen 127.0.0.1:{made.plain};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{made.port} ssl"),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl http2;\n", ""),
        ("/etc/ssl/certs/textback.pem", str(cert)),
        ("/etc/ssl/private/textback.key", str(key)),
        ("http://127.0.0.1:8480", f"http://127.0.0.1:{upstream}"),
        # The port of this place is another one than people's.
        ("https://$host$request_uri", f"https://$host:{made.port}$request_uri"),
    ]
    if made.signs_in:
        instead.append(("/etc/nginx/textback.users", str(folder / "users")))
    if admin:
        instead.append(("# anna         admin;", f"{admin} admin;"))
    (folder / "textback.conf").write_text(filled(sample, instead))
    temporary = "\n".join(
        f"{one}_temp_path {folder}/{one};"
        for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # `gzip on`, as Debian's nginx.conf has it.
    (folder / "main.conf").write_text(f"""
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 512; }}
http {{
    access_log off;
    gzip on;
    {temporary}
    set_real_ip_from 127.0.0.1;
    real_ip_header {CLIENT};
    include {folder}/textback.conf;
}}
""")


def _apache(made: Proxy, sample: str, upstream: int, cert: Path, key: Path, admin: str) -> None:
    folder = made.folder
    before, mark, after = sample.partition("#<VirtualHost *:80>\n")
    sample = before + re.sub(r"^#", "", mark + after, flags=re.M)
    instead = [
        ("<VirtualHost *:80>", f"<VirtualHost 127.0.0.1:{made.plain}>"),
        ("<VirtualHost *:443>", f"<VirtualHost 127.0.0.1:{made.port}>"),
        ("/etc/ssl/certs/textback.pem", str(cert)),
        ("/etc/ssl/private/textback.key", str(key)),
        ("http://127.0.0.1:8480", f"http://127.0.0.1:{upstream}"),
        (f"https://{NAME}/", f"{made.url}/"),
    ]
    if made.signs_in:
        instead.append(("/etc/apache2/textback.users", str(folder / "users")))
    if admin:
        told = "# RequestHeader set X-Remote-Role"
        instead += [(told, told.lstrip("# ")), ("'anna'", f"'{admin}'")]
    (folder / "textback.conf").write_text(filled(sample, instead))
    modules = "\n".join(
        f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so" for one in _APACHE
    )
    # Compression as in Debian's deflate.conf.
    (folder / "main.conf").write_text(f"""
{modules}
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
Mutex file:{folder} default
ErrorLog {folder}/error.log
LogLevel info
{"User www-data" if os.geteuid() == 0 else ""}
{"Group www-data" if os.geteuid() == 0 else ""}
StartServers 1
ServerLimit 2
ThreadsPerChild 25
MaxRequestWorkers 50
AddOutputFilterByType DEFLATE text/html text/css text/plain application/json
RemoteIPHeader {CLIENT}
RemoteIPInternalProxy 127.0.0.1
Listen 127.0.0.1:{made.port}
Listen 127.0.0.1:{made.plain}
Include {folder}/textback.conf
""")


def _command(made: Proxy) -> list[str]:
    main = str(made.folder / "main.conf")
    if made.kind == "apache":
        return [APACHE, "-DFOREGROUND", "-f", main]
    setup = subprocess.run(
        [ROOT / "tests" / "proxies" / "setup.sh"], capture_output=True, text=True, check=True
    )
    return [setup.stdout.strip(), "-p", str(made.folder), "-e", "stderr", "-c", main]


async def _start(made: Proxy) -> None:
    command = await asyncio.to_thread(_command, made)
    with (made.folder / "start.log").open("wb") as said:
        made.process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said
        )
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(_listens, made.port):
            assert made.process.returncode is None, f"{made.kind} ended:\n{made.log}"
            await asyncio.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


async def _stop(made: Proxy) -> None:
    process = made.process
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
