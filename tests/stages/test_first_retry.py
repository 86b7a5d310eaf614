"""A first request that is made again after it got no whole answer is no second conversation."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from backstory.app.engine import Engine
from backstory.app.house import PortHouse
from backstory.config import Config
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Plan

HEADERS: Headers = ((b"Content-Type", b"application/json"),)
STREAM: Headers = ((b"Content-Type", b"text/event-stream"),)
WHOLE = json.dumps({"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}]})
BROKEN = b'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'


def body(stream: bool) -> bytes:
    return json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}).encode()


async def ask(house: PortHouse, stream: bool, status: int, answer: bytes, ended: str) -> str:
    plan = house.plan(Head("POST", "/v1/chat/completions", "", HEADERS), body(stream))
    assert isinstance(plan, Plan)
    tap = plan.tap
    assert tap is not None
    _, headers = tap.begin(status, STREAM if stream else HEADERS)
    tap.chunk(answer)
    if ended == "complete":
        tap.acknowledge()
    tap.over(ended, status, len(answer), len(answer))  # type: ignore[arg-type]
    return dict(headers)[b"X-VC-Conversation"].decode()


def test_a_first_request_made_again_is_the_same_conversation(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(Config.load({"storage.url": f"sqlite:///{tmp_path}/m.db"}, {}, tmp_path))
        house = PortHouse(engine.config, engine, "http://127.0.0.1:1", "")
        refused = await ask(house, True, 529, b"{}", "complete")
        broken = await ask(house, True, 200, BROKEN, "interrupted")
        whole = await ask(house, False, 200, WHOLE.encode(), "complete")
        assert refused == broken == whole
        again = await ask(house, False, 200, WHOLE.encode(), "complete")
        assert again != whole, "an answered request that comes again is somebody else's"
        engine.arrivals.drain()
        thread = engine.threads.held(whole) if engine.threads is not None else None
        assert thread is not None
        assert [turn.text for turn in thread.path] == ["Hi", "Hello!"]
        assert sorted(turn.text for turn in thread.by_id.values()) == ["Hel", "Hello!", "Hi"]
        await engine.close()

    asyncio.run(work())
