"""Scores: bounded work on long posting lists, the same order as without bounds where it matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.embedding import Trust
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness
from backstory.memory.recall.question import read
from backstory.memory.recall.reasons import Parts
from backstory.memory.recall.scoring import anchored, evidence, matches, only, pool_size, ranked, top
from tests.memory.chats import chat, indexed, seconds, turn, unit

NOW = seconds("2025-07-01 12:00")


@given(st.dictionaries(st.integers(0, 5_000), st.sampled_from([0.5, 1.0, 1.5, 2.0, 7.0]), max_size=600), st.integers(1, 40))
def test_top_is_the_head_of_the_sorted_scores(scores: dict[int, float], wanted: int) -> None:
    assert top(scores, wanted) == sorted(scores, key=lambda place: (-scores[place], place))[:wanted]


def test_a_rare_word_finds_and_a_common_one_only_adds() -> None:
    index = Index()
    index.add(unit(number, "common words " + ("rare thing" if number in (40, 90) else "")) for number in range(1, 101))
    index.add([unit(101, "rare alone")])
    found = matches(index, {"common": 1.0, "rare": 1.0}, wanted=10, most=20)
    assert set(found.scores) == {39, 89, 100}
    free = matches(index, {"common": 1.0, "rare": 1.0}, wanted=10)
    assert set(free.scores) == set(range(101))
    assert found.scores[39] == pytest.approx(free.scores[39])


def test_of_a_list_that_is_too_long_the_newest_are_looked_at() -> None:
    index = Index()
    index.add(unit(number, "common words") for number in range(1, 101))
    assert set(matches(index, {"common": 1.0}, wanted=10, most=20).scores) == set(range(80, 100))


def test_terms_that_nobody_used_match_nothing() -> None:
    assert matches(indexed(chat()), {"xyzzy": 1.0}, wanted=10).scores == {}


def test_where_the_best_may_not_be_chosen_others_come_up() -> None:
    index = Index()
    index.add(unit(number, "apple " * (20 if number <= 10 else 1)) for number in range(1, 41))
    found = matches(index, {"appl": 1.0}, wanted=5)
    assert set(found.best) <= set(range(10))
    assert set(only(found, lambda place: place >= 10, 5).best) <= set(range(10, 40))
    assert len(only(found, lambda place: place >= 10, 5).best) == 5


def test_evidence_is_the_share_of_what_was_asked() -> None:
    index = indexed(chat())
    query = read(index, "oven door seal", NOW)
    assert evidence(index, query, matches(index, query.weights, 50)) == pytest.approx(1.0)
    half = read(index, "oven quasar", NOW)
    assert 0.2 < evidence(index, half, matches(index, half.weights, 50)) < 0.6
    none = read(index, "of the", NOW)
    assert evidence(index, none, matches(index, none.weights, 50)) == 0.0


def test_the_speaker_who_is_named_comes_first() -> None:
    index = indexed([turn(1, "Ann: I like tennis a lot."), turn(2, "Bob: I like tennis a lot too."), turn(3, "Cid: Me not.")])
    query = read(index, "Does Bob like tennis?", NOW)
    scores = ranked(index, query, matches(index, query.weights, 50), 50)
    assert scores[1] > scores[0]


def test_with_vectors_a_match_counts_more_from_the_speaker_who_is_named() -> None:
    said = (("Bob", "tennis"), ("Cid", "tennis"), ("Bob", "Not me."), ("Cid", "Not me."))
    index = indexed([turn(number, text, sender=name) for number, (name, text) in enumerate(said, 1)])
    query = read(index, "Does Bob like tennis?", NOW)
    found = matches(index, query.weights, 50)
    words = ranked(index, query, found, 50)
    both = ranked(index, query, found, 50, asked=Asked(Nearness(), bytes([100, 0]), Trust(0.2, 0.0)))
    assert both[0] - both[1] > words[0] - words[1] + 0.1
    assert both[2] - both[3] == pytest.approx(words[2] - words[3])


def test_who_asks_for_a_time_gets_what_tells_one_first() -> None:
    index = indexed([turn(1, "Ann: I had tennis on Monday."), turn(2, "Ann: I had tennis with Bob."), turn(3, "Cid: Fine.")])
    when, what = (read(index, text, NOW) for text in ("When was tennis?", "Was there tennis?"))
    first, plain = (ranked(index, query, matches(index, query.weights, 50), 50) for query in (when, what))
    assert first[0] - first[1] == pytest.approx(plain[0] - plain[1] + 0.2, abs=0.01)


def test_who_tells_what_they_did_comes_first_and_the_more_so_the_more_there_is_room_for() -> None:
    index = indexed([turn(1, "Ann: I painted boats."), turn(2, "Bob: Paint, boats."), turn(3, "Cid: Fine.")])
    query = read(index, "painted boats", NOW)
    found = matches(index, query.weights, 50)
    little, much = (ranked(index, query, found, 50, share=share) for share in (0.0, 1.0))
    assert (much[0] - much[1]) - (little[0] - little[1]) == pytest.approx(0.1)


def test_where_all_has_room_no_session_comes_before_another() -> None:
    index = indexed(chat())
    query = read(index, "oven door seal", NOW)
    parts = Parts()
    ranked(index, query, matches(index, query.weights, 50), 50, parts, share=1.0)
    assert set(parts.level.values()) == {0.0}
    ranked(index, query, matches(index, query.weights, 50), 50, parts)
    assert max(parts.level.values()) > 0.2


def test_no_candidates_no_scores() -> None:
    index = indexed(chat())
    query = read(index, "xyzzy", NOW)
    assert ranked(index, query, matches(index, query.weights, 50), 50) == {}


def test_an_event_that_is_not_known_moves_no_period() -> None:
    index = indexed(chat())
    assert anchored(index, read(index, "What did Ines do before the coronation?", NOW)).periods == ()
    assert anchored(index, read(index, "What did Ines do?", NOW)).periods == ()
    known = anchored(index, read(index, "What did Ines do the week after the sailing exam?", NOW)).periods
    assert known
    assert known[-1].start == pytest.approx(seconds("2025-05-18 00:00"), abs=86_400)


def test_an_event_without_a_time_moves_no_period() -> None:
    index = Index()
    index.add([unit(1, "the wedding was lovely", at=0.0)])
    assert anchored(index, read(index, "What came after the wedding?", NOW)).periods == ()


def test_an_event_told_later_counts_from_the_day_it_speaks_of() -> None:
    index = indexed([turn(1, "Ann: The wedding was on 3 March.", at=seconds("2025-04-20 10:00"), arrived=1e9)])
    found = anchored(index, read(index, "What came after the wedding?", NOW)).periods
    assert found[-1].start == seconds("2025-03-03 00:00")


def test_larger_budgets_look_at_more_candidates() -> None:
    assert pool_size(1_000) == pool_size(2_000) < pool_size(16_000)


def test_a_unit_in_a_passage_about_the_question_comes_before_one_alone() -> None:
    about = [
        "The kiln arrived.",
        "It was dark.",
        "So heavy.",
        "We laughed.",
        "No more today.",
        "Fine by me.",
        "Glaze for the kiln is here.",
        "Late already.",
    ]
    texts = [*about, *["Nothing at all."] * 12]
    index = indexed([turn(number, f"Ann: {text}") for number, text in enumerate(texts, 1)])
    query = read(index, "kiln glaze", NOW)
    parts = Parts()
    scores = ranked(index, query, matches(index, query.weights, 50), 50, parts)
    assert parts.passage[2] > parts.passage[8] > 0, "there are both words around the one, and one around the other"
    assert scores[4] > scores[8]
    assert max(parts.passage.values()) == pytest.approx(0.2)


def test_what_meaning_adds_is_its_share_for_the_unit_and_for_its_passage() -> None:
    index = indexed([turn(number, f"Ann: {text}") for number, text in enumerate(["oven", *["word"] * 20], 1)])
    near = Nearness()
    near.add([0, 8, 9], [bytes([1, 0]), bytes([100, 0]), bytes([100, 0])])
    query = read(index, "oven word", NOW)
    found = matches(index, query.weights, 50)
    plain = ranked(index, query, found, 50)
    meant = ranked(index, query, found, 50, asked=Asked(near, bytes([100, 0]), Trust(0.2, 0.0)))
    level = meant[20] - plain[20]
    assert 0 <= level < 0.2, "far from all of them: no more than its session gains"
    assert meant[8] - plain[8] - level == pytest.approx(0.45, abs=1e-6)
    assert meant[11] - plain[11] - level == pytest.approx(0.2, abs=1e-6), "only its passage is near"


def test_the_best_candidates_bring_their_neighbours_along_and_the_others_come_alone() -> None:
    index = Index()
    index.add(unit(number, ("apple " * (1 + number // 20)) if number % 10 == 5 else f"filler {number}") for number in range(1, 201))
    query = read(index, "apple", NOW)
    scores = ranked(index, query, matches(index, query.weights, 10), wanted=10)
    own = {place for place in scores if (place + 1) % 10 == 5}
    best = [place for place in own if {place - 2, place - 1, place + 1, place + 2} & scores.keys()]
    assert len(own) == 10
    assert set(best) == {164, 174, 184, 194}
    assert all({place - 2, place - 1, place + 1, place + 2} <= scores.keys() for place in best)


def test_what_people_have_told_comes_before_what_the_model_explains_where_they_ask_about_themselves() -> None:
    told, advice = "we adopted a greyhound, what food is right?", "A dog eats twice a day, and a dog walks a lot."
    index = indexed([turn(1, advice, role="assistant"), turn(2, "thanks, fine"), turn(3, told)])
    mine, general = read(index, "Which dog did we adopt?", NOW), read(index, "Which dog can anyone adopt?", NOW)
    by_side = [ranked(index, query, matches(index, query.weights, 10), 10) for query in (mine, general)]
    assert by_side[0][2] - by_side[0][0] == pytest.approx(by_side[1][2] - by_side[1][0] + 0.6)
