"""Keys and values that people type, and what they are told."""

from __future__ import annotations

import pytest

from backstory.commands.steering import STEERING, key_of, no_route, param, rows, with_params
from backstory.core.wishes import Detour, Wishes
from backstory.errors import Declined

KEYS = {"Temperature": "temperature", "max-tokens": "max_tokens", "MAX_OUTPUT_TOKENS": "max_tokens", "reasoning": "reasoning_effort"}


@pytest.mark.parametrize("name", KEYS)
def test_keys_go_by_the_names_that_people_know(name: str) -> None:
    assert key_of(name) == KEYS[name]


def test_a_key_that_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(Declined, match=r"There is no key 'temprature'; did you mean temperature\? Known are backend, model"):
        key_of("temprature")
    with pytest.raises(Declined, match=r"no key 'zzz'\. Known are"):
        key_of("zzz")
    assert key_of("oneoff", ("oneoff",)) == "oneoff"


def test_values_are_checked_against_what_the_parameter_takes() -> None:
    assert param("temperature", " 0.5 ") == 0.5
    assert param("max_tokens", "70") == 70
    assert param("reasoning_effort", "MAX") == "xhigh"
    assert param("reasoning_effort", "maximum") == "xhigh"
    for name, value in {"temperature": "-1", "max_tokens": "1.5", "reasoning_effort": "lots", "verbosity": "", "top_p": "nan"}.items():
        with pytest.raises(Declined, match=r"Nothing was changed\."):
            param(name, value)


def test_a_budget_and_an_effort_stand_for_each_other() -> None:
    assert with_params({"reasoning_effort": "low", "top_p": 1}, {"thinking_budget": 5}) == {"top_p": 1, "thinking_budget": 5}
    assert with_params({"thinking_budget": 5}, {"reasoning_effort": "high"}) == {"reasoning_effort": "high"}


def test_what_is_set_is_told_and_what_is_not_is_not() -> None:
    assert rows(Wishes()) == []
    wishes = Wishes(backend="b", once="x:y", params={"temperature": 0.5}, detours={"r": Detour("km", ("b:m",))})
    assert rows(wishes) == [
        ("Backend", "b"),
        ("Parameters", "temperature=0.5"),
        ("Once", "x:y"),
        ("Failover routes", "r (km: every key of each element in turn): b:m"),
    ]
    assert ("Once", "x:y") not in rows(Wishes(once="x:y", bound="used"))


def test_a_route_that_there_is_not_is_told_with_the_nearest() -> None:
    assert (
        no_route("saef", ["safe", "other"]) == "This conversation has no failover route 'saef'. Did you mean safe? There are safe, other."
    )


def test_no_command_of_this_family_has_a_word_of_its_own() -> None:
    assert not any(command.word for command in STEERING)
