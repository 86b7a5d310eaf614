"""A half letter becomes U+FFFD in as many bytes; nothing else changes, and nothing moves."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.letters import ESCAPES, LOST, whole

UNITS = st.lists(st.sampled_from(["\ud83d", "\ude00", "\U0001f600", "a", "\\", '"', "\n", "é", "\\ud83d"])).map("".join)


@given(UNITS)
def test_half_letters_are_lost_and_whole_ones_stay(text: str) -> None:
    raw = json.dumps(text).encode()
    made = whole(raw)
    assert len(made) == len(raw)
    read = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(made) == read
    assert (made is raw) == (read == json.loads(raw))


@given(
    st.lists(
        st.sampled_from([b"\\", b"u", b"d8", b"dC", b"3d", b"00", b"x", b"\n", b"\\ud83d", b"\\uDE00", b'"', b"\xff"]), max_size=40
    ).map(b"".join)
)
def test_any_bytes_are_read_one_escape_at_a_time(raw: bytes) -> None:
    assert whole(raw) == ESCAPES.sub(lambda match: LOST if match["high"] or match["low"] else match.group(), raw)
