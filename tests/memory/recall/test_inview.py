"""Of a long turn only what is in view is left out of the next recall."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backstory.core.tokens import count
from backstory.memory.recall.index import Index
from backstory.memory.recall.inview import Seen, in_view
from backstory.memory.recall.retrieval import Recalled, block, recall
from tests.growth import MOST, growth
from tests.memory.chats import indexed, turn

NOW = 1_700_000_000.0
ABOUT = (
    "the harbour at dawn",
    "old sailing charts",
    "a broken printer",
    "the summer party",
    "rye bread",
    "a late train",
    "green umbrellas",
)


def report(valves: int = 60) -> str:
    """A text of many pieces."""
    sections = (f"Section {at} is about {ABOUT[at % 7]}. The tolerance of valve V-{at} is {at * 37} microns." for at in range(valves))
    return f"Here is the report. {' '.join(sections)}"


def history(text: str) -> Index:
    return indexed([turn(1, "Good morning!"), turn(2, text, arrived=NOW), turn(3, "Thank you.", "assistant"), turn(4, "Yes, the valves.")])


def ask(index: Index, question: str, seen: Seen, budget: int = 330, carried: frozenset[int] = frozenset()) -> Recalled:
    return recall(index, question, budget_tokens=budget, carried=carried, now=NOW, min_score=0.3, count=count, seen=seen)


def test_each_piece_is_found_while_another_is_in_view() -> None:
    index = history(report())
    blocks: list[str] = []
    for valve in (8, 51, 29, 40):
        partly, seen = in_view(index, {2}, blocks)
        assert partly == {2}
        found = ask(index, f"What is the tolerance of valve V-{valve}?", seen)
        assert f"valve V-{valve} is" in block(found)
        blocks.append(block(found))
    said = "\n".join(blocks)
    assert all(said.count(f"valve V-{valve} is") <= 1 for valve in range(60)), "nothing goes up twice"


def test_what_is_in_view_is_not_found_nor_what_has_less_of_the_question() -> None:
    index = history(report())
    question = "What is the tolerance of valve V-8?"
    first = block(ask(index, question, {}, 300))
    assert "valve V-8 is" in first
    _, seen = in_view(index, {2}, [first])
    assert seen
    assert not [item for item in ask(index, question, seen).items if item.turn == 2]


def test_a_turn_of_one_unit_and_one_that_is_all_there_are_not_opened() -> None:
    index = history(report(20))
    whole = block(ask(index, "What is the tolerance of the valves?", {}, 4000))
    assert in_view(index, {2}, [whole]) == (set(), {})
    assert in_view(index, {1, 3, 4, 99}, [whole]) == (set(), {})


def test_of_an_excerpt_only_its_sentences_are_in_view() -> None:
    index = history(report())
    blocks: list[str] = []
    for valve in (29, 28, 30, 27):
        partly, seen = in_view(index, {2}, blocks)
        found = ask(index, f"What is the tolerance of valve V-{valve}?", seen, 70)
        assert f"valve V-{valve} is" in block(found)
        assert "(...)" in block(found)
        blocks.append(block(found))
    said = "\n".join(blocks)
    assert all(said.count(f"valve V-{valve} is") <= 1 for valve in range(60)), "nothing goes up twice"
    partly, seen = in_view(index, {2}, blocks)
    assert partly == {2}
    assert "V-26" in block(ask(index, "What is the tolerance of valve V-26?", seen, 600)), "a large room shows no more than what is new"
    assert "V-29 is" not in block(ask(index, "What is the tolerance of valve V-26?", seen, 600))


def test_what_an_excerpt_left_out_of_a_turn_of_one_unit_is_found() -> None:
    text = f"The ferry leaves at nine. {' '.join(f'We spoke about {about} for a long while.' for about in ABOUT)} The lighthouse is closed."
    index = indexed([turn(1, text, arrived=NOW), turn(2, "Noted.", "assistant")])
    first = block(ask(index, "When does the ferry leave?", {}, 60))
    assert "at nine" in first
    assert "lighthouse" not in first
    partly, seen = in_view(index, {1}, [first])
    assert partly == {1}
    second = block(ask(index, "Is the lighthouse closed?", seen, 60))
    assert "The lighthouse is closed." in second
    assert "at nine" not in second
    assert in_view(index, {1}, [first.replace(" (...)", "")])[0] == set(), "without a mark it is all that is shown of it"


def test_lines_of_a_transcript_that_are_not_in_view_are_found() -> None:
    talk = "Ann: The harbour opens at seven.\nBen: The ferry costs nine euros.\nAnn: Yes.\nBen: The lighthouse was built in 1871."
    index = indexed([turn(1, talk, arrived=NOW), turn(2, "Noted.", "assistant")])
    first = block(ask(index, "What does the ferry cost?", {}, 42))
    assert "nine euros" in first
    assert "1871" not in first
    partly, seen = in_view(index, {1}, [first])
    assert partly == {1}
    text = block(ask(index, "When was the lighthouse built?", seen))
    assert "1871" in text
    assert "nine euros" not in text


@settings(max_examples=60, deadline=None)
@example(["\n>", ""], 178)
@example(["\n>\n", "\n\n"], 58)
@given(st.lists(st.text("ab #1.\n<[>", max_size=90), min_size=2, max_size=8), st.integers(40, 600))
def test_whatever_a_block_shows_is_in_view(parts: list[str], budget: int) -> None:
    text = "\n\n".join(f"harbour {part} ferry {'sea ' * 150}." for part in parts)
    index = indexed([turn(1, text, arrived=NOW)])
    found = ask(index, "Where is the harbour ferry on the sea?", {}, budget)
    partly, seen = in_view(index, {1}, [block(found)])
    assert partly <= {1}
    if found.basis is not None and partly:
        assert set(found.basis.places) <= set(seen)


def test_the_time_of_a_block_grows_with_its_length_whatever_stands_in_it() -> None:
    def work(size: int) -> Callable[[], object]:
        index = history(f"one{' ' * size}two")
        said = f"<recalled>\nEarlier in this conversation:\n#2 Ann: one{' ' * size}two (...)\n</recalled>"
        return lambda: in_view(index, [2], [said])

    assert growth(work, 20_000) < MOST
