"""Clients of the Anthropic wire that mark nothing, and a provider that takes a mark of the whole request: it caches and bills as Anthropic
does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from backstory.providers.caching import Tariffs
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import reply
from tests.stages.billing import MODEL, Clock
from tests.stages.test_holding import MARK, Cutter

TTL_S, LOOKED_BACK, LEAST = 300.0, 20, 1024
PRICES = Tariffs().counted("anthropic", MODEL)
WIRE = next(wire for wire in WIRES if wire.name == "anthropic")
MEMBER = b',"cache_control":{"type":"ephemeral"}'
REFUSAL = b'{"type":"error","error":{"type":"invalid_request_error","message":"cache_control: Extra inputs are not permitted"}}'
SETTINGS = """
providers: {anthropic: {url: OTHER, auth: client}}
routing: {anthropic: anthropic}
marker: never
memory: {threshold_messages: 4}
recall: {deadline_ms: 20000}
"""
"""Requests go to a provider that is known as Anthropic's."""


class Plain(Cutter):
    """Sends its newest messages, and marks nothing."""

    def body(self, keeps: int, text: str = "") -> bytes:
        return super().body(keeps, text).replace(MARK.encode(), b"")


class Cashier:
    """Adds up what it bills. `refuses`: which bodies it does not take, and with which `status`; `deaf`: nothing that was written is ever
    found; `mute`: it tells no usage; `eager`: it caches whatever it is sent."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dollars = 0.0
        self.bodies: list[bytes] = []
        self.refused: list[bytes] = []
        self.refuses: Callable[[bytes], bool] = lambda _: False
        self.status = b"400 Bad Request"
        self.deaf = self.mute = self.eager = False
        self._until: dict[int, float] = {}

    @property
    def sent(self) -> bytes:
        return self.bodies[-1]

    def __call__(self, received: Received) -> bytes:
        if self.refuses(received.body):
            self.refused.append(received.body)
            return reply(REFUSAL, status=self.status)
        usage = self.bill(received.body)
        told = None if self.mute else usage
        streams = b'"stream": true' in received.body
        kind = b"text/event-stream" if streams else b"application/json"
        return reply(WIRE.write(Reply((Text(f"Answer {len(self.bodies)}."),), "stop", told, f"m{len(self.bodies)}", MODEL), streams), kind)

    def bill(self, body: bytes) -> Usage:
        """What this request takes."""
        self.bodies.append(body)
        tree = json.loads(body)
        blocks: list[Any] = [json.dumps(tree.get("tools")), json.dumps(tree.get("system"))]
        for message in tree["messages"]:
            content = message["content"]
            listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
            blocks += [json.dumps({"role": message["role"], **block}) for block in listed]
        prefix, size, keys, sizes = hash(tree["model"]), 0, [], []
        for block in blocks:
            prefix, size = hash((prefix, block)), size + len(block) // 4
            keys.append(prefix)
            sizes.append(size)
        usage = Usage(size, 20)
        if ("cache_control" in tree or self.eager) and size >= LEAST:
            back = range(len(keys) - 1, max(-1, len(keys) - 1 - LOOKED_BACK), -1)
            found = next((at for at in back if self._until.get(keys[at], 0.0) > self.clock.now and not self.deaf), -1)
            read = sizes[found] if found >= 0 else 0
            for at in {found, len(keys) - 1} - {-1}:
                self._until[keys[at]] = self.clock.now + TTL_S
            usage = Usage(size, 20, read, size - read)
        self.dollars += PRICES.cost(usage)
        return usage


def marked(body: bytes) -> bool:
    """Whether the request is marked as a whole."""
    return "cache_control" in json.loads(body)
