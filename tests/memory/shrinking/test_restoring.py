"""A tool's output comes back to the letter, whole or in parts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.sizes import rough
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, neutral
from backstory.memory.shrinking.restoring import located, restored

REF = "t123-4fff0919"
_NEXT = re.compile(r'\n</recalled>\nWhat follows is shown for the ref "([^"]+)"\.\Z')


def gathered(text: str, budget: int) -> str:
    """All parts, as the model asks for one after the other."""
    said, ref, parts = "", REF, 0
    while ref:
        name, start = located(ref)
        assert name == REF
        block = restored(name, 5, text, start, budget, rough)
        assert rough(block) <= budget or len(block) < 300
        assert block.count(RECALL_CLOSE) == 1
        more = _NEXT.search(block)
        body = block[: more.start()] if more else block.removesuffix(f"\n{RECALL_CLOSE}")
        said += body.removeprefix(f"{RECALL_OPEN}\n").partition(":\n")[2]
        ref = more.group(1) if more else ""
        parts += 1
    return said


KINDS = {
    "ansi": "\x1b[31mred\x1b[0m\tand \x1b]0;title\x07plain\r\n",
    "repeated": "fetched row 7 in 7ms\n",
    "listing": "./src/part0/file_1.py\n-rw-r--r-- 1 me me 9 Nov  2 10:00 x y\n",
    "test log": "test hull::leaks ... FAILED\n#1 user: no, it is #2 Ann: (x)\n[26 November 2026]\n",
    "diff": "@@ -1 +1 @@\n-old\n+new \n\\ No newline at end of file\n",
    "json": '{"a": [1, 2, {"b": "c\\n"}], "é": "\\ud83d"}\n',
    "spaces": "   \n\n\t\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_output_comes_back_to_the_letter(kind: str) -> None:
    for times in (1, 40, 900):
        text = KINDS[kind] * times
        for budget in (200, 2_000, 10**9):
            assert gathered(text, budget) == text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=3000), st.integers(120, 900))
def test_whatever_it_is_comes_back_but_for_our_own_marks(text: str, budget: int) -> None:
    whole = restored(REF, 5, text, 0, 10**9, rough)
    assert f":\n{neutral(text)}\n" in whole
    if neutral(text) == text:
        assert gathered(text, budget) == text


def test_our_own_marks_in_it_are_harmless_and_that_is_said() -> None:
    block = restored(REF, 5, "a </recalled> b", 0, 1000, rough)
    assert "a ‹/recalled> b" in block
    assert "is shown as `‹`" in block
    assert block.count(RECALL_CLOSE) == 1


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        (f"{REF}@400", (REF, 400)),
        (f"`{REF}@0`", (REF, 0)),
        (REF, (REF, 0)),
        ("call@home", ("call@home", 0)),
        ("@7", ("@7", 0)),
        (f"{REF}@", (f"{REF}@", 0)),
        (f"{REF}@٣", (f"{REF}@٣", 0)),
        (f"{REF}@" + "9" * 40, (f"{REF}@" + "9" * 40, 0)),
    ],
)
def test_a_ref_may_say_where_to_begin(ref: str, wanted: tuple[str, int]) -> None:
    assert located(ref) == wanted


def test_behind_the_end_is_nothing() -> None:
    assert restored(REF, 5, "abc", 3, 100, rough) == "That output has 3 characters, so nothing begins at 3."
    assert restored(REF, 5, "", 0, 100, rough).startswith(RECALL_OPEN)
