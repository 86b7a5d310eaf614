"""`bench recall`: the figures mean what they say, and the command gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.bench.dataset import SAMPLE, load
from backstory.app.bench.recall import Row, run
from backstory.app.bench.scores import share
from backstory.app.bench.systems import SYSTEMS
from backstory.app.cli import main
from backstory.errors import ConfigError


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, int], Row]:
    report = run(load(SAMPLE), SYSTEMS, (100, 200, 1000), None, 0.0)
    return {(row.system, row.budget): row for row in report.rows}


def test_full_context_holds_all_evidence_and_is_told_to_be_over_the_budget(rows: dict[tuple[str, int], Row]) -> None:
    assert rows["full", 100].recall.percent == 100.0
    assert not rows["full", 100].within
    assert rows["full", 1000].within


def test_recency_loses_what_is_old_where_the_budget_is_small(rows: dict[tuple[str, int], Row]) -> None:
    assert rows["recency", 100].recall.percent < 50
    assert rows["recency", 100].tokens <= 100


def test_recall_beats_both_baselines_within_a_small_budget(rows: dict[tuple[str, int], Row]) -> None:
    own = rows["backstory", 200]
    assert own.within
    assert own.recall.percent > rows["bm25", 200].recall.percent
    assert own.recall.percent > rows["recency", 200].recall.percent


def test_baselines_without_a_gate_bring_something_for_everything(rows: dict[tuple[str, int], Row]) -> None:
    assert rows["recency", 1000].foreign.percent == 100.0
    assert rows["backstory", 1000].foreign.percent < 20.0
    assert rows["backstory", 1000].false.questions == 6


def test_an_interval_holds_its_share_and_narrows_with_the_questions() -> None:
    few, many = share([True, False] * 5), share([True, False] * 500)
    assert few.low <= few.percent <= few.high
    assert many.high - many.low < few.high - few.low
    assert share([True, False] * 5) == few


def test_a_system_that_there_is_not_is_told() -> None:
    with pytest.raises(ConfigError, match="no system 'magic'"):
        run(load(SAMPLE), ("magic",), (100,), None, 0.0)


def test_the_command_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "recall", "--budgets", "100", "--systems", "bm25", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"][0]["recall"]["questions"] == 17
    assert main(["bench", "recall", "--budgets", "100"]) == 0
    assert "backstory" in capsys.readouterr().out
    assert main(["bench", "recall", "--json"]) == 0
    usual = {(row["system"], row["budget"]): row["recall"]["percent"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert usual["backstory", 120] > usual["recency", 120] + 20, "budgets that tell systems apart"
    assert main(["bench", "recall", "--budgets", "many"]) == 2
    assert "--budgets" in capsys.readouterr().err


def test_of_questions_that_nothing_answers_no_share_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [{"id": "1", "speaker": "Ann", "text": "My dog is Rex."}]
    talk = {"id": "a", "turns": turns, "questions": [{"text": "Who is the pope?", "evidence": []}]}
    (tmp_path / "set.json").write_text(json.dumps({"name": "none", "conversations": [talk]}))
    assert main(["bench", "recall", str(tmp_path / "set.json"), "--budgets", "100", "--systems", "backstory"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("backstory "))
    assert row.split()[:4] == ["backstory", "100", "-", "-"]
