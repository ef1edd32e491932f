"""What carriers want of texts, rule by rule; and the ready-made texts, which want for nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sms_gateway import encoding
from tests.unit.configs import BASE
from textback import linter, wiring
from textback.config_load import load, loads
from textback.linter import RULES, Draft, Role, Severity, lint
from textback.linting import lint_config, texts_of

ROOT = Path(__file__).parents[2]
TEXTS = sorted((ROOT / "conf" / "texts").glob("*.toml"))
GOOD = "Acme Dental: sorry we missed you. Reply STOP to opt out."


def draft(text: str, **changes: object) -> Draft:
    return Draft(**{"text": text, "business": "Acme Dental", **changes})  # type: ignore[arg-type]


def rules(text: str, **changes: object) -> set[str]:
    return {f.rule for f in lint(draft(text, **changes), wiring.measure)}


@pytest.mark.parametrize("role", Role)
def test_a_good_text_has_nothing_against_it(role: Role) -> None:
    text = GOOD + (" Call (212) 555-0100." if role is Role.HELP else "")
    if role is Role.CONFIRM_STOP:
        text = "Acme Dental: you get no more texts from us."
    assert lint(draft(text, role=role), wiring.measure) == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Sorry we missed you. Reply STOP to opt out.", "name"),
        ("Acme Dental: sorry we missed you.", "stop"),
        ("Acme Dental: stop by any time, we never stop.", "stop"),
        (f"{GOOD} https://bit.ly/3abc", "shortener"),
        (f"{GOOD} See TinyURL.com/x", "shortener"),
        (f"{GOOD} https://a.example-dental.com https://b.example-dental.com", "link"),
        (f"{GOOD} http://192.0.2.7/book", "link"),
        (f"{GOOD} http://acme.dental/book", "link"),
        (f"{GOOD} 212-555-0101, (212) 555-0102 or +1 212 555 0103", "phones"),
        ("Acme Dental: SORRY THAT NOBODY TOOK your call. Reply STOP to opt out.", "capitals"),
        ("Acme Dental: call us!!! Reply STOP to opt out.", "punctuation"),
        ("Acme Dental: hi! Hey! Yes! Reply STOP to opt out.", "punctuation"),
        (f"{GOOD} [NAME]", "unfilled"),
        (f"{GOOD} Call XXX", "unfilled"),
        (f"{GOOD} Bye {{{{contact}}}}", "unfilled"),
        (f"{GOOD} Your company name", "unfilled"),
        (f"{GOOD} 20% off this week.", "offer"),
        (f"{GOOD} Special offer for you.", "offer"),
        (f"{GOOD} Bis später, für Łukasz", "alphabet"),
        (GOOD + " And more of it." * 8, "segments"),
    ],
)
def test_each_rule_finds_what_it_is_for(text: str, rule: str) -> None:
    assert rule in rules(text.replace("Your company", "your company"))


@pytest.mark.parametrize(
    "text",
    [
        f"{GOOD} We open at 9.30, e.g. on Monday.",
        f"{GOOD} Mail front@acme.dental or see https://acme.dental/book",
        "Acme Dental: reply with 'stop' to opt out. OK?",
        "Acme Dental: text STOP to 12125550100 to opt out.",
        "ACME DENTAL: hi. Reply STOP to opt out.",
        f"{GOOD} Call us.Thanks",
        f"{GOOD} We won the town's prize in 2024-2025.",
    ],
)
def test_what_is_usual_is_not_found_fault_with(text: str) -> None:
    assert rules(text) == set()


def test_help_wants_a_way_to_a_person() -> None:
    assert rules(GOOD, role=Role.HELP) == {"contact"}
    for way in ("(212) 555-0100", "front@acme.dental", "acme.dental/help"):
        assert rules(f"{GOOD} {way}", role=Role.HELP) == set()


def test_the_confirmation_of_stop_says_so_and_nothing_else() -> None:
    assert rules("Acme Dental: bye.", role=Role.CONFIRM_STOP) == {"no_more"}
    link = "Acme Dental: no more texts. https://acme.dental"
    assert rules(link, role=Role.CONFIRM_STOP) == {"restart"}


def test_letters_are_one_way_so_the_text_names_another() -> None:
    assert rules(GOOD, letters=True) == {"one_way"}
    assert rules("Acme Dental: sorry we missed you.", letters=True) == {"one_way"}
    assert rules("Acme Dental: call 212-555-0100 to opt out.", letters=True) == set()


def test_elsewhere_opting_out_is_advice_and_carriers_rules_are_not_asked() -> None:
    found = lint(draft("Acme Dental: 20% off", country="DE"), wiring.measure)
    assert [(f.rule, f.severity) for f in found] == [("stop", Severity.NOTE)]
    assert rules("Acme Dental: bye.", country="GB", role=Role.CONFIRM_STOP) == set()
    assert "shortener" in rules("Acme Dental: bit.ly/x STOP", country="GB")


def test_words_of_the_business_to_opt_out_count() -> None:
    assert rules("Acme Dental: responda con ALTO.", stop_words=("stop", "alto")) == set()


def test_every_finding_says_its_rule_and_what_to_do() -> None:
    text = "HURRY UP NOW FOLKS!!! 20% off http://bit.ly/x https://192.0.2.7 [NAME] Ł"
    for role in Role:
        for finding in lint(draft(text, role=role), wiring.measure):
            assert finding.rule in (linter.__doc__ or "")
            assert finding.text
            assert finding.todo or finding.rule in {"alphabet", "segments"}
    assert len(RULES) >= 13


# --- of a configuration -----------------------------------------------------------------------


def test_every_text_of_a_configuration_is_read_filled_in() -> None:
    config = loads(
        BASE
        + 'message_again = "{{business.name}} again. STOP"\nfollow_up = "Well? STOP"\n'
        + '[[message]]\nname = "address"\ntext = "12 Main Street"\n'
    )
    told = {one.text.key: {f.rule for f in one.findings} for one in lint_config(config)}
    assert told["message"] == told["message_again"] == set()
    assert told["follow_up"] == {"name"}
    assert told["[[message]] address"] == {"name", "stop"}
    assert {"optout.confirm_text", "optout.start_text", "optout.help_text"} <= set(told)
    assert told["optout.help_text"] == set()
    assert all("{{" not in text.draft.text for text in texts_of(config))


def test_a_numbers_country_decides() -> None:
    text = BASE.replace("+12125550100", "+442079460100") + 'message = "{{business.name}}: hi"\n'
    found = lint_config(loads(text))[0]
    assert [f.severity for f in found.findings] == [Severity.NOTE]
    assert not any("opt out" in warning for warning in loads(text).warnings)


# --- ready-made texts -------------------------------------------------------------------------


def test_there_are_texts_for_ten_industries() -> None:
    assert len(TEXTS) == 10


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_ready_made_texts_load_and_keep_every_rule_in_one_segment(
    file: Path, tmp_path: Path
) -> None:
    name = "Saint-Étienne & Daughters Ltd"[:28]
    main = tmp_path / "textback.toml"
    main.write_text(
        BASE.replace("Acme Dental", name)
        + 'hours = { days = "mon-fri", open = "09:00-17:00" }\nreplies = true\n',
        encoding="utf-8",
    )
    main.chmod(0o640)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "texts.toml").write_bytes(file.read_bytes())
    config = load(main, measure=wiring.measure)
    assert config.warnings == ()
    found = lint_config(config, wiring.measure)
    assert all(one.findings == () for one in found)
    own = tomllib.loads(file.read_text(encoding="utf-8"))
    assert set(own["defaults"]) == {"message", "after_hours_message", "message_again", "follow_up"}
    keys = {one.text.key for one in found}
    assert keys >= {*own["defaults"], "optout.help_text"}
    for one in found:
        assert encoding.measure(one.text.draft.text).parts == 1, one.text.key


def test_texts_for_clinics_and_lawyers_ask_for_no_details() -> None:
    for name in ("dentist", "veterinary", "law-office"):
        text = (ROOT / "conf" / "texts" / f"{name}.toml").read_text(encoding="utf-8").casefold()
        words = [line for line in text.splitlines() if not line.startswith("#")]
        assert not any(w in "\n".join(words) for w in ("symptom", "pain", "diagnos", "case about"))


def test_the_disclosure_names_contexts_that_are_shipped() -> None:
    told = (ROOT / "conf" / "voicemail-disclosure.txt").read_text(encoding="utf-8")
    shipped = (ROOT / "conf/asterisk/extensions-textback-hooks.conf").read_text(encoding="utf-8")
    for context in ("textback-agi", "textback-menu"):
        assert f"Gosub({context},s,1(" in told
        assert f"[{context}]" in shipped
