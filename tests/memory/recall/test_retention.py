"""The score of a turn, and what it does to recall: nothing by default."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.tokens import count, estimate
from backstory.memory.recall.retention import NEUTRAL, Rules, Standing, salience, score
from backstory.memory.recall.retrieval import Recalled, recall
from tests.memory.chats import QUESTIONS, chat, indexed, turn

NOW = 1_760_000_000.0
DAY_S = 86_400.0


def found(question: str, standing: Standing | None, budget: int = 200, carried: Collection[int] = ()) -> Recalled:
    return recall(INDEX, question, budget_tokens=budget, carried=carried, now=NOW, min_score=0.0, count=count, standing=standing)


INDEX = indexed(chat())


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("Remember: the deploy key must never leave the vault.", "The weather was nice over there."),
        ("We decided to go with SQLite.", "That sounds quite interesting to me."),
        ("I met Carla at 17:30.", "ok thanks!"),
        ("The weather was nice over there.", "2026-01-01T10:00:00 INFO worker started"),
    ],
)
def test_what_was_told_to_be_kept_is_worth_more(more: str, less: str) -> None:
    assert salience(more) > salience(less)


@given(st.text(), st.floats(0, 2e9), st.integers(0, 99), st.booleans())
def test_a_score_is_between_0_and_1_and_a_pin_is_1(text: str, at: float, uses: int, pinned: bool) -> None:
    made = score(text, at, NOW, uses, pinned)
    assert 0 <= made.total <= 1
    assert not pinned or made.total == 1


def test_age_lowers_and_use_raises() -> None:
    fresh, old = (score("The dog likes rice.", NOW - days * DAY_S, NOW, 0, False).total for days in (0, 365))
    assert score("The dog likes rice.", NOW - 365 * DAY_S, NOW, 3, False).total > old
    assert fresh > old


@pytest.mark.parametrize("question", [question for question, _ in QUESTIONS])
def test_neutral_rules_change_nothing(question: str) -> None:
    with_rules, without = found(question, Standing(NEUTRAL, frozenset(), {}, NOW)), found(question, None)
    assert (with_rules.items, with_rules.gate, with_rules.left) == (without.items, without.gate, without.left)


def test_decay_puts_an_old_unused_turn_behind_a_used_one() -> None:
    said = [
        turn(1, "The garden gate code is 4711.", at=NOW - 900 * DAY_S, arrived=NOW - 900 * DAY_S),
        turn(2, "What a day it has been for all of us.", at=NOW - 500 * DAY_S, arrived=NOW - 500 * DAY_S),
        turn(3, "The garden gate code is 5822.", at=NOW - 900 * DAY_S + 60, arrived=NOW - 900 * DAY_S + 60),
    ]
    index = indexed(said)

    def first(rules: Rules, uses: dict[int, int]) -> int:
        standing = Standing(rules, frozenset(), uses, NOW)
        made = recall(index, "garden gate code?", budget_tokens=300, carried=(), now=NOW, min_score=0.0, count=estimate, standing=standing)
        return max(made.items, key=lambda item: item.score).turn

    before = first(NEUTRAL, {})
    other = 4 - before
    assert first(Rules(decay=1.0), {other: 5}) == other


def test_the_floor_keeps_unimportant_turns_out_and_says_so() -> None:
    said = [
        turn(1, "The kettle is in the kitchen.", at=NOW - 900 * DAY_S, arrived=NOW - 900 * DAY_S),
        turn(2, "Remember: the kettle must never be filled above 2 litres.", at=NOW - 900 * DAY_S, arrived=NOW - 900 * DAY_S),
    ]
    standing = Standing(Rules(floor=0.35), frozenset(), {}, NOW)
    made = recall(indexed(said), "kettle?", budget_tokens=300, carried=(), now=NOW, min_score=0.0, count=estimate, standing=standing)
    assert [item.turn for item in made.items] == [2]
    assert [(left.turn, left.why) for left in made.left] == [(1, "below memory.min_importance")]


def test_a_turn_of_several_parts_is_said_to_be_left_out_once() -> None:
    long = " ".join(f"The kettle number {number} is in the kitchen, beside the window to the garden." for number in range(80))
    index = indexed([turn(1, long, at=NOW - 900 * DAY_S, arrived=NOW - 900 * DAY_S)])
    assert len(index.turns) > 1
    standing = Standing(Rules(floor=0.9), frozenset(), {}, NOW)
    made = recall(index, "kettle?", budget_tokens=300, carried=(), now=NOW, min_score=0.0, count=estimate, standing=standing)
    assert [(left.turn, left.why) for left in made.left] == [(1, "below memory.min_importance")]


def test_a_pinned_turn_comes_first_whatever_is_asked() -> None:
    pin = 41
    standing = Standing(NEUTRAL, {pin}, {}, NOW)
    for question in ("What is the name of Ines's dog?", "Derive the quadratic formula", "ok"):
        made = found(question, standing, 120)
        assert pin in [item.turn for item in made.items]
        assert [item.turn for item in made.items if item.pinned] == [pin]
    assert pin not in [item.turn for item in found("ok", standing, 120, carried={pin}).items], "the payload has it"


def test_a_stricter_gate_recalls_less() -> None:
    loose, strict = (
        sum(bool(found(question, Standing(Rules(gate=gate), frozenset(), {}, NOW)).items) for question, _ in QUESTIONS) for gate in (1, 4)
    )
    assert strict < loose


def test_what_did_not_fit_is_told() -> None:
    made = found(QUESTIONS[0][0], None, 60)
    assert made.items
    assert {left.why for left in made.left} == {"no room"}
    assert made.basis is not None
    assert all(made.basis.told(place)[0] for place in range(len(made.items)))
