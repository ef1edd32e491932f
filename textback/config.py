"""The configuration as the product uses it: one frozen value, with each number's rules resolved.

`load` reads it from files, with all errors at once; the tables and their documentation are in
`config_tables`, `config_pbx`, `config_smsc`, `config_numbers` and the other `config_*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import ConfigDict, PrivateAttr, field_validator, model_validator

from textback import phone
from textback.config_contacts import Contacts
from textback.config_inbox import InboxConfig
from textback.config_keeping import Retention
from textback.config_numbers import Defaults, Hours, NumberConfig
from textback.config_optout import OptOut
from textback.config_pbx import PbxConfig
from textback.config_quick import QuickAnswer
from textback.config_smsc import SmscConfig
from textback.config_tables import (
    Agi,
    Business,
    Console,
    Limits,
    Log,
    NamedMessage,
    Never,
    StoreConfig,
)
from textback.config_tell import KeywordConfig, NotifyConfig, WebhookConfig
from textback.config_values import Table, duration_text, key, parse_duration
from textback.keywords import KeywordRule, plain
from textback.routing import Router

__all__ = [
    "CATCH_ALL",
    "Agi",
    "Business",
    "Config",
    "ConfigError",
    "Console",
    "Defaults",
    "Hours",
    "Limits",
    "Log",
    "NamedMessage",
    "Never",
    "NumberConfig",
    "Overridden",
    "PbxConfig",
    "SmscConfig",
    "StoreConfig",
    "duration_text",
    "parse_duration",
]

CATCH_ALL = "*"


class ConfigError(Exception):
    """The configuration cannot be used; `errors` has every mistake, one line each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(self.errors))


@dataclass(frozen=True, slots=True)
class Overridden:
    """A key that [override] says over another file; see `config_override`."""

    did: str  #: of the [[number]] in force; "" for `mode`
    key: str
    place: str  #: FILE:LINE of the override
    before: Any  #: what the other files say; None where they would be wrong without it


