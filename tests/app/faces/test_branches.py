"""`export` and `show` hold every turn of a conversation whose messages were edited, and tell the branches apart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.app.cli import main
from tests.rig import rig
from tests.stages.talks import Talk, commanded
from tests.stages.world import echoing


class Told:
    """Runs a command on the store of a conversation: two edits of its second message, and one of what followed the first of these."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[str, str]:
        assert main([*words, "--storage", self.url]) == 0
        out, err = self._capsys.readouterr()
        return out, err

    def rows(self, *words: str) -> list[dict[str, Any]]:
        out = self(*words)[0]
        return list(map(json.loads, out.splitlines())) if words[0] == "export" else json.loads(out)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = commanded(tmp_path)

    async def work() -> None:
        async with rig(config, echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: trip")
            for back, text in (
                (0, "Let us plan."),
                (0, "Sacher, Vienna."),
                (0, "Two nights."),
                (2, "Three nights."),
                (4, "Adlon, Berlin."),
            ):
                del talk.messages[len(talk.messages) - back :]
                await talk.say(text)

    asyncio.run(work())
    capsys.readouterr()
    return Told(config.storage.url, capsys)


def named(told: Told) -> str:
    [row] = told.rows("conversations", "--json")
    assert row["turns"] == 10
    return str(row["id"])


def test_an_export_holds_every_turn_of_every_branch(told: Told) -> None:
    rows = told.rows("export")
    texts = [row["text"] for row in rows]
    current = ["Let us plan.", "Answer 1.", "Adlon, Berlin.", "Answer 5."]
    assert texts == [*current, "Sacher, Vienna.", "Answer 2.", "Three nights.", "Answer 4.", "Two nights.", "Answer 3."]
    assert len(rows) == told.rows("conversations", "--json")[0]["turns"]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 3, 4, 5, 6, 5, 6]
    assert [row.get("branch", 0) for row in rows] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    texts_by_id = {row["id"]: row["text"] for row in rows}
    follows = [texts_by_id.get(row.get("parent", 0), "") for row in rows]
    assert follows == ["", *current[:3], "Answer 1.", *texts[4:7], "Answer 2.", "Two nights."]
    assert all(json.loads(row["raw"])["content"] == row["text"] for row in rows if row["role"] == "user")
    assert told.rows("export", named(told)) == rows


def test_show_tells_how_many_stand_elsewhere_and_shows_them_when_asked(told: Told) -> None:
    name = named(told)
    out, err = told("show", name)
    assert (out.endswith("\n      Answer 5.\n\n6 more turns on other branches: --branches shows them\n"), err) == (True, "")
    assert "Sacher" not in out
    whole, _ = told("show", name, "--branches")
    assert whole.startswith(out[: out.index("\n\n6 more") + 1])
    assert "--branches" not in whole
    first, second = whole.split("\nBranch ")[1:]
    assert first.startswith("1, goes off after turn 2\n   3  ")
    assert [line.strip() for line in first.splitlines() if line.startswith("      ")] == [
        "Sacher, Vienna.",
        "Answer 2.",
        "Three nights.",
        "Answer 4.",
    ]
    assert second.startswith("2, goes off after turn 4 of branch 1\n   5  ")
    assert second.endswith("      Answer 3.\n")


def test_show_in_json_has_a_list_of_what_was_asked_for(told: Told) -> None:
    name = named(told)
    out, err = told("show", name, "--json")
    assert [row["text"] for row in json.loads(out)] == ["Let us plan.", "Answer 1.", "Adlon, Berlin.", "Answer 5."]
    assert err == "backstory: 6 more turns on other branches: --branches shows them\n"
    assert len(told.rows("show", name, "--json", "--branches")) == 10
    assert told("show", name, "--json", "--branches")[1] == ""


def test_markdown_tells_and_shows_them_alike(told: Told) -> None:
    out, _ = told("export", "--format", "markdown")
    assert out.splitlines()[2].startswith("4 turns, ")
    assert out.splitlines()[2].endswith("; 6 more turns on other branches")
    assert "Sacher" not in out
    whole, _ = told("export", "--format", "markdown", "--branches")
    assert whole.startswith(out)
    headings = [line.partition(", 2")[0] for line in whole[len(out) :].splitlines() if line.startswith("#")]
    assert headings == [
        "# Branch 1, goes off after turn 2",
        "## 3. user",
        "## 4. assistant",
        "## 5. user",
        "## 6. assistant",
        "# Branch 2, goes off after turn 4 of branch 1",
        "## 5. user",
        "## 6. assistant",
    ]


def test_what_is_about_to_be_forgotten_is_on_no_branch(told: Told, tmp_path: Path) -> None:
    config = commanded(tmp_path)

    async def work() -> None:
        async with rig(config, echoing("openai_chat")) as one:
            talk = Talk(one, b"x-session-id: trip")
            talk.messages = [("user", "Let us plan."), ("assistant", "Answer 1."), ("user", "Sacher, Vienna."), ("assistant", "Answer 2.")]
            await talk.say("Four nights.")
            await talk.told("VCFORGET sacher")
            del talk.messages[2:]
            await talk.say("Hilton.")

    asyncio.run(work())
    rows = told.rows("export")
    assert "Sacher" not in json.dumps(rows)
    assert {"Four nights.", "Three nights.", "Two nights.", "Adlon, Berlin.", "Hilton."} <= {row["text"] for row in rows}
    ids = {row["id"] for row in rows}
    assert all(row["parent"] in ids for row in rows if row["number"] > 1)


def test_a_turn_of_another_branch_is_forgotten_by_its_number(told: Told) -> None:
    name = named(told)
    before = {row["id"]: (row.get("branch", 0), row["number"]) for row in told.rows("export")}
    told("forget", "--turn", "3", "--branch", "1", "--conversation", name, "--yes")
    left = {row["id"] for row in told.rows("export")}
    assert [place for turn, place in before.items() if turn not in left] == [(1, 3)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("forget", "--turn", "3", "--branch", "7", "--yes", "--conversation"), "has no branch 7; beside the current one it has 1 to 2"),
        (("forget", "--turn", "30", "--branch", "1", "--yes", "--conversation"), "of conversation"),
        (("forget", "--turn", "30", "--yes", "--conversation"), "--branch B names one"),
    ],
)
def test_a_branch_or_turn_that_is_not_there_is_told(
    told: Told, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = named(told)
    assert main([*words, name, "--storage", told.url]) != 0
    assert said in capsys.readouterr().err
    assert len(told.rows("export")) == 10


def test_a_branch_without_a_turn_is_refused(told: Told) -> None:
    assert main(["forget", named(told), "--branch", "1", "--yes", "--storage", told.url]) == 2


def test_a_turn_of_another_branch_is_pinned_by_its_number(told: Told) -> None:
    name = named(told)
    wanted = next(row["id"] for row in told.rows("export") if row.get("branch") == 1 and row["number"] == 3)
    [row] = told.rows("pin", name, "3", "--branch", "1", "--json")
    assert (row["turn"], row["retention"]["pinned"]) == (wanted, True)
    assert not any(row["retention"]["pinned"] for row in told.rows("pin", name, "--json"))
