"""Parameters set in requests of each wire: what fits, what is left out, and that nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.selectors import PARAMETERS, Value
from backstory.errors import RequestError
from backstory.wires import steering
from backstory.wires.translation.tongues import TONGUES
from tests.rig import asking

BY_NAME = {tongue.name: tongue for tongue in TONGUES}
NAMES = list(BY_NAME)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: st.sampled_from(bounds.words)
    if bounds.words
    else st.integers(int(bounds.least), 2000)
    if bounds.whole
    else st.sampled_from([0.25, 0.5])
    for name, bounds in PARAMETERS.items()
}

# So that thinking has room: where it has none, what goes with thinking depends on what came first.
VALUES["max_tokens"] = st.integers(60_000, 70_000)


def request(name: str, **more: Any) -> bytes:
    return asking(name, [("user", "Hi.")], odd={"x": [1.50]}, **({"max_tokens": 4000} if name == "anthropic" else {}), **more)


@pytest.mark.parametrize("name", NAMES)
def test_what_fits_is_set_and_the_rest_told(name: str) -> None:
    body = request(name)
    wanted: dict[str, Value] = {"temperature": 0.5, "top_k": 3, "seed": 7, "verbosity": "low"}
    out, left = steering.with_fitting(BY_NAME[name], body, "m", wanted)
    told = json.loads(out)
    assert told.get("generationConfig", told)["temperature"] == 0.5
    missing = {"anthropic": ["seed", "verbosity"], "openai_chat": [], "openai_responses": ["seed", "top_k"], "gemini": ["verbosity"]}[name]
    assert sorted(loss.what for loss in left) == missing
    if missing:
        with pytest.raises(RequestError):
            steering.with_params(BY_NAME[name], body, "m", wanted)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_already_changes_nothing(name: str) -> None:
    body, _ = steering.with_fitting(BY_NAME[name], request(name), "m", {"temperature": 0.5, "top_p": 0.5})
    assert steering.with_fitting(BY_NAME[name], body, "m", {"temperature": 0.5, "top_p": 0.5})[0] is body
    assert steering.with_fitting(BY_NAME[name], body, "m", {})[0] is body
    assert steering.cooler(BY_NAME[name], body, "m", 0.5, 0.5) is body


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(wanted=st.fixed_dictionaries({}, optional=VALUES))
def test_whatever_is_wanted_the_rest_stays_and_a_second_time_changes_nothing(name: str, wanted: dict[str, Value]) -> None:
    body = request(name)
    out, left = steering.with_fitting(BY_NAME[name], body, "m", wanted)
    before, after = json.loads(body), json.loads(out)
    assert {key: after[key] for key in before if key != "max_tokens"} == {
        key: value for key, value in before.items() if key != "max_tokens"
    }
    assert b'"odd": {"x": [1.5]}' in out
    assert len(left) <= len(wanted)
    assert json.loads(steering.with_fitting(BY_NAME[name], out, "m", wanted)[0]) == after


@pytest.mark.parametrize(
    ("name", "model", "path", "value"),
    [
        ("anthropic", "claude-sonnet-4-5", ("thinking",), {"type": "enabled", "budget_tokens": 3000}),
        ("openai_chat", "gpt-5", ("reasoning_effort",), "low"),
        ("openai_responses", "gpt-5", ("reasoning", "effort"), "low"),
        ("gemini", "gemini-2.5-flash", ("generationConfig", "thinkingConfig", "thinkingBudget"), 3000),
    ],
)
def test_a_budget_of_thinking_is_set_in_every_wire(name: str, model: str, path: tuple[str, ...], value: object) -> None:
    found: Any = json.loads(steering.with_params(BY_NAME[name], request(name), model, {"thinking_budget": 3000})[0])
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize("name", NAMES)
def test_cooler_lowers_and_never_raises(name: str) -> None:
    hot = {"generationConfig": {"temperature": 0.9, "topP": 0.8}} if name == "gemini" else {"temperature": 0.9, "top_p": 0.8}
    told = json.loads(steering.cooler(BY_NAME[name], request(name, **hot), "m", 0.2, 0.4))
    told = told.get("generationConfig", told)
    assert (told["temperature"], told.get("top_p", told.get("topP"))) == (0.2, 0.4)
    told = json.loads(steering.cooler(BY_NAME[name], request(name), "m", 0.2, 0.4))
    told = told.get("generationConfig", told)
    assert (told["temperature"], "top_p" in told or "topP" in told) == (0.2, False)
