"""The commands that ask memory about itself, as they are typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.app.cli import main
from tests.app.faces.test_why import ask_for_it
from tests.rig import rig
from tests.stages.world import configured, echoing


def told(tmp_path: Path) -> tuple[str, str]:
    async def work() -> tuple[str, str]:
        async with rig(configured(tmp_path), echoing()) as one:
            return await ask_for_it(one)

    return asyncio.run(work())


def test_why_diff_and_pin_as_they_are_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, number = told(tmp_path)
    storage = ["--storage", f"sqlite:///{tmp_path}/memory.db"]

    def run(*arguments: str, code: int = 0) -> str:
        assert main([*arguments, *storage]) == code
        said = capsys.readouterr()
        return said.out if not code else said.err

    text = run("why", number)
    for part in ("exactly:", "<recalled>", "#1 (turn ", "User, characters 0 to ", "words ", "retention "):
        assert part in text
    assert "block, +" in run("diff", name)
    assert json.loads(run("why", number, "--json"))["conversation"] == name
    assert "pinned" in run("pin", name, "1")
    assert ", pinned" not in run("pin", name, "1", "--remove")
    assert len(json.loads(run("pin", name, "--json"))) > 10
    assert "has the turns 1 to" in run("pin", name, "999", code=1)
    assert "nothing is kept" in run("why", "99999999999999999", code=1)
    assert "no conversation" in run("why", "nobody:1", code=1)
