"""The grammar of selectors: what is spelled is read as the same again, and what is wrong is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.selectors import PARAMETERS, Branch, Kind, Selector, is_plain, nearest, parse, spell
from backstory.errors import SelectorError

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
_MODELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/@-]{0,12}(:[a-z0-9]{1,5})?", fullmatch=True)
_NUMBERS = st.integers(0, 10_000).map(lambda number: number / 100)


@st.composite
def params(draw: st.DrawFn) -> tuple[tuple[str, float | int | str], ...]:
    found: list[tuple[str, float | int | str]] = []
    for name in draw(st.lists(st.sampled_from(sorted(PARAMETERS)), unique=True, max_size=3)):
        bounds = PARAMETERS[name]
        if bounds.words:
            found.append((name, draw(st.sampled_from(bounds.words))))
        elif bounds.whole:
            found.append((name, draw(st.integers(int(bounds.least), int(bounds.most)))))
        else:
            found.append((name, draw(st.integers(0, int(bounds.most * 100))) / 100))
    return tuple(found)


@st.composite
def branches(draw: st.DrawFn, kind: Kind) -> Branch:
    return Branch(
        draw(_NAMES.filter(lambda name: name != "hybrid")),
        draw(_MODELS),
        draw(st.integers(0, 20)),
        draw(params()),
        weight=draw(_NUMBERS.filter(bool)) if kind == "weighted" else 1.0,
        max_context=draw(st.integers(0, 10**6)),
        first=draw(st.booleans()),
        handicap=draw(_NUMBERS) if kind == "race" else 0.0,
        ttft_timeout=draw(_NUMBERS) if kind == "race" else 0.0,
    )


@st.composite
def selectors(draw: st.DrawFn) -> Selector:
    kind: Kind = draw(st.sampled_from(["one", "failover", "weighted", "race", "hybrid"]))
    least, most = {"one": (1, 1), "hybrid": (2, 2)}.get(kind, (2, 5))
    return Selector(kind, tuple(draw(st.lists(branches(kind), min_size=least, max_size=most))))


@given(selector=selectors())
def test_what_is_spelled_is_read_as_the_same(selector: Selector) -> None:
    found = parse(spell(selector))
    assert Selector(found.kind, tuple(replace(branch, at=0) for branch in found.branches)) == selector


@given(text=st.text(st.sampled_from("ab1.:|^!?&=%[]{}, \thybrid:[weight=3]temperature=0.5"), max_size=60))
def test_whatever_stands_there_is_read_or_pointed_at(text: str) -> None:
    at = 0
    found: Selector | None = None
    try:
        found = parse(text)
    except SelectorError as error:
        at = error.at
    assert 0 <= at <= len(text)
    if found is None:
        return
    assert all(branch.model for branch in found.branches)
    assert all(text[branch.at :].strip() for branch in found.branches)
    assert [replace(branch, at=0) for branch in parse(spell(found)).branches] == [replace(branch, at=0) for branch in found.branches]


@given(name=_MODELS)
def test_a_plain_name_is_a_model_and_nothing_else(name: str) -> None:
    if is_plain(name):
        assert parse(name) == Selector("one", (Branch("", name),))


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 0, "a selector is empty"),
        ("a:b||c:d", 4, "a backend and model are missing (character 5 of 'a:b||c:d', at '|c:d')"),
        ("a:|b:c", 1, "a model is missing after :"),
        (":m", 0, "a backend is missing in front of :"),
        ("a:b|c!d", 5, "| and ! cannot stand in one selector"),
        ("[wieght=3]a:b^c:d", 1, "no such annotation: 'wieght'; did you mean weight?"),
        ("[weight=3]a:b", 0, "[weight=] means something only between ^"),
        ("[weight=0]a:b^[weight=0]c:d", 0, "all weights are 0"),
        ("[first]a:b|[ttft_timeout=3]c:d", 11, "[ttft_timeout=] means something only between !"),
        ("[a:b", 0, "[ has no ]"),
        ("a:b?temprature=1", 4, "no such parameter: 'temprature'; did you mean temperature?"),
        ("a:b?temperature=3", 16, "temperature is a number from 0 to 2, not '3'"),
        ("a:b?top_k=1.5", 10, "top_k is a whole number from 1"),
        ("a:b?reasoning_effort=huge", 21, "is one of none, minimal, low, medium, high, xhigh, not 'huge'"),
        ("a:b?seed=1&seed=2", 11, "seed stands there twice"),
        ("a:b?", 3, "a parameter is missing after ?"),
        ("a.0:b", 2, "instances are counted from 1"),
        ("hybrid:[a:b]", 8, "takes two, with a comma between"),
        ("hybrid:[a:b,c:d", 14, "has no ] at its end"),
        ("hybrid:[a:b,c:d]|e:f", 16, "nothing can stand behind hybrid:[reasoner,executor]"),
        ("hybrid:[a:b,c:d] ?top_k=1", 17, "nothing can stand behind hybrid:[reasoner,executor]"),
        ("hybrid:[a:b,c:d]|hybrid:[e:f,g:h]", 16, "nothing can stand behind hybrid:[reasoner,executor]"),
        ("e:f|hybrid:[a:b,c:d]", 4, "hybrid:[reasoner,executor] stands alone"),
        ("hybrid: [a:b,c:d]", 0, "hybrid:[reasoner,executor] stands alone, with no blank"),
        ("hybird:[a:b,c:d]", 0, "hybird:[ is nothing; did you mean hybrid:[reasoner,executor]?"),
        ("Hybird:[a:b,c:d]", 0, "did you mean hybrid:[reasoner,executor]?"),
        ("hybrid:[a:b|c:d,e:f]", 11, "| cannot stand in hybrid:[ ]"),
    ],
)
def test_an_error_points_at_its_character(text: str, at: int, said: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)
    assert caught.value.at == at
    assert said in str(caught.value)


def test_signs_of_the_grammar_are_spelled_with_percent() -> None:
    with pytest.raises(SelectorError, match="not 'a!b'"):
        parse("a:b?verbosity=a%21b")


def test_the_nearest_name_is_found_in_any_case() -> None:
    assert nearest("OpenAi", ["openai", "anthropic"]) == "openai"
    assert nearest("zzz", ["openai", "anthropic"]) == ""
