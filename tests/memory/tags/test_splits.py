"""Topics that too many turns share are told apart by what else those turns are about; always the same way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Segment
from backstory.memory.side_model.tasks import joined
from backstory.memory.tags.splits import looked_at, narrowed, retitled, splits, topic

OTHERS = [("garden",), ("violin", "lesson"), ("tax-return",), ("bread",), ("marathon",)]


def talk(broad: int, of: int) -> list[tuple[str, ...]]:
    """So many turns are about the database, spread over all."""
    turns = [OTHERS[number % 5] for number in range(of)]
    parts = ["migration-plan", "slow-index", "backup"]
    for number in range(broad):
        turns[number * of // broad] = ("database", parts[number % 3])
    return turns


def test_a_broad_topic_is_split_and_a_narrow_one_is_not() -> None:
    found = splits(talk(20, 100))
    assert set(found) == {"database"}
    assert set(found["database"].values()) == {"migration", "plan", "slow", "index", "backup"}
    assert splits(talk(11, 100)) == {}, "too few turns"
    assert "database" not in splits(talk(20, 500)), "too small a share"


def test_what_always_or_never_stands_beside_it_is_no_part() -> None:
    assert splits([("database", "server")] * 30 + [("garden",)] * 70) == {}
    assert splits([("database",)] * 30 + [("garden",)] * 70) == {}
    assert "database" not in splits([("database", f"n{number}") for number in range(30)] + [("garden",)] * 70)


def test_a_turn_is_of_the_part_that_its_own_tags_name() -> None:
    found = splits(talk(20, 100))
    assert narrowed(("database", "migration-plan"), found)[0] in ("database/migration", "database/plan")
    assert narrowed(("backup", "database"), found) == ("backup", "database/backup")
    assert narrowed(("database", "migrations"), found)[0] == "database/migration", "by the stem"
    assert narrowed(("database", "garden"), found) == ("database", "garden")
    assert narrowed(("garden",), found) == ("garden",)


def test_it_is_looked_at_anew_at_fixed_numbers_of_turns() -> None:
    numbers = [looked_at(turns) for turns in range(2000)]
    assert numbers[31:33] == [0, 32]
    assert sorted(set(numbers))[:6] == [0, 32, 40, 50, 63, 79]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) < 25


def test_what_a_model_says_of_the_topic_or_its_part_is_nothing_new() -> None:
    assert joined(("database/migration", "garden"), ("database", "migration database", "storage")) == (
        "database/migration",
        "garden",
        "storage",
    )


def test_segments_go_by_the_parts_that_most_of_their_turns_are_of() -> None:
    segment = Segment(1, "c", 1, 3, ("database", "garden"), "", 0, 0.0, 0.0)
    tags = {1: ("database/backup",), 2: ("database/backup", "garden"), 3: ("database",), 9: ("database/index",)}
    assert retitled([segment], tags)[0].tags == ("database/backup", "garden")
    assert retitled([segment], {}) == [segment]


_TAGS = st.lists(
    st.sampled_from(["database", "migration", "slow-index", "backup", "garden", "a-b", "7", "été", "x/y"]), max_size=4, unique=True
)


@given(st.lists(_TAGS.map(tuple), max_size=120))
def test_the_same_turns_are_split_the_same_way_and_boundedly(turns: list[tuple[str, ...]]) -> None:
    found = splits(turns)
    assert found == splits(list(turns))
    assert len(found) <= 16
    assert all(2 <= len(parts) <= 8 for parts in found.values())
    for tags in turns:
        new = narrowed(tags, found)
        assert len(new) == len(tags)
        for old, name in zip(tags, new, strict=True):
            assert name == old or (old in found and name == f"{old}/{name.removeprefix(old + '/')}" and topic(name) == topic(old))
