"""Sentences are spans of what their author said in his own words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.reading.sentences import sentences
from tests.memory.facts.test_extraction import told


def own(text: str, role: str = "user") -> list[str]:
    return [text[one.start : one.end] for one in sentences(told(text, role))]


def test_sentences_end_where_they_end() -> None:
    assert own("I like it. Do you? Yes!  Dr. Lee said 3.5 is fine, e.g. for v1.2. 好的。谢谢！") == [
        "I like it.",
        "Do you?",
        "Yes!",
        "Dr. Lee said 3.5 is fine, e.g. for v1.2.",
        "好的。",
        "谢谢！",
    ]
    assert own("- one thing here\n* another thing\n3. a third thing\n## And a heading") == [
        "one thing here",
        "another thing",
        "a third thing",
        "And a heading",
    ]


def test_what_is_in_a_block_is_nobodys() -> None:
    text = "before it\n```py\ninside\n```\nafter it\n<doc>\ninside\n\n</doc>\nlast of all\n<br>\nthe very last"
    assert own(text) == ["before it", "after it", "last of all", "the very last"]
    assert own("<recalled>\nnever closed\nat all") == []
    assert own("one <b>bold</b> word") == ["one <b>bold</b> word"]


def test_speakers_are_those_the_text_names() -> None:
    said = list(sentences(told("Ann: one thing\nand more\nBob: another")))
    assert [(one.author, one.named) for one in said] == [("Ann", True), ("Ann", True), ("Bob", True)]
    said = list(sentences(told("just a remark\nBob: another", role="assistant")))
    assert {one.author for one in said} == {"assistant"}
    assert next(sentences(told("Deadline: tomorrow morning"))).author == "user"
    assert next(sentences(told("Port: 8080"))).author == "user"


def test_questions_and_quotations_state_nothing() -> None:
    assert [one.states for one in sentences(told('Is it so? It is. "It was," she said. 是吗？'))] == [False, True, False, False]


@given(st.text(max_size=400), st.sampled_from(["user", "assistant"]))
def test_sentences_of_any_text_are_in_order_and_in_bounds(text: str, role: str) -> None:
    last = 0
    for one in sentences(told(text, role)):
        assert last <= one.start < one.end <= len(text)
        assert "\n" not in text[one.start : one.end]
        last = one.end
