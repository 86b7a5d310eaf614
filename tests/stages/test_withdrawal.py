"""What was said elsewhere goes up only where it may be told, whatever is learnt of another process while that is looked at."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from backstory.core.records import Conversation, Injection, Turn
from backstory.memory.identity.thread import Thread
from backstory.stages.withdrawal import Withdrawal


def test_a_block_that_is_learnt_while_others_are_looked_at_is_looked_at_too() -> None:
    thread = Thread(Conversation("a", "p", 1.0, 1.0), b"root")
    blocks = [Injection("a", bytes([number]) * 16, f"<recalled>Private {number}.</recalled>", (90 + number,), 9, 2.0) for number in (1, 2)]
    thread.inject(blocks[:1])

    class Rooms:
        async def note(self, _: object) -> None: ...

        async def entered(self, _: object) -> str:
            thread.inject(blocks[1:])
            return "a room"

        async def among(self, *_: object) -> list[str]:
            return []

    class Lanes:
        async def read(self, _: object) -> dict[int, Turn]:
            return {}

    async def work() -> None:
        visit = SimpleNamespace(ready=True, thread=thread, reading=SimpleNamespace(lines=[], reused=0))
        visits = {1: visit}
        stage = Withdrawal(cast(Any, visits), cast(Any, Lanes()), cast(Any, Rooms()), lambda: 5.0)
        await stage.request(cast(Any, SimpleNamespace(id=1)))
        assert not thread.injections
        assert thread.withheld == {one.chain for one in blocks}
        assert (thread.told_in, thread.loosened) == ("a room", 5.0)

    asyncio.run(work())
