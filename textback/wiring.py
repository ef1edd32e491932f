"""From the tables of textback.toml to what the edges are built with: the one place knowing both."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from agi.hooks import Desk
from agi.server import AgiServer
from agi.settings import AgiSettings
from ami_listener.link import PbxLink
from ami_listener.phones import PhoneLine
from ami_listener.records.reader import RecordReader
from ami_listener.records.settings import RecordSettings
from ami_listener.settings import PbxSettings
from ami_listener.tracker import Inbound
from sms_gateway import decoding, encoding, receipts
from sms_gateway.inbound import NotNow
from sms_gateway.settings import RouteSettings, client_context
from textback import answers, desk_words, hints, keywords, optout
from textback.config import Config, ConfigError, PbxConfig, SmscConfig
from textback.failover import Patience
from textback.model import HookResult, Piece, Reading
from textback.recipients import Recipients
from textback.reply_rules import ReplyRules
from textback.retry import RetryRules
from textback.store.errors import StoreError
from textback.store.learning import Codes, same_code

T = TypeVar("T")
R = TypeVar("R")


def or_not_now(keep: Callable[[T], Awaitable[R]]) -> Callable[[T], Awaitable[R]]:
    """`keep` for a route: a store that fails, which the inbox tells, is no defect to trace."""

    async def kept(thing: T) -> R:
        try:
            return await keep(thing)
        except StoreError as error:
            raise NotNow from error

    return kept


def pbx_settings(pbx: PbxConfig) -> PbxSettings:
    """What the AMI link to this [[pbx]] is told. Raises ConfigError."""
    where = f"pbx {pbx.name!r}"
    try:
        return PbxSettings(
            name=pbx.name,
            host=pbx.host,
            port=pbx.port,
            username=pbx.username,
            secret=pbx.secret.get_secret_value(),
            tls=_context(where, pbx),
            server_hostname=pbx.tls_hostname or None,
            inbound=Inbound(
                contexts=frozenset(pbx.inbound_contexts),
                endpoints=frozenset(pbx.inbound_endpoints),
            ),
            not_human=frozenset(pbx.not_human),
            dial_context=pbx.dial_context,
            record=Path(pbx.record) if pbx.record else None,
        )
    except ValueError as error:
        raise ConfigError([f"{where}: {error}"]) from error


def route_settings(smsc: SmscConfig, country: str) -> RouteSettings:
    """What the route to this [[smsc]] of a business in `country` is told. Raises ConfigError."""
    where = f"smsc {smsc.name!r}"
    try:
        return RouteSettings(
            name=smsc.name,
            host=smsc.host,
            port=smsc.port,
            system_id=smsc.system_id,
            password=smsc.password.get_secret_value(),
            system_type=smsc.system_type,
            bind=smsc.bind,
            tls=_context(where, smsc),
            server_hostname=smsc.tls_hostname or None,
            window=smsc.window,
            rate=smsc.rate,
            enquire_link=smsc.enquire_link,
            enquire_timeout=smsc.enquire_timeout,
            response_timeout=smsc.response_timeout,
            alphabet=smsc.alphabet,
            id_format=smsc.id_format,
            long_messages=smsc.long_messages,
            source_ton=smsc.source_ton,
            source_npi=smsc.source_npi,
            dest_ton=smsc.dest_ton,
            dest_npi=smsc.dest_npi,
            service_type=smsc.service_type,
            receipts=smsc.receipts,
            receipts_by_text=smsc.receipts_by_text,
            validity=smsc.validity,
            tlvs=smsc.tlv_bytes,
            country=country,
        )
    except ValueError as error:
        raise ConfigError([f"{where}: {error}"]) from error


def record_settings(pbx: PbxConfig) -> RecordSettings:
    """Which records of this [[pbx]] are read after an outage. Raises ConfigError."""
    try:
        return RecordSettings(
            pbx=pbx.name,
            inbound=Inbound(
                contexts=frozenset(pbx.inbound_contexts),
                endpoints=frozenset(pbx.inbound_endpoints),
            ),
            not_human=pbx.not_human,
            cel_columns=pbx.cel_columns,
            cdr_columns=pbx.cdr_columns,
            utc=pbx.cdr_utc,
            cel_csv=Path(pbx.cel_csv) if pbx.cel_csv else None,
            cel_sqlite=Path(pbx.cel_sqlite) if pbx.cel_sqlite else None,
            cdr_csv=Path(pbx.cdr_csv) if pbx.cdr_csv else None,
            cdr_sqlite=Path(pbx.cdr_sqlite) if pbx.cdr_sqlite else None,
        )
    except ValueError as error:
        raise ConfigError([f"pbx {pbx.name!r}: {error}"]) from error


def record_reader(config: Config, name: str, watch: Callable[[str], float | None]) -> RecordReader:
    """The reader of the records of the [[pbx]] with that name. Raises ConfigError."""
    pbx = config.pbx_named(name)
    assert pbx is not None, name
    return RecordReader(record_settings(pbx), watch)


def agi_settings(config: Config) -> AgiSettings:
    """What the FastAGI server is told. Raises ConfigError."""
    host, _, port = config.agi.listen.rpartition(":")
    hosts = [ipaddress.ip_network(p.host) for p in config.pbx if hints.has_address(p.host)]
    try:
        return AgiSettings(
            host=host.strip("[]"),
            port=int(port),
            networks=(*hosts, *config.agi.networks),
            deadline=config.agi.deadline,
        )
    except ValueError as error:
        raise ConfigError([f"agi: {error}"]) from error


def agi_server(
    config: Config, desk: Desk, on_answer: Callable[[str, HookResult, float], None]
) -> AgiServer:
    """The FastAGI server, not open yet. Raises ConfigError."""
    return AgiServer(agi_settings(config), desk, on_answer=on_answer)


#: What catch-up reads anew at a reload.
RECORD_KEYS = (
    *("cel_csv", "cel_sqlite", "cdr_csv", "cdr_sqlite"),
    *("cel_columns", "cdr_columns", "cdr_utc"),
)


#: How a number is written for the dialplan.
DIAL_KEYS = ("dial_format", "dial_prefix")


def pbx_key(pbx: PbxConfig) -> dict[str, Any]:
    """What of a [[pbx]] makes a new link when it changes; the rest counts at once."""
    return pbx.model_dump(exclude={"unknown_presentation", "sip_host", *DIAL_KEYS, *RECORD_KEYS})


#: What of a [[smsc]] counts at once and leaves its bind alone.
ROUTING_KEYS = (
    *("senders", "countries", "prefixes", "backup", "failover_after", "return_after"),
    *("receipt_group", "on_uncertain", "optout_status", "optout_receipt_codes"),
)


def smsc_keys(config: Config) -> dict[str, tuple[str, dict[str, Any]]]:
    """What of each [[smsc]] makes a new route when it changes; in order, the first is primary."""
    country = config.business.country
    return {s.name: (country, s.model_dump(exclude={*ROUTING_KEYS})) for s in config.smsc}


def patience(config: Config) -> dict[str, Patience]:
    """How long each route may be in trouble, by name, in order."""
    return {s.name: Patience(s.failover_after, s.return_after) for s in config.smsc}


def receipt_routes(config: Config, route: str) -> frozenset[str]:
    """The routes of whose texts a receipt that came in on `route` may speak: accounts of one
    carrier that share their message ids."""
    own = config.smsc_named(route)
    if own is None:
        return frozenset({route})
    return frozenset({route}) | {
        s.name
        for s in config.smsc
        if (own.receipt_group and s.receipt_group == own.receipt_group)
        or (s.host.casefold(), s.system_id) == (own.host.casefold(), own.system_id)
    }


def retry_rules(config: Config, route: str) -> RetryRules:
    """How patient delivery is on this route."""
    smsc = config.smsc_named(route)
    return RetryRules(on_uncertain=smsc.on_uncertain if smsc is not None else "hold")


def segments(config: Config, route: str, text: str) -> int:
    """The short messages `text` takes on this route."""
    smsc = config.smsc_named(route)
    return encoding.measure(text, smsc.alphabet if smsc is not None else "gsm").parts


def reply_rules(config: Config) -> ReplyRules:
    """How texts that come in are put together, placed, understood and answered."""

    def read(text: str, number: str) -> Reading:
        reading = optout.read(text, config.optout.words)
        keyword, word = keywords.match(text, config.keyword_rules, number)
        return replace(reading, keyword=keyword, word=word) if keyword else reading

    def label(did: str) -> str:
        number = config.number_for(did) if did else None
        return number.label if number is not None else ""

    return ReplyRules(
        join=lambda pieces: joined(config, pieces),
        ours=Recipients(config).of,
        read=read,
        scope=lambda did: answers.scope_of(did, config),
        answer=lambda text, reading, facts: answers.answer(text, reading, facts, config),
        phones=lambda did: desk_words.phones_of(config, did),
        label=label,
        partial_after=timedelta(seconds=config.inbox.partial_after),
        auto_limit=config.limits.auto_limit,
        auto_window=config.limits.auto_window,
    )


def joined(config: Config, pieces: Sequence[Piece]) -> str:
    """Neighbouring parts of one text, read as one: a character may be cut between two of them."""
    told: list[str] = []
    for (route, coding), run in groupby(pieces, lambda piece: (piece.route, piece.coding)):
        if coding is None:
            told += [piece.text for piece in run]
            continue
        smsc = config.smsc_named(route)
        alphabet = smsc.alphabet if smsc is not None else "gsm"
        octets = b"".join(piece.octets for piece in run)
        told.append(decoding.decode(octets, coding, alphabet=alphabet))
    return "".join(told)


def measure(text: str) -> tuple[int, str, tuple[str, ...]]:
    """`compose.Measure`, by the alphabet nearly every carrier speaks."""
    size = encoding.measure(text)
    return size.parts, size.encoding, size.offending


def stored_forms(_route: str, message_id: str) -> frozenset[str]:
    """What a message id is kept under. The receipt's side alone is turned by `id_format`: turned on
    both, strangers would meet."""
    return receipts.stored_forms(message_id)


def phone_lines(config: Config, links: Mapping[str, PbxLink]) -> dict[str, PhoneLine]:
    """The way to the desk phones of each PBX there is a link to."""
    return {
        pbx.name: PhoneLine(links[pbx.name], host=pbx.host, sip_host=pbx.sip_host)
        for pbx in config.pbx
        if pbx.name in links
    }


def opt_out_codes(config: Config, route: str) -> Codes:
    """Which of a carrier's codes mean that a handset opted out."""
    smsc = config.smsc_named(route)
    if smsc is None:
        return Codes()
    return Codes(smsc.optout_statuses, frozenset(map(same_code, smsc.optout_receipt_codes)))


def check(config: Config) -> None:
    """Build all settings and throw them away. Raises ConfigError with every mistake."""
    errors: list[str] = []
    try:
        agi_settings(config)
    except ConfigError as error:
        errors += error.errors
    for pbx in config.pbx:
        try:
            pbx_settings(pbx)
            record_settings(pbx)
        except ConfigError as error:
            errors += error.errors
    for smsc in config.smsc:
        try:
            route_settings(smsc, config.business.country)
        except ConfigError as error:
            errors += error.errors
    if errors:
        raise ConfigError(errors)


def _context(where: str, table: PbxConfig | SmscConfig) -> ssl.SSLContext | None:
    if not table.tls:
        return None
    files: dict[str, Any] = {
        key: Path(value)
        for key, value in (
            ("ca", table.tls_ca),
            ("cert", getattr(table, "tls_cert", "")),
            ("key", getattr(table, "tls_key", "")),
        )
        if value
    }
    try:
        return client_context(**files)
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(f"tls_{key} = {path}" for key, path in files.items())
        raise ConfigError([f"{where}: {named}: not usable for TLS: {error}"]) from error
