"""A digest quotes; it never rewords, and keeps its budget."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.tokens import count, estimate
from backstory.memory.folding.digest import Reader, digest
from tests.growth import MOST, growth
from tests.memory.chats import chat, turn

_LINE = re.compile(r"#(\d+) ([^:]+): (.*)", re.DOTALL)


def quoted(text: str) -> list[tuple[int, str, str]]:
    found = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            found.append((int(match[1]), match[2], match[3]))
        else:
            assert re.fullmatch(r"\[\d{1,2} \w+ \d{4}\]", line), line
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 900), st.integers(1, 66))
def test_sentences_are_verbatim_in_their_turns_and_within_the_budget(budget: int, upto: int) -> None:
    turns = chat()[:upto]
    text = digest(turns, budget, count)
    assert count(text) <= budget
    for number, speaker, sentence in quoted(text):
        assert turns[number - 1].text.startswith(speaker + ": ") or (speaker in ("User", "Assistant") and upto < 4)
        assert sentence in turns[number - 1].text


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 66), st.sets(st.integers(0, 65), max_size=2)), min_size=1, max_size=4))
def test_what_was_read_before_changes_no_digest(runs: list[tuple[int, set[int]]]) -> None:
    """Runs that grow, shrink, and have lost turns."""
    reader = Reader()
    for upto, lost in runs:
        turns = [one for at, one in enumerate(chat()[:upto]) if at not in lost]
        assert reader.digest(turns, 400, count) == digest(turns, 400, count)
        assert reader.already(turns) == len(turns)


def test_only_what_is_new_is_read() -> None:
    """Work is told by the breaths that it takes: at least two for each turn that is read."""
    reader, turns = Reader(), chat()
    new, all_of_it = list[None](), list[None]()
    reader.digest(turns[:50], 400, count)
    assert reader.already(turns) == 50
    reader.digest(turns[:51], 400, count, lambda: new.append(None))
    digest(turns[:51], 400, count, lambda: all_of_it.append(None))
    assert len(new) <= len(all_of_it) - 2 * 50
    assert reader.already([*turns[:20], turn(999, "Another way."), *turns[21:]]) == 20


def test_facts_come_before_talk() -> None:
    text = digest(chat(), 300, count)
    facts = (
        "40,000",
        "5 April",
        "2,300",
        "November",
        "Berlengas",
        "forty",
        "1 July",
        "allerg",
        "insurance",
        "accordion",
        "300 rye",
        "exam",
    )
    assert sum(fact in text for fact in facts) >= 4
    assert "Bravo!" not in text
    assert "Morning!" not in text


def test_a_digest_covers_the_whole_run() -> None:
    numbers = [number for number, _, _ in quoted(digest(chat(), 400, count))]
    assert numbers == sorted(numbers)
    for low, high in ((1, 18), (19, 38), (39, 66)):
        assert any(low <= number <= high for number in numbers)


def test_numbers_go_on_from_the_place_of_the_first_turn() -> None:
    numbers = [number for number, _, _ in quoted(digest(chat()[30:], 200, count))]
    assert numbers
    assert min(numbers) > 30


def test_nothing_to_say_is_an_empty_digest() -> None:
    assert digest([], 500, count) == ""
    assert digest([turn(1, "ok"), turn(2, "yes!", role="assistant")], 500, count) == ""
    assert digest(chat(), 5, count) == ""


def test_tool_output_and_code_are_not_quoted() -> None:
    turns = [
        turn(1, "total 48 drwxr-xr-x secrets folder listing 2024", role="tool", kind="tool"),
        turn(2, "We decided to keep the secrets in the vault.\n```\nsecret_value = fetch(vault, 42)\n```", role="assistant"),
    ]
    text = digest(turns, 500, count)
    assert "drwx" not in text
    assert "fetch" not in text
    assert "vault." in text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=150), max_size=8), st.integers(0, 200))
def test_any_turns_keep_the_budget(texts: list[str], budget: int) -> None:
    assert count(digest([turn(number, text) for number, text in enumerate(texts, 1)], budget, count)) <= budget


def test_names_are_not_cut_at_the_points_of_short_forms() -> None:
    text = (
        "The dentist appointment is on Monday at 10:00 with Dr. Okonkwo. Mr. Hulst pays 40 euros for it. The room is no. 17 in the St. Jans"
        " hospital. The taxi leaves at 9 a.m. Then the nurse Petra comes."
    )
    said = [sentence for _, _, sentence in quoted(digest([turn(1, text, sender="Ann")], 400, count))]
    assert said == [
        "The dentist appointment is on Monday at 10:00 with Dr. Okonkwo.",
        "Mr. Hulst pays 40 euros for it.",
        "The room is no. 17 in the St. Jans hospital.",
        "The taxi leaves at 9 a.m.",
        "Then the nurse Petra comes.",
    ]


def numbered(sentences: int) -> Callable[[], object]:
    pasted = turn(1, " ".join(f"word{number} lorem ipsum number {number * 7}." for number in range(sentences)))
    budget = int(0.12 * estimate(pasted.text))
    return lambda: digest([pasted], budget, estimate)


def test_a_pasted_text_takes_time_in_proportion_however_alike_its_sentences_are() -> None:
    assert growth(numbered, 8_000) < MOST


def test_where_many_sentences_are_as_good_those_chosen_are_still_the_better_ones() -> None:
    lines = [f"Row {number} of the list was counted as {number * 7} units." for number in range(3_000)]
    lines[2_000] = "We decided that Petra must pay the deposit of 900 euros to Okonkwo before 5 April."
    text = digest([turn(1, "\n".join(lines))], 3_000, estimate)
    assert "Petra must pay" in text
    assert len(set(text.splitlines())) == len(text.splitlines()) > 50