class Config(Table):
    """The whole of textback.toml and its conf.d."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    mode: Literal["live", "shadow"] = key(
        "live",
        "live sends; shadow decides and records everything and sends nothing: the right setting "
        "for the first week.",
        sample="shadow",
    )
    business: Business = key(..., "")
    log: Log = key(None, "", factory=Log)
    store: StoreConfig = key(None, "", factory=StoreConfig)
    console: Console = key(None, "", factory=Console)
    agi: Agi = key(None, "", factory=Agi)
    limits: Limits = key(None, "", factory=Limits)
    never: Never = key(None, "", factory=Never)
    contacts: Contacts = key(None, "", factory=Contacts)
    pbx: tuple[PbxConfig, ...] = key((), "")
    smsc: tuple[SmscConfig, ...] = key((), "")
    defaults: Defaults = key(None, "", factory=Defaults)
    number: tuple[NumberConfig, ...] = key((), "")
    message: tuple[NamedMessage, ...] = key((), "")
    optout: OptOut = key(None, "", factory=OptOut)
    retention: Retention = key(None, "", factory=Retention)
    inbox: InboxConfig = key(None, "", factory=InboxConfig)

    webhook: tuple[WebhookConfig, ...] = key((), "")
    notify: tuple[NotifyConfig, ...] = key((), "")
    keyword: tuple[KeywordConfig, ...] = key((), "")
    quick_answer: tuple[QuickAnswer, ...] = key((), "")

    _warnings: tuple[str, ...] = PrivateAttr(())
    _staff_read: tuple[str, ...] = PrivateAttr(())
    _block_read: tuple[str, ...] = PrivateAttr(())
    _overrides: tuple[Overridden, ...] = PrivateAttr(())

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, raw: Any) -> Any:
        """What a [[number]] does not say, [defaults] says."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("defaults"), Mapping):
            return raw
        numbers = raw.get("number", ())
        inherited = [
            {**raw["defaults"], **n} if isinstance(n, Mapping) else n
            for n in (numbers if isinstance(numbers, list | tuple) else ())
        ]
        return {**raw, "number": inherited} if inherited else raw

    @field_validator("number")
    @classmethod
    def _dids_in_full(cls, value: tuple[NumberConfig, ...], info: Any) -> tuple[NumberConfig, ...]:
        business = info.data.get("business")
        country = business.country if business is not None else "US"
        return tuple(
            n.model_copy(
                update={
                    "did": phone.to_e164(n.did, country) or n.did,
                    "sender": phone.to_e164(n.sender, country) or n.sender,
                }
            )
            for n in value
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but probably not meant, one line each."""
        return self._warnings

    @property
    def overrides(self) -> tuple[Overridden, ...]:
        """Every key that [override] says over another file, in the order of the files."""
        return self._overrides

    def with_findings(
        self,
        *,
        warnings: Iterable[str] = (),
        staff: Iterable[str] = (),
        block: Iterable[str] = (),
        overrides: Iterable[Overridden] = (),
    ) -> Self:
        """The same configuration with what the loader found beside the tables: its warnings, the
        entries of staff_files and block_files in their stored form, and what was overridden."""
        copy = self.model_copy()
        for name in ("staff", "blocked"):
            copy.__dict__.pop(name, None)  # model_copy takes computed values along
        copy._warnings = tuple(warnings)
        copy._staff_read = tuple(staff)
        copy._block_read = tuple(block)
        copy._overrides = tuple(overrides)
        return copy

    # --- numbers

    def number_for(self, did: str) -> NumberConfig | None:
        """The rules of the number that was dialled, as any PBX may spell it; None: not watched.

        Read as in the business's country, then as in that of each [[number]]: a trunk of London
        names 02079460100 whatever the business's country is. The result's `did` is in E.164
        wherever the number can be read, also under `did = "*"`.
        """
        raw = did.strip()
        full = phone.to_e164(raw, self.business.country)
        found = self._by_did.get(full or raw)
        for country in self._number_countries:
            if found is None:
                found = self._by_did.get(phone.to_e164(raw, country) or raw)
        if found is not None:
            return found
        catch_all = self._by_did.get(CATCH_ALL)
        if catch_all is None or not (full or _is_digits(raw)):
            return None
        return catch_all.model_copy(update={"did": full or raw})

    def is_shadow(self, number: NumberConfig | None) -> bool:
        """Whether texts for this number are decided and recorded, and never sent."""
        return self.mode == "shadow" or (number is not None and number.mode == "shadow")

    def countries_read(self, number: NumberConfig | None) -> tuple[str, ...]:
        """Countries (ISO 3166) in which callers of this number are read, the likeliest first: the
        number's own, then the business's."""
        own = phone.country_of(number.did) if number is not None else ""
        return tuple(dict.fromkeys(c for c in (own, self.business.country) if c))

    @cached_property
    def _number_countries(self) -> tuple[str, ...]:
        """Countries of the numbers that are not of the business's own, in their order."""
        found = dict.fromkeys(phone.country_of(n.did) for n in self.number)
        return tuple(c for c in found if c and c != self.business.country)

    @cached_property
    def _by_did(self) -> dict[str, NumberConfig]:
        return {n.did: n for n in self.number}

    @cached_property
    def own_numbers(self) -> frozenset[str]:
        """Every number of the business in E.164: DIDs, senders, business.numbers."""
        country = self.business.country
        spelt = [*self.business.numbers, self.defaults.sender]
        spelt += [text for n in self.number for text in (n.did, n.sender)]
        return frozenset(e164 for text in spelt if (e164 := phone.to_e164(text, country)))

    @cached_property
    def staff(self) -> phone.NumberList:
        return phone.NumberList([*self._entries(self.never.staff), *self._staff_read])

    @cached_property
    def blocked(self) -> phone.NumberList:
        return phone.NumberList([*self._entries(self.never.block), *self._block_read])

    def _entries(self, raw: Iterable[str]) -> list[str]:
        return [phone.list_entry(text, self.business.country) for text in raw]

    @cached_property
    def countries(self) -> frozenset[str] | None:
        """ISO codes whose callers may be texted; None: all."""
        if "*" in self.limits.countries:
            return None
        return frozenset(self.limits.countries) or phone.home_countries(self.business.country)

    @cached_property
    def calling_codes(self) -> frozenset[int]:
        """Calling codes of `countries`, for numbers in blocks no country is known for."""
        return phone.calling_codes(self.countries or ())

    def message_named(self, name: str) -> NamedMessage | None:
        """The [[message]] of that name, as a dialplan may spell it (hostile); None: there is none.
        Case counts, blanks around it do not."""
        return self._by_name.get(name.strip())

    @cached_property
    def _by_name(self) -> dict[str, NamedMessage]:
        return {m.name: m for m in self.message}

    # --- telling others

    def dids(self, spelt: Iterable[str]) -> tuple[str, ...]:
        """Numbers of a `numbers` key in the spelling of `NumberConfig.did`."""
        country = self.business.country
        return tuple(phone.to_e164(text, country) or text for text in spelt)

    @cached_property
    def keyword_rules(self) -> tuple[KeywordRule, ...]:
        """The [[keyword]] tables, for `keywords.match`."""
        return tuple(
            KeywordRule(
                name=rule.name,
                words=tuple(plain(word) for word in rule.words),
                numbers=frozenset(self.dids(rule.numbers)),
            )
            for rule in self.keyword
        )

    # --- the links

    def pbx_named(self, name: str) -> PbxConfig | None:
        return next((p for p in self.pbx if p.name == name), None)

    def smsc_named(self, name: str) -> SmscConfig | None:
        """The [[smsc]] of that name; "" is the primary."""
        return next((s for s in self.smsc if name in {s.name, ""}), None)

    @cached_property
    def router(self) -> Router:
        """Chooses the [[smsc]] that carries a text."""
        return Router(self)

    def redacted(self) -> dict[str, Any]:
        """Everything as plain values for `show-config`; secrets as stars, durations in words."""
        return _plain(self)


def _is_digits(text: str) -> bool:
    """What can be dialled, though it may be no number of any plan: an extension, a test number."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and len(digits) <= 15


def _plain(table: Table) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        if isinstance(value, Table):
            plain[name] = _plain(value)
        elif isinstance(value, tuple):
            plain[name] = [_plain(v) if isinstance(v, Table) else str(v) for v in value]
        elif extra.get("secret"):
            plain[name] = "**********" if value.get_secret_value() else ""
        elif isinstance(value, float) and str(extra.get("allowed", "")).startswith("a duration"):
            plain[name] = duration_text(value)
        elif value is not None:
            plain[name] = dict(value) if isinstance(value, dict) else value
    return plain
