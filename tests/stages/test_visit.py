"""What is known of exchanges under way."""

from __future__ import annotations

from collections.abc import Callable

from backstory.core.records import Conversation, Turn
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.visit import Visit, Visits
from tests.growth import MOST, growth


def turns(count: int) -> list[Turn]:
    return [Turn(number + 1, "c", number, number, b"%d" % number, b"", "user", "spoken", "Hi.") for number in range(count)]


def visits(thread: Thread, *brought: list[Turn]) -> Visits:
    made = Visits()
    for number, new in enumerate(brought):
        made.open(number, Visit(thread, Reading(b"", [], [], 0), "", turns=new))
    return made


def test_turns_of_other_requests_are_found_where_they_hang() -> None:
    thread = Thread(Conversation("c", "", 0.0, 0.0), b"root")
    first, second = turns(2)
    found = visits(thread, [first, second], []).under_way(thread)
    assert found == {(0, first.chain): first, (1, second.chain): second}
    alone = Thread(Conversation("c", "", 0.0, 0.0), b"root")
    assert not visits(alone, [first]).under_way(alone), "nobody else is under way"


def test_what_others_bring_is_looked_through_once() -> None:
    def work(size: int) -> Callable[[], object]:
        thread, new = Thread(Conversation("c", "", 0.0, 0.0), b"root"), turns(size)
        made = visits(thread, new, [])

        def looked_for() -> list[Turn | None]:
            found = made.under_way(thread)
            return [found.get((turn.parent, turn.chain)) for turn in new]

        return looked_for

    assert growth(work, 5_000) < MOST
