"""What a search shows of what recall brings."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.embedding import Trust
from backstory.core.records import Turn
from backstory.memory.recall.associations import asked_concepts, concepts
from backstory.memory.recall.hits import Row, hits, lacking, passage, shortened
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness
from backstory.memory.recall.retrieval import Recalled, recall
from backstory.memory.recall.units import Carry, units
from backstory.memory.text import terms

NOW = 1_790_000_000.0
DAY = 86_400.0
FILLER = (
    "I finished the docstring of the parser yesterday, and I told Piotr that it took two hours.",
    "What does the parser return when the caller gives it nothing?",
    "An empty list; the caller relies on that, and the tests at line 214 say so.",
    "Thanks, that worked.",
)
SAID = {
    20: "Lena's on call this week, Piotr next week.",
    40: "The flaky test is test_pickup_window, around midnight.",
    60: "Backups run at 02:30 with pgBackRest, retention is 14 days.",
    80: "Kontor has a rate limit of 50 requests per minute.",
    82: "Correction: Kontor's limit is 80 requests per minute.",
}


def talk(said: dict[int, str] = SAID, size: int = 120) -> Index:
    """A conversation of a few turns a day in which nearly everything is much the same."""
    index = Index()
    turns = [
        Turn(place + 1, "c", 0, place, b"", b"", ("user", "assistant")[place % 2], "spoken", said.get(place, FILLER[place % 4]), at=at)
        for place in range(size)
        if (at := NOW + DAY * (place // 6) + 300.0 * (place % 6))
    ]
    index.add(units(turns, 1, Carry()))
    return index


def searched(words: str, index: Index | None = None) -> list[Row]:
    found = recall(
        talk() if index is None else index,
        words,
        budget_tokens=3000,
        carried=(),
        now=NOW + 40 * DAY,
        min_score=0.0,
        count=len,
        search=True,
    )
    return hits(found, words)


def direct(words: str) -> list[int]:
    """Numbers of the turns that speak of it, the best first."""
    rows = [one for one in searched(words) if one.direct]
    return [one.number for one in sorted(rows, key=lambda one: -one.worth)]


def test_a_search_shows_what_has_its_words_and_not_what_fills_the_room() -> None:
    assert direct("backups") == [61]
    assert direct("flaky test") == [41]
    assert sorted(direct("Kontor rate limit")) == [81, 83]
    assert direct("Kontor rate limit")[0] == 81


def test_a_phrase_counts_more_than_its_words_in_another_form() -> None:
    assert direct("on call rota")[0] == 21


def test_what_nobody_spoke_of_is_not_found() -> None:
    assert not searched("zeppelins over Patagonia")
    assert hits(Recalled(()), "backups") == []


def test_what_is_found_comes_in_order_with_what_stands_beside_it() -> None:
    rows = searched("Kontor rate limit")
    numbers = [one.number for one in rows]
    assert numbers == sorted(set(numbers))
    assert all(78 <= number <= 86 for number in numbers)
    weak = [one.worth for one in rows if not one.direct]
    assert max(weak, default=-1.0) < min(one.worth for one in rows if one.direct)


def test_the_answer_to_a_question_that_has_the_words_comes_with_it() -> None:
    said = SAID | {30: "Which library did we pick for tickets?", 31: "Prawn, since it needs no browser."}
    rows = {one.number: one for one in searched("tickets", talk(said))}
    assert rows[31].direct
    assert rows[32].text.startswith("Prawn")
    assert rows[32].direct
    assert rows[32].worth < rows[31].worth


def test_what_is_near_in_meaning_is_found_without_a_word_and_what_is_not_is_not() -> None:
    nearness, index = Nearness(), talk()
    nearness.add(range(len(index.turns)), [bytes([100, 5, 1]) if index.turns[place] == 61 else bytes([1, 5, 100]) for place in range(120)])
    for enough, expected in ((0.5, [61]), (0.0, [])):
        asked = Asked(nearness, bytes([100, 0, 1]), Trust(1.0, enough))
        found = recall(
            index, "copies of safekeeping", budget_tokens=3000, carried=(), now=NOW, min_score=0.0, count=len, asked=asked, search=True
        )
        assert [one.number for one in hits(found, "copies of safekeeping") if one.direct] == expected


def test_of_a_day_that_is_asked_about_all_is_an_answer() -> None:
    day = datetime.fromtimestamp(NOW + 3 * DAY, UTC).strftime("%Y-%m-%d")
    rows = searched(f"on {day}")
    assert {one.number for one in rows} <= set(range(19, 25))
    assert any(one.number == 21 for one in rows)


def test_the_words_that_none_has_are_known() -> None:
    rows = [Row(1, "Ann", NOW, "We tested the parsers.")]
    assert lacking(rows, "the parser test of the unicorn") == ["unicorn"]
    assert lacking([], "unicorn") == []


def test_of_a_long_text_the_part_with_the_words_is_shown() -> None:
    text = "Nothing of note here. " * 200 + "The locker code is tangerine-4711, said Ann. " + "And so it went on. " * 200
    shown = passage(text, "code of the locker", 200)
    assert "tangerine-4711" in shown
    assert shown.startswith("(...) ")
    assert shown.endswith(" (...)")
    assert passage("short", "locker", 200) == "short"
    (row,) = shortened([Row(1, "Ann", NOW, text)], "locker", 200)
    assert "tangerine-4711" in row.text


@given(st.text(max_size=400), st.text(max_size=30), st.integers(20, 200))
def test_a_passage_is_verbatim_and_no_longer_than_asked(text: str, asked: str, most: int) -> None:
    shown = passage(text, asked, most)
    inside = shown if len(text) <= most else shown.removeprefix("(...) ").removesuffix(" (...)")
    assert inside in text
    assert len(inside) <= most


@given(st.lists(st.sampled_from([*SAID.values(), *FILLER]), min_size=1, max_size=30), st.sampled_from(sorted(SAID)))
def test_every_turn_that_is_called_a_hit_shares_a_word(said: list[str], place: int) -> None:
    index = talk(dict(enumerate(said)), len(said))
    asked = SAID[place]
    rows = searched(asked, index)
    named = {concept for term in terms(asked) for concept, head in asked_concepts(term) if head} | set(terms(asked))
    for one in rows:
        answers = one.number > 1 and "?" in index.texts[one.number - 2]
        assert not one.direct or answers or named.intersection(terms(one.text) + concepts(terms(one.text)))
    if asked in said:
        assert any(one.text == asked and one.direct for one in rows), "whatever else there is, the very words are found"


def test_what_somebody_told_of_themselves_is_found_without_a_word_of_the_question() -> None:
    index = talk(SAID | {10: "Hi, I'm Marta and I work as a welder.", 12: "What is the name of that moon?"})
    for question in ("who am I", "what do you know about me", "wie hei\u00dfe ich", "what is my name"):
        assert [one.number for one in searched(question, index) if one.direct][:1] == [11], question
    assert 13 not in [one.number for one in searched("what is my name", index)]


def test_a_word_that_only_frames_questions_is_looked_for_where_it_is_all_there_is() -> None:
    index = talk(SAID | {12: "What is the name of that moon?"})
    assert 13 in [one.number for one in searched("name", index) if one.direct]
    assert searched("of the", index) == []
