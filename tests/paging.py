"""A model that calls our tools by a script, behind a whole proxy, over a history that is folded at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Paging
from backstory.core.document import Document
from backstory.core.message import Message, Part, Prompt, Text, ToolCall, ToolResult
from backstory.core.reply import Reply, Usage
from backstory.core.wire import Wire
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, chunked, reply, settings, with_marker

BY_NAME = {wire.name: wire for wire in WIRES}
NAMES = tuple(BY_NAME)
FACT = "Remember: the code of the blue locker is tangerine-4711."
QUOTE = ToolCall("call_q", "vc_find_quote", '{"query":"blue locker"}')
LOOK = ToolCall("call_c", "look", '{"place":"here"}')
STREAMED = "/v1beta/models/m:streamGenerateContent?alt=sse"
Turns = list[tuple[str, str]]
Said = Reply | bytes | list[bytes]


def configured(folder: Path, marker: str = "never", **paging: Any) -> Config:
    config = settings(
        folder,
        memory={"threshold_messages": 4},
        compaction={"context_window": 6_000, "protected_recent_turns": 1},
        recall={"budget_tokens": 600, "deadline_ms": 20_000.0},
    )
    return with_marker(replace(config, paging=Paging(**paging)), marker)


def history(rounds: int = 12) -> Turns:
    """More than the window takes: a fact, then talk about other things."""
    turns: Turns = [("user", FACT), ("assistant", "I will remember the code.")]
    for number in range(rounds):
        turns.append(("user", f"Question {number}: how is the weather in town {number * 7}? " + f"It matters for plan {number}. " * 40))
        turns.append(("assistant", f"In town {number * 7} it rains on plan {number}. " * 40))
    return turns


def tools(wire: str, *names: str) -> list[dict[str, Any]]:
    """The client's own tools, as the wire writes them."""
    schema = {"type": "object", "properties": {"place": {"type": "string"}}}
    rows: dict[str, Callable[[str], dict[str, Any]]] = {
        "anthropic": lambda name: {"name": name, "input_schema": schema},
        "openai_chat": lambda name: {"type": "function", "function": {"name": name, "parameters": schema}},
        "openai_responses": lambda name: {"type": "function", "name": name, "parameters": schema, "strict": False},
        "gemini": lambda name: {"functionDeclarations": [{"name": name, "parametersJsonSchema": schema}]},
    }
    return [rows[wire](name) for name in names or ("look",)]


def body(wire: str, turns: Sequence[tuple[str, str]], stream: bool, **more: Any) -> bytes:
    """A request of a client with a tool of its own."""
    given: dict[str, Any] = {"tools": tools(wire), **more}
    if wire == "anthropic":
        given["max_tokens"] = 1000
    if stream and wire != "gemini":
        given["stream"] = True
    if stream and wire == "openai_chat":
        given["stream_options"] = {"include_usage": True}
    return asking(wire, turns, **given)


def path(wire: str, stream: bool) -> str:
    return STREAMED if stream and wire == "gemini" else PATHS[wire]


def understood(wire: Wire, raw: bytes) -> tuple[Prompt, list[Message]]:
    prompt = wire.read(Document(raw), PATHS[wire.name])
    return prompt, [wire.message(item, (*prompt.items_at, index)) for index, item in enumerate(prompt.items)]


def results(wire: Wire, raw: bytes) -> list[str]:
    """The tool results with which a request ends."""
    found: list[str] = []
    for message in reversed(understood(wire, raw)[1]):
        mine = [part.text for part in message.parts if isinstance(part, ToolResult)]
        if not mine:
            break
        found = mine + found
    return found


def calls(wire: Wire, raw: bytes) -> tuple[list[ToolCall], list[ToolResult]]:
    """All calls and results of a request."""
    parts: list[Part] = [part for message in understood(wire, raw)[1] for part in message.parts]
    return [part for part in parts if isinstance(part, ToolCall)], [part for part in parts if isinstance(part, ToolResult)]


def dangling(wire: Wire, raw: bytes) -> bool:
    """Whether some call has no result, or the other way round."""
    called, answered = calls(wire, raw)
    key: Callable[[Any], str] = (lambda part: part.name) if wire.name == "gemini" else (lambda part: part.id)
    return sorted(key(part) for part in called) != sorted(key(part) for part in answered)


