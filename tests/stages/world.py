"""The stages in a whole engine, and what of a request is worth telling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from backstory.config import Config
from backstory.core.store import Store
from backstory.memory.identity.thread import Thread
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, reply, said, settings, with_marker

Chat = list[tuple[str, str]]
T = TypeVar("T")


def configured(folder: Path, window: int = 120_000, threshold: int = 4, marker: str = "never", deadline_ms: float = 20_000.0) -> Config:
    return with_marker(
        settings(
            folder,
            memory={"threshold_messages": threshold},
            compaction={"context_window": window, "protected_recent_turns": 1},
            recall={"budget_tokens": 200, "deadline_ms": deadline_ms},
        ),
        marker,
    )


def echoing(wire: str = "anthropic") -> Callable[[Received], bytes]:
    """An upstream that numbers its answers."""
    count = [0]

    def answer(received: Received) -> bytes:
        count[0] += 1
        return reply(said(wire, f"Answer {count[0]}.", count[0]))

    return answer


async def say(one: Rig, messages: Sequence[tuple[str, str]], *headers: bytes, wire: str = "anthropic") -> str:
    """The conversation that a request came to belong to, "" where it belongs to none."""
    head, _ = await one.ask(PATHS[wire], asking(wire, messages), *headers)
    return conversation(head)


def conversation(head: bytes) -> str:
    return head.partition(b"X-VC-Conversation: ")[2].partition(b"\r\n")[0].decode()


def talk(rounds: int, start: int = 0) -> Chat:
    """So many whole exchanges, no two alike, as `echoing` answers them."""
    made: Chat = []
    for number in range(start, start + rounds):
        made += [("user", f"Question {number}: how is the weather in town number {number * 7}?"), ("assistant", f"Answer {number + 1}.")]
    return made


async def stored(one: Rig, call: Callable[[Store], T]) -> T:
    lanes = one.engine._lanes
    assert lanes is not None
    one.engine.arrivals.drain()
    await lanes.flush()
    return await lanes.read(call)


def thread(one: Rig, name: str) -> Thread:
    one.engine.arrivals.drain()
    assert one.engine.threads is not None
    found = one.engine.threads.held(name)
    assert found is not None
    return found
