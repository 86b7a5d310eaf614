"""The tongues against recorded bytes: what they hear is what the wires read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.core.document import Document
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Reply
from backstory.core.stream import gather
from backstory.core.translation import Answered, Broke, Ended, Odd, Piece, Refusal, Thought, Use, Words
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import gathered

TAPES = Path(__file__).parents[2] / "cassettes"
WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/openai/deployments/m/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}


def tapes(pattern: str) -> list[tuple[str, Path]]:
    return [(name, path) for name in WIRE for path in sorted((TAPES / name).glob(pattern))]


def each(pattern: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "path"), tapes(pattern), ids=lambda value: value if isinstance(value, str) else value.stem)


def text_of(pieces: tuple[Piece, ...]) -> tuple[str, str, list[tuple[str, str]]]:
    """(text, thoughts without blanks, calls)."""
    words = "".join([piece.text for piece in pieces if isinstance(piece, Words | Refusal)])
    thoughts = "".join([piece.text for piece in pieces if isinstance(piece, Thought)])
    return words, "".join(thoughts.split()), [(piece.name, _plain(piece.arguments)) for piece in pieces if isinstance(piece, Use)]


def read(reply: Reply) -> tuple[str, str, list[tuple[str, str]]]:
    words = "".join([part.text for part in reply.parts if isinstance(part, Text)])
    thoughts = "".join([part.text for part in reply.parts if isinstance(part, Thinking)])
    return words, "".join(thoughts.split()), [(part.name, _plain(part.arguments)) for part in reply.parts if isinstance(part, ToolCall)]


def ended(reply: Reply) -> str:
    """Gemini, and some that are compatible, stop for calls without saying so."""
    return "tool_calls" if reply.finish == "stop" and any(isinstance(part, ToolCall) for part in reply.parts) else reply.finish


def _plain(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"))
    except ValueError:
        return arguments


@each("*.stream.*")
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_recorded_stream_is_heard_as_it_is_read(name: str, path: Path, size: int) -> None:
    raw = path.read_bytes()
    reader = WIRE[name].reader("text/event-stream" if path.suffix == ".sse" else "application/json")
    frames = [frame for at in range(0, len(raw), size) for frame in reader.feed(raw[at : at + size])] + reader.close()
    listener = TONGUE[name].listener()
    events = [event for frame in frames for event in listener.events(frame)] + [*listener.over()]
    reply = gather([delta for frame in frames for delta in WIRE[name].deltas(frame)])
    if any(isinstance(event, Broke) for event in events):
        assert reply.finish in {"error", "other"}
        return
    assert isinstance(events[-1], Ended)
    answered = gathered(events)
    assert isinstance(answered, Answered)
    assert text_of(answered.pieces) == read(reply)
    assert answered.finish == ended(reply)
    assert answered.usage == reply.usage
    assert answered.id == reply.id


@each("*.reply.json")
def test_a_recorded_answer_is_heard_as_it_is_read(name: str, path: Path) -> None:
    body = path.read_bytes()
    if path.name.startswith("error"):
        assert TONGUE[name].failed(400, body).message
        return
    answered, reply = TONGUE[name].answered(body), WIRE[name].reply(body)
    assert isinstance(answered, Answered)
    assert text_of(answered.pieces) == read(reply)
    assert (answered.finish, answered.usage, answered.id) == (ended(reply), reply.usage, reply.id)


@each("*.request.json")
@pytest.mark.parametrize("target", WIRE)
def test_a_recorded_request_is_understood_and_can_be_sent_to_any_provider(name: str, path: Path, target: str) -> None:
    body = path.read_bytes().replace(b'"critic"', b'"user"')  # nobody knows what such a one says
    asked = TONGUE[name].asked(body, PATHS[name], "")
    wire = WIRE[name]
    prompt = wire.read(Document(body), PATHS[name])
    assert asked.model == prompt.model
    out, losses = TONGUE[target].ask(asked)
    if any(loss.how == "refused" for loss in losses):
        return
    at, _, query = TONGUE[target].place("", asked).partition("?")
    sent = WIRE[target].read(Document(out), at)
    assert sent.model == asked.model
    assert WIRE[target].streams(at, query, sent) == asked.stream
    for place, raw in enumerate(sent.items):
        WIRE[target].message(raw, (*sent.items_at, place))
    own = [piece for one in asked.said for piece in one.pieces if isinstance(piece, Words) and piece.text.strip()]
    own = [piece for piece in own if piece.own is None or target != name]
    decoded = out.decode()
    for piece in own:
        assert json.dumps(piece.text.strip(), ensure_ascii=False)[1:-1] in decoded
    assert not any(isinstance(piece, Odd) and piece.wire != name for one in asked.said for piece in one.pieces)
