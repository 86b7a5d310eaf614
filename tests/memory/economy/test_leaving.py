"""Which blocks go up no more where the cache holds nothing of a prompt: those of earlier questions, and no others."""

from __future__ import annotations

from backstory.core.records import Conversation, Injection, Turn
from backstory.memory.economy.leaving import leaving
from backstory.memory.folding.continuity import LABEL
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line

CONVERSATION = Conversation("c", "p", 0.0, 0.0)


def _thread(texts: list[str]) -> Thread:
    """A thread of questions and answers, with such a block at each question, "" for none."""
    thread = Thread(CONVERSATION, b"root")
    turns: list[Turn] = []
    for number, text in enumerate(texts):
        for role in ("user", "assistant"):
            place = len(turns)
            chain = b"%d" % place
            turns.append(Turn(place + 1, "c", place, place, chain, chain, role, "spoken", f"{role} {number}"))
        if text:
            thread.inject((Injection("other", b"%d" % (len(turns) - 2), text, (1,), 10, 5.0),))
    thread.add(turns)
    return thread


def _reading(thread: Thread, places: list[int]) -> Reading:
    lines = [
        Line("spoken", turn.content, turn.role, turn.text)
        for turn in (thread.path[place] if place >= 0 else Turn(99, "c", 0, 9, b"n", b"n", "user", "spoken", "new") for place in places)
    ]
    reading = Reading(b"", lines, [], 0)
    reading.places = places
    return reading


def test_blocks_of_earlier_questions_are_left_out_and_no_others() -> None:
    thread = _thread(["one", "", LABEL + " two", "three"])
    reading = _reading(thread, [0, 1, 2, 3, 4, 5, 6, 7, -1])
    gone = leaving(thread, reading, [], 9.0)
    assert [(one.text, one.left, one.conversation) for one in gone] == [("one", 9.0, "c"), ("three", 9.0, "c")]
    assert thread.going(b"0") is not None, "a decision only"
    thread.inject(gone)
    assert thread.going(b"0") is None
    assert leaving(thread, reading, [], 10.0) == (), "once"


def test_a_question_whose_tools_are_at_work_keeps_its_block() -> None:
    thread = _thread(["one", "two"])
    assert [one.text for one in leaving(thread, _reading(thread, [0, 1, 2, 3]), [], 9.0)] == ["one"]


def test_where_nobody_has_said_anything_nothing_is_left_out() -> None:
    thread = _thread(["one"])
    assert leaving(thread, _reading(thread, []), [], 9.0) == ()
    assert leaving(thread, _reading(thread, [1]), [], 9.0) == ()
