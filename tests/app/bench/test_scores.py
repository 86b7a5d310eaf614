"""What counts as found, and how sure a share is."""

from __future__ import annotations

from backstory.app.bench.dataset import Question, SaidTurn, Talk
from backstory.app.bench.scores import Evidence, share


def test_a_turn_without_letters_is_found_only_where_it_stands() -> None:
    evidence = Evidence(Talk("c", (SaidTurn("1", "Ann", "\N{THUMBS UP SIGN}"), SaidTurn("2", "Bo", " "))))
    assert not evidence.found(Question("?", ("1",)), "")
    assert not evidence.found(Question("?", ("2",)), "A context.")
    assert evidence.found(Question("?", ("1",)), "Ann: \N{THUMBS UP SIGN}")


def test_a_share_of_few_questions_is_not_sure_even_where_all_count() -> None:
    one, many = share([True]), share([True] * 400)
    assert one.percent == one.high == 100.0
    assert one.low < 30.0
    assert many.low > 98.0
    assert share([False]).high > 70.0
    assert share([True, False] * 50) == share([False, True] * 50)
