"""A thread is one branch of a conversation; every other branch stays known and out of sight."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Conversation, Digest, Turn
from backstory.memory.identity.thread import Thread, at_number, branch, next_position, place_of
from backstory.memory.reading.turns import chain, root
from tests.growth import MOST, growth


def turn(turn_id: int, parent: Turn | None, text: str, role: str = "user") -> Turn:
    content = text.encode().ljust(16, b"0")[:16]
    before = parent.chain if parent is not None else root("", "")
    position = parent.position + 1 if parent is not None else 0
    return Turn(turn_id, "c", parent.id if parent else 0, position, chain(before, content), content, role, "spoken", text, tokens=10)


def thread() -> Thread:
    return Thread(Conversation("c", "", 0.0, 0.0), root("", ""))


def line(count: int, start: int = 1, parent: Turn | None = None, word: str = "t") -> list[Turn]:
    turns: list[Turn] = []
    for number in range(count):
        parent = turn(start + number, parent, f"{word}{number}", "user" if number % 2 == 0 else "assistant")
        turns.append(parent)
    return turns


def test_turns_are_added_once() -> None:
    one = thread()
    turns = line(4)
    one.add(turns)
    one.add(turns[2:])
    assert one.path == turns
    assert one.tokens == 40
    assert one.tip == turns[-1].chain


def test_a_turn_of_another_parent_makes_a_branch_and_the_old_one_stays_known() -> None:
    one = thread()
    first = line(6)
    one.add(first)
    second = line(3, 100, first[1], "b")
    version = one.version
    one.add(second)
    assert one.path == [*first[:2], *second]
    assert one.version > version
    assert one.by_chain[first[-1].chain] == first[-1].id
    one.rewind(first[-1].id)
    assert one.path == first


def test_an_answer_that_comes_when_its_client_has_gone_on_is_another_branch() -> None:
    """Asked before what is the tip now, and answered after it."""
    one = thread()
    one.add(line(4))
    before = one.path[-1]
    late = line(2, 10, before, "late")
    said = line(2, 20, before, "again")
    one.add(said)
    path = list(one.path)
    one.add(late)
    assert one.path == path
    assert one.by_chain[late[-1].chain] == late[-1].id
    one.rewind(late[-1].id)
    assert one.path[-2:] == late


def test_a_digest_counts_only_on_its_own_branch() -> None:
    one = thread()
    turns = line(8)
    one.add(turns)
    one.fold((Digest(1, "c", turns[3].id, turns[3].chain, "what was said", 4, 0.0),))
    assert one.boundary == 4
    one.rewind(turns[1].id)
    assert one.boundary == 0
    assert one.digest is None
    one.rewind(turns[7].id)
    assert one.digest is not None


def test_the_newest_digest_counts() -> None:
    one = thread()
    turns = line(8)
    one.add(turns)
    one.fold((Digest(1, "c", turns[3].id, turns[3].chain, "old", 4, 0.0),))
    one.fold((Digest(2, "c", turns[5].id, turns[5].chain, "new", 4, 1.0),))
    assert one.digest is not None
    assert one.digest.text == "new"


def test_a_branch_that_was_folded_further_stays_so_though_another_was_folded_later() -> None:
    one = thread()
    turns = line(8)
    one.add(turns)
    one.fold((Digest(1, "c", turns[5].id, turns[5].chain, "far", 4, 0.0),))
    one.rewind(turns[4].id)
    one.add(line(3, 20, turns[4], "other"))
    one.fold((Digest(2, "c", turns[3].id, turns[3].chain, "near", 4, 1.0),))
    assert one.boundary == 4
    one.rewind(turns[7].id)
    assert one.boundary == 6
    assert [one.folded(upto) for upto in range(9)] == [0, 0, 0, 0, 4, 4, 6, 6, 6]
    assert [digest.text for at in (4, 6) if (digest := one.digest_at(at)) is not None] == ["near", "far"]
    assert one.digest_at(0) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), max_size=15))
def test_the_path_is_always_the_parents_of_its_tip(steps: list[tuple[int, int]]) -> None:
    one = thread()
    known: list[Turn] = []
    next_id = 1
    for choice, count in steps:
        parent = known[choice % len(known)] if known and choice else None
        made = line(count, next_id, parent, f"w{next_id}-")
        next_id += count
        known += made
        one.add(made)
        assert one.path == branch(list(one.by_id.values()), made[-1].id)
        assert one.tokens == sum(each.tokens for each in one.path)
        assert one.tip == made[-1].chain


@given(st.sets(st.integers(0, 30), min_size=1))
def test_turns_are_found_in_their_places_and_by_their_numbers_where_others_were_forgotten(left: set[int]) -> None:
    """`left`: positions of the turns that are there."""
    path: list[Turn] = []
    for position in sorted(left):
        path.append(replace(turn(100 + position, path[-1] if path else None, f"t{position}"), position=position))
    one = thread()
    one.add(path)
    for place, each in enumerate(path):
        assert place_of(path, each) == place
        assert at_number(path, each.position + 1) is each
        assert next_position(path, place + 1) == each.position + 1
    for gone in set(range(32)) - left:
        assert at_number(path, gone + 1) is None
        assert place_of(path, turn(999, None, "gone")) == -1
    version, middle = one.version, path[len(path) // 2]
    one.fold([Digest(1, "c", middle.id, middle.chain, "d", 1, 1.0)])
    assert one.boundary == len(path) // 2 + 1
    one.rewind(middle.id)
    assert one.path == path[: len(path) // 2 + 1]
    assert one.tokens == 10 * len(one.path)
    assert (one.version > version) == (middle is not path[-1])


def test_a_fold_of_a_branch_that_went_further_leaves_another_what_is_protected() -> None:
    one = Thread(Conversation("c", "", 0.0, 0.0), root("", ""), lambda path: max(0, len(path) - 4))
    first = line(20)
    one.add(first[:10])
    one.fold([Digest(15, "c", first[3].id, first[3].chain, "early", 1, 1.0)])
    one.add([replace(turn, id=turn.id + 20, parent=turn.parent + (20 if turn.parent > 10 else 0)) for turn in first[10:]])
    one.fold([Digest(50, "c", first[9].id, first[9].chain, "late", 1, 2.0)])
    assert one.boundary == 10
    assert one.folded(12) == 4, "an edit of turn 13: the late digest leaves it two turns"
    assert one.folded(15) == 10
    forked = one.fork(Conversation("d", "", 0.0, 0.0), first[9].id + 22)
    assert (forked.boundary, one.boundary) == (4, 10)
    edited = line(2, 60, one.path[11], "b")
    one.add(edited)
    assert one.boundary == 4
    one.fold([Digest(80, "c", edited[1].id, edited[1].chain, "mine", 1, 3.0)])
    assert one.boundary == 14, "what was made for this branch goes as far as it has to"


def test_turns_of_another_branch_are_known_once_whatever_their_order() -> None:
    one, aside = thread(), line(3, 50, word="a")
    one.add(line(4))
    for known in (aside[2], aside[0], aside[1], aside[0]):
        one.know(known)
    assert len(one.path) == 4
    assert sorted(one.by_id) == [1, 2, 3, 4, 50, 51, 52]
    assert [one.by_chain[known.chain] for known in aside] == [50, 51, 52]


def test_digests_that_do_not_hold_cost_no_look_at_every_turn() -> None:
    """Each was made right after another branch had its last turn, and stands for more than it leaves."""

    def work(size: int) -> Callable[[], object]:
        one = Thread(Conversation("c", "", 0.0, 0.0), root("", ""), lambda path: 0)
        begun = line(4)
        one.add([*begun, turn(5, begun[1], "aside")])
        # The other branch goes on; its ids leave room for those of the digests.
        one.rewind(begun[-1].id)
        one.add(line(size, size, begun[-1]))
        made = [Digest(6 + number, "c", size + number, b"", "", 1, 1.0) for number in range(size // 10)]
        return lambda: one.fold(made)

    assert growth(work, 3000) < MOST


def test_what_is_stored_and_not_known_is_told_once() -> None:
    one = thread()
    turns = line(40)
    one.add(turns[:4])
    one.fold((Digest(100, "c", turns[3].id, turns[3].chain, "what was said", 4, 0.0),))
    assert one.lately == 0
    assert one.unknown([1, 4, 7, 100, 101]) == {7, 101}
    one.seen |= {101}
    assert one.unknown([1, 7, 101]) == {7}
    one.add(turns)
    assert 0 < one.lately < 40


@pytest.mark.parametrize(("path", "holds"), [(6, True), (8, True), (4, False)])
def test_places_hold_on_a_path_that_was_read_again_where_it_only_goes_on(path: int, holds: bool) -> None:
    before, after = thread(), thread()
    turns = line(8)
    before.add(turns[:6])
    before.rewind(turns[3].id)
    before.rewind(turns[5].id)
    before.answers["response:1"], before.counted = 6, True
    after.add(turns[:path])
    after.succeed(before)
    assert (after.version == before.version) == holds
    assert (after.answers, after.counted) == ({"response:1": 6}, True)
