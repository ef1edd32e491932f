"""Checks of what routes may carry: each number must have one that may use its sender."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textback import phone
from textback.config_findings import Findings
from textback.config_numbers import NumberConfig
from textback.config_smsc import SmscConfig
from textback.routing import plain, rules_of

#: What [[number]] did says for every number of the PBX.
_ANY = "*"


def check_routes(
    parts: Mapping[str, Any],
    found: Findings,
    country: str,
    kind: Callable[[str, str], str],
) -> None:
    """`kind(sender, country)`: "" for what no carrier takes as a sender."""
    for index, smsc in enumerate(parts["smsc"]):
        for place, sender in enumerate(smsc.senders if smsc is not None else ()):
            if not kind(sender, country):
                text = f"{phone.printable(sender)!r} is no sender a carrier takes"
                allowed = "a number in full, a short code, or up to 11 letters and digits"
                found.error(("smsc", index, "senders", place), f"{text}; allowed: {allowed}")
    if any(smsc is None for smsc in parts["smsc"]) or not parts["smsc"]:
        return
    for index, number in enumerate(parts["number"]):
        if number is not None:
            _check_number(index, number, parts["smsc"], found, country)
    _check_countries(parts, found)


def _check_number(
    index: int, number: NumberConfig, smscs: list[SmscConfig], found: Findings, country: str
) -> None:
    sender = number.sender or ("" if number.did.strip() == _ANY else number.did)
    if not sender:
        return  # each call brings its own; what no route may carry is refused then
    full = phone.to_e164(sender, country) or sender
    rules = [rules_of(smsc, country) for smsc in smscs]
    may = {r.name for r in rules if not r.senders or plain(full) in r.senders}
    known = {r.name for r in rules}
    usable = [r.name for r in rules if r.name in may and (r.backup or not number.smsc)]
    usable += [name for name in number.smsc if name in may]
    if not usable and known.issuperset(number.smsc):
        which = ", ".join(number.smsc) if number.smsc else "any [[smsc]]"
        text = f"the sender {full} is not among the senders of {which}"
        found.error(
            found.of_number(index, "smsc" if number.smsc else "did"),
            f"{text}; add it there, or name another smsc",
        )
        return
    for name in number.smsc:
        if name in known and name not in may:
            text = f"{name} never carries this number: its senders do not have {full}"
            found.warning(found.of_number(index, "smsc"), text)


def _check_countries(parts: Mapping[str, Any], found: Findings) -> None:
    """Countries that may be texted, and that no route serves."""
    limits, smscs = parts["limits"], parts["smsc"]
    if limits is None or any(s.prefixes or not s.countries for s in smscs):
        return
    served = {country for smsc in smscs for country in smsc.countries}
    for place, country in enumerate(limits.countries):
        if country != "*" and country not in served:
            text = f"no [[smsc]] sends to {country}: texts there are refused"
            found.warning(("limits", "countries", place), text)
