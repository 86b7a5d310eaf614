"""What was just said is corrected at once, however that is put; what only looks like a correction changes nothing."""

from __future__ import annotations

import pytest

from tests.memory.facts.table_corrections import CORRECTED, UNCHANGED
from tests.memory.facts.test_supersession import ledger


@pytest.mark.parametrize(("texts", "left"), CORRECTED)
def test_a_correction_takes_the_place_of_what_was_just_said(texts: list[str], left: str) -> None:
    known = ledger(texts).known()
    assert any(one.number == 1 and one.status == "superseded" for one in known)
    assert any(one.number == len(texts) and one.status == "current" and left in one.fact.object.lower() for one in known)


@pytest.mark.parametrize("texts", UNCHANGED)
def test_what_only_looks_like_a_correction_changes_nothing(texts: list[str]) -> None:
    known = ledger(texts).known()
    assert all(one.status != "superseded" for one in known if one.number == 1)
    assert not [one for one in known if one.number == len(texts) and (one.corrects or one.fact.kind == "correction")]


@pytest.mark.parametrize(
    "texts",
    [
        ["The demo is on Tuesday.", "Thanks.", "Thanks.", "Thanks.", "Thanks.", "Thanks.", "They moved it to Friday."],
        ["They moved it to Friday."],
        ["Sorry, her name is Anne."],
        ["They cancelled the demo."],
    ],
)
def test_a_correction_that_points_to_nothing_near_is_no_fact(texts: list[str]) -> None:
    assert all(one.status == "current" and one.fact.kind != "correction" for one in ledger(texts).known())
