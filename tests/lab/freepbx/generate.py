"""Writes the files of the PBX in FreePBX's shape: what FreePBX generates from its database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.lab import row as plain
from tests.lab.freepbx.row import FreepbxRow
from tests.lab.row import Row

TEMPLATES = Path(__file__).parent / "etc"
#: What the trunk is told to show for our own calls out: a number of the business.
OUTBOUND_CID = "+12125550199"


def configuration(rows: Sequence[Row]) -> dict[str, str]:
    """Every file that differs from the laboratory's first configuration."""
    ours = [row for row in rows if isinstance(row, FreepbxRow)]
    assert len(ours) == len(rows), "rows of the other matrix have no inbound route"
    files = {path.name: path.read_text() for path in TEMPLATES.glob("*.conf")}
    phones = plain.configuration(rows)
    return files | {
        **{name: phones[name] for name in ("pjsip_phones.conf", "voicemail_boxes.conf")},
        "queues_lab.conf": "\n".join(map(_queue, filter(_has_queue, ours))),
        "extensions_additional.conf": _dialplan(ours),
        "cli.conf": "[startup_commands]\n" + "".join(_database(ours)),
    }


def _has_queue(row: FreepbxRow) -> bool:
    return bool(row.queue)


def _queue(row: FreepbxRow) -> str:
    members = "".join(f"member => {row.fill(m)}\n" for m in row.queue.split())
    return row.fill(f"[@queue@](lab)\n{members}")


def _database(rows: Iterable[FreepbxRow]) -> Iterable[str]:
    """What `database show` would list. Asterisk runs these commands when it has started."""
    yield f"database put TRUNK 1/outcid {OUTBOUND_CID} = yes\n"
    for row in rows:
        keys: dict[str, str] = {}
        for letter in "abc":
            user = row.phone(letter)
            keys |= {
                f"AMPUSER/{user}/device": user,
                f"AMPUSER/{user}/cidname": f"Phone{user}",
                f"AMPUSER/{user}/voicemail": "default",
                f"DEVICE/{user}/dial": f"PJSIP/{user}",
                f"DEVICE/{user}/user": user,
                f"CW/{user}": "ENABLED",
            }
        for given in (*(module.astdb for module in row.modules), row.astdb):
            keys |= {row.fill(key): row.fill(value) for key, value in given.items()}
        for key, value in keys.items():
            family, _, rest = key.partition("/")
            if value:  # an empty one stands for a key that is not there
                yield f"database put {family} {rest} {value} = yes\n"


def _dialplan(rows: Iterable[FreepbxRow]) -> str:
    """extensions_additional.conf: the inbound routes and every module's contexts."""
    contexts: dict[str, list[str]] = {"ext-did-0001": [], "ext-did-0002": []}
    accounts, hints = [], []
    for row in rows:
        caller = f"/{row.caller_user}" if row.by_caller else ""
        into = contexts["ext-did-0001" if row.by_caller else "ext-did-0002"]
        if row.route != "-":
            into += _route(row, f"{row.route or row.line}{caller}")
        if row.trunk == "acme-line":
            accounts.append(f"ACMELINE = {row.route}")
        for module in row.modules:
            into = contexts.setdefault(row.fill(module.context), [])
            into += [row.fill(_line(index, line)) for index, line in enumerate(module.lines)]
        hints += [f"exten => {row.phone(x)},hint,PJSIP/{row.phone(x)}" for x in "abc"]
    contexts["ext-local"] = hints
    contexts.pop("", None)
    for name in ("ext-group", "ext-queues"):
        contexts.setdefault(name, [])
        contexts[name].append("exten => h,1,Gosub(macro-hangupcall,s,1)")
    text = "[globals]\n" + "\n".join(accounts) + "\n"
    for name, lines in contexts.items():
        text += f"\n[{name}]\n" + "\n".join(lines) + "\n"
    return text


def _line(index: int, line: str) -> str:
    if line.startswith("exten =>"):
        return line
    return f" same => {line}" if index else f"exten => {line}"


def _route(row: FreepbxRow, exten: str) -> list[str]:
    """An inbound route as FreePBX writes one."""
    steps = [
        "Set(__DIRECTION=INBOUND)",
        "Gosub(sub-record-check,s,1(in,${EXTEN},dontcare))",
        "Set(__FROM_DID=${EXTEN})",
        "Set(returnhere=1)",
        "Gosub(app-blacklist-check,s,1())",
        "Set(CDR(did)=${FROM_DID})",
        'ExecIf($["${CALLERID(name)}" = ""]?Set(CALLERID(name)=${CALLERID(num)}))',
        "Set(__MOHCLASS=default)",
        "Set(__REVERSAL_REJECT=FALSE)",
        # A withheld number is shown to the phones, and the route remembers what it was.
        "Set(__CALLINGNAMEPRES_SV=${CALLERID(name-pres)})",
        "Set(__CALLINGNUMPRES_SV=${CALLERID(num-pres)})",
        "Set(CALLERID(name-pres)=allowed_not_screened)",
        "Set(CALLERID(num-pres)=allowed_not_screened)",
    ]
    if row.prefix:
        steps += [
            f"Set(_RGPREFIX={row.prefix})",
            "Set(CALLERID(name)=${RGPREFIX}${CALLERID(name)})",
        ]
    steps += ["NoOp(CallerID Entry Point)", f"Goto({row.fill(row.dialplan[0])})"]
    return [
        f"; {row.name}",
        f"exten => {exten},1,{steps[0]}",
        *(f" same => n,{s}" for s in steps[1:]),
    ]
