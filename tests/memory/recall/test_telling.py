"""What somebody did is told from what they think, wish or ask."""

from __future__ import annotations

import pytest

from backstory.memory.recall.telling import tells


@pytest.mark.parametrize(
    "text",
    ["I signed up for a course.", "Well, we just met him.", "i have finally sold it", "I'd often gone by, and we went in."],
)
def test_what_somebody_did(text: str) -> None:
    assert tells(text)


@pytest.mark.parametrize(
    "text",
    [
        "I need a course.",
        "You signed up, so good!",
        "I like it",
        "Amazing!",
        "",
        "Ich habe es gekauft.",
        "We agree, indeed.",
        "I'm excited",
    ],
)
def test_anything_else(text: str) -> None:
    assert not tells(text)
