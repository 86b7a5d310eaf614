"""The folded part of a conversation by its segments."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Segment
from backstory.core.sizes import rough
from backstory.memory.recall import topics
from backstory.memory.recall.hits import Row

NOW = datetime(2024, 5, 20, 12, tzinfo=UTC).timestamp()
NUMBERS = {turn: turn - 99 for turn in range(100, 200)}


def segment(number: int, digest: str, *tags: str) -> Segment:
    first = 100 + 2 * number
    return Segment(number, "c", first, first + 1, tags, digest, 5, NOW, NOW)


def test_segments_are_found_by_their_tags_first() -> None:
    found = topics.about([segment(1, "boats", "weather"), segment(0, "#1 Ann: sailing", "boats")], "boats")
    assert [one.id for one in found] == [0, 1]
    assert topics.about([segment(1, "rain", "weather")], "boats") == []
    assert topics.outline(found[0], NUMBERS) == "[#1 to #2, 20 May 2024, boats] #1 Ann: sailing"


def test_a_word_that_every_segment_has_does_not_make_a_topic() -> None:
    known = [segment(number, f"#{2 * number + 1} Ann: The tests of module {number} pass.") for number in range(9)]
    known.append(segment(9, "#19 Ann: The flaky test fails at midnight."))
    assert [one.id for one in topics.about(known, "flaky test")] == [9]


def test_a_segment_whose_digest_lacks_the_thing_is_found_by_its_turns_and_shows_them() -> None:
    known = [segment(0, "#1 Ann: Rain."), segment(1, "#3 Ann: Sun."), segment(2, "#5 Ann: Snow.")]
    row = Row(4, "Bob", NOW, "Backups run at half past two.", 1.0)
    (found,) = topics.about(known, "backups", [row], NUMBERS)
    assert found.id == 1
    assert topics.outline(found, NUMBERS, [row]).splitlines() == [
        "[#3 to #4, 20 May 2024] #3 Ann: Sun.",
        "#4 Bob: Backups run at half past two.",
    ]


def test_the_day_of_a_segment_is_told_once() -> None:
    assert topics.outline(segment(0, "[20 May 2024]\n#1 Ann: Rain."), NUMBERS) == "[#1 to #2, 20 May 2024] #1 Ann: Rain."


def test_an_outline_leaves_out_what_is_said_again_and_again() -> None:
    names = ("Hedwig", "Ottilie", "Kunigunde", "Walburga")
    known = [segment(number, f"#{2 * number + 1} Ann: Run the tests before you merge.") for number in range(4)]
    spoken = [
        [Row(2 * at + 1, "Ann", NOW, "Run the tests before you merge."), Row(2 * at + 2, "Bob", NOW, f"Berth {name} is taken.")]
        for at, name in enumerate(names)
    ]
    lines, left = topics.outlined(known, spoken, NUMBERS, 240, len)
    assert not any("Run the tests" in text for text in lines)
    assert all(any(name in text for text in lines) for name in names), "the end is no worse than the beginning"
    assert left == 4
    whole, none = topics.outlined(known, spoken, NUMBERS, 10_000, rough)
    assert (len(whole), none) == (4, 0)
    assert whole[0] == "[#1 to #2, 20 May 2024] #1 Ann: Run the tests before you merge.\n#2 Bob: Berth Hedwig is taken."


def test_without_the_turns_an_outline_has_the_digests() -> None:
    known = [segment(0, "#1 Ann: Rain.\n#2 Bob: Snow fell on the whole of the town."), segment(1, "#3 Ann: Hail.")]
    assert topics.outlined(known, [[], []], NUMBERS, 1000, len)[1] == 0
    lines, left = topics.outlined(known, [[], []], NUMBERS, 75, len)
    assert (len(lines), left) == (1, 2)


def test_of_a_long_turn_the_outline_has_what_its_digest_has() -> None:
    spoken = [[Row(1, "Ann", NOW, "word " * 100), Row(2, "Bob", NOW, "thing " * 100)]]
    lines, _ = topics.outlined([segment(0, "A summary.\n#1 Ann: word.")], spoken, NUMBERS, 1000, rough)
    told = lines[0].splitlines()
    assert told[:2] == ["[#1 to #2, 20 May 2024] A summary.", "#1 Ann: word."]
    assert told[2].startswith("#2 Bob: thing thing")
    assert told[2].endswith(" (...)")


@given(st.lists(st.lists(st.text("abcde ", min_size=1, max_size=300), max_size=2), max_size=12), st.integers(0, 400))
def test_an_outline_keeps_within_its_budget_and_its_order(said: list[list[str]], budget: int) -> None:
    known = [segment(number, "") for number in range(len(said))]
    spoken = [[Row(2 * at + step + 1, "Ann", NOW, text) for step, text in enumerate(texts)] for at, texts in enumerate(said)]
    lines, left = topics.outlined(known, spoken, NUMBERS, budget, len)
    assert sum(map(len, lines)) <= budget
    numbers = [int(text.partition("Ann:")[0].strip("# ")) for mine in lines for text in mine.partition("] ")[2].splitlines()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + left == sum(map(len, said))
