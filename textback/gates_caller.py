"""The gates about the caller: is there a number, may it be texted, who vouches for it; pure."""

from __future__ import annotations

from textback import phone, verstat
from textback.answer import Answer, ok
from textback.case import Case
from textback.model import Presentation, Reason, TextKind
from textback.phone import Kind
from textback.verstat import Vouched


def shown(case: Case) -> Answer:
    """Did the caller let the number be shown?"""
    rule = "callers who show their number"
    if case.caller.kind is Kind.WITHHELD:
        return Answer(Reason.WITHHELD, f"withheld: {case.caller.why}", rule)
    if case.call.presentation is Presentation.WITHHELD:
        return Answer(Reason.WITHHELD, "withheld by the caller", rule)
    if case.call.presentation is Presentation.ALLOWED:
        return ok("shown", rule)
    pbx = case.config.pbx_named(case.call.key.pbx)
    policy = pbx.unknown_presentation if pbx is not None else "skip"
    reason = None if policy == "send" else Reason.PRESENTATION_UNKNOWN
    value = "Asterisk has not said"
    if case.caught_up:
        value = f"Asterisk's {case.call.source.value.upper()} does not say"
    return Answer(reason, value, f"unknown_presentation = {policy}")


def present(case: Case) -> Answer:
    """Is there a caller's number at all?"""
    if case.caller.kind is Kind.NONE:
        return Answer(Reason.NO_NUMBER, case.caller.why, "a number")
    return ok(case.caller.shown, "a number")


def vouched(case: Case) -> Answer:
    """Does the carrier vouch for the number (STIR/SHAKEN), where the PBX asks for that?"""
    pbx = case.config.pbx_named(case.call.key.pbx)
    policy = pbx.verstat if pbx is not None else "ignore"
    said = phone.printable(case.call.verstat)
    found = verstat.read(case.call.verstat)
    value = f"{found.value} ({said})" if said else "nothing was told of it"
    wanted = {
        "ignore": tuple(Vouched),
        "not_failed": (Vouched.PASSED, Vouched.UNKNOWN),
        "passed": (Vouched.PASSED,),
    }
    reason = None if found in wanted[policy] else Reason.VERSTAT
    return Answer(reason, value, f"verstat = {policy}")


def dialable(case: Case) -> Answer:
    """Is it a telephone number that a text can be sent to?"""
    caller = case.caller
    countries = " or ".join(case.config.countries_read(case.number))
    rule = f"a telephone number, read as in {countries}"
    if caller.kind in {Kind.INVALID, Kind.SERVICE}:
        return Answer(Reason.NOT_DIALABLE, f"{caller.shown}: {caller.why}", rule)
    if caller.e164 and not caller.assigned:
        policy = case.config.limits.unassigned_numbers
        reason = None if policy == "send" else Reason.NOT_DIALABLE
        value = f"{caller.shown}: a block the numbering plan does not know"
        return Answer(reason, value, f"unassigned_numbers = {policy}")
    return ok(caller.shown, rule)


def not_short(case: Case) -> Answer:
    """Is it a full number, not an extension, short code or emergency number?"""
    caller = case.caller
    if caller.kind is Kind.SHORT:
        return Answer(Reason.SHORT_NUMBER, f"{caller.shown}: {caller.why}", "full numbers")
    return ok(caller.shown, "full numbers")


def not_premium(case: Case) -> Answer:
    """Is it free of premium and shared-cost rates?"""
    allowed = case.config.limits.allow_premium
    rule = f"allow_premium = {str(allowed).lower()}"
    if case.caller.kind is not Kind.PREMIUM:
        return ok("an ordinary number", rule)
    return Answer(None if allowed else Reason.PREMIUM, case.caller.why, rule)


def not_own(case: Case) -> Answer:
    """Is it somebody else's number, not one of the business's own?"""
    own = case.caller.e164 in case.config.own_numbers
    value = f"{case.caller.e164} is ours" if own else "not ours"
    rule = "business.numbers, every did and sender"
    return Answer(Reason.OWN_NUMBER if own else None, value, rule)


def not_staff(case: Case) -> Answer:
    """Is it not on the staff list?"""
    entry = case.config.staff.match(case.caller.e164)
    value = f"listed as {entry}" if entry else "not listed"
    rule = f"never.staff ({len(case.config.staff)} entries)"
    return Answer(Reason.STAFF if entry else None, value, rule)


def not_blocked(case: Case) -> Answer:
    """Is it not on the block list?"""
    entry = case.config.blocked.match(case.caller.e164)
    value = f"listed as {entry}" if entry else "not listed"
    rule = f"never.block ({len(case.config.blocked)} entries)"
    return Answer(Reason.BLOCKED if entry else None, value, rule)


def may_be_texted(case: Case) -> Answer:
    """Do the contacts not say that this caller is never to be texted?"""
    contact = case.history.contact
    rule = "no_text and contacts.no_text_tags"
    if contact is None:
        return ok("not in the contacts", rule)
    tags = f", tags {', '.join(contact.all_tags)}" if contact.all_tags else ""
    name = phone.printable(contact.name or "no name", 60)
    value = phone.printable(f"{name} ({contact.source}{tags})", 200)
    return Answer(Reason.CONTACT_NO_TEXT if contact.no_text else None, value, rule)


def of_those_meant(case: Case) -> Answer:
    """Is it one of the callers the number texts: anybody, those in the contacts, or the others?"""
    meant = case.rules.callers
    rule = f"callers = {meant}"
    if meant == "anybody":
        return ok("anybody", rule)
    known = case.history.contact is not None
    value = "in the contacts" if known else "not in the contacts"
    return Answer(None if known == (meant == "known") else Reason.CALLERS, value, rule)


def not_opted_out(case: Case) -> Answer:
    """Has the caller not asked us to stop, and is no reply open that may mean it?"""
    out = case.history.opted_out
    if out:
        return Answer(Reason.OPTED_OUT, phone.printable(out, 160), "no opt-out on record")
    doubt = case.history.doubtful
    if doubt and case.kind is not TextKind.OFFER:
        return Answer(Reason.OPT_OUT_REVIEW, doubt, "no reply that may be an opt-out")
    return ok("has not opted out", "no opt-out on record")


def not_landline(case: Case) -> Answer:
    """Can it receive texts, as far as the numbering plan knows?"""
    rule = f"landlines = {case.rules.landlines}"
    if case.caller.kind is not Kind.LANDLINE:
        return ok("not known as a landline", rule)
    skip = case.rules.landlines == "skip"
    return Answer(Reason.LANDLINE if skip else None, "a landline by its number", rule)


def of_our_countries(case: Case) -> Answer:
    """Is it a number of a country we text to?"""
    caller, allowed = case.caller, case.config.countries
    if allowed is None:
        return ok(caller.country or f"+{caller.calling_code}", 'countries = ["*"]')
    rule = "countries = " + ", ".join(sorted(allowed))
    if caller.country:
        known = caller.country in allowed
    else:
        known = caller.calling_code in case.config.calling_codes
    value = caller.country or f"+{caller.calling_code}, country not known"
    return Answer(None if known else Reason.COUNTRY, value, rule)
