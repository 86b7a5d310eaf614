"""All branches of a conversation: no turn of it is left out, and none stands twice."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.memory.identity.branches import branches
from backstory.memory.identity.thread import branch


def turn(number: int, parent: int, owner: str = "c") -> Turn:
    return Turn(number, owner, parent, 0, b"", b"", "user", "spoken", str(number))


def ids(turns: list[Turn], owner: str = "c") -> list[list[int]]:
    return [[one.id for one in path] for path in branches(turns, owner)]


def test_the_newest_comes_first_and_the_others_from_where_they_go_off() -> None:
    assert ids([]) == [[]]
    assert ids([turn(1, 0), turn(2, 1)]) == [[1, 2]]
    edited = [turn(1, 0), turn(2, 1), turn(3, 2), turn(4, 3), turn(5, 2), turn(6, 5)]
    assert ids(edited) == [[1, 2, 5, 6], [3, 4]]
    again = [*edited, turn(7, 3), turn(8, 0), turn(9, 2)]
    assert ids(again) == [[1, 2, 9], [8], [3, 7], [5, 6], [4]]


def test_of_what_is_shared_only_what_its_own_turns_rest_on_is_its() -> None:
    shared = [turn(1, 0, "a"), turn(2, 1, "a"), turn(3, 2, "a"), turn(4, 1, "a")]
    own = [turn(5, 2), turn(6, 3)]
    assert ids([*shared, *own]) == [[1, 2, 3, 6], [5]]
    assert ids([*shared, turn(5, 3), turn(6, 4)]) == [[1, 4, 6], [2, 3, 5]]


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=40))
def test_each_turn_of_its_own_stands_once_and_after_the_one_it_follows(drawn: list[tuple[int, bool]]) -> None:
    turns: list[Turn] = []
    for number, (before, own) in enumerate(drawn, 1):
        parent = before % number
        mine = own or (parent > 0 and turns[parent - 1].conversation == "c")
        turns.append(turn(number, parent, "c" if mine else "a"))
    found = branches(turns, "c")
    assert found[0] == branch(turns)
    told = [one.id for path in found for one in path]
    assert len(told) == len(set(told))
    assert {one.id for one in turns if one.conversation == "c"} <= set(told)
    places = {one: place for place, one in enumerate([0, *told])}
    assert all(places[one.parent] < places[one.id] for path in found for one in path)
    assert all(later.parent == one.id for path in found for one, later in pairwise(path))
