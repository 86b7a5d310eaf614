"""The data sets that are written by rule: of the documented shape, the same in every run, and each question has its evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.bench.dataset import load
from benchmarks.dialogues import dataset


@pytest.mark.parametrize("style", ["messenger", "assistant"])
def test_a_written_data_set_is_one_that_can_be_measured(style: str, tmp_path: Path) -> None:
    made = dataset(style, 2)
    assert made == dataset(style, 2)
    path = tmp_path / "made.json"
    path.write_text(json.dumps(made), "utf-8")
    data = load(str(path))
    assert len(data.conversations) == 2
    assert all(question.evidence for talk in data.conversations for question in talk.questions)
    assert len({turn.text for talk in data.conversations for turn in talk.turns}) > 50
