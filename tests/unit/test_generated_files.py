"""What is checked in under conf/ is what the config tables say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from textback import config_reference
from textback.config import Config
from textback.config_load import load, loads
from textback.config_words import REPEATED, TABLES

CONF = Path(__file__).parents[2] / "conf"


def test_the_sample_config_is_up_to_date() -> None:
    assert (CONF / "textback.toml").read_text(encoding="utf-8") == config_reference.sample(), (
        "python -m textback.config_reference sample > conf/textback.toml"
    )


def test_the_man_page_is_up_to_date() -> None:
    written = (CONF / "man" / "textback.toml.5").read_text(encoding="utf-8")
    assert written == config_reference.man_page(), (
        "python -m textback.config_reference man > conf/man/textback.toml.5"
    )


def test_the_sample_config_can_be_used_and_warns_of_its_placeholders() -> None:
    config = load(CONF / "textback.toml")
    assert config.mode == "shadow"
    assert config.number_for("2125550100") is not None
    warnings = "\n".join(config.warnings)
    assert "pbx.secret: is still the sample's" in warnings
    assert "smsc.password: is still the sample's" in warnings
    assert "mode: is shadow" in warnings


def test_every_key_is_in_the_sample_and_in_the_man_page() -> None:
    sample, man = config_reference.sample(), config_reference.man_page()
    for table, model in TABLES.items():
        assert f"[[{table}]]" in sample if table in REPEATED else f"[{table}]" in sample
        for key in model.model_fields:
            if key != "hours":
                assert re.search(rf"^#?{key} = ", sample, re.MULTILINE), f"{table}.{key}"
                assert f".B {key}\n" in man, f"{table}.{key}"


def test_every_key_has_a_sentence_about_itself() -> None:
    for table, model in TABLES.items():
        assert (model.__doc__ or "").strip(), table
        for key, field in model.model_fields.items():
            assert len(field.description or "") > 10 or key in {"tue", "wed"}, f"{table}.{key}"


def test_commented_defaults_are_the_real_defaults() -> None:
    """Uncommenting every optional key of the sample changes nothing."""
    sample = config_reference.sample()
    plain = loads(sample, name="a", folder="/")
    head, _, numbers = sample.partition("\n[[number]]\n")
    unset = r"(source|dest)_(ton|npi)"
    opened = re.sub(rf"^#(?!{unset})([a-z_]+ = )", r"\3", head, flags=re.MULTILINE)
    assert opened.count("\n#") < head.count("\n#")
    config = loads(opened + "\n[[number]]\n" + numbers, name="a", folder="/")
    assert config.redacted() == plain.redacted()


def test_the_man_page_is_clean_roff() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tascii", "-ww", str(CONF / "man" / "textback.toml.5")],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
    assert b"ring_timeout" in re.sub(rb".\x08", b"", done.stdout)


def test_the_examples_in_the_man_page_parse() -> None:
    text = config_reference._EXAMPLE.replace('secret_credential = "ami"', 'secret = "x"')
    config = loads(text.replace('password_credential = "smpp"', 'password = "x"'))
    assert isinstance(config, Config)
    assert config.warnings == ()


def test_the_generator_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert config_reference.main(["html"]) == 2
    assert "sample|man" in capsys.readouterr().err
    assert config_reference.main(["man"]) == 0
    assert capsys.readouterr().out.startswith('.\\"')
