"""Where a request begins, as its client sent it and as it goes up: whether that is where the one before did."""

from __future__ import annotations

from backstory.core.records import Conversation, Injection, Spend, Turn
from backstory.memory.economy.holding import Held
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.measuring import moved, paths_of, surely_moved
from backstory.stages.visit import Visit

TURNS, EACH, FIXED, BLOCK = 20, 100, 50, 300


def visit(first: int, folded: int = 0, held: int = 0) -> Visit:
    """Of a client that sends the turns from `first` on, of which so many are folded, or before which so many are held."""
    thread = Thread(Conversation("c", "p", 0.0, 0.0), b"root")
    made = [
        Turn(100 + at, "c", at and 99 + at, at, b"%d" % at, b"%d" % at, "assistant" if at % 2 else "user", "spoken", "x", tokens=EACH)
        for at in range(TURNS)
    ]
    thread.add(made)
    thread.inject((Injection("c", b"%d" % (TURNS - 2), "block", (100,), BLOCK, 1.0),))
    reading = Reading(b"", [], [], 0)
    reading.places = list(range(first, TURNS))
    found = Visit(thread, reading, "", upto=TURNS, fixed=FIXED, folded=folded)
    found.held = Held(0, held, 0, frozenset(range(held)), held * EACH) if held else None
    return found


def known_by_its_row(one: Visit, first: int, added: int) -> None:
    """The request before, of another process, began with this turn; what went up with it had so many tokens."""
    size = FIXED + EACH * (TURNS - 1 - first)
    row = Spend(99 + TURNS, "c", 1.0, "traffic", "m", "openai_chat", size, size + added, size, 9, 0, 0, 0.01, 0.01, True, True, True, False)
    one.thread.account.replay([row])


def test_what_is_folded_stays_in_front_while_the_client_cuts() -> None:
    one = visit(8, folded=12)
    assert paths_of(one, True) == (8, 12, 12)
    assert paths_of(one, False) == (8, 8, 0), "it went up as it came"
    one.thread.account.paths = (6, 12, 12)
    assert moved(one, True) == (True, False)
    one.thread.account.paths = (6, 6, 0)
    assert moved(one, True) == (True, True), "it was folded just now"


def test_what_is_held_begins_where_it_did() -> None:
    one = visit(8, held=4)
    one.thread.account.paths = (6, 4, 0)
    assert moved(one, True) == (True, False)
    assert moved(one, False) == (True, True)


def test_the_row_of_another_process_tells_what_moved() -> None:
    cut, same = visit(8), visit(8)
    known_by_its_row(cut, 6, BLOCK)
    assert moved(cut, True) == surely_moved(cut) == (True, True)
    known_by_its_row(same, 8, BLOCK)
    assert moved(same, True) == surely_moved(same) == (False, False), "what is recalled stands at its message"


def test_right_after_a_restart_what_else_went_up_need_not_have_been_in_front() -> None:
    one = visit(8)
    known_by_its_row(one, 8, BLOCK + 500)
    assert moved(one, True) == (False, True)
    assert surely_moved(one) == (False, False)
    folded = visit(8, folded=12)
    known_by_its_row(folded, 6, 0)
    assert surely_moved(folded) == (True, False)
