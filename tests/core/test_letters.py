"""A half letter becomes U+FFFD in as many bytes; nothing else changes, and nothing moves."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.letters import whole

UNITS = st.lists(st.sampled_from(["\ud83d", "\ude00", "\U0001f600", "a", "\\", '"', "\n", "é", "\\ud83d"])).map("".join)


@given(UNITS)
def test_half_letters_are_lost_and_whole_ones_stay(text: str) -> None:
    raw = json.dumps(text).encode()
    made = whole(raw)
    assert len(made) == len(raw)
    read = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(made) == read
    assert (made is raw) == (read == json.loads(raw))
