"""Messages of a human in other surroundings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.message import Message, Role, Text
from backstory.core.records import Turn
from backstory.memory.identity.echo import lay
from backstory.memory.identity.reworded import along, reworded, row
from backstory.memory.reading.turns import Line, chain, line
from tests.growth import cost

_DOCUMENT = "### Task:\nUse the context.\n<context>\nThe depot has nine doors.\n</context>\n<user_query>\n{}\n</user_query>"


def _line(role: Role, text: str) -> Line:
    return line(Message(role, (Text(text),)))


def _path(*said: tuple[Role, str]) -> list[Turn]:
    turns: list[Turn] = []
    last = b""
    for place, (role, text) in enumerate(said):
        one = _line(role, text)
        last = chain(last, one.content)
        turns.append(Turn(place + 1, "c", place, place, last, one.content, role, "spoken", one.text, arrived=float(place)))
    return turns


def _lines(*said: tuple[Role, str]) -> list[Line]:
    return [_line(role, text) for role, text in said]


def _exchange(asked: str, answered: str) -> tuple[tuple[Role, str], tuple[Role, str]]:
    return ("user", asked), ("assistant", answered)


def _same(sent: str, stored: str) -> bool:
    return reworded(_line("user", sent), _path(("user", stored))[0])


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        ("How many doors?", _DOCUMENT.format("How many doors?"), True),
        (_DOCUMENT.format("How many doors?"), "How many doors?", True),
        ("yes", "It is 10:02.\n\nyes", True),
        ("yes", "It was yesterday.", False),
        ("How many\n\ndoors?", "Context.\nHow many doors? Thanks.", True),
        ("How many doors has the depot at Lyon?", "> How many doors has\n> the depot at Lyon?\nnow", True),
        ("How many doors?", _DOCUMENT.format("How many gates?"), False),
        ("", "anything", False),
        ("Do it.", "Do not do it, never.", False),
        ("门有多少扇", "背景：仓库。\n问题：门有多少扇？", True),
    ],
)
def test_one_holds_the_words_of_the_other_whole(sent: str, stored: str, same: bool) -> None:
    assert _same(sent, stored) is same


def test_another_sender_says_another_thing() -> None:
    turn = _path(("user", "It is noon.\nHow many doors has the depot?"))[0]
    told = replace(_line("user", "How many doors has the depot?"), sender="Ada")
    assert reworded(told, turn)
    assert reworded(told, replace(turn, sender="Ada"))
    assert not reworded(told, replace(turn, sender="Bob"))


def test_its_answer_stands_behind_it() -> None:
    path = _path(("user", _DOCUMENT.format("How many doors?")), ("assistant", "Nine of them."))
    laid = lay(_lines(("user", "How many doors?"), ("assistant", "Nine of them.")), 0, path, 0)
    assert (laid.known(), laid.end(2), laid.changed(2)) == (2, (2, 2), 1)
    other = lay(_lines(("user", "How many doors?"), ("assistant", "There are seven doors, as far as I know.")), 0, path, 0)
    assert other.known() == 0
    assert lay(_lines(("user", "How many doors?")), 0, path, 0).known() == 0


def test_what_came_as_history_has_no_other_surroundings() -> None:
    path = [replace(turn, arrived=1.0) for turn in _path(("user", _DOCUMENT.format("How many doors?")), ("assistant", "Nine of them."))]
    lines = _lines(("user", "How many doors?"), ("assistant", "Nine of them."), ("user", "And gates?"))
    assert row(lines, 0, 2, path, 0) is None
    assert along(lines, path) is None
    assert row(lines, 0, 2, [path[0], replace(path[1], arrived=2.0)], 0) is not None
    assert row(_lines(("user", _DOCUMENT.format("How many doors?")), ("assistant", "Nine of them.")), 0, 2, path, 0) is not None


def test_messages_beside_a_question_may_be_left_out_or_put_in() -> None:
    path = _path(("user", "The depot has nine doors."), ("user", "How many doors?"), ("assistant", "Nine."))
    found = row(_lines(("user", "How many doors?"), ("assistant", "Nine.")), 0, 2, path, 0)
    assert found is not None
    assert (found.item, found.place, found.places, list(found.unsaid)) == (1, 2, {0: 1}, [0])
    more = _lines(("user", "Today is Friday."), ("user", "How many doors?"), ("assistant", "Nine."))
    found = row(more, 0, 3, path[1:], 0)
    assert found is not None
    assert found.places == {0: -1, 1: 0}
    neither = _lines(("user", "Today is Friday."), ("user", "How many doors?"), ("assistant", "Nine."))
    assert row(neither, 0, 3, path, 0) is None


def test_a_cut_history_lies_along_the_end_of_a_branch() -> None:
    said = [one for at in range(5) for one in _exchange(f"Date {at}: go on", f"Step {at} is done.")]
    path = _path(*said)
    sent = _lines(
        ("user", "go on"), ("assistant", "Step 2 is done."), ("user", "go on"), ("assistant", "Step 3 is done."), ("user", "next")
    )
    made = along(sent, path)
    assert made is not None
    assert [one.content for one in made[:4]] == [turn.content for turn in path[4:8]]
    assert made[4] is sent[4]
    skipped = _lines(("user", "go on"), ("assistant", "Step 1 is done."), ("user", "go on"), ("assistant", "Step 3 is done."))
    assert along(skipped, path) is None


@pytest.mark.parametrize("same", [True, False])
def test_many_messages_in_a_row_are_laid_beside_others_in_little_time(same: bool) -> None:
    stored = [("user", f"Reading number {number} of the gauge at the mill.") for number in range(3000)]
    said = stored if same else [("user", f"Bag number {number} of the flour from the mill.") for number in range(3000)]
    sent = [("user", f"Today is Monday.\n\n{text}") for _, text in said]
    lines, path = _lines(*sent, ("assistant", "Noted."), ("user", "And?")), _path(*stored, ("assistant", "Noted."))  # type: ignore[arg-type]
    assert cost(lambda: row(lines, 0, len(lines), path, 0), 1.0) < 1.0  # a minute where each is laid beside every other
    found = row(lines, 0, len(lines), path, 0)
    assert (found is not None and found.changed == len(stored)) is same


def test_one_question_is_found_among_many_that_its_client_leaves_out() -> None:
    stored = [("user", f"Reminder {number}: be brief.") for number in range(300)]
    path = _path(*stored, ("user", "How many doors has it?"), ("assistant", "Nine."))  # type: ignore[arg-type]
    lines = _lines(("user", "Now: How many doors has it?"), ("assistant", "Nine."))
    found = row(lines, 0, len(lines), path, 0)
    assert found is not None
    assert found.places == {0: 300}
