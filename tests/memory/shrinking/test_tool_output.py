"""Which tool results may give way, what their stubs say, and that what comes back by a ref is what was there."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.message import Message, Part, Text, ToolCall, ToolResult
from backstory.core.records import Turn
from backstory.errors import NotFound
from backstory.memory.folding.compaction import Window
from backstory.memory.reading.turns import line
from backstory.memory.shrinking import refs, tool_output
from backstory.memory.shrinking.tool_output import Choice, Rules

RULES = Rules(Window(100_000, 0.7, 0.85, 6), 500, 100)
LONG = "\n".join(f"line {number} of a file that somebody read" for number in range(100))
OTHER = "\n".join(f"row {number} of another output altogether" for number in range(100))


def turns(messages: Sequence[tuple[str, Sequence[Part]]]) -> list[Turn]:
    made: list[Turn] = []
    for number, (role, parts) in enumerate(messages):
        one = line(Message(role, tuple(parts)))  # type: ignore[arg-type]
        kind = "tool" if one.kind == "tool" else "spoken"
        tokens = len(one.calls or one.text) // 4
        made.append(
            Turn(number + 1, "c", number, number, b"", one.content, role, kind, one.text, tokens=tokens, calls=one.calls)  # type: ignore[arg-type]
        )
    return made


def call(number: int, name: str, **arguments: object) -> tuple[str, list[Part]]:
    return "assistant", [ToolCall(f"c{number}", name, json.dumps(arguments))]


def back(number: int, text: str, error: bool = False) -> tuple[str, list[Part]]:
    return "user", [ToolResult(f"c{number}", "", text, (), error)]


def chosen(*steps: tuple[str, list[Part]]) -> list[tuple[int, str]]:
    """The turns whose result may go, and why, of a history of which only the end is protected."""
    path = turns([*steps, ("assistant", [Text("done")])])
    return [(one.result.turn, one.reason) for one in tool_output.choices(tool_output.results(path), 0, len(path), RULES)]


def test_the_same_file_read_again_makes_the_first_reading_old() -> None:
    read = {"file_path": "/a/x.py"}
    assert chosen(call(1, "Read", **read), back(1, LONG), call(2, "Read", **read), back(2, LONG)) == [(2, "again"), (4, "old")]
    part = call(1, "Read", file_path="/a/x.py", offset=1, limit=50)
    assert chosen(part, back(1, LONG), call(2, "Read", **read), back(2, LONG))[0] == (2, "again"), "the whole covers a part"
    other = call(2, "Read", file_path="/a/x.py", offset=51, limit=50)
    assert chosen(part, back(1, LONG), other, back(2, LONG)) == [(2, "old"), (4, "old")], "one part does not cover another"
    assert chosen(call(1, "Read", **read), back(1, LONG), call(2, "Read", file_path="/a/y.py"), back(2, OTHER)) == [(2, "old"), (4, "old")]


def test_a_reading_that_failed_does_not_supersede_one_that_did_not() -> None:
    read = {"path": "x.py"}
    found = chosen(call(1, "read", **read), back(1, LONG), call(2, "read", **read), back(2, "no such file", error=True))
    assert found == [(2, "old")]


def test_the_same_command_run_again_supersedes_whatever_came_of_it() -> None:
    run = {"command": "pytest -q", "description": "run the tests"}
    again = run | {"description": "once more", "timeout": 9000}
    found = chosen(call(1, "Bash", **run), back(1, LONG), call(2, "Bash", **again), back(2, OTHER + "\nexit code 1"))
    assert found == [(2, "again")], "and the last one, which failed, stays"
    listed = {"command": ["bash", "-lc", "ls"]}
    assert chosen(call(1, "shell", **listed), back(1, LONG), call(2, "shell", **listed), back(2, LONG))[0] == (2, "again")


@pytest.mark.parametrize(
    "change",
    [
        call(2, "Edit", file_path="./src/../src/x.py", old_string="a", new_string="b"),
        call(2, "write_file", path="src/x.py", content="b"),
        call(2, "str_replace_based_edit_tool", command="str_replace", path="src/x.py", old_str="a", new_str="b"),
        call(2, "apply_patch", input="*** Begin Patch\n*** Update File: src/x.py\n@@\n-a\n+b\n*** End Patch"),
        ("assistant", [ToolCall("c2", "apply_patch", "*** Begin Patch\n*** Update File: src/x.py\n@@\n-a\n+b\n*** End Patch")]),
    ],
)
def test_a_reading_is_stale_once_its_file_was_changed(change: tuple[str, list[Part]]) -> None:
    read = call(1, "Read", path="src/x.py")
    assert chosen(read, back(1, LONG), change, back(2, "done")) == [(2, "changed")]
    assert chosen(read, back(1, LONG), change, back(2, "the text to replace was not found", error=True)) == [(2, "old")]


def test_looking_with_a_tool_of_many_verbs_is_no_change() -> None:
    look = call(1, "str_replace_based_edit_tool", command="view", path="x.py")
    again = call(2, "str_replace_based_edit_tool", command="view", path="x.py")
    assert chosen(look, back(1, LONG), again, back(2, LONG))[0] == (2, "again")


def test_an_error_that_is_the_last_word_on_its_subject_stays() -> None:
    failed = back(1, LONG + "\nTraceback: it failed", error=True)
    assert chosen(call(1, "Bash", command="make"), failed) == []
    assert chosen(call(1, "Bash", command="make"), back(1, LONG + "\nmake: *** [all] Error 2")) == [], "nor one that only says so"
    assert chosen(call(1, "Bash", command="make"), failed, call(2, "Bash", command="make"), back(2, "ok")) == [(2, "again")]
    assert chosen(call(1, "Bash", command="make"), back(1, LONG + "\n5 passed, 0 failed")) == [(2, "old")]


def test_small_results_stay_and_middling_ones_go_only_when_superseded() -> None:
    read = {"path": "x.py"}
    assert chosen(call(1, "read", **read), back(1, "short"), call(2, "read", **read), back(2, "short")) == []
    middling = LONG[:1200]
    assert chosen(call(1, "read", **read), back(1, middling), call(2, "read", **read), back(2, middling)) == [(2, "again")]


def test_calls_without_arguments_are_alike_only_where_they_look() -> None:
    assert chosen(call(1, "next_page"), back(1, LONG), call(2, "next_page"), back(2, LONG)) == [(2, "old"), (4, "old")]
    assert chosen(call(1, "browser_snapshot"), back(1, LONG), call(2, "browser_snapshot"), back(2, LONG))[0] == (2, "again")


def test_results_without_ids_belong_to_the_calls_in_order() -> None:
    asked: list[Part] = [ToolCall("", "read", '{"path":"a"}'), ToolCall("", "read", '{"path":"b"}')]
    given_back: list[Part] = [ToolResult("", "read", "first"), ToolResult("", "read", "second")]
    found = tool_output.results(turns([("assistant", asked), ("user", given_back)]))
    assert [(one.path, one.text, one.place) for one in found] == [("a", "first", 0), ("b", "second", 1)]
    named: list[Part] = [ToolCall("1", "read", '{"path":"a"}'), ToolCall("2", "read", '{"path":"b"}')]
    found = tool_output.results(turns([("assistant", named), ("user", given_back)]))
    assert [one.path for one in found] == ["a", "b"], "nor does it matter that the calls have some"


def test_the_newest_exchanges_and_steps_are_protected() -> None:
    steps = [step for number in range(40) for step in (call(number, "run", command=f"x {number}"), back(number, LONG))]
    path = turns([("user", [Text("do it")]), *steps])
    first = tool_output.protected(path, RULES.window)
    assert sum(turn.tokens for turn in path[first:]) <= 10_000
    assert first > len(path) - 30
    huge = [replace(turn, tokens=50_000) for turn in path]
    assert len(path) - tool_output.protected(huge, RULES.window) >= 4, "two steps in any case"
    chat = turns([step for number in range(20) for step in (("user", [Text(f"q {number}")]), ("assistant", [Text("a")]))])
    assert tool_output.protected(chat, RULES.window) == 28, "six exchanges"
    assert tool_output.protected([], RULES.window) == 0


def test_a_stub_says_what_it_was_and_is_clearly_shorter() -> None:
    (result,) = tool_output.results(turns([call(1, "Read", file_path="src/x.py"), back(1, LONG)]))
    stub = tool_output.stub(Choice(result, "changed"), RULES)
    assert stub is not None
    name = refs.ref("result", 2, 0, tool_output.content(LONG))
    head = f"[left out: Read file_path=src/x.py; 100 lines, {len(LONG)} characters; what it shows was changed later; ref {name}]"
    assert stub.split("\n") == [head, "line 0 of a file that somebody read", "...", "line 99 of a file that somebody read"]
    old = tool_output.stub(Choice(result, "old"), RULES)
    assert old is not None
    assert "left out ..." in old
    assert len(old) < 800
    assert tool_output.stub(Choice(replace(result, text=LONG[:300]), "changed"), RULES) is None


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), min_size=1, max_size=4)


@given(TEXTS, st.integers(1, 2**62))
def test_every_result_of_a_turn_comes_back_by_its_own_ref(texts: list[str], turn_id: int) -> None:
    parts = [ToolResult(f"c{number}", "", text) for number, text in enumerate(texts)]
    (turn,) = [replace(turn, id=turn_id) for turn in turns([("user", parts)])]
    names = [refs.ref("result", turn_id, place, tool_output.content(text)) for place, text in enumerate(texts)]
    assert len(set(names)) == len(texts)
    for name, text in zip(names, texts, strict=True):
        assert tool_output.restored(turn, refs.parsed(name)) == text


def test_what_is_not_what_it_was_does_not_come_back() -> None:
    (turn,) = turns([back(1, LONG)])
    name = refs.parsed(refs.ref("result", 1, 0, tool_output.content(LONG)))
    with pytest.raises(NotFound):
        tool_output.restored(replace(turn, calls=turn.calls.replace("line 7 ", "line 8 ")), name)
    with pytest.raises(NotFound):
        tool_output.restored(turn, replace(name, place=1))
    with pytest.raises(NotFound):
        tool_output.restored(replace(turn, calls=""), name)
