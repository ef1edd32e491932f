"""What the audit log says in its own words, as people say it, and where a row of it leads."""

from __future__ import annotations

from typing import Final

from textback.console.i18n import N_, _

#: By action; one that is not here is shown as it is.
WORDS: Final = {
    "login": N_("signed in"),
    "login.failed": N_("failed to sign in"),
    "logout": N_("signed out"),
    "session.end": N_("ended a session"),
    "user.add": N_("made a user"),
    "user.password": N_("changed a password"),
    "user.role": N_("changed a role"),
    "user.phone": N_("changed a desk phone"),
    "user.disable": N_("shut a user out"),
    "user.enable": N_("let a user in again"),
    "user.remove": N_("removed a user"),
    "token.add": N_("made a token"),
    "token.phone": N_("set the desk phone of a token"),
    "token.revoke": N_("revoked a token"),
    "api": N_("changed something by the API"),
    "thread.reply": N_("wrote to a caller"),
    "thread.new": N_("began a conversation"),
    "thread.done": N_("marked as answered"),
    "thread.wait": N_("marked as to be answered"),
    "thread.optout": N_("took no more texts"),
    "thread.optin": N_("allowed texts again"),
    "thread.review": N_("decided on an opt-out"),
    "case.take": N_("took a callback"),
    "case.assign": N_("assigned a callback"),
    "case.due": N_("changed when a callback is due"),
    "case.note": N_("wrote a note"),
    "case.done": N_("closed a callback"),
    "case.reopen": N_("reopened a callback"),
    "dial": N_("called by a click"),
    "dial.refused": N_("could not call by a click"),
    "number.change": N_("changed a number"),
    "number.test": N_("sent a test"),
    "mode.change": N_("switched live or shadow"),
    "change.undo": N_("undid a change"),
    "queue.release": N_("released a text"),
    "queue.drop": N_("dropped a text"),
    "health.check": N_("had everything examined"),
}
#: The first word of actions, and what these are called together.
SUBJECTS: Final = (
    ("login", N_("Sign-ins")),
    ("user", N_("Users")),
    ("token", N_("Tokens")),
    ("thread", N_("Conversations")),
    ("case", N_("Callbacks")),
    ("dial", N_("Calls by a click")),
    ("number", N_("Numbers")),
    ("queue", N_("Texts held back")),
    ("api", N_("The API")),
)
_WAYS: Final = {
    "token": N_("by a token"),
    "proxy": N_("through the proxy"),
    "cli": N_("on the command line"),
}
_PAGES: Final = {"thread": "/inbox/", "case": "/callbacks/"}


def words(action: str) -> str:
    return _(WORDS[action]) if action in WORDS else action


def way(via: str) -> str:
    """By which way, where it is not the usual one."""
    return _(_WAYS[via]) if via in _WAYS else ""


def link(subject: str) -> str:
    """The page of what it was done to: "thread 17" -> "/inbox/17"; "" for none."""
    kind, _space, row = subject.partition(" ")
    return f"{_PAGES[kind]}{row}" if kind in _PAGES and row.isascii() and row.isdigit() else ""
