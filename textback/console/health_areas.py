"""What the doctor looks at, in plain words: a headline, what it means, and where to go."""

from __future__ import annotations

from collections.abc import Mapping

from textback.console.i18n import N_

#: By what the doctor looks at: what it means where something failed, where something was warned of,
#: what to do, and the page that helps.
AREAS: Mapping[str, tuple[str, str, str, str]] = {
    "ami": (
        N_("The telephone system cannot be heard"),
        N_("The connection to the telephone system could be better"),
        N_("Until it is back, missed calls are not seen. Ask whoever looks after the telephones."),
        "",
    ),
    "smpp": (
        N_("A carrier does not take texts"),
        N_("The connection to a carrier could be better"),
        N_("Texts wait and leave when it is back. If it lasts, ask the carrier."),
        "/health/queue",
    ),
    "config": (
        N_("Nobody is texted with these settings"),
        N_("Settings to look at"),
        N_("Each can be put right in the configuration."),
        "/numbers",
    ),
    "console": (
        N_("Numbers cannot be changed here"),
        N_("Numbers cannot be changed here"),
        N_("Their page is for reading until the folder of the settings is writable."),
        "/numbers",
    ),
    "store": (
        N_("The database has a problem"),
        N_("The database needs attention"),
        N_("Without it nothing is sent. Ask whoever looks after this computer."),
        "",
    ),
    "users": (
        N_("Signing in needs attention"),
        N_("Signing in needs attention"),
        N_(
            "Somebody must be able to sign in and to change numbers: users are made on "
            "this computer."
        ),
        "",
    ),
    "kept": (
        N_("What must be forgotten cannot be"),
        N_("More is kept than the settings say"),
        N_("What is too old should be deleted every night."),
        "",
    ),
    "clock": (
        N_("The clock of this computer is wrong"),
        N_("The clock of this computer needs attention"),
        N_("Opening hours and waiting times hang on it."),
        "",
    ),
    "texts": (
        N_("Texts have a problem"),
        N_("Whether texts arrive is not known"),
        N_("The carrier sends no delivery receipts. Ask whether the account gets them."),
        "/health/queue",
    ),
    "records": (
        N_("Call records cannot be read"),
        N_("Call records could be better"),
        N_("Calls missed during a gap may stay unknown. What happens live is not touched."),
        "",
    ),
    "agi": (
        N_("The telephone system cannot ask textback"),
        N_("Not every telephone system can ask textback"),
        N_("Calls go on without it; what the dialplan says of them is not heard."),
        "",
    ),
    "contacts": (
        N_("A contact file cannot be read"),
        N_("A contact file needs attention"),
        N_("Names stay as they were read last."),
        "",
    ),
    "tell": (
        N_("A webhook cannot be reached"),
        N_("A webhook needs attention"),
        N_("What waits is told when it is back."),
        "",
    ),
    "calls": (
        N_("Recent calls show a problem"),
        N_("What recent calls suggest"),
        N_("From the calls of the last 30 days, with the figures."),
        "/calls",
    ),
}
