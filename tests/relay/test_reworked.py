"""A real door before a model that thinks and calls in its text: answers come as they are told, cuts lose nothing, and off means off."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Reply, Tools
from tests.relay.world import Received, client
from tests.rig import PATHS, Rig, asking, chunked, post, reply, rig, said, settings, soon

EACH = pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
_BLOCK = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'


def telling(wire: str, text: str) -> bytes:
    if wire == "openai_chat":
        return b"data: %b\n\n" % json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return b"event: content_block_delta\ndata: %b\n\n" % json.dumps(delta).encode()


def beginning(wire: str) -> bytes:
    start = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}}
    return b"" if wire == "openai_chat" else b"event: message_start\ndata: %b\n\n" % json.dumps(start).encode() + _BLOCK


ENDS = {
    "openai_chat": b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "anthropic": b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


def over(folder: Path, think: Literal["keep", "reasoning", "remove"] = "reasoning", virtual: str = "to_native") -> Config:
    return replace(settings(folder), reply=Reply(think_tags=think), tools=Tools(virtual=virtual))  # type: ignore[arg-type]


def ask(wire: str, stream: bool = True) -> bytes:
    schema = {"type": "object", "properties": {"cmd": {"type": "string"}}}
    tool: dict[str, Any] = {"name": "run", "input_schema": schema}
    more: dict[str, Any] = {"max_tokens": 100, "tools": [tool]}
    if wire == "openai_chat":
        more = {"tools": [{"type": "function", "function": {"name": "run", "parameters": schema}}]}
    return asking(wire, [("user", "Tell me.")], stream=stream, **more)


@EACH
def test_thoughts_and_words_come_as_they_are_told(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        parts = [beginning(wire) + telling(wire, "<think>One."), telling(wire, "Two.</think>Three."), ENDS[wire]]
        head, first, second, last, end = chunked(parts)

        async with rig(over(tmp_path), lambda _: [head, first]) as one:
            async with client(one.port) as asker:
                await asker.send(post(one.upstream_port, PATHS[wire], ask(wire)))
                got = b""
                while b"One." not in got:
                    got += await asyncio.wait_for(asker.reader.read(65536), 5)
                assert b"<think>" not in got
                one.upstream.writers[-1].write(second)
                while b"Three." not in got:
                    got += await asyncio.wait_for(asker.reader.read(65536), 5)
                one.upstream.writers[-1].write(last + end)
                while not got.endswith(b"0\r\n\r\n"):
                    got += await asyncio.wait_for(asker.reader.read(65536), 5)
            assert (b"thinking_delta" if wire == "anthropic" else b"reasoning_content") in got
            await soon(lambda: len(one.engine.visits) == 0)
            assert not one.failures()

    asyncio.run(work())


@EACH
def test_a_cut_gives_the_client_what_was_held(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        head, first, held, _, _ = chunked([beginning(wire) + telling(wire, "Text. "), telling(wire, "<run><cmd>held"), ENDS[wire]])

        def answer(_: Received) -> list[bytes]:
            asyncio.get_running_loop().call_later(0.05, one.upstream.writers[-1].close)
            return [head, first, held]

        async with rig(over(tmp_path), answer) as one:
            async with client(one.port) as leaver:
                await leaver.send(post(one.upstream_port, PATHS[wire], ask(wire)))
                got, _ = await leaver.rest()
            assert b"Text. " in got
            assert b"<run><cmd>held" in got
            assert not got.endswith(b"0\r\n\r\n")
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@EACH
@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"])
def test_what_is_not_looked_into_passes_as_it_came(tmp_path: Path, wire: str, coding: bytes) -> None:
    """Errors, with the length that they had, and bodies in a content coding."""
    status = b"200 OK" if coding else b"529 Overloaded"
    body = b'{"error":{"message":"<think>busy</think>"}}'
    whole = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (status, coding, len(body), body)

    async def work() -> None:
        async with rig(over(tmp_path), lambda _: whole) as one:
            head, got = await one.ask(PATHS[wire], ask(wire))
            assert got == body
            assert b"Content-Length: %d" % len(body) in head
            assert head.startswith(b"HTTP/1.1 " + status)
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


@EACH
def test_a_whole_answer_is_made_over(tmp_path: Path, wire: str) -> None:
    async def work() -> None:
        text = "<think>hm</think>\nFine.\n<run><cmd>ls</cmd></run>"
        async with rig(over(tmp_path), lambda _: reply(said(wire, text))) as one:
            head, got = await one.ask(PATHS[wire], ask(wire, stream=False))
            assert head.startswith(b"HTTP/1.1 200")
            assert b"<think>" not in got
            assert b"<run>" not in got
            assert b"tool_use" in got or b"tool_calls" in got
            await _idle(one)

    asyncio.run(work())


async def _idle(one: Rig) -> None:
    await soon(lambda: len(one.engine.visits) == 0)
    assert not one.failures()


def test_the_request_goes_up_as_the_client_wrote_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(over(tmp_path, virtual="auto"), lambda _: reply(said("openai_chat", "Fine."))) as one:
            body = ask("openai_chat").replace(b'"messages"', b' \n "messages"')
            await one.ask(PATHS["openai_chat"], body)
            assert one.upstream.received[-1].body == body
            assert b"identity" in one.upstream.received[-1].head.lower()
            await _idle(one)

    asyncio.run(work())


def test_off_loads_nothing_of_it() -> None:
    told = (
        "import sys, backstory.app.gateway.over as over, backstory.config as config; over.Over(config.Config(), None, None, None); "
        "print([name for name in sys.modules if 'rework' in name or name.endswith('.scan')])"
    )
    out = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert "backstory.wires" not in out.stdout
    assert "backstory.app.gateway.reworking" not in out.stdout
