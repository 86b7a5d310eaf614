"""One object, member by member."""

from __future__ import annotations

import pytest

from backstory.errors import DocumentError
from backstory.wires.translation.fields import Fields


def test_of_two_names_the_first_that_is_there_counts_and_both_are_gone() -> None:
    fields = Fields(b'{"a":null,"b":"x","c":"y"}')
    assert fields.text("a", "b", "c") == "x"
    assert fields.rest() == ()


def test_numbers_may_be_strings() -> None:
    fields = Fields(b'{"n":"12","f":"0.5","g":7}')
    assert (fields.count("n"), fields.number("f"), fields.count("g")) == (12, 0.5, 7)


def test_what_nobody_took_is_told_by_its_place() -> None:
    fields = Fields(b'{"a":{"b":1,"c":2},"d":null,"e":3}')
    inner = fields.inner("a")
    assert inner is not None
    inner.count("b")
    inner.done()
    fields.done("e")
    assert [*fields.unread] == ["a.c"]


@pytest.mark.parametrize("raw", [b'{"a":1,"a":2}', b"[]", b'"a"', b""])
def test_what_can_be_read_in_two_ways_or_none_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        Fields(raw)


def test_an_answer_is_read_for_what_it_has() -> None:
    fields = Fields(b'{"a":1,"a":2,"b":"x","c":[1,{"d":4}],"e":7}', lenient=True)
    assert (fields.count("a"), fields.count("b"), fields.inner("e")) == (2, None, None)
    assert [one.count("d") for one in fields.objects("c")] == [4]


def test_another_type_is_told_with_its_place() -> None:
    fields = Fields(b'{"a":{"b":"x"}}').inner("a")
    assert fields is not None
    with pytest.raises(DocumentError, match=r"^a\.b: "):
        fields.count("b")
