"""A digest tells of no turn that was taken out of it, and of all the others."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.lines import kept, tells_nothing, unsaid, without
from backstory.core.records import Digest

_DAYS = ("[3 May 2026]", "[4 May 2026]")


def digest(*lines: str) -> Digest:
    text = "\n".join(["<digest>", *lines, "</digest>"])
    return Digest(9, "c", 40, b"chain", text, 400, 5.0)


WHOLE = digest(_DAYS[0], "#1 Ann: The code is 4711.", "#12 User: #1 is my dog.", _DAYS[1], "#30 Bo: See you at 9.")


def test_lines_of_a_turn_go_with_their_day_and_the_rest_stays_word_for_word() -> None:
    assert without(WHOLE, {99}) is WHOLE
    found = without(WHOLE, {1, 30})
    assert found is not None
    assert found.text == "\n".join(["<digest>", _DAYS[0], "#12 User: #1 is my dog.", "</digest>"])
    assert 0 < found.tokens < WHOLE.tokens
    assert (found.id, found.upto_turn, found.created) == (9, 40, 5.0)


def test_a_digest_of_which_nothing_is_left_stands_for_its_turns_without_a_word() -> None:
    found = without(WHOLE, {1, 12, 30})
    assert found is not None
    assert (found.text, found.tokens, found.upto_turn) == ("", 0, 40)
    empty = Digest(9, "c", 40, b"", "", 0, 5.0)
    assert without(empty, {1}) is empty


def test_lines_that_name_no_turn_make_it_unfit() -> None:
    assert without(digest("one two three"), {1}) is None
    assert without(digest("#12 Ann: yes", "and no"), {1}) is None


def test_claims_go_with_any_turn_that_they_rest_on_or_all_of_them() -> None:
    claims = digest("#3 Summary: They meet at 9 (also #7, #8).", "#4 Summary: Bo is late.", "#5 Bo: I come (also #8) late.")
    found = without(claims, {8})
    assert found is not None
    assert found.text.split("\n")[1:-1] == ["#4 Summary: Bo is late.", "#5 Bo: I come (also #8) late."]
    found = without(claims, {99}, claims=False)
    assert found is not None
    assert found.text.split("\n")[1:-1] == ["#5 Bo: I come (also #8) late."]


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(_DAYS)), max_size=20), st.sets(st.integers(1, 30)))
def test_what_is_kept_is_what_was_asked_for(lines: list[tuple[int, str]], wanted: set[int]) -> None:
    body: list[str] = []
    for number, day in lines:
        body += [day, f"#{number} Ann: word{number}."]
    found = kept(digest(*body), lambda number: number in wanted)
    assert found is not None
    numbered = [line for line in found.text.split("\n") if line.startswith("#")]
    assert numbered == [f"#{number} Ann: word{number}." for number, _ in lines if number in wanted]
    assert not any(one.startswith("[") and not after.startswith("#") for one, after in pairwise(found.text.split("\n")))


def test_the_line_of_a_digest_that_has_nothing_to_tell_stays_and_says_nothing() -> None:
    left = digest(unsaid(1, 12))
    assert without(left, {3}) is left
    assert tells_nothing(left)
    assert tells_nothing(digest())
    assert not tells_nothing(WHOLE)
