"""Warnings on a config that can be used: what is allowed and probably not meant."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from textback import config_console_check, contacts_files
from textback.compose import Measure
from textback.config import CATCH_ALL, Config, NumberConfig, SmscConfig
from textback.config_check import sender_kind
from textback.config_findings import Findings
from textback.config_lines import Path
from textback.config_values import duration_text, is_loopback
from textback.linter import Severity
from textback.linting import lint_config


def warn(config: Config, found: Findings, measure: Measure | None) -> None:
    """Add the warnings; `measure` sizes messages as the gateway will send them."""
    if config.mode == "shadow":
        found.warning(("mode",), 'is shadow: nothing is sent; set mode = "live" to send')
    if "*" in config.limits.countries:
        text = "any country may be texted, at the price of the dearest; name those you serve"
        found.warning(("limits", "countries"), text)
    config_console_check.warn(config, found)
    if config.business.country != "US" and "timezone" not in config.business.model_fields_set:
        text = f"is not set and taken as {config.business.timezone}; set yours"
        found.warning(("business", "timezone"), text)
    for index, pbx in enumerate(config.pbx):
        if not pbx.tls and not is_loopback(pbx.host):
            text = "the AMI secret crosses the network in the clear; set tls = true"
            found.warning(("pbx", index, "host"), text)
        if pbx.unknown_presentation == "send":
            text = "callers who withheld their number may be texted"
            found.warning(("pbx", index, "unknown_presentation"), text)
        if pbx.verstat == "passed":
            text = (
                "nobody is texted unless the dialplan sets TEXTBACK_VERSTAT; see textback.toml(5)"
            )
            found.warning(("pbx", index, "verstat"), text)
        if pbx.cdr_utc and not pbx.cdr_csv:
            found.warning(("pbx", index, "cdr_utc"), "has no effect without cdr_csv")
    for index, smsc in enumerate(config.smsc):
        _warn_smsc(smsc, ("smsc", index), found)
    for index, number in enumerate(config.number):
        _warn_number(index, number, config, found)
    _warn_agi(config, found)
    _warn_contacts(config, found)
    _warn_texts(config, found, measure)
    if not any(n.enabled for n in config.number):
        found.warning(("number", 0, "enabled"), "every number is switched off")


def _warn_agi(config: Config, found: Findings) -> None:
    agi, path = config.agi, ("agi", "listen")
    if not agi.enabled or is_loopback(agi.listen.rpartition(":")[0]):
        return
    names = [p.host for p in config.pbx if not _is_address(p.host) and p.host != "localhost"]
    if names and not agi.allow:
        shown = ", ".join(names)
        found.warning(path, f"a hook from {shown} is refused: a name; put its address in agi.allow")
    elif not agi.allow and all(is_loopback(p.host) for p in config.pbx):
        found.warning(path, "can be reached from the network, and agi.allow lets nobody in")
    if any(network.prefixlen == 0 for network in agi.networks):
        found.warning(("agi", "allow"), "lets everybody in who can reach the port")


def _warn_contacts(config: Config, found: Findings) -> None:
    for pattern in config.contacts.files:
        if not contacts_files.files_of([pattern]):
            text = f"{pattern} is not there yet, or not to be seen by this user"
            found.warning(("contacts", "files"), text)
    for index, pbx in enumerate(config.pbx):
        if pbx.astdb and pbx.astdb_sqlite:
            found.warning(("pbx", index, "astdb"), "has no effect with astdb_sqlite")


def _warn_smsc(smsc: SmscConfig, path: Path, found: Findings) -> None:
    if not smsc.receipts:
        text = "no text is ever known to have arrived, and an uncertain one is never resolved"
        found.warning((*path, "receipts"), text)
    if smsc.receipts_by_text:
        text = "anybody who texts your number can write what then passes for a receipt"
        found.warning((*path, "receipts_by_text"), text)
    if smsc.on_uncertain == "resend":
        text = f"after a crash up to {smsc.window} callers may get the same text twice"
        found.warning((*path, "on_uncertain"), text)


def _warn_number(index: int, number: NumberConfig, config: Config, found: Findings) -> None:
    def warning(key: str, text: str) -> None:
        found.warning(found.of_number(index, key), text)

    if number.mode == "shadow" and config.mode == "live":
        warning("mode", "is shadow: nothing is sent for this number")
    if number.did == CATCH_ALL and not config.is_shadow(number):
        warning("did", "texts from every number of the PBX, fax and private lines too")
    if not number.outcomes:
        warning("outcomes", "is empty: no call is ever texted")
    if number.cooldown == 0:
        warning("cooldown", "is 0: a caller who tries five times gets five texts")
    if number.ring_timeout > 45:
        seconds = duration_text(number.ring_timeout)
        warning("ring_timeout", f"after {seconds} most callers have hung up or reached voicemail")
    if number.hours is not None and not number.after_hours_message:
        warning("hours", "have no effect without after_hours_message")
    if number.hours is None and number.after_hours_message:
        warning("after_hours_message", "is never sent, since there are no hours")
    if number.cooldown == 0 and number.message_again:
        warning("message_again", "is never sent, since cooldown is 0")
    for key in ("quiet", "quiet_zone"):
        if key in number.model_fields_set and not number.quiet_hours:
            warning(key, "has no effect without quiet_hours")
    _warn_follow_up(number, config, warning)
    if number.once_per and number.once_per < number.cooldown and len(config.number) == 1:
        warning("once_per", "has no effect: cooldown is longer, and there is no other number")
    if number.once_per and number.message_again and number.once_per >= number.cooldown:
        warning("message_again", "is never sent, since once_per allows one text")
    if sender_kind(number.sender, config.business.country) == "letters":
        text = "letters are one-way: nobody can reply, nor text STOP; say in the message what to do"
        warning("sender", text)


def _warn_follow_up(
    number: NumberConfig, config: Config, warning: Callable[[str, str], None]
) -> None:
    own = number.model_fields_set
    if number.follow_up and sender_kind(number.sender, config.business.country) == "letters":
        warning("follow_up", "comes whoever would have replied: nobody can reply to letters")
    if "follow_up_after" in own and not number.follow_up:
        warning("follow_up_after", "has no effect without follow_up")
    if "quiet_follow_up" in own and not (number.follow_up and number.quiet_hours):
        missing = "quiet_hours" if number.follow_up else "follow_up"
        warning("quiet_follow_up", f"has no effect without {missing}")


def _warn_texts(config: Config, found: Findings, measure: Measure | None) -> None:
    for linted in lint_config(config, measure):
        path = linted.text.path
        if path[0] == "number":
            path = found.of_number(int(path[1]), str(path[2]))
        for finding in linted.findings:
            if finding.severity is Severity.WARNING:
                found.warning(path, str(finding))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