class Model:
    """Answers each request with the next of its replies; a reply of bytes is sent as it is. `received`: the bodies."""

    def __init__(self, wire: Wire, *replies: Said, piece: int = 97) -> None:
        self.wire = wire
        self.replies = list(replies)
        self.received: list[bytes] = []
        self.heads: list[bytes] = []
        self.piece = piece

    def __call__(self, received: Received) -> bytes | Sequence[bytes]:
        self.received.append(received.body)
        self.heads.append(received.head)
        found = self.replies.pop(0) if self.replies else Reply((Text("Nothing more."),), "stop")
        if not isinstance(found, Reply):
            return found
        number = len(self.received)
        full = replace(found, id=found.id or f"reply_{number}", model="m", usage=found.usage or Usage(100 * number, 10 * number, number))
        streams = b"streamGenerate" in received.head or json.loads(received.body).get("stream", False)
        written = self.wire.write(full, streams)
        if not streams:
            return reply(written)
        return chunked([written[at : at + self.piece] for at in range(0, len(written), self.piece)])


async def ask(one: Rig, wire: Wire, turns: Sequence[tuple[str, str]], stream: bool, **more: Any) -> tuple[bytes, bytes, Reply]:
    """Head and body of the answer, and what it says."""
    head, answer = await one.ask(path(wire.name, stream), body(wire.name, turns, stream, **more))
    return head, answer, heard(wire, answer, stream)


def heard(wire: Wire, answer: bytes, stream: bool) -> Reply:
    from backstory.relay.decoding import read_reply  # noqa: PLC0415

    found = read_reply(wire, "text/event-stream" if stream else "application/json", "", answer)
    assert found is not None, answer
    return found


def texts(found: Reply) -> list[str]:
    """What the legs said: clients of two wires put texts together, with an empty line between those of two legs."""
    joined = "\n\n".join(part.text for part in found.parts if isinstance(part, Text))
    return [piece for piece in joined.split("\n") if piece]


def tool_turn(wire: str, said: str, output: str) -> list[dict[str, Any]]:
    """What a client adds to its history when it has run its own tool: the answer as it got it, and the tool's result."""
    arguments = {"place": "here"}
    rows: dict[str, list[dict[str, Any]]] = {
        "anthropic": [
            {
                "role": "assistant",
                "content": [{"type": "text", "text": said}, {"type": "tool_use", "id": "call_c", "name": "look", "input": arguments}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_c", "content": output}]},
        ],
        "openai_chat": [
            {
                "role": "assistant",
                "content": said,
                "tool_calls": [
                    {"id": "call_c", "type": "function", "function": {"name": "look", "arguments": json.dumps(arguments)}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_c", "content": output},
        ],
        "openai_responses": [
            {"role": "assistant", "content": said},
            {"type": "function_call", "call_id": "call_c", "name": "look", "arguments": json.dumps(arguments)},
            {"type": "function_call_output", "call_id": "call_c", "output": output},
        ],
        "gemini": [
            {"role": "model", "parts": [{"text": said}, {"functionCall": {"name": "look", "args": arguments, "id": "call_c"}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "id": "call_c", "response": {"result": output}}}]},
        ],
    }
    return rows[wire]


def with_rows(wire: str, raw: bytes, *rows: dict[str, Any]) -> bytes:
    """The request with these messages at its end."""
    value = json.loads(raw)
    value[{"gemini": "contents", "openai_responses": "input"}.get(wire, "messages")] += rows
    return json.dumps(value).encode()


def spoken(wire: str, words: str, role: str = "user") -> list[dict[str, Any]]:
    """A message of text."""
    if wire == "gemini":
        return [{"role": "model" if role == "assistant" else role, "parts": [{"text": words}]}]
    return [{"role": role, "content": words}]


def resent(wire: str, found: Reply) -> list[dict[str, Any]]:
    """An answer of texts as a client of this wire sends it back."""
    words = [part.text for part in found.parts if isinstance(part, Text)]
    match wire:
        case "anthropic":
            return [{"role": "assistant", "content": [{"type": "text", "text": each} for each in words]}]
        case "gemini":
            return [{"role": "model", "parts": [{"text": each} for each in words]}]
        case "openai_responses":
            return [{"role": "assistant", "content": each} for each in words]
    return spoken(wire, "".join(words), "assistant")
