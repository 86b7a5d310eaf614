"""What is empty in an answer, in all four wires, and how early it can be told."""

from __future__ import annotations

import pytest

from backstory.core.exchange import Headers
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Reply
from backstory.relay.emptiness import Verdict, Watch
from backstory.wires import WIRES

SSE: Headers = ((b"Content-Type", b"text/event-stream"),)
JSON: Headers = ((b"Content-Type", b"application/json"),)
BY_NAME = {wire.name: wire for wire in WIRES}
every_wire = pytest.mark.parametrize("name", BY_NAME)
CALL = ToolCall("call_1", "look", "{}")


def told(name: str, reply: Reply, stream: bool, size: int = 50) -> list[Verdict]:
    body = BY_NAME[name].write(reply, stream)
    watch = Watch(BY_NAME[name], SSE if stream else JSON)
    assert watch.reads
    found: list[Verdict] = []
    for at in range(0, len(body), size):
        found.append(watch.feed(body[at : at + size], at + size >= len(body)))
        if found[-1] != "open":
            break
    return found


@every_wire
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_and_white_space_are_empty(name: str, stream: bool, text: str) -> None:
    assert told(name, Reply((Text(text),), "stop", id="r", model="m"), stream)[-1] == "empty"


@every_wire
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("reply", [Reply((Text("yes"),), "stop"), Reply((CALL,), "tool_calls"), Reply((Text(""),), "length")])
def test_words_calls_and_ends_that_are_meant_are_something(name: str, stream: bool, reply: Reply) -> None:
    assert told(name, reply, stream)[-1] == "something"


@every_wire
def test_a_whole_answer_of_reasoning_alone_is_empty(name: str) -> None:
    if b"only a thought" in BY_NAME[name].write(Reply((Thinking("only a thought"),), "stop"), False):
        assert told(name, Reply((Thinking("only a thought"),), "stop"), False)[-1] == "empty"


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "gemini"])
def test_a_stream_is_something_before_its_end(name: str) -> None:
    found = told(name, Reply((Text("yes " * 400),), "stop"), True, 64)
    assert found[-1] == "something"
    assert len(found) * 64 < len(BY_NAME[name].write(Reply((Text("yes " * 400),), "stop"), True))


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("anthropic", b'{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search"}}'),
        ("openai_responses", b'{"type":"response.image_generation_call.in_progress","output_index":0,"item_id":"i"}'),
        ("openai_chat", b'{"id":"c","choices":[{"index":0,"delta":{"audio":{"id":"a","data":"AAAA"}}}]}'),
        ("gemini", b'{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]}'),
        ("openai_chat", b"no JSON"),
    ],
)
def test_what_is_not_understood_is_not_empty(name: str, event: bytes) -> None:
    assert Watch(BY_NAME[name], SSE).feed(b"data: %b\n\n" % event, False) == "something"


def test_what_cannot_be_read_is_not_looked_into() -> None:
    wire = BY_NAME["openai_chat"]
    assert not Watch(wire, (*SSE, (b"Content-Encoding", b"gzip"))).reads
    assert not Watch(wire, ((b"Content-Type", b"text/html"),)).reads
    assert Watch(wire, JSON).feed(b'{"error":{"message":"no"}}', True) == "something"
    assert Watch(BY_NAME["gemini"], JSON).feed(b'[{"candidates"', False) == "something"
    assert Watch(wire, JSON).feed(b" " * 300_000, False) == "something"


@pytest.mark.parametrize(
    ("name", "error", "own"),
    [
        ("anthropic", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', True),
        ("anthropic", b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}', False),
        ("openai_chat", b'{"error":{"code":502,"message":"Provider returned error"}}', True),
        ("openai_chat", b'{"error":{"type":"invalid_request_error","message":"no"}}', False),
        ("openai_responses", b'{"type":"error","code":"server_error","message":"no"}', True),
        (
            "openai_responses",
            b'{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}',
            True,
        ),
        ("gemini", b'{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}', True),
        ("gemini", b'{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}', False),
    ],
)
def test_an_error_of_the_providers_own_is_known_in_every_wire(name: str, error: bytes, own: bool) -> None:
    watch = Watch(BY_NAME[name], SSE)
    watch.feed(b"data: %b\n\n" % error, False)
    assert (watch.fault is not None) is own
