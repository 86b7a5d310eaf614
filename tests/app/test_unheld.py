"""A provider that takes less than is believed refuses what is held in front of a cut history: the request goes up once more without, and its
client sees one answer, the second one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backstory.app.why import Diff, Explanation, diff, explain
from backstory.core.store import Store
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig
from tests.stages.billing import Clock
from tests.stages.test_holding import KEEPS, NAME, Cutter, Till, config, messages
from tests.stages.world import conversation, stored, thread

TOO_LONG = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}'
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"later"}}'


class Strict:
    """A provider that takes no more than so many messages; `most` None: any number."""

    def __init__(self, clock: Clock, status: bytes = b"400 Bad Request") -> None:
        self.till = Till(clock)
        self.status = status
        self.most: int | None = None
        self.refused: list[bytes] = []

    def __call__(self, received: Received) -> bytes:
        if self.most is not None and len(messages(received.body)) > self.most:
            self.refused.append(received.body)
            return reply(TOO_LONG, status=self.status)
        return self.till(received)


async def held(one: Rig, cutter: Cutter, clock: Clock, provider: Strict, more: Callable[[bytes], bytes] = lambda body: body) -> str:
    """A conversation in which something is held; its name."""
    name = ""
    for _ in range(14):
        clock.now += 10.0
        body = more(cutter.body(KEEPS))
        head, answer = await one.ask(PATHS["anthropic"], body, NAME)
        name = conversation(head)
        cutter.hears(answer)
        if len(messages(provider.till.sent)) > len(messages(body)) + 2:
            return name
    raise AssertionError("nothing was held")


def header(head: bytes, name: bytes) -> str:
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]
    return lines[0].partition(b":")[2].strip().decode() if lines else ""


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Too Large", b"422 Unprocessable"])
def test_a_refused_one_goes_up_as_it_came(tmp_path: Path, status: bytes) -> None:
    clock = Clock()

    async def work() -> None:
        provider = Strict(clock, status)
        async with rig(config(tmp_path), provider, clock=clock) as one:
            cutter = Cutter()
            name = await held(one, cutter, clock, provider)
            provider.most = KEEPS
            for number in range(8):
                clock.now += 10.0
                body = cutter.body(KEEPS)
                head, answer = await one.ask(PATHS["anthropic"], body, NAME)
                assert head.startswith(b"HTTP/1.1 200")
                assert provider.till.sent == body, number
                assert header(head, b"X-VC-Proof").partition(",")[0][3:] == header(head, b"X-VC-Proof").rpartition("=")[2]
                cutter.hears(answer)
            assert len(provider.refused) == 1
            assert len(messages(provider.refused[0])) > KEEPS
            assert conversation(head) == name
            assert one.door.metrics.repeats == 1
            assert thread(one, name).account.refused
            assert not one.failures()

    asyncio.run(work())
