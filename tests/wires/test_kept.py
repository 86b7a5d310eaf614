"""What clients build on by the id of an answer."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from backstory.core.translation import Odd, Result, Said, Use, Words
from backstory.wires.kept import Kept, joined, referred

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


def reference(name: str) -> Odd:
    return Odd("openai_responses", "item_reference", Raw(json.dumps({"type": "item_reference", "id": name}).encode()))


def test_a_reference_stands_for_the_piece_of_an_answer() -> None:
    kept = Kept()
    pieces = (Words("hm"), Use("c", "look", "{}", sealed="s"))
    for name in ("resp_a_b", "xyz"):
        kept.put("me", name, (*SAID, Said("assistant", pieces)), 10)
    for answer in ("a_b", "xyz"):
        names = [f"msg_{answer}_0", f"rs_{answer}_1", f"fc_{answer}_1"]
        said = (*SAID, Said("assistant", tuple(map(reference, names))), Said("user", (Result("c", "", ()),)))
        assert referred(said, kept, "me") == (*SAID, Said("assistant", pieces), Said("user", (Result("c", "look", ()),)))
        assert referred(said, kept, "you") == said
    call = Said("assistant", (reference("rs_xyz_1"), Use("c", "look", "{}")))
    assert referred((call,), kept, "me") == (Said("assistant", (pieces[1],)),)


@pytest.mark.parametrize("name", ["", "msg", "msg_a", "msg_xyz_2", "msg_xyz_x", "msg_xyz_-1"])
def test_a_reference_to_nothing_is_left(name: str) -> None:
    kept = Kept()
    kept.put("me", "xyz", (*SAID, Said("assistant", (Words("hm"), Words("so")))), 10)
    said = (Said("assistant", (reference(name), Odd("openai_responses", "item_reference", Raw(b'{"id":7}')))),)
    assert referred(said, kept, "me") == said


def test_results_know_their_tools_again() -> None:
    before = (Said("assistant", (Use("c", "look", "{}"),)),)
    after = (Said("user", (Result("c", "", (Words("x"),)), Result("d", "", ()))),)
    assert joined(before, after)[1].pieces == (Result("c", "look", (Words("x"),)), Result("d", "", ()))
