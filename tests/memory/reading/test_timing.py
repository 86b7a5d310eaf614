"""When turns were said: by their arrival, their own envelope, or the history that they came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.records import Turn
from backstory.memory.reading.timing import dated
from tests.memory.chats import seconds, turn

NOW = seconds("2026-11-26 14:00")
MARCH = seconds("2026-03-02 09:00")


def times(turns: list[Turn], before: Turn | None = None) -> list[float]:
    return [one.at for one in dated(turns, before)]


def test_what_comes_live_was_said_when_it_came() -> None:
    pasted = turn(1, "Ann: the pump broke", at=seconds("2019-03-05 10:00"), arrived=NOW)
    (answer,) = dated([turn(2, "ok", "assistant", arrived=NOW + 1)], pasted)
    (after,) = dated([turn(3, "My passport is Z-9911", arrived=NOW + 2)], answer)
    assert (answer.at, after.at) == (NOW + 1, NOW + 2)
    log = turn(1, "Why?\n[2019-03-05 10:00:00] Ann: the pump broke\n[2019-03-05 10:01:00] Bob: fixed", arrived=NOW)
    assert times([log, turn(2, "ok", "assistant", arrived=NOW)]) == [NOW, NOW]


def test_a_history_that_bears_times_dates_its_answers() -> None:
    said = [
        one
        for day in range(4)
        for one in (
            turn(2 * day + 1, f"day {day}", at=MARCH + day * 86_400, arrived=NOW, sender="Lea"),
            turn(2 * day + 2, "noted", "assistant", arrived=NOW),
        )
    ]
    said.append(turn(9, "and now?", arrived=NOW))
    found = times(said)
    assert found == [MARCH + day * 86_400 for day in range(4) for _ in range(2)] + [NOW]
    assert all(one.arrived == NOW for one in dated(said))


def test_one_stamp_in_a_history_holds_for_nothing_else() -> None:
    said = [turn(1, "Ann: the pump broke", at=MARCH, arrived=NOW)]
    said += [turn(number, f"text {number}", "assistant" if number % 2 == 0 else "user", arrived=NOW) for number in range(2, 12)]
    assert times(said) == [MARCH, *[NOW] * 10]


def test_a_dialogue_that_is_played_anew_goes_on_from_its_times() -> None:
    first = turn(1, "Ann: hello\n[9:00 am on 3 June, 2024] Ann: next day", at=seconds("2024-06-01 10:00"), arrived=NOW)
    (second,) = dated([turn(2, "Ben: hi", "assistant", arrived=NOW + 1)], first)
    (third,) = dated([turn(3, "Ann: well", arrived=NOW + 2)], second)
    (stamped,) = dated([turn(4, "[9:00 am on 9 June, 2024] Ben: a week later", "assistant", arrived=NOW + 3)], third)
    (late,) = dated([turn(5, "Ann: much later", arrived=NOW + 9_000)], stamped)
    (other,) = dated([turn(5, "what did she say?", arrived=NOW + 4)], stamped)
    june = seconds("2024-06-03 09:00")
    assert [one.at for one in (second, third, stamped, late, other)] == [
        june + 1,
        june + 2,
        seconds("2024-06-09 09:00"),
        NOW + 9_000,
        NOW + 4,
    ]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.booleans(), st.integers(0, 3)), max_size=12))
def test_no_time_is_made_up_and_none_that_is_stated_changes(rows: list[tuple[str, bool, int]]) -> None:
    said = [
        turn(number, "some words", role, at=MARCH + number if states else 0.0, arrived=NOW + later)
        for number, (role, states, later) in enumerate(rows, 1)
    ]
    for was, one in zip(said, dated(said), strict=True):
        assert one.arrived == was.arrived
        if was.at != was.arrived:
            assert one.at == was.at
        else:
            assert one.at in {was.arrived, *(other.at for other in said if other.arrived == was.arrived)}
