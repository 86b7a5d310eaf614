"""Deltas add up to the reply that they are pieces of."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.message import Part, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta, Usage
from backstory.core.stream import gather

PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, st.text(min_size=1, max_size=6)),
    st.builds(Thinking, st.text(min_size=1, max_size=6), st.booleans()),
    st.builds(ToolCall, st.text(min_size=1, max_size=3), st.text(min_size=1, max_size=3), st.text(max_size=6)),
)


def pieces(index: int, part: Part) -> list[Delta]:
    """A part, letter by letter."""
    match part:
        case Text(text):
            return [TextDelta(letter, index) for letter in text]
        case Thinking(text, signed):
            return [*(ThoughtDelta(letter, index) for letter in text), ThoughtDelta("", index, signed)]
        case ToolCall(call_id, name, arguments):
            return [ToolDelta(index, call_id, name), *(ToolDelta(index, "", "", letter) for letter in arguments)]
        case _:
            raise AssertionError(part)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_pieces_in_any_mixture_give_the_parts_in_the_order_of_their_beginning(data: st.DataObject) -> None:
    parts = data.draw(st.lists(PARTS, max_size=4))
    queues = [pieces(index, part) for index, part in enumerate(parts)]
    mixed: list[Delta] = []
    begun: list[int] = []
    while any(queues):
        index = data.draw(st.sampled_from([index for index, queue in enumerate(queues) if queue]))
        mixed.append(queues[index].pop(0))
        if index not in begun:
            begun.append(index)
    assert gather(mixed).parts == tuple(parts[index] for index in begun)


def test_one_index_counts_for_each_kind_of_part_by_itself() -> None:
    deltas: list[Delta] = [TextDelta("a"), ToolDelta(0, "c", "n", "{"), ThoughtDelta("t"), TextDelta("b"), ToolDelta(0, "", "", "}")]
    assert gather(deltas).parts == (Text("ab"), ToolCall("c", "n", "{}"), Thinking("t"))


def test_head_and_end_of_a_reply_are_gathered() -> None:
    deltas: list[Delta] = [
        Started("id", ""),
        Meter(Usage(10, 1, 3, 2)),
        TextDelta("x"),
        Started("", "model"),
        Ending("length"),
        Meter(Usage(0, 7)),
    ]
    assert gather(deltas) == Reply((Text("x"),), "length", Usage(10, 7, 3, 2), "id", "model")


def test_nothing_gives_an_empty_reply_that_is_not_over() -> None:
    assert gather([]) == Reply(cut=True)


def test_a_call_without_id_and_name_is_left_out() -> None:
    assert gather([ToolDelta(1, "", "", "{}"), ToolDelta(2, "", "named", "{}")]).parts == (ToolCall("", "named", "{}"),)
