"""Where a request goes where somebody has set that: which keys of which providers, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.config import Config
from backstory.core.wishes import Detour, Policy, Wishes
from backstory.errors import BackstoryError, NoRoute, RequestError
from backstory.providers.choosing import Chooser, Way
from backstory.providers.routing import Question, Router

SETTINGS = """
providers:
  one: {kind: openai_compatible, url: "http://127.0.0.1:9/v1", api_key_env: ONE}
  two: {kind: anthropic_compatible, url: "http://127.0.0.1:9", api_key_env: TWO, models: [claude-x]}
  shut: {kind: ollama}
routing: {disabled: [shut]}
model_aliases:
  - {pattern: "^fast$", replacement: "one:small"}
"""
KEYS = {"ONE_1": "a", "ONE_2": "b", "ONE_3": "c", "TWO_1": "d", "TWO_2": "e"}
ASKED = Question(lambda: 10, lambda: True, lambda: b"me")
WAY = Way("openai_chat", "gpt-4o", "api.openai.com")


@pytest.fixture
def chooser(tmp_path: Path) -> Chooser:
    return made(tmp_path, SETTINGS)


def made(folder: Path, text: str) -> Chooser:
    (folder / "backstory.yaml").write_text(text)
    return Chooser(Router(Config.load(environ={"HOME": str(folder), **KEYS}, cwd=folder)))


def told(chooser: Chooser, wishes: Wishes, way: Way = WAY) -> list[str]:
    """The routes, else the model that takes the place of the request's own."""
    choice = chooser.choose(wishes, way, ASKED)
    return [f"{route.name}:{route.model}" for route in choice.routes] or [choice.model]


ORDERS: dict[Policy, list[str]] = {
    "k": ["one.1:m", "one.2:m", "one.3:m"],
    "m": ["one.1:m", "two.1:claude-x"],
    "km": ["one.1:m", "one.2:m", "one.3:m", "two.1:claude-x", "two.2:claude-x"],
    "mk": ["one.1:m", "two.1:claude-x", "one.2:m", "two.2:claude-x", "one.3:m"],
}


@pytest.mark.parametrize("policy", ORDERS)
def test_a_policy_says_which_key_comes_next(chooser: Chooser, policy: Policy) -> None:
    route = Detour(policy, ("one:m", "two:claude-x"))
    assert told(chooser, Wishes(model="r", detours={"r": route})) == ORDERS[policy]
    assert told(chooser, Wishes(once="r", detours={"r": route})) == ORDERS[policy]
    assert told(chooser, Wishes(detours={"r": route}), Way("openai_chat", "r", "")) == ORDERS[policy]
    assert told(chooser, Wishes(detours={"r": route})) == [""], "it holds for who names it"


CHOICES = [
    (Wishes(backend="one.2"), ["one.2:gpt-4o"]),
    (Wishes(backend="two", model="claude-x"), ["two.1:claude-x", "two.2:claude-x"]),
    (Wishes(model="one:m?top_p=0.5|two:claude-x"), ["one.1:m", "one.2:m", "one.3:m", "two.1:claude-x", "two.2:claude-x"]),
    (Wishes(model="claude-x"), ["two.1:claude-x", "two.2:claude-x"]),
    (Wishes(model="fast"), ["one.1:small", "one.2:small", "one.3:small"]),
    (Wishes(model="gpt-5"), ["gpt-5"]),
    (Wishes(model="shut:x|one.1:m"), ["one.1:m"]),
    (Wishes(backend="one.1", model="far", once="two.2:claude-x"), ["two.2:claude-x"]),
    (Wishes(backend="one.1", model="far", once="near"), ["one.1:near"]),
]


@pytest.mark.parametrize("wishes", CHOICES, ids=lambda pair: f"{pair[0].backend}/{pair[0].model}/{pair[0].once}")
def test_what_is_set_becomes_routes(chooser: Chooser, wishes: tuple[Wishes, list[str]]) -> None:
    assert told(chooser, wishes[0]) == wishes[1]


