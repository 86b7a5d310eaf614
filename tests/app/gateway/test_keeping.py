"""Clients of Responses that build on answers by their ids, at a provider that keeps none: across restarts, processes and forgettings."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import pytest
from msgspec import Raw
from msgspec.structs import replace

from backstory.app.house import PortHouse
from backstory.config.sections import Upstream
from backstory.core.translation import Odd, Piece, Refusal, Result, Said, Sight, Thought, Use, Words
from backstory.errors import DocumentError
from backstory.wires.kept import packed, unpacked
from tests.relay.world import Received
from tests.rig import Rig, chunked, post, reply, rig, said, settings, soon

P = ParamSpec("P")
PATH = "/v1/responses"
KEY = b"Authorization: Bearer sk-test"


def played(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Model:
    """A provider of Chat Completions that numbers its answers."""

    def __init__(self, stream: bool = False) -> None:
        self.stream = stream
        self.count = 0

    def __call__(self, received: Received) -> bytes | list[bytes]:
        self.count += 1
        body = said("openai_chat", f"Answer {self.count}.", self.count)
        if not self.stream:
            return reply(body)
        choice = {"index": 0, "delta": {"role": "assistant", "content": f"Answer {self.count}."}, "finish_reason": "stop"}
        data = json.dumps({"id": f"c_{self.count}", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})
        return chunked([f"data: {data}\n\n".encode(), b"data: [DONE]\n\n"])


@asynccontextmanager
async def world(folder: Path, stream: bool = False, **sections: dict[str, Any]) -> AsyncIterator[Rig]:
    config = replace(settings(folder, **sections), upstream=Upstream(wire="openai_chat"))
    async with rig(config, Model(stream)) as one:
        yield one


async def ask(one: Rig, text: str, previous: str = "", *headers: bytes, stream: bool = False, store: bool | None = None) -> tuple[int, Any]:
    body: dict[str, Any] = {"model": "m", "input": text, "stream": stream}
    body |= {"previous_response_id": previous} if previous else {}
    body |= {} if store is None else {"store": store}
    head, found = await one.ask(PATH, json.dumps(body).encode(), *(headers or (KEY,)))
    status = int(head.split(b" ")[1])
    if not stream or status != 200:
        return status, json.loads(found)
    last = [line for line in found.split(b"\n") if line.startswith(b"data: ")][-1]
    return status, json.loads(last[6:])["response"]


def sent(one: Rig) -> list[str]:
    return [message["content"] for message in json.loads(one.sent.body)["messages"]]


@pytest.mark.parametrize("stream", [False, True])
@played
async def test_a_client_goes_on_after_a_restart(tmp_path: Path, stream: bool) -> None:
    async with world(tmp_path, stream) as one:
        _, first = await ask(one, "one", stream=stream)
        _, second = await ask(one, "two", first["id"], stream=stream)
        await one.restart()
        status, third = await ask(one, "three", second["id"], stream=stream)
        assert status == 200
        assert sent(one) == ["one", "Answer 1.", "two", "Answer 2.", "three"]
        await one.restart()
        await ask(one, "other", first["id"], stream=stream)
        assert sent(one) == ["one", "Answer 1.", "other"]
        await ask(one, "four", third["id"], stream=stream)
        assert sent(one) == ["one", "Answer 1.", "two", "Answer 2.", "three", "Answer 3.", "four"]
        assert not one.failures()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", [b"", b"chatcmpl-7"])
@played
async def test_a_provider_whose_ids_come_again_mixes_no_conversations(tmp_path: Path, stream: bool, name: bytes) -> None:
    """Ollama draws an id from a thousand; others tell none."""
    model = Model(stream)

    def answer(received: Received) -> bytes | list[bytes]:
        given = model(received)
        if isinstance(given, list):
            return chunked([re.sub(rb'"id": "[^"]*"', b'"id": "%s"' % name, piece) for piece in (given[1], b"data: [DONE]\n\n")])
        body = json.loads(given.partition(b"\r\n\r\n")[2])
        return reply(json.dumps({**body, "id": name.decode()}).encode())

    async with rig(replace(settings(tmp_path), upstream=Upstream(wire="openai_chat")), answer) as one:
        _, first = await ask(one, "one", stream=stream)
        _, other = await ask(one, "uno", stream=stream)
        assert len({first["id"], other["id"]}) == 2
        status, _ = await ask(one, "two", first["id"], stream=stream)
        assert status == 200
        assert sent(one) == ["one", "Answer 1.", "two"]
        await ask(one, "due", other["id"], stream=stream)
        assert sent(one) == ["uno", "Answer 2.", "due"]


@played
async def test_items_of_stored_answers_are_found_again(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one")
        await one.restart()
        items = [{"type": "item_reference", "id": first["output"][0]["id"]}, {"role": "user", "content": "two"}]
        head, _ = await one.ask(PATH, json.dumps({"model": "m", "input": items}).encode(), KEY)
        assert head.startswith(b"HTTP/1.1 200")
        assert sent(one) == ["Answer 1.", "two"]


@played
async def test_another_process_goes_on_with_it(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one")
        assert one.engine.lanes is not None
        await one.engine.lanes.flush()
        async with world(tmp_path) as other:
            await ask(other, "two", first["id"])
            assert sent(other) == ["one", "Answer 1.", "two"]


@played
async def test_an_unknown_answer_is_refused_as_openai_refuses_it(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        status, body = await ask(one, "two", "resp_nothing")
        assert status == 400
        assert body["error"]["code"] == "previous_response_not_found"
        assert "previous_response_id" in body["error"]["message"]
        assert one.upstream.received == []
        _, first = await ask(one, "one")
        await one.restart()
        status, _ = await ask(one, "two", first["id"], b"Authorization: Bearer sk-other")
        assert status == 400, "another key has no such answer"


@played
async def test_what_is_not_to_be_stored_is_not(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one", store=False)
        assert (await ask(one, "two", first["id"]))[0] == 400
        _, off = await ask(one, "one", "", KEY, b"X-VC-Memory: off")
        assert (await ask(one, "two", off["id"], KEY, b"X-VC-Memory: off"))[0] == 200, "while the process lives"
        await one.restart()
        assert (await ask(one, "two", off["id"]))[0] == 400


@played
async def test_without_memory_answers_live_as_long_as_the_process(tmp_path: Path) -> None:
    async with world(tmp_path, memory={"enabled": False}) as one:
        _, first = await ask(one, "one")
        assert (await ask(one, "two", first["id"]))[0] == 200
        await one.restart()
        assert (await ask(one, "two", first["id"]))[0] == 400


@played
async def test_what_was_forgotten_is_not_built_on(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "My codeword is walrus-42.")
        _, second = await ask(one, "two", first["id"])
        _, other = await ask(one, "Something else.", "", KEY, b"x-session-id: other")
        lanes = one.engine._lanes
        assert lanes is not None
        await lanes.flush()
        conversation = await lanes.read(lambda store: store.alias("", f"response:{second['id']}"))
        assert conversation is not None
        await lanes.write(lambda store: store.forget("", conversation, now=one.engine._clock()))
        await one.engine._forgotten.look()
        for known in (first, second):
            status, body = await ask(one, "What is it?", known["id"])
            assert (status, body["error"]["code"]) == (400, "previous_response_not_found")
        assert (await ask(one, "And?", other["id"]))[0] == 200
        assert b"walrus" not in (tmp_path / "memory.db").read_bytes()


@played
async def test_an_answer_under_way_at_a_forgetting_is_not_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        house: PortHouse = one.house
        assert house._over._translating is not None
        keeping = house._over._translating._keeping
        keep = keeping.keeper("w", "", True)
        keeping.kept.clear()
        keep("resp_1", "", (), (Said("user", (Words("walrus"),)),), 10)
        assert keeping.kept.get("w", "resp_1") == ((), 0)
        assert not await keeping.load("w", ["resp_1"])


@played
async def test_a_refused_request_leaves_nothing_open(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one")
        await ask(one, "two", first["id"])
        body = {
            "model": "m",
            "input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_no_0"}],
            "previous_response_id": first["id"],
        }
        head, _ = await one.ask(PATH, json.dumps(body).encode(), KEY)
        assert head.startswith(b"HTTP/1.1 400")
        await soon(lambda: len(one.engine.visits) == 0)


@played
async def test_tokens_are_counted_with_what_is_built_on(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "word " * 500)
        await one.restart()
        body = json.dumps({"model": "m", "input": "two", "previous_response_id": first["id"]}).encode()
        head, found = await one.ask("/v1/responses/input_tokens", body, KEY)
        assert json.loads(found)["input_tokens"] > 500
        assert b"X-VC-Count: estimate" in head
        head, found = await one.ask("/v1/responses/input_tokens", body.replace(first["id"].encode(), b"resp_no"), KEY)
        assert json.loads(found)["error"]["code"] == "previous_response_not_found"


PIECES: tuple[Piece, ...] = (
    Words("ünï ✓", None, (Raw(b'{"url":"x"}'),)),
    Sight("image", "image/png", "AAAA"),
    Thought("Hm.", "seal", "gemini", id="rs_1"),
    Use("call_1", "look", '{"a":1}', sealed="s"),
    Result("call_1", "look", (Words("seen"), Sight("document", url="https://example.com/a.pdf"))),
    Refusal("No."),
    Odd("openai_responses", "web_search_call", Raw(b'{"type":"web_search_call","a":[1,2]}')),
)


def test_what_is_stored_comes_back_as_it_was() -> None:
    whole = (Said("user", PIECES[:2]), Said("assistant", PIECES[2:4]), Said("user", (PIECES[4],)), Said("assistant", PIECES[5:]))
    links = [packed(whole[:2]), packed(whole[2:])]
    assert packed(unpacked(links)) == packed(whole)
    with pytest.raises(DocumentError):
        packed((Said("user", (Words("\ud800"),)),))
    with pytest.raises(DocumentError):
        unpacked([b"[{"])


@played
async def test_a_damaged_row_is_as_good_as_none(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one")
        lanes = one.engine._lanes
        assert lanes is not None
        await lanes.flush()
        await lanes.write(lambda store: store._dialect.connection().run("UPDATE replies SET said = ?", (b"[{",)))  # type: ignore[attr-defined]
        await one.restart()
        assert (await ask(one, "two", first["id"]))[0] == 400
        assert one.failures() == {"replies": 1}


@played
async def test_many_requests_at_once_find_the_same_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        _, first = await ask(one, "one")
        await one.restart()

        async def again(number: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
            body = json.dumps({"model": "m", "input": f"two {number}", "previous_response_id": first["id"]}).encode()
            writer.write(post(one.upstream_port, PATH, body, KEY))
            line = await reader.readline()
            writer.close()
            return line

        assert set(await asyncio.gather(*map(again, range(8)))) == {b"HTTP/1.1 200 OK\r\n"}
