"""The whole suite against this proxy, one test for each client and provider; and the official SDKs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from backstory.app.conformance import sdk
from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.cases import SCENARIOS, WIRES, cases
from backstory.app.conformance.play import play_all

PAIRS = pytest.mark.parametrize(("client", "provider"), list(itertools.product(WIRES, WIRES)))


@PAIRS
def test_every_case_passes(gateway: Gateway, client: str, provider: str) -> None:
    outcomes = play_all(cases("", (client,), (provider,)), gateway)
    assert len(outcomes) > 80
    assert {outcome.id: outcome.faults for outcome in outcomes if outcome.faults} == {}


@pytest.fixture(scope="module")
def sdks(gateway: Gateway) -> Iterator[sdk.Sdks]:
    found = sdk.Sdks(gateway)
    yield found
    found.close()


@PAIRS
def test_the_official_sdk_understands_every_answer(sdks: sdk.Sdks, client: str, provider: str) -> None:
    """What differs most between the wires; the rest is what `backstory conformance --self` plays."""
    outcomes = [sdks.play(case) for case in sdk.sdk_cases(_telling, (client,), (provider,))]
    assert len(outcomes) == 7
    assert {outcome.id: outcome.faults for outcome in outcomes if outcome.faults} == {}


def _telling(name: str) -> bool:
    return any(play in name for play in ("sdk-calls", "sdk-usage", "sdk-error-429", "sdk-breaks"))


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.id for case in cases()]
    assert len({*names}) == len(names) > 1400
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert {case.scenario.name for case in cases("calls")} == {"calls"}
    assert {case.id for case in cases("gemini>anthropic/text/*")} == {"gemini>anthropic/text/whole", "gemini>anthropic/text/stream"}
