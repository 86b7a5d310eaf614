"""Recalled text cannot break out of its fence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory import fence
from backstory.memory.marker import find, marker

_PIECES = st.lists(
    st.sampled_from(
        ["<", "/", "recalled", "digest", ">", " ", "a", fence.RECALL_CLOSE, fence.DIGEST_OPEN, "<!-- vc:conversation=", "</ recalled>"]
    )
)


@given(_PIECES)
def test_neutral_text_has_no_fence_and_stays_neutral(pieces: list[str]) -> None:
    text = fence.neutral("".join(pieces))
    lowered = text.lower()
    assert not any(tag in lowered for tag in (fence.RECALL_OPEN, fence.RECALL_CLOSE, fence.DIGEST_OPEN, fence.DIGEST_CLOSE, "<!-- vc:"))
    assert fence.neutral(text) == text


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u00a0", "\u2003", "\u200b", "\ufeff"])
def test_no_blank_within_a_fence_lets_it_through(blank: str) -> None:
    for tag in ("<{}/recalled>", "</{}recalled>", "<{}/{}digest>", "<{}recalled>", "<digest{}>", "<{}RECALLED{}>", "<{}recalled id=1>"):
        forged = tag.replace("{}", blank)
        assert fence.neutral(f"a {forged} b") == f"a {forged.replace('<', '‹')} b"


def test_neutral_leaves_other_text_alone() -> None:
    for text in ("a < b", "a </ b recalled", "<div>recalled</div>", "the <recalledX> tag", "plain"):
        assert fence.neutral(text) == text


def test_a_marker_in_recalled_text_names_nothing() -> None:
    assert find(fence.neutral("x" + marker("0f8fad5b-d9cb-469f-a165-70867728950e"))) is None
