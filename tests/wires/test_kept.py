"""What clients build on by the id of an answer."""

from __future__ import annotations

from backstory.core.translation import Result, Said, Use, Words
from backstory.wires.kept import Kept, joined

SAID = (Said("user", (Words("hi"),)),)


def test_what_was_kept_is_found_by_its_owner_only() -> None:
    kept = Kept()
    kept.put("me", "resp_1", SAID, 10)
    assert kept.get("me", "resp_1") == (SAID, 10)
    assert kept.get("you", "resp_1") == ((), 0)
    assert kept.get("me", "resp_2") == ((), 0)


def test_what_was_not_used_for_longest_makes_room() -> None:
    kept = Kept(100)
    for number in range(3):
        kept.put("me", f"resp_{number}", SAID, 40)
        kept.get("me", "resp_0")
    assert [bool(kept.get("me", f"resp_{number}")[0]) for number in range(3)] == [True, False, True]
    kept.put("me", "resp_0", SAID, 101)
    assert kept.get("me", "resp_0") == ((), 0)
    kept.put("me", "resp_4", SAID, 60)
    assert kept.get("me", "resp_2")[0]


def test_results_know_their_tools_again() -> None:
    before = (Said("assistant", (Use("c", "look", "{}"),)),)
    after = (Said("user", (Result("c", "", (Words("x"),)), Result("d", "", ()))),)
    assert joined(before, after)[1].pieces == (Result("c", "look", (Words("x"),)), Result("d", "", ()))
