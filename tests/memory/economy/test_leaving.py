"""Which blocks go up no more where the cache holds nothing of a prompt: those of earlier questions, and no others."""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core.edits import AppendText, DropMessages, Edit
from backstory.core.records import Conversation, Injection, Turn
from backstory.core.tariff import Tariff
from backstory.memory.economy.leaving import MOST_AGAIN, Parting, behind, leaving, parting, steps
from backstory.memory.economy.stored import Stored
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


PLAIN = Tariff("plain", 2.5, 10.0, 1.25, 2.5, 300.0, step=128)


def _asked(texts: list[str], tokens: int = 200, requests: int = 60) -> tuple[Thread, Reading, int]:
    """A thread whose blocks are in the cache, a request that goes on from it, and its tokens with them."""
    thread = _thread(texts)
    thread.path = [replace(turn, tokens=tokens) for turn in thread.path]
    reading = _reading(thread, [*range(len(thread.path)), -1])
    blocks = sum(10 for text in texts if text)
    total = 6000 + tokens * len(thread.path) + blocks + tokens
    thread.account.requests, thread.account.last_at, thread.account.size_in = requests, 1.0, total - blocks
    cached = total - 2 * tokens
    thread.account.holdings = {model: Stored(1.0, cached - blocks, cached, cached - blocks, cached) for model in ("plain",)}
    return thread, reading, total


def test_a_block_that_has_its_answer_goes_where_what_is_read_is_dearer_than_what_is_written_again() -> None:
    thread, reading, total = _asked(["", "", "one"])
    assert parting(thread, reading, PLAIN, 2.0, total, 200) == Parting(4, 200), "what stands before it is found, its message too"
    thread.account.requests = 2
    assert parting(thread, reading, PLAIN, 2.0, total, 200) == Parting(4, 200), "it is never dearer there"


def test_what_stands_with_a_summary_stays_and_so_does_what_is_far_back_or_answers_nothing_yet() -> None:
    thread, reading, total = _asked(["", "", LABEL + " plan"])
    assert parting(thread, reading, PLAIN, 2.0, total, 200) is None
    thread, reading, total = _asked(["one", *[""] * (MOST_AGAIN // 2)])
    assert parting(thread, reading, PLAIN, 2.0, total, 200) is None
    thread, reading, total = _asked(["", "one"])
    reading.lines.pop()
    reading.places.pop()
    assert parting(thread, reading, PLAIN, 2.0, total, 200) is None, "it has no answer that a question follows"


def test_much_that_stands_behind_a_block_keeps_it() -> None:
    thread, reading, total = _asked(["one", "", ""], 2000)
    assert parting(thread, reading, PLAIN, 2.0, total, 2000) is None
    thread, reading, total = _asked(["one", ""], 20, 200)
    assert parting(thread, reading, PLAIN, 2.0, total, 20) is not None
    thread.account.summit, thread.account.growth = thread.account.size_in + 10, 40.0
    assert parting(thread, reading, PLAIN, 2.0, total, 20) is None, "its client sums up before that is paid back"


def test_blocks_stand_behind_the_marks_but_for_what_stays() -> None:
    edits: list[Edit] = [AppendText(1, "one"), AppendText(2, LABEL + " two"), DropMessages(0, 1)]
    assert behind(edits) == [AppendText(1, "one", True), *edits[1:]]


def test_a_question_takes_as_many_requests_as_tools_are_at_work_for_it() -> None:
    thread = _thread(["", ""])
    assert steps([]) == steps(thread.path) == 1.0
    busy = [turn if place % 5 == 0 else replace(turn, role="assistant", kind="tool") for place, turn in enumerate(thread.path * 5)]
    assert steps(busy) == 5.0
