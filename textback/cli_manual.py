"""Writes textback(1) from the command line itself: `python -m textback.cli_manual`.

A test compares what is checked in as conf/man/textback.1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from textback.cli import app

_HEAD = r"""
.TH TEXTBACK 1 "" "textback" "User commands"
.SH NAME
textback \- texts back the callers nobody answered
.SH SYNOPSIS
.B textback
[\fB\-\-config\fR \fIFILE\fR]
.I COMMAND
[\fIOPTION\fR...] [\fIARGUMENT\fR...]
.SH DESCRIPTION
textback watches the business's own Asterisk over its manager interface (AMI), decides which callers
nobody answered, and texts them through the business's own SMPP account, from the number they
dialled. Replies come back the same way. Nothing leaves the premises but SMPP.
.PP
.B textback run
is the service; every other command works beside it, on the same store.
.B textback why
tells of any call why it was texted or not, and what became of the text.
.SH OPTIONS
.TP
\fB\-c\fR, \fB\-\-config\fR \fIFILE\fR
The configuration. It may stand before or behind the command. Without it TEXTBACK_CONFIG counts,
else /etc/textback/textback.toml.
.TP
\fB\-\-version\fR
Say which textback this is.
.TP
\fB\-\-install\-completion\fR, \fB\-\-show\-completion\fR
Completion of commands and options for the shell in use.
.SH COMMANDS
"""

_TAIL = r"""
.SH SIGNALS
.TP
.B SIGHUP
Read the configuration again. One with a mistake is refused, every mistake is logged, and the old
one stays. Of a right one numbers, limits and messages count at once, and only those links that
changed are made anew; [store] and [console] need a restart.
.TP
.BR SIGTERM ", " SIGINT
Stop: no more events, what came is recorded, what was submitted is answered, unbind. A second signal
does not wait; what was open is then found uncertain at the next start.
.SH EXIT STATUS
.TP
.B 0
Well.
.TP
.B 1
Something to look at: a warning of the doctor, a text that was not taken, a service that could not
start just now or lost one of its parts.
.TP
.B 2
A mistake that can be put right: in the configuration or in what was typed. systemd does not try
again.
.SH ENVIRONMENT
.TP
.B TEXTBACK_CONFIG
The configuration, where \-\-config does not say.
.TP
.B CREDENTIALS_DIRECTORY
Where systemd puts the credentials that secret_credential and password_credential name.
.TP
.BR NOTIFY_SOCKET ", " WATCHDOG_USEC
How systemd hears that the service is ready and alive.
.SH FILES
.TP
.I /etc/textback/textback.toml
The configuration; see
.BR textback.toml (5).
.TP
.I /var/lib/textback/textback.db
The store: SQLite, in write\-ahead mode.
.TP
.I /var/lib/textback/textback.db.kick
The socket by which a command wakes the service after it changed the store. It carries nothing.
.TP
.I /var/lib/textback/textback.db.lock
Held by the service: a second one on the same store would send every text twice.
.SH SEE ALSO
.BR textback.toml (5),
.BR systemctl (1),
.BR journalctl (1)
"""


def man_page() -> str:
    """The text of conf/man/textback.1, in roff."""
    group: Any = typer.main.get_command(app)
    lines = ['.\\" made from the program itself: python -m textback.cli_manual']
    lines += _HEAD.strip("\n").split("\n")
    for name, command in group.commands.items():
        lines += _command(name, command)
    lines += _TAIL.strip("\n").split("\n")
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for sub, its in inner.items():
            yield from _command(f"{name} {sub}", its)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not _common(p)]
    words = " ".join(_argument(a) for a in arguments)
    yield f".SS textback {_text(name)} {words}".rstrip()
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))
    for option in options:
        yield ".TP"
        yield _option(option)
        yield _text(option.help or "") or "\\&"


def _common(option: Any) -> bool:
    """Said once, above all commands."""
    return "--config" in option.opts or "--help" in option.opts


def _argument(argument: Any) -> str:
    word = f"\\fI{_text(argument.metavar or argument.name.upper())}\\fR"
    word += "..." if argument.nargs == -1 else ""
    return word if argument.required else f"[{word}]"


def _option(option: Any) -> str:
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in sorted(option.opts, key=len))
    if option.is_flag:
        return names
    value = option.metavar or option.name.upper().rstrip("_")
    default = option.default
    said = f" (default {_text(str(default))})" if default not in (None, "") else ""
    return f"{names} \\fI{_text(value)}\\fR{said}"


def _text(text: str) -> str:
    """Plain text as roff: no escape, no request, hyphens that can be copied."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe[:1] in (".", "'") else safe


if __name__ == "__main__":
    sys.stdout.write(man_page())
