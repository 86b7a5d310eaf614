"""A real door whose provider speaks another wire: streams as they come, errors of every kind, and what must not go up."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Upstream
from backstory.relay.heads import ReplyHead, read_reply
from backstory.relay.interpret import Interpreter
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.relay.world import Received, client
from tests.rig import PATHS, Answer, Rig, asking, chunked, post, reply, rig, said, settings, soon

PAIRS = pytest.mark.parametrize(
    ("own", "other"), [("anthropic", "openai_chat"), ("openai_chat", "anthropic")], ids=["to-chat", "to-anthropic"]
)
STREAMS = {
    "anthropic": (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"One."}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Two."}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ),
    "openai_chat": (
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"One."}}]}\n\n',
        b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Two."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ),
}
ENDS = {"anthropic": b"message_stop", "openai_chat": b"[DONE]"}


def speaking(folder: Path, wire: str) -> Config:
    return replace(settings(folder), upstream=Upstream(wire=wire))  # type: ignore[arg-type]


def at(folder: Path, wire: str, answer: Answer, step: Any) -> None:
    async def work() -> None:
        async with rig(speaking(folder, wire), answer) as one:
            await step(one)
            await soon(lambda: len(one.engine.visits) == 0)
            assert not one.failures()

    asyncio.run(work())


def ask(own: str, stream: bool = False, **more: Any) -> bytes:
    needed = {"max_tokens": 100} if own == "anthropic" else {}
    return asking(own, [("user", "Tell me.")], stream=stream, **needed, **more)


@PAIRS
def test_a_stream_is_passed_on_as_it_comes(tmp_path: Path, own: str, other: str) -> None:
    """The client has the first words before the provider says more."""

    async def work() -> None:
        head, first, second, end = chunked(STREAMS[other])

        async with rig(speaking(tmp_path, other), lambda _: [head, first]) as one:
            async with client(one.port) as asker:
                await asker.send(post(one.upstream_port, PATHS[own], ask(own, True)))
                got = b""
                while b"One." not in got:
                    got += await asyncio.wait_for(asker.reader.read(65536), 5)
                assert b"Two." not in got
                one.upstream.writers[-1].write(second + end)
                while not got.endswith(b"0\r\n\r\n"):
                    got += await asyncio.wait_for(asker.reader.read(65536), 5)
            assert b"Two." in got
            assert ENDS[own] in got
            assert b"text/event-stream" in got
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@PAIRS
def test_a_stream_in_single_bytes_is_the_same_stream(tmp_path: Path, own: str, other: str) -> None:
    sizes = [100_000, 1]

    def answer(_: Received) -> list[bytes]:
        stream, size = b"".join(STREAMS[other]), sizes.pop(0)
        return chunked([stream[at : at + size] for at in range(0, len(stream), size)])

    async def step(one: Rig) -> None:
        _, whole = await one.ask(PATHS[own], ask(own, True))
        _, bit_by_bit = await one.ask(PATHS[own], ask(own, True))
        assert ENDS[own] in whole
        assert whole == bit_by_bit

    at(tmp_path, other, answer, step)


@PAIRS
def test_what_came_before_something_unreadable_is_told_though_all_came_at_once(tmp_path: Path, own: str, other: str) -> None:
    async def work() -> None:
        garbled = chunked([STREAMS[other][0] + b"data: {oops\n\n"])
        async with rig(speaking(tmp_path, other), lambda _: [b"".join(garbled)]) as one:
            async with client(one.port) as reader:
                await reader.send(post(one.upstream_port, PATHS[own], ask(own, True)))
                got, _ = await reader.rest()
            assert b"One." in got
            assert ENDS[own] not in got
            assert not got.endswith(b"0\r\n\r\n")
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@PAIRS
def test_a_provider_that_breaks_off_is_a_break_for_the_client(tmp_path: Path, own: str, other: str) -> None:
    async def work() -> None:
        head, first, second, _ = chunked(STREAMS[other])

        def answer(received: Received) -> list[bytes]:
            asyncio.get_running_loop().call_later(0.05, one.upstream.writers[-1].close)
            return [head, first, second[:50]]

        async with rig(speaking(tmp_path, other), answer) as one:
            async with client(one.port) as leaver:
                await leaver.send(post(one.upstream_port, PATHS[own], ask(own, True)))
                got, _ = await leaver.rest()
            assert b"One." in got
            assert ENDS[own] not in got
            assert not got.endswith(b"0\r\n\r\n")
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@PAIRS
@pytest.mark.parametrize("stream", [False, True])
def test_a_page_of_html_is_an_error_in_the_clients_wire(tmp_path: Path, own: str, other: str, stream: bool) -> None:
    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own, stream))
        assert head.startswith(b"HTTP/1.1 502")
        assert "Bad Gateway" in json.loads(body)["error"]["message"]

    at(tmp_path, other, lambda _: reply(b"<html><h1>Bad Gateway</h1></html>", b"text/html", b"502 Bad Gateway"), step)


@PAIRS
@pytest.mark.parametrize("body", [b"", b"<html>all is well</html>", b'{"never":"heard"}'])
def test_an_answer_that_is_none_is_a_fault_of_the_upstream(tmp_path: Path, own: str, other: str, body: bytes) -> None:
    async def step(one: Rig) -> None:
        head, got = await one.ask(PATHS[own], ask(own))
        assert head.startswith(b"HTTP/1.1 502")
        assert json.loads(got)["error"]["message"]

    at(tmp_path, other, lambda _: reply(body), step)


@PAIRS
def test_an_answer_that_does_not_stream_is_streamed_to_the_client(tmp_path: Path, own: str, other: str) -> None:
    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own, True))
        assert b"text/event-stream" in head
        assert b"All is well." in body
        assert ENDS[own] in body

    at(tmp_path, other, lambda _: reply(said(other, "All is well.")), step)


@PAIRS
@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_is_known_whatever_its_type_says(tmp_path: Path, own: str, other: str, stream: bool) -> None:
    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own, stream))
        assert head.startswith(b"HTTP/1.1 200")
        assert (b"event-stream" in head) is stream
        assert b"One." in body
        assert b"Two." in body

    at(tmp_path, other, lambda _: reply(b"".join(STREAMS[other]), b"application/octet-stream"), step)


@PAIRS
def test_an_error_in_the_stream_is_told_in_the_clients_wire(tmp_path: Path, own: str, other: str) -> None:
    error = {
        "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Slow down."}}\n\n',
        "openai_chat": b'data: {"error":{"message":"Slow down.","code":503}}\n\n',
    }

    async def step(one: Rig) -> None:
        _, body = await one.ask(PATHS[own], ask(own, True))
        last = body.rstrip().rsplit(b"data: ", 1)[1]
        assert json.loads(last)["error"]["message"] == "Slow down."
        assert b"One." in body

    at(tmp_path, other, lambda _: chunked([STREAMS[other][0], error[other]]), step)


@PAIRS
def test_an_error_that_hides_in_an_answer_is_told_as_one(tmp_path: Path, own: str, other: str) -> None:
    errors = {
        "anthropic": b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}',
        "openai_chat": b'{"error":{"message":"Slow down.","code":429}}',
    }

    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own, True))
        assert head.startswith(b"HTTP/1.1 429")
        assert b"application/json" in head
        assert b"event-stream" not in head
        assert json.loads(body)["error"]["message"] == "Slow down."

    at(tmp_path, other, lambda _: reply(errors[other]), step)


@PAIRS
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_packed_though_nobody_asked_is_unpacked(tmp_path: Path, own: str, other: str, stream: bool) -> None:
    body = gzip.compress(b"".join(STREAMS[other]) if stream else said(other, "One.Two."))
    kind = b"text/event-stream" if stream else b"application/json"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))

    async def step(one: Rig) -> None:
        got_head, got = await one.ask(PATHS[own], ask(own, stream))
        assert b"gzip" not in got_head
        assert b"One." in got
        assert b"Two." in got

    at(tmp_path, other, lambda _: [head + body[:60], body[60:]], step)


@PAIRS
def test_an_answer_in_a_coding_that_nobody_knows_is_a_fault_of_the_upstream(tmp_path: Path, own: str, other: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\n"

    async def step(one: Rig) -> None:
        got, body = await one.ask(PATHS[own], ask(own))
        assert got.startswith(b"HTTP/1.1 502")
        assert "rot13" in json.loads(body)["error"]["message"]

    at(tmp_path, other, lambda _: head + b"{}", step)


@PAIRS
def test_what_was_understood_before_a_fault_goes_to_the_client(tmp_path: Path, own: str, other: str) -> None:
    async def work() -> None:
        broken = STREAMS[other][0] + b"data: {broken\n\n" + STREAMS[other][1]
        async with rig(speaking(tmp_path, other), lambda _: chunked([broken])) as one:
            async with client(one.port) as leaver:
                await leaver.send(post(one.upstream_port, PATHS[own], ask(own, True)))
                got, _ = await leaver.rest()
            assert b"One." in got
            assert b"Two." not in got
            assert not got.endswith(b"0\r\n\r\n")
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"n": 2}, "n: "),
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy"}}, "modalities: "),
        ({"tools": [1]}, "cannot be translated"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_cannot_be_asked_is_told_by_name_and_does_not_go_up(tmp_path: Path, more: dict[str, Any], named: str) -> None:
    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS["openai_chat"], ask("openai_chat", **more))
        assert head.startswith(b"HTTP/1.1 400")
        assert named in json.loads(body)["error"]["message"]
        assert not one.upstream.received

    at(tmp_path, "anthropic", lambda _: reply(said("anthropic", "Never.")), step)


@pytest.mark.parametrize(
    ("own", "other", "key", "wanted"),
    [
        ("anthropic", "openai_chat", b"x-api-key: sk-1", b"authorization: bearer sk-1"),
        ("anthropic", "openai_chat", b"Authorization: Bearer sk-2", b"authorization: bearer sk-2"),
        ("openai_chat", "anthropic", b"Authorization: Bearer sk-3", b"x-api-key: sk-3"),
    ],
)
def test_the_clients_key_goes_up_as_the_provider_wants_it(tmp_path: Path, own: str, other: str, key: bytes, wanted: bytes) -> None:
    async def step(one: Rig) -> None:
        await one.ask(PATHS[own], ask(own), key, b"anthropic-beta: x", b"Accept-Encoding: gzip")
        sent = one.sent.head.lower()
        assert wanted in sent
        assert (b"anthropic-version: 2023-06-01" in sent) is (other == "anthropic")
        assert b"anthropic-beta" not in sent
        assert b"gzip" not in sent
        assert sent.count(b"sk-") == 1
        assert sent.startswith(b"post %b http/1.1" % PATHS[other].encode())

    at(tmp_path, other, lambda _: reply(said(other, "Yes.")), step)


def test_losses_stand_in_a_header(tmp_path: Path) -> None:
    async def step(one: Rig) -> None:
        head, _ = await one.ask(PATHS["openai_chat"], ask("openai_chat", seed=1))
        assert b"X-VC-Losses: seed dropped\r\n" in head

    at(tmp_path, "anthropic", lambda _: reply(said("anthropic", "Yes.")), step)


def test_a_request_in_the_providers_own_wire_is_not_touched(tmp_path: Path) -> None:
    body = ask("anthropic") + b"  "

    async def step(one: Rig) -> None:
        _, got = await one.ask(PATHS["anthropic"], body)
        assert one.sent.body == body
        assert got == said("anthropic", "Yes.")

    at(tmp_path, "anthropic", lambda _: reply(said("anthropic", "Yes.")), step)


@PAIRS
@pytest.mark.parametrize("status", [429, 500])
def test_the_body_of_an_error_is_not_waited_for_where_it_does_not_come(tmp_path: Path, own: str, other: str, status: int) -> None:
    stalls = b'HTTP/1.1 %d No\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"error":' % status

    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own, True))
        assert head.startswith(b"HTTP/1.1 %d" % status)
        assert json.loads(body)["error"]["message"]
        assert len(one.upstream.received) == 1

    at(tmp_path, other, lambda _: stalls, step)


@PAIRS
@pytest.mark.parametrize("body", [b'{"id":', b"[1]", b'{"id":"x"}', b'{"id":"\\ud83d","choices":7,"content":7}'])
def test_an_answer_that_is_none_is_the_providers_failure(tmp_path: Path, own: str, other: str, body: bytes) -> None:
    async def step(one: Rig) -> None:
        for stream in (False, True):
            head, told = await one.ask(PATHS[own], ask(own, stream))
            assert head.startswith(b"HTTP/1.1 502")
            assert "is none that its wire has" in json.loads(told)["error"]["message"]

    at(tmp_path, other, lambda _: reply(body), step)


@PAIRS
@pytest.mark.parametrize("status", [429, 500])
def test_an_error_that_is_cut_off_keeps_its_status(tmp_path: Path, own: str, other: str, status: int) -> None:
    cut = b'HTTP/1.1 %d No\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"error":\r\nzz\r\n' % status

    async def step(one: Rig) -> None:
        head, body = await one.ask(PATHS[own], ask(own))
        assert head.startswith(b"HTTP/1.1 %d" % status)
        assert json.loads(body)["error"]["message"]

    at(tmp_path, other, lambda _: cut, step)


class Course:
    """The statuses that an exchange was told of."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.got = b""

    def alive(self) -> None: ...

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        self.begun.append(reply.status)

    def deliver(self, data: bytes, done: bool) -> None:
        assert done
        self.got += data

    def abort(self) -> None: ...


