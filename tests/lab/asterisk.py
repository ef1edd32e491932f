"""One private Asterisk: own configuration, directories and ports; gone without a trace at its end.

As root it runs from a folder of `setup.sh`, inside mount, pid and uts namespaces of its own (see
`instance.sh`); `version` says which. As any other user it is a private instance of the host's own
`asterisk` binary, which is then the only version there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.lab.versions import DEFAULT, VERSIONS

HERE = Path(__file__).parent
TEMPLATES = HERE / "etc"
PRODUCT = HERE.parents[1] / "conf" / "asterisk"
AMI_SECRET = "lab-textback"  #: of the product's own AMI user
MODULES = ("lib/*", "lib", "lib64", "local/lib")  #: under /usr, by distribution
LOGIN = b"Action: Login\r\nUsername: lab\r\nSecret: lab\r\nEvents: system\r\n\r\n"
PORTS = range(10_000, 20_000)  #: below RTP's, which are below those the kernel gives away
CLAIMS = 200  #: a server has long started when so many others were begun after it
_claims: deque[socket.socket] = deque()
DIRECTORIES = ("cache", "etc", "lib", "log", "run", "spool")


class LabError(Exception):
    """The laboratory cannot be had or did not start; the message says what to do."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that is free, and that no other process of the laboratory is given.

    A port the kernel chooses is anybody's again until its server has started, and dozens of servers
    start side by side here. So it is one the kernel never chooses, reserved by a name in the
    kernel that goes with this process, or after a while.
    """
    while True:
        port = random.choice(PORTS)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0textback-lab-port-{port}")
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        if len(_claims) > CLAIMS:
            _claims.popleft().close()
        return port


def asterisk_folder(version: str = DEFAULT) -> Path | None:
    """The folder with that Asterisk, made now if need be; None: use the host's own binary.

    Raises LabError when neither can be had. An older one than the host's cannot be; the default
    stands for whatever the host has.
    """
    if os.geteuid() != 0:
        if shutil.which("asterisk"):
            if version != DEFAULT and not (own := host_version()).startswith(
                f"Asterisk {version}."
            ):
                raise LabError(
                    f"no Asterisk {version}: not root, so none can be installed in a folder, "
                    f"and this machine's own is {own}"
                )
            return None
        raise LabError(
            "no Asterisk: not root, so none can be installed in a folder, "
            "and this machine has no `asterisk` of its own"
        )
    made = subprocess.run(
        [str(HERE / "setup.sh"), version],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    if made.returncode != 0:
        raise LabError(
            f"no Asterisk {version}: tests/lab/setup.sh failed ({made.returncode}), see above"
        )
    return Path(made.stdout.strip())


def asterisk_version(version: str = DEFAULT) -> str:
    """As it names itself: "Asterisk 22.10.1+dfsg..."."""
    folder = asterisk_folder(version)
    if folder is not None:
        return (folder / "textback-lab.version").read_text().strip()
    return host_version()


def host_version() -> str:
    return subprocess.run(
        ["asterisk", "-V"], capture_output=True, text=True, check=True
    ).stdout.strip()


@dataclass
class Asterisk:
    """A private instance. Use as a context manager, or call `start` and `stop`.

    `version` is a name in `versions.VERSIONS`. `files` adds or replaces configuration files by
    name; `@AMI_PORT@` and the like are filled in there too. The log of a failed start is in the
    exception.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    version: str = DEFAULT
    agent_port: int = 5080  #: where the SIP user agent (phones and carrier) listens
    ami_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    directory: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._folder = asterisk_folder(self.version)
        self.directory = Path(tempfile.mkdtemp(prefix="textback-asterisk-"))
        try:
            for name in (*DIRECTORIES, "lib/keys", "log/cel-custom", "log/cdr-csv"):
                (self.directory / name).mkdir()
            self._write_configuration()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Asterisk:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- life ---------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it is fully booted (about 4 s)."""
        out = (self.directory / "log" / "console").open("ab")
        with out:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we stop it in order
            )
        deadline = time.monotonic() + timeout
        while not self._booted():
            if self._process.poll() is not None:
                raise LabError(f"Asterisk did not start:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise LabError(f"Asterisk not ready after {timeout:.0f} s:\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it in order (SIGTERM inside, by closing the pipe), or by force after 8 s."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would: no Shutdown event, no Hangup."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
            # The kernel takes its time over the last threads, and until then the next one says
            # that Asterisk is running already.
            deadline = time.monotonic() + 10.0
            while self._alive():
                if time.monotonic() > deadline:
                    raise LabError("a killed Asterisk is still there after 10 s")
                time.sleep(0.05)

    def _alive(self) -> bool:
        """Whether somebody holds its control socket."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.directory / "run" / "asterisk.ctl"))
            except OSError:
                return False
        return True

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)

    async def logged(self, words: str, within: float = 10.0) -> str:
        """Its log, once these words stand in it: Asterisk writes it in a thread of its own, after
        what it tells of. As it is when the time is over."""
        deadline = time.monotonic() + within
        while True:
            log = (self.directory / "log" / "full").read_text(errors="replace")
            if words in log or time.monotonic() > deadline:
                return log
            await asyncio.sleep(0.05)

    def log_tail(self, lines: int = 25) -> str:
        found = []
        for name in ("console", "full"):
            with contextlib.suppress(FileNotFoundError):
                text = (self.directory / "log" / name).read_text(errors="replace")
                found += text.splitlines()[-lines:]
        return "\n".join(found)

    # --- inside -------------------------------------------------------------------------------

    def _command(self) -> list[str]:
        folder = str(self._folder) if self._folder else "host"
        instance = ["/bin/sh", str(HERE / "instance.sh"), folder, str(self.directory)]
        if self._folder is None:
            return instance
        return [
            *("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL"),
            *instance,
        ]

    def _booted(self) -> bool:
        """FullyBooted comes after a login as soon as all modules are loaded, and not before."""
        try:
            with socket.create_connection(("127.0.0.1", self.ami_port), 1.0) as link:
                link.settimeout(1.0)
                link.sendall(LOGIN)
                seen = b""
                while b"Event: FullyBooted" not in seen:
                    more = link.recv(4096)
                    if not more:
                        return False
                    seen += more
                link.sendall(b"Action: Logoff\r\n\r\n")
        except OSError:
            return False
        return True

    def _write_configuration(self) -> None:
        folder, own = self._folder, "/mnt" if self._folder else str(self.directory)
        root = folder or Path("/")
        found = (root.glob(f"usr/{at}/asterisk/modules/app_dial.so") for at in MODULES)
        modules = next(chain.from_iterable(found), None)
        if modules is None:
            raise LabError(f"no Asterisk modules under {root}usr/lib")
        rtp = 20000 + os.getpid() % 12 * 1000
        tokens = {
            "@OWN@": own,
            "@MODULES@": "/" + str(modules.parent.relative_to(root)),
            "@DATA@": "/usr/share/asterisk",
            "@AMI_PORT@": str(self.ami_port),
            "@SIP_PORT@": str(self.sip_port),
            "@AGENT_PORT@": str(self.agent_port),
            "@RTP_START@": str(rtp),
            "@RTP_END@": str(rtp + 999),
        }
        etc = self.directory / "etc"
        files = {
            str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.conf")
        }
        for name in ("pjsip_phones", "voicemail_boxes", "queues_lab", "extensions_lab"):
            files[f"{name}.conf"] = ""
        files["extensions_inside.conf"] = ""
        snippets = "extensions-textback.conf"
        files[snippets] = (PRODUCT / snippets).read_text()
        for path in (PRODUCT / "records").glob("*.conf"):  # all four sources of catch-up at once
            files[path.name] = path.read_text()
        drop_in = (PRODUCT / "manager.d" / "textback.conf").read_text()
        files["manager.d/textback.conf"] = VERSIONS[self.version].drop_in(
            drop_in.replace(";secret = change-me", f"secret = {AMI_SECRET}", 1)
        )
        for name, text in (files | dict(self.files)).items():
            path = etc / name
            path.parent.mkdir(exist_ok=True)
            for token, value in tokens.items():
                text = text.replace(token, value)
            path.write_text(text)
        if folder is not None:  # asterisk's, by the folder's own passwd
            passwd = (folder / "etc/passwd").read_text().splitlines()
            user = next(line for line in passwd if line.startswith("asterisk:")).split(":")
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, int(user[2]), int(user[3]))


if __name__ == "__main__":
    with Asterisk(version=(*sys.argv[1:], DEFAULT)[0]) as lab:
        print(f"AMI 127.0.0.1:{lab.ami_port}, SIP 127.0.0.1:{lab.sip_port}, {lab.directory}")
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.readline()
