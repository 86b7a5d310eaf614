"""Requests that are sent again, through a whole proxy: memory hears of one answer, look-ups and translation go on, backends are told of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config.sections import Resilience, Upstream
from backstory.core.message import Text
from backstory.core.reply import Reply
from tests.paging import BY_NAME, NAMES, QUOTE, Model, ask, configured, history, texts
from tests.relay.world import Received, field
from tests.rig import PATHS, Answer, Rig, asking, chunked, post, reply, rig, said, settings
from tests.stages.world import stored

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
AGAIN = {"retries": 2, "backoff_s": 0.01, "budget_s": 5.0}
BUSY = reply(b'{"error":{"message":"busy","type":"overloaded_error"}}', status=b"503 Busy")
EMPTY_STREAM = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)


class Failing:
    """Answers as another one does, after these; keeps what it received."""

    def __init__(self, after: Answer, *first: bytes | Sequence[bytes]) -> None:
        self.after = after
        self.first = list(first)
        self.received: list[bytes] = []

    def __call__(self, received: Received) -> bytes | Sequence[bytes]:
        self.received.append(received.body)
        return self.first.pop(0) if self.first else self.after(received)


def question(name: str, text: str = "Hello, what is the time there?", **more: Any) -> bytes:
    needed = {"max_tokens": 100} if name == "anthropic" else {}
    return asking(name, [("user", text)], **needed, **more)


@WIRES
def test_memory_hears_of_the_one_answer_that_was_passed_on(tmp_path: Path, name: str) -> None:
    model = Failing(lambda _: reply(said(name, "Five o'clock.")), BUSY, BUSY)

    async def work() -> None:
        async with rig(settings(tmp_path, resilience=AGAIN), model) as one:
            head, body = await one.ask(PATHS[name], question(name))
            assert body == said(name, "Five o'clock.")
            assert field(head, b"x-vc-attempts") == b"127.0.0.1:%d=503, 127.0.0.1:%d=503, 127.0.0.1:%d=200" % ((one.upstream_port,) * 3)
            assert model.received == [question(name)] * 3
            assert not one.failures()
            found: list[list[str]] = []
            await stored(
                one, lambda store: found.extend([turn.text for turn in store.turns(it.id)] for it, _ in store.conversations(None, 9))
            )
            assert found == [["Hello, what is the time there?", "Five o'clock."]]

    asyncio.run(work())


@WIRES
@BOTH
def test_a_lookup_goes_on_after_a_first_leg_that_was_sent_again(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))
    failing = Failing(model, BUSY)

    async def work() -> None:
        config = replace(configured(tmp_path), resilience=Resilience(**AGAIN, empty_retry=True))  # type: ignore[arg-type]
        async with rig(config, failing) as one:
            turns = [*history(), ("user", "What was the code of that locker again?")]
            _, raw, found = await ask(one, wire, turns, stream)
            assert texts(found) == ["Let me look.", "It is tangerine-4711."]
            assert b"vc_" not in raw.split(b"\r\n\r\n", 1)[-1]
            assert len(failing.received) == 3
            assert failing.received[0] == failing.received[1]
            assert one.door.metrics.legs == 1
            assert one.door.metrics.repeats == 1
            assert not one.failures()

    asyncio.run(work())


@BOTH
def test_a_translated_request_is_sent_again(tmp_path: Path, stream: bool) -> None:
    body = (
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"One."}}]}\n\n',
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Two."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    )
    good: bytes | Sequence[bytes] = chunked(body) if stream else reply(said("openai_chat", "One.Two."))
    empty: bytes | Sequence[bytes] = chunked(EMPTY_STREAM) if stream else reply(said("openai_chat", ""))
    model = Failing(lambda _: good, BUSY, empty)

    async def work() -> None:
        config = replace(settings(tmp_path, resilience={**AGAIN, "empty_retry": True}), upstream=Upstream(wire="openai_chat"))
        async with rig(config, model) as one:
            head, answer = await one.ask(PATHS["anthropic"], question("anthropic", stream=stream))
            assert b"One." in answer
            assert b"Two." in answer
            assert (b"message_stop" in answer) == stream
            assert (field(head, b"x-vc-attempts") or b"").endswith(
                b"=529, 127.0.0.1:%d=empty, 127.0.0.1:%d=200" % ((one.upstream_port,) * 2)
            )
            assert model.received == [model.received[0]] * 3
            assert b'"messages"' in model.received[0]

    asyncio.run(work())


def test_a_translated_refusal_is_the_clients_when_all_has_failed(tmp_path: Path) -> None:
    async def work() -> None:
        config = replace(settings(tmp_path, resilience=AGAIN), upstream=Upstream(wire="openai_chat"))
        async with rig(config, lambda _: BUSY) as one:
            head, answer = await one.ask(PATHS["anthropic"], question("anthropic"))
            assert head.startswith(b"HTTP/1.1 529")  # what the client's wire calls it
            assert json.loads(answer)["error"]["message"] == "busy"
            assert len(one.upstream.received) == 3

    asyncio.run(work())


def waiting(name: str, **more: Any) -> tuple[bytes, Failing]:
    """A request for a stream, and a provider that wants it to wait before it answers."""
    wire = BY_NAME[name]
    answer = wire.write(Reply((Text("At last."),), "stop", id="r", model="m"), stream=True)
    later = BUSY.replace(b"Content-Type", b"Retry-After-Ms: 700\r\nContent-Type")
    return question(name, stream=True, **more), Failing(lambda _: reply(answer, b"text/event-stream"), later)


@WIRES
def test_comments_stand_in_streams_of_those_wires_whose_clients_skip_them(tmp_path: Path, name: str) -> None:
    body, model = waiting(name) if name != "gemini" else (question(name), waiting(name)[1])
    path = PATHS[name] if name != "gemini" else "/v1beta/models/m:streamGenerateContent?alt=sse"

    async def work() -> None:
        async with rig(settings(tmp_path, resilience={**AGAIN, "keep_alive_s": 0.1}), model) as one:
            _, answer = await one.ask(path, body)
            assert b"At last." in answer
            assert answer.startswith(b": keep-alive\n\n") == (name != "gemini")
            deltas = [found for frame in BY_NAME[name].reader("text/event-stream").feed(answer) for found in BY_NAME[name].deltas(frame)]
            assert "At last." in str(deltas)

    asyncio.run(work())


def test_no_comments_where_no_stream_was_asked_for(tmp_path: Path) -> None:
    _, model = waiting("anthropic")
    body = question("anthropic", metadata={"stream": True})

    async def work() -> None:
        async with rig(settings(tmp_path, resilience={**AGAIN, "keep_alive_s": 0.1}), model) as one:
            _, answer = await one.ask(PATHS["anthropic"], body)
            assert b"keep-alive" not in answer

    asyncio.run(work())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("anthropic", b'event: error\ndata: {"type":"error"'),
        ("openai_chat", b'data: {"error":{'),
        ("openai_responses", b"event: response.failed\n"),
    ],
)
def test_an_error_in_a_stream_has_the_shape_of_the_clients_wire(tmp_path: Path, name: str, told: bytes) -> None:
    limited = reply(b'{"error":{"message":"slow down","type":"rate_limit_error"}}', status=b"429 Too Many")
    model = Failing(lambda _: limited, limited.replace(b"Content-Type", b"Retry-After-Ms: 500\r\nContent-Type"))

    async def work() -> None:
        async with rig(settings(tmp_path, resilience={**AGAIN, "keep_alive_s": 0.1}), model) as one:
            head, answer = await one.ask(PATHS[name], question(name, stream=True))
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert told in answer
            assert b"slow down" in answer
            found: list[int] = []
            await stored(one, lambda store: found.append(len(store.conversations(None, 9))))
            assert found == [0], "a refusal begins no conversation"

    asyncio.run(work())


def test_requests_without_memory_are_sent_again_too(tmp_path: Path) -> None:
    model = Failing(lambda _: reply(said("anthropic", "Yes.")), BUSY)

    async def work() -> None:
        async with rig(settings(tmp_path, resilience=AGAIN), model) as one:
            _, answer = await one.ask(PATHS["anthropic"], question("anthropic"), b"X-VC-Memory: off")
            assert answer == said("anthropic", "Yes.")
            assert len(model.received) == 2

    asyncio.run(work())


def test_what_is_no_question_to_a_model_is_sent_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(settings(tmp_path, resilience=AGAIN), lambda _: BUSY) as one:
            head, body = await one.ask("/v1/files", b'{"file":1}')
            assert head.startswith(b"HTTP/1.1 503 ")
            assert BUSY.endswith(body)
            assert len(one.upstream.received) == 1

    asyncio.run(work())


async def local(one: Rig, method: str, path: str) -> tuple[bytes, Any]:
    raw = post(one.upstream_port, path, b"").replace(b"POST", method.encode(), 1)
    await one.client.send(raw)
    head, body = await one.client.reply()
    return head, json.loads(body)


def test_backends_are_told_of_and_reactivated(tmp_path: Path) -> None:
    async def work() -> None:
        rules = {"retries": 1, "backoff_s": 0.01, "breaker_failures": 2, "breaker_open_s": 60.0}
        async with rig(settings(tmp_path, resilience=rules), lambda _: BUSY) as one:
            name = f"127.0.0.1:{one.upstream_port}"
            await one.ask(PATHS["anthropic"], question("anthropic"))
            _, found = await local(one, "GET", "/v1/diagnostics")
            assert found["resilience"]["retries"] == 1
            (row,) = found["backends"]
            assert (row["name"], row["state"], row["errors"], row["tries"], row["last_error"]) == (name, "open", 2, 2, "status 503")
            for place in (f"/v1/diagnostics/{name}/reactivate", f"/v1/diagnostics/backends/{name.replace(':', '%3A')}/reactivate"):
                head, found = await local(one, "POST", place)
                assert head.startswith(b"HTTP/1.1 200 ")
                assert found["backends"][0]["state"] == "closed"
            for place, about in (
                ("/v1/diagnostics/nobody/reactivate", name),
                ("/v1/diagnostics/x", "reactivate"),
                ("/v1/diagnostics", "not"),
            ):
                head, found = await local(one, "POST", place)
                assert head.startswith(b"HTTP/1.1 404 ")
                assert about in json.dumps(found)
            assert len(one.upstream.received) == 2
            await one.client.send(post(one.upstream_port, "/v1/diagnostics-of-another", b""))
            assert b"".join(await one.client.reply()) == BUSY

    asyncio.run(work())


def test_with_nothing_configured_one_call_goes_up_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(settings(tmp_path), lambda _: BUSY) as one:
            head, body = await one.ask(PATHS["anthropic"], question("anthropic"))
            assert head + body == BUSY
            assert len(one.upstream.received) == 1
            assert (await local(one, "GET", "/v1/diagnostics"))[1]["backends"] == []

    asyncio.run(work())


def test_one_backend_is_told_of_and_reactivated_without_any_settings(tmp_path: Path) -> None:
    """Where a route names several, breakers open without `resilience`."""

    async def work() -> None:
        async with rig(settings(tmp_path), lambda _: BUSY) as one:
            head, body = await local(one, "GET", "/v1/diagnostics/shaky")
            assert head.startswith(b"HTTP/1.1 404 ")
            assert "none was asked since the start" in body["error"]["message"]
            board = one.engine.endurance.board
            for _ in range(9):
                board.tried("shaky")
                board.failed("shaky", "status 503")
            head, body = await local(one, "GET", "/v1/diagnostics/shaky")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert (body["name"], body["state"], body["errors"]) == ("shaky", "open", 9)
            head, body = await local(one, "POST", "/v1/diagnostics/shakey/reactivate")
            assert head.startswith(b"HTTP/1.1 404 ")
            assert body["error"]["message"] == "no backend is called 'shakey'; did you mean shaky?; known: shaky"
            head, body = await local(one, "GET", "/v1/diagnostics/shaky/reactivate")
            assert head.startswith(b"HTTP/1.1 405 ")
            assert board.state("shaky") == "open", "who looks changes nothing"
            head, body = await local(one, "POST", "/v1/diagnostics/shaky/reactivate")
            assert body["backends"][0]["state"] == "closed"
            assert not one.upstream.received

    asyncio.run(work())
