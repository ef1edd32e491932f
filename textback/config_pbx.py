"""The table [[pbx]]: what is watched."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from textback import phone
from textback.config_values import FullPath, Host, Line, Name, Port, Table, key

#: Where calls from outside enter FreePBX and Issabel, and the usual names in hand-made dialplans.
INBOUND_CONTEXTS = (
    "from-trunk",
    "from-trunk-*",
    "from-pstn",
    "from-pstn-*",
    "from-did-direct",
    "ext-did",
    "ext-did-*",
    "from-external",
    "from-outside",
    "from-provider",
    "from-dahdi",
    "from-analog",
    "from-digital",
    "inbound",
    "incoming",
)


_CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,78}", re.ASCII)
_PREFIX = re.compile(r"[0-9*#]{0,8}", re.ASCII)


class PbxConfig(Table):
    """An Asterisk to watch. Repeat the table for several; each needs its own name."""

    name: Name = key("pbx", "How it is called in logs and in `textback why`.", sample="pbx")
    host: Host = key("127.0.0.1", "Where its manager interface (AMI) listens.", sample="127.0.0.1")
    port: Port = key(5038, "The AMI port; 5039 is usual with TLS.")
    username: Annotated[Line, Field(min_length=1)] = key(
        "textback", "The AMI user; conf/asterisk has a ready one with the least permissions."
    )
    secret: SecretStr = key(
        SecretStr(""), "Its secret, in the open.", sample="change-me", secret=True
    )
    secret_file: Line = key("", "Or a file that holds the secret.", allowed="a path")
    secret_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    tls: bool = key(False, "Speak TLS to the AMI, and verify it.")
    tls_ca: Line = key("", "CA certificates to trust instead of the system's.", allowed="a path")
    tls_hostname: Line = key("", "The name in its certificate, where it is not `host`.")
    inbound_contexts: tuple[Line, ...] = key(
        INBOUND_CONTEXTS,
        "Dialplan contexts in which calls from outside begin. `textback doctor` lists those seen.",
        allowed="a list of names; a name may end in *",
    )
    inbound_endpoints: tuple[Line, ...] = key(
        (),
        "Trunks (PJSIP endpoints, SIP peers) from which calls come. When set, context and "
        "endpoint must both match.",
        allowed='a list of names: ["mytrunk"]',
    )
    unknown_presentation: Literal["skip", "send"] = key(
        "skip",
        "What to do when Asterisk has not said whether the caller withheld the number. "
        "`skip` never texts a caller who asked to stay unknown. For calls learnt of from CEL or "
        "CDR it has never said.",
    )
    verstat: Literal["ignore", "not_failed", "passed"] = key(
        "ignore",
        "Which callers to text by what STIR/SHAKEN says of their number. The dialplan must tell "
        "it in TEXTBACK_VERSTAT: a verstat such as TN-Validation-Passed, an attestation (A, B, "
        "C), or ${STIR_SHAKEN(0,verify_result)}. `not_failed` leaves out a number that failed, "
        "`passed` also one of which nothing is known; attestation C counts as nothing.",
    )
    not_human: tuple[Line, ...] = key(
        (),
        "Endpoints and Local extensions that answer by themselves: door phones, paging, a mailbox "
        "server. A call they answer is not answered; so leave out fax machines.",
        allowed="a list of channel names, * and ? stand for anything, but a * before a digit is "
        'the star key: ["PJSIP/lobby", "Local/*@page", "Local/*80*@from-internal"]',
    )
    cel_csv: FullPath = key(
        "",
        "Asterisk's event log as cel_custom writes it: read on return from an outage, to learn of "
        "the calls in between. `textback doctor` says whether it can be used.",
        allowed="a full path: /var/log/asterisk/cel-custom/Master.csv",
    )
    cel_sqlite: FullPath = key(
        "",
        "The same as cel_sqlite3_custom writes it.",
        allowed="a full path: /var/log/asterisk/master.db",
    )
    cdr_csv: FullPath = key(
        "",
        "Call detail records as cdr_csv writes them, for an Asterisk that keeps no CEL. They tell "
        "less: what they cannot tell is never texted.",
        allowed="a full path: /var/log/asterisk/cdr-csv/Master.csv",
    )
    cdr_sqlite: FullPath = key(
        "",
        "The same as cdr_sqlite3_custom writes it.",
        allowed="a full path: /var/log/asterisk/master.db",
    )
    cdr_utc: bool = key(False, "Whether cdr_csv is in UTC (usegmtime = yes in cdr.conf).")
    cel_columns: tuple[Line, ...] = key(
        (),
        "The columns of cel_csv in their order, where cel_custom.conf is not Asterisk's sample.",
        allowed="a list of names as in that sample: eventtype, eventtime, cidnum, uniqueid...",
    )
    cdr_columns: tuple[Line, ...] = key(
        (),
        "The columns of cdr_csv in their order, where cdr_custom writes it and not cdr_csv.",
        allowed="a list of names as in CDR(): src, dst, start, disposition, uniqueid, linkedid...",
    )
    astdb: bool = key(
        False,
        "Whether names are read from this Asterisk's database, family `cidname`: the phonebook of "
        "FreePBX. By AMI, with the permissions textback has anyway, where Asterisk knows DBGetTree "
        "(16.28 and 22 do); elsewhere, see astdb_sqlite.",
    )
    astdb_sqlite: FullPath = key(
        "",
        "The same from the database's file, where this service can read it.",
        allowed="a full path: /var/lib/asterisk/astdb.sqlite3",
    )
    sip_host: Line = key(
        "",
        "What desk phones call this Asterisk, for the sender of texts passed to them (`desk` of a "
        "number), so that an answer comes back here; empty: `host`, or for one on this machine "
        "the address it speaks from to the phone.",
        allowed="an address or a name, with :port where it is not 5060",
    )
    dial_context: Line = key(
        "",
        "Where numbers are dialled for users of the console who click on them: their phone rings, "
        "and dials out once it is picked up. Empty: nobody can. It also needs `write = originate` "
        "for the manager user, which whoever steals its secret can use as well.",
        allowed="a dialplan context, as that of your phones: from-internal",
    )
    dial_format: Literal["national", "e164"] = key(
        "national",
        "How it is dialled there. `national`: as people in the business's country dial, "
        "12125550123 and 01144... in the US; `e164`: +12125550123.",
    )
    dial_prefix: Line = key(
        "",
        "What is dialled before it, for an outside line.",
        allowed='digits, * and #: "9"',
    )
    record: Line = key(
        "",
        "Append what Asterisk says to this file, for `textback replay`. At 64 MiB it becomes "
        "FILE.1, in place of an older one.",
        allowed="a path",
    )

    @field_validator("dial_context")
    @classmethod
    def _dial_context_is_inside(cls, value: str, info: ValidationInfo) -> str:
        if value and not _CONTEXT.fullmatch(value):
            raise ValueError(
                f"{phone.printable(value)!r} is no dialplan context; write its name alone, as "
                "from-internal"
            )
        if any(fnmatchcase(value, one) for one in info.data.get("inbound_contexts", ())):
            raise ValueError(
                f"{value!r} is among inbound_contexts, where calls from outside begin; name the "
                "context that your phones dial in, as from-internal"
            )
        return value

    @field_validator("dial_prefix")
    @classmethod
    def _dial_prefix_is_dialled(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            shown = phone.printable(value)
            raise ValueError(f'{shown!r} cannot be dialled; write digits, * and #, as "9"')
        return value

    @field_validator("not_human")
    @classmethod
    def _not_human_is_somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            technology, slash, who = text.partition("/")
            shown = phone.printable(text)
            if not slash or not technology:
                raise ValueError(f'{shown!r} has no technology; write it as in "PJSIP/lobby"')
            if not who.strip("*?@"):
                raise ValueError(
                    f"{shown!r} is everybody: every caller would be texted, those you spoke to as "
                    "well; name the endpoints"
                )
        return value
