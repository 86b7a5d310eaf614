"""Instances with a memory of their own: commands look into one memory, and say where the others are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.cli import main
from backstory.core.records import Batch, Conversation
from backstory.stores.database import open_store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three ports: one of the main memory, and two with a file, of which one names its storage."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "backstory.yaml").write_text(
        "proxy:\n  instances:\n    - {port: 5757}\n    - {port: 5758, label: claude, config: ./a.yaml}\n"
        "    - {port: 5759, config: ./b.yaml}\n"
    )
    (tmp_path / "a.yaml").write_text("compaction: {context_window: 9000}\n")
    (tmp_path / "b.yaml").write_text("storage: {url: 'postgresql://me:secret@127.0.0.1:1/db'}\n")
    store = open_store(f"sqlite:///{tmp_path}/data/backstory/backstory.db")
    store.write([Batch((Conversation("aaaa-1", "", 1.7e9, 2e9, "openai_chat", "m", "", b"", "", 0),))])
    store.close()
    return tmp_path


def test_status_names_the_memories_apart(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert f"claude: sqlite:///{home}/data/backstory/backstory-claude.db" in out
    assert "secret" not in out
    assert main(["status", "--json"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["apart"]) == ["5759", "claude"]
    assert main(["status", "--storage", f"sqlite:///{home}/data/backstory/backstory-claude.db", "--json"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["apart"]) == ["5759"]


def test_who_forgets_everything_is_told_what_is_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "--all", "--yes"]) == 0
    told = capsys.readouterr().err
    assert "backstory-claude.db" in told
    assert "5759" in told
    assert "secret" not in told


def test_who_forgets_one_conversation_is_told_of_no_other_memory(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "aaaa-1", "--yes"]) == 0
    assert capsys.readouterr().err == ""
