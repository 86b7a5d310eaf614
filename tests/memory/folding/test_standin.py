"""What stands for folded turns while their digest is late tells of these turns alone."""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core.records import Conversation, Digest
from backstory.memory.folding.standin import stand_in, unsaid
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import root
from tests.memory.identity.test_thread import line

TEXT = "<digest>\n" + "\n".join(f"#{number} User: fact {number}." for number in range(1, 31)) + "\n</digest>"


def test_an_older_digest_stands_in_for_more() -> None:
    thread = Thread(Conversation("c", "", 0.0, 0.0), root("", ""))
    path = line(40)
    thread.add(path)
    assert stand_in(thread, 20) == ("", 0)
    thread.fold((Digest(100, "c", path[29].id, path[29].chain, TEXT, 90, 1.0),))
    assert stand_in(thread, 36) == (TEXT, 90)


def test_of_a_branch_that_went_elsewhere_only_what_is_shared_is_told() -> None:
    thread = Thread(Conversation("c", "", 0.0, 0.0), root("", ""))
    path = line(40)
    thread.add(path)
    older = Digest(100, "c", path[9].id, path[9].chain, "<digest>\n#2 User: old.\n</digest>", 9, 1.0)
    thread.fold((older, Digest(101, "c", path[29].id, path[29].chain, TEXT, 900, 1.0)))
    thread.add(line(6, 200, path[19], "b"))
    text, tokens = stand_in(thread, 16)
    assert [part.split()[0] for part in text.split("\n")[1:-1]] == [f"#{number}" for number in range(1, 17)]
    assert 0 < tokens < 900
    assert "#20 " in stand_in(thread, 24)[0]
    assert "#21 " not in stand_in(thread, 24)[0]
    thread.digests[1] = replace(thread.digests[1], text="no line of ours")
    assert stand_in(thread, 16) == (older.text, older.tokens)


def test_a_digest_that_tells_of_nothing_stands_in_for_no_more() -> None:
    thread = Thread(Conversation("c", "", 0.0, 0.0), root("", ""))
    path = line(40)
    thread.add(path)
    thread.fold((Digest(100, "c", path[29].id, path[29].chain, unsaid(thread, 30), 20, 1.0),))
    assert stand_in(thread, 36) == ("", 0)
    assert unsaid(thread, 36) == "<digest>\n[#1 to #36 are left out here; what is asked for of them is recalled]\n</digest>"
