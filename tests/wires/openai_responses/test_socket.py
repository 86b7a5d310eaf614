"""What a client's messages on a WebSocket ask for, and an answer over HTTP as messages: without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.wires.openai_responses.socket import Answering, Session, SocketError, Wanted
from tests.socketed import events, sse

SSE = ((b"Content-Type", b"text/event-stream"),)
TEXTS = st.lists(st.text(max_size=30), min_size=1, max_size=5)


def session(most: int = 1 << 20) -> Session:
    names = iter(range(1000))
    return Session(lambda: f"resp_own_{next(names)}", lambda: 5.0, most)


def wanted(one: Session, **more: Any) -> Wanted:
    found = one.read(json.dumps({"type": "response.create", "model": "m", "store": False, **more}).encode())
    assert found is not None
    return found


def answered(one: Answering, told: list[dict[str, Any]], sizes: list[int]) -> list[Any]:
    """The messages of this answer, which comes in pieces of these sizes."""
    data, at, out = sse(told), 0, []
    one.begin(200, SSE)
    for size in [*sizes, len(data)]:
        out += one.feed(data[at : at + size])
        at += size
    return [json.loads(message) for message in [*out, *one.end()]]


@given(TEXTS, st.lists(st.integers(1, 300), max_size=10), st.sampled_from(["", "läne"]))
def test_a_chain_goes_up_whole_and_comes_back_as_it_was(texts: list[str], sizes: list[int], lane: str) -> None:
    """A law: each body is what the client would send that keeps the whole history itself; each event is the provider's."""
    one, history, previous = session(), [], ""
    more = {"stream_id": lane} if lane else {}
    for number, text in enumerate(texts):
        item = {"type": "message", "role": "user", "content": text}
        asked = wanted(one, input=[item], **more, **({"previous_response_id": previous} if previous else {}))
        answering = one.begin(asked)
        history.append(item)
        sent = json.loads(answering.body)
        assert sent == {"model": "m", "store": False, "input": history, "stream": True}
        told = events(number, text)
        assert answered(answering, told, sizes) == [{**event, **more} for event in told]
        history += told[-1]["response"]["output"]
        previous = told[-1]["response"]["id"]


def test_a_lane_forks_from_an_answer_of_another() -> None:
    one = session()
    first = one.begin(wanted(one, input="a", stream_id="left"))
    answered(first, events(1, "x"), [])
    fork = one.begin(wanted(one, input="b", stream_id="right", previous_response_id="resp_1"))
    assert [item["role"] for item in json.loads(fork.body)["input"]] == ["user", "assistant", "user"]


def test_of_each_lane_the_newest_answer_is_held_alone() -> None:
    one = session()
    for number in (1, 2):
        answered(one.begin(wanted(one, input="a")), events(number, "x"), [])
    old = one.begin(wanted(one, input="b", previous_response_id="resp_1"))
    assert json.loads(old.body)["previous_response_id"] == "resp_1", "its provider is asked"


def test_what_is_too_large_is_not_held() -> None:
    one = session(100)
    answered(one.begin(wanted(one, input="a" * 200)), events(1, "x"), [])
    assert b"previous_response_id" in one.begin(wanted(one, input="b", previous_response_id="resp_1")).body


def test_an_answer_that_failed_leaves_the_one_before_it() -> None:
    one = session()
    answered(one.begin(wanted(one, input="a")), events(1, "x"), [])
    failed = one.begin(wanted(one, input="b", previous_response_id="resp_1"))
    [told] = [json.loads(message) for message in failed.refused(500, (), b'{"error":{"message":"No."}}')]
    assert told == {"type": "error", "status": 500, "error": {"message": "No.", "type": "server_error"}}
    again = one.begin(wanted(one, input="b", previous_response_id="resp_1"))
    assert len(json.loads(again.body)["input"]) == 3


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled"])
def test_each_last_event_is_the_last(status: str) -> None:
    one = session()
    told = [{"type": f"response.{status}", "response": {"id": "resp_1", "status": status, "output": []}}]
    assert answered(one.begin(wanted(one, input="a")), told, []) == told
    whole = one.begin(wanted(one, input="a")).refused(200, (), json.dumps(told[0]["response"]).encode())
    assert json.loads(whole[-1])["type"] == told[0]["type"]


def test_a_warm_up_by_the_cache_option_is_one_too() -> None:
    one = session()
    asked = wanted(one, input="a", prompt_cache_options={"prewarm": True})
    assert asked.warm
    told = [json.loads(message) for message in one.warmed(one.begin(asked))]
    assert [event["type"] for event in told] == ["response.created", "response.completed"]
    assert told[1]["response"]["id"] == "resp_own_0"


def test_of_an_error_clients_get_the_headers_that_they_act_on() -> None:
    one = session()
    answering = one.begin(wanted(one, input="a", stream_id="s"))
    headers = ((b"Retry-After", b"3"), (b"X-RateLimit-Limit-Requests", b"9"), (b"Set-Cookie", b"secret"), (b"Content-Type", b"text/html"))
    [raw] = answering.refused(429, headers, b"<html>slow</html>")
    told = json.loads(raw)
    assert told["headers"] == told["error"].pop("headers") == {"retry-after": "3", "x-ratelimit-limit-requests": "9"}
    assert told["error"] == {"type": "rate_limit_error", "code": None, "message": "<html>slow</html>", "param": None}
    assert told["stream_id"] == "s"


@given(st.binary(max_size=80))
def test_no_message_breaks_it(data: bytes) -> None:
    with pytest.raises(SocketError) as caught:
        session().read(data)
    assert json.loads(caught.value.frame)["type"] == "error"


@pytest.mark.parametrize("body", [b"", b"{", b'{"output":7}', b"[]", b"null"])
def test_an_answer_that_cannot_be_read_is_an_error(body: bytes) -> None:
    one = session()
    answering = one.begin(wanted(one, input="a"))
    told = [json.loads(message) for message in answering.refused(200, (), body)]
    assert told[-1]["type"] == "error"
    assert told[-1]["status"] == 502