def test_where_the_request_has_a_route_of_its_own_its_provider_stays(chooser: Chooser) -> None:
    own = chooser.choose(Wishes(model="one.1:m|two.1:claude-x"), WAY, ASKED).routes
    way = Way("openai_chat", "m", "api.openai.com", own[:1])
    assert told(chooser, Wishes(model="other"), way) == ["one.1:other"]
    assert told(chooser, Wishes(backend="one.2"), way) == ["one.2:m"]
    assert told(chooser, Wishes(params={"top_p": 1}), way) == ["one.1:m"]
    with pytest.raises(NoRoute, match="two has no model 'other'"):
        told(chooser, Wishes(model="other"), Way("openai_chat", "m", "", own))


REFUSED = {
    "onee:x": "did you mean one?",
    "two:claude-y": "did you mean claude-x",
    "one.7:x": "one has no instance 7 (there are one.1, one.2, one.3)",
    "shut:x": "disabled in the settings: shut (enabled are anthropic, gemini, one, openai, two)",
    "claude-sonnet-4-5": "openai has no model 'claude-sonnet-4-5'; did you mean anthropic:claude-sonnet-4-5?",
    "gemini-2.5-pro": "did you mean gemini:gemini-2.5-pro?",
    "one:m|": "a backend and model are missing",
}


@pytest.mark.parametrize("model", REFUSED)
def test_what_nobody_has_is_refused_with_what_there_is(chooser: Chooser, model: str) -> None:
    with pytest.raises(RequestError) as error:
        told(chooser, Wishes(model=model))
    assert REFUSED[model] in str(error.value)


def test_a_provider_is_called_by_its_name(chooser: Chooser) -> None:
    assert chooser.provider(" ONE ") == "one"
    assert chooser.provider("two.2") == "two.2"
    assert chooser.known == ["anthropic", "gemini", "one", "openai", "two"]
    for name in ("shut", "nobody", "one.9", "", "a b"):
        with pytest.raises(NoRoute):
            chooser.provider(name)


def test_provider_and_model_are_told_apart(chooser: Chooser) -> None:
    assert chooser.split("one.2:m", WAY) == ("one.2", "m")
    for text in ("m", "fast", "claude-x", "one:m|two:claude-x", "one:m?top_p=1", "[first]one:m"):
        assert chooser.split(text, WAY) == ("", text)
    for text in ("llama3:8b", "qwen3:latest", "vendor/model:free", "ft:gpt-4o:org::1"):
        assert chooser.split(text, Way("openai_chat", "m", "127.0.0.1")) == ("", text), "a model's own name"
    with pytest.raises(NoRoute, match="no provider 'other'"):
        chooser.split("other:x", Way("openai_chat", "m", "127.0.0.1"))


def test_an_element_is_one_way(chooser: Chooser) -> None:
    assert chooser.element(" one:m?top_p=1 ", "openai_chat") == "one:m?top_p=1"
    for text in ("m", "one:m|two:claude-x", "nobody:x", "shut:x", ""):
        with pytest.raises(BackstoryError):
            chooser.element(text, "openai_chat")


def test_a_static_route_is_nobodys_to_change(tmp_path: Path) -> None:
    chooser = made(tmp_path, SETTINGS.replace("disabled: [shut]", "static: 'one:only'"))
    with pytest.raises(RequestError, match=r"routing\.static"):
        chooser.check_place()
    assert told(chooser, Wishes(model="two:claude-x", backend="two")) == [""]


def test_a_name_that_resembles_a_listed_one_is_doubted(chooser: Chooser) -> None:
    assert "the nearest that is listed is claude-x" in chooser.doubt("claud-x")
    assert chooser.doubt("claude-x") == chooser.doubt("gpt-5") == chooser.doubt("something-else") == ""
