"""Only what memory wrote is taken off a client's text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.reading.ours import without

BLOCK = "<recalled>\nEarlier in this conversation:\n#1 User: the code is 7\n</recalled>"


def test_a_block_of_ours_goes_and_one_like_it_stays() -> None:
    assert without(f"What is it?\n\n{BLOCK}", [BLOCK]) == "What is it?"
    for text in ("<digest>The revenue was 5 million.</digest>\nKeep that.", BLOCK.replace("7", "8"), "plain"):
        assert without(text, [BLOCK, ""]) == text


@given(st.text(alphabet="ab <>/recalled\n", max_size=60))
def test_what_is_not_ours_is_kept_to_the_letter(text: str) -> None:
    assert without(text, [BLOCK]) == text
    assert without(f"{text}{BLOCK}", [BLOCK]) == text.strip()
