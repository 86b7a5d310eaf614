"""Law 8: what went upstream for a conversation goes up again, byte for byte, in front of what is new.

Only a moved digest or a new stub changes it. That is what keeps a provider's prompt cache warm. Shown over long chats and tool loops in
small windows, so that tool results give way, history is folded and memory recalled, with retries, upstream errors and restarts in between.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from backstory.core.document import Document
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, with_marker
from tests.rig import settings as configured

TOPICS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo", "rudder", "sail", "map", "rope")
COLOURS = ("red", "amber", "teal", "ochre", "violet", "indigo")
SYSTEM = "You are the mate of a ship. " * 4


# How many of the requests may move the digest, by window. In one of 1200 tokens a request grows by up to a fifth of it, and a fold leaves
# half of it beside the digest and what was recalled: there is room for the next one.
_SELDOM = {1200: 1 / 2, 2500: 1 / 4, 5000: 1 / 6}


class Call(Struct, frozen=True):
    """The model calls a tool, and this comes back."""

    id: str
    arguments: str
    result: str


class Speaker:
    """A client of one wire: its history as JSON values, what it asks, and what the model's answers look like."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire.name
        self.items: list[Any] = [{"role": "system", "content": SYSTEM}] if wire.name == "openai_chat" else []

    def body(self) -> bytes:
        head: dict[str, Any] = {"model": "m"}
        match self.wire:
            case "anthropic":
                head |= {"max_tokens": 100, "system": SYSTEM, "messages": self.items}
            case "openai_chat":
                head |= {"messages": self.items}
            case "openai_responses":
                head |= {"instructions": SYSTEM, "input": self.items, "store": False}
            case _:
                head = {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": self.items}
        return json.dumps(head, ensure_ascii=False).encode()

    def ask(self, text: str) -> None:
        self.items.append({"role": "user", "parts": [{"text": text}]} if self.wire == "gemini" else {"role": "user", "content": text})

    def answer(self, text: str) -> bytes:
        """The model's answer of this text; it joins the history."""
        match self.wire:
            case "anthropic":
                return self._said({"role": "assistant", "content": [{"type": "text", "text": text}]})
            case "openai_chat":
                return self._said({"role": "assistant", "content": text})
            case "openai_responses":
                return self._said({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
            case _:
                return self._said({"role": "model", "parts": [{"text": text}]})

    def call(self, call: Call) -> bytes:
        """The model's answer that calls a tool; it and the result join the history."""
        given: dict[str, Any] = json.loads(call.arguments)
        match self.wire:
            case "anthropic":
                made = self._said({"role": "assistant", "content": [{"type": "tool_use", "id": call.id, "name": "look", "input": given}]})
                self.items.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": call.result}]})
            case "openai_chat":
                function = {"id": call.id, "type": "function", "function": {"name": "look", "arguments": call.arguments}}
                made = self._said({"role": "assistant", "content": None, "tool_calls": [function]})
                self.items.append({"role": "tool", "tool_call_id": call.id, "content": call.result})
            case "openai_responses":
                made = self._said({"type": "function_call", "call_id": call.id, "name": "look", "arguments": call.arguments})
                self.items.append({"type": "function_call_output", "call_id": call.id, "output": call.result})
            case _:
                made = self._said({"role": "model", "parts": [{"functionCall": {"name": "look", "args": given}}]})
                response = {"functionResponse": {"name": "look", "response": {"result": call.result}}}
                self.items.append({"role": "user", "parts": [response]})
        return made

    def _said(self, item: dict[str, Any]) -> bytes:
        self.items.append(item)
        number = len(self.items)
        body: dict[str, Any]
        match self.wire:
            case "anthropic":
                body = {"id": f"msg_{number}", "type": "message", "model": "m", **item, "stop_reason": "end_turn"}
            case "openai_chat":
                body = {"id": f"c_{number}", "model": "m", "choices": [{"index": 0, "message": item, "finish_reason": "stop"}]}
            case "openai_responses":
                body = {"id": f"resp_{number}", "model": "m", "status": "completed", "output": [{"id": f"item_{number}", **item}]}
            case _:
                body = {"candidates": [{"content": item, "finishReason": "STOP"}]}
        return json.dumps(body).encode()


class Payload(Struct, frozen=True):
    """What went up: everything in front of the messages, and the messages. `moved`: the proxy says that it moved the digest or decided
    stubs."""

    system: bytes
    items: tuple[bytes, ...]
    recalled: bool
    moved: bool
    stubbed: bool


def payload(wire: Wire, received: Received, head: bytes) -> Payload:
    document = Document(received.body)
    prompt = wire.read(document, PATHS[wire.name])
    items = tuple(bytes(item) for item in prompt.items)
    rest = json.loads(received.body)
    del rest[prompt.items_at[0]]
    return Payload(
        json.dumps(rest).encode(), items, b"<recalled>" in received.body, b"cache_kept=0" in head, b"[left out: " in received.body
    )


class Tally(Struct):
    """Over a whole conversation: bytes sent that were sent before, and all that were sent before. `due`: for each move, the bytes that the
    request would have had without it."""

    kept: int = 0
    before: int = 0
    moves: int = 0
    recalls: int = 0
    steps: int = 0
    stubbed: int = 0
    due: list[int] = []


def compare(old: Payload, new: Payload, tally: Tally) -> None:
    same = 0
    while same < min(len(old.items), len(new.items)) and old.items[same] == new.items[same]:
        same += 1
    tally.steps += 1
    tally.kept += sum(map(len, old.items[:same]))
    tally.before += sum(map(len, old.items))
    tally.recalls += new.recalled
    tally.stubbed += new.stubbed
    assert new.system == old.system
    if new.moved:
        tally.moves += 1
    else:
        assert new.items[: len(old.items)] == old.items, f"message {same} of {len(old.items)} is not what it was"


class Voyage:
    """A conversation through a proxy, with everything that may happen on the way."""

    def __init__(self, wire: Wire, seed: int, disturbed: bool) -> None:
        self.wire = wire
        self.dice = random.Random(seed)
        self.disturbed = disturbed
        self.speaker = Speaker(wire)
        self.queue: list[bytes] = []
        self.last: Payload | None = None
        self.came = 0
        self.tally = Tally()

    def __call__(self, received: Received) -> bytes:
        return self.queue.pop(0)

    async def request(self, one: Rig, answer: bytes) -> None:
        """The client's request as it stands now, and its answer; sometimes an error first, a retry after, or a restart before."""
        happens = self.dice.random() if self.disturbed else 1.0
        if happens < 0.04:
            await one.restart()
        body = self.body
        if 0.04 < happens < 0.10:
            await self.once(one, body, reply(b'{"error":{"message":"busy"}}', status=b"529 Busy"))
        await self.once(one, body, reply(answer))
        if 0.10 < happens < 0.15:
            await self.once(one, body, reply(answer))

    async def once(self, one: Rig, body: bytes, answer: bytes, *headers: bytes) -> bytes:
        """The head of the answer comes back."""
        self.queue.append(answer)
        head, _ = await one.ask(PATHS[self.wire.name], body, *headers)
        sent = self.seen(payload(self.wire, one.sent, head))
        if self.last is not None:
            compare(self.last, sent, self.tally)
            if sent.moved:
                self.tally.due.append(len(self.last.system) + sum(map(len, self.last.items)) + len(body) - self.came)
        self.last, self.came = sent, len(body)
        return head

    def seen(self, sent: Payload) -> Payload:
        """What went up, as its provider takes it."""
        return sent

    async def exchange(self, one: Rig, number: int, tools: int, words: int) -> None:
        topic = TOPICS[number % len(TOPICS)]
        filler = " ".join(self.dice.choice(TOPICS) for _ in range(words))
        asked = (
            f"What was the colour of the {topic} again?"
            if number % 4 == 3
            else f"The {topic} number {number} is {COLOURS[number % 6]}. {filler}"
        )
        self.speaker.ask(f"Message {number}: {asked}")
        for place in range(tools):
            self.body = self.speaker.body()
            lines = "\n".join([filler] * self.dice.choice((1, 1, 3)))
            text = f"There are {number * place} of them. {lines}"
            call = Call(f"call_{number}_{place}", json.dumps({"place": f"{topic} {place}"}), text)
            await self.request(one, self.speaker.call(call))
        self.body = self.speaker.body()
        await self.request(one, self.speaker.answer(f"Aye, number {number}: the {topic} it is. {filler[:60]}"))


def sail(
    runner: asyncio.Runner,
    folder: Path,
    wire: Wire,
    seed: int,
    window: int,
    tools: list[int],
    disturbed: bool,
    kind: Callable[[Wire, int, bool], Voyage] = Voyage,
    budget: int = 120,
) -> Tally:
    """A voyage of as many exchanges as there are entries in `tools`: each says how many tools are called in it. `budget`: tokens of what
    is recalled."""
    voyage = kind(wire, seed, disturbed)

    async def work() -> None:
        config = configured(
            folder,
            memory={"threshold_messages": 4},
            compaction={"context_window": window, "protected_recent_turns": 2},
            recall={"budget_tokens": budget, "deadline_ms": 20_000.0},
            tool_output={"stale_tokens": 100, "stub_tokens": 20},
        )
        async with rig(with_marker(config, "never"), voyage) as one:
            for number, calls in enumerate(tools):
                await voyage.exchange(one, number, calls, words=voyage.dice.randint(3, 40))
            assert not one.failures()

    (folder / "memory.db").unlink(missing_ok=True)
    runner.run(work())
    return voyage.tally


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("disturbed", [False, True], ids=["calm", "disturbed"])
def test_what_went_up_goes_up_again(tmp_path: Path, wire: Wire, disturbed: bool) -> None:
    total = Tally()
    with asyncio.Runner() as runner:

        @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(
            seed=st.integers(0, 10**6),
            window=st.sampled_from(sorted(_SELDOM)),
            tools=st.lists(st.sampled_from([0, 0, 0, 1, 3]), min_size=36, max_size=50),
        )
        def law(seed: int, window: int, tools: list[int]) -> None:
            tally = sail(runner, tmp_path, wire, seed, window, tools, disturbed)
            assert tally.moves <= max(3, tally.steps * _SELDOM[window]), "the digest moves seldom"
            assert min(tally.due, default=window * 4) > 0.7 * window * 4, "nothing moves before it has to"
            for name in tally.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(tally, name))

        law()
    assert total.moves, "history was folded"
    assert total.recalls, "memory was recalled"
    print(f"{wire.name}: {total.kept / total.before:.1%} of what was sent is sent again ({total})")
