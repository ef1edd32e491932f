"""STIR/SHAKEN on a real Asterisk: the carrier's word reaches the gate by the shipped dialplan.

The carrier says in a header whether it can vouch for the caller's number; `textback-verstat` hands
it on; `[[pbx]] verstat` decides. The same calls are placed under each of the three policies, with a
reload of the running service between them.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, renumbered, scene
from tests.lab.asterisk import PRODUCT
from tests.lab.phones import rejects
from tests.lab.row import Row, configuration, row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

X, PAI = "X-Verstat", "P-Asserted-Identity"
PASSED, FAILED, NONE = "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation"
#: (name, header, its value with the caller's own number for @me@, what it comes to)
WORDS = (
    ("header_passed", X, PASSED, "passed"),
    ("header_passed_and_letter", X, f"{PASSED}-A", "passed"),
    ("header_failed", X, FAILED, "failed"),
    ("header_none", X, NONE, "unknown"),
    ("letter_a", X, "A", "passed"),
    ("letter_c", X, "C", "unknown"),
    ("no_header", "", "", "unknown"),
    ("other_words", X, "yes, trust me", "unknown"),
    ("asserted_passed", PAI, f"<sip:@me@;verstat={PASSED}@127.0.0.1;user=phone>", "passed"),
    ("asserted_failed", PAI, f"<sip:@me@;verstat={FAILED}@127.0.0.1;user=phone>", "failed"),
    ("asserted_behind_host", PAI, f'"Ann" <sip:@me@@127.0.0.1;verstat={PASSED}>', "passed"),
    ("asserted_without", PAI, "<sip:@me@@127.0.0.1>", "unknown"),
    # A name is the caller's own word, also where it looks like the carrier's.
    ("forged_in_name", PAI, f'"x;verstat={PASSED}" <sip:@me@@127.0.0.1>', "unknown"),
    ("forged_uri_in_name", PAI, f'"<sip:x;verstat={PASSED}>" <sip:@me@@127.0.0.1>', "unknown"),
    ("breaks_the_expression", X, f'" = "") | ("{PASSED}', "unknown"),
)
POLICIES = {
    "passed": {"passed"},
    "not_failed": {"passed", "unknown"},
    "ignore": {"passed", "unknown", "failed"},
}


def files(lines: Sequence[Row]) -> Mapping[str, str]:
    """The generated dialplan, and the product's hooks behind it."""
    made = configuration(lines)
    hooks = (PRODUCT / "extensions-textback-hooks.conf").read_text()
    snippets = (PRODUCT / "extensions-textback.conf").read_text()
    return {**made, "extensions-textback.conf": f"{snippets}\n{hooks}"}


def rows() -> tuple[Row, ...]:
    return renumbered(
        *(
            row(
                name,
                f"Gosub(textback-verstat,s,1({header or X})) | Dial(PJSIP/@a@,18) | Busy(2)",
                "busy send",
                a=rejects(486),
                number={"cooldown": "0s"},
            )
            for name, header, _, _ in WORDS
        )
    )


async def one_round(
    lab: Stage, lines: tuple[Row, ...], policy: str, number: int
) -> dict[str, dict[str, Any]]:
    """Place all calls under this policy, after the reload of that number; the newest story of
    each, by the row's name."""
    text = lab.service.config.read_text()
    text = re.sub(r"(?m)^verstat = .*\n", "", text)
    lab.service.config.write_text(text.replace("[[pbx]]\n", f'[[pbx]]\nverstat = "{policy}"\n'))
    assert lab.service.process is not None
    lab.service.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(20):
        while True:
            reloads = sum(event["event"] == "reloaded" for event in lab.service.events())
            if reloads == number:
                break
            await asyncio.sleep(0.05)
    await lab.service.well()
    known = {story["call"] for story in await lab.service.stories("calls", "-n", "1000")}
    for line, (_, header, value, _) in zip(lines, WORDS, strict=True):
        lab.agent.behaviours[line.phone("a")] = line.phones["a"]
        me = line.number_outside
        headers = ((header, value.replace("@me@", me)),) if header else ()
        lab.agent.call(me, line.did, headers=headers)
        await asyncio.sleep(0.03)
    names = {line.did: line.name for line in lines}
    async with asyncio.timeout(30):
        while True:
            told = [
                story
                for story in await lab.service.stories("calls", "-n", "1000")
                if story["call"] not in known and story["verdict"] != "pending"
            ]
            if len(told) == len(lines):
                return {names[story["did"]]: story for story in told}
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("version", ["22", "16"])
async def test_the_carrier_s_word_decides_as_the_policy_says(tmp_path: Path, version: str) -> None:
    lines = rows()
    async with scene(tmp_path, lines, version=version, files=files) as (lab, carrier):
        await lab.service.start()
        texts = 0
        for number, (policy, good) in enumerate(POLICIES.items(), 1):
            stories = await one_round(lab, lines, policy, number)
            found = {name: story["reason"] for name, story in stories.items()}
            wanted = {
                name: "send" if meaning in good else "verstat" for name, _, _, meaning in WORDS
            }
            assert found == wanted, policy
            texts += list(wanted.values()).count("send")
            async with asyncio.timeout(20):
                while len(carrier.texts) < texts:
                    carrier.took.clear()
                    await carrier.took.wait()
        why = await lab.service.command("why", stories["asserted_failed"]["call"])
        assert FAILED in why
        assert len(carrier.texts) == texts
