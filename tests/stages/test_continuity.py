"""What a conversation says of plan and decisions is looked for once, while its summary is written, and is there when the client goes on."""

from __future__ import annotations

import asyncio
from typing import cast

from backstory.core.records import Conversation, Turn
from backstory.core.store import Lanes
from backstory.core.tokens import count
from backstory.memory.folding.continuity import gather, later, left_out, still_open
from backstory.memory.identity.thread import Thread
from backstory.stages.continuity import Continuity
from backstory.stages.threads import Threads

SAID = "Let's use SQLite instead of Postgres for the session cache."
LATER = "Never touch the vendor folder, whatever the tests say about it."
LONG = "It waits for the disk, and goes on when there is room. " * 20


def turn(number: int, text: str, branch: bytes = b"") -> Turn:
    return Turn(number, "c", 0, number - 1, b"%d" % number + branch, b"", "user" if number % 2 else "assistant", "spoken", text)


def thread(turns: list[Turn]) -> Thread:
    made = Thread(Conversation("c", "", 0.0, 0.0), b"root")
    made.path.extend(turns)
    return made


def stage(hot: bool) -> Continuity:
    return Continuity(cast(Threads, None), cast(Lanes, None), lambda: hot)


def test_what_is_looked_for_when_a_summary_is_asked_for_is_there_when_the_client_goes_on() -> None:
    async def work() -> None:
        turns = [turn(1, SAID), *(turn(number, LONG) for number in range(2, 61))]
        continuity, known = stage(hot=False), thread(turns)
        continuity.asked(1, known)
        begun = continuity._gather(known, 60)
        await begun
        known.path.append(turn(61, LATER))
        assert continuity._gather(known, 61) is begun, "a turn more is looked at by itself"
        other = thread([*turns[:-1], turn(60, LONG, b"other")])
        assert continuity._gather(other, 60) is not begun, "another branch says other things"
        continuity.forget()
        assert continuity._gather(known, 60) is not begun, "what may be forgotten is not held"

    asyncio.run(work())


def test_what_failed_is_looked_for_again() -> None:
    async def work() -> None:
        continuity, known = stage(hot=False), thread([turn(number, LONG) for number in range(1, 61)])
        begun = continuity._gather(known, 60)
        begun.cancel()
        await asyncio.sleep(0)
        assert await continuity._gather(known, 60) == gather(known.path)

    asyncio.run(work())


def test_it_gives_way_to_requests_until_one_waits_for_it() -> None:
    async def work() -> None:
        continuity, known = stage(hot=True), thread([turn(number, LONG) for number in range(1, 401)])
        begun = continuity._gather(known, 400)
        await asyncio.sleep(0.05)
        assert not begun.done()
        continuity._awaited["c"] += 1
        assert await asyncio.wait_for(begun, 20) == gather(known.path)

    asyncio.run(work())


def test_turns_that_came_since_say_their_own() -> None:
    old, new = [turn(1, SAID), turn(2, "Fine.")], [turn(3, LATER)]
    whole = [*old, *new]
    found = left_out(later(gather(new), gather(old)), {1, 2, 3}.__contains__, [], 500, count)
    assert found == still_open(whole, [], 500, count)
    assert SAID in found.text
    assert LATER in found.text
    assert LATER not in left_out(gather(whole), {1, 2}.__contains__, [], 500, count).text
