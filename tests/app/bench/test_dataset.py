"""The data set of `bench recall`: what is read, and what is said of what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.bench.dataset import SAMPLE, load
from backstory.errors import ConfigError

GOOD = {
    "conversations": [
        {
            "id": "c",
            "turns": [
                {"id": "1", "speaker": "Ann", "time": "2025-03-02T18:10:00Z", "text": "The key is under the mat."},
                {"id": "2", "speaker": "Bo", "time": 1740938000, "text": "Thanks."},
                {"id": "3", "speaker": "Bo", "time": "8 May 2025", "text": "Found it."},
            ],
            "questions": [{"text": "Where is the key?", "evidence": ["1"]}],
        }
    ]
}


def written(folder: Path, value: object) -> str:
    path = folder / "data.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_times_are_read_in_three_spellings(tmp_path: Path) -> None:
    (talk,) = load(written(tmp_path, GOOD)).conversations
    assert [turn.at for turn in talk.turns] == [1740939000.0, 1740938000.0, 1746662400.0]
    assert talk.asked_at(talk.questions[0]) > max(turn.at for turn in talk.turns)


def test_the_sample_is_a_data_set_with_questions_of_both_kinds() -> None:
    questions = [question for talk in load(SAMPLE).conversations for question in talk.questions]
    assert any(question.evidence for question in questions)
    assert any(not question.evidence for question in questions)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("{", "not JSON"),
        ({"conversations": [{"id": "c"}]}, "missing required field `turns`"),
        ({"conversations": []}, "no question"),
        ({"conversations": [{**GOOD["conversations"][0], "extra": 1}]}, "unknown field `extra`"),
        ({"conversations": [{**GOOD["conversations"][0], "questions": [{"text": "?", "evidence": ["9"]}]}]}, "evidence '9' is no turn"),
        ({"conversations": [{**GOOD["conversations"][0], "questions": [{"text": " "}]}]}, "an empty question"),
        ({"conversations": GOOD["conversations"] * 2}, "a second conversation 'c'"),
        (
            {"conversations": [{**GOOD["conversations"][0], "turns": [{"id": "1", "speaker": "A", "time": "soon", "text": "x"}]}]},
            "'soon' is no time",
        ),
    ],
)
def test_a_wrong_shape_is_told_with_its_place(tmp_path: Path, change: object, told: str) -> None:
    path = written(tmp_path, change)
    with pytest.raises(ConfigError, match=told) as error:
        load(path)
    assert path in str(error.value)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load("/nowhere/data.json")


def test_a_mark_of_byte_order_is_no_part_of_it(tmp_path: Path) -> None:
    assert load(written(tmp_path, "\ufeff" + json.dumps(GOOD))) == load(written(tmp_path, GOOD))
