"""A history whose answers came back in another form lies beside the branch that it is, and beside no other."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from backstory.core.message import Message, Text, ToolCall, ToolResult
from backstory.core.records import Conversation, Turn
from backstory.memory.identity.echo import Laid, begin, lay, restored, take
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line, chain, line
from tests.stages.world import talk

ROOT = b"root"
ASKED = "What is the weather like in the harbour today?"
SAID = "<think>They ask for the weather.</think>It rains in the harbour, and it will rain tomorrow, too."


def human(text: str) -> Line:
    return line(Message("user", (Text(text),)))


def answer(text: str = "", *calls: tuple[str, str]) -> Line:
    words = (Text(text),) if text else ()
    return line(Message("assistant", (*words, *(ToolCall(name, "look", json.dumps({"at": at})) for name, at in calls))))


def result(name: str, text: str) -> Line:
    return line(Message("tool", (ToolResult(name, "look", text),)))


def thread(lines: Sequence[Line]) -> Thread:
    made = Thread(Conversation("c", "", 0.0, 0.0), ROOT)
    last = ROOT
    turns = []
    for place, one in enumerate(lines):
        last = chain(last, one.content)
        kind = "tool" if one.kind == "tool" else "spoken"
        turns.append(Turn(place + 1, "c", place, place, last, one.content, one.role, kind, one.text, calls=one.calls))  # type: ignore[arg-type]
    made.add(turns)
    return made


def reading(lines: Sequence[Line]) -> Reading:
    chains, last = [], ROOT
    for one in lines:
        last = last if one.kind == "none" else chain(last, one.content)
        chains.append(last)
    return Reading(b"digest", list(lines), chains, 0)


def laid(request: Sequence[Line], stored: Sequence[Line]) -> tuple[Laid, Reading, Thread]:
    one, there = reading(request), thread(stored)
    item, turn = begin(there, one)
    found = lay(one.lines, item, there.path, turn.position + 1 if turn is not None else 0)
    return found, one, there


def taken(request: Sequence[Line], stored: Sequence[Line]) -> Reading:
    found, one, there = laid(request, stored)
    take(there, one, found, found.known())
    return one


def test_words_left_out_beside_a_call_have_been_said() -> None:
    stored = [human(ASKED), answer("I will look.", ("call_1", "pier")), result("call_1", "rain"), answer("It rains.")]
    one = taken([human(ASKED), answer("", ("call_1", "pier")), result("call_1", "rain"), answer("It rains."), human("And now?")], stored)
    there = thread(stored)
    assert one.chains[:4] == [turn.chain for turn in there.path]
    assert one.places == [0, 1, 2, 3]
    assert one.lines[1].kind == "spoken"
    assert one.chains[4] == chain(there.tip, human("And now?").content)


def test_an_item_left_out_is_unsaid_and_what_follows_is_known() -> None:
    stored = [human(ASKED), answer("I will look."), answer("", ("call_1", "pier")), result("call_1", "rain"), answer("It rains.")]
    one = taken([human(ASKED), answer("", ("call_1", "pier")), result("call_1", "rain"), human("Go on.")], stored[:4])
    there = thread(stored[:4])
    assert one.unsaid == (2,)
    assert one.places == [0, 2]
    assert one.chains[:3] == [there.path[0].chain, there.path[2].chain, chain(there.path[2].chain, stored[3].content)]


def test_an_answer_that_was_split_is_one_turn() -> None:
    stored = [human(ASKED), answer("I will look.", ("call_1", "pier")), result("call_1", "rain"), answer("It rains.")]
    split = [human(ASKED), answer("I will look, now."), answer("", ("call_1", "pier")), result("call_1", "rain"), answer("It rains!")]
    one = taken(split, stored)
    assert [one.lines[item].kind for item in (1, 2)].count("none") == 1
    assert one.chains[-1] == thread(stored).tip


def test_a_client_that_keeps_only_last_words_has_left_the_tool_out() -> None:
    stored = [human(ASKED), answer("I will look.", ("call_1", "pier")), result("call_1", "rain"), answer(SAID)]
    for said in (SAID, SAID.partition("</think>")[2]):
        found, one, there = laid([human(ASKED), answer(said), human("And now?")], stored)
        assert found.known() == 1
        assert not found.tally(1).sure, "by itself it proves nothing: others may have asked and heard the same without a tool"
        take(there, one, found, 1)
        assert one.places == [0, 3]
        assert one.unsaid == (), "what the tool gave may be recalled"
        assert one.chains[1:] == [there.tip, chain(there.tip, human("And now?").content)]
    found, _, _ = laid([human(ASKED), answer("It is dry and warm today, with no wind at all."), human("And now?")], stored)
    assert found.known() == 0


def test_another_call_is_another_history() -> None:
    stored = [human(ASKED), answer("I will look.", ("call_1", "pier")), result("call_1", "rain"), answer("It rains.")]
    found, _, _ = laid([human(ASKED), answer("", ("call_9", "quay")), result("call_9", "rain"), answer("It rains.")], stored)
    assert found.known() == 0
    assert not found.reached


def test_shortened_results_of_the_same_call_are_known() -> None:
    name = "call_8sYb2kPq0Zt1"
    stored = [human(ASKED), answer("", (name, "pier")), result(name, "rain " * 50), answer("<think>So.</think>It rains.")]
    one = taken([human(ASKED), answer("", (name, "pier")), result(name, "[cut]"), answer("It rains.")], stored)
    assert one.chains[-1] == thread(stored).tip


@pytest.mark.parametrize(("given", "known"), [("rain " * 30 + "... [cut]", True), ("[cut]", False), ("hail " * 50, False)])
def test_ids_that_a_counter_made_are_others_too(given: str, known: bool) -> None:
    stored = [human(ASKED), answer("", ("call_1", "pier")), result("call_1", "rain " * 50), answer("<think>So.</think>It rains.")]
    found, _, _ = laid([human(ASKED), answer("", ("call_1", "pier")), result("call_1", given), answer("It rains.")], stored)
    assert found.reached == known


def test_other_words_of_a_human_end_it() -> None:
    stored = [human(ASKED), answer(SAID), human("And now?"), answer("Now it is dry.")]
    found, _, _ = laid(
        [human(ASKED), answer("It rains in the harbour, and it will rain tomorrow, too."), human("Why?"), answer("So.")], stored
    )
    assert found.end(found.known()) == (2, 2)
    assert not found.reached


def test_an_edited_answer_counts_only_where_a_known_one_follows() -> None:
    stored = [human(ASKED), answer(SAID), human("And now?"), answer("Now it is dry.")]
    edited = [human(ASKED), answer("The sun shines on the harbour, as it did all week."), human("And now?")]
    found, _, _ = laid([*edited, answer("Now it is dry.")], stored)
    assert found.end(found.known()) == (4, 4)
    found, _, _ = laid([*edited, answer("No idea.")], stored)
    assert found.end(found.known()) == (1, 1)
    assert found.reached


def test_answers_are_restored_beside_the_same_words_only() -> None:
    stored = [human(ASKED), answer(SAID), human("And now?"), answer("Now it is dry.")]
    spoken = answer("It rains in the harbour, and it will rain tomorrow, too.")
    path = thread(stored).path
    made = restored([spoken, human("And now?"), answer("Now it is dry."), human("Why?")], path)
    assert made is not None
    assert made[0].content == stored[1].content
    assert restored([human("Elsewhere?"), spoken, human("Why?")], path) is None
    assert restored([human(ASKED), answer("Other words, and more of them."), human("Why?")], path) is None


def test_talks_of_many_rounds_are_taken_whole() -> None:
    stored = [human(text) if role == "user" else answer(f"<think>{text}</think>{text} It is so.") for role, text in talk(40)]
    sent = [human(text) if role == "user" else answer(f"{text} It is so.") for role, text in talk(40)]
    assert taken(sent, stored).chains == [turn.chain for turn in thread(stored).path]
