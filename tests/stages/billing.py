"""An upstream of the Anthropic wire that caches prompts as the provider does, and tells what it bills; and a client that marks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.relay.world import Received
from tests.rig import reply

MODEL = "claude-sonnet-4-5"
TTL_S = 300.0
WORDS = ("harbour", "compass", "galley", "anchor", "lantern", "cargo", "rudder", "sail", "chart", "rope", "mast", "keel", "buoy", "tide")


class Clock:
    """Time that goes as the test says."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Bank:
    """Answers every request, and bills it. `lies`: from now on nothing that was changed by the proxy is ever found in the cache, and its
    price is that of writing. `silent`: no usage is told."""

    def __init__(self, clock: Clock, told: Callable[[bytes], bytes] = lambda body: body) -> None:
        self.clock = clock
        self.lies = self.silent = False
        self.count = 0
        self._known: dict[str, float] = {}
        self._as_it_came = told

    def __call__(self, received: Received) -> bytes:
        self.count += 1
        tree = json.loads(received.body)
        pieces = [json.dumps(tree.get("system")), *(json.dumps(message) for message in tree["messages"])]
        at, cached, prefix = 0, 0, ""
        for piece in pieces:
            plain = piece.replace(', "cache_control": {"type": "ephemeral"}', "")
            prefix = str(hash(prefix + plain))
            at += len(plain) // 4
            if self._known.get(prefix, 0.0) > self.clock.now:
                cached = at
            self._known[prefix] = self.clock.now + TTL_S
        if self.lies and b"<digest>" in received.body:
            cached = 0
        usage = {"input_tokens": 0, "cache_read_input_tokens": cached, "cache_creation_input_tokens": at - cached, "output_tokens": 20}
        text = [{"type": "text", "text": f"Answer {self.count}."}]
        made: dict[str, Any] = {"id": f"m{self.count}", "type": "message", "role": "assistant", "model": MODEL, "content": text}
        return reply(json.dumps({**made, "stop_reason": "end_turn", **({} if self.silent else {"usage": usage})}).encode())


class Captain:
    """A client with a history of its own, and marks at its end."""

    def __init__(self, seed: int = 1, words: int = 220, model: str = MODEL) -> None:
        self._dice = random.Random(seed)
        self._words = words
        self._model = model
        self.items: list[dict[str, Any]] = []

    def asks(self, text: str = "") -> bytes:
        """The next request."""
        words = [self._dice.choice(WORDS) + str(self._dice.randrange(99)) for _ in range(self._words)]
        lines = [" ".join(words[at : at + 11]).capitalize() + "." for at in range(0, len(words), 11)]
        said = text or f"Entry {len(self.items)}. " + " ".join(lines)
        self.items.append({"role": "user", "content": [{"type": "text", "text": said}]})
        mark = {"cache_control": {"type": "ephemeral"}}
        last = {"role": "user", "content": [{"type": "text", "text": said, **mark}]}
        system = [{"type": "text", "text": "You are the mate of a ship. " * 20, **mark}]
        return json.dumps({"model": self._model, "max_tokens": 100, "system": system, "messages": [*self.items[:-1], last]}).encode()

    def hears(self, body: bytes) -> None:
        """The answer joins the history."""
        self.items.append({"role": "assistant", "content": json.loads(body)["content"]})
