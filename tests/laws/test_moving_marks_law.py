"""Law 8 for clients whose cache marks move: what went up goes up again, the marks apart.

Such a client writes its marked messages as lists of blocks and all others as strings, so the newest message comes in another form in the
next request. To the provider both are one text: with what memory puts into them, they have to be one text again, and the same.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.laws.test_append_only_law import Payload, Speaker, Voyage, sail

MARK = {"cache_control": {"type": "ephemeral"}}
_KINDS = {"anthropic": "text", "openai_chat": "text", "openai_responses": "input_text"}


class Marking(Speaker):
    """A client that marks its two newest messages of a human; in the wire without marks, it writes them as lists all the same."""

    def body(self) -> bytes:
        plain, asked = self.items, [place for place, item in enumerate(self.items) if _asked(item)]
        self.items = [self._marked(item) if place in asked[-2:] else item for place, item in enumerate(plain)]
        try:
            return super().body()
        finally:
            self.items = plain

    def _marked(self, item: Any) -> Any:
        kind = _KINDS[self.wire]
        return {**item, "content": [{"type": kind, "text": item["content"], **({} if kind == "input_text" else MARK)}]}


class Moving(Voyage):
    """The conversation of one."""

    def __init__(self, wire: Wire, seed: int, disturbed: bool) -> None:
        super().__init__(wire, seed, disturbed)
        self.speaker = Marking(wire)

    def seen(self, sent: Payload) -> Payload:
        return replace(sent, items=tuple([_taken(item) for item in sent.items]))


def _asked(item: Any) -> bool:
    return item.get("role") == "user" and isinstance(item["content"], str)


def _taken(item: bytes) -> bytes:
    """A message as a provider takes it: without marks, a string as the one block that it stands for."""
    found = json.loads(item)
    content = found.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if isinstance(content, list):
        content = [{**block, "type": block["type"].removeprefix("input_"), "cache_control": None} for block in content]
    return json.dumps({**found, "content": content}).encode()


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.name in _KINDS], ids=lambda wire: wire.name)
@pytest.mark.parametrize("window", [1200, 2500])
def test_what_went_up_goes_up_again_although_marks_move(tmp_path: Path, wire: Wire, window: int) -> None:
    with asyncio.Runner() as runner:
        tally = sail(runner, tmp_path, wire, 7, window, [0, 0, 1, 0, 0, 2] * 5, True, Moving)
    assert tally.moves, "history was folded"
    assert tally.recalls, "memory was recalled"
