"""What the first event of a stream says: a refusal of the request, nothing yet, or something."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.message import Text
from backstory.core.reply import Reply, Usage
from backstory.wires import WIRES
from backstory.wires.refusals import told

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens"}},
        {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}},
        {"error": {"message": "maximum context length", "type": "invalid_request_error", "code": "context_length_exceeded"}},
        {"error": {"message": "too long", "type": None, "code": 400}},
        {"type": "error", "code": "context_length_exceeded", "message": "too long", "param": None, "sequence_number": 2},
        {"type": "response.failed", "response": {"id": "r", "error": {"code": "context_length_exceeded", "message": "too long"}}},
        {"error": {"code": 400, "message": "The input token count exceeds", "status": "INVALID_ARGUMENT"}},
    ],
)
def test_a_refusal_of_the_request_is_one(event: dict[str, Any]) -> None:
    assert told(json.dumps(event).encode()) == "refused"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        {"error": {"message": "The server had an error", "type": "server_error", "code": None}},
        {"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}},
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}},
        {"type": "response.failed", "response": {"error": None}},
        {"type": "message_start", "message": {"id": "m", "error": {"type": "invalid_request_error"}}},
        {"type": "response.output_item.added", "code": "context_length_exceeded"},
        {"error": "context_length_exceeded"},
        {"error": {"code": {"odd": 1}}},
        [],
    ],
)
def test_anything_else_is_the_clients(event: object) -> None:
    assert told(json.dumps(event).encode()) == "something"


def test_what_only_says_that_a_request_came_in_is_waited_behind() -> None:
    assert [told(b'{"type":"response.%b","response":{"error":null}}' % name) for name in (b"created", b"queued", b"in_progress")] == [
        "nothing"
    ] * 3
    assert told(b"") == "nothing"
    assert told(b"[DONE]") == told(b"no json") == told(b"\xff") == told(b"[" * 5000) == "something"


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_no_answer_is_taken_for_a_refusal(wire: Any) -> None:
    stream = wire.write(Reply((Text("invalid_request_error context_length_exceeded 400"),), "stop", Usage(1, 2), "r", "m"), True)
    reader = wire.reader("text/event-stream")
    assert "refused" not in [told(frame.data) for frame in (*reader.feed(stream), *reader.close())]


@given(JSON)
def test_nothing_breaks_it(value: object) -> None:
    told(json.dumps({"type": value, "error": value, "response": value, "code": value}).encode("utf-8", "surrogatepass"))
