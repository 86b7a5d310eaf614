"""What goes upstream when history is folded."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.edits import AppendText, DropMessages, Edit, PrependText
from backstory.core.records import Conversation, Digest, Injection, Turn
from backstory.memory.folding.assembly import Absent, AllBut, Present, earlier_injections, fold, fold_edits, kept_items
from backstory.memory.folding.compaction import Window, boundary
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line, chain, root

KINDS = {
    "u": ("user", "spoken"),
    "a": ("assistant", "spoken"),
    "c": ("assistant", "tool"),
    "k": ("assistant", "spoken"),
    "r": ("tool", "tool"),
    "b": ("user", "spoken"),
    "s": ("system", "none"),
    "t": ("assistant", "none"),
    "w": ("assistant", "none"),
    "o": ("tool", "none"),
    "l": ("other", "none"),
}


def laid_out(shape: str, tokens: int = 100, unkept: Sequence[int] = ()) -> tuple[Thread, Reading]:
    """A thread of this shape (u human, a assistant, c call, k words and a call, r result, b result and a human's words, s system,
    t reasoning, w what a tool of the provider's did or asks, o an answer to that, l a list of tools), and a request that carries all of
    it. `unkept`: items that were never to be remembered."""
    thread = Thread(Conversation("c", "", 0.0, 0.0), root("", ""))
    reading = Reading(b"", [], [], 0)
    turns: list[Turn] = []
    last, parent = thread.root, 0
    for number, letter in enumerate(shape):
        role, kind = KINDS[letter]
        content = bytes([number]) * 16
        text = f"text {number}"
        calls = "[]" if letter in "ckrb" else ""
        note = "listing" if letter == "l" else ""
        one = Line(kind, content, role, text, chars=len(text), calls=calls, note=note, thinks=letter == "t")  # type: ignore[arg-type]
        reading.lines.append(one)
        reading.chains.append(last)
        if kind == "none":
            reading.places.append(-1)
            continue
        last = chain(last, content)
        if number in unkept:
            reading.places.append(-1)
            continue
        turn = Turn(number + 1, "c", parent, len(turns), last, content, role, kind, text, calls=calls, tokens=tokens)  # type: ignore[arg-type]
        reading.places.append(len(turns))
        turns.append(turn)
        parent = turn.id
    thread.add(turns)
    reading.buried = frozenset(item for item in unkept if KINDS[shape[item]][1] != "none")
    reading.unkept = frozenset(item for item in reading.buried if shape[item] in "ub")
    return thread, reading


def test_a_chat_is_folded_in_front_of_a_human_message_and_system_messages_stay() -> None:
    thread, reading = laid_out("suauauau")
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert (folded.drops, folded.before) == (((1, 5),), 5)
    assert kept_items(reading, folded) == [0, 5, 6, 7]
    digest = Digest(1, "c", 4, b"", "said", 1, 0.0)
    assert fold_edits(folded, digest) == [DropMessages(1, 5), PrependText(5, "said")]


def test_a_long_tool_loop_is_folded_behind_its_human_message() -> None:
    thread, reading = laid_out("ua" + "u" + "cr" * 20)
    at = boundary(thread.path, 0, Window(2000, 0.7, 0.85, 6), 100, steps=True)
    assert thread.path[at].role == "assistant"
    assert thread.path[at - 1].role == "tool"
    folded = fold(thread, reading, at)
    assert folded is not None
    assert folded.before == 2, "the digest goes in front of the task"
    kept = kept_items(reading, folded)
    assert kept[0] == 2
    assert kept[1:] == list(range(at, len(reading.lines)))
    calls = sum(reading.lines[item].role == "assistant" for item in kept)
    results = sum(reading.lines[item].role == "tool" for item in kept)
    assert calls == results, "no call without its result"


def test_a_cut_between_a_call_and_its_result_is_refused() -> None:
    thread, reading = laid_out("uacruacr")
    assert fold(thread, reading, 3) is None


def test_reasoning_goes_with_what_it_led_to() -> None:
    thread, reading = laid_out("utautautautcrtcrta")
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert [reading.lines[item].text for item in kept_items(reading, folded)][:3] == ["text 6", "text 7", "text 8"]
    step = next(place for place, turn in enumerate(thread.path) if turn.text == "text 14")
    inside = fold(thread, reading, step)
    assert inside is not None
    assert kept_items(reading, inside) == [9, 13, 14, 15, 16, 17], "the task, then the reasoning of the step that stays"


def test_a_human_message_that_answers_a_call_is_no_place_for_a_cut() -> None:
    thread, reading = laid_out("uakbkbkbka")
    for at in range(1, len(thread.path)):
        folded = fold(thread, reading, at)
        if reading.lines[at].text in ("text 3", "text 5", "text 7"):
            assert folded is None
        elif folded is not None:
            assert folded.before == 0


PLAIN = ("ua", "uta", "ucra", "utcrtcra", "ukbkba", "utkbta", "sua", "usa", "uttta")
HOSTED = ("utwa", "utwtwta", "utawtwa", "ultwowa", "utcrtwacra", "utwowcra", "utwcrota")
ROUNDS = (*PLAIN, *HOSTED)


@given(
    st.lists(st.tuples(st.sampled_from(ROUNDS), st.booleans()), min_size=1, max_size=8),
    st.data(),
)
def test_no_fold_parts_what_belongs_together(rounds: list[tuple[str, bool]], data: st.DataObject) -> None:
    shape, off = "", list[int]()
    for one, unwanted in rounds:
        off += range(len(shape), len(shape) + len(one)) if unwanted else ()
        shape += one
    shape += "u"
    thread, reading = laid_out(shape, unkept=off)
    folded = fold(thread, reading, data.draw(st.integers(1, max(1, len(thread.path) - 1))))
    kept = kept_items(reading, folded)
    assert {item for item in off if KINDS[shape[item]][1] != "none"} <= {*kept}, "nothing has kept it"
    letters = [shape[item] for item in kept]
    spoken = [letter for letter in letters if letter not in "sl"]
    assert spoken[0] == "u", "a history begins with a human's message"
    assert "s" not in shape or letters.count("s") == shape.count("s")
    for at, item in enumerate(kept):
        if shape[item] in "rb":
            assert kept[at - 1] == item - 1
            assert shape[item - 1] in "ck"
        if shape[item] in "tw" and shape[item + 1] != "o":
            assert kept[at + 1] == item + 1, "reasoning is followed by what it led to"
        if shape[item] in "wo" and shape[item - 1] != "l":
            assert kept[at - 1] == item - 1, "what the provider's tools did follows what led to it"
        if shape[item] == "a" and shape[item - 1] in "two":
            assert kept[at - 1] == item - 1, "a message follows what led to it"
        if shape[item] in "ck":
            assert kept[at + 1] == item + 1


def test_what_was_never_to_be_remembered_stays_with_its_whole_exchange() -> None:
    thread, reading = laid_out("suaucrauaua", unkept=[3, 4, 5, 6])
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert (folded.drops, folded.before) == (((1, 3), (7, 9)), 9)
    thread, reading = laid_out("uauaua", unkept=[2, 3])
    folded = fold(thread, reading, 2)
    assert folded is not None
    assert (folded.drops, folded.before) == (((0, 2),), 2)
    thread, reading = laid_out("uaua", unkept=[0, 1])
    assert fold(thread, reading, 1) is None, "what follows is an answer, whose question stays"


def test_what_was_forgotten_goes_with_what_is_around_it() -> None:
    thread, reading = laid_out("uauauaua", unkept=[2, 3])
    reading.unkept = frozenset()
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert folded.drops == ((0, 6),)


def test_what_waits_for_an_answer_beside_words_stays_with_it() -> None:
    thread, reading = laid_out("uaua" + "tw" + "uo" + "wa")
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert kept_items(reading, folded) == [4, 5, 6, 7, 8, 9]


def test_an_answer_goes_with_what_it_answers() -> None:
    thread, reading = laid_out("ua" + "u" + "twcro" + "tcra")
    folded = fold(thread, reading, 5)
    assert folded is not None
    assert kept_items(reading, folded) == [2, 8, 9, 10, 11], "neither the call before the step nor its answer"


def test_of_the_lists_of_tools_before_a_fold_the_newest_stays() -> None:
    thread, reading = laid_out("ulwa" * 3 + "ulwa")
    folded = fold(thread, reading, 6)
    assert folded is not None
    assert kept_items(reading, folded) == [9, 12, 13, 14, 15]


def test_instructions_beside_the_first_words_stay() -> None:
    thread, reading = laid_out("uauaua")
    first = reading.lines[0]
    reading.lines[0] = Line(first.kind, first.content, first.role, first.text, chars=5000)
    folded = fold(thread, reading, 4)
    assert folded is not None
    assert folded.drops == ((1, 4),)


def test_what_a_client_puts_around_later_words_goes_with_them() -> None:
    thread, reading = laid_out("uauauaua")
    for item, line in enumerate(reading.lines):
        reading.lines[item] = Line(line.kind, line.content, line.role, line.text, chars=5000)
    folded = fold(thread, reading, 6)
    assert folded is not None
    assert folded.drops == ((1, 6),)


def test_nothing_is_folded_that_the_request_does_not_carry() -> None:
    thread, reading = laid_out("uauaua")
    reading.places = [-1] * 6
    assert fold(thread, reading, 4) is None


def test_absent_are_the_turns_that_neither_a_message_nor_a_block_carries() -> None:
    thread, reading = laid_out("uauauaua")
    folded = fold(thread, reading, 4)
    kept = kept_items(reading, folded)
    absent = Absent(thread, 8, reading, kept, {2})
    assert [turn.id for turn in thread.path if turn.id in absent] == [1, 3, 4]
    assert 99 not in absent
    for present in (Present(absent), AllBut(absent.ids())):
        assert [turn.id for turn in thread.path if turn.id in present] == [2, 5, 6, 7, 8]


def test_injections_stay_with_their_message() -> None:
    thread, reading = laid_out("uauaua")
    thread.inject((Injection("c", thread.path[2].chain, "block", (1,), 7, 0.0),))
    edits, turns, tokens = earlier_injections(thread, reading, kept_items(reading, None))
    assert [edit.index for edit in edits if hasattr(edit, "index")] == [2]
    assert (turns, tokens) == ({1}, 7)


def test_a_turn_in_a_block_is_absent_again_where_not_all_of_it_is_there() -> None:
    thread, reading = laid_out("uauauaua")
    folded = fold(thread, reading, 4)
    kept = kept_items(reading, folded)
    edits: list[Edit] = [AppendText(4, "block"), DropMessages(0, 2)]
    absent = Absent(thread, 8, reading, kept, {2}, None, {2, 3, 5}, edits)
    assert (absent.injected, absent.blocks()) == ({3, 5}, ["block"]), "what is hidden or held stays so"
    assert absent.ids() == {1, 4}
    absent.reopen({3, 5})
    assert absent.ids() == {1, 3, 4}, "a turn that goes up as a message does not come back"
    assert [turn.id for turn in thread.path if turn.id in absent] == [1, 3, 4]
