"""Settings of augmentation: what is taken, and what is told of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.config import Config
from backstory.config.augmentation import Parameters
from backstory.core.selectors import PARAMETERS
from backstory.errors import ConfigError


def loaded(text: str, folder: Path, **environ: str) -> Config:
    (folder / "backstory.yaml").write_text(text)
    return Config.load(environ={"HOME": str(folder), **environ}, cwd=folder)


def test_nothing_is_on_by_itself(tmp_path: Path) -> None:
    config = loaded("", tmp_path)
    assert (config.augmentation.in_use, config.augmentation.reads, config.routes) == (False, False, False)


@pytest.mark.parametrize(
    ("text", "reads", "routes"),
    [
        ("overrides:\n  - {model: x, set: {seed: 1}}\n", True, False),
        ("reasoning:\n  - {name: deep, set: {thinking_budget: 9000}}\n", True, False),
        ("edit_precision: {enabled: true}\n", True, False),
        ("planning: {route: 'anthropic:claude-opus-4-5'}\n", True, True),
        ("auxiliary: {route: openai}\n", True, True),
        ("first_prompt: {append: Please.}\n", True, False),
        ("context: {enforce: true}\n", True, False),
        ("client_headers:\n  - {header: X-Title, action: drop}\n", False, False),
    ],
)
def test_each_part_is_on_where_it_is_set_up(tmp_path: Path, text: str, reads: bool, routes: bool) -> None:
    config = loaded(text, tmp_path)
    assert (config.augmentation.in_use, config.augmentation.reads, config.routes) == (True, reads, routes)


def test_parameters_are_those_of_selectors() -> None:
    assert set(Parameters.__struct_fields__) == set(PARAMETERS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "overrides:\n  - {model: x, set: {temperture: 1}}\n",
            "line 2: overrides[0].set.temperture: no such setting; did you mean temperature? (there are temperature, top_p, ",
        ),
        ("overrides:\n  - model: x\n    set:\n      top_p: 2\n", "line 4: overrides[0].set.top_p: "),
        ("overrides:\n  - {model: '(', set: {seed: 1}}\n", "line 2: overrides[0].model: no regular expression"),
        ("overrides:\n  - {model: '', set: {seed: 1}}\n", "overrides[0].model: an empty pattern matches every model"),
        ("overrides:\n  - {model: x, set: {}}\n", "line 2: overrides[0].set: nothing is set (there are temperature, "),
        (
            "overrides:\n  - {model: x, set: {reasoning_effort: hgh}}\n",
            "overrides[0].set.reasoning_effort: expected one of none, minimal, low, medium, high, xhigh, got 'hgh'; did you mean high?",
        ),
        ("reasoning:\n  - {name: 'a b', set: {seed: 1}}\n", "line 2: reasoning[0].name: a name is letters"),
        ("edit_precision:\n  models: '['\n", "line 2: edit_precision.models: no regular expression"),
        ("edit_precision:\n  temperature: 3\n", "line 2: edit_precision.temperature: expected a number from 0 to 2, got 3"),
        ("planning: {route: 'grok:x'}\n", "line 1: planning.route: no provider 'grok' (there are anthropic, gemini, openai)"),
        (
            "planning: {route: 'hybird:[openai:x,openai:y]'}\n",
            "line 1: planning.route: hybird:[ is nothing; did you mean hybrid:[reasoner,",
        ),
        ("planning: {route: 'hybird:x'}\n", "line 1: planning.route: no provider 'hybird'; did you mean hybrid:[reasoner,executor]?"),
        (
            "reasoning:\n  - name: x\n    modle: y\n",
            "line 3: reasoning[0].modle: no such setting; did you mean model? (there are name, set,",
        ),
        ("providers:\n  a: {knd: groq}\n", "line 2: providers.a.knd: no such setting; did you mean kind? (there are kind, url,"),
        ("planning: {route: 'openai:x?temperatur=1'}\n", "no such parameter: 'temperatur'; did you mean temperature?"),
        ("planning:\n  route: openai:x\n  set: {verbosity: loud}\n", "line 3: planning.set.verbosity: expected one of low, medium, high"),
        ("planning:\n  turn: 3\n", "line 2: planning.turn: no such setting; did you mean planning.turns?"),
        ("auxiliary: {kinds: [titel]}\n", "line 1: auxiliary.kinds[0]: expected a list of title, summary, router, memory, probe"),
        ("first_prompt:\n  append: x\n  append_file: backstory.yaml\n", "line 3: first_prompt.append_file: first_prompt.append is set too"),
        (
            "first_prompt:\n  append_file: none.txt\n",
            "line 2: first_prompt.append_file: expected text, got 'none.txt' (there is no such file)",
        ),
        ("context: {default_window: -1}\n", "line 1: context.default_window: expected a whole number from 0, got -1"),
        (
            "client_headers:\n  - {header: Authorization, action: drop}\n",
            "client_headers[0].header: Authorization is none that says who a client is",
        ),
        ("client_headers:\n  - {header: X-VC-Memory, value: 'off'}\n", "client_headers[0].header: X-VC-Memory is none"),
        ("client_headers:\n  - {header: 'X Y', value: z}\n", "client_headers[0].header: no name of a header: 'X Y'"),
        (
            "client_headers:\n  - header: X-Title\n    action: dorp\n",
            "line 3: client_headers[0].action: expected one of pass, drop, set, got 'dorp'",
        ),
        ("client_headers:\n  - {header: X-Title}\n", "client_headers[0].value: a header that is set needs a value"),
        (
            "client_headers:\n  - {header: X-Title, action: drop, value: z}\n",
            "client_headers[0].value: a header with action drop has no value",
        ),
        ('client_headers:\n  - {header: X-Title, value: "a\\r\\nb"}\n', "client_headers[0].value: a value is visible ASCII characters"),
        ("client_headers:\n  - {header: X-Title, value: z, backends: [grok]}\n", "client_headers[0].backends[0]: no provider 'grok'"),
    ],
)
def test_what_is_wrong_is_told_with_key_and_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text, tmp_path)
    assert expected in str(caught.value)


def test_variables_carry_all_of_it(tmp_path: Path) -> None:
    config = loaded(
        "",
        tmp_path,
        BACKSTORY_OVERRIDES="[{model: x, set: {top_k: 3}}]",
        BACKSTORY_PLANNING__SET="{temperature: 0.5}",
        BACKSTORY_PLANNING__ROUTE="openai:gpt-5",
        BACKSTORY_AUXILIARY__KINDS="title,router",
        BACKSTORY_CLIENT_HEADERS="[{header: X-Title, value: Ours}]",
    )
    assert config.overrides[0].set.told() == {"top_k": 3}
    assert config.planning.set.told() == {"temperature": 0.5}
    assert config.auxiliary.kinds == ("title", "router")
    assert config.client_headers[0].value == "Ours"


def test_what_the_page_shows_can_be_set(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "augmentation.md").read_text()
    (tmp_path / "house-rules.txt").write_text("Be kind.")
    shown = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    assert len(shown) == 2
    for text in shown:
        assert loaded(text, tmp_path).augmentation.in_use