def test_an_error_that_still_comes_is_waited_for_but_not_for_ever() -> None:
    def begun() -> tuple[Interpreter, Course]:
        course, tongues = Course(), {one.name: one for one in TONGUES}
        chat, claude = tongues["openai_chat"], tongues["anthropic"]
        translated = Translated(chat, claude, next(wire for wire in WIRES if wire.name == "anthropic"), "/v1/chat/completions", "")
        translated.ask(ask("openai_chat"))
        found = Interpreter(translated, course, course, 1 << 20)  # type: ignore[arg-type]
        found.begin_reply(read_reply(b"HTTP/1.1 529 No\r\nContent-Type: application/json\r\nContent-Length: 500"), False)
        return found, course

    one, course = begun()
    for now, piece in ((100.0, b'{"error":{"type":"overloaded_error",'), (101.5, b'"message":"Wait '), (103.0, b'a while."}}')):
        one.deliver(piece, False)
        one.check(now)
    one.check(104.9)
    assert not course.begun
    one.check(105.1)
    assert (len(course.begun), json.loads(course.got)["error"]["message"]) == (1, "Wait a while.")
    one.check(200.0)
    assert len(course.begun) == 1

    one, course = begun()
    for tick in range(12):
        one.deliver(b" ", False)
        one.check(100.0 + tick)
        if course.begun:
            break
    assert tick == 11
