"""What a client's history says otherwise than the turns: what counts as said, and what is told of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.message import Message, Text, ToolCall, ToolResult
from backstory.core.records import Conversation, Turn, Wording
from backstory.core.tombs import Tomb, Tombs, mark
from backstory.memory.identity.settled import Fold
from backstory.memory.identity.thread import Thread, key_of
from backstory.memory.identity.wordings import added, beside, compare, gaps, kept, kept_beside, keys, unread
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line, chain, line, root

TEA = "Notes on tea: green is steeped at 70 degrees."
PIN = "The PIN of the safe is 4711."


def _said(role: str, *texts: str | ToolCall | ToolResult, channel: str = "") -> Line:
    parts = tuple(Text(one) if isinstance(one, str) else one for one in texts)
    found = line(Message(role, parts, ()))  # type: ignore[arg-type]
    return Line(**{name: getattr(found, name) for name in found.__struct_fields__} | {"channel": channel}) if channel else found


def _thread(*lines: Line) -> Thread:
    base = root("ann", "")
    thread = Thread(Conversation("c", "ann", 1.0, 1.0), base)
    last, turns = base, []
    for number, one in enumerate(lines, 1):
        last = chain(last, one.content)
        kind = "tool" if one.kind == "tool" else "spoken"
        turns.append(Turn(number, "c", number - 1, number - 1, last, one.content, one.role, kind, one.text, calls=one.calls))  # type: ignore[arg-type]
    thread.add(turns)
    return thread


def _reading(*placed: tuple[Line, int]) -> Reading:
    reading = Reading(b"", [one for one, _ in placed], [b""] * len(placed), 0)
    reading.places = [place for _, place in placed]
    return reading


ASKED, ANSWERED = _said("user", TEA), _said("assistant", "I have read that.")


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (TEA, True),
        ("Notes on  tea:\ngreen is steeped at 70 degrees.", True),
        ("green is steeped", True),
        (f"{TEA} {PIN}", False),
        (f"{PIN} {TEA}", False),
        ("Notes on tea: green is steeped at 7 degrees.", False),
        ("Notes on te", False),
    ],
)
def test_words_are_held_where_a_turn_has_them_whole(text: str, held: bool) -> None:
    thread, reading = _thread(ASKED, ANSWERED), _reading((_said("user", text), 0), (ANSWERED, 1))
    compare(thread, reading, Tombs())
    assert (reading.loose == {}) == held
    assert not reading.stuck


def test_what_is_split_or_joined_is_held_by_all_of_one_side() -> None:
    thread = _thread(ASKED, _said("assistant", "First."), _said("assistant", "Then."), _said("user", "Go on."))
    reading = _reading((ASKED, 0), (_said("assistant", "First. Then."), 2), (_said("user", "Go on."), 3))
    compare(thread, reading, Tombs())
    assert reading.loose == {}


def test_calls_and_results_are_held_as_they_were_made() -> None:
    call, result = ToolCall("1", "look", '{"a": 1}'), ToolResult("1", "look", "It is fine here.")
    thread = _thread(ASKED, _said("assistant", "I look.", call), _said("tool", result))
    same = _reading((ASKED, 0), (_said("assistant", "I look.", ToolCall("9", "look", '{"a":1}')), 1), (_said("tool", result), 2))
    compare(thread, same, Tombs())
    assert same.loose == {}
    other = _reading(
        (ASKED, 0),
        (_said("assistant", "I look.", ToolCall("1", "look", '{"a": 2}')), 1),
        (_said("tool", ToolResult("1", "look", "It is fine here. And there.")), 2),
    )
    compare(thread, other, Tombs())
    assert other.loose == {1: 1, 2: 2}


def test_only_what_was_not_compared_yet_is() -> None:
    thread, reading = _thread(ASKED, ANSWERED), _reading((_said("user", f"{TEA} {PIN}"), 0), (ANSWERED, 1), (_said("user", "new"), -1))
    compare(thread, reading, Tombs())
    assert (reading.loose, reading.compared) == ({0: 0}, 2)
    reading.lines[0] = ASKED
    compare(thread, reading, Tombs())
    assert reading.loose == {0: 0}
    reading.compare_anew()
    compare(thread, reading, Tombs())
    assert reading.loose == {}


def test_what_a_fold_takes_is_kept_once() -> None:
    thread, more = _thread(ASKED, ANSWERED), _said("user", f"{TEA} {PIN}")
    reading = _reading((_said("user", "Put in front."), -1), (more, 0), (ANSWERED, 1))
    compare(thread, reading, Tombs())
    made = kept(thread, reading, Fold(((0, 2),), 2), lambda item: b"%d" % item, "w", 5.0)
    assert [(one.turn, one.text, one.raw, one.arrived) for one in made] == [(1, "Put in front.", b"0", 5.0), (1, more.text, b"1", 5.0)]
    assert kept(thread, reading, Fold(((2, 3),), 2), lambda _: b"", "w", 5.0) == ()
    thread.reword(made)
    thread.reword(made)
    assert kept(thread, reading, Fold(((0, 2),), 2), lambda _: b"", "w", 6.0) == ()
    assert {(one.position, one.text) for one in unread(thread, set())} == {(0, "Put in front."), (0, PIN)}
    assert set(keys(thread).values()) == {1}
    assert all(one.id < 0 for one in unread(thread, set()))
    assert [one.text for one in unread(thread, {key_of(made[0])})] == [PIN]
    assert [one.text for one in unread(thread, set())] == [PIN], "what is known to be there is not looked for again"
    assert len(list(kept_beside(thread, 1))) == 2
    assert list(kept_beside(thread, 0)) == []
    assert beside(thread.path, thread.wordings)[0].text == f"{TEA}\nPut in front.\n{more.text}"
    thread.hidden = frozenset({1})
    thread.wordings.clear()
    assert kept(thread, reading, Fold(((0, 2),), 2), lambda _: b"", "w", 6.0) == (), "what is being forgotten is not"


def test_what_cannot_be_kept_stays() -> None:
    thread, more = _thread(ASKED, ANSWERED), _said("user", f"{TEA} {PIN}")
    name = mark(b"k", b"gone")
    tombs = Tombs(b"k", [Tomb(7, "c", "ann", 0, True, name, name, 1.0)])
    reading = _reading((_said("user", "Put in front."), -1), (more, 0), (ANSWERED, 1))
    compare(thread, reading, tombs)
    assert reading.stuck == {0}, "it may be what was forgotten, in other words"
    reading = _reading((_said("user", "Put in front.", channel="chat"), -1), (more, 0), (ANSWERED, 1))
    compare(thread, reading, Tombs())
    assert reading.stuck == {0}, "it may be from another room"


@pytest.mark.parametrize("where", ["before", "between", "behind"])
def test_what_is_not_to_be_remembered_is_told_by_the_place_that_it_leaves(where: str) -> None:
    """Only in the conversation in which it was said does it hold something back."""
    tombs = Tombs(b"k", [Tomb(7, "other", "bob", 0, True, 1, 1, 1.0)])
    off = _said("user", "Never mind.")
    lines = {"before": (off, ASKED, ANSWERED), "between": (ASKED, off, ANSWERED), "behind": (ASKED, ANSWERED, off)}[where]
    whole = _thread(*lines)
    thread = Thread(whole.conversation, whole.root)
    assert not gaps(thread)
    left = [turn for turn in whole.path if turn.text != off.text]
    thread.add([replace(turn, parent=left[place - 1].id if place else 0) for place, turn in enumerate(left)])
    reading = _reading((_said("user", "Put in front."), -1), (ASKED, 0), (ANSWERED, 1))
    compare(thread, reading, tombs)
    assert gaps(thread) == gaps(thread) == (where != "behind")
    assert reading.stuck == ({0} if gaps(thread) else set())
    if where == "behind":
        after = chain(chain(thread.tip, off.content), ASKED.content)
        thread.add([Turn(9, "c", thread.path[-1].id, 2, after, ASKED.content, "user", "spoken", TEA)])
        assert gaps(thread)
        thread.rewind(2)
        assert not gaps(thread)


def test_of_a_turn_that_is_said_otherwise_each_time_the_newest_are_known() -> None:
    thread = _thread(ASKED, ANSWERED)
    made = [Wording("c", 1, bytes([number]), "user", "spoken", "", f"other {number}", b"", "w", 1.0) for number in range(20)]
    thread.reword(made)
    assert [one.content for one in thread.wordings[1]] == [one.content for one in made[4:]]
    assert set(thread.worded) == {key_of(one) for one in made[4:]}
    assert thread.unread == {key_of(one) for one in made[4:16]}, "an index has no more of them in the meantime"
    reading = _reading((_said("user", f"{TEA} {PIN}"), 0), (ANSWERED, 1))
    compare(thread, reading, Tombs())
    assert reading.stuck == frozenset()


def test_a_result_in_the_place_of_its_call_is_told_by_that() -> None:
    call, result = ToolCall("toolu_1", "look", "{}"), ToolResult("toolu_1", "look", "It is fine here.")
    thread = _thread(ASKED, _said("assistant", "I look.", call), _said("tool", result))
    tombs = Tombs(b"k", [Tomb(7, "c", "ann", 0, True, 1, 1, 1.0)])
    for number, stuck in (("toolu_1", set()), ("toolu_2", {2})):
        cleared = _said("tool", ToolResult(number, "look", "[cleared]"))
        reading = _reading((ASKED, 0), (_said("assistant", "I look.", call), 1), (cleared, 2))
        compare(thread, reading, tombs)
        assert reading.loose == {2: 2}
        assert reading.stuck == stuck


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{TEA} {PIN}", PIN),
        (f"{PIN}\n{TEA}\nIt is blue.", f"{PIN}\nIt is blue."),
        (f"Well: {TEA} {PIN} {TEA}", f"Well: {TEA} {PIN}"),
        (TEA, TEA),
    ],
)
def test_of_a_wording_is_told_what_its_turn_does_not_say(text: str, told: str) -> None:
    assert added(text, TEA) == told
