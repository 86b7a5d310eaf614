"""A thread is found by where it ends, and nowhere else."""

from __future__ import annotations

from backstory.stages.ends import Ends


def test_a_thread_is_where_it_was_put_last() -> None:
    ends = Ends()
    ends.put("a", b"1")
    ends.put("b", b"1")
    assert list(ends.there(b"1")) == ["b", "a"]
    ends.put("a", b"2")
    assert list(ends.there(b"1")) == ["b"]
    assert list(ends.there(b"2")) == ["a"]
    assert len(ends) == 2
    ends.leave("b")
    ends.leave("b")
    assert list(ends.there(b"1")) == []
    ends.clear()
    assert (len(ends), list(ends.there(b"2"))) == (0, [])
