"""What the tongues share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.wires.translation.tongue import unwrapped, wrapped


@given(st.text())
def test_free_text_comes_out_of_the_arguments_that_hold_it(text: str) -> None:
    assert unwrapped(wrapped(text)) == text


@pytest.mark.parametrize("given_", ['{"code":"ls -l"}', '{"input":"ls","cwd":"/tmp"}', '{"input":7}', "ls -l", '["ls"]', ""])
def test_arguments_of_another_form_are_the_text_themselves(given_: str) -> None:
    assert unwrapped(given_) == given_


@pytest.mark.parametrize("nothing", ["{}", '{"input":null}', '{"input":""}'])
def test_a_call_without_a_word_has_none(nothing: str) -> None:
    assert unwrapped(nothing) == ""
