"""OpenAI Responses over a WebSocket: what a client of another make sees, what reaches the provider, and what memory hears."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from tests.relay.world import Received, field, run, until
from tests.rig import post, reply
from tests.routed import two
from tests.socketed import HEADERS, ON, answer, create, events, numbering, socketed, sse, streamed
from tests.stages.world import stored

USER = {"type": "message", "role": "user", "content": "Hello."}


def items(received: Received) -> list[Any]:
    found: list[Any] = json.loads(received.body)["input"]
    return found


def test_a_message_becomes_a_post_and_its_events_come_back_as_they_were(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send('{"type":"response.create", "model" : "gpt-5", "input":"H\\u00ef", "odd": {"a" : 1.50}}')
            told = await answer(client)
            assert told == events(1, 'Ünswer 1 to "Hï"'.replace("Hï", "H\\u00ef"))
            [got] = one.own.received
            assert got.body == b'{"model" : "gpt-5", "input":"H\\u00ef", "odd": {"a" : 1.50},"stream":true}'
            assert got.head.startswith(b"POST /v1/responses HTTP/1.1\r\n")
            assert field(got.head, b"authorization") == b"Bearer client-key"
            assert field(got.head, b"content-type") == b"application/json"
            for name in (b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"openai-beta", b"accept-encoding"):
                assert field(got.head, name) is None, name
            assert one.failures() == {}

    run(scene())


def test_what_goes_up_is_what_a_post_would_have_been(tmp_path: Path) -> None:
    """The body of a message beside the same over HTTP, byte for byte but for the order of one member."""

    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send(create([USER]))
            await answer(client)
            body = json.dumps({"model": "gpt-5", "input": [USER], "store": False, "stream": True}).encode()
            await one.client.send(post(one.upstream_port, "/v1/responses", body, b"Authorization: Bearer client-key"))
            await one.client.reply()
            over_socket, over_http = one.own.received
            assert json.loads(over_socket.body) == json.loads(over_http.body)

    run(scene())


def test_an_answer_that_its_provider_does_not_keep_is_continued_from_here(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send(create("My boat is called Wanderer."))
            first = (await answer(client))[-1]["response"]
            call = {"type": "message", "role": "user", "content": "And how is it called?"}
            await client.send(create([call], previous_response_id=first["id"]))
            second = (await answer(client))[-1]["response"]
            await client.send(create([USER], previous_response_id=second["id"]))
            await answer(client)
            beginning = [{"type": "message", "role": "user", "content": "My boat is called Wanderer."}, *first["output"]]
            assert items(one.own.received[1]) == [*beginning, call]
            assert items(one.own.received[2]) == [*beginning, call, *second["output"], USER]
            assert all(b"previous_response_id" not in got.body for got in one.own.received)
            [record] = await stored(one, lambda store: store.conversations(None, 9))
            turns = await stored(one, lambda store: store.turns(record[0].id))
            assert [turn.text for turn in turns if turn.role == "user"] == [
                "My boat is called Wanderer.",
                "And how is it called?",
                "Hello.",
            ]
            assert len(turns) == 6
            assert one.failures() == {}

    run(scene())


def test_an_answer_that_its_provider_keeps_is_continued_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send(create("Hello.", store=True))
            first = (await answer(client))[-1]["response"]
            await client.send(create([USER], store=True, previous_response_id=first["id"]))
            await answer(client)
            await client.send(create([USER], previous_response_id="resp_of_yesterday"))
            await answer(client)
            sent = [json.loads(got.body) for got in one.own.received[1:]]
            assert [(one["input"], one["previous_response_id"]) for one in sent] == [([USER], "resp_1"), ([USER], "resp_of_yesterday")]

    run(scene())


def test_a_warm_up_is_answered_here_and_continued(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            base = {"type": "message", "role": "developer", "content": "Be brief."}
            await client.send(create([base], generate=False, tools=[]))
            created, completed = await answer(client)
            assert (created["type"], completed["type"]) == ("response.created", "response.completed")
            assert completed["response"]["id"] == created["response"]["id"]
            assert completed["response"]["output"] == []
            assert completed["response"]["usage"]["total_tokens"] == 0
            assert not one.own.received, "nothing is generated, so nobody is asked"
            await client.send(create([USER], previous_response_id=completed["response"]["id"]))
            await answer(client)
            assert items(one.own.received[0]) == [base, USER]
            assert b"generate" not in one.own.received[0].body
            await client.send(create([USER], generate=False, previous_response_id="resp_nowhere"))
            [refused] = await answer(client)
            assert (refused["status"], refused["error"]["code"]) == (400, "previous_response_not_found")

    run(scene())


def test_thoughts_without_content_do_not_go_back_to_a_provider_that_did_not_keep_them(tmp_path: Path) -> None:
    bare = {"type": "reasoning", "id": "rs_1", "summary": []}
    sealed = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"}

    async def scene() -> None:
        async with socketed(tmp_path, lambda _: streamed(sse(events(1, "x", [bare, sealed])))) as (one, client):
            await client.send(create([USER]))
            first = (await answer(client))[-1]["response"]
            await client.send(create([USER], previous_response_id=first["id"]))
            await answer(client)
            assert [item.get("id") for item in items(one.own.received[1])] == [None, "rs_2", "msg_1", None]

    run(scene())


def test_requests_of_a_lane_follow_each_other_and_lanes_go_side_by_side(tmp_path: Path) -> None:
    async def scene() -> None:
        slow = asyncio.Event()

        async def script(upstream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                received = await upstream.request(reader)
                name = items(received)[-1]["content"]
                if name == "slow":
                    await slow.wait()
                writer.write(streamed(sse(events(len(upstream.received), name))))

        async with socketed(tmp_path) as (one, client):
            one.own.script = script
            for said, lane in (("slow", "a"), ("second", "a"), ("quick", "b"), ("plain", None)):
                await client.send(create([{**USER, "content": said}], **({"stream_id": lane} if lane else {})))
            told = [*await answer(client), *await answer(client)]
            assert {one.get("stream_id") for one in told} == {"b", None}
            assert sorted(items(got)[-1]["content"] for got in one.own.received) == ["plain", "quick", "slow"]
            slow.set()
            told = [*await answer(client), *await answer(client)]
            assert {one["stream_id"] for one in told} == {"a"}
            texts = [one["delta"] for one in told if one["type"] == "response.output_text.delta"]
            assert texts == ["slow", "second"]

    run(scene())


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (reply(b'{"error":{"message":"No.","type":"invalid_request_error","param":"input","code":"bad"}}', status=b"400 Bad"), 400, "bad"),
        (reply(b"<html>", kind=b"text/html", status=b"503 Gone").replace(b"\r\n\r\n", b"\r\nRetry-After: 7\r\n\r\n", 1), 503, None),
        (None, 502, "upstream_unavailable"),
        (streamed(sse(events(1, "half")[:3])), 502, "stream_incomplete"),
        (streamed(sse(events(1, "half")[:3]))[:-5], 502, "stream_incomplete"),
        (streamed(b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"Slow.","sequence_number":3}\n\n'), 429,
         "rate_limit_exceeded"),
        (streamed(b'data: {"type":"error","error":{"type":"server_error","code":"oops","message":"Slow."}}\n\n'), 500, "oops"),
    ],
    ids=["error", "html", "closed", "no last event", "cut", "error event", "nested error event"],
)  # fmt: skip
def test_an_error_is_a_message_and_the_connection_lives_on(tmp_path: Path, raw: bytes | None, status: int, code: str | None) -> None:
    async def scene() -> None:
        good = numbering()
        wanted = [raw]

        def answers(received: Received) -> bytes | None:
            return wanted.pop() if wanted else good(received)

        async with socketed(tmp_path, answers) as (one, client):
            if raw is not None and raw.endswith(b"\r\n0\r\n\r\n"[:-5]):
                asyncio.get_running_loop().call_later(0.3, lambda: one.own.writers.pop().close())
            await client.send(create([USER]))
            error = (await answer(client))[-1]
            assert error["type"] == "error"
            assert (error["status"], error["error"].get("code")) == (status, code)
            assert error["error"]["message"]
            assert isinstance(error["error"]["type"], str)
            if status == 503:
                assert error["headers"]["retry-after"] == "7"
            await client.send(create([USER]))
            assert (await answer(client))[-1]["type"] == "response.completed"
            assert one.door.metrics.in_flight == 0

    run(scene())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ('"\\ud800"', "invalid_json"),
        ('{"type":"response.cancel"}', "unknown_event"),
        ('{"type":"response.create","background":true}', "unsupported_parameter"),
        ('{"type":"response.create","input":7}', "invalid_request"),
        ('{"type":"response.create","input":"a","input":"b"}', "invalid_request"),
    ],
)
def test_a_message_that_cannot_be_carried_out_is_refused_by_name(tmp_path: Path, message: str, code: str) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send(message)
            [error] = await answer(client)
            assert (error["status"], error["error"]["code"]) == (400, code)
            assert not one.own.received
            await client.send('{"type":"response.processed","response_id":"resp_1"}')
            await client.send('{"type":"response.steer","previous_response_id":"resp_1","input":"Left!"}')
            steered = json.loads(await client.recv())
            assert (steered["type"], steered["error"]["code"]) == ("response.steer.failed", "steering_not_supported")
            assert steered["steer"] == {"previous_response_id": "resp_1", "input": "Left!"}

    run(scene())


def test_a_whole_answer_is_told_as_events(tmp_path: Path) -> None:
    whole = events(1, "All at once.")[-1]["response"]

    async def scene() -> None:
        async with socketed(tmp_path, lambda _: reply(json.dumps(whole).encode())) as (_, client):
            await client.send(create([USER]))
            told = await answer(client)
            assert [one["type"] for one in told] == [
                "response.created", "response.output_item.added", "response.output_item.done", "response.completed",
            ]  # fmt: skip
            assert told[-1]["response"] == whole
            assert [one["sequence_number"] for one in told] == [0, 1, 2, 3]

    run(scene())


def test_a_client_that_leaves_ends_what_it_asked_for(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path, lambda _: (streamed(sse(events(1, "x")[:2]))[:-7], b"")) as (one, client):
            await client.send(create([USER]))
            await client.recv()
            one.own.lost.clear()
            client.transport.abort()
            await until(lambda: one.door.metrics.aborted == 1)
            assert one.door.metrics.in_flight == 0

    run(scene())


def test_a_close_is_answered_with_its_code(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            await client.send(create([USER]))
            await client.close(4000, "enough")
            assert (client.close_code, client.close_reason) == (4000, "enough")
            await until(lambda: one.door.metrics.open_connections == 1 and one.door.metrics.in_flight == 0)

    run(scene())


@pytest.mark.parametrize(("data", "code"), [(b"bytes", 1003), ("x" * 3000, 1009)])
def test_what_is_no_message_closes_the_connection(tmp_path: Path, data: str | bytes, code: int) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            one.door.limits = type(one.door.limits)(max_buffered_body=2000)
            await client.send(data)
            with pytest.raises(ConnectionClosedError):
                await client.recv()
            assert client.close_code == code

    run(scene())


def test_a_stop_lets_a_running_answer_end_and_says_goodbye(tmp_path: Path) -> None:
    async def scene() -> None:
        whole = streamed(sse(events(1, "x")))
        async with socketed(tmp_path, lambda _: (whole[:300], whole[300:])) as (one, client):
            idle = await connect(f"ws://127.0.0.1:{one.port}/v1/responses", proxy=None)
            await client.send(create([USER]))
            await client.recv()
            one.client.writer.close()
            draining = asyncio.ensure_future(one.door.drain(5.0))
            with pytest.raises(ConnectionClosed):
                await idle.recv()
            assert idle.close_code == 1001
            assert (await answer(client))[-1]["type"] == "response.completed"
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1001
            await draining

    run(scene())


def test_a_client_that_says_nothing_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with socketed(tmp_path) as (one, client):
            one.door.timeouts = type(one.door.timeouts)(keepalive_s=0.1, linger_s=0.2)
            await asyncio.sleep(0.8)
            await client.send(create([USER]))
            assert (await answer(client))[-1]["type"] == "response.completed", "it answered, so it was left alone"
            client.transport.pause_reading()
            await until(lambda: one.door.metrics.open_connections == 1, 5.0)
            client.transport.abort()

    run(scene())


def test_a_slow_client_holds_its_provider_back(tmp_path: Path) -> None:
    delta = {"type": "response.output_text.delta", "delta": "x" * 100_000}
    body = sse([delta] * 400)

    async def scene() -> None:
        sent = 0

        async def script(upstream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await upstream.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body))
            for at in range(0, len(body), 100_000):
                writer.write(body[at : at + 100_000])
                await writer.drain()
                sent = at

        async with socketed(tmp_path) as (one, client):
            one.own.script = script
            # The kernel's own buffers take some megabytes.
            client.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.transport.pause_reading()
            await client.send(create([USER]))
            await asyncio.sleep(1.0)
            assert 0 < sent < 0.8 * len(body), "not all of it is held in memory"
            client.transport.resume_reading()
            told = await answer(client)
            assert len(told) == 401
            assert told[-1]["error"]["code"] == "stream_incomplete"

    run(scene())


UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: proxy\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n%b\r\n"
)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    ("path", "version", "key", "more", "status"),
    [
        (b"/v1/responses", b"13", KEY, b"", b"101"),
        (b"/v1/responses", b"13", KEY, b"Origin: http://proxy\r\n", b"101"),
        (b"/v1/responses", b"13", KEY, b"Origin: https://evil.example\r\n", b"426"),
        (b"/v1/responses", b"8", KEY, b"", b"426"),
        (b"/v1/responses", b"13", b"short", b"", b"426"),
        (b"/v1/realtime", b"13", KEY, b"", b"426"),
        (b"/v1/chat/completions", b"13", KEY, b"", b"426"),
    ],
)
def test_an_upgrade_that_is_not_served_is_refused_as_ever(
    tmp_path: Path, path: bytes, version: bytes, key: bytes, more: bytes, status: bytes
) -> None:
    async def scene() -> None:
        async with two(tmp_path, ON) as one:
            await one.client.send(UPGRADE % (path, version, key, more))
            head = await one.client.reader.readuntil(b"\r\n\r\n")
            assert head.split(b" ")[1] == status
            if status == b"101":
                # The example of RFC 6455 section 1.3.
                assert field(head, b"sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            assert not one.own.received

    run(scene())


def test_without_the_setting_an_upgrade_is_refused(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "marker: never\n") as one:
            with pytest.raises(InvalidStatus) as caught:
                await connect(f"ws://127.0.0.1:{one.port}/v1/responses", additional_headers=HEADERS, proxy=None)
            assert caught.value.response.status_code == 426

    run(scene())


def test_a_message_may_be_routed_to_a_provider_of_another_wire(tmp_path: Path) -> None:
    text = ON + "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: anthropic, api_key_env: PROV_KEY, header: x-api-key}\n"

    async def scene() -> None:
        async with (
            two(tmp_path, text, {"PROV_KEY": "server-key"}) as one,
            connect(f"ws://127.0.0.1:{one.port}/v1/responses", additional_headers=HEADERS, proxy=None) as client,
        ):
            said = [USER]
            for _ in range(2):
                await client.send(create(said, model="prov:claude-x"))
                told = await answer(client)
                assert told[0]["type"] == "response.created"
                assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Good day."
                said = [*said, *told[-1]["response"]["output"], USER]
            assert len(one.other.received) == 2
            assert field(one.other.received[0].head, b"x-api-key") == b"server-key"
            assert one.failures() == {}

    run(scene())


def test_a_request_is_sent_again_behind_the_clients_back(tmp_path: Path) -> None:
    """Retries, with comments in between, are the exchange's own: over a WebSocket there is nothing to be seen of them."""
    text = ON + "resilience: {retries: 2, backoff_s: 0.3, keep_alive_s: 0.1}\n"

    async def scene() -> None:
        good, busy = numbering(), [b'{"error":{"message":"Busy.","code":"busy"}}'] * 2

        def answers(received: Received) -> bytes:
            return reply(busy.pop(), status=b"503 Busy") if busy else good(received)

        async with socketed(tmp_path, answers, text) as (one, client):
            await client.send(create([USER]))
            told = await answer(client)
            assert [event["type"] for event in told][:2] == ["response.created", "response.output_item.added"]
            assert told[-1]["type"] == "response.completed"
            assert len(one.own.received) == 3
            busy += [b'{"error":{"message":"Busy.","code":"busy"}}'] * 3
            await client.send(create([USER]))
            told = await answer(client)
            assert told[-1]["type"] == "response.failed"
            assert "Busy." in told[-1]["response"]["error"]["message"]

    run(scene())


def test_memory_can_be_switched_off_for_a_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        async with (
            two(tmp_path, ON, answers=numbering()) as one,
            connect(f"ws://127.0.0.1:{one.port}/v1/responses", additional_headers={"X-VC-Memory": "off"}, proxy=None) as client,
        ):
            await client.send(create([USER]))
            await answer(client)
            assert not any(b"x-vc-" in got.head.lower() for got in one.own.received)
            assert not await stored(one, lambda store: list(store.conversations(None, 9)))

    run(scene())
