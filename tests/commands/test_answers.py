"""What answers read like."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.commands import COMMANDS, guide
from backstory.commands.command import Command
from backstory.commands.links import Row, Side, listed, preview
from backstory.commands.search import Found, recalled


def test_the_manual_names_every_command_with_the_prefix_in_use() -> None:
    told = guide.manual(COMMANDS, ";;")
    for command in COMMANDS:
        assert f";;{command.name}" in told
        assert command.word in told
        assert command.meaning in told
    assert "!/" not in told


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_wrong_argument_is_told_with_what_is_right(command: Command) -> None:
    told = guide.wrong(command, "nonsense", "!/")
    assert "'nonsense'" in told
    assert command.usage("!/") in told
    assert all(choice in told for choice in command.choices)


def test_the_list_marks_the_conversation_it_is_asked_in() -> None:
    rows = [Row("8b0bd3a7-7b3b", "work", "alpha", 3, "2026-11-26 10:00 UTC", True), Row("9c1c", "", "", 1, "2026-11-25 10:00 UTC", False)]
    assert listed(rows).splitlines() == [
        "- 8b0bd3a7 'work': 3 turns, 2026-11-26 10:00 UTC, project 'alpha' (this one)",
        "- 9c1c: 1 turns, 2026-11-25 10:00 UTC",
    ]
    assert "Nothing" in listed([])


def test_a_preview_names_the_topics_of_both() -> None:
    told = preview(Side("a", "work", 4, 40, ("dog", "tea")), Side("b", "", 2, 20, ("tea",)))
    assert "Topics of both: tea" in told
    assert "4 turns, about 40 tokens" in told
    assert "Nothing was changed" in told


def test_recall_tells_where_each_line_is_from() -> None:
    lines = [Found("", 3, 77, "8 May 2023", "Ann", "A dog.\nTwo.", True), Found("work", 1, 78, "", "Bob", "Tea.", False)]
    told = recalled("dog?", lines, "", True)
    assert "- #3 (8 May 2023, turn 77, in your history already) Ann: A dog. Two." in told
    assert "- work #1 (no date, turn 78) Bob: Tea." in told
    assert "1 of these 2 are not in your own history: recall may add them." in told
    assert "none of them would be added" in recalled("dog?", lines, "", False)
    assert "because" in recalled("dog?", [], "because", True)


def test_the_readme_lists_every_command() -> None:
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text()
    for command in COMMANDS:
        assert f"`!/{command.name}" in readme, command.name
        assert not command.word or f"`{command.word}" in readme, command.word
