"""What is kept of why: places and sizes, never text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.edits import AddTools, AppendText, DropMessages, PrependText, PutMessage, SetText, StrikeText
from backstory.memory.recall.reasons import Change, Left, Reason, Search, Told, changes, pack, span, unpack


def test_a_trace_comes_back_as_it_went_in() -> None:
    told = Told(
        10,
        20,
        "ab",
        3,
        4,
        Search(5, 0.5, "weak", 100, 50, ("blue",)),
        (Reason(1, 2, "Ann", 3.0, 4, 5, 0.5, {"words": 0.5}, ("blue",), "pinned"),),
        (Left(1, 2, "no room", 0.1),),
        (Change("fold", 0, -9, 4), Change("block", 5, 7, chain="ab")),
        ("recall: something",),
    )
    assert unpack(pack(told)) == told
    assert len(pack(Told())) < 5, "nothing costs nothing"


@given(st.text(), st.text(min_size=1), st.text())
def test_a_span_is_where_the_piece_stands(before: str, piece: str, after: str) -> None:
    text = before + piece + after
    start, end = span(text, piece)
    assert text[start:end] == piece
    assert span(text, piece, len(before))[0] == len(before)


def test_a_span_of_what_is_not_there_is_none() -> None:
    assert span("abc", "x") == (0, 0)
    assert span("abc", "") == (0, 0)


def test_edits_are_told_with_their_sizes() -> None:
    items = [b"x" * 10, b"y" * 20, b"z" * 30]
    found = changes(
        [
            ("identify", StrikeText(("messages", 2, "content"), "mark")),
            ("recall", DropMessages(0, 2)),
            ("recall", PrependText(2, "digést")),
            ("recall", AppendText(2, "old")),
            ("recall", AppendText(4, "new")),
            ("shrink", PutMessage(1, b"[short]")),
            ("shrink", SetText(("messages", 2, "content", 0), "[cut]")),
            ("erase", SetText(("messages", 2, "content", 0), "[cut]")),
            ("paging", AddTools((b"{}", b"[1]"))),
        ],
        items,
        "new",
        {"old": "aa", "new": "bb"},
        lambda at: 1000 if at == ("messages", 2, "content", 0) else 0,
    )
    assert found == (
        Change("marker", 2, -4),
        Change("fold", 0, -30, 2),
        Change("digest", 2, 7),
        Change("earlier block", 2, 3, chain="aa"),
        Change("block", 4, 3, chain="bb"),
        Change("stub", 1, -13),
        Change("stub", 2, -995),
        Change("other", 2, -995),
        Change("tools", 0, 5),
    )
