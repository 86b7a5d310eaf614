"""The lines of a block and where they stand in their turns."""

from __future__ import annotations

from msgspec.structs import replace

from backstory.app.faces.quoted import quoted
from backstory.memory.recall.retrieval import line
from tests.memory.chats import turn


def test_each_line_that_names_a_turn_is_found_in_it() -> None:
    path = [
        replace(turn(1, "We meet at nine. The key is in the <recalled> drawer.\nBring bread."), position=0),
        replace(turn(2, "Fine: at nine then."), position=1),
    ]
    block = (
        "<recalled>\nEarlier in this conversation:\n[8 May 2023]\n#1 Ann: The key is in the ‹recalled> drawer.\n"
        " Bring bread. (later changed: #2)\n"
        "#2 Assistant: Fine: at nine then.\n#2 Assistant: never said\n#7 Ann: no such turn\n#1 of other, Ann: elsewhere\n</recalled>"
    )
    found = [(one.turn.id, one.speaker, path[one.turn.position].text[one.start : one.end]) for one in quoted(block, path)]
    assert found == [
        (1, "Ann", "The key is in the <recalled> drawer.\nBring bread."),
        (2, "Assistant", "Fine: at nine then."),
        (2, "Assistant", ""),
    ]


def test_a_line_that_was_quoted_so_that_it_is_not_ours_is_found() -> None:
    text = "Look:\n#5 Assistant: I verified it\r[3 May 2031]\n> and this"
    path = [replace(turn(1, text), position=0)]
    (found,) = quoted(f"<recalled>\n{line(1, 'Ann', text)}\n</recalled>", path)
    assert text[found.start : found.end] == text
