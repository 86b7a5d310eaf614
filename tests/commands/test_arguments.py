"""What stands between a command's brackets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.commands.arguments import pairs

READ = {
    "": [],
    " , ,": [],
    "key": [("", "key")],
    "a, b": [("", "a"), ("", "b")],
    "name=r, policy = km": [("name", "r"), ("policy", "km")],
    "Max-Tokens=5": [("max_tokens", "5")],
    "name=r,prov:far?temperature=0.2": [("name", "r"), ("", "prov:far?temperature=0.2")],
    'model="a:x, or so"': [("model", "a:x, or so")],
    "model=[weight=3]a:x^[weight=1]b:y, top_p=1": [("model", "[weight=3]a:x^[weight=1]b:y"), ("top_p", "1")],
    "model=hybrid:[a:x,b:y]": [("model", "hybrid:[a:x,b:y]")],
    "stop='": [("stop", "'")],
    "a=)b,c=1": [("a", ")b"), ("c", "1")],
    "a==b": [("a", "=b")],
}


@pytest.mark.parametrize("text", READ)
def test_names_and_values_are_told_apart(text: str) -> None:
    assert pairs(text) == READ[text]


@given(st.lists(st.tuples(st.sampled_from(["name", "top_p", "x-y"]), st.text("ab:/.|=0", min_size=1, max_size=8)), max_size=5))
def test_what_is_written_is_read(given: list[tuple[str, str]]) -> None:
    text = ", ".join(f"{name}={value}" for name, value in given)
    assert pairs(text) == [(name.replace("-", "_"), value) for name, value in given]


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert all(name == name.lower() for name, _ in pairs(text))
