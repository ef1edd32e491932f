"""Which routes may carry a text, in which order, and what is said where none may."""

from __future__ import annotations

from typing import Any

import pytest

from textback.config import Config
from textback.model import TextKind
from textback.routing import Router, RouteRules, Routing, carrier, choose

OURS, OTHER = "+12125550100", "+16465550100"
US, GB, FR = "+12125550123", "+442079460123", "+33199000123"


def rules(**routes: dict[str, Any]) -> list[RouteRules]:
    return [RouteRules(name=name, **how) for name, how in routes.items()]


def test_without_any_rule_the_first_carries_and_no_other_takes_over() -> None:
    found = choose(rules(a={}, b={}), OURS, US)
    assert found == Routing(("a",), "a (the first that may carry it)")


def test_a_backup_comes_last_for_everybody() -> None:
    spare = rules(spare={"backup": True}, a={}, b={})
    assert choose(spare, OURS, US).routes == ("a", "spare")
    assert choose(spare, OURS, US, named=("b",)).routes == ("b", "spare")
    assert choose(spare, OURS, US, named=("spare", "a")).routes == ("spare", "a")


def test_a_number_names_its_routes_in_their_order_and_no_other_is_used() -> None:
    found = choose(rules(a={}, b={}, c={}), OURS, US, named=("c", "a"))
    assert found == Routing(("c", "a"), "c, a (named by the number)")


def test_an_account_carries_only_its_own_senders() -> None:
    two = rules(a={"senders": frozenset({OURS})}, b={"senders": frozenset({OTHER, "acme"})})
    assert choose(two, OURS, US).routes == ("a",)
    assert choose(two, OTHER, US).routes == ("b",)
    assert choose(two, "ACME", US).routes == ("b",)
    nobody = choose(two, "+19175550100", US)
    assert nobody.routes == ()
    assert "a may not send from +19175550100" in nobody.why


def test_the_country_of_the_handset_chooses() -> None:
    two = rules(
        home={"countries": frozenset({"US", "CA"})}, abroad={"countries": frozenset({"GB"})}
    )
    assert choose(two, OURS, US).routes == ("home",)
    assert choose(two, OURS, GB).routes == ("abroad",)
    refused = choose(two, OURS, FR)
    assert (refused.routes, refused.why) == (
        (),
        "no route may carry it: home does not send to FR; abroad does not send to FR",
    )


def test_a_prefix_serves_whatever_the_countries_say() -> None:
    one = rules(a={"countries": frozenset({"US"}), "prefixes": ("+4420",)}, b={})
    assert choose(one, OURS, GB).routes == ("a",)
    assert choose(one, OURS, "+441614960123").routes == ("b",)


def test_an_answer_goes_by_the_route_the_handset_wrote_on_if_that_may() -> None:
    three = rules(a={}, b={}, c={"senders": frozenset({OTHER})})
    assert choose(three, OURS, US, last="b").routes == ("b", "a")
    assert choose(three, OURS, US, last="c").routes == ("a",)
    assert choose(three, OURS, US, last="gone").routes == ("a",)


def test_the_first_that_stands_carries() -> None:
    assert carrier(("a", "b"), {"a", "b"}) == "a"
    assert carrier(("a", "b"), {"b", "c"}) == "b"
    assert carrier(("a", "b"), {"c"}) == ""


def config(*smscs: dict[str, Any], **number: Any) -> Config:
    return Config.model_validate(
        {
            "business": {"name": "Acme"},
            "pbx": [{"secret": "x"}],
            "smsc": [{"host": "h", "system_id": "x", **s} for s in smscs],
            "number": [{"did": OURS, **number}],
        }
    )


def test_one_account_without_rules_leaves_nothing_to_choose() -> None:
    router = Router(config({"name": "a"}))
    assert not router.needed
    assert router.new(OURS, US, OURS) == ""
    assert Router(config({"name": "a", "senders": [OURS]})).needed


def test_the_router_reads_numbers_and_senders_of_the_configuration() -> None:
    made = config(
        {"name": "a"},
        {"name": "b", "senders": ["(212) 555-0100"]},
        {"name": "c", "backup": True},
        smsc=["b", "a"],
    )
    router = Router(made)
    assert router.new(OURS, US, OURS) == "b"
    assert router.choose(OURS, US, OURS, "", TextKind.MISSED).routes == ("b", "a", "c")
    assert router.choose(OURS, US, OURS, "a", TextKind.REPLY).routes == ("a", "b", "c")
    # A missed caller's text follows the configuration, whatever its row said before.
    assert router.choose(OURS, US, OURS, "a", TextKind.MISSED).routes == ("b", "a", "c")
    assert router.choose(OURS, US, "", "c", TextKind.TEST).routes == ("c", "a")
    assert router.successors("b") == ["a", "c"]


@pytest.mark.parametrize("given", ["b", ["b"]])
def test_a_number_may_name_one_route_or_a_list(given: object) -> None:
    assert config({"name": "a"}, {"name": "b"}, smsc=given).number[0].smsc == ("b",)
