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


def body(stream: bool, system: str = "") -> bytes:
    leading = [{"role": "system", "content": system}] if system else []
    return json.dumps({"model": "m", "stream": stream, "messages": [*leading, {"role": "user", "content": "Hi"}]}).encode()


async def ask(house: PortHouse, stream: bool, status: int, answer: bytes, ended: str, system: str = "", *more: tuple[bytes, bytes]) -> str:
    plan = house.plan(Head("POST", "/v1/chat/completions", "", (*HEADERS, *more)), body(stream, system))
    assert isinstance(plan, Plan)
    tap = plan.tap
    assert tap is not None
    _, headers = tap.begin(status, STREAM if stream else HEADERS)
    tap.chunk(answer)
    if ended == "complete":
        tap.acknowledge()
    tap.over(ended, status, len(answer), len(answer))  # type: ignore[arg-type]
    return dict(headers).get(b"X-VC-Conversation", b"").decode()


def test_a_first_request_made_again_is_the_same_conversation(tmp_path: Path) -> None:
    async def work() -> None:
        engine = await Engine.open(Config.load({"storage.url": f"sqlite:///{tmp_path}/m.db"}, {}, tmp_path))
        house = PortHouse(engine.config, engine, "http://127.0.0.1:1", "")
        refused = await ask(house, True, 529, b"{}", "complete")
        broken = await ask(house, True, 200, BROKEN, "interrupted")
        whole = await ask(house, False, 200, WHOLE.encode(), "complete")
        assert not refused, "nothing is stored of a request that was refused"
        assert broken == whole
        again = await ask(house, False, 200, WHOLE.encode(), "complete")
        assert again != whole, "an answered request that comes again is somebody else's"
        engine.arrivals.drain()
        thread = engine.threads.held(whole) if engine.threads is not None else None
        assert thread is not None
        assert [turn.text for turn in thread.path] == ["Hi", "Hello!"]
        assert sorted(turn.text for turn in thread.by_id.values()) == ["Hel", "Hello!", "Hi"]
        await engine.close()

    asyncio.run(work())


def test_nobody_else_gets_a_conversation_that_broke_off(tmp_path: Path) -> None:
    """Another project, another agent, another key, another client: none of them has made that request."""

    async def work() -> None:
        engine = await Engine.open(Config.load({"storage.url": f"sqlite:///{tmp_path}/m.db"}, {}, tmp_path))
        house = PortHouse(engine.config, engine, "http://127.0.0.1:1", "")
        broken = await ask(house, True, 200, BROKEN, "interrupted")
        others = [
            await ask(house, True, 200, BROKEN, "interrupted", "", (b"X-VC-Project", b"beta")),
            await ask(house, True, 200, BROKEN, "interrupted", "You are another agent."),
            await ask(house, True, 200, BROKEN, "interrupted", "", (b"Authorization", b"Bearer another")),
            await ask(house, True, 200, BROKEN, "interrupted", "", (b"User-Agent", b"another")),
        ]
        assert len({broken, *others}) == 5
        assert await ask(house, False, 200, WHOLE.encode(), "complete") == broken
        await engine.close()

    asyncio.run(work())
